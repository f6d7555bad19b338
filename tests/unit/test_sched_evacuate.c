/* Evacuations: every move is one that placing allows at its turn, "stuck" means that no node takes
 * the keep, budgets bound the waves, and the fleet is afterwards as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/rand.h"
#include "scheduler/whatif.h"

#define NODES 20
#define WORKLOADS 6
#define KEEPS 40
#define NOW 1000

static const char *const vendors[] = {"amd", "intel"};
static const char *const generations[] = {"milan", "genoa", "turin"};
static const char *const sites[] = {"fra1", "ams2"};

struct world {
    struct prng r;
    struct fleet *f;
    uint32_t node[NODES];
    struct demand demand[WORKLOADS];
    struct rules rules[WORKLOADS];
    struct rule refuse[WORKLOADS];
    struct spread spread[WORKLOADS][2];
    struct evacuate_workload budget[WORKLOADS];
    char name[WORKLOADS][16];
    unsigned asked[WORKLOADS];
};

static unsigned below(struct world *w, unsigned n)
{
    return (unsigned)prng_below(&w->r, n);
}

static void put_word(struct fact_words *w, const char *s)
{
    (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

static void add_node(struct world *w, unsigned i)
{
    struct facts facts = {.assurance = ASSURANCE_HARDWARE};
    struct label label = {"site", sites[below(w, 2)]};
    char name[16];

    (void)snprintf(name, sizeof name, "n%u", i);
    put_word(&facts.vendor, vendors[below(w, 2)]);
    put_word(&facts.generation, generations[below(w, 3)]);
    assert_true(
        fleet_node_put(w->f,
                       &(struct node_spec){.name = name,
                                           .facts = &facts,
                                           .capacity = {200 + below(w, 3) * 100, 1000, 3, 0},
                                           .labels = &label,
                                           .labels_n = 1,
                                           .connected = below(w, 10) != 0,
                                           .eligible = true,
                                           .cordoned = below(w, 10) == 0},
                       &w->node[i], NULL));
}

static void make_demand(struct world *w, unsigned i)
{
    static const char *const overs[] = {"generation", "node", "site", "vendor"};
    struct demand *d = &w->demand[i];

    (void)snprintf(w->name[i], sizeof w->name[i], "ns/w%u", i);
    if (below(w, 2) == 0) {
        w->refuse[i].name = "spec.trust.refuse[0]";
        w->refuse[i].selector.generation = (struct selector_words){&generations[below(w, 3)], 1};
        w->rules[i].refuse = (struct rule_list){.v = &w->refuse[i], .n = 1};
        rule_list_seal(&w->rules[i].refuse);
    }
    *d = (struct demand){.workload = i + 1,
                         .name = w->name[i],
                         .rules = &w->rules[i],
                         .need = {50 + below(w, 3) * 50, 100, below(w, 2), 0},
                         .priority = (int32_t)below(w, 3),
                         .replicas = 8,
                         .spread = w->spread[i],
                         .spread_n = below(w, 3)};
    for (unsigned k = 0; k < d->spread_n; k++)
        w->spread[i][k] = (struct spread){overs[below(w, 4)], below(w, 2) * 2, 50};
    w->budget[i] = (struct evacuate_workload){
        .demand = d, .max_unavailable = below(w, 4), .missing = below(w, 2)};
}

static void make_world(struct world *w, uint64_t seed)
{
    static const uint64_t key[2] = {3, 4};

    memset(w, 0, sizeof *w);
    prng_seed(&w->r, seed);
    w->f = fleet_new(key);
    assert_non_null(w->f);
    for (unsigned i = 0; i < NODES; i++)
        add_node(w, i);
    for (unsigned i = 0; i < WORKLOADS; i++)
        make_demand(w, i);
    for (unsigned i = 0; i < KEEPS; i++) {
        const struct demand *d = &w->demand[below(w, WORKLOADS)];

        assert_true(fleet_keep_put(w->f,
                                   &(struct keep_spec){.id = i + 1,
                                                       .workload = d->workload,
                                                       .node = w->node[below(w, NODES)],
                                                       .need = d->need,
                                                       .ending = below(w, 8) == 0},
                                   NULL));
    }
}

static bool lookup(void *context, uint64_t workload, struct evacuate_workload *out)
{
    struct world *w = context;

    assert_in_range(workload, 1, WORKLOADS);
    assert_int_equal(w->asked[workload - 1]++, 0); /* once */
    if (workload == WORKLOADS)
        return false; /* it is not wanted any more */
    *out = w->budget[workload - 1];
    return true;
}

static uint64_t picture(const struct fleet *f)
{
    static const uint64_t key[2] = {1, 1};
    uint64_t h = 0;

    for (uint32_t i = NODE_NONE; (i = fleet_node_next(f, i)) != NODE_NONE;) {
        struct node_view v = fleet_node_view(f, i);
        uint64_t x[6] = {v.used.cpu_milli, v.used.memory,        v.used.tee_slots,
                         v.keeps,          (uint64_t)v.cordoned, (uint64_t)v.connected};
        struct keep_spec k;

        h = h * 31 + siphash13(key, (struct bytes){(const uint8_t *)x, sizeof x});
        for (uint32_t at = KEEP_NONE; fleet_node_keep(f, i, &at, &k);)
            h = h * 31 + k.id * 2 + k.ending;
    }
    for (uint32_t c = 0; c < fleet_class_limit(f); c++)
        h = h * 31 + fleet_class_free(f, c);
    return h;
}

static bool in_set(const struct evacuate_plan *p, uint32_t node)
{
    for (size_t i = 0; i < p->nodes; i++)
        if (p->node[i] == node)
            return true;
    return false;
}

static void set_random(struct world *w, struct evacuate_set *set, struct rule *rule,
                       struct rule_list *list, struct label *label)
{
    memset(set, 0, sizeof *set);
    *rule = (struct rule){.name = "revocation"};
    if (below(w, 3) == 0) {
        set->nodes = w->node;
        set->nodes_n = 1 + below(w, 5);
    }
    if (below(w, 3) == 0) {
        *label = (struct label){"site", sites[below(w, 2)]};
        set->labels = label;
        set->labels_n = 1;
    }
    if (set->nodes_n + set->labels_n == 0) {
        rule->selector.generation = (struct selector_words){&generations[below(w, 3)], 1};
        *list = (struct rule_list){.v = rule, .n = 1};
        rule_list_seal(list);
        set->platforms = list;
    }
}

/* Plays the moves in their order; what is stuck then must be stuck for every node. */
static void replay(struct world *w, const struct evacuate_plan *p)
{
    struct keep_spec k;

    for (size_t i = 0; i < p->nodes; i++) {
        fleet_node_cordoned(w->f, p->node[i], true);
        for (uint32_t at = KEEP_NONE; fleet_node_keep(w->f, p->node[i], &at, &k);)
            assert_true(fleet_keep_ending(w->f, k.id, true));
    }
    for (size_t i = 0; i < p->moves_n; i++) {
        const struct evacuate_move *m = &p->moves[i];
        enum obstacle o;

        assert_true(place_obstacle(w->f, &w->demand[m->workload - 1], NOW, m->to, &o, NULL));
        assert_int_equal(o, OBSTACLE_NONE);
        assert_false(in_set(p, m->to));
        assert_true(in_set(p, m->from));
        assert_true(fleet_keep_put(w->f,
                                   &(struct keep_spec){.id = 1000 + m->keep,
                                                       .workload = m->workload,
                                                       .node = m->to,
                                                       .need = w->demand[m->workload - 1].need},
                                   NULL));
    }
    for (size_t i = 0; i < p->stuck_n; i++)
        for (unsigned n = 0; n < NODES; n++) {
            enum obstacle o;

            assert_true(place_obstacle(w->f, &w->demand[p->stuck[i].workload - 1], NOW, w->node[n],
                                       &o, NULL));
            assert_int_not_equal(o, OBSTACLE_NONE);
        }
}

static void check_waves(const struct world *w, const struct evacuate_plan *p, uint32_t limit)
{
    for (uint32_t wave = 0; wave < p->waves; wave++) {
        uint32_t by[WORKLOADS] = {0}, all = 0;

        for (size_t i = 0; i < p->moves_n; i++) {
            by[p->moves[i].workload - 1] += p->moves[i].wave == wave;
            all += p->moves[i].wave == wave;
            assert_true(p->moves[i].wave < p->waves);
        }
        assert_true(all > 0 && (limit == 0 || all <= limit));
        for (unsigned i = 0; i < WORKLOADS; i++) {
            const struct evacuate_workload *b = &w->budget[i];
            uint32_t most = b->max_unavailable > b->missing ? b->max_unavailable - b->missing : 1;

            assert_true(by[i] <= most);
        }
    }
}

static void check_dark(const struct world *w, const struct evacuate_plan *p)
{
    for (unsigned i = 0; i + 1 < WORKLOADS; i++) {
        bool stuck = false, dark = false, left = false;
        struct keep_spec k;

        for (size_t s = 0; s < p->stuck_n; s++)
            stuck = stuck || p->stuck[s].workload == i + 1;
        for (size_t d = 0; d < p->dark_n; d++)
            dark = dark || p->dark[d] == i + 1;
        for (uint32_t at = KEEP_NONE; fleet_workload_keep(w->f, i + 1, &at, &k);)
            left = left || !k.ending; /* after the replay */
        assert_int_equal(dark, stuck && !left);
    }
}

static void test_random(void **state)
{
    size_t moves = 0, stuck = 0, dark = 0;

    (void)state;
    for (uint64_t round = 0; round < 400; round++) {
        struct world w;
        AUTO_ARENA struct arena a;
        struct evacuate_set set;
        struct rule rule;
        struct rule_list list;
        struct label label;
        struct evacuate_plan p, again;
        struct evacuate_options o = {.lookup = lookup, .context = &w, .now_ms = NOW};
        uint64_t before;

        make_world(&w, round);
        set_random(&w, &set, &rule, &list, &label);
        o.wave_limit = below(&w, 2) * 3;
        arena_init(&a, 1 << 20);
        before = picture(w.f);
        assert_true(evacuate(w.f, &set, &o, &a, &p, NULL));
        assert_true(picture(w.f) == before);
        memset(w.asked, 0, sizeof w.asked);
        assert_true(evacuate(w.f, &set, &o, &a, &again, NULL));
        assert_string_equal(p.digest, again.digest);
        assert_int_equal(p.moves_n, again.moves_n);
        if (p.moves_n > 0)
            assert_memory_equal(p.moves, again.moves, p.moves_n * sizeof *p.moves);
        assert_int_equal(p.keeps, p.moves_n + p.stuck_n + p.ending);
        check_waves(&w, &p, o.wave_limit);
        replay(&w, &p);
        check_dark(&w, &p);
        moves += p.moves_n;
        stuck += p.stuck_n;
        dark += p.dark_n;
        fleet_free(w.f);
    }
    print_message("%zu moves, %zu stuck, %zu dark\n", moves, stuck, dark);
    assert_true(moves > 1000 && stuck > 100 && dark > 0); /* the worlds were worth it */
}

/* One milan, one genoa too small: the reason and the digest say what they should. */
static void test_reason_and_digest(void **state)
{
    static const uint64_t key[2] = {3, 4};
    struct fleet *f = fleet_new(key);
    const char *milan = "milan";
    struct rule refuse = {.selector.generation = {&milan, 1}, .name = "spec.trust.refuse[0]"};
    struct world w = {.f = f};
    struct evacuate_plan p, q;
    AUTO_ARENA struct arena a;
    struct evacuate_options o = {.lookup = lookup, .context = &w};
    uint32_t gone;

    (void)state;
    assert_non_null(f);
    for (unsigned i = 0; i < 3; i++) {
        struct facts facts = {.assurance = ASSURANCE_HARDWARE};
        char name[8];

        (void)snprintf(name, sizeof name, "n%u", i);
        put_word(&facts.generation, i < 2 ? "milan" : "genoa");
        assert_true(fleet_node_put(f,
                                   &(struct node_spec){.name = name,
                                                       .facts = &facts,
                                                       .capacity = {1000, 1000, 3, 0},
                                                       .connected = true,
                                                       .eligible = true},
                                   &w.node[i], NULL));
    }
    w.rules[0].refuse = (struct rule_list){.v = &refuse, .n = 1};
    w.demand[0] = (struct demand){
        .workload = 1, .name = "ns/a", .rules = &w.rules[0], .need = {600, 100, 1, 0}};
    w.budget[0].demand = &w.demand[0];
    for (uint64_t id = 1; id <= 2; id++)
        assert_true(fleet_keep_put(
            f,
            &(struct keep_spec){
                .id = id, .workload = 1, .node = w.node[2], .need = w.demand[0].need},
            NULL));
    arena_init(&a, 1 << 20);
    gone = w.node[2];
    assert_true(
        evacuate(f, &(struct evacuate_set){.nodes = &gone, .nodes_n = 1}, &o, &a, &p, NULL));
    assert_int_equal(p.stuck_n, 2);
    assert_int_equal(p.dark_n, 1);
    assert_int_equal(p.stuck[0].obstacle, OBSTACLE_REFUSED);
    assert_string_equal(p.stuck[0].rule, "spec.trust.refuse[0]");
    assert_int_equal(p.stuck[0].tally->tally[OBSTACLE_REFUSED], 2);
    assert_true(fleet_keep_remove(f, 2));
    w.asked[0] = 0;
    assert_true(
        evacuate(f, &(struct evacuate_set){.nodes = &gone, .nodes_n = 1}, &o, &a, &q, NULL));
    assert_string_not_equal(p.digest, q.digest);
    assert_int_equal(q.classes_n, 2);
    fleet_free(f);
}

static bool lookup_again(void *context, uint64_t workload, struct evacuate_workload *out)
{
    struct world *w = context;

    w->asked[workload - 1] = 0;
    return lookup(context, workload, out);
}

/* Nodes as the answer names them, really added: then only the hopeless ones are stuck. */
static void test_what_if(void **state)
{
    size_t helped = 0, hopeless = 0;

    (void)state;
    for (uint64_t round = 0; round < 150; round++) {
        struct world w;
        AUTO_ARENA struct arena a;
        struct evacuate_set set;
        struct rule rule;
        struct rule_list list;
        struct label label;
        struct whatif x;
        struct evacuate_plan p;
        struct evacuate_options o = {.lookup = lookup_again, .context = &w, .now_ms = NOW};
        uint64_t before;

        make_world(&w, round);
        set_random(&w, &set, &rule, &list, &label);
        arena_init(&a, 1 << 22);
        before = picture(w.f);
        assert_true(whatif(w.f, &set, &o, &a, &x, NULL));
        assert_true(picture(w.f) == before);
        assert_int_equal(x.helped + x.hopeless, x.plan.stuck_n);
        for (size_t i = 0; i < x.extra_n; i++) {
            uint32_t like = fleet_node_find(w.f, x.extra[i].like);
            struct node_view v = fleet_node_view(w.f, like);
            struct facts facts;

            assert_false(in_set(&x.plan, like));
            assert_true(fleet_node_facts(w.f, like, &facts));
            assert_true(x.extra[i].nodes > 0 && x.extra[i].received >= x.extra[i].nodes);
            for (uint32_t n = 0; n < x.extra[i].nodes; n++) {
                char name[32];

                (void)snprintf(name, sizeof name, "new-%zu-%u", i, n);
                assert_true(fleet_node_put(w.f,
                                           &(struct node_spec){.name = name,
                                                               .facts = &facts,
                                                               .capacity = v.capacity,
                                                               .labels = v.labels,
                                                               .labels_n = v.labels_n,
                                                               .connected = true,
                                                               .eligible = true},
                                           NULL, NULL));
            }
        }
        assert_true(evacuate(w.f, &set, &o, &a, &p, NULL));
        if (x.extra_n > 0)
            assert_true(p.stuck_n < x.plan.stuck_n);
        helped += x.helped;
        hopeless += x.hopeless;
        fleet_free(w.f);
    }
    print_message("%zu helped, %zu hopeless\n", helped, hopeless);
    assert_true(helped > 50);
}

static void test_reserve_check(void **state)
{
    struct world w;
    AUTO_ARENA struct arena a;
    struct evacuate_options o = {.lookup = lookup_again, .context = &w, .now_ms = NOW};
    struct reserve_report r;
    uint64_t before;

    (void)state;
    make_world(&w, 11);
    arena_init(&a, 1 << 20);
    before = picture(w.f);
    assert_true(reserve_check(w.f, &o, &a, &r, NULL));
    assert_true(picture(w.f) == before);
    assert_int_equal(r.generations, 3);
    assert_true((r.stuck > 0) == (r.generation[0] != '\0'));
    fleet_free(w.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random), cmocka_unit_test(test_reason_and_digest),
        cmocka_unit_test(test_what_if), cmocka_unit_test(test_reserve_check)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
