/* approval.h - trust changes that need a second person (settings.require_approval).
 *
 * A call that is such a change is not done but noted, as the SHA-256 of its method and request.
 * Another person approves it; then the one who asked repeats the very same request, once. What is
 * approved is exactly what was asked. Settings and users need a second person as soon as anything
 * does: else one person could lift the rule, or become two. */
#ifndef CONTROLLER_APPROVAL_H
#define CONTROLLER_APPROVAL_H

#include "controller/roles.h"
#include "controller/state.h"
#include "rpc/server.h"

#define APPROVAL_PENDING_S 86400 /* it may wait so long for the second person */
#define APPROVAL_GOOD_S 3600     /* and so long for its use */
#define APPROVALS_PENDING_MAX 20 /* of one user */
#define APPROVALS_KEPT 1000

/* Lets a call through that needs nobody else, or that was approved (and marks it used); notes it
 * otherwise, and answers approval.needed after the commit. */
enum rpc_inspection approval_gate(struct state *st, struct rpc_call *call,
                                  const struct rpc_method *m, const ProtobufCMessage *req,
                                  const char *who, struct err *e);

/* The kinds of trust change that a request is, as a set of bits 1 << enum. */
unsigned approval_changes(const struct rpc_method *m, const ProtobufCMessage *req);

/* Whether any of these needs a second person now. */
bool approval_required(const struct state *st, unsigned changes);

/* The step behind the gate, with the digest of the request: NULL: it goes through. Otherwise the
 * note that waits. approval.too-many: NULL with *e set. */
const Bailey__V1__Approval *approval_ask(struct state *st, Bailey__V1__TrustChange change,
                                         const char *method, const char *digest,
                                         const char *summary, const char *who, struct err *e);

/* The second person's word. approval.missing, approval.own, approval.over. */
NODISCARD bool approval_decide(struct state *st, const char *id, bool approve, const char *who,
                               Bailey__V1__Approval **out, struct err *e);

/* Pending ones that ran out become expired; the oldest that are over are dropped. */
void approval_sweep(struct state *st);

#endif
