/* policy_state.h - trust objects in memory: policies, advisories, exceptions, revocations. What
 * they mean for workloads is in effective.h. */
#ifndef CONTROLLER_POLICY_STATE_H
#define CONTROLLER_POLICY_STATE_H

#include "controller/kind.h"

struct trust_object {
    struct object object;
    union {
        Bailey__V1__TrustPolicy *policy;
        Bailey__V1__Advisory *advisory;
        Bailey__V1__Exception *exception;
        Bailey__V1__Revocation *revocation;
    }; /* object.msg */
};

/* A new object of the kind from a message (copied), entered and touched; NULL: no memory. */
struct trust_object *trust_new(struct state *st, enum object_kind kind,
                               const ProtobufCMessage *src);

/* Takes over the spec and labels of src, which is of the same kind. */
void trust_change(struct state *st, struct trust_object *t, const ProtobufCMessage *src);

/* Out of every index, and freed; the store is the caller's (txn_remove() does both). */
void trust_forget(struct state *st, struct trust_object *t);

void trust_forget_all(struct state *st);

/* The status, made where there is none; and the policy's list of floors, made n long. */
Bailey__V1__TrustPolicyStatus *trust_policy_status(struct trust_object *t);
Bailey__V1__ExceptionStatus *trust_exception_status(struct trust_object *t);
Bailey__V1__RevocationStatus *trust_revocation_status(struct trust_object *t);
void trust_floors_resize(Bailey__V1__TrustPolicyStatus *s, size_t n);

/* The spec inside the message. */
const ProtobufCMessage *trust_spec(const struct object *o);

#endif
