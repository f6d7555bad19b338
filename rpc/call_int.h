/* call_int.h - private to rpc/: the body of a call, and the parts that both sides share (call.c).
 *
 * A call is over when no completion is owed (pending == 0) and, for a unary handler, the reply was
 * given. Until then one completion is always owed: RECV_CLOSE on a server, RECV_STATUS on a client.
 */
#ifndef RPC_CALL_INT_H
#define RPC_CALL_INT_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "base/buf.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/op.h"

#define RPC_QUEUE_LIMIT (16u << 20)

struct rpc_out { /* one message that waits to be sent */
    struct rpc_out *next;
    grpc_byte_buffer *bytes;
    size_t n;
};

struct rpc_call {
    struct rpc_loop *loop;
    grpc_call *call;                 /* NULL: not begun, or over */
    const struct rpc_stream *stream; /* NULL: unary */
    void *stream_user;               /* what the callbacks get */
    void *user;
    const char *path;
    const ProtobufCMessageDescriptor *incoming_type;
    size_t arena_limit;
    unsigned refs, pending;
    bool server, visible, over, cancelled;
    bool inspected; /* server: the request was looked at */
    bool sent_initial, sending, receiving, eof, paused;
    bool finishing, finish_sent, half_closed;

    struct rpc_op op_new, op_recv, op_send, op_close, op_end;
    grpc_metadata_array metadata;
    gpr_timespec deadline;
    grpc_byte_buffer *incoming;
    struct rpc_out *queue, **queue_end;
    size_t queued;
    struct arena arena;
    struct rpc_peer *peer;
    grpc_auth_context *auth;
    char *address;

    /* how it ends: what a server sends, what a client got */
    grpc_status_code status;
    grpc_slice status_text;
    grpc_metadata trailer;
    bool has_trailer;
    int close_cancelled;

    /* server */
    struct rpc_server *owner;
    struct rpc_armed *armed;
    struct rpc_call *next_live, **at_live;
    struct rpc_call *next_half_closed;
    bool replied, watched;
    uint64_t arrived_ns;
    void (*on_cancelled)(struct rpc_call *, void *user);
    grpc_call_details details; /* only of calls to methods that do not exist */

    /* client */
    struct rpc_channel *channel;
    grpc_metadata_array trailing;
    const char *error_string; /* of the core, gpr_free() */
    rpc_done done;
    struct err *local; /* what went wrong here, instead of the status */

    void (*ended)(struct rpc_call *); /* the owner's last word, from rpc_call_settle() */
};

void rpc_call_init(struct rpc_call *c, struct rpc_loop *l);

/* Starts a batch; op.done will be called. */
void rpc_call_batch(struct rpc_call *c, struct rpc_op *op, void (*done)(struct rpc_op *, bool ok),
                    const grpc_op *ops, size_t n);
/* The last thing every completion does: ends the call when nothing is owed any more. */
void rpc_call_settle(struct rpc_call *c);
void rpc_call_completed(struct rpc_call *c); /* one less owed, then settles */

void rpc_call_receive(struct rpc_call *c); /* asks for the next message where that makes sense */
void rpc_call_pump(struct rpc_call *c);    /* sends what waits, then the end */
void rpc_queue_drop(struct rpc_call *c);

grpc_byte_buffer *rpc_bytes_pack(const ProtobufCMessage *m, size_t *n);
NODISCARD bool rpc_bytes_unpack(grpc_byte_buffer *bytes, const ProtobufCMessageDescriptor *type,
                                struct arena *a, ProtobufCMessage **out, struct err *e);

/* Fills status, text and trailer from *e (NULL: OK). */
void rpc_end_set(struct rpc_call *c, const struct err *e);
/* The server's op that sends them. */
grpc_op rpc_end_op(struct rpc_call *c);
grpc_op rpc_initial_op(void);

#endif
