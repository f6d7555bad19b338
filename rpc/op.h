/* op.h - private to rpc/: one completion tag. A tag is embedded in whatever waits for it, so a
 * batch costs no allocation. */
#ifndef RPC_OP_H
#define RPC_OP_H

#include <stddef.h>

#include "rpc/loop.h"

struct rpc_op {
    void (*done)(struct rpc_op *, bool ok); /* on the loop's thread */
    struct rpc_op *next;
    bool ok;
};

#define container_of(p, type, member)                                                              \
    ((type *)(void *)((char *)(1 ? (p) : &((type *)0)->member) - offsetof(type, member)))

/* ThreadSanitizer cannot see the hand-over inside the core (it is not instrumented): this says that
 * what was written before the batch began is there when its tag comes back. */
#ifdef BAILEY_TSAN
void __tsan_acquire(void *p);
void __tsan_release(void *p);
#define OP_BEGIN(op) __tsan_release(op)
#define OP_END(op) __tsan_acquire(op)
#else
#define OP_BEGIN(op) ((void)(op))
#define OP_END(op) ((void)(op))
#endif

/* One more or one less that the loop must not close before. */
void rpc_loop_hold(struct rpc_loop *l);
void rpc_loop_drop(struct rpc_loop *l);

#endif
