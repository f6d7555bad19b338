/* A workload that has no place takes it from less important ones: the scheduler names the victims,
 * their keeps are stopped as any other, and when they are gone the place is free for the more
 * important one, which is reconciled first. */
#include "scheduler/preempt.h"

#include "base/log.h"
#include "controller/move.h"
#include "controller/reconcile_int.h"

#define AGAIN_MS 30000 /* stopped keeps need a while to be gone */
#define AT_ONCE 64     /* most keeps that a place is made for in one go */
#define VICTIMS_MEMORY (1u << 20)

struct loser {
    uint64_t id;
    uint32_t spare; /* keeps that may be taken down now */
};

struct losers {
    VEC(struct loser) v; /* by id */
};

static int by_id(const void *a, const void *b)
{
    const struct loser *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static struct loser *loser_find(const struct losers *l, uint64_t id)
{
    struct loser key = {.id = id};

    return l->v.n == 0 ? NULL : bsearch(&key, l->v.v, l->v.n, sizeof key, by_id);
}

static uint32_t spare(const struct state *st, const struct workload *w)
{
    uint32_t most = move_max_unavailable(w), want = w->msg->spec->replicas, ready = 0, missing;

    for (size_t i = 0; i < w->keeps.n; i++)
        ready += keep_live(w->keeps.v[i]) && keep_ready(st, w->keeps.v[i]);
    missing = want > ready ? want - ready : 0;
    return most > missing ? most - missing : 0;
}

/* The less important workloads that can spare a keep. */
static void losers_make(const struct state *st, const struct workload *w, struct losers *l)
{
    const struct workload *other;

    for (size_t i = 0; (other = map_next(&st->workloads, &i)) != NULL;) {
        struct loser x = {.id = other->id};

        if (other->demand.priority >= w->demand.priority)
            continue;
        x.spare = spare(st, other);
        if (x.spare > 0)
            BUG_ON(!vec_push(&l->v, x));
    }
    if (l->v.n > 1)
        qsort(l->v.v, l->v.n, sizeof l->v.v[0], by_id);
}

static uint32_t budget(void *context, uint64_t workload)
{
    const struct loser *x = loser_find(context, workload);

    return x == NULL ? 0 : x->spare;
}

static struct keep *keep_of(const struct node *n, uint64_t id)
{
    for (size_t i = 0; n != NULL && i < n->keeps.n; i++)
        if (n->keeps.v[i]->id == id)
            return n->keeps.v[i];
    return NULL;
}

/* Stops the victims of one place; false: there is none to be had. */
static bool make_place(struct state *st, struct workload *w, struct losers *l)
{
    AUTO_ARENA struct arena a;
    struct preemption p;
    const struct node *n;
    struct err e = {0};

    arena_init(&a, VICTIMS_MEMORY);
    if (!preempt(st->fleet, &w->demand, state_wall_ms(st), budget, l, &a, &p, &e)) {
        log_error("preemption failed", LOG_STR("workload", w->object.key), LOG_ERR(&e));
        return false;
    }
    if (p.node == NODE_NONE)
        return false;
    n = state_node(st, fleet_node_view(st->fleet, p.node).name);
    for (size_t i = 0; i < p.victims_n; i++) {
        struct keep *k = keep_of(n, p.victims[i]);
        struct loser *x = k == NULL ? NULL : loser_find(l, k->workload->id);
        char why[200];

        if (x == NULL)
            continue;
        x->spare -= x->spare > 0;
        (void)snprintf(why, sizeof why, "preempted by %s, whose priority is %d", w->object.key,
                       (int)w->demand.priority);
        keep_stop(st, k, why);
    }
    return true;
}

void reconcile_preempt(struct state *st, struct workload *w, uint32_t pending)
{
    struct losers l = {0};
    int64_t now = state_now_ms(st);
    uint32_t made = 0;

    if (pending == 0)
        return;
    if (now < w->preempt_at_ms) {
        reconcile_wake(w, w->preempt_at_ms);
        return;
    }
    losers_make(st, w, &l);
    while (l.v.n > 0 && made < pending && made < AT_ONCE && make_place(st, w, &l))
        made++;
    vec_fini(&l.v);
    if (made == 0)
        return; /* the next change of capacity is another try */
    w->preempt_at_ms = now + AGAIN_MS;
    reconcile_wake(w, w->preempt_at_ms);
}
