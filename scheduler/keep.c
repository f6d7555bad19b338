/* keep.c - keeps: what they hold of their nodes, by node and by workload. */
#include <stdlib.h>

#include "scheduler/fleet_int.h"

#define USED_MAX (1ull << 62) /* sums stay far from the end of 64 bits */

uint32_t workload_first_keep(const struct fleet *f, uint64_t workload)
{
    return u64_map_get(&f->first_by_workload, workload);
}

static void node_link(struct fleet *f, uint32_t i)
{
    struct keep *k = &f->keeps.v[i];
    struct node *n = fleet_node(f, k->node);

    k->prev_on_node = KEEP_NONE;
    k->next_on_node = n->first_keep;
    if (n->first_keep != KEEP_NONE)
        f->keeps.v[n->first_keep].prev_on_node = i;
    n->first_keep = i;
    n->keeps++;
    n->used.cpu_milli += k->need.cpu_milli;
    n->used.memory += k->need.memory;
    n->used.tee_slots += k->need.tee_slots;
    node_refresh(f, k->node);
}

static void node_unlink(struct fleet *f, uint32_t i)
{
    struct keep *k = &f->keeps.v[i];
    struct node *n = fleet_node(f, k->node);

    if (k->prev_on_node == KEEP_NONE)
        n->first_keep = k->next_on_node;
    else
        f->keeps.v[k->prev_on_node].next_on_node = k->next_on_node;
    if (k->next_on_node != KEEP_NONE)
        f->keeps.v[k->next_on_node].prev_on_node = k->prev_on_node;
    n->keeps--;
    n->used.cpu_milli -= k->need.cpu_milli;
    n->used.memory -= k->need.memory;
    n->used.tee_slots -= k->need.tee_slots;
    node_refresh(f, k->node);
}

/* Memory for one more workload was reserved before. */
static void workload_link(struct fleet *f, uint32_t i)
{
    struct keep *k = &f->keeps.v[i];
    uint32_t first = workload_first_keep(f, k->workload);

    k->prev_of_workload = KEEP_NONE;
    k->next_of_workload = first;
    if (first != KEEP_NONE)
        f->keeps.v[first].prev_of_workload = i;
    (void)u64_map_put(&f->first_by_workload, k->workload, i);
}

static void workload_unlink(struct fleet *f, uint32_t i)
{
    struct keep *k = &f->keeps.v[i];

    if (k->next_of_workload != KEEP_NONE)
        f->keeps.v[k->next_of_workload].prev_of_workload = k->prev_of_workload;
    if (k->prev_of_workload != KEEP_NONE)
        f->keeps.v[k->prev_of_workload].next_of_workload = k->next_of_workload;
    else if (k->next_of_workload != KEEP_NONE)
        (void)u64_map_put(&f->first_by_workload, k->workload, k->next_of_workload);
    else
        u64_map_remove(&f->first_by_workload, k->workload);
}

static bool put_check(const struct fleet *f, const struct keep_spec *s, struct err *e)
{
    const struct resources *u;

    if (s->id == 0)
        return err_set(e, ERR_INPUT, "scheduler.keep-id", "a keep's id is not 0");
    if (s->node >= f->nodes.n || fleet_node(f, s->node)->name == NULL)
        return err_set(e, ERR_MISSING, "scheduler.no-node", "there is no such node");
    u = &fleet_node(f, s->node)->used;
    if (s->need.cpu_milli > USED_MAX - u->cpu_milli || s->need.memory > USED_MAX - u->memory ||
        s->need.tee_slots > USED_MAX - u->tee_slots)
        return err_set(e, ERR_LIMIT, "scheduler.keep-size", "no keep is that large");
    return true;
}

bool fleet_keep_put(struct fleet *f, const struct keep_spec *s, struct err *e)
{
    uint32_t i;

    if (!put_check(f, s, e))
        return false;
    i = u64_map_get(&f->keep_by_id, s->id);
    if (!u64_map_reserve(&f->first_by_workload) || !u64_map_reserve(&f->keep_by_id) ||
        (f->free_keep == KEEP_NONE && !vec_reserve(&f->keeps, 1)) || f->keeps.n >= KEEP_NONE - 1)
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a keep");
    if (i != KEEP_NONE)
        (void)fleet_keep_remove(f, s->id);
    i = f->free_keep;
    if (i != KEEP_NONE)
        f->free_keep = f->keeps.v[i].next_on_node;
    else
        i = (uint32_t)f->keeps.n++;
    f->keeps.v[i] = (struct keep){.id = s->id,
                                  .workload = s->workload,
                                  .need = s->need,
                                  .node = s->node,
                                  .ending = s->ending};
    (void)u64_map_put(&f->keep_by_id, s->id, i);
    node_link(f, i);
    workload_link(f, i);
    f->keeps_n++;
    return true;
}

static void drop(struct fleet *f, uint32_t i)
{
    node_unlink(f, i);
    workload_unlink(f, i);
    u64_map_remove(&f->keep_by_id, f->keeps.v[i].id);
    f->keeps.v[i] = (struct keep){.next_on_node = f->free_keep};
    f->free_keep = i;
    f->keeps_n--;
}

bool fleet_keep_remove(struct fleet *f, uint64_t id)
{
    uint32_t i = u64_map_get(&f->keep_by_id, id);

    if (i == KEEP_NONE)
        return false;
    drop(f, i);
    return true;
}

bool fleet_keep_ending(struct fleet *f, uint64_t id, bool ending)
{
    uint32_t i = u64_map_get(&f->keep_by_id, id);

    if (i == KEEP_NONE)
        return false;
    f->keeps.v[i].ending = ending;
    return true;
}

void keeps_forget_node(struct fleet *f, uint32_t node)
{
    while (fleet_node(f, node)->first_keep != KEEP_NONE)
        drop(f, fleet_node(f, node)->first_keep);
}

static void spec_of(const struct keep *k, struct keep_spec *out)
{
    *out = (struct keep_spec){.id = k->id,
                              .workload = k->workload,
                              .node = k->node,
                              .need = k->need,
                              .ending = k->ending};
}

bool fleet_keep_get(const struct fleet *f, uint64_t id, struct keep_spec *out)
{
    uint32_t i = u64_map_get(&f->keep_by_id, id);

    if (i == KEEP_NONE)
        return false;
    spec_of(&f->keeps.v[i], out);
    return true;
}

size_t fleet_keep_count(const struct fleet *f)
{
    return f->keeps_n;
}

bool fleet_node_keep(const struct fleet *f, uint32_t node, uint32_t *cursor, struct keep_spec *out)
{
    uint32_t i =
        *cursor == KEEP_NONE ? fleet_node(f, node)->first_keep : f->keeps.v[*cursor].next_on_node;

    *cursor = i;
    if (i == KEEP_NONE)
        return false;
    spec_of(&f->keeps.v[i], out);
    return true;
}

bool fleet_workload_keep(const struct fleet *f, uint64_t workload, uint32_t *cursor,
                         struct keep_spec *out)
{
    uint32_t i = *cursor == KEEP_NONE ? workload_first_keep(f, workload)
                                      : f->keeps.v[*cursor].next_of_workload;

    *cursor = i;
    if (i == KEEP_NONE)
        return false;
    spec_of(&f->keeps.v[i], out);
    return true;
}
