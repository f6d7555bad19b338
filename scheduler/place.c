/* place.c - decisions: the least used group that may take a keep, and in it the first node with
 * room. While one demand is placed rooms only shrink, so nothing is looked at twice. */
#include "scheduler/place.h"

#include <stdlib.h>

#include "scheduler/shape.h"
#include "scheduler/tally.h"

/* How far a group was searched; everything before is full or has its share. */
struct cursor {
    uint32_t cell; /* index into the group's cells */
    uint32_t slot;
    uint32_t epoch;
};

struct run {
    struct fleet *f;
    const struct demand *d;
    struct shape *shape;
    struct room want;
    struct cursor *cursors;
    uint32_t epoch;                 /* grows when nodes that had their share may take more */
    uint32_t *count[PLACE_SPREADS]; /* keeps by value */
    uint32_t least[PLACE_SPREADS], at_least[PLACE_SPREADS]; /* the minimum, and how many have it */
    uint32_t node_skew;                                     /* 0: not spread over nodes */
    uint32_t node_least;                                    /* fewest keeps on a node that counts */
    uint64_t touched;                                       /* nodes that count and have keeps */
    VEC(uint32_t) node_hist;                                /* how many of those have i keeps */
    void *memory;
};

static void run_fini(struct run *r)
{
    free(r->memory);
    vec_fini(&r->node_hist);
}

static void find_least(struct run *r, size_t i)
{
    r->least[i] = UINT32_MAX;
    for (uint32_t v = 0; v < r->shape->values_n[i]; v++) {
        if (r->count[i][v] < r->least[i]) {
            r->least[i] = r->count[i][v];
            r->at_least[i] = 0;
        }
        r->at_least[i] += r->count[i][v] == r->least[i];
    }
}

static bool node_counts(const struct run *r, const struct node *n)
{
    return node_usable(n) && n->cell != CELL_NONE && shape_group(r->shape, n->cell) != GROUP_NONE;
}

/* One more keep of the workload on this node, for the spread over nodes. */
static bool count_node(struct run *r, uint32_t node)
{
    struct node *n = fleet_node(r->f, node);

    if (n->run != r->f->run) {
        n->run = r->f->run;
        n->run_keeps = 0;
    }
    n->run_keeps++;
    if (!node_counts(r, n))
        return true;
    while (r->node_hist.n <= n->run_keeps)
        if (!vec_push(&r->node_hist, 0))
            return false;
    r->node_hist.v[n->run_keeps]++;
    if (n->run_keeps == 1)
        r->touched++;
    else
        r->node_hist.v[n->run_keeps - 1]--;
    return true;
}

/* Brings node_least up to date. Counts only grow, so it does too. */
static void find_node_least(struct run *r)
{
    uint32_t least = r->node_least;

    if (r->touched < r->shape->cells.n || r->touched < shape_usable(r->f, r->shape))
        return; /* every cell has a usable node; some has no keep */
    while (least < r->node_hist.n && r->node_hist.v[least] == 0)
        least++;
    if (least == r->node_hist.n || least == r->node_least)
        return;
    r->node_least = least;
    r->epoch++;
}

static bool count_existing(struct run *r)
{
    struct fleet *f = r->f;
    char text[VALUE_TEXT];

    for (uint32_t k = workload_first_keep(f, r->d->workload); k != KEEP_NONE;
         k = f->keeps.v[k].next_of_workload) {
        uint32_t node = f->keeps.v[k].node;
        uint32_t group = fleet_node(f, node)->cell == CELL_NONE
                             ? GROUP_NONE
                             : shape_group(r->shape, fleet_node(f, node)->cell);

        if (f->keeps.v[k].ending)
            continue;
        if (r->node_skew > 0 && !count_node(r, node))
            return false;
        for (size_t i = 0; i < r->d->spread_n; i++) {
            void *had;

            if (spread_is_node(&r->d->spread[i]))
                continue;
            if (group != GROUP_NONE) {
                r->count[i][r->shape->groups.v[group].value[i]]++;
                continue;
            }
            if (!spread_value(f, r->d->spread[i].over, node, text))
                continue;
            had = map_get(&r->shape->values[i], bytes_str(text));
            if (had != NULL)
                r->count[i][(uintptr_t)had - 1]++;
        }
    }
    return true;
}

static void next_run(struct fleet *f)
{
    if (++f->run != 0)
        return;
    for (size_t i = 0; i < f->nodes.n; i++) /* once in 2^32 runs */
        f->nodes.v[i].run = 0;
    f->run = 1;
}

static bool run_init(struct run *r, struct fleet *f, const struct demand *d, int64_t now_ms,
                     struct err *e)
{
    size_t values = 0, groups;
    uint32_t *counts;

    *r = (struct run){.f = f, .d = d, .epoch = 1};
    r->shape = shape_get(f, d, e);
    if (r->shape == NULL)
        return false;
    groups = r->shape->groups.n;
    r->want.free = d->need;
    r->want.verified_at_ms = evidence_cutoff(d->rules, now_ms);
    for (size_t i = 0; i < d->spread_n; i++)
        values += r->shape->values_n[i];
    r->memory = calloc(1, groups * sizeof *r->cursors + values * sizeof *counts + 1);
    if (r->memory == NULL)
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a decision");
    r->cursors = r->memory;
    counts = (uint32_t *)(void *)(r->cursors + groups);
    for (size_t i = 0; i < d->spread_n; i++) {
        r->count[i] = counts;
        counts += r->shape->values_n[i];
        if (spread_is_node(&d->spread[i]) &&
            (r->node_skew == 0 || d->spread[i].max_skew < r->node_skew))
            r->node_skew = d->spread[i].max_skew;
    }
    next_run(f);
    if (!count_existing(r))
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a decision");
    for (size_t i = 0; i < d->spread_n; i++)
        find_least(r, i);
    return true;
}

/* Whether one keep more in this group leaves all its values within their skews. *load: how used. */
static bool group_may(const struct run *r, const struct group *g, uint64_t *load)
{
    *load = 0;
    for (size_t i = 0; i < r->d->spread_n; i++) {
        uint32_t have;

        if (r->shape->values_n[i] == 0)
            continue; /* over nodes */
        have = r->count[i][g->value[i]];
        if (have - r->least[i] >= r->d->spread[i].max_skew)
            return false;
        *load += have;
    }
    return true;
}

static bool node_has_share(const struct run *r, uint32_t node)
{
    const struct node *n = fleet_node(r->f, node);
    uint32_t have = n->run == r->f->run ? n->run_keeps : 0;

    return r->node_skew > 0 && have >= r->node_least && have - r->node_least >= r->node_skew;
}

/* The first node of the group that takes a keep, or NODE_NONE; the cursor stays at it. */
static uint32_t group_find(struct run *r, uint32_t group)
{
    const struct group *g = &r->shape->groups.v[group];
    struct cursor *c = &r->cursors[group];

    if (c->epoch != r->epoch)
        *c = (struct cursor){.epoch = r->epoch};
    for (; c->cell < g->n; c->cell++, c->slot = 0) {
        uint32_t cell = r->shape->cells.v[g->first + c->cell];

        while ((c->slot = cell_find(&r->f->cells, cell, c->slot, &r->want)) != SLOT_NONE) {
            uint32_t node = r->f->cells.v.v[cell].node[c->slot];

            if (!node_has_share(r, node))
                return node;
            c->slot++;
        }
    }
    return NODE_NONE;
}

static uint32_t decide(struct run *r, uint32_t *group)
{
    for (;;) {
        uint64_t best = UINT64_MAX, load;
        uint32_t node;

        *group = GROUP_NONE;
        for (uint32_t i = 0; i < r->shape->groups.n; i++) {
            const struct group *g = &r->shape->groups.v[i];
            const struct cursor *c = &r->cursors[i];

            if (c->epoch == r->epoch && c->cell >= g->n)
                continue; /* exhausted */
            if (group_may(r, g, &load) && load < best) {
                best = load;
                *group = i;
            }
        }
        if (*group == GROUP_NONE)
            return NODE_NONE;
        node = group_find(r, *group);
        if (node != NODE_NONE)
            return node;
    }
}

/* Enters the decision into the counts of the run and into the fleet. */
static bool take(struct run *r, uint32_t group, struct decision *v, struct err *e)
{
    const struct group *g = &r->shape->groups.v[group];
    struct node *n = fleet_node(r->f, v->node);

    if (r->node_skew > 0 && !count_node(r, v->node))
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a decision");
    for (size_t i = 0; i < r->d->spread_n; i++) {
        if (r->shape->values_n[i] == 0)
            continue;
        if (r->count[i][g->value[i]]++ == r->least[i] && --r->at_least[i] == 0)
            find_least(r, i);
    }
    if (r->node_skew > 0)
        find_node_least(r);
    if (v->keep != 0)
        return fleet_keep_put(
            r->f,
            &(struct keep_spec){
                .id = v->keep, .workload = r->d->workload, .node = v->node, .need = r->d->need},
            e);
    n->used.cpu_milli += r->d->need.cpu_milli; /* taken back at the end */
    n->used.memory += r->d->need.memory;
    n->used.tee_slots += r->d->need.tee_slots;
    node_refresh(r->f, v->node);
    return true;
}

/* Takes back trials, and with `all` the entered keeps too. */
static void take_back(struct fleet *f, const struct demand *d, struct decision *v, size_t count,
                      bool all)
{
    for (size_t i = count; i-- > 0;) {
        struct node *n;

        if (v[i].node == NODE_NONE)
            continue;
        if (v[i].keep != 0) {
            if (all)
                (void)fleet_keep_remove(f, v[i].keep);
            continue;
        }
        n = fleet_node(f, v[i].node);
        n->used.cpu_milli -= d->need.cpu_milli;
        n->used.memory -= d->need.memory;
        n->used.tee_slots -= d->need.tee_slots;
        node_refresh(f, v[i].node);
    }
}

bool demand_check(const struct demand *d, struct err *e)
{
    if (d->rules == NULL)
        return err_set(e, ERR_INPUT, "scheduler.no-rules", "a demand without rules");
    if (d->spread_n > PLACE_SPREADS)
        return err_set(e, ERR_LIMIT, "scheduler.spreads", "more than %d spreads", PLACE_SPREADS);
    for (size_t i = 0; i < d->spread_n; i++)
        if (d->spread[i].max_skew == 0)
            return err_set(e, ERR_INPUT, "scheduler.max-skew", "spread over %s: maxSkew is 0",
                           d->spread[i].over);
    if (d->need.cpu_milli > 1ull << 50 || d->need.memory > 1ull << 50 ||
        d->need.tee_slots > 1ull << 50)
        return err_set(e, ERR_LIMIT, "scheduler.keep-size", "no keep is that large");
    return true;
}

static bool run_all(struct run *r, struct decision *v, size_t count, struct placing *out,
                    struct err *e)
{
    uint32_t group;

    if (r->node_skew > 0)
        find_node_least(r);
    for (size_t i = 0; i < count; i++)
        v[i].node = NODE_NONE;
    for (size_t i = 0; i < count; i++) {
        v[i].node = decide(r, &group);
        if (v[i].node == NODE_NONE)
            break; /* the others are like it */
        if (!take(r, group, &v[i], e)) {
            v[i].node = NODE_NONE;
            take_back(r->f, r->d, v, i, true);
            return false;
        }
        out->placed++;
    }
    out->pending = (uint32_t)count - out->placed;
    return true;
}

bool place(struct fleet *f, const struct demand *d, int64_t now_ms, struct decision *v,
           size_t count, struct placing *out, struct err *e)
{
    struct placing done = {0};
    struct run r;
    bool ok;

    if (!demand_check(d, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (v[i].keep != 0 && u64_map_get(&f->keep_by_id, v[i].keep) != KEEP_NONE)
            return err_set(e, ERR_EXISTS, "scheduler.keep-exists", "a keep has this id already");
    ok = run_init(&r, f, d, now_ms, e) && run_all(&r, v, count, &done, e);
    if (ok && done.pending > 0)
        tally(f, d, r.want.verified_at_ms, done.tally);
    run_fini(&r);
    if (ok || done.placed > 0)
        take_back(f, d, v, count, !ok);
    if (ok)
        *out = done;
    return ok;
}
