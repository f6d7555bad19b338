/* ca_api.h - the CA as users see it: its state, and the steps of a rotation (authorities.h). */
#ifndef CONTROLLER_CA_API_H
#define CONTROLLER_CA_API_H

#include "controller/session_rpc.h"
#include "controller/state.h"
#include "rpc/server.h"

/* Identity.CaStatus, Identity.CaRotate. */
void ca_status(struct rpc_call *call, const ProtobufCMessage *base, void *user);
void ca_rotate(struct rpc_call *call, const ProtobufCMessage *base, void *user);

/* Tells a session which authorities to believe; and that its certificate is to be replaced now,
 * when its issuer is tainted. */
void ca_tell(struct state *st, struct node *n);

/* The agent keeps the bundle with this digest. */
void ca_kept(struct state *st, struct node *n, struct bytes digest);

#endif
