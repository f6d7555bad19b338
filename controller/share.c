#include "controller/share.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "config/check.h"
#include "controller/access.h"
#include "controller/reconcile.h"
#include "controller/txn.h"

struct namespace
{
    char name[NAME_MAX_LEN + 1];
    uint32_t index;
};

struct shares {
    struct map by_name; /* of struct namespace */
    VEC(struct queue_use) use;
    bool reserve_short; /* as was said last */
};

bool share_init(struct state *st, struct err *e)
{
    st->shares = calloc(1, sizeof *st->shares);
    if (st->shares == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    map_init(&st->shares->by_name, st->workloads.seed);
    return true;
}

void share_fini(struct state *st)
{
    struct namespace *n;

    if (st->shares == NULL)
        return;
    for (size_t i = 0; (n = map_next(&st->shares->by_name, &i)) != NULL;)
        free(n);
    map_fini(&st->shares->by_name);
    vec_fini(&st->shares->use);
    free(STEAL(st->shares));
}

static uint32_t index_of(struct shares *s, const char *name)
{
    const char *ns = name[0] == '\0' ? "default" : name;
    struct namespace *n = map_get(&s->by_name, bytes_str(ns));

    if (n != NULL)
        return n->index;
    n = calloc(1, sizeof *n);
    BUG_ON(n == NULL || !str_copy(n->name, sizeof n->name, ns));
    n->index = (uint32_t)s->use.n;
    BUG_ON(!vec_push(&s->use, (struct queue_use){0}) ||
           !map_put(&s->by_name, bytes_str(n->name), n));
    return n->index;
}

uint32_t share_of(struct state *st, const struct workload *w)
{
    return index_of(st->shares, w->msg->metadata->namespace_);
}

const struct queue_use *share_use(const struct state *st, size_t *n)
{
    *n = st->shares->use.n;
    return st->shares->use.v;
}

void share_count(struct state *st, struct keep *k, bool holds)
{
    const Bailey__V1__Capacity *c = k->msg->spec->limits;
    struct queue_use *u;
    uint32_t index;
    uint64_t sign;

    if (k->counted == holds)
        return;
    k->counted = holds;
    index = index_of(st->shares, k->msg->metadata->namespace_); /* may make the array anew */
    u = &st->shares->use.v[index];
    sign = holds ? 1 : UINT64_MAX; /* modulo 2^64: what is taken away was added before */
    u->keeps += sign;
    u->used.cpu_milli += sign * c->cpu_milli;
    u->used.memory += sign * c->memory_bytes;
    u->used.tee_slots += sign * c->tee_slots;
    u->used.epc += sign * c->epc_bytes;
}

static const Bailey__V1__Quota *quota_of(const struct state *st, const char *ns)
{
    const Bailey__V1__ClusterSettings *s = settings_of(st);

    for (size_t i = 0; i < s->n_quotas; i++)
        if (strcmp(s->quotas[i]->namespace_, ns[0] == '\0' ? "default" : ns) == 0)
            return s->quotas[i];
    return NULL;
}

uint32_t share_room(struct state *st, const struct workload *w, uint32_t want, const char **what)
{
    const Bailey__V1__Quota *q = quota_of(st, w->msg->metadata->namespace_);
    struct quota most;
    uint32_t index;

    *what = NULL;
    if (q == NULL)
        return want;
    index = share_of(st, w);
    most = (struct quota){.most = {q->cpu_milli, q->memory_bytes, q->tee_slots, q->epc_bytes},
                          .keeps = q->keeps};
    return quota_room(&most, &st->shares->use.v[index], &w->demand.need, want, what);
}

const char *share_pending(const struct workload *w, char *out, size_t size)
{
    size_t n;

    if (w->over_quota == NULL)
        return placing_text(&w->last, out, size);
    (void)snprintf(out, size, "the quota of namespace %s leaves no more %s%s",
                   w->msg->metadata->namespace_[0] == '\0' ? "default"
                                                           : w->msg->metadata->namespace_,
                   w->over_quota, w->last.pending > 0 ? "; " : "");
    n = strlen(out);
    if (w->last.pending > 0 && n + 1 < size)
        (void)placing_text(&w->last, out + n, size - n);
    return out;
}

bool share_settings_check(const Bailey__V1__ClusterSettings *s, struct err *e)
{
    const char *strategy = s->placement == NULL ? "" : s->placement->strategy;

    if (s->n_quotas > QUOTAS_MAX)
        return err_set(e, ERR_LIMIT, "settings.too-many", "too many quotas"),
               err_field(e, "settings.quotas"), err_expected(e, "at most %d", QUOTAS_MAX);
    for (size_t i = 0; i < s->n_quotas; i++) {
        if (!name_check(s->quotas[i]->namespace_, "namespace", e))
            return err_field(e, "settings.quotas[%zu]", i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(s->quotas[i]->namespace_, s->quotas[j]->namespace_) == 0)
                return err_set(e, ERR_INPUT, "settings.quota-twice",
                               "two quotas for one namespace"),
                       err_field(e, "settings.quotas[%zu].namespace", i),
                       err_found(e, "%s", s->quotas[i]->namespace_);
    }
    if (strategy[0] != '\0' && strcmp(strategy, "pack") != 0 && strcmp(strategy, "spread") != 0)
        return err_set(e, ERR_INPUT, "settings.strategy", "no such strategy"),
               err_field(e, "settings.placement.strategy"), err_found(e, "%.40s", strategy),
               err_expected(e, "pack or spread");
    return true;
}

void share_settings_changed(struct state *st)
{
    const Bailey__V1__PlacementSettings *p = settings_of(st)->placement;

    fleet_scoring(st->fleet,
                  p != NULL && strcmp(p->strategy, "spread") == 0 ? SCORING_SPREAD : SCORING_PACK);
    fleet_reserve(st->fleet, p == NULL ? 0 : p->reserve);
    reconcile_capacity(st);
}

static uint64_t reserve(const struct state *st)
{
    const Bailey__V1__PlacementSettings *p = settings_of(st)->placement;

    return p == NULL ? 0 : p->reserve;
}

static bool is_short(const struct state *st, uint32_t class)
{
    return fleet_class_nodes(st->fleet, class) > 0 && fleet_class_facts(st->fleet, class) != NULL &&
           fleet_class_free(st->fleet, class) < reserve(st);
}

static void line(const struct state *st, uint32_t class, char *out, size_t size)
{
    char facts[200];

    (void)snprintf(out, size, "%s: %llu %s are free, the reserve is %llu",
                   facts_format(fleet_class_facts(st->fleet, class), facts, sizeof facts),
                   (unsigned long long)fleet_class_free(st->fleet, class),
                   fleet_class_counts_epc(st->fleet, class) ? "pages of enclave memory"
                                                            : "TEE slots",
                   (unsigned long long)reserve(st));
}

bool share_reserve_lines(const struct state *st, struct arena *a, char ***out, size_t *n)
{
    uint32_t limit = reserve(st) == 0 ? 0 : fleet_class_limit(st->fleet);

    *n = 0;
    *out = arena_array(a, limit + 1, sizeof **out);
    for (uint32_t c = 0; *out != NULL && c < limit; c++) {
        char text[300];

        if (!is_short(st, c))
            continue;
        line(st, c, text, sizeof text);
        (*out)[*n] = arena_strdup(a, text);
        if ((*out)[*n] == NULL)
            return false;
        ++*n;
    }
    return *out != NULL;
}

void share_reserve_watch(struct state *st)
{
    uint32_t limit = reserve(st) == 0 ? 0 : fleet_class_limit(st->fleet), classes = 0;
    char text[300] = "";

    for (uint32_t c = 0; c < limit; c++) {
        if (!is_short(st, c))
            continue;
        if (classes++ == 0)
            line(st, c, text, sizeof text);
    }
    if ((classes > 0) == st->shares->reserve_short)
        return;
    st->shares->reserve_short = classes > 0;
    if (classes > 0)
        event_add(st, NULL, "warning", "reserve.short", "controller", "%s%s", text,
                  classes > 1 ? "; and other classes: bailey status" : "");
    else
        event_add(st, NULL, "normal", "reserve.kept", "controller",
                  "every platform class keeps its reserve free");
}
