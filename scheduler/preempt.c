/* preempt.c - see preempt.h. */
#include "scheduler/preempt.h"

#include <stdlib.h>

#include "scheduler/run.h"

struct hunt {
    struct run run;
    preempt_budget *budget;
    void *context;
    VEC(const struct keep *) prey; /* of the node at hand, chosen ones first */
    VEC(const struct keep *) best;
    uint32_t node;
    int32_t highest;
};

static int by_priority(const void *a, const void *b)
{
    const struct keep *const *px = a, *const *py = b;
    const struct keep *x = *px, *y = *py;

    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->need.cpu_milli != y->need.cpu_milli)
        return x->need.cpu_milli > y->need.cpu_milli ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool lacks(uint64_t capacity, uint64_t used, uint64_t freed, uint64_t need)
{
    uint64_t left = used - freed;

    return need > (capacity > left ? capacity - left : 0);
}

/* Whether the demand fits once the first n of the prey are gone, `spared` (or none: n) excepted. */
static bool fits(const struct hunt *h, const struct node *n, size_t count, size_t spared)
{
    const struct amount *need = &h->run.want[n->epc].free;
    struct amount freed = {0};
    unsigned exclusive = 0, gone = 0;

    for (size_t i = 0; i < count; i++) {
        const struct keep *k = h->prey.v[i];

        if (i == spared)
            continue;
        freed.cpu_milli += k->need.cpu_milli;
        freed.memory += k->need.memory;
        freed.tee_slots += k->need.tee_slots;
        exclusive += k->exclusive;
        gone++;
    }
    if (n->exclusive > exclusive || (h->run.d->exclusive && n->keeps > gone))
        return false;
    return !lacks(n->capacity.cpu_milli, n->used.cpu_milli, freed.cpu_milli, need->cpu_milli) &&
           !lacks(n->capacity.memory, n->used.memory, freed.memory, need->memory) &&
           !lacks(n->capacity.tee_slots, n->used.tee_slots, freed.tee_slots, need->tee_slots);
}

/* The keeps of the node that may be taken, lowest priority first, within every budget. */
static bool gather(struct hunt *h, const struct node *n)
{
    const struct fleet *f = h->run.f;
    size_t kept = 0;

    h->prey.n = 0;
    for (uint32_t i = n->first_keep; i != KEEP_NONE; i = fleet_keep(f, i)->next_on_node) {
        const struct keep *k = fleet_keep(f, i);

        if (!k->ending && k->priority < h->run.d->priority && k->workload != h->run.d->workload &&
            !vec_push(&h->prey, k))
            return false;
    }
    if (h->prey.n > 1)
        qsort(h->prey.v, h->prey.n, sizeof h->prey.v[0], by_priority);
    for (size_t i = 0; i < h->prey.n; i++) {
        uint32_t spare = h->budget(h->context, h->prey.v[i]->workload), taken = 0;

        for (size_t k = 0; k < kept; k++)
            taken += h->prey.v[k]->workload == h->prey.v[i]->workload;
        if (taken < spare)
            h->prey.v[kept++] = h->prey.v[i];
    }
    h->prey.n = kept;
    return true;
}

/* Keeps the node's victims when they are better than the best up to now. */
static bool look(struct hunt *h, uint32_t node)
{
    const struct node *n = fleet_node(h->run.f, node);
    size_t count = 0;

    if (!node_usable(n) || n->verified_at_ms < h->run.want[0].verified_at_ms ||
        !run_node_may(&h->run, node))
        return true;
    if (!gather(h, n))
        return false;
    while (count < h->prey.n && !fits(h, n, count, count))
        count++;
    if (!fits(h, n, count, count) || count == 0)
        return true; /* does not help; or there is room, and something else is in the way */
    for (size_t i = count; i-- > 0;) /* who was taken in vain is let go, the highest first */
        if (fits(h, n, count, i)) {
            for (size_t k = i + 1; k < count; k++)
                h->prey.v[k - 1] = h->prey.v[k];
            count--;
        }
    if (h->node != NODE_NONE &&
        (h->prey.v[count - 1]->priority > h->highest ||
         (h->prey.v[count - 1]->priority == h->highest && count >= h->best.n)))
        return true;
    h->best.n = 0;
    for (size_t i = 0; i < count; i++)
        if (!vec_push(&h->best, h->prey.v[i]))
            return false;
    h->node = node;
    h->highest = h->prey.v[count - 1]->priority;
    return true;
}

static bool look_everywhere(struct hunt *h)
{
    const struct shape *s = h->run.shape;
    const struct cells *cells = &h->run.f->cells;
    uint64_t load;

    for (size_t g = 0; g < s->groups.n; g++) {
        if (!run_group_may(&h->run, &s->groups.v[g], &load))
            continue;
        for (uint32_t i = 0; i < s->groups.v[g].n; i++) {
            const struct cell *c = &cells->v.v[s->cells.v[s->groups.v[g].first + i]];

            if (!run_class_open(&h->run, c->class))
                continue;
            for (uint32_t k = 0; k < c->n; k++)
                if (!look(h, c->node[k]))
                    return false;
        }
    }
    return true;
}

bool preempt(struct fleet *f, const struct demand *d, int64_t now_ms, preempt_budget *budget,
             void *context, struct arena *a, struct preemption *out, struct err *e)
{
    struct hunt h = {.budget = budget, .context = context, .node = NODE_NONE};
    uint64_t *ids = NULL;
    bool ok;

    if (!run_init(&h.run, f, d, now_ms, e))
        return false;
    ok = look_everywhere(&h);
    if (!ok)
        err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory to look for victims");
    if (ok) {
        ids = arena_array(a, h.best.n + 1, sizeof *ids);
        ok = ids != NULL || err_set(e, ERR_LIMIT, "scheduler.plan-too-large",
                                    "the victims do not fit their memory");
    }
    for (size_t i = 0; ok && i < h.best.n; i++)
        ids[i] = h.best.v[i]->id;
    if (ok)
        *out = (struct preemption){
            .node = h.node, .victims = ids, .victims_n = h.best.n, .highest = h.highest};
    run_fini(&h.run);
    vec_fini(&h.prey);
    vec_fini(&h.best);
    return ok;
}
