/* keep.c - keeps: what they hold of their nodes, by node and by workload. */
#include <stdlib.h>

#include "scheduler/fleet_int.h"

#define USED_MAX (1ull << 62) /* sums stay far from the end of 64 bits */
#define EXCLUSIVE_MAX 255

static void amount_add(struct amount *used, const struct amount *need)
{
    used->cpu_milli += need->cpu_milli;
    used->memory += need->memory;
    used->tee_slots += need->tee_slots;
}

static void amount_take(struct amount *used, const struct amount *need)
{
    used->cpu_milli -= need->cpu_milli;
    used->memory -= need->memory;
    used->tee_slots -= need->tee_slots;
}

void keeps_recount(struct fleet *f, uint32_t node)
{
    struct node *n = fleet_node(f, node);

    n->used.tee_slots = 0;
    for (uint32_t i = n->first_keep; i != KEEP_NONE; i = fleet_keep(f, i)->next_on_node) {
        struct keep *k = fleet_keep(f, i);
        uint32_t other = k->other_tee;

        if (k->epc != n->epc) {
            k->other_tee = k->need.tee_slots;
            k->need.tee_slots = other;
            k->epc = n->epc;
        }
        n->used.tee_slots += k->need.tee_slots;
    }
}

uint32_t workload_first_keep(const struct fleet *f, uint64_t workload)
{
    return u64_map_get(&f->first_by_workload, workload);
}

static void node_link(struct fleet *f, uint32_t i)
{
    struct keep *k = fleet_keep(f, i);
    struct node *n = fleet_node(f, k->node);

    k->prev_on_node = KEEP_NONE;
    k->next_on_node = n->first_keep;
    if (n->first_keep != KEEP_NONE)
        fleet_keep(f, n->first_keep)->prev_on_node = i;
    n->first_keep = i;
    n->keeps++;
    n->exclusive = (uint8_t)(n->exclusive + k->exclusive);
    amount_add(&n->used, &k->need);
    node_refresh(f, k->node);
}

static void node_unlink(struct fleet *f, uint32_t i)
{
    struct keep *k = fleet_keep(f, i);
    struct node *n = fleet_node(f, k->node);

    if (k->prev_on_node == KEEP_NONE)
        n->first_keep = k->next_on_node;
    else
        fleet_keep(f, k->prev_on_node)->next_on_node = k->next_on_node;
    if (k->next_on_node != KEEP_NONE)
        fleet_keep(f, k->next_on_node)->prev_on_node = k->prev_on_node;
    n->keeps--;
    n->exclusive = (uint8_t)(n->exclusive - k->exclusive);
    amount_take(&n->used, &k->need);
    node_refresh(f, k->node);
}

/* Memory for one more workload was reserved before. */
static void workload_link(struct fleet *f, uint32_t i)
{
    struct keep *k = fleet_keep(f, i);
    uint32_t first = workload_first_keep(f, k->workload);

    k->prev_of_workload = KEEP_NONE;
    k->next_of_workload = first;
    if (first != KEEP_NONE)
        fleet_keep(f, first)->prev_of_workload = i;
    (void)u64_map_put(&f->first_by_workload, k->workload, i);
}

static void workload_unlink(struct fleet *f, uint32_t i)
{
    struct keep *k = fleet_keep(f, i);

    if (k->next_of_workload != KEEP_NONE)
        fleet_keep(f, k->next_of_workload)->prev_of_workload = k->prev_of_workload;
    if (k->prev_of_workload != KEEP_NONE)
        fleet_keep(f, k->prev_of_workload)->next_of_workload = k->next_of_workload;
    else if (k->next_of_workload != KEEP_NONE)
        (void)u64_map_put(&f->first_by_workload, k->workload, k->next_of_workload);
    else
        (void)u64_map_remove(&f->first_by_workload, k->workload);
}

static bool put_check(const struct fleet *f, const struct keep_spec *s, struct amount *need,
                      uint32_t *other_tee, struct err *e)
{
    struct amount other;
    const struct amount *u;
    const struct node *n;

    if (s->id == 0)
        return err_set(e, ERR_INPUT, "scheduler.keep-id", "a keep's id is not 0");
    if (s->node >= f->nodes.n || fleet_node(f, s->node)->name == NULL)
        return err_set(e, ERR_MISSING, "scheduler.no-node", "there is no such node");
    n = fleet_node(f, s->node);
    u = &n->used;
    if (!need_amount(&s->need, n->epc, need) || !need_amount(&s->need, !n->epc, &other) ||
        need->cpu_milli > AMOUNT_MAX - u->cpu_milli || need->memory > USED_MAX - u->memory ||
        need->tee_slots > AMOUNT_MAX - u->tee_slots || n->exclusive == EXCLUSIVE_MAX)
        return err_set(e, ERR_LIMIT, "scheduler.keep-size", "no keep is that large");
    *other_tee = other.tee_slots;
    return true;
}

static int16_t priority_of(int32_t p)
{
    return (int16_t)(p < INT16_MIN ? INT16_MIN : p > INT16_MAX ? INT16_MAX : p);
}

bool fleet_keep_put(struct fleet *f, const struct keep_spec *s, struct err *e)
{
    struct amount need;
    uint32_t i, other_tee;

    if (!put_check(f, s, &need, &other_tee, e))
        return false;
    if (!u64_map_reserve(&f->first_by_workload) || !u64_map_reserve(&f->keep_by_id) ||
        (f->free_keep == KEEP_NONE && !pages_reserve(&f->keeps)) || f->keeps.n >= KEEP_NONE - 1)
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a keep");
    if (u64_map_get(&f->keep_by_id, s->id) != KEEP_NONE)
        (void)fleet_keep_remove(f, s->id);
    i = f->free_keep;
    if (i != KEEP_NONE)
        f->free_keep = fleet_keep(f, i)->next_on_node;
    else
        i = (uint32_t)f->keeps.n++;
    *fleet_keep(f, i) = (struct keep){.id = s->id,
                                      .workload = s->workload,
                                      .need = need,
                                      .other_tee = other_tee,
                                      .node = s->node,
                                      .priority = priority_of(s->priority),
                                      .ending = s->ending,
                                      .exclusive = s->exclusive,
                                      .epc = fleet_node(f, s->node)->epc};
    (void)u64_map_put(&f->keep_by_id, s->id, i);
    node_link(f, i);
    workload_link(f, i);
    f->keeps_n++;
    return true;
}

/* It is out of the map of ids already. */
static void drop(struct fleet *f, uint32_t i)
{
    node_unlink(f, i);
    workload_unlink(f, i);
    *fleet_keep(f, i) = (struct keep){.next_on_node = f->free_keep};
    f->free_keep = i;
    f->keeps_n--;
}

bool fleet_keep_remove(struct fleet *f, uint64_t id)
{
    uint32_t i = u64_map_remove(&f->keep_by_id, id);

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
    fleet_keep(f, i)->ending = ending;
    return true;
}

void keeps_forget_node(struct fleet *f, uint32_t node)
{
    uint32_t i;

    while ((i = fleet_node(f, node)->first_keep) != KEEP_NONE) {
        (void)u64_map_remove(&f->keep_by_id, fleet_keep(f, i)->id);
        drop(f, i);
    }
}

static void spec_of(const struct keep *k, struct keep_spec *out)
{
    struct resources need = amount_resources(&k->need, k->epc);

    if (k->epc)
        need.tee_slots = k->other_tee;
    else
        need.epc = (uint64_t)k->other_tee * EPC_PAGE;
    *out = (struct keep_spec){.id = k->id,
                              .workload = k->workload,
                              .node = k->node,
                              .need = need,
                              .ending = k->ending,
                              .exclusive = k->exclusive,
                              .priority = k->priority};
}

bool fleet_keep_get(const struct fleet *f, uint64_t id, struct keep_spec *out)
{
    uint32_t i = u64_map_get(&f->keep_by_id, id);

    if (i == KEEP_NONE)
        return false;
    spec_of(fleet_keep(f, i), out);
    return true;
}

size_t fleet_keep_count(const struct fleet *f)
{
    return f->keeps_n;
}

bool fleet_node_keep(const struct fleet *f, uint32_t node, uint32_t *cursor, struct keep_spec *out)
{
    uint32_t i = *cursor == KEEP_NONE ? fleet_node(f, node)->first_keep
                                      : fleet_keep(f, *cursor)->next_on_node;

    *cursor = i;
    if (i == KEEP_NONE)
        return false;
    spec_of(fleet_keep(f, i), out);
    return true;
}

bool fleet_workload_keep(const struct fleet *f, uint64_t workload, uint32_t *cursor,
                         struct keep_spec *out)
{
    uint32_t i = *cursor == KEEP_NONE ? workload_first_keep(f, workload)
                                      : fleet_keep(f, *cursor)->next_of_workload;

    *cursor = i;
    if (i == KEEP_NONE)
        return false;
    spec_of(fleet_keep(f, i), out);
    return true;
}
