/* server_int.h - private to rpc/: the server's bodies.
 *
 * Each listener is a server of its own in the core: so what may be called on which port is decided
 * by what is registered there, not by a check that could be forgotten. */
#ifndef RPC_SERVER_INT_H
#define RPC_SERVER_INT_H

#include "base/vec.h"
#include "rpc/call_int.h"
#include "rpc/server.h"
#include "rpc/tls_int.h"

#define RPC_LISTENERS 8u

struct rpc_entry { /* a method, owned by the server */
    struct rpc_method m;
    char *path;
    const ProtobufCMessageDescriptor *input, *output;
};

struct rpc_armed { /* a method on a listener, for which the core holds empty calls of ours */
    struct rpc_port *port;
    const struct rpc_entry *entry; /* NULL: any path that is not registered */
    void *handle;                  /* the core's */
};

struct rpc_port {
    struct rpc_server *server;
    grpc_server *core;
    struct rpc_tls_file *tls; /* NULL: plain */
    rpc_authorize authorize;
    rpc_inspect inspect;
    void *user;
    unsigned index, max_calls;
    size_t n_live;
    struct rpc_armed *armed; /* the entries, then the one for unknown paths */
    struct rpc_op op_stopped;
};

struct rpc_health;
struct rpc_reflection;

struct rpc_server {
    struct rpc_loop *loop;
    struct rpc_limits limits;
    struct rpc_port ports[RPC_LISTENERS];
    unsigned n_ports, ports_running;
    VEC(struct rpc_entry *) entries;
    struct rpc_call *live;  /* begun and not over */
    size_t n_live, n_calls; /* n_calls: those that wait in the core, too */
    bool started, stopping, done;
    struct rpc_health *health;
    struct rpc_reflection *reflection; /* made at the first question */
    rpc_observer *observer;
    void *observer_user;
    uv_timer_t grace;
    void (*on_stopped)(void *user);
    void *user;
};

/* server_call.c */
void rpc_server_arm(struct rpc_armed *armed);

/* What the listener's inspector says of a call's first message; RPC_ADMIT for the others. */
enum rpc_inspection rpc_server_inspect(struct rpc_call *c, const ProtobufCMessage *m,
                                       struct err *e);

/* health.c, reflection.c: each adds its methods; what it keeps is freed with the server. */
NODISCARD bool rpc_health_add(struct rpc_server *s, struct err *e);
void rpc_health_stop(struct rpc_server *s); /* all not serving; ends the watches */
void rpc_health_free(struct rpc_health *h);
NODISCARD bool rpc_reflection_add(struct rpc_server *s, struct err *e);
void rpc_reflection_free(struct rpc_reflection *x);
extern const struct rpc_stream rpc_reflection_stream;

/* Ends the server when it stops and nothing is under way. */
void rpc_server_settle(struct rpc_server *s);

#endif
