#include "rpc/call.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <stdlib.h>

#include "proto/unpack.h"
#include "rpc/call_int.h"
#include "rpc/server_int.h"
#include "rpc/status.h"
#include "rpc/tls_int.h"
#include "rpc/unconst.h"

void rpc_call_init(struct rpc_call *c, struct rpc_loop *l)
{
    memset(c, 0, sizeof *c);
    c->loop = l;
    c->refs = 1;
    c->queue_end = &c->queue;
    c->status_text = grpc_empty_slice();
    grpc_metadata_array_init(&c->metadata);
    grpc_metadata_array_init(&c->trailing);
    grpc_call_details_init(&c->details);
    rpc_loop_hold(l);
}

static void call_free(struct rpc_call *c)
{
    struct rpc_loop *l = c->loop;

    rpc_queue_drop(c);
    if (c->incoming != NULL)
        grpc_byte_buffer_destroy(c->incoming);
    grpc_slice_unref(c->status_text);
    if (c->has_trailer)
        grpc_slice_unref(c->trailer.value);
    grpc_metadata_array_destroy(&c->metadata);
    grpc_metadata_array_destroy(&c->trailing);
    grpc_call_details_destroy(&c->details);
    gpr_free(unconst(c->error_string));
    if (c->auth != NULL)
        grpc_auth_context_release(c->auth);
    gpr_free(c->address);
    free(c->peer);
    free(c->local);
    arena_fini(&c->arena);
    free(c);
    rpc_loop_drop(l);
}

struct rpc_call *rpc_call_ref(struct rpc_call *c)
{
    c->refs++;
    return c;
}

void rpc_call_unref(struct rpc_call *c)
{
    BUG_ON(c->refs == 0);
    if (--c->refs == 0)
        call_free(c);
}

void rpc_call_batch(struct rpc_call *c, struct rpc_op *op, void (*done)(struct rpc_op *, bool ok),
                    const grpc_op *ops, size_t n)
{
    op->done = done;
    c->pending++;
    OP_BEGIN(op);
    BUG_ON(grpc_call_start_batch(c->call, ops, n, op, NULL) != GRPC_CALL_OK);
}

void rpc_call_completed(struct rpc_call *c)
{
    BUG_ON(c->pending == 0);
    c->pending--;
    rpc_call_settle(c);
}

void rpc_call_settle(struct rpc_call *c)
{
    if (c->over || c->pending != 0 || (c->server && c->visible && !c->stream && !c->replied))
        return;
    c->over = true;
    if (c->visible && c->stream != NULL && c->stream->on_closed != NULL)
        c->stream->on_closed(c, c->cancelled, c->stream_user);
    rpc_queue_drop(c);
    if (c->call != NULL)
        grpc_call_unref(c->call);
    c->call = NULL;
    c->ended(c);
    rpc_call_unref(c);
}

void rpc_queue_drop(struct rpc_call *c)
{
    while (c->queue != NULL) {
        struct rpc_out *o = c->queue;

        c->queue = o->next;
        grpc_byte_buffer_destroy(o->bytes);
        free(o);
    }
    c->queue_end = &c->queue;
    c->queued = 0;
}

grpc_byte_buffer *rpc_bytes_pack(const ProtobufCMessage *m, size_t *n)
{
    size_t size = protobuf_c_message_get_packed_size(m);
    grpc_slice s = grpc_slice_malloc(size);
    grpc_byte_buffer *b;

    (void)protobuf_c_message_pack(m, GRPC_SLICE_START_PTR(s));
    b = grpc_raw_byte_buffer_create(&s, 1);
    grpc_slice_unref(s);
    *n = size;
    return b;
}

bool rpc_bytes_unpack(grpc_byte_buffer *bytes, const ProtobufCMessageDescriptor *type,
                      struct arena *a, ProtobufCMessage **out, struct err *e)
{
    grpc_byte_buffer_reader r;
    grpc_slice s;
    bool ok;

    if (grpc_byte_buffer_reader_init(&r, bytes) == 0)
        return err_set(e, ERR_INPUT, "rpc.encoding", "%s: cannot be decompressed",
                       type->short_name);
    s = grpc_byte_buffer_reader_readall(&r); /* one slice: no copy */
    ok = proto_unpack(type, (struct bytes){GRPC_SLICE_START_PTR(s), GRPC_SLICE_LENGTH(s)}, a, out,
                      e);
    grpc_slice_unref(s);
    grpc_byte_buffer_reader_destroy(&r);
    return ok;
}

/* Receiving. */

static void deliver(struct rpc_call *c)
{
    AUTO_ARENA struct arena a = {0};
    ProtobufCMessage *m = NULL;
    struct err e = {0};
    bool ok;

    arena_init(&a, c->arena_limit);
    ok = rpc_bytes_unpack(c->incoming, c->incoming_type, &a, &m, &e);
    grpc_byte_buffer_destroy(c->incoming);
    c->incoming = NULL;
    if (ok && c->server && rpc_server_inspect(c, m, &e) != RPC_ADMIT) {
        c->eof = true;
        rpc_finish(c, &e);
    } else if (ok && c->stream->on_message != NULL) {
        c->stream->on_message(c, m, c->stream_user);
    } else if (!ok) {
        c->eof = true; /* read no further */
        if (c->server) {
            rpc_finish(c, &e);
            return;
        }
        c->local = calloc(1, sizeof *c->local);
        if (c->local != NULL)
            *c->local = e;
        rpc_cancel(c);
    }
}

/* A client that cancels looks, for a moment, like one that has sent all: the core reports the end
 * of its messages first and the cancel right after. So the end waits for HALF_CLOSE_MS. */
#define HALF_CLOSE_MS 2

static void half_closes(uv_timer_t *t)
{
    struct rpc_loop *l = container_of(t, struct rpc_loop, turn);
    struct rpc_call *c = l->half_closed;

    l->half_closed = NULL;
    while (c != NULL) {
        struct rpc_call *next = c->next_half_closed;

        if (!c->cancelled && !c->finishing)
            c->stream->on_half_close(c, c->stream_user);
        rpc_call_completed(c);
        c = next;
    }
}

static void half_close_soon(struct rpc_call *c)
{
    struct rpc_call **at = &c->loop->half_closed;

    while (*at != NULL)
        at = &(*at)->next_half_closed;
    c->next_half_closed = NULL;
    *at = c;
    c->pending++;
    if (!uv_is_active((uv_handle_t *)&c->loop->turn))
        (void)uv_timer_start(&c->loop->turn, half_closes, HALF_CLOSE_MS, 0);
}

static void received(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_recv);

    c->receiving = false;
    if (!ok || c->incoming == NULL) {
        c->eof = true;
        if (c->server && ok && !c->cancelled && !c->finishing && c->stream->on_half_close != NULL)
            half_close_soon(c);
    } else if (c->cancelled || (c->server && c->finishing)) {
        grpc_byte_buffer_destroy(c->incoming); /* nobody wants it any more; keep the window open */
        c->incoming = NULL;
    } else {
        deliver(c);
    }
    rpc_call_receive(c);
    rpc_call_completed(c);
}

void rpc_call_receive(struct rpc_call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};

    if (c->receiving || c->eof || c->over || c->cancelled || c->stream == NULL || c->call == NULL ||
        c->paused || (c->server && c->finishing))
        return;
    op.data.recv_message.recv_message = &c->incoming;
    c->receiving = true;
    rpc_call_batch(c, &c->op_recv, received, &op, 1);
}

void rpc_read_pause(struct rpc_call *c)
{
    c->paused = true;
}

void rpc_read_resume(struct rpc_call *c)
{
    c->paused = false;
    if (c->visible)
        rpc_call_receive(c);
}

/* Sending. */

grpc_op rpc_initial_op(void)
{
    return (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
}

void rpc_end_set(struct rpc_call *c, const struct err *e)
{
    AUTO_BUF struct buf details = {0};

    c->status = e == NULL ? GRPC_STATUS_OK : (grpc_status_code)rpc_status_of(e->code);
    if (e == NULL || c->status == GRPC_STATUS_OK)
        return;
    grpc_slice_unref(c->status_text);
    c->status_text = grpc_slice_from_copied_string(e->msg);
    rpc_status_pack(e, &details);
    if (c->has_trailer || details.failed)
        return;
    c->trailer.key = grpc_slice_from_static_string(RPC_STATUS_DETAILS);
    c->trailer.value = grpc_slice_from_copied_buffer((const char *)details.p, details.n);
    c->has_trailer = true;
}

grpc_op rpc_end_op(struct rpc_call *c)
{
    grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER};

    op.data.send_status_from_server.status = c->status;
    op.data.send_status_from_server.status_details = &c->status_text;
    op.data.send_status_from_server.trailing_metadata = c->has_trailer ? &c->trailer : NULL;
    op.data.send_status_from_server.trailing_metadata_count = c->has_trailer ? 1 : 0;
    return op;
}

static void ended(struct rpc_op *op, bool ok)
{
    (void)ok;
    rpc_call_completed(container_of(op, struct rpc_call, op_end));
}

static void sent(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_send);
    struct rpc_out *o = c->queue;

    c->sending = false;
    if (o != NULL) {
        c->queue = o->next;
        if (c->queue == NULL)
            c->queue_end = &c->queue;
        c->queued -= o->n;
        grpc_byte_buffer_destroy(o->bytes);
        free(o);
    }
    if (!ok || c->cancelled)
        rpc_queue_drop(c); /* the stream is broken; its close is on the way */
    rpc_call_pump(c);
    if (ok && o != NULL && !c->cancelled && !c->finishing && c->queued < RPC_LOW_WATER &&
        c->stream != NULL && c->stream->on_writable != NULL)
        c->stream->on_writable(c, c->stream_user);
    rpc_call_completed(c);
}

void rpc_call_pump(struct rpc_call *c)
{
    grpc_op ops[3];
    size_t n = 0;

    if (c->sending || c->over || c->call == NULL || c->cancelled)
        return;
    memset(ops, 0, sizeof ops);
    if (c->server && !c->sent_initial && (c->queue != NULL || c->finishing)) {
        ops[n++] = rpc_initial_op();
        c->sent_initial = true;
    }
    if (c->queue != NULL) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = c->queue->bytes;
        c->sending = true;
        rpc_call_batch(c, &c->op_send, sent, ops, n);
    } else if (c->finishing && !c->finish_sent) {
        c->finish_sent = true;
        if (c->server)
            ops[n++] = rpc_end_op(c);
        else
            ops[n++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
        rpc_call_batch(c, &c->op_end, ended, ops, n);
    }
}

bool rpc_send(struct rpc_call *c, const ProtobufCMessage *m)
{
    struct rpc_out *o;

    if (c->over || c->cancelled || c->finishing || c->call == NULL)
        return false;
    o = c->queued > RPC_QUEUE_LIMIT ? NULL : calloc(1, sizeof *o);
    if (o == NULL) {
        rpc_cancel(c);
        return false;
    }
    o->bytes = rpc_bytes_pack(m, &o->n);
    *c->queue_end = o;
    c->queue_end = &o->next;
    c->queued += o->n;
    rpc_call_pump(c);
    return true;
}

size_t rpc_pending(const struct rpc_call *c)
{
    return c->queued;
}

void rpc_finish(struct rpc_call *c, const struct err *e)
{
    BUG_ON(!c->server || c->stream == NULL);
    if (c->over || c->finishing)
        return;
    rpc_end_set(c, e);
    c->finishing = true;
    rpc_call_pump(c);
}

void rpc_half_close(struct rpc_call *c)
{
    BUG_ON(c->server);
    if (c->over || c->finishing)
        return;
    c->finishing = true;
    rpc_call_pump(c);
}

void rpc_cancel(struct rpc_call *c)
{
    if (c->over || c->call == NULL)
        return;
    c->cancelled = true;
    (void)grpc_call_cancel(c->call, NULL);
}

/* Questions. */

bool rpc_call_cancelled(const struct rpc_call *c)
{
    return c->cancelled;
}

int64_t rpc_call_left_ms(const struct rpc_call *c)
{
    gpr_timespec left;

    if (gpr_time_cmp(c->deadline, gpr_inf_future(c->deadline.clock_type)) == 0)
        return INT64_MAX;
    left = gpr_time_sub(c->deadline, gpr_now(c->deadline.clock_type));
    return left.tv_sec * 1000 + left.tv_nsec / 1000000;
}

void *rpc_call_user(const struct rpc_call *c)
{
    return c->user;
}

void rpc_call_set_user(struct rpc_call *c, void *user)
{
    c->user = user;
}

const struct rpc_peer *rpc_call_peer(struct rpc_call *c)
{
    static const struct rpc_peer nobody;

    if (c->peer == NULL && c->server && c->call != NULL) {
        c->peer = calloc(1, sizeof *c->peer);
        if (c->peer == NULL)
            return &nobody;
        c->auth = grpc_call_auth_context(c->call);
        rpc_peer_read(c->auth, c->peer);
    }
    return c->peer == NULL ? &nobody : c->peer;
}

const char *rpc_call_address(struct rpc_call *c)
{
    if (c->address == NULL && c->call != NULL)
        c->address = grpc_call_get_peer(c->call);
    return c->address == NULL ? "" : c->address;
}

const char *rpc_call_method(const struct rpc_call *c)
{
    return c->path;
}

struct arena *rpc_call_arena(struct rpc_call *c)
{
    return &c->arena;
}
