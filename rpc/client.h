/* client.h - calls to one server. Everything runs on the loop's thread; errors come back as the
 * struct err that the server failed with, reason, field, found, expected and mend included. */
#ifndef RPC_CLIENT_H
#define RPC_CLIENT_H

#include "rpc/call.h"
#include "rpc/loop.h"

struct rpc_client;

struct rpc_client_options {       /* 0 or NULL: the default */
    const char *target;           /* "host:port" */
    struct rpc_tls tls;           /* ca alone: server authentication only; all NULL: plain TCP */
    const char *ca_pem;           /* instead of tls.ca: the text itself */
    const char *server_name;      /* checked against the certificate instead of the target's host */
    size_t max_message_bytes;     /* 4 MiB */
    size_t max_arena_bytes;       /* 32 MiB */
    int64_t backoff_ms;           /* before the first reconnection, +-20 %, grows by 1.6; 1 s */
    int64_t backoff_max_ms;       /* 120 s */
    int64_t connect_timeout_ms;   /* one attempt, TLS included; 60 s: after a server's restart all
                                     clients come at once and each must wait its turn */
    int64_t keepalive_ms;         /* 30 s; sent also without calls */
    int64_t keepalive_timeout_ms; /* 15 s */
};

/* Connects at the first call. */
NODISCARD bool rpc_client_new(struct rpc_loop *l, const struct rpc_client_options *o,
                              struct rpc_client **out, struct err *e);
void rpc_client_free(struct rpc_client *cl); /* cancels its calls; their callbacks still come */

/* Reads the PEM files again: calls made from now on use them, over a new connection; streams that
 * are open stay on the old one. */
NODISCARD bool rpc_client_reload_tls(struct rpc_client *cl, struct err *e);

enum rpc_connectivity {
    RPC_IDLE,
    RPC_CONNECTING,
    RPC_READY,
    RPC_FAILED /* waiting to try again */
};
enum rpc_connectivity rpc_client_connectivity(struct rpc_client *cl, bool try_to_connect);

struct rpc_call_options {
    int64_t deadline_ms; /* from now; 0: none */
    bool wait_for_ready; /* wait for the server instead of ERR_UNAVAIL; for whoever reconnects */
};

/* done comes exactly once, after this returned: reply NULL and *e, or the reply (lives until done
 * returns) and e NULL. The call may be rpc_cancel()ed until then. */
typedef void (*rpc_done)(void *user, const ProtobufCMessage *reply, const struct err *e);

/* o may be NULL. NULL when there is no memory or no such method (a bug in the caller): then done
 * does not come. */
struct rpc_call *rpc_client_call(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                                 const char *method, const ProtobufCMessage *req,
                                 const struct rpc_call_options *o, rpc_done done, void *user);

/* Opens a stream; user goes to the callbacks and is rpc_call_user(). on_open comes with the
 * server's first sign of life. Messages may be sent at once. For a method that takes one request:
 * rpc_send(), rpc_half_close(). NULL as above. */
struct rpc_call *rpc_stream_open(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                                 const char *method, const struct rpc_call_options *o,
                                 const struct rpc_stream *callbacks, void *user);

/* For programs that do one thing after another: runs the uv loop until the answer is there. *reply
 * lives in `a`. */
NODISCARD bool rpc_client_call_wait(struct rpc_client *cl,
                                    const ProtobufCServiceDescriptor *service, const char *method,
                                    const ProtobufCMessage *req, const struct rpc_call_options *o,
                                    struct arena *a, ProtobufCMessage **reply, struct err *e);

#endif
