/* authorize.h - who may call what: one function and one table. Identities come from the URI SAN of
 * the peer's certificate, which TLS has checked against the cluster's CA. */
#ifndef CONTROLLER_AUTHORIZE_H
#define CONTROLLER_AUTHORIZE_H

#include "controller/state.h"
#include "rpc/server.h"

/* rpc_authorize of every listener; user is the struct state. */
bool authorize(struct rpc_call *call, const struct rpc_method *m, void *user, struct err *e);

/* The enrolled node whose name and key the peer's certificate shows, or NULL. */
struct node *peer_node(const struct state *st, const struct rpc_peer *peer);

/* The operator's name in the peer's certificate, or NULL; lives as long as peer. */
const char *peer_user(const struct state *st, const struct rpc_peer *peer);

#endif
