/* reply.h - answers that leave only when everything they speak of is durable. */
#ifndef CONTROLLER_REPLY_H
#define CONTROLLER_REPLY_H

#include "controller/state.h"
#include "rpc/call.h"

/* Answers a unary call with m as it is now (copied), once all changes so far are durable. */
void reply_settled(struct state *st, struct rpc_call *call, const ProtobufCMessage *m);

#endif
