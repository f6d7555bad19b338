/* Which replicas want a keep, and the keeps that they get. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "config/check.h"
#include "controller/command.h"
#include "controller/failpoint.h"
#include "controller/metrics.h"
#include "controller/move.h"
#include "controller/receipt.h"
#include "controller/reconcile.h"
#include "controller/reconcile_int.h"
#include "controller/share.h"
#include "controller/txn.h"

bool keep_complete(const struct workload *w, const struct keep *k)
{
    const Bailey__V1__Restart *r = w->msg->spec->restart;
    const Bailey__V1__KeepStatus *s = k->msg->status;
    const char *policy = r == NULL ? "always" : r->policy;

    if (keep_live(k) || s->started_at[0] == '\0' || strncmp(s->reason, "stopped:", 8) == 0 ||
        k->msg->spec->workload_generation != w->msg->metadata->generation)
        return false;
    if (strcmp(s->reason, "its node was lost and must have stopped it") == 0)
        return false;
    if (strcmp(policy, "never") == 0)
        return true;
    return strcmp(policy, "on-failure") == 0 && s->exit_code == 0 && s->exit_signal == 0;
}

static void keep_name(const struct workload *w, uint32_t replica, char *out, size_t size)
{
    static const char letters[] =
        "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none looks like another */
    uint8_t r[5];

    rand_bytes(r, sizeof r);
    snprintf(out, size, "%.46s-%u-%c%c%c%c%c", w->msg->metadata->name, replica, letters[r[0] & 31],
             letters[r[1] & 31], letters[r[2] & 31], letters[r[3] & 31], letters[r[4] & 31]);
}

/* Commits one decision: the keep stands in the store before its node hears of it. */
static void keep_bind(struct state *st, struct workload *w, uint32_t replica,
                      const struct decision *d, struct keep *old)
{
    const struct node_view view = fleet_node_view(st->fleet, d->node);
    struct node *n = state_node(st, view.name);
    char name[NAME_MAX_LEN + 1];
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__Capacity limits = BAILEY__V1__CAPACITY__INIT;
    Bailey__V1__KeepSpec spec = BAILEY__V1__KEEP_SPEC__INIT;
    Bailey__V1__KeepStatus status = BAILEY__V1__KEEP_STATUS__INIT;
    Bailey__V1__Keep m = BAILEY__V1__KEEP__INIT;
    struct keep *k;

    BUG_ON(n == NULL);
    keep_name(w, replica, name, sizeof name);
    meta.name = name;
    meta.namespace_ = w->msg->metadata->namespace_;
    meta.labels = w->msg->metadata->labels;
    meta.n_labels = w->msg->metadata->n_labels;
    limits.cpu_milli = w->demand.need.cpu_milli;
    limits.memory_bytes = w->demand.need.memory;
    limits.tee_slots = w->demand.need.tee_slots;
    limits.epc_bytes = w->demand.need.epc;
    spec.workload = w->msg->metadata->name;
    spec.replica = replica;
    if (old != NULL)
        spec.replaces = old->msg->metadata->uid;
    spec.node = n->object.key;
    spec.workload_generation = w->msg->metadata->generation;
    spec.artifact_digest = (char *)(uintptr_t)artifact_digest(w->msg->spec->artifact);
    spec.epoch = ++st->cluster->keep_epoch;
    spec.policy_revision = st->cluster->policy_revision;
    spec.limits = &limits;
    spec.stop_after_ms = (uint32_t)w->stop_after_ms;
    status.state = KEEP_STATE(scheduled);
    m.metadata = &meta;
    m.spec = &spec;
    m.status = &status;
    k = keep_new(st, &m, w, n);
    BUG_ON(k == NULL);
    k->id = d->keep;
    keep_publish(st, k);
    if (st->related > 0)
        reconcile_cause(st, QUEUE_NEIGHBOUR);
    metrics_placed(st->metrics);
    if (old != NULL) {
        old->replacement = k;
        failpoint(FAIL_REPLACED);
    }
    audit_placed(st, k);
    event_add(st, &k->object, "normal", "keep.scheduled", "controller", "bound to node %s%s%s",
              n->object.key, old == NULL ? "" : ", to replace ",
              old == NULL ? "" : old->msg->metadata->name);
    command_later(st, k);
}

/* Of every replica only the newest ended keep is kept, for people to look at. */
static void drop_ended(struct state *st, struct workload *w, uint32_t replica)
{
    for (size_t i = w->keeps.n; i-- > 0;)
        if (!keep_live(w->keeps.v[i]) && w->keeps.v[i]->msg->spec->replica == replica)
            txn_remove(st, &w->keeps.v[i]->object);
}

uint32_t reconcile_complete(const struct workload *w)
{
    uint32_t n = 0, want = w->msg->spec->replicas;

    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        n += (k->msg->spec->replica < want || k->msg->spec->replaces[0] != '\0') &&
             keep_complete(w, k);
    }
    return n < want ? n : want;
}

/* True for a keep that fills a replica's place: not one on its way out, but one that a changed
 * workload stops first, for its successor waits for its end. */
static bool fills(const struct workload *w, const struct keep *k)
{
    return keep_live(k) && !keep_moving(k) &&
           (!keep_told(k) || k->msg->spec->workload_generation != w->msg->metadata->generation);
}

struct need {
    uint32_t missing;  /* replicas without any keep */
    uint32_t replaced; /* moving keeps whose replacement may be placed now */
};

static struct need need_of(const struct state *st, const struct workload *w, uint32_t want)
{
    uint32_t filled = reconcile_complete(w), under_way = 0, moving = 0, waiting = 0, pace;
    struct need n = {0};

    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        filled += fills(w, k);
        under_way += fills(w, k) && k->msg->spec->replaces[0] != '\0' && !keep_ready(st, k);
        if (keep_moving(k) && !keep_told(k)) {
            moving++;
            waiting += k->replacement == NULL;
        }
    }
    n.missing = want > filled ? want - filled : 0;
    pace = move_pace(w) > under_way ? move_pace(w) - under_way : 0;
    n.replaced = waiting < pace ? waiting : pace;
    n.replaced = n.replaced < n.missing ? n.replaced : n.missing;
    n.missing = (n.missing > moving ? n.missing - moving : 0) + w->surge;
    return n;
}

/* Stops what is more than wanted: first what had to leave anyway, then what does not run, then the
 * highest replica. */
static int by_loss(const void *x, const void *y)
{
    const struct keep *a = *(struct keep *const *)x, *b = *(struct keep *const *)y;
    bool a_runs = a->msg->status->state == KEEP_STATE(running);
    bool b_runs = b->msg->status->state == KEEP_STATE(running);

    if (keep_moving(a) != keep_moving(b))
        return keep_moving(a) ? -1 : 1;
    if (a_runs != b_runs)
        return a_runs ? 1 : -1;
    return a->msg->spec->replica > b->msg->spec->replica ? -1 : 1;
}

void reconcile_surplus(struct state *st, struct workload *w, uint32_t want)
{
    uint32_t have = reconcile_complete(w);
    VEC(struct keep *) may_go = {0};

    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];
        bool counts = fills(w, k) || (keep_moving(k) && !keep_told(k) && k->replacement == NULL);

        have += counts;
        if (counts && !keep_told(k))
            BUG_ON(!vec_push(&may_go, k));
    }
    if (have > want && may_go.n > 1)
        qsort(may_go.v, may_go.n, sizeof may_go.v[0], by_loss);
    for (size_t i = 0; i < may_go.n && have > want; i++, have--)
        keep_stop(st, may_go.v[i], "fewer replicas are wanted");
    vec_fini(&may_go);
}

/* Which replica numbers are in use; a number is given again only when its keep is surely over. */
static uint8_t *numbers(const struct workload *w, size_t n)
{
    uint8_t *taken = calloc(n + 1, 1);

    BUG_ON(taken == NULL);
    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        if (k->msg->spec->replica < n && (keep_live(k) || keep_complete(w, k)))
            taken[k->msg->spec->replica] = 1;
    }
    return taken;
}

/* The next moving keep that nobody replaces yet, from *i on. */
static struct keep *next_moving(const struct workload *w, size_t *i)
{
    while (*i < w->keeps.n) {
        struct keep *k = w->keeps.v[(*i)++];

        if (keep_moving(k) && !keep_told(k) && k->replacement == NULL)
            return k;
    }
    return NULL;
}

/* The decisions that found a node become keeps: first those of missing replicas. */
static void bind_all(struct state *st, struct workload *w, const struct need *need,
                     const struct decision *v)
{
    size_t all = need->missing + need->replaced, used = w->keeps.n + all + 1, at = 0, cursor = 0;
    uint8_t *taken = numbers(w, used);

    for (size_t i = 0; i < all; i++) {
        struct keep *old = NULL;

        if (v[i].node == NODE_NONE)
            continue;
        if (i >= need->missing)
            old = next_moving(w, &cursor);
        while (taken[at] != 0)
            at++;
        taken[at] = 1;
        drop_ended(st, w, (uint32_t)at);
        keep_bind(st, w, (uint32_t)at, &v[i], old);
    }
    free(taken);
}

static void say_pending(struct state *st, struct workload *w, uint32_t pending, uint32_t waiting)
{
    char why[256];

    if (w->pending == pending && w->waiting == waiting)
        return;
    if (pending > 0 && w->pending != pending)
        event_add(st, &w->object, "warning", "workload.pending", "controller",
                  "%u without a place: %s", pending, share_pending(w, why, sizeof why));
    if (waiting > 0 && w->waiting != waiting)
        event_add(st, &w->object, "warning", "workload.cannot-move", "controller",
                  "%u have no other place: %s", waiting, placing_text(&w->last, why, sizeof why));
    w->pending = pending;
    w->waiting = waiting;
    txn_show(st, &w->object);
}

/* What it waits for now, if it waits. */
static void queue_up(struct state *st, struct workload *w, uint32_t placed)
{
    if (w->pending + w->waiting == 0 || placed > 0)
        queue_done(&w->wait);
    if (w->pending + w->waiting > 0)
        queue_failed(&w->wait, queue_causes(&w->last, w->all_or_nothing, w->over_quota != NULL),
                     state_now_ms(st));
}

/* Decides one kind of places: of missing replicas, or of keeps that move, which may have what the
 * cluster keeps in reserve. Adds to w->last. */
static void choose(struct state *st, struct workload *w, bool moves, struct decision *v, uint32_t n)
{
    struct placing p = {0};
    struct err e = {0};

    if (n == 0)
        return;
    w->demand.gang = w->all_or_nothing && !moves; /* moves go one by one */
    w->demand.may_use_reserve = moves;
    if (!(workload_relate(st, w, &e) &&
          place(st->fleet, &w->demand, state_wall_ms(st), v, n, &p, &e))) {
        log_error("placing failed", LOG_STR("workload", w->object.key), LOG_ERR(&e));
        p = (struct placing){.pending = n};
    }
    w->last.placed += p.placed;
    w->last.pending += p.pending;
    if (p.pending > 0)
        memcpy(w->last.tally, p.tally, sizeof p.tally);
}

void reconcile_place(struct state *st, struct workload *w, uint32_t want)
{
    struct need need = need_of(st, w, want);
    uint32_t missing = need.missing, waiting, pending;
    struct decision *v;

    need.missing = share_room(st, w, missing, &w->over_quota);
    if (w->all_or_nothing && need.missing < missing)
        need.missing = 0;
    v = calloc(need.missing + need.replaced + 1, sizeof *v);
    BUG_ON(v == NULL);
    memset(&w->last, 0, sizeof w->last);
    for (size_t i = 0; i < need.missing + need.replaced; i++)
        v[i] = (struct decision){st->next_id++, NODE_NONE};
    choose(st, w, false, v, need.missing);
    pending = w->last.pending;
    choose(st, w, true, v + need.missing, need.replaced);
    waiting = w->last.pending - pending;
    bind_all(st, w, &need, v);
    say_pending(st, w, missing - need.missing + pending, waiting);
    queue_up(st, w, w->last.placed);
    reconcile_preempt(st, w, pending);
    free(v);
}
