#include "controller/view.h"

#include <stdio.h>

#include "controller/move.h"
#include "controller/reconcile.h"
#include "controller/revocation.h"
#include "controller/rolling.h"
#include "controller/share.h"

static Bailey__V1__Object *view_new(struct arena *a)
{
    Bailey__V1__Object *v = arena_alloc(a, sizeof *v);

    if (v != NULL)
        bailey__v1__object__init(v);
    return v;
}

static char *text(const char *s)
{
    return (char *)(uintptr_t)s; /* protobuf-c's messages hold char *, borrowed here */
}

static const char *phase(const struct workload *w, uint32_t running, uint32_t keeps)
{
    if (w->msg->metadata->deleted_at[0] != '\0')
        return "stopping";
    if (w->pending > 0)
        return "pending";
    return running + reconcile_complete(w) < w->msg->spec->replicas || keeps > running
               ? "progressing"
               : "running";
}

/* What is in the way, and which revocations are. */
static const char *pending_text(const struct state *st, const struct workload *w, char *out,
                                size_t size)
{
    size_t n = strlen(share_pending(w, out, size - 100));

    if (w->last.tally[OBSTACLE_REVOKED] == 0)
        return out;
    (void)snprintf(out + n, size - n, "; ");
    if (revocation_blames(st, w, out + n + 2, size - n - 2)[0] == '\0')
        out[n] = '\0';
    return out;
}

static Bailey__V1__Object *view_workload(const struct state *st, const struct workload *w,
                                         struct arena *a)
{
    Bailey__V1__Object *v = view_new(a);
    Bailey__V1__Workload *m = arena_alloc(a, sizeof *m);
    Bailey__V1__WorkloadStatus *s = arena_alloc(a, sizeof *s);
    char *why = arena_alloc(a, 512);

    if (v == NULL || m == NULL || s == NULL || why == NULL)
        return NULL;
    *m = *w->msg;
    bailey__v1__workload_status__init(s);
    for (size_t i = 0; i < w->keeps.n; i++) {
        s->keeps += keep_live(w->keeps.v[i]);
        s->moving += keep_moving(w->keeps.v[i]);
        s->running += w->keeps.v[i]->msg->status->state == KEEP_STATE(running);
    }
    s->pending = w->pending;
    if (w->retry_at_ms <= state_now_ms(st)) {
        if (w->pending + w->waiting > 0)
            s->pending_reason = text(pending_text(st, w, why, 512));
    } else {
        snprintf(why, 512,
                 "%u keeps in a row ended without being told to; waits to start again: %s",
                 w->failures, w->retry_why);
        s->pending_reason = why;
    }
    s->phase = text(phase(w, s->running, s->keeps));
    s->observed_generation = m->metadata->generation;
    s->rollout = rolling_view(st, w, a);
    if (s->rollout == NULL || !view_exceptions(st, w, a, &s->exceptions, &s->n_exceptions) ||
        !view_warnings(w, a, &s->warnings, &s->n_warnings))
        return NULL;
    m->status = s;
    v->kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    v->workload = m;
    return v;
}

Bailey__V1__NodeStatus__TrustState view_node_trust(const struct state *st, const struct node *n)
{
    if (n->msg->status->trust == NODE_TRUST(refused))
        return NODE_TRUST(refused);
    if (revocations_of(st, n, &(uint32_t){0}, 1) > 0)
        return NODE_TRUST(revoked);
    if (!n->has_facts)
        return NODE_TRUST(unattested);
    return node_trusted(st, n, EVIDENCE_AGE_MS) ? NODE_TRUST(verified) : NODE_TRUST(stale);
}

static bool put_revocations(const struct state *st, const struct node *n, struct arena *a,
                            Bailey__V1__NodeStatus *s)
{
    uint32_t of[16];
    size_t found = revocations_of(st, n, of, 16);

    s->revocations = arena_array(a, found + 1, sizeof *s->revocations);
    for (size_t i = 0; s->revocations != NULL && i < found; i++)
        s->revocations[s->n_revocations++] = text(st->effective->revocations[of[i]].name);
    return s->revocations != NULL;
}

static Bailey__V1__Object *view_node(const struct state *st, const struct node *n, struct arena *a)
{
    Bailey__V1__Object *v = view_new(a);
    Bailey__V1__Node *m = arena_alloc(a, sizeof *m);
    Bailey__V1__NodeStatus *s = arena_alloc(a, sizeof *s);
    Bailey__V1__Capacity *used = arena_alloc(a, sizeof *used);
    char *seen = arena_alloc(a, TIME_TEXT);

    if (v == NULL || m == NULL || s == NULL || used == NULL || seen == NULL)
        return NULL;
    *m = *n->msg;
    *s = *n->msg->status;
    if (node_connected(st, n))
        s->link = NODE_LINK(connected);
    else
        s->link = n->seen ? NODE_LINK(lost) : NODE_LINK(awaited);
    s->trust = view_node_trust(st, n);
    if (!put_revocations(st, n, a, s))
        return NULL;
    if (n->last_seen_ms != 0)
        s->last_seen_at = text(time_format(n->last_seen_ms / 1000, seen));
    bailey__v1__capacity__init(used);
    if (n->handle != NODE_NONE) {
        struct node_view fv = fleet_node_view(st->fleet, n->handle);

        used->cpu_milli = fv.used.cpu_milli;
        used->memory_bytes = fv.used.memory;
        used->tee_slots = fv.used.tee_slots;
        used->epc_bytes = fv.used.epc;
        s->keeps = fv.keeps;
    }
    s->used = used;
    m->status = s;
    v->kind_case = BAILEY__V1__OBJECT__KIND_NODE;
    v->node = m;
    return v;
}

Bailey__V1__Object *view_object(const struct state *st, const struct object *o, struct arena *a)
{
    if (o->kind == OBJECT_WORKLOAD)
        return view_workload(st, (const struct workload *)o, a);
    if (o->kind == OBJECT_NODE)
        return view_node(st, (const struct node *)o, a);
    if (o->kind == OBJECT_KEEP)
        return view_keep((const struct keep *)o, a);
    return view_trust(st, (const struct trust_object *)o, a);
}

Bailey__V1__Object *view_event(const Bailey__V1__Event *ev, struct arena *a)
{
    Bailey__V1__Object *v = view_new(a);

    if (v == NULL)
        return NULL;
    v->kind_case = BAILEY__V1__OBJECT__KIND_EVENT;
    v->event = (Bailey__V1__Event *)(uintptr_t)ev;
    return v;
}
