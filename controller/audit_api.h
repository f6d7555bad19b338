/* audit_api.h - the operators' part of the audit log. */
#ifndef CONTROLLER_AUDIT_API_H
#define CONTROLLER_AUDIT_API_H

#include "rpc/call.h"

void api_audit_head(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_audit_proof(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_receipt(struct rpc_call *call, const ProtobufCMessage *req, void *user);
extern const struct rpc_stream api_audit;

#endif
