/* server.h - serves protobuf-c services on one or more listeners, each with its own port,
 * credentials and authorization. Everything runs on the loop's thread. Health
 * (grpc.health.v1) and reflection (grpc.reflection v1, v1alpha) are served on every listener.
 *
 * Order: rpc_server_new(), rpc_server_listen() and rpc_server_method() in any order,
 * rpc_server_start(), ..., rpc_server_stop(). */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "rpc/call.h"
#include "rpc/loop.h"

struct rpc_server;

struct rpc_limits {                  /* 0: the default */
    size_t max_message_bytes;        /* on the wire, each way; 4 MiB */
    size_t max_arena_bytes;          /* what one message, and rpc_call_arena(), may take; 32 MiB */
    unsigned max_connection_streams; /* calls at once on one connection; 256 */
    unsigned max_calls;              /* calls at once on one listener; further ones get ERR_LIMIT;
                                        65536, but 1024 where no client certificate is asked for */
    int64_t keepalive_ms;            /* probe a silent connection after this; 30 s */
    int64_t keepalive_timeout_ms;    /* and drop it when nothing comes back; 15 s */
    int64_t handshake_timeout_ms;    /* a TLS handshake may take this long; 120 s: in a storm of
                                        reconnects every one must be allowed to end */
    int64_t max_connection_age_ms; /* then the client must connect anew (so that an old certificate
                                      is not honoured for ever); jittered 10 %; 0: never, but 60 s
                                      where no client certificate is asked for */
};

struct rpc_method {
    const ProtobufCServiceDescriptor *service;
    const char *name;   /* "Get"; must be in service */
    unsigned listeners; /* bit i: callable on the i-th listener; 0: on all. Elsewhere it does not
                           exist (UNIMPLEMENTED) */

    /* Exactly one of these two. unary must lead to rpc_reply() or rpc_fail(). */
    void (*unary)(struct rpc_call *, const ProtobufCMessage *req, void *user);
    const struct rpc_stream *stream; /* borrowed; also for a method of which only one side streams:
                                        its one request comes as on_message, then on_half_close */
    void (*on_cancelled)(struct rpc_call *, void *user); /* unary; may be NULL: the caller has gone;
                                                            the reply is still owed */
    void *user;
};

/* Decides about each call before its handler sees it, in this one place: true = let it in, false =
 * the caller gets *e. NULL: everybody who passed the handshake. */
typedef bool (*rpc_authorize)(struct rpc_call *, const struct rpc_method *, void *user,
                              struct err *e);

/* Looks at the request of each call, for a stream at the first message, before its handler does.
 * RPC_REFUSE: the caller gets *e. RPC_TAKEN (only where one request gets one answer): the inspector
 * answers itself, now or later, with rpc_fail(); the handler never hears of it. */
enum rpc_inspection { RPC_ADMIT, RPC_REFUSE, RPC_TAKEN };
typedef enum rpc_inspection (*rpc_inspect)(struct rpc_call *, const struct rpc_method *,
                                           const ProtobufCMessage *, void *user, struct err *e);

struct rpc_listener {
    const char *address; /* "127.0.0.1:8440", "[::]:8440"; port 0: any free one */
    struct rpc_tls tls;  /* all NULL: plain TCP; for tests and benchmarks */
    enum rpc_client_cert client_cert;
    rpc_authorize authorize;
    rpc_inspect inspect; /* NULL: everything passes */
    void *user;
};

/* limits may be NULL. NULL when there is no memory. */
struct rpc_server *rpc_server_new(struct rpc_loop *l, const struct rpc_limits *limits);

/* Binds the next listener (the first has index 0); *port is the real port. At most 8. */
NODISCARD bool rpc_server_listen(struct rpc_server *s, const struct rpc_listener *listener,
                                 int *port, struct err *e);

/* Adds a method; *m is copied. ERR_EXISTS, ERR_INPUT when the service has none of that name. */
NODISCARD bool rpc_server_method(struct rpc_server *s, const struct rpc_method *m, struct err *e);

NODISCARD bool rpc_server_start(struct rpc_server *s, struct err *e);

/* Reads the PEM files of all listeners again; new handshakes use them, connections stay. On false
 * (files unreadable, key does not match) the old ones stay in use. */
NODISCARD bool rpc_server_reload_tls(struct rpc_server *s, struct err *e);

/* Of a service ("" is the server as a whole, SERVING from start to stop). */
void rpc_server_set_health(struct rpc_server *s, const char *service, bool serving);

/* Told of every call that is over, also of those that were refused: "/bailey.v1.Operator/Get" (""
 * for a method that does not exist), its gRPC status (CANCELLED when the caller went first), and
 * the microseconds since it arrived. Before rpc_server_start(). */
typedef void rpc_observer(void *user, const char *path, int status, uint64_t took_us);
void rpc_server_observe(struct rpc_server *s, rpc_observer *fn, void *user);

/* Visits the streams that handlers have and that are not over: to end those of peers that may no
 * more, with rpc_finish(). */
typedef void (*rpc_each)(struct rpc_call *, const struct rpc_method *, void *user);
void rpc_server_each_stream(struct rpc_server *s, rpc_each fn, void *user);

size_t rpc_server_calls(const struct rpc_server *s); /* calls not over yet */

/* Takes no more calls, lets the live ones end within grace_ms, then cancels them (the clients see
 * UNAVAILABLE); frees s and calls on_stopped (may be NULL) when all their ends were seen. Works on
 * a server that was never started, too. */
void rpc_server_stop(struct rpc_server *s, int64_t grace_ms, void (*on_stopped)(void *user),
                     void *user);

#endif
