/* A workload's resources and wishes about place as the scheduler's demand. */
#include <stdio.h>

#include "config/quantity.h"
#include "controller/runtime_label.h"
#include "controller/state.h"

#define CPU_MILLI 100
#define MEMORY_BYTES (64u << 20)
#define NEIGHBOURS_MAX 8 /* of its own; as many again may name it */

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_LIMIT, "workload.too-large", "the workload's placement is too large");
}

static bool compile_resources(struct workload *w, struct err *e)
{
    const Bailey__V1__Resources *r = w->msg->spec->resources;
    struct resources *need = &w->demand.need;

    *need = (struct resources){.cpu_milli = CPU_MILLI, .memory = MEMORY_BYTES};
    if (r == NULL)
        return true;
    if (r->cpu[0] != '\0' && !cpu_parse(r->cpu, &need->cpu_milli, e))
        return err_field(e, "spec.resources.cpu");
    if (r->memory[0] != '\0' && !bytes_parse(r->memory, &need->memory, e))
        return err_field(e, "spec.resources.memory");
    if (r->epc[0] != '\0' && !bytes_parse(r->epc, &need->epc, e))
        return err_field(e, "spec.resources.epc");
    need->tee_slots = r->tee_slots;
    return true;
}

static bool too_many(size_t n, const char *field, unsigned most, struct err *e)
{
    return err_set(e, ERR_LIMIT, "workload.placement", "%s: there are %zu", field, n),
           err_field(e, "spec.placement.%s", field), err_expected(e, "at most %u", most);
}

static bool compile_spread(struct workload *w, const Bailey__V1__Placement *p, struct err *e)
{
    struct spread *v = arena_array(&w->arena, p->n_spread + 1, sizeof *v);

    if (p->n_spread > PLACE_SPREADS)
        return too_many(p->n_spread, "spread", PLACE_SPREADS, e);
    if (v == NULL)
        return no_memory(e);
    for (size_t i = 0; i < p->n_spread; i++) {
        const Bailey__V1__Spread *s = p->spread[i];

        v[i] = (struct spread){s->over, s->max_skew, s->max_share};
        if (s->max_skew == 0 && s->max_share == 0)
            v[i].max_skew = 1;
        if (v[i].max_skew > 0 && strcmp(s->over, "advisory") == 0)
            return err_set(e, ERR_INPUT, "workload.advisory-skew",
                           "a platform may have many advisories, so that evenness means nothing"),
                   err_field(e, "spec.placement.spread[%zu].%s", i,
                             s->max_skew > 0 ? "maxSkew" : "maxShare"),
                   err_expected(e, "maxShare and no maxSkew over advisory");
    }
    w->demand.spread = v;
    w->demand.spread_n = p->n_spread;
    return true;
}

static bool compile_prefer(struct workload *w, const Bailey__V1__Placement *p, struct err *e)
{
    struct preference *v = arena_array(&w->arena, p->n_prefer + 1, sizeof *v);

    if (p->n_prefer > PLACE_PREFERENCES)
        return too_many(p->n_prefer, "prefer", PLACE_PREFERENCES, e);
    if (v == NULL)
        return no_memory(e);
    for (size_t i = 0; i < p->n_prefer; i++) {
        const Bailey__V1__Preference *x = p->prefer[i];
        struct label *labels = arena_array(&w->arena, x->n_nodes + 1, sizeof *labels);

        if (labels == NULL)
            return no_memory(e);
        for (size_t k = 0; k < x->n_nodes; k++)
            labels[k] = (struct label){x->nodes[k]->key, x->nodes[k]->value};
        v[i] = (struct preference){labels, x->n_nodes, x->weight == 0 ? 1 : x->weight};
    }
    w->demand.prefer = v;
    w->demand.prefer_n = p->n_prefer;
    return true;
}

/* A runtime other than the one every node has is a label that node_publish() gives to nodes which
 * declare it: so a keep without such a node stays pending, and says so. */
static bool compile_runtime(struct workload *w, struct label *v, struct err *e)
{
    const Bailey__V1__Runtime *r = w->msg->spec->runtime;
    char key[64];

    if (r == NULL || r->kind[0] == '\0' || strcmp(r->kind, "sandbox") == 0)
        return true;
    (void)snprintf(key, sizeof key, RUNTIME_LABEL "%.40s", r->kind);
    v[w->demand.labels_n].key = arena_strdup(&w->arena, key);
    v[w->demand.labels_n].value = "works";
    return v[w->demand.labels_n++].key != NULL || no_memory(e);
}

static bool compile_labels(struct workload *w, const Bailey__V1__Placement *p, struct err *e)
{
    struct label *v = arena_array(&w->arena, (p == NULL ? 0 : p->n_nodes) + 1, sizeof *v);

    if (v == NULL)
        return no_memory(e);
    for (size_t i = 0; p != NULL && i < p->n_nodes; i++)
        v[i] = (struct label){p->nodes[i]->key, p->nodes[i]->value};
    w->demand.labels = v;
    w->demand.labels_n = p == NULL ? 0 : p->n_nodes;
    return compile_runtime(w, v, e);
}

static bool check_neighbours(const Bailey__V1__Placement *p, struct err *e)
{
    if (p->n_apart + p->n_together > NEIGHBOURS_MAX)
        return too_many(p->n_apart + p->n_together, "apart", NEIGHBOURS_MAX, e);
    for (size_t i = 0; i < p->n_apart + p->n_together; i++) {
        bool apart = i < p->n_apart;
        size_t at = apart ? i : i - p->n_apart;
        const Bailey__V1__Neighbour *x = apart ? p->apart[at] : p->together[at];

        if (strcmp(x->over, "advisory") == 0)
            return err_set(e, ERR_INPUT, "workload.neighbour-over", "neighbours over advisories"),
                   err_field(e, "spec.placement.%s[%zu].over", apart ? "apart" : "together", at),
                   err_expected(e, "node, vendor, generation or the name of a node label");
    }
    return true;
}

bool workload_compile_place(struct state *st, struct workload *w, struct err *e)
{
    const Bailey__V1__Placement *p = w->msg->spec->placement;

    w->relations = NULL; /* the arena is a new one */
    w->all_or_nothing = false;
    w->demand.replicas = w->msg->spec->replicas;
    if (!compile_resources(w, e) || !compile_labels(w, p, e))
        return false;
    if (p == NULL)
        return true;
    if (!compile_spread(w, p, e) || !compile_prefer(w, p, e) || !check_neighbours(p, e))
        return false;
    w->demand.priority = p->priority;
    w->demand.exclusive = p->exclusive;
    w->all_or_nothing = p->all_or_nothing;
    if (p->strategy[0] != '\0')
        w->demand.scoring = strcmp(p->strategy, "spread") == 0 ? SCORING_SPREAD : SCORING_PACK;
    st->related += p->n_apart + p->n_together;
    return true;
}

/* The workload that a neighbour of w means, or NULL: there is none now. */
static struct workload *neighbour(const struct state *st, const struct workload *w,
                                  const Bailey__V1__Neighbour *x)
{
    const char *slash = strchr(x->workload, '/');
    char ns[128];

    if (slash == NULL)
        return state_workload(st, w->msg->metadata->namespace_, x->workload);
    (void)snprintf(ns, sizeof ns, "%.*s", (int)(slash - x->workload), x->workload);
    return state_workload(st, ns, slash + 1);
}

static const char *over_of(const Bailey__V1__Neighbour *x)
{
    return x->over[0] == '\0' ? "node" : x->over;
}

static bool relate(struct relation *v, size_t *n, uint64_t workload, const char *over, bool apart,
                   struct err *e)
{
    if (*n == PLACE_RELATIONS)
        return err_set(e, ERR_LIMIT, "workload.neighbours",
                       "more than %d neighbours, those that name this workload included",
                       PLACE_RELATIONS);
    v[(*n)++] = (struct relation){.workload = workload, .over = over, .apart = apart};
    return true;
}

/* An unknown workload has no keeps: nothing to be apart from, and no place to be together. */
static bool relate_own(const struct state *st, const struct workload *w, struct relation *v,
                       size_t *n, struct err *e)
{
    const Bailey__V1__Placement *p = w->msg->spec->placement;
    const struct workload *other;

    for (size_t i = 0; p != NULL && i < p->n_apart; i++)
        if ((other = neighbour(st, w, p->apart[i])) != NULL &&
            !relate(v, n, other->id, over_of(p->apart[i]), true, e))
            return false;
    for (size_t i = 0; p != NULL && i < p->n_together; i++) {
        other = neighbour(st, w, p->together[i]);
        if (!relate(v, n, other == NULL ? 0 : other->id, over_of(p->together[i]), false, e))
            return false;
    }
    return true;
}

bool workload_relate(struct state *st, struct workload *w, struct err *e)
{
    struct relation v[PLACE_RELATIONS];
    const struct workload *other;
    size_t n = 0;

    w->demand.relations_n = 0;
    if (st->related == 0)
        return true;
    if (!relate_own(st, w, v, &n, e))
        return false;
    for (size_t i = 0; (other = map_next(&st->workloads, &i)) != NULL;) {
        const Bailey__V1__Placement *p = other->msg->spec->placement;

        for (size_t k = 0; p != NULL && other != w && k < p->n_apart; k++)
            if (neighbour(st, other, p->apart[k]) == w &&
                !relate(v, &n, other->id, over_of(p->apart[k]), true, e))
                return false;
    }
    if (n == 0)
        return true;
    if (w->relations == NULL)
        w->relations = arena_array(&w->arena, PLACE_RELATIONS, sizeof *w->relations);
    if (w->relations == NULL)
        return no_memory(e);
    memcpy(w->relations, v, n * sizeof *v);
    w->demand.relations = w->relations;
    w->demand.relations_n = n;
    return true;
}
