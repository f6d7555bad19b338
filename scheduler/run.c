/* run.c - decisions: the most preferred, then least used group that may take a keep, and in it the
 * first (or the emptiest) node with room. */
#include "scheduler/run.h"

#include <stdlib.h>

#include "scheduler/run_int.h"

void run_fini(struct run *r)
{
    u64_map_fini(&r->near);
    vec_fini(&r->near_nodes);
}

/* Whether one more keep on an advisory's set keeps every share; *load: the most used of them. */
static bool set_may(const struct run *r, size_t axis, uint32_t set, uint64_t *load)
{
    const struct shape *s = r->shape;
    const uint32_t *count = r->count[axis];
    uint32_t from = s->set_first.v[set], end = s->set_first.v[set + 1], most = 0;
    bool known = from == end || s->set_member.v[from] != 0;

    if (known)
        for (uint32_t i = from; i < end; i++)
            most = count[s->set_member.v[i]] > most ? count[s->set_member.v[i]] : most;
    else
        for (uint32_t i = 1; i < s->facets_n; i++)
            most = count[i] > most ? count[i] : most;
    *load += most;
    if (known && from == end)
        return true; /* affected by nothing */
    return (uint64_t)most + count[0] + 1 <= r->limit[axis];
}

/* Whether one keep more in this group leaves all its values within their bounds. *load: how used.
 */
bool run_group_may(const struct run *r, const struct group *g, uint64_t *load)
{
    *load = 0;
    for (size_t i = 0; i < r->d->spread_n; i++) {
        const struct spread *s = &r->d->spread[i];
        uint32_t have;

        if (r->axis[i] == AXIS_NODE)
            continue;
        if (r->axis[i] == AXIS_ADVISORY) {
            if (!set_may(r, i, g->value[i], load))
                return false;
            continue;
        }
        have = r->count[i][g->value[i]];
        if ((s->max_skew > 0 && have - r->least[i] >= s->max_skew) || have >= r->limit[i])
            return false;
        *load += have;
    }
    for (size_t k = 0; k < r->d->relations_n; k++) {
        const struct relation *x = &r->d->relations[k];
        size_t i = r->d->spread_n + k;

        if (r->axis[i] == AXIS_NODE)
            continue;
        if (x->apart
                ? r->count[i][g->value[i]] > 0
                : r->count[i][g->value[i]] == 0 && (x->workload != r->d->workload || r->own[k] > 0))
            return false;
    }
    return true;
}

/* What only the node itself shows: its share of the workload, and its neighbours. */
bool run_node_may(const struct run *r, uint32_t node)
{
    const struct node *n = fleet_node(r->f, node);
    uint32_t have = n->run == r->f->run ? n->run_keeps : 0, near;

    if (r->node_skew > 0 && have >= r->node_least && have - r->node_least >= r->node_skew)
        return false;
    if (have >= r->node_limit)
        return false;
    if (r->near.n == 0)
        return r->near_wanted == 0;
    near = u64_map_get(&r->near, node);
    near = near == UINT32_MAX ? 0 : near;
    return (near & NEAR_BARRED) == 0 && (near & r->near_wanted) == r->near_wanted;
}

bool run_class_open(const struct run *r, uint32_t class)
{
    const struct class *c = &r->f->classes.v[class];

    return r->reserve == 0 || c->free_slots >= r->reserve + r->want[c->epc].free.tee_slots;
}

/* Among the nodes that have a wanted neighbour: few, so they are looked at one by one. */
static uint32_t group_find_near(const struct run *r, uint32_t group)
{
    for (size_t i = 0; i < r->near_nodes.n; i++) {
        uint32_t node = r->near_nodes.v[i];
        const struct node *n = fleet_node(r->f, node);

        if (n->cell == CELL_NONE || shape_group(r->shape, n->cell) != group ||
            !run_class_open(r, n->class) || !run_node_may(r, node))
            continue;
        if (room_fits(cell_room(&r->f->cells, n->cell, n->slot), &r->want[n->epc]))
            return node;
    }
    return NODE_NONE;
}

struct wide {
    const struct run *r;
    const struct cell *cell;
};

static bool wide_take(void *context, uint32_t slot)
{
    const struct wide *w = context;

    return run_node_may(w->r, w->cell->node[slot]);
}

/* The emptiest node: the cells by their best, those before `after` in that order were tried. */
static uint32_t group_find_wide(const struct run *r, uint32_t group)
{
    const struct group *g = &r->shape->groups.v[group];
    const struct cells *cells = &r->f->cells;
    uint32_t tried_cpu = UINT32_MAX, tried_at = UINT32_MAX; /* the last one: none yet */

    for (;;) {
        uint32_t best = UINT32_MAX, best_cpu = 0;

        for (uint32_t i = 0; i < g->n; i++) {
            uint32_t cell = r->shape->cells.v[g->first + i];
            uint32_t cpu = cells->best.v[cell].free.cpu_milli;
            bool later =
                cpu < tried_cpu || (cpu == tried_cpu && (tried_at == UINT32_MAX || i > tried_at));

            if (later && (best == UINT32_MAX || cpu > best_cpu) &&
                room_fits(&cells->best.v[cell], &r->want[cells->v.v[cell].epc]) &&
                run_class_open(r, cells->v.v[cell].class)) {
                best = i;
                best_cpu = cpu;
            }
        }
        if (best == UINT32_MAX)
            return NODE_NONE;
        {
            uint32_t cell = r->shape->cells.v[g->first + best], slot;
            struct wide w = {r, &cells->v.v[cell]};

            slot = cell_widest(cells, cell, &r->want[w.cell->epc], wide_take, &w);
            if (slot != SLOT_NONE)
                return w.cell->node[slot];
        }
        tried_cpu = best_cpu;
        tried_at = best;
    }
}

/* The first node of the group that takes a keep; the cursor stays at it. */
static uint32_t group_find_first(struct run *r, uint32_t group, struct cursor *c)
{
    const struct group *g = &r->shape->groups.v[group];

    for (; c->cell < g->n; c->cell++, c->slot = 0) {
        uint32_t cell = r->shape->cells.v[g->first + c->cell];
        const struct cell *x = &r->f->cells.v.v[cell];

        if (!run_class_open(r, x->class))
            continue;
        while ((c->slot = cell_find(&r->f->cells, cell, c->slot, &r->want[x->epc])) != SLOT_NONE) {
            if (run_node_may(r, x->node[c->slot]))
                return x->node[c->slot];
            c->slot++;
        }
    }
    return NODE_NONE;
}

/* NODE_NONE leaves the cursor at the group's end. */
static uint32_t group_find(struct run *r, uint32_t group)
{
    struct cursor *c = &r->cursors[group];
    enum scoring scoring = r->d->scoring == SCORING_DEFAULT ? r->f->scoring : r->d->scoring;
    uint32_t node;

    if (c->epoch != r->epoch)
        *c = (struct cursor){.epoch = r->epoch};
    if (r->near_wanted == 0 && scoring != SCORING_SPREAD)
        return group_find_first(r, group, c);
    node = r->near_wanted != 0 ? group_find_near(r, group) : group_find_wide(r, group);
    if (node == NODE_NONE)
        c->cell = r->shape->groups.v[group].n;
    return node;
}

uint32_t run_decide(struct run *r, uint32_t *group)
{
    for (;;) {
        uint64_t best = UINT64_MAX, load;
        uint32_t node;

        *group = GROUP_NONE;
        for (uint32_t i = 0; i < r->shape->groups.n; i++) {
            const struct group *g = &r->shape->groups.v[i];
            const struct cursor *c = &r->cursors[i];

            if (*group != GROUP_NONE && g->score < r->shape->groups.v[*group].score)
                break; /* less preferred ones follow */
            if (c->epoch == r->epoch && c->cell >= g->n)
                continue; /* exhausted */
            if (run_group_may(r, g, &load) && load < best) {
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

static bool count_relations(struct run *r, const struct group *g, uint32_t node)
{
    for (size_t k = 0; k < r->d->relations_n; k++) {
        const struct relation *x = &r->d->relations[k];
        size_t i = r->d->spread_n + k;

        if (x->workload != r->d->workload)
            continue;
        r->own[k]++;
        if (r->axis[i] == AXIS_NODE) {
            if (!run_near(r, node, x->apart ? NEAR_BARRED : 1u << k))
                return false;
            if (!x->apart)
                r->near_wanted |= 1u << k;
        } else {
            r->count[i][g->value[i]]++;
        }
        r->epoch++; /* what was passed over may be right now, and the other way round */
    }
    return true;
}

static bool count_taken(struct run *r, const struct group *g, uint32_t node)
{
    if (r->d->relations_n > 0 && !count_relations(r, g, node))
        return false;
    if ((r->node_skew > 0 || r->node_limit < UINT32_MAX) && !run_count_node(r, node))
        return false;
    for (size_t i = 0; i < r->d->spread_n; i++) {
        if (r->axis[i] == AXIS_NODE)
            continue;
        if (r->axis[i] == AXIS_ADVISORY)
            run_count_set(r, i, g->value[i]);
        else if (r->count[i][g->value[i]]++ == r->least[i] && --r->at_least[i] == 0)
            run_find_least(r, i);
    }
    if (r->node_skew > 0)
        run_find_node_least(r);
    return true;
}

bool run_take(struct run *r, uint32_t group, uint32_t node, uint64_t keep, struct err *e)
{
    const struct amount *need;
    struct node *n = fleet_node(r->f, node);

    if (!count_taken(r, &r->shape->groups.v[group], node))
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a decision");
    if (keep != 0)
        return fleet_keep_put(r->f,
                              &(struct keep_spec){.id = keep,
                                                  .workload = r->d->workload,
                                                  .node = node,
                                                  .need = r->d->need,
                                                  .exclusive = r->d->exclusive,
                                                  .priority = r->d->priority},
                              e);
    need = &r->want[n->epc].free;
    n->used.cpu_milli += need->cpu_milli; /* it fits, hence no sum is too large */
    n->used.memory += need->memory;
    n->used.tee_slots += need->tee_slots;
    n->exclusive = (uint8_t)(n->exclusive + r->d->exclusive);
    n->keeps++;
    node_refresh(r->f, node);
    return true;
}

void run_untry(struct fleet *f, const struct demand *d, uint32_t node)
{
    struct node *n = fleet_node(f, node);
    struct amount need;

    BUG_ON(!need_amount(&d->need, n->epc, &need));
    n->used.cpu_milli -= need.cpu_milli;
    n->used.memory -= need.memory;
    n->used.tee_slots -= need.tee_slots;
    n->exclusive = (uint8_t)(n->exclusive - d->exclusive);
    n->keeps--;
    node_refresh(f, node);
}
