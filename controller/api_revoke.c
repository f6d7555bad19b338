/* PlanRevocation, Revoke, Lift. */
#include "config/check.h"
#include "controller/api.h"
#include "controller/api_policy.h"
#include "controller/authorize.h"
#include "controller/failpoint.h"
#include "controller/reply.h"
#include "controller/revocation.h"
#include "controller/txn.h"
#include "controller/view.h"

#define ANSWER_LIMIT ((size_t)64 << 20)
#define BECAUSE_MAX 500 /* bytes of a reason to lift */

/* What a client sent, as an object that holds by itself. */
static bool take(Bailey__V1__Revocation *m, bool planned, Bailey__V1__Object *o, struct err *e)
{
    bailey__v1__object__init(o);
    o->kind_case = BAILEY__V1__OBJECT__KIND_REVOCATION;
    o->revocation = m;
    if (m == NULL || m->metadata == NULL || m->spec == NULL)
        return err_set(e, ERR_INPUT, "check.required", "a revocation needs metadata and spec"),
               err_field(e, "revocation");
    if (planned && m->metadata->name[0] == '\0')
        m->metadata->name = (char *)(uintptr_t) "planned"; /* its name does not matter yet */
    object_strip(o);
    return object_check(o, true, e);
}

void api_plan_revocation(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__PlanRevocationRequest *r = (const Bailey__V1__PlanRevocationRequest *)base;
    Bailey__V1__PlanRevocationResponse out = BAILEY__V1__PLAN_REVOCATION_RESPONSE__INIT;
    struct state *st = user;
    Bailey__V1__Object o;
    AUTO_ARENA struct arena a;
    struct err e = {0};

    arena_init(&a, ANSWER_LIMIT);
    if (!take(r->revocation, true, &o, &e) ||
        !revocation_plan(st, r->revocation, r->limit, &a, &out.plan, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}

static bool commit(struct state *st, const Bailey__V1__RevokeRequest *r, const char *who,
                   struct arena *a, Bailey__V1__RevokeResponse *out, struct err *e)
{
    struct trust_object *t;
    Bailey__V1__Object o;
    const char *outcome;

    if (!take(r->revocation, false, &o, e) ||
        !revocation_plan(st, r->revocation, r->limit, a, &out->plan, e) ||
        !revocation_allowed(out->plan, r->expect_digest, r->override_guard, e))
        return false;
    failpoint(FAIL_CHECKED);
    outcome = trust_outcome(st, &o);
    if (outcome[0] != 'u')
        txn_flush(st); /* the revocation has a batch of its own: its revision is the fence */
    t = trust_apply(st, &o, who);
    failpoint(FAIL_ENTERED);
    if (outcome[0] != 'u') {
        revocation_begin(st, t, out->plan, r->override_guard, who);
        effective_changed(st);
        revocation_commit(st);
    }
    out->revocation = t->revocation;
    return true;
}

void api_revoke(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__RevokeRequest *r = (const Bailey__V1__RevokeRequest *)base;
    Bailey__V1__RevokeResponse out = BAILEY__V1__REVOKE_RESPONSE__INIT;
    struct state *st = user;
    AUTO_ARENA struct arena a;
    struct err e = {0};

    arena_init(&a, ANSWER_LIMIT);
    if (!commit(st, r, peer_user(st, rpc_call_peer(call)), &a, &out, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}

static bool lift(struct state *st, const Bailey__V1__LiftRequest *r, const char *who,
                 Bailey__V1__LiftResponse *out, struct err *e)
{
    struct trust_object *t;

    if (r->because[0] == '\0' || strlen(r->because) > BECAUSE_MAX)
        return err_set(e, ERR_INPUT, "check.required", "why it is lifted is recorded"),
               err_field(e, "because"), err_expected(e, "1 to %d bytes", BECAUSE_MAX);
    t = (struct trust_object *)object_find(st, OBJECT_REVOCATION, "", r->name);
    if (t == NULL)
        return err_set(e, ERR_MISSING, "api.no-such-object", "there is no revocation %.64s",
                       r->name),
               err_field(e, "name");
    if (!revocation_lift(st, t, r->because, who, e))
        return false;
    out->revocation = t->revocation;
    return true;
}

void api_lift(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__LiftRequest *r = (const Bailey__V1__LiftRequest *)base;
    Bailey__V1__LiftResponse out = BAILEY__V1__LIFT_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};

    if (!lift(st, r, peer_user(st, rpc_call_peer(call)), &out, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}
