/* authorize.h - who may call what, in one place, from the rules that stand beside the calls
 * (roles.h). Identities come from the URI SAN of the peer's certificate, which TLS has checked
 * against the cluster's authorities; a user's certificate must stand in the user's record as well,
 * and a node's must be of the key that it enrolled with. */
#ifndef CONTROLLER_AUTHORIZE_H
#define CONTROLLER_AUTHORIZE_H

#include "controller/state.h"
#include "rpc/server.h"

/* rpc_authorize of every listener; user is the struct state. Who comes too often is refused with
 * auth.rate (ERR_LIMIT) and told when to come again. */
bool authorize(struct rpc_call *call, const struct rpc_method *m, void *user, struct err *e);

/* rpc_inspect of every listener: namespaces, kinds of objects, and changes that need a second
 * person (approval.h). */
enum rpc_inspection authorize_request(struct rpc_call *call, const struct rpc_method *m,
                                      const ProtobufCMessage *req, void *user, struct err *e);

/* Whether the peer may (still) make the call, without counting it. */
bool authorize_peer(const struct state *st, const struct rpc_peer *peer, const struct rpc_method *m,
                    struct err *e);

/* Whether a user may make the call with this request, second persons aside. u: in force. */
bool authorize_content(const Bailey__V1__User *u, const struct rpc_method *m,
                       const ProtobufCMessage *req, struct err *e);

/* The enrolled node whose name and key the peer's certificate shows, or NULL. */
struct node *peer_node(const struct state *st, const struct rpc_peer *peer);

/* The operator's name in the peer's certificate, or NULL; lives as long as peer. */
const char *peer_user(const struct state *st, const struct rpc_peer *peer);

#endif
