/* loop.h - where gRPC meets the event loop.
 *
 * One thread waits in the completion queue of the gRPC core and does nothing but push what arrived
 * onto a lock-free stack; the loop's thread takes all of it at once and runs every handler. So all
 * of rpc/ belongs to the thread that runs the uv loop, and no handler ever needs a lock. */
#ifndef RPC_LOOP_H
#define RPC_LOOP_H

#include <stdatomic.h>
#include <stddef.h>
#include <uv.h>

#include "base/err.h"

struct grpc_completion_queue;
struct rpc_call;
struct rpc_op;       /* one completion tag; rpc/op.h */
struct rpc_tls_file; /* rpc/tls_int.h */

struct rpc_loop { /* members are private to rpc/ */
    uv_loop_t *uv;
    uv_async_t wake;
    uv_timer_t turn;              /* for half_closed */
    struct rpc_call *half_closed; /* inputs at their end, unless a cancel turns up; rpc/call.c */
    uv_thread_t poller;
    struct grpc_completion_queue *queue;
    _Atomic(struct rpc_op *) arrived; /* newest first */
    atomic_bool drained;              /* the poller saw the end of the queue */
    size_t users;                     /* servers, clients and calls that still owe completions */
    bool closing, queue_shut;
    struct rpc_tls_file *tls_files; /* core threads may read these until the core is shut down */
    void (*on_closed)(struct rpc_loop *, void *user);
    void *user;
};

/* Starts the gRPC core and the poller thread. uv must outlive it. Call before other threads fork
 * anything: fork() without exec() after this breaks the parent (uv_spawn() is fine). */
NODISCARD bool rpc_loop_init(struct rpc_loop *l, uv_loop_t *uv, struct err *e);

/* Ends it once every server was stopped and every client freed (both may still be under way) and
 * all their calls are over; then calls on_closed (may be NULL) on the loop, from where *l may be
 * freed. Keeps the uv loop alive until then. */
void rpc_loop_close(struct rpc_loop *l, void (*on_closed)(struct rpc_loop *, void *user),
                    void *user);

#endif
