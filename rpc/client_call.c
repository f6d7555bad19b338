/* One call on the client's side. */
#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/client_int.h"
#include "rpc/status.h"

static void call_ended(struct rpc_call *c)
{
    if (c->at_live != NULL) {
        *c->at_live = c->next_live;
        if (c->next_live != NULL)
            c->next_live->at_live = c->at_live;
    }
    rpc_channel_unref(c->channel);
}

bool rpc_call_status(const struct rpc_call *c, struct err *e)
{
    struct bytes details = {0};
    AUTO_BUF struct buf text = {0};

    if (c->local != NULL) {
        if (e != NULL)
            *e = *c->local;
        return false;
    }
    if (c->status == GRPC_STATUS_OK)
        return true;
    for (size_t i = 0; i < c->trailing.count; i++)
        if (grpc_slice_str_cmp(c->trailing.metadata[i].key, RPC_STATUS_DETAILS) == 0)
            details = (struct bytes){GRPC_SLICE_START_PTR(c->trailing.metadata[i].value),
                                     GRPC_SLICE_LENGTH(c->trailing.metadata[i].value)};
    buf_put(&text, GRPC_SLICE_START_PTR(c->status_text), GRPC_SLICE_LENGTH(c->status_text));
    rpc_status_unpack((int)c->status, buf_str(&text), details, e);
    return false;
}

static void unary_finish(struct rpc_call *c)
{
    AUTO_ARENA struct arena a = {0};
    ProtobufCMessage *m = NULL;
    struct err e = {0};
    bool ok = rpc_call_status(c, &e);

    arena_init(&a, c->arena_limit);
    if (ok && c->incoming == NULL)
        ok = err_set(&e, ERR_INTERNAL, "rpc.no-reply", "the server gave no answer");
    else if (ok)
        ok = rpc_bytes_unpack(c->incoming, c->incoming_type, &a, &m, &e);
    if (c->done != NULL)
        c->done(c->user, ok ? m : NULL, ok ? NULL : &e);
}

static void unary_ended(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_end);

    (void)ok; /* the status says more */
    unary_finish(c);
    rpc_call_completed(c);
}

static const ProtobufCMethodDescriptor *find(const ProtobufCServiceDescriptor *service,
                                             const char *method)
{
    return protobuf_c_service_descriptor_get_method_by_name(service, method);
}

static struct rpc_call *call_new(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                                 const char *method, const struct rpc_call_options *o)
{
    const ProtobufCMethodDescriptor *d = find(service, method);
    int64_t ms = o == NULL ? 0 : o->deadline_ms;
    struct rpc_call *c;
    grpc_slice target;
    char *path;

    c = d == NULL ? NULL : malloc(sizeof *c);
    if (c == NULL)
        return NULL;
    rpc_call_init(c, cl->loop);
    arena_init(&c->arena, cl->o.max_arena_bytes);
    c->arena_limit = cl->o.max_arena_bytes;
    c->ended = call_ended;
    c->incoming_type = d->output;
    path = arena_printf(&c->arena, "/%s/%s", service->name, method);
    if (path == NULL) {
        rpc_call_unref(c);
        return NULL;
    }
    c->path = path;
    c->deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (ms > 0)
        c->deadline =
            gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
    c->channel = cl->channel;
    c->channel->refs++;
    target = grpc_slice_from_copied_string(path);
    c->call = grpc_channel_create_call(c->channel->core, NULL, GRPC_PROPAGATE_DEFAULTS,
                                       cl->loop->queue, target, NULL, c->deadline, NULL);
    grpc_slice_unref(target);
    c->next_live = cl->live;
    if (cl->live != NULL)
        cl->live->at_live = &c->next_live;
    c->at_live = &cl->live;
    cl->live = c;
    return c;
}

static grpc_op initial(const struct rpc_call_options *o)
{
    grpc_op op = rpc_initial_op();

    if (o != NULL && o->wait_for_ready)
        op.flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                   GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    return op;
}

static grpc_op status_op(struct rpc_call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};

    op.data.recv_status_on_client.trailing_metadata = &c->trailing;
    op.data.recv_status_on_client.status = &c->status;
    op.data.recv_status_on_client.status_details = &c->status_text;
    op.data.recv_status_on_client.error_string = &c->error_string;
    return op;
}

static grpc_op headers_op(struct rpc_call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_INITIAL_METADATA};

    op.data.recv_initial_metadata.recv_initial_metadata = &c->metadata;
    return op;
}

/* NOLINTNEXTLINE(readability-function-size): as many parts as a call has */
struct rpc_call *rpc_client_call(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                                 const char *method, const ProtobufCMessage *req,
                                 const struct rpc_call_options *o, rpc_done done, void *user)
{
    struct rpc_call *c = call_new(cl, service, method, o);
    grpc_byte_buffer *bytes;
    grpc_op ops[6];
    size_t size;

    if (c == NULL)
        return NULL;
    c->done = done;
    c->user = user;
    bytes = rpc_bytes_pack(req, &size);
    memset(ops, 0, sizeof ops);
    ops[0] = initial(o);
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = bytes;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3] = headers_op(c);
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &c->incoming;
    ops[5] = status_op(c);
    rpc_call_batch(c, &c->op_end, unary_ended, ops, 6);
    grpc_byte_buffer_destroy(bytes);
    return c;
}

static void stream_status(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_close);

    (void)ok;
    rpc_call_completed(c); /* messages that are still on the way come before on_closed */
}

static void stream_headers(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_new);

    if (ok && !c->cancelled && c->stream->on_open != NULL)
        c->stream->on_open(c, c->stream_user);
    rpc_call_completed(c);
}

static void stream_begun(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_send);

    (void)ok;
    c->sending = false;
    if (!ok)
        rpc_queue_drop(c);
    rpc_call_pump(c);
    rpc_call_completed(c);
}

struct rpc_call *rpc_stream_open(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                                 const char *method, const struct rpc_call_options *o,
                                 const struct rpc_stream *callbacks, void *user)
{
    struct rpc_call *c = call_new(cl, service, method, o);
    grpc_op op;

    if (c == NULL)
        return NULL;
    c->stream = callbacks;
    c->stream_user = user;
    c->user = user;
    c->visible = true;
    op = status_op(c);
    rpc_call_batch(c, &c->op_close, stream_status, &op, 1);
    op = headers_op(c);
    rpc_call_batch(c, &c->op_new, stream_headers, &op, 1);
    op = initial(o);
    c->sending = true; /* messages wait for it */
    rpc_call_batch(c, &c->op_send, stream_begun, &op, 1);
    rpc_call_receive(c);
    return c;
}
