/* enrol.h - how a node becomes known: one-use tokens, and certificates for nodes. */
#ifndef CONTROLLER_ENROL_H
#define CONTROLLER_ENROL_H

#include "base/buf.h"
#include "controller/state.h"
#include "rpc/server.h"

#define TOKEN_TEXT 160 /* "b1.<secret>.<pin>" with its NUL */
#define TOKEN_TTL_S 3600
#define TOKEN_TTL_MAX_S (7 * 86400)
#define NODE_CERT_S 86400

/* A new token, entered into the open batch; only the hash of its secret is kept. node "": any name
 * may use it. */
void token_create(struct state *st, const char *node, int64_t ttl_s, const char *by,
                  char out[TOKEN_TEXT], int64_t *expires_s);

/* Deletes tokens that can be used no more. */
void token_sweep(struct state *st);

/* A new certificate for the node's same key. certificate.other-key: the request is for another. */
NODISCARD bool enrol_renew(struct state *st, struct node *n, struct bytes csr, struct buf *pem,
                           struct err *e);

/* Registers Enrolment.Join. */
NODISCARD bool enrol_serve(struct state *st, struct rpc_server *server, unsigned listeners,
                           struct err *e);

#endif
