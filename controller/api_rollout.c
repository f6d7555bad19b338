/* GetRollout, ChangeRollout. */
#include "controller/api.h"
#include "controller/api_apply.h"
#include "controller/authorize.h"
#include "controller/reconcile.h"
#include "controller/reply.h"
#include "controller/rolling.h"
#include "controller/txn.h"
#include "proto/unpack.h"

#define VIEW_LIMIT (1u << 20)
#define ACTION(a) BAILEY__V1__CHANGE_ROLLOUT_REQUEST__ACTION__##a

static struct workload *named(const struct state *st, const char *ns, const char *name,
                              struct err *e)
{
    struct workload *w = state_workload(st, ns[0] == '\0' ? "default" : ns, name);

    if (w == NULL)
        err_set(e, ERR_MISSING, "api.no-such-object", "there is no workload %.64s", name);
    return w;
}

void api_get_rollout(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__GetRolloutRequest *r = (const Bailey__V1__GetRolloutRequest *)base;
    Bailey__V1__GetRolloutResponse out = BAILEY__V1__GET_ROLLOUT_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};
    const struct workload *w = named(st, r->namespace_, r->name, &e);
    AUTO_ARENA struct arena a;

    arena_init(&a, VIEW_LIMIT);
    if (w == NULL) {
        rpc_fail(call, &e);
        return;
    }
    out.rollout = rolling_view(st, w, &a);
    out.replicas = w->msg->spec->replicas;
    out.generation = w->msg->metadata->generation;
    reply_settled(st, call, &out.base);
}

static bool set_paused(struct state *st, struct workload *w, bool paused, const char *who)
{
    Bailey__V1__RolloutStatus *r = rolling_record(w);

    if (r->paused == paused)
        return true;
    r->paused = paused;
    text_set(&r->paused_by, paused ? who : "");
    text_set_time(&r->paused_at, paused ? state_wall_ms(st) / 1000 : 0);
    txn_touch(st, &w->object);
    event_add(st, &w->object, "normal", paused ? "rollout.paused" : "rollout.resumed", who,
              paused ? "nothing is replaced on account of a change" : "changes are rolled out");
    return true;
}

/* The spec of now with the keeps of the one before. */
static Bailey__V1__Workload *undone(const struct workload *w, struct arena *a)
{
    const Bailey__V1__RolloutStatus *r = w->msg->status == NULL ? NULL : w->msg->status->rollout;
    Bailey__V1__Workload m = *w->msg;
    Bailey__V1__WorkloadSpec spec;

    if (r == NULL || r->previous == NULL)
        return NULL;
    spec = *r->previous;
    spec.replicas = m.spec->replicas;
    spec.trust = m.spec->trust;
    spec.placement = m.spec->placement;
    spec.availability = m.spec->availability;
    m.spec = &spec;
    m.status = NULL;
    return (Bailey__V1__Workload *)proto_copy(&m.base, a);
}

static bool undo(struct state *st, struct workload *w, const char *who, struct err *e)
{
    AUTO_ARENA struct arena a;
    Bailey__V1__Workload *m;

    arena_init(&a, VIEW_LIMIT);
    m = undone(w, &a);
    if (m == NULL)
        return err_set(e, ERR_CONFLICT, "rollout.nothing-to-undo",
                       "workload %s has had no change that replaced its keeps", w->object.key),
               err_mend(e, "apply what is to run instead");
    event_add(st, &w->object, "normal", "rollout.undone", who, "back to generation %llu",
              (unsigned long long)w->msg->status->rollout->previous_generation);
    if (!apply_one_workload(st, m, who, e))
        return false;
    return set_paused(st, w, false, who);
}

static bool change(struct state *st, struct workload *w, int action, const char *who, struct err *e)
{
    if (w->msg->metadata->deleted_at[0] != '\0')
        return err_set(e, ERR_CONFLICT, "workload.deleting", "workload %s is being deleted",
                       w->object.key);
    switch (action) {
    case ACTION(pause):
        return set_paused(st, w, true, who);
    case ACTION(resume):
        return set_paused(st, w, false, who);
    case ACTION(undo):
        return undo(st, w, who, e);
    default:
        return err_set(e, ERR_INPUT, "rollout.action", "there is no such action"),
               err_field(e, "action"), err_found(e, "%d", action),
               err_expected(e, "pause, resume or undo");
    }
}

void api_change_rollout(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ChangeRolloutRequest *r = (const Bailey__V1__ChangeRolloutRequest *)base;
    Bailey__V1__ChangeRolloutResponse out = BAILEY__V1__CHANGE_ROLLOUT_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};
    struct workload *w = named(st, r->namespace_, r->name, &e);
    AUTO_ARENA struct arena a;

    arena_init(&a, VIEW_LIMIT);
    if (w == NULL || !change(st, w, (int)r->action, peer_user(st, rpc_call_peer(call)), &e)) {
        rpc_fail(call, &e);
        return;
    }
    reconcile_workload(st, w);
    reconcile_run(st);
    out.rollout = rolling_view(st, w, &a);
    out.generation = w->msg->metadata->generation;
    reply_settled(st, call, &out.base);
}
