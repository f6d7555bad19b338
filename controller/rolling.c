#include "controller/rolling.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "controller/move.h"
#include "controller/reconcile.h"
#include "controller/reconcile_int.h"
#include "controller/txn.h"
#include "proto/unpack.h"
#include "scheduler/rollout.h"

#define WHY_TEXT 256

bool keep_outdated(const struct keep *k)
{
    return k->msg->spec->workload_generation != k->workload->msg->metadata->generation;
}

static const Bailey__V1__RolloutStatus *stored(const struct workload *w)
{
    return w->msg->status == NULL ? NULL : w->msg->status->rollout;
}

bool rolling_paused(const struct workload *w)
{
    return stored(w) != NULL && stored(w)->paused;
}

static uint32_t max_surge(const struct workload *w)
{
    return w->msg->spec->availability == NULL ? 0 : w->msg->spec->availability->max_surge;
}

bool rolling_moves(const struct workload *w)
{
    return move_max_unavailable(w) == 0 && max_surge(w) == 0;
}

static int by_id(const void *x, const void *y)
{
    const struct rollout_keep *a = x, *b = y;

    return a->id < b->id ? -1 : a->id > b->id;
}

/* The keeps that the plan is about. Not: what is over; what moves, for its replacement is of the
 * spec of now; and what is told to stop for another reason than a change, for nobody waits for its
 * end. *held: places that keeps which move have until they are replaced. */
static size_t gather(const struct state *st, const struct workload *w, struct rollout_keep *v,
                     uint32_t *held)
{
    size_t n = 0;

    *held = 0;
    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        if (!keep_live(k))
            continue;
        if (keep_moving(k)) {
            *held += !keep_told(k) && k->replacement == NULL;
            continue;
        }
        if (keep_told(k) && !keep_outdated(k))
            continue;
        v[n++] = (struct rollout_keep){.id = k->id,
                                       .current = !keep_outdated(k),
                                       .healthy = keep_ready(st, k),
                                       .ending = k->msg->status->state == KEEP_STATE(stopping)};
    }
    if (n > 1)
        qsort(v, n, sizeof *v, by_id);
    return n;
}

static uint32_t at_least(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

struct plan {
    struct rollout_keep *v;
    struct rollout_action *out;
    size_t n, actions;
    struct rollout_progress progress;
    uint32_t replicas; /* those that the plan is about */
};

static void plan_free(struct plan *p)
{
    free(p->v);
    free(p->out);
}

/* What to do next, without doing it. */
static void plan_make(const struct state *st, const struct workload *w, uint32_t want,
                      struct plan *p)
{
    struct rollout_policy policy = {.max_surge = max_surge(w),
                                    .max_unavailable = move_max_unavailable(w),
                                    .paused = rolling_paused(w)};
    uint32_t held;
    size_t most;

    p->v = calloc(w->keeps.n + 1, sizeof *p->v);
    BUG_ON(p->v == NULL);
    p->n = gather(st, w, p->v, &held);
    p->replicas = policy.replicas = at_least(at_least(want, reconcile_complete(w)), held);
    most = p->n + policy.replicas;
    p->out = calloc(most + 1, sizeof *p->out);
    BUG_ON(p->out == NULL);
    p->actions = rollout_step(&policy, p->v, p->n, p->out, most, &p->progress);
}

static struct keep *find(const struct workload *w, uint64_t id, size_t *hint)
{
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[(*hint + i) % w->keeps.n];

        if (k->id == id) {
            *hint = (*hint + i + 1) % w->keeps.n;
            return k;
        }
    }
    return NULL;
}

/* A keep of an earlier spec whose node is lost cannot be told anything: it ends by itself. */
static bool reachable(const struct state *st, const struct keep *k)
{
    return k->node != NULL && node_connected(st, k->node);
}

void rolling_step(struct state *st, struct workload *w, uint32_t want)
{
    uint32_t starts = 0, there = 0;
    struct plan p = {0};
    bool old = false;
    size_t hint = 0;

    w->surge = w->surge_most = 0;
    for (size_t i = 0; i < w->keeps.n && !old; i++)
        old = keep_live(w->keeps.v[i]) && keep_outdated(w->keeps.v[i]);
    if (!old || rolling_moves(w))
        return;
    w->surge_most = max_surge(w);
    plan_make(st, w, want, &p);
    for (size_t i = 0; i < p.actions; i++) {
        struct keep *k = p.out[i].kind == ROLLOUT_STOP ? find(w, p.out[i].keep, &hint) : NULL;

        starts += p.out[i].kind == ROLLOUT_START;
        if (k != NULL && keep_outdated(k) && reachable(st, k))
            keep_stop(st, k, "the workload changed");
    }
    there = (uint32_t)p.n;
    w->surge = at_least(starts, at_least(p.replicas, there));
    plan_free(&p);
}

static bool same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    AUTO_BUF struct buf x = {0};
    AUTO_BUF struct buf y = {0};

    proto_pack(a, &x);
    proto_pack(b, &y);
    return bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

bool same_keeps(const Bailey__V1__WorkloadSpec *a, const Bailey__V1__WorkloadSpec *b)
{
    Bailey__V1__WorkloadSpec x = *a, y = *b;

    x.replicas = y.replicas = 0;
    x.trust = y.trust = NULL; /* judged by itself: only what is not admitted any more moves */
    x.placement = y.placement = NULL;
    x.availability = y.availability = NULL;
    return same(&x.base, &y.base);
}

Bailey__V1__RolloutStatus *rolling_record(struct workload *w)
{
    Bailey__V1__WorkloadStatus *s = w->msg->status;

    if (s == NULL) {
        s = malloc(sizeof *s);
        BUG_ON(s == NULL);
        bailey__v1__workload_status__init(s);
        w->msg->status = s;
    }
    if (s->rollout == NULL) {
        s->rollout = malloc(sizeof *s->rollout);
        BUG_ON(s->rollout == NULL);
        bailey__v1__rollout_status__init(s->rollout);
    }
    return s->rollout;
}

void rolling_changed(struct state *st, struct workload *w, Bailey__V1__WorkloadSpec *was,
                     uint64_t was_generation)
{
    Bailey__V1__RolloutStatus *r = rolling_record(w);
    bool back = r->previous != NULL && same_keeps(r->previous, w->msg->spec);

    for (size_t i = 0; back && i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (k->msg->spec->workload_generation != r->previous_generation || keep_told(k))
            continue;
        k->msg->spec->workload_generation = w->msg->metadata->generation;
        txn_touch(st, &k->object);
    }
    if (r->previous != NULL)
        message_free(&r->previous->base);
    r->previous = was;
    r->previous_generation = was_generation;
}

/* Why nothing more is replaced for now. */
static const char *reason(const struct workload *w, const struct rollout_progress *g,
                          uint32_t replicas, struct arena *a)
{
    char *why = arena_alloc(a, WHY_TEXT);
    uint32_t ill = g->current - g->current_healthy;

    if (why == NULL)
        return "";
    why[0] = '\0';
    if (g->state == ROLLOUT_PAUSED)
        snprintf(why, WHY_TEXT, "paused by %.60s: %u keeps are of an earlier spec",
                 stored(w)->paused_by, g->old);
    else if (g->state == ROLLOUT_WAITING && w->failures > 0)
        snprintf(why, WHY_TEXT, "new keeps end without being told to: %s", w->retry_why);
    else if (g->state == ROLLOUT_WAITING && w->pending > 0)
        snprintf(why, WHY_TEXT, "%u new keeps have no place", w->pending);
    else if (g->state == ROLLOUT_WAITING && ill > 0)
        snprintf(why, WHY_TEXT, "%u of %u new keeps are not well yet", ill, g->current);
    else if (g->state == ROLLOUT_WAITING && g->current < replicas)
        snprintf(why, WHY_TEXT, "%u replicas are missing", replicas - g->current);
    return why;
}

Bailey__V1__RolloutStatus *rolling_view(const struct state *st, const struct workload *w,
                                        struct arena *a)
{
    Bailey__V1__RolloutStatus *r = arena_alloc(a, sizeof *r);
    uint32_t want = w->msg->metadata->deleted_at[0] == '\0' ? w->msg->spec->replicas : 0;
    struct plan p = {0};

    if (r == NULL)
        return NULL;
    bailey__v1__rollout_status__init(r);
    if (stored(w) != NULL)
        *r = *stored(w);
    r->previous = NULL;
    plan_make(st, w, want, &p);
    r->updated = p.progress.current;
    r->updated_ready = p.progress.current_healthy;
    r->outdated = 0;
    for (size_t i = 0; i < w->keeps.n; i++)
        r->outdated += keep_live(w->keeps.v[i]) && keep_outdated(w->keeps.v[i]);
    if (p.progress.state == ROLLOUT_DONE && r->outdated > 0)
        p.progress.state = r->paused ? ROLLOUT_PAUSED : ROLLOUT_PROGRESSING;
    /* a step is taken as soon as it can be: what is still to be started has no place, or waits */
    if (p.progress.state == ROLLOUT_PROGRESSING && (w->failures > 0 || w->pending > 0))
        p.progress.state = ROLLOUT_WAITING;
    r->state = (char *)(uintptr_t)rollout_state_name(p.progress.state);
    r->reason = (char *)(uintptr_t)reason(w, &p.progress, p.replicas, a);
    plan_free(&p);
    return r;
}
