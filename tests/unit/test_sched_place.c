/* Placing against a brute-force model: after any sequence of events every decision is one that the
 * model allows, and "none" means that the model allows none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rand.h"
#include "scheduler/place.h"

#define NODES 24
#define KEEPS 64
#define WORKLOADS 3

static const char *const vendors[] = {"amd", "intel"};
static const char *const generations[] = {"milan", "genoa", "turin"};
static const char *const sites[] = {"fra1", "ams2", NULL};

/* The model's own copy of everything. */
struct model_node {
    bool there, verified, unknown_generation, connected, cordoned, eligible, masked;
    unsigned vendor, generation, site, id;
    uint32_t firmware, handle;
    int64_t verified_at_ms;
    struct resources capacity;
    char name[16];
};

struct model_keep {
    uint64_t id; /* 0: none */
    uint64_t workload;
    unsigned node;
    struct resources need;
    bool ending;
};

struct model {
    struct prng r;
    struct fleet *f;
    struct model_node node[NODES];
    struct model_keep keep[KEEPS];
    uint64_t ids;
    int64_t now_ms;
};

/* What a random demand asks, in the model's words. */
struct wish {
    bool only_vendor, refuse_generation, by_site, name_platform, accept_platform;
    unsigned vendor, generation, site, id;
    uint32_t firmware;
    int64_t max_age_ms;
    struct resources need;
    uint64_t workload;
    uint32_t skew[4]; /* vendor, generation, site, node; 0: none */
};

static unsigned below(struct model *m, unsigned n)
{
    return (unsigned)prng_below(&m->r, n);
}

static void put_word(struct fact_words *w, const char *s)
{
    (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

static void node_put(struct model *m, unsigned i)
{
    struct model_node *n = &m->node[i];
    struct facts facts = {.assurance = ASSURANCE_HARDWARE};
    struct label label = {"site", sites[n->site]};
    struct node_spec spec = {.name = n->name,
                             .facts = n->verified ? &facts : NULL,
                             .capacity = n->capacity,
                             .labels = &label,
                             .labels_n = sites[n->site] != NULL,
                             .connected = n->connected,
                             .cordoned = n->cordoned,
                             .eligible = n->eligible,
                             .verified_at_ms = n->verified_at_ms};

    put_word(&facts.vendor, vendors[n->vendor]);
    if (!n->unknown_generation)
        put_word(&facts.generation, generations[n->generation]);
    facts.firmware = (struct fact_version){.n = 2, .part = {1, n->firmware}};
    facts.platform_id_n = n->masked ? 0 : 8;
    facts.platform_id[0] = (uint8_t)n->id;
    assert_true(fleet_node_put(m->f, &spec, &n->handle, NULL));
}

static void node_random(struct model *m, unsigned i)
{
    struct model_node *n = &m->node[i];

    (void)snprintf(n->name, sizeof n->name, "n%u", i);
    n->there = true;
    n->verified = below(m, 10) != 0;
    n->unknown_generation = below(m, 8) == 0;
    n->connected = below(m, 8) != 0;
    n->cordoned = below(m, 8) == 0;
    n->eligible = below(m, 10) != 0;
    n->masked = below(m, 6) == 0;
    n->vendor = below(m, 2);
    n->generation = below(m, 3);
    n->site = below(m, 3);
    n->id = i;
    n->firmware = below(m, 3);
    n->verified_at_ms = m->now_ms - (int64_t)below(m, 100);
    n->capacity = (struct resources){below(m, 5) * 100, below(m, 5) * 1000, below(m, 4), 0};
    node_put(m, i);
}

static bool allowed_by_rules(const struct model_node *n, const struct wish *w)
{
    if (!n->verified)
        return false;
    if (w->name_platform && (n->masked || n->id == w->id))
        return false; /* refused, or it cannot be known */
    if (w->refuse_generation && (n->unknown_generation || n->generation == w->generation))
        return false;
    if (w->accept_platform)
        return !n->masked && n->id == w->id;
    return (!w->only_vendor || n->vendor == w->vendor) && n->firmware >= w->firmware;
}

static bool counts(const struct model_node *n, const struct wish *w)
{
    if (!n->there || !allowed_by_rules(n, w) || !n->connected || n->cordoned || !n->eligible)
        return false;
    if (w->by_site && n->site != w->site)
        return false;
    return !(w->skew[1] > 0 && n->unknown_generation) && !(w->skew[2] > 0 && n->site == 2);
}

static unsigned value_of(const struct model *m, unsigned node, unsigned over)
{
    const struct model_node *n = &m->node[node];

    switch (over) {
    case 0:
        return n->vendor;
    case 1:
        return n->unknown_generation ? NODES : n->generation;
    case 2:
        return n->site == 2 ? NODES : n->site;
    default:
        return node;
    }
}

/* A node may hold more than it has; a keep that needs nothing of that still fits. */
static bool lacks(uint64_t used, uint64_t need, uint64_t capacity)
{
    return need > 0 && used + need > capacity;
}

/* The model's verdict on one keep more of this wish on this node. */
static bool allowed(const struct model *m, const struct wish *w, unsigned node)
{
    const struct model_node *n = &m->node[node];
    struct resources used = {0};

    if (!counts(n, w) || (w->max_age_ms > 0 && n->verified_at_ms < m->now_ms - w->max_age_ms))
        return false;
    for (unsigned i = 0; i < KEEPS; i++)
        if (m->keep[i].id != 0 && m->keep[i].node == node) {
            used.cpu_milli += m->keep[i].need.cpu_milli;
            used.memory += m->keep[i].need.memory;
            used.tee_slots += m->keep[i].need.tee_slots;
        }
    if (lacks(used.cpu_milli, w->need.cpu_milli, n->capacity.cpu_milli) ||
        lacks(used.memory, w->need.memory, n->capacity.memory) ||
        lacks(used.tee_slots, w->need.tee_slots, n->capacity.tee_slots))
        return false;
    for (unsigned over = 0; over < 4; over++) {
        unsigned have[NODES + 1] = {0}, least = ~0u;
        bool in_domain[NODES + 1] = {false};

        if (w->skew[over] == 0)
            continue;
        for (unsigned i = 0; i < KEEPS; i++)
            if (m->keep[i].id != 0 && m->keep[i].workload == w->workload && !m->keep[i].ending &&
                m->node[m->keep[i].node].verified | (over >= 2))
                have[value_of(m, m->keep[i].node, over)]++;
        for (unsigned i = 0; i < NODES; i++)
            if (counts(&m->node[i], w))
                in_domain[value_of(m, i, over)] = true;
        for (unsigned v = 0; v < NODES; v++)
            if (in_domain[v] && have[v] < least)
                least = have[v];
        if (have[value_of(m, node, over)] + 1 > least + w->skew[over])
            return false;
    }
    return true;
}

static void wish_random(struct model *m, struct wish *w)
{
    *w = (struct wish){.only_vendor = below(m, 3) == 0,
                       .refuse_generation = below(m, 3) == 0,
                       .by_site = below(m, 4) == 0,
                       .name_platform = below(m, 5) == 0,
                       .accept_platform = below(m, 12) == 0,
                       .vendor = below(m, 2),
                       .generation = below(m, 3),
                       .site = below(m, 2),
                       .id = below(m, NODES),
                       .firmware = below(m, 2),
                       .max_age_ms = below(m, 2) * 50,
                       .workload = 1 + below(m, WORKLOADS)};
    w->need = (struct resources){50 + below(m, 3) * 50, 500 + below(m, 3) * 500, below(m, 2), 0};
    for (unsigned i = 0; i < 4; i++)
        w->skew[i] = below(m, 3) == 0 ? 1 + below(m, 2) : 0;
}

static unsigned node_of(const struct model *m, uint32_t handle)
{
    for (unsigned i = 0; i < NODES; i++)
        if (m->node[i].there && m->node[i].handle == handle)
            return i;
    fail_msg("a decision names a node that is not there");
    return 0;
}

static void check_one(struct model *m, const struct wish *w, const struct decision *v)
{
    if (v->node != NODE_NONE) {
        unsigned n = node_of(m, v->node);

        assert_true(allowed(m, w, n));
        for (unsigned i = 0; i < KEEPS; i++)
            if (m->keep[i].id == 0) {
                m->keep[i] = (struct model_keep){v->keep, w->workload, n, w->need, false};
                return;
            }
        fail_msg("the model is full");
    }
    for (unsigned i = 0; i < NODES; i++)
        assert_false(m->node[i].there && allowed(m, w, i));
}

static void check_obstacles(struct model *m, const struct wish *w, const struct demand *d)
{
    uint32_t tally[OBSTACLES] = {0}, there = 0;
    struct decision v = {0};
    struct placing p;
    bool any = false;

    for (unsigned i = 0; i < NODES; i++) {
        enum obstacle o;

        if (!m->node[i].there)
            continue;
        assert_true(place_obstacle(m->f, d, m->now_ms, m->node[i].handle, &o, NULL));
        assert_int_equal(o == OBSTACLE_NONE, allowed(m, w, i));
        any = any || o == OBSTACLE_NONE;
        tally[o]++;
        there++;
    }
    assert_true(place(m->f, d, m->now_ms, &v, 1, &p, NULL)); /* a trial changes nothing */
    assert_int_equal(v.node != NODE_NONE, any);
    if (v.node == NODE_NONE && there > 0)
        assert_memory_equal(p.tally, tally, sizeof tally);
}

static unsigned room_left(const struct model *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < KEEPS; i++)
        n += m->keep[i].id == 0;
    return n;
}

static void place_random(struct model *m)
{
    static const char *const overs[] = {"vendor", "generation", "site", "node"};
    struct wish w;
    struct selector_platform platform = {.n = 8};
    struct rule accept = {.name = "accept[0]"},
                refuse[2] = {{.name = "refuse"}, {.name = "refuse"}};
    struct rules rules = {.accept = {&accept, 1}, .refuse = {refuse, 0}};
    struct label label = {"site", NULL};
    struct spread spread[4];
    struct decision v[4] = {0};
    struct placing p;
    size_t count = 1 + below(m, 4);
    struct demand d = {.rules = &rules, .labels = &label, .spread = spread};

    wish_random(m, &w);
    if (room_left(m) < count)
        return;
    platform.id[0] = (uint8_t)w.id;
    accept.selector.firmware.n = 1;
    accept.selector.firmware.bound[0].op = COMPARE_GE;
    accept.selector.firmware.bound[0].part[0] = 1;
    accept.selector.firmware.bound[0].part[1] = w.accept_platform ? 0 : w.firmware;
    if (w.accept_platform) {
        accept.selector.platform = &platform;
        accept.selector.platform_n = 1;
    } else if (w.only_vendor) {
        accept.selector.vendor = (struct selector_words){&vendors[w.vendor], 1};
    }
    if (w.refuse_generation)
        refuse[rules.refuse.n++].selector.generation =
            (struct selector_words){&generations[w.generation], 1};
    if (w.name_platform) {
        refuse[rules.refuse.n].selector.platform = &platform;
        refuse[rules.refuse.n++].selector.platform_n = 1;
    }
    if (below(m, 2) == 0) {
        rule_list_seal(&rules.accept);
        rule_list_seal(&rules.refuse);
    }
    rules.max_evidence_age_ms = w.max_age_ms;
    d.workload = w.workload;
    d.need = w.need;
    label.value = sites[w.site];
    d.labels_n = w.by_site;
    for (unsigned i = 0; i < 4; i++)
        if (w.skew[i] > 0)
            spread[d.spread_n++] = (struct spread){overs[i], w.skew[i], 0};
    check_obstacles(m, &w, &d);
    for (size_t i = 0; i < count; i++)
        v[i].keep = ++m->ids;
    assert_true(place(m->f, &d, m->now_ms, v, count, &p, NULL));
    assert_int_equal(p.placed + p.pending, count);
    for (size_t i = 0; i < count; i++)
        check_one(m, &w, &v[i]);
}

static void forget(struct model *m, unsigned i)
{
    assert_true(fleet_keep_remove(m->f, m->keep[i].id));
    m->keep[i].id = 0;
}

static void change_random(struct model *m)
{
    unsigned i = below(m, NODES), k = below(m, KEEPS);
    struct model_node *n = &m->node[i];

    switch (below(m, 8)) {
    case 0:
        if (!n->there)
            break;
        fleet_node_remove(m->f, n->handle);
        n->there = false;
        for (unsigned j = 0; j < KEEPS; j++)
            if (m->keep[j].id != 0 && m->keep[j].node == i)
                m->keep[j].id = 0;
        break;
    case 1:
        node_random(m, i);
        break;
    case 2:
        if (n->there)
            fleet_node_connected(m->f, n->handle, n->connected = !n->connected);
        break;
    case 3:
        if (n->there)
            fleet_node_cordoned(m->f, n->handle, n->cordoned = !n->cordoned);
        break;
    case 4:
        m->now_ms += below(m, 20);
        if (n->there)
            fleet_node_verified(m->f, n->handle, n->verified_at_ms = m->now_ms);
        break;
    case 5:
        if (m->keep[k].id != 0)
            forget(m, k);
        break;
    case 6:
        if (m->keep[k].id == 0)
            break;
        m->keep[k].ending = true;
        assert_true(fleet_keep_put(m->f,
                                   &(struct keep_spec){.id = m->keep[k].id,
                                                       .workload = m->keep[k].workload,
                                                       .node = m->node[m->keep[k].node].handle,
                                                       .need = m->keep[k].need,
                                                       .ending = true},
                                   NULL));
        break;
    default:
        if (room_left(m) < 8)
            for (k = 0; k < KEEPS; k += 2)
                if (m->keep[k].id != 0)
                    forget(m, k);
        break;
    }
}

static void check_totals(const struct model *m)
{
    size_t keeps = 0, nodes = 0;

    for (unsigned i = 0; i < KEEPS; i++)
        keeps += m->keep[i].id != 0;
    for (unsigned i = 0; i < NODES; i++)
        nodes += m->node[i].there;
    assert_int_equal(fleet_keep_count(m->f), keeps);
    assert_int_equal(fleet_node_count(m->f), nodes);
    nodes = 0;
    for (uint32_t c = 0; c < fleet_class_limit(m->f); c++) {
        uint32_t n = 0;

        for (uint32_t i = NODE_NONE; (i = fleet_class_next(m->f, c, i)) != NODE_NONE; n++)
            assert_int_equal(fleet_node_view(m->f, i).class, c);
        assert_int_equal(n, fleet_class_nodes(m->f, c));
        nodes += n;
    }
    assert_int_equal(nodes, fleet_node_count(m->f));
}

static void test_model(void **state)
{
    static const uint64_t seed[2] = {1, 2};
    const char *rounds = getenv("BAILEY_PLACE_ROUNDS");
    unsigned last = rounds == NULL ? 60 : (unsigned)strtoul(rounds, NULL, 10);

    (void)state;
    for (unsigned round = 0; round < last; round++) {
        struct model m = {.now_ms = 1000};

        prng_seed(&m.r, round);
        m.f = fleet_new(seed);
        assert_non_null(m.f);
        for (unsigned i = 0; i < NODES; i++)
            if (below(&m, 3) != 0)
                node_random(&m, i);
        for (unsigned step = 0; step < 150; step++) {
            change_random(&m);
            place_random(&m);
        }
        check_totals(&m);
        fleet_free(m.f);
    }
}

/* More label keys than the index tells apart at once: every demand still finds its node. */
static void test_many_label_keys(void **state)
{
    enum { KEYS = 100 };
    static const uint64_t seed[2] = {1, 2};
    struct fleet *f = fleet_new(seed);
    struct facts facts = {.assurance = ASSURANCE_HARDWARE};
    struct rules rules = {0};
    uint32_t handle[KEYS];

    (void)state;
    assert_non_null(f);
    for (unsigned i = 0; i < KEYS; i++) {
        char name[16], key[16];
        struct label label = {key, "yes"};

        (void)snprintf(name, sizeof name, "n%u", i);
        (void)snprintf(key, sizeof key, "key%u", i);
        assert_true(fleet_node_put(f,
                                   &(struct node_spec){.name = name,
                                                       .facts = &facts,
                                                       .capacity = {1000, 1000, 10, 0},
                                                       .labels = &label,
                                                       .labels_n = 1,
                                                       .connected = true,
                                                       .eligible = true},
                                   &handle[i], NULL));
    }
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < KEYS; i++) {
            char key[16];
            struct label label = {key, "yes"};
            struct decision v = {.keep = 1 + round * KEYS + i};
            struct demand d = {.workload = 1 + i,
                               .rules = &rules,
                               .need = {300, 300, 1, 0},
                               .labels = &label,
                               .labels_n = 1};
            struct placing p;

            (void)snprintf(key, sizeof key, "key%u", i);
            assert_true(place(f, &d, 0, &v, 1, &p, NULL));
            assert_int_equal(v.node, handle[i]);
        }
    fleet_free(f);
}

/* After labels were forgotten the same bytes may name another cell: nothing old may be used. */
static void test_label_keys_change(void **state)
{
    static const uint64_t seed[2] = {1, 2};
    struct fleet *f = fleet_new(seed);
    struct facts facts = {.assurance = ASSURANCE_HARDWARE};
    struct rules rules = {0};
    struct label labels[3] = {{"zone", "fra1"}, {"site", "fra1"}, {"other", "x"}};
    uint32_t handle[3];

    (void)state;
    assert_non_null(f);
    for (unsigned i = 0; i < 3; i++) {
        const char *const names[] = {"b", "a", "c"};

        assert_true(fleet_node_put(f,
                                   &(struct node_spec){.name = names[i],
                                                       .facts = &facts,
                                                       .capacity = {1000, 1000, 10, 0},
                                                       .labels = &labels[i],
                                                       .labels_n = 1,
                                                       .connected = true,
                                                       .eligible = true},
                                   &handle[i], NULL));
    }
    for (unsigned round = 0; round < 200; round++) {
        char key[16];
        struct label filler = {key, "none"};
        struct decision v = {0};
        struct demand d = {.workload = 1, .rules = &rules, .labels = &filler, .labels_n = 1};
        struct placing p;
        unsigned i = round % 2;

        (void)snprintf(key, sizeof key, "filler%u", round);
        if (round % 3 == 0)
            assert_true(place(f, &d, 0, &v, 1, &p, NULL));
        d.labels = &labels[i];
        assert_true(place(f, &d, 0, &v, 1, &p, NULL));
        assert_int_equal(v.node, handle[i]);
    }
    fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model),
                                       cmocka_unit_test(test_many_label_keys),
                                       cmocka_unit_test(test_label_keys_change)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
