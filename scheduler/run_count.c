/* run_count.c - the state of a run: who has how many keeps of the workload and of its relations. */
#include <stdlib.h>

#include "scheduler/run_int.h"
#include "scheduler/tally.h"

void run_find_least(struct run *r, size_t i)
{
    r->least[i] = UINT32_MAX;
    r->at_least[i] = 0;
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

bool run_count_node(struct run *r, uint32_t node)
{
    struct fleet *f = r->f;
    struct node *n = fleet_node(f, node);

    if (n->run != f->run) {
        n->run = f->run;
        n->run_keeps = 0;
    }
    n->run_keeps++;
    if (r->node_skew == 0 || !node_counts(r, n))
        return true;
    while (f->node_hist.n <= n->run_keeps)
        if (!vec_push(&f->node_hist, 0))
            return false;
    f->node_hist.v[n->run_keeps]++;
    if (n->run_keeps == 1)
        r->touched++;
    else
        f->node_hist.v[n->run_keeps - 1]--;
    return true;
}

/* Brings node_least up to date. Counts only grow, so it does too. */
void run_find_node_least(struct run *r)
{
    const struct fleet *f = r->f;
    uint32_t least = r->node_least;

    if (r->touched < r->shape->cells.n || r->touched < shape_usable(f, r->shape))
        return; /* every cell has a usable node; some has no keep */
    while (least < f->node_hist.n && f->node_hist.v[least] == 0)
        least++;
    if (least == f->node_hist.n || least == r->node_least)
        return;
    r->node_least = least;
    r->epoch++;
}

void run_count_set(struct run *r, size_t axis, uint32_t set)
{
    const struct shape *s = r->shape;

    for (uint32_t i = s->set_first.v[set]; i < s->set_first.v[set + 1]; i++)
        r->count[axis][s->set_member.v[i]]++;
}

/* A keep on a node that is not in the shape: only the advisories that others have matter. */
static void count_facets(struct run *r, size_t axis, const struct facts *facts)
{
    if (facts == NULL || !facts->advisories_known) {
        r->count[axis][0]++;
        return;
    }
    for (unsigned i = 0; i < facts->advisories_n; i++) {
        void *had = map_get(&r->shape->facets, bytes_str(facts->advisory[i]));

        if (had != NULL)
            r->count[axis][(uintptr_t)had]++;
    }
}

static void count_axis(struct run *r, size_t axis, uint32_t group, uint32_t node)
{
    char text[VALUE_TEXT];
    void *had;

    if (r->axis[axis] == AXIS_NODE)
        return;
    if (group != GROUP_NONE) {
        uint32_t v = r->shape->groups.v[group].value[axis];

        if (r->axis[axis] == AXIS_ADVISORY)
            run_count_set(r, axis, v);
        else
            r->count[axis][v]++;
        return;
    }
    if (r->axis[axis] == AXIS_ADVISORY) {
        count_facets(r, axis, r->f->classes.v[fleet_node(r->f, node)->class].facts);
        return;
    }
    if (!spread_value(r->f, demand_axis(r->d, axis), node, text))
        return;
    had = map_get(&r->shape->values[axis], bytes_str(text));
    if (had != NULL)
        r->count[axis][(uintptr_t)had - 1]++;
}

static uint32_t group_of_node(const struct run *r, uint32_t node)
{
    uint32_t cell = fleet_node(r->f, node)->cell;

    return cell == CELL_NONE ? GROUP_NONE : shape_group(r->shape, cell);
}

static bool count_existing(struct run *r)
{
    const struct fleet *f = r->f;
    bool by_node = r->node_skew > 0 || r->node_limit < UINT32_MAX;
    uint32_t next;

    if (r->d->spread_n == 0)
        return true;
    for (uint32_t i = workload_first_keep(f, r->d->workload); i != KEEP_NONE; i = next) {
        const struct keep *k = fleet_keep(f, i);

        next = k->next_of_workload;
        if (k->ending)
            continue;
        if (by_node && !run_count_node(r, k->node))
            return false;
        for (size_t axis = 0; axis < r->d->spread_n; axis++)
            count_axis(r, axis, group_of_node(r, k->node), k->node);
    }
    return true;
}

bool run_near(struct run *r, uint32_t node, uint32_t bits)
{
    uint32_t had = u64_map_get(&r->near, node);

    if (had == UINT32_MAX) {
        if (!vec_push(&r->near_nodes, node))
            return false;
        had = 0;
    }
    return u64_map_put(&r->near, node, had | bits);
}

static bool count_related(struct run *r, size_t k)
{
    const struct relation *x = &r->d->relations[k];
    const struct fleet *f = r->f;

    for (uint32_t i = workload_first_keep(f, x->workload); i != KEEP_NONE;
         i = fleet_keep(f, i)->next_of_workload) {
        uint32_t node = fleet_keep(f, i)->node;

        if (fleet_keep(f, i)->ending && !x->apart)
            continue;
        r->own[k]++;
        if (r->axis[r->d->spread_n + k] != AXIS_NODE)
            count_axis(r, r->d->spread_n + k, group_of_node(r, node), node);
        else if (!run_near(r, node, x->apart ? NEAR_BARRED : 1u << k))
            return false;
    }
    if (over_node(x->over) && !x->apart && (x->workload != r->d->workload || r->own[k] > 0))
        r->near_wanted |= 1u << k;
    return true;
}

static void next_run(struct fleet *f)
{
    f->node_hist.n = 0;
    if (++f->run != 0)
        return;
    for (uint32_t i = 0; i < f->nodes.n; i++) /* once in 2^32 runs */
        fleet_node(f, i)->run = 0;
    f->run = 1;
}

/* Zeroed memory of the fleet, good for one run. */
static void *scratch(struct fleet *f, size_t n)
{
    if (f->scratch_n < n) {
        void *p = realloc(f->scratch, n + n / 2);

        if (p == NULL)
            return NULL;
        f->scratch = p;
        f->scratch_n = n + n / 2;
    }
    return memset(f->scratch, 0, n);
}

static size_t counters(const struct run *r, size_t axis)
{
    if (r->axis[axis] == AXIS_NODE)
        return 0;
    return r->axis[axis] == AXIS_ADVISORY ? r->shape->facets_n : r->shape->values_n[axis];
}

static bool run_memory(struct run *r)
{
    size_t groups = r->shape->groups.n, n = 0;
    uint32_t *counts;

    for (size_t i = 0; i < demand_axes(r->d); i++)
        n += counters(r, i);
    r->cursors = scratch(r->f, groups * sizeof *r->cursors + n * sizeof *counts + 1);
    if (r->cursors == NULL)
        return false;
    counts = (uint32_t *)(void *)(r->cursors + groups);
    for (size_t i = 0; i < demand_axes(r->d); i++) {
        r->count[i] = counts;
        counts += counters(r, i);
    }
    return true;
}

static void run_limits(struct run *r)
{
    r->node_limit = UINT32_MAX;
    for (size_t i = 0; i < r->d->spread_n; i++) {
        const struct spread *s = &r->d->spread[i];

        r->limit[i] = share_limit(r->d, s);
        if (r->axis[i] != AXIS_NODE)
            continue;
        if (s->max_skew > 0 && (r->node_skew == 0 || s->max_skew < r->node_skew))
            r->node_skew = s->max_skew;
        if (r->limit[i] < r->node_limit)
            r->node_limit = r->limit[i];
    }
}

bool run_init(struct run *r, struct fleet *f, const struct demand *d, int64_t now_ms, struct err *e)
{
    bool ok;

    memset(r, 0, sizeof *r);
    r->f = f;
    r->d = d;
    r->epoch = 1;
    r->near.seed = f->seed[1];
    r->reserve = d->may_use_reserve ? 0 : f->reserve;
    if (!demand_check(d, e))
        return false;
    r->shape = shape_get(f, d, e);
    if (r->shape == NULL)
        return false;
    for (unsigned epc = 0; epc < 2; epc++) {
        (void)need_amount(&d->need, epc != 0, &r->want[epc].free); /* demand_check() saw to it */
        r->want[epc].verified_at_ms = evidence_cutoff(d->rules, now_ms);
        r->want[epc].idle = d->exclusive;
    }
    for (size_t i = 0; i < demand_axes(d); i++)
        r->axis[i] = over_node(demand_axis(d, i))       ? AXIS_NODE
                     : over_advisory(demand_axis(d, i)) ? AXIS_ADVISORY
                                                        : AXIS_VALUE;
    run_limits(r);
    next_run(f);
    ok = run_memory(r) && count_existing(r);
    for (size_t k = 0; ok && k < d->relations_n; k++)
        ok = count_related(r, k);
    if (!ok) {
        run_fini(r);
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a decision");
    }
    for (size_t i = 0; i < d->spread_n; i++)
        if (r->axis[i] == AXIS_VALUE)
            run_find_least(r, i);
    if (r->node_skew > 0)
        run_find_node_least(r);
    return true;
}
