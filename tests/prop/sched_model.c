/* sched_model.c - see sched_model.h. */
#include "tests/prop/sched_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const vendors[] = {"amd", "intel"};
static const char *const generations[] = {"milan", "genoa", "turin"};
static const char *const sites[] = {"fra1", "ams2"};
static const char *const advisories[MODEL_ADVISORIES] = {"SB-1", "SB-2"};
static const char *const overs[] = {"node", "vendor", "generation", "site", "advisory"};
#define OVER_ADVISORY 4

static unsigned below(struct model *m, unsigned n)
{
    return (unsigned)prng_below(&m->r, n);
}

static void put_word(struct fact_words *w, const char *s)
{
    (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

static uint32_t publish(const struct model *m, struct fleet *f, unsigned i)
{
    static const uint8_t id[1] = {1};
    const struct model_node *n = &m->node[i];
    struct facts facts = {.assurance = ASSURANCE_HARDWARE, .advisories_known = n->advisories_known};
    struct label label = {"site", sites[n->site & 1]};
    char name[8];
    struct node_spec s = {.name = name,
                          .facts = n->verified ? &facts : NULL,
                          .capacity = n->capacity,
                          .labels = &label,
                          .labels_n = n->site < 2,
                          .connected = n->connected,
                          .cordoned = n->cordoned,
                          .eligible = n->eligible,
                          .verified_at_ms = n->verified_at_ms};
    uint32_t handle;

    (void)snprintf(name, sizeof name, "n%u", i);
    memcpy(facts.platform_id, id, sizeof id);
    facts.platform_id_n = 1;
    put_word(&facts.vendor, vendors[n->vendor]);
    put_word(&facts.technology, n->sgx ? "sgx" : "sev-snp");
    if (n->generation < 3)
        put_word(&facts.generation, generations[n->generation]);
    for (unsigned a = 0; a < MODEL_ADVISORIES && n->advisories_known; a++)
        if ((n->advisories >> a & 1) != 0)
            (void)snprintf(facts.advisory[facts.advisories_n++], FACT_WORD, "%s", advisories[a]);
    if (!fleet_node_put(f, &s, &handle, NULL))
        abort();
    return handle;
}

static void node_random(struct model *m, unsigned i)
{
    struct model_node *n = &m->node[i];
    bool skewed = m->kind == MODEL_SKEWED && below(m, 6) != 0;

    n->there = true;
    n->verified = below(m, 12) != 0;
    n->connected = below(m, 10) != 0;
    n->cordoned = below(m, 10) == 0;
    n->eligible = below(m, 12) != 0;
    n->sgx = !skewed && below(m, 5) == 0;
    n->vendor = skewed ? 0 : below(m, 2);
    n->generation = skewed ? 0 : below(m, 8) == 0 ? MODEL_NONE : below(m, 3);
    n->site = skewed ? 0 : below(m, 3);
    n->advisories_known = skewed || below(m, 4) != 0;
    n->advisories = below(m, 4);
    n->verified_at_ms = m->now_ms - (int64_t)below(m, 100);
    n->capacity =
        (struct resources){below(m, 5) * 100, below(m, 5) * 1000, below(m, 4), below(m, 4) * 4096};
    if (m->kind == MODEL_FRAGMENTED) {
        n->capacity = (struct resources){400, 4000, 4, 16384};
        switch (below(m, 3)) {
        case 0:
            n->capacity.cpu_milli = below(m, 2) * 100;
            break;
        case 1:
            n->capacity.memory = below(m, 2) * 500;
            break;
        default:
            n->capacity.tee_slots = below(m, 2);
            n->capacity.epc = below(m, 2) * 4096;
        }
    }
    n->handle = publish(m, m->f, i);
}

void model_start(struct model *m, uint64_t seed, enum model_kind kind)
{
    static const uint64_t key[2] = {21, 22};
    unsigned nodes;

    memset(m, 0, sizeof *m);
    prng_seed(&m->r, seed);
    m->kind = kind;
    m->now_ms = 1000;
    m->f = fleet_new(key);
    if (m->f == NULL)
        abort();
    if (below(m, 4) == 0)
        m->reserve = below(m, 4);
    fleet_reserve(m->f, m->reserve);
    nodes = 1 + below(m, MODEL_NODES);
    for (unsigned i = 0; i < nodes; i++)
        node_random(m, i);
}

void model_end(struct model *m)
{
    fleet_free(m->f);
}

static void keep_forget(struct model *m, unsigned k)
{
    if (m->keep[k].id != 0 && !fleet_keep_remove(m->f, m->keep[k].id))
        abort();
    m->keep[k].id = 0;
}

void model_change(struct model *m)
{
    unsigned i = below(m, MODEL_NODES), k = below(m, MODEL_KEEPS);
    struct model_node *n = &m->node[i];

    if (!n->there) {
        if (below(m, 3) == 0)
            node_random(m, i);
        return;
    }
    switch (below(m, 8)) {
    case 0:
        if (below(m, 3) != 0)
            break;
        fleet_node_remove(m->f, n->handle);
        n->there = false;
        for (unsigned j = 0; j < MODEL_KEEPS; j++)
            if (m->keep[j].node == i)
                m->keep[j].id = 0;
        break;
    case 1:
        node_random(m, i);
        break;
    case 2:
        fleet_node_connected(m->f, n->handle, n->connected = !n->connected);
        break;
    case 3:
        fleet_node_cordoned(m->f, n->handle, n->cordoned = !n->cordoned);
        break;
    case 4:
        m->now_ms += below(m, 20);
        fleet_node_verified(m->f, n->handle, n->verified_at_ms = m->now_ms);
        break;
    case 5:
        if (m->keep[k].id != 0)
            (void)fleet_keep_ending(m->f, m->keep[k].id, m->keep[k].ending = !m->keep[k].ending);
        break;
    default:
        keep_forget(m, k);
        keep_forget(m, (k + 7) % MODEL_KEEPS);
        break;
    }
}

static void random_spreads(struct model *m, struct model_demand *x)
{
    bool tight = m->kind == MODEL_TIGHT;

    x->d.spread = x->spread;
    x->d.spread_n = tight ? 3 : below(m, 4);
    for (unsigned i = 0; i < x->d.spread_n; i++) {
        unsigned over = below(m, 5);
        struct spread *s = &x->spread[i];

        *s = (struct spread){overs[over], tight ? 1 : below(m, 3), below(m, 3) * 34};
        if (over == OVER_ADVISORY)
            s->max_skew = 0;
        if (s->max_skew == 0 && s->max_share == 0)
            s->max_share = 50;
    }
}

void model_demand(struct model *m, struct model_demand *x)
{
    memset(x, 0, sizeof *x);
    x->refuses = below(m, 3) == 0;
    x->refused = below(m, 3);
    x->by_site = below(m, 4) == 0;
    x->site = below(m, 2);
    x->generation = generations[x->refused];
    x->refuse = (struct rule){.name = "refuse"};
    x->refuse.selector.generation = (struct selector_words){&x->generation, 1};
    x->rules.refuse = (struct rule_list){.v = &x->refuse, .n = x->refuses};
    x->rules.max_evidence_age_ms = below(m, 2) * 50;
    if (below(m, 2) == 0)
        rule_list_seal(&x->rules.refuse);
    x->label = (struct label){"site", sites[x->site]};
    x->d = (struct demand){
        .workload = 1 + below(m, MODEL_WORKLOADS),
        .rules = &x->rules,
        .need = {50 + below(m, 3) * 50, 500 + below(m, 3) * 500, below(m, 2), below(m, 3) * 2048},
        .labels = &x->label,
        .labels_n = x->by_site,
        .replicas = 1 + below(m, 6),
        .prefer = x->prefer,
        .prefer_n = below(m, 4) == 0 ? 1 + below(m, 2) : 0,
        .relations = x->relation,
        .relations_n = below(m, 3) == 0 ? 1 + below(m, 2) : 0,
        .exclusive = below(m, 8) == 0,
        .scoring = (enum scoring)below(m, 3),
        .may_use_reserve = below(m, 3) == 0};
    random_spreads(m, x);
    for (unsigned i = 0; i < x->d.prefer_n; i++) {
        x->wish[i] = (struct label){"site", sites[below(m, 2)]};
        x->prefer[i] = (struct preference){&x->wish[i], 1, (int32_t)below(m, 5) - 2};
    }
    for (unsigned i = 0; i < x->d.relations_n; i++)
        x->relation[i] = (struct relation){.workload = 1 + below(m, MODEL_WORKLOADS),
                                           .over = overs[below(m, 4)],
                                           .apart = below(m, 2) == 0};
}

/* The node's value, MODEL_NONE when it is unknown; not for advisories. */
static unsigned value_of(const struct model *m, unsigned node, const char *over)
{
    const struct model_node *n = &m->node[node];

    if (strcmp(over, "node") == 0)
        return node;
    if (strcmp(over, "site") == 0)
        return n->site < 2 ? n->site : MODEL_NONE;
    if (!n->verified)
        return MODEL_NONE;
    return strcmp(over, "vendor") == 0 ? n->vendor : n->generation;
}

static bool is_advisory(const char *over)
{
    return strcmp(over, overs[OVER_ADVISORY]) == 0;
}

/* By rules, labels, service and known values: what makes a node's values count. */
static bool counts(const struct model *m, const struct model_demand *x, unsigned node)
{
    const struct model_node *n = &m->node[node];

    if (!n->there || !n->verified || !n->connected || n->cordoned || !n->eligible)
        return false;
    if (x->refuses && (n->generation == MODEL_NONE || n->generation == x->refused))
        return false;
    if (x->by_site && n->site != x->site)
        return false;
    for (unsigned i = 0; i < x->d.spread_n; i++)
        if (!is_advisory(x->spread[i].over) && value_of(m, node, x->spread[i].over) == MODEL_NONE)
            return false;
    for (unsigned i = 0; i < x->d.relations_n; i++)
        if (value_of(m, node, x->relation[i].over) == MODEL_NONE)
            return false;
    return true;
}

static uint64_t pages(uint64_t bytes)
{
    return (bytes + 4095) / 4096;
}

static bool has_room(const struct model *m, const struct model_demand *x, unsigned node)
{
    const struct model_node *n = &m->node[node];
    struct resources used = {0}, need = x->d.need;
    unsigned keeps = 0;

    for (unsigned i = 0; i < MODEL_KEEPS; i++) {
        const struct model_keep *k = &m->keep[i];

        if (k->id == 0 || k->node != node)
            continue;
        keeps++;
        if (k->exclusive)
            return false;
        used.cpu_milli += k->need.cpu_milli;
        used.memory += k->need.memory;
        used.tee_slots += k->need.tee_slots;
        used.epc += pages(k->need.epc);
    }
    if (x->d.exclusive && keeps > 0)
        return false;
    if (used.cpu_milli + need.cpu_milli > n->capacity.cpu_milli ||
        used.memory + need.memory > n->capacity.memory)
        return false;
    if (n->sgx)
        return pages(need.epc) == 0 || used.epc + pages(need.epc) <= n->capacity.epc / 4096;
    return need.tee_slots == 0 || used.tee_slots + need.tee_slots <= n->capacity.tee_slots;
}

static bool reserve_holds(const struct model *m, const struct model_demand *x, unsigned node)
{
    const struct model_node *n = &m->node[node];
    uint64_t need = n->sgx ? pages(x->d.need.epc) : x->d.need.tee_slots;

    return m->reserve == 0 || x->d.may_use_reserve ||
           fleet_class_free(m->f, fleet_node_view(m->f, n->handle).class) >= m->reserve + need;
}

static bool share_holds(const struct model *m, const struct model_demand *x, const struct spread *s,
                        unsigned node)
{
    uint64_t limit = (uint64_t)x->d.replicas * s->max_share / 100;
    unsigned unknown = 0, by[MODEL_ADVISORIES] = {0}, most = 0;
    const struct model_node *n = &m->node[node];

    for (unsigned i = 0; i < MODEL_KEEPS; i++) {
        const struct model_keep *k = &m->keep[i];
        const struct model_node *at = &m->node[k->node];

        if (k->id == 0 || k->ending || k->workload != x->d.workload)
            continue;
        if (!is_advisory(s->over)) {
            by[0] += value_of(m, k->node, s->over) == value_of(m, node, s->over);
        } else if (!at->verified || !at->advisories_known) {
            unknown++;
        } else {
            for (unsigned a = 0; a < MODEL_ADVISORIES; a++)
                by[a] += at->advisories >> a & 1;
        }
    }
    limit = limit == 0 ? 1 : limit;
    if (!is_advisory(s->over))
        return by[0] + 1 <= limit;
    if (n->advisories_known && n->advisories == 0)
        return true;
    for (unsigned a = 0; a < MODEL_ADVISORIES; a++)
        if ((!n->advisories_known || (n->advisories >> a & 1) != 0) && by[a] > most)
            most = by[a];
    return most + unknown + 1 <= limit;
}

static bool skew_holds(const struct model *m, const struct model_demand *x, const struct spread *s,
                       unsigned node)
{
    unsigned have[MODEL_NONE + 1] = {0}, least = ~0u;
    bool domain[MODEL_NONE + 1] = {false};

    for (unsigned i = 0; i < MODEL_KEEPS; i++)
        if (m->keep[i].id != 0 && !m->keep[i].ending && m->keep[i].workload == x->d.workload)
            have[value_of(m, m->keep[i].node, s->over)]++;
    for (unsigned i = 0; i < MODEL_NODES; i++)
        if (counts(m, x, i))
            domain[value_of(m, i, s->over)] = true;
    for (unsigned v = 0; v < MODEL_NONE; v++)
        if (domain[v] && have[v] < least)
            least = have[v];
    return have[value_of(m, node, s->over)] + 1 <= least + s->max_skew;
}

static bool relation_holds(const struct model *m, const struct model_demand *x,
                           const struct relation *r, unsigned node)
{
    unsigned counted = 0, here = 0;

    for (unsigned i = 0; i < MODEL_KEEPS; i++) {
        const struct model_keep *k = &m->keep[i];

        if (k->id == 0 || k->workload != r->workload || (k->ending && !r->apart))
            continue;
        counted++;
        here += value_of(m, k->node, r->over) == value_of(m, node, r->over);
    }
    if (r->apart)
        return here == 0;
    return here > 0 || (r->workload == x->d.workload && counted == 0);
}

bool model_allows(const struct model *m, const struct model_demand *x, unsigned node)
{
    const struct model_node *n = &m->node[node];
    int64_t age = x->rules.max_evidence_age_ms;

    if (!counts(m, x, node) || !has_room(m, x, node) || !reserve_holds(m, x, node))
        return false;
    if (age > 0 && n->verified_at_ms < m->now_ms - age)
        return false;
    for (unsigned i = 0; i < x->d.spread_n; i++) {
        const struct spread *s = &x->spread[i];

        if (s->max_share > 0 && !share_holds(m, x, s, node))
            return false;
        if (s->max_skew > 0 && !skew_holds(m, x, s, node))
            return false;
    }
    for (unsigned i = 0; i < x->d.relations_n; i++)
        if (!relation_holds(m, x, &x->relation[i], node))
            return false;
    return true;
}

int64_t model_score(const struct model *m, const struct model_demand *x, unsigned node)
{
    int64_t score = 0;

    for (unsigned i = 0; i < x->d.prefer_n; i++)
        if (m->node[node].site < 2 && strcmp(sites[m->node[node].site], x->wish[i].value) == 0)
            score += x->prefer[i].weight;
    return score;
}

unsigned model_node_of(const struct model *m, uint32_t handle)
{
    for (unsigned i = 0; i < MODEL_NODES; i++)
        if (m->node[i].there && m->node[i].handle == handle)
            return i;
    return MODEL_NONE;
}

unsigned model_room(const struct model *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MODEL_KEEPS; i++)
        n += m->keep[i].id == 0;
    return n;
}

bool model_book(struct model *m, const struct model_demand *x, uint64_t id, unsigned node)
{
    for (unsigned i = 0; i < MODEL_KEEPS; i++)
        if (m->keep[i].id == 0) {
            m->keep[i] = (struct model_keep){.id = id,
                                             .workload = x->d.workload,
                                             .node = node,
                                             .need = x->d.need,
                                             .exclusive = x->d.exclusive};
            return true;
        }
    return false;
}

struct fleet *model_rebuild(const struct model *m, uint32_t node_of[MODEL_NODES])
{
    static const uint64_t key[2] = {31, 32};
    struct fleet *f = fleet_new(key);

    if (f == NULL)
        abort();
    fleet_reserve(f, m->reserve);
    for (unsigned i = 0; i < MODEL_NODES; i++)
        node_of[i] = m->node[i].there ? publish(m, f, i) : NODE_NONE;
    for (unsigned i = 0; i < MODEL_KEEPS; i++) {
        const struct model_keep *k = &m->keep[i];

        if (k->id != 0 && !fleet_keep_put(f,
                                          &(struct keep_spec){.id = k->id,
                                                              .workload = k->workload,
                                                              .node = node_of[k->node],
                                                              .need = k->need,
                                                              .ending = k->ending,
                                                              .exclusive = k->exclusive},
                                          NULL))
            abort();
    }
    return f;
}
