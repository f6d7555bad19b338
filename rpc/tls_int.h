/* tls_int.h - private to rpc/: PEM files in memory, and the core's credentials made of them. */
#ifndef RPC_TLS_INT_H
#define RPC_TLS_INT_H

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "rpc/call.h"
#include "rpc/loop.h"
#include "rpc/tls.h"

struct rpc_pem { /* owned texts; NULL: none */
    char *ca, *certificate, *key;
};

/* Reads and checks: each file parses, the key is the certificate's. need_ca, need_key: a missing
 * path is an error. */
NODISCARD bool rpc_pem_read(const struct rpc_tls *tls, struct rpc_pem *out, struct err *e);
void rpc_pem_fini(struct rpc_pem *p);

/* A listener's files. Belongs to the loop and lives until the core is shut down. */
struct rpc_tls_file;

NODISCARD bool rpc_tls_file_new(struct rpc_loop *l, const struct rpc_tls *tls,
                                enum rpc_client_cert client_cert, struct rpc_tls_file **out,
                                struct err *e);
NODISCARD bool rpc_tls_file_reload(struct rpc_tls_file *f, struct err *e);
grpc_server_credentials *rpc_tls_file_credentials(struct rpc_tls_file *f);
void rpc_tls_files_free(struct rpc_tls_file *first);

/* What a client shows and believes. */
grpc_channel_credentials *rpc_tls_client_credentials(const struct rpc_pem *p);

/* Copies what the handshake proved; pem points into context, which must stay. */
void rpc_peer_read(const grpc_auth_context *context, struct rpc_peer *out);

#endif
