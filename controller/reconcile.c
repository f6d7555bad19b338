#include "controller/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "controller/command.h"
#include "controller/effective.h"
#include "controller/failpoint.h"
#include "controller/move.h"
#include "controller/reconcile_int.h"
#include "controller/revocation.h"
#include "controller/rollback.h"
#include "controller/share.h"
#include "controller/txn.h"

struct reconciler {
    uv_timer_t timer;
    bool due;        /* some workload is */
    uint32_t causes; /* every pending workload is that waits for one of these */
};

static void on_timer(uv_timer_t *t)
{
    struct state *st = t->data;
    struct workload *w;
    int64_t now = state_now_ms(st);

    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->wake_ms <= now)
            reconcile_workload(st, w);
    st->reconciler->due = true; /* the loop's clock may run ahead: then the timer is set again */
}

bool reconcile_init(struct state *st, struct err *e)
{
    st->reconciler = calloc(1, sizeof *st->reconciler);
    if (st->reconciler == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    uv_timer_init(st->loop, &st->reconciler->timer);
    uv_unref((uv_handle_t *)&st->reconciler->timer);
    st->reconciler->timer.data = st;
    st->reconciler->due = true; /* whatever was loaded */
    return revoker_init(st, e);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void reconcile_fini(struct state *st)
{
    struct reconciler *r = STEAL(st->reconciler);

    revoker_fini(st);
    if (r == NULL)
        return;
    r->timer.data = r;
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

void reconcile_workload(struct state *st, struct workload *w)
{
    w->due = true;
    if (st->reconciler != NULL)
        st->reconciler->due = true;
}

void reconcile_cause(struct state *st, uint32_t causes)
{
    if (st->reconciler != NULL)
        st->reconciler->causes |= causes;
}

void reconcile_capacity(struct state *st)
{
    reconcile_cause(st, QUEUE_ALL);
}

void reconcile_node(struct state *st, struct node *n)
{
    for (size_t i = 0; i < n->keeps.n; i++)
        if (keep_live(n->keeps.v[i]))
            reconcile_workload(st, n->keeps.v[i]->workload);
}

void reconcile_wake(struct workload *w, int64_t at_ms)
{
    if (at_ms < w->wake_ms)
        w->wake_ms = at_ms;
}

void keep_changed(struct state *st, struct keep *k)
{
    txn_touch(st, &k->object);
    txn_show(st, &k->workload->object);
    keep_publish(st, k);
}

bool keep_told(const struct keep *k)
{
    return k->msg->status->state == KEEP_STATE(stopping) &&
           strncmp(k->msg->status->reason, "stopped:", 8) == 0;
}

void keep_stop(struct state *st, struct keep *k, const char *why)
{
    char text[256];

    if (keep_told(k))
        return;
    snprintf(text, sizeof text, "stopped: %s", why);
    k->msg->status->state = KEEP_STATE(stopping);
    text_set(&k->msg->status->reason, text);
    keep_changed(st, k);
    if (keep_moving(k))
        failpoint(FAIL_STOP_DECIDED);
    event_add(st, &k->object, "normal", "keep.stopping", "controller", "%s", text);
    command_later(st, k);
}

void keep_end(struct state *st, struct keep *k, const char *reason, const char *why)
{
    k->msg->status->state = KEEP_STATE(ended);
    if (strncmp(k->msg->status->reason, "stopped:", 8) != 0)
        text_set(&k->msg->status->reason, why);
    if (k->msg->status->ended_at[0] == '\0')
        text_set_time(&k->msg->status->ended_at, state_wall_ms(st) / 1000);
    keep_changed(st, k);
    revocation_over(st, k);
    event_add(st, &k->object, strcmp(reason, "keep.ended") == 0 ? "normal" : "warning", reason,
              "controller", "%s", why);
    reconcile_cause(st, QUEUE_ROOM | QUEUE_QUOTA);
    if (k->node != NULL)
        node_say_drained(st, k->node);
}

void node_say_drained(struct state *st, struct node *n)
{
    if (n->msg->spec->drain == NULL)
        return;
    for (size_t i = 0; i < n->keeps.n; i++)
        if (keep_live(n->keeps.v[i]))
            return;
    event_add(st, &n->object, "normal", "node.drained", "controller", "nothing runs here any more");
}

/* A lost node's keep: over for sure, or to be looked at again then. */
static void check_lost(struct state *st, struct workload *w, struct keep *k, int64_t now)
{
    int64_t replace, over;

    if (k->node == NULL) {
        keep_end(st, k, "keep.lost", "its node was deleted");
        return;
    }
    if (node_connected(st, k->node))
        return;
    over = keep_surely_over_ms(k, k->node);
    replace = k->node->last_ack_ms + st->options.lease_ms + w->replace_after_ms;
    replace = replace > over ? replace : over;
    if (now >= replace)
        keep_end(st, k, "keep.lost", "its node was lost and must have stopped it");
    else
        reconcile_wake(w, replace);
}

static void finish_delete(struct state *st, struct workload *w)
{
    while (w->keeps.n > 0)
        txn_remove(st, &w->keeps.v[w->keeps.n - 1]->object);
    event_add(st, &w->object, "normal", "workload.deleted", "controller", "all its keeps ended");
    txn_remove(st, &w->object);
}

/* A floor or an exception may have changed what holds. */
static void rules_by_now(struct state *st, struct workload *w)
{
    int64_t wall = state_wall_ms(st);
    struct err e = {0};

    if (wall / 1000 >= w->trust.next_change_s)
        BUG_ON(!workload_rules(st, st->effective, w, &e)); /* they were made before */
    if (w->trust.next_change_s != POLICY_NEVER)
        reconcile_wake(w, state_now_ms(st) + w->trust.next_change_s * 1000 - wall);
}

static void reconcile_one(struct state *st, struct workload *w)
{
    bool deleted = w->msg->metadata->deleted_at[0] != '\0';
    uint32_t want = deleted ? 0 : w->msg->spec->replicas;
    int64_t now = state_now_ms(st);
    size_t live = 0;

    w->due = false;
    w->wake_ms = INT64_MAX;
    rules_by_now(st, w);
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (keep_live(k))
            check_lost(st, w, k, now);
        if (keep_live(k) && deleted)
            keep_stop(st, k, "the workload was deleted");
        live += keep_live(k);
    }
    if (deleted && live == 0) {
        finish_delete(st, w);
        return;
    }
    if (!deleted) {
        move_step(st, w, want);
        reconcile_surplus(st, w, want + w->surge_most);
    }
    if (now >= w->retry_at_ms)
        reconcile_place(st, w, want);
    else
        reconcile_wake(w, w->retry_at_ms);
}

/* What is tried, in the order of the queue. */
struct due {
    struct workload **v;
    struct queue_entry *order;
    size_t n;
};

static struct queue_entry entry_of(struct state *st, const struct workload *w, size_t index)
{
    const struct resources *need = &w->demand.need;
    uint64_t live = 0, want = w->msg->spec->replicas, asks;

    for (size_t i = 0; i < w->keeps.n && live < want; i++)
        live += keep_live(w->keeps.v[i]);
    asks = want - live;
    return (struct queue_entry){.id = index,
                                .priority = w->demand.priority,
                                .namespace = share_of(st, w),
                                .since_ms = w->wait.since_ms,
                                .asks = {.used = {need->cpu_milli * asks, need->memory * asks,
                                                  need->tee_slots * asks, need->epc * asks},
                                         .keeps = asks}};
}

static int by_id(const void *x, const void *y)
{
    const struct workload *a = *(struct workload *const *)x, *b = *(struct workload *const *)y;

    return a->id < b->id ? -1 : a->id > b->id;
}

static void due_order(struct state *st, struct due *d)
{
    const struct queue_use *use;
    size_t namespaces;

    d->order = calloc(d->n + 1, sizeof *d->order);
    BUG_ON(d->order == NULL);
    if (d->n > 1)
        qsort(d->v, d->n, sizeof d->v[0], by_id);
    for (size_t i = 0; i < d->n; i++)
        d->order[i] = entry_of(st, d->v[i], i);
    use = share_use(st, &namespaces);
    queue_order(d->order, d->n, use, namespaces, state_now_ms(st));
}

/* True when what happened is what it waits for, and it has waited long enough since its last try.
 */
static bool woken(struct state *st, struct workload *w, uint32_t causes)
{
    if (causes == 0 || w->pending + w->waiting == 0)
        return false;
    switch (queue_wake(&w->wait, causes, state_now_ms(st))) {
    case QUEUE_NOW:
        return true;
    case QUEUE_LATER:
        reconcile_wake(w, w->wait.not_before_ms);
        return false;
    case QUEUE_SLEEP:
    default:
        return false;
    }
}

static void set_timer(struct state *st)
{
    struct workload *w;
    int64_t next = INT64_MAX, now = state_now_ms(st);

    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->wake_ms < next)
            next = w->wake_ms;
    if (st->effective->next_s != POLICY_NEVER &&
        st->effective->next_s * 1000 - state_wall_ms(st) < next - now)
        next = now + st->effective->next_s * 1000 - state_wall_ms(st);
    uv_timer_stop(&st->reconciler->timer);
    if (next != INT64_MAX)
        uv_timer_start(&st->reconciler->timer, on_timer, next > now ? (uint64_t)(next - now) : 0,
                       0);
}

void reconcile_run(struct state *st)
{
    struct reconciler *r = st->reconciler;
    VEC(struct workload *) due = {0};
    struct workload *w;
    struct due d;
    uint32_t causes;

    if (r == NULL || st->stopping || revocation_committing(st) || rollback_suspected(st) ||
        (!r->due && r->causes == 0))
        return;
    causes = r->causes;
    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->due || woken(st, w, causes))
            BUG_ON(!vec_push(&due, w));
    r->due = false;
    r->causes = 0;
    if (state_wall_ms(st) / 1000 >= st->effective->next_s)
        effective_tick(st);
    d = (struct due){.v = due.v, .n = due.n};
    due_order(st, &d);
    for (size_t i = 0; i < d.n; i++)
        reconcile_one(st, d.v[d.order[i].id]);
    free(d.order);
    vec_fini(&due);
    share_reserve_watch(st);
    set_timer(st);
}
