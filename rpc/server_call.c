/* One call on the server's side: from the core's hands to the handler and back. */
#include <stdlib.h>

#include "base/log.h"
#include "rpc/server_int.h"

static void call_ended(struct rpc_call *c)
{
    struct rpc_server *s = c->owner;

    if (c->at_live != NULL) {
        *c->at_live = c->next_live;
        if (c->next_live != NULL)
            c->next_live->at_live = c->at_live;
        s->n_live--;
        c->armed->port->n_live--;
        if (s->observer != NULL)
            s->observer(s->observer_user, c->path,
                        c->cancelled ? (int)GRPC_STATUS_CANCELLED : (int)c->status,
                        (uv_hrtime() - c->arrived_ns) / 1000);
    }
    s->n_calls--;
    rpc_server_settle(s);
}

static void closed(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_close);

    c->cancelled = c->cancelled || !ok || c->close_cancelled != 0;
    if (c->cancelled && !c->sending)
        rpc_queue_drop(c);
    if (c->cancelled && c->visible && c->stream == NULL && !c->replied && c->on_cancelled != NULL)
        c->on_cancelled(c, c->stream_user);
    rpc_call_completed(c);
}

static grpc_op close_op(struct rpc_call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};

    op.data.recv_close_on_server.cancelled = &c->close_cancelled;
    c->watched = true;
    return op;
}

/* Learns of the call's end even while nothing is sent. */
static void watch(struct rpc_call *c)
{
    grpc_op op = close_op(c);

    rpc_call_batch(c, &c->op_close, closed, &op, 1);
}

static void answered(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_end);

    (void)ok;
    rpc_call_completed(c);
}

/* Everything that is left to say, in one batch. m NULL: only the status. */
static void answer(struct rpc_call *c, const ProtobufCMessage *m)
{
    grpc_op ops[4];
    grpc_byte_buffer *bytes = NULL;
    size_t n = 0, size;

    memset(ops, 0, sizeof ops);
    ops[n++] = rpc_initial_op();
    c->sent_initial = true;
    if (m != NULL) {
        bytes = rpc_bytes_pack(m, &size);
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = bytes;
    }
    ops[n++] = rpc_end_op(c);
    if (!c->watched)
        ops[n++] = close_op(c);
    rpc_call_batch(c, &c->op_end, answered, ops, n);
    if (bytes != NULL) /* the core has taken the contents */
        grpc_byte_buffer_destroy(bytes);
}

static void reply(struct rpc_call *c, const ProtobufCMessage *m, const struct err *e)
{
    BUG_ON(!c->server || c->stream != NULL || c->replied || c->over);
    c->replied = true;
    if (c->cancelled) {
        rpc_call_settle(c);
        return;
    }
    rpc_end_set(c, e);
    answer(c, m);
}

void rpc_reply(struct rpc_call *c, const ProtobufCMessage *m)
{
    reply(c, m, NULL);
}

void rpc_fail(struct rpc_call *c, const struct err *e)
{
    BUG_ON(e->code == ERR_NONE);
    reply(c, NULL, e);
}

/* The one place where a call is let in or not. */
static bool admit(struct rpc_call *c, const struct rpc_port *p, const struct rpc_entry *entry,
                  struct err *e)
{
    struct rpc_server *s = p->server;

    if (entry == NULL)
        return err_set(e, ERR_MISSING, "rpc.unimplemented", "no such method here");
    if (s->stopping)
        return err_set(e, ERR_UNAVAIL, "rpc.stopping", "the server is stopping"),
               err_mend(e, "try again");
    if (p->n_live > p->max_calls)
        return err_set(e, ERR_LIMIT, "rpc.calls", "more than %u calls at once", p->max_calls),
               err_mend(e, "try again later");
    if (p->authorize == NULL || p->authorize(c, &entry->m, p->user, e))
        return true;
    if (e->code == ERR_NONE)
        (void)err_set(e, ERR_DENIED, "rpc.denied", "not allowed");
    return false;
}

static void refuse(struct rpc_call *c, const struct rpc_entry *entry, const struct err *e)
{
    rpc_end_set(c, e);
    if (entry == NULL)
        c->status = GRPC_STATUS_UNIMPLEMENTED;
    answer(c, NULL);
}

enum rpc_inspection rpc_server_inspect(struct rpc_call *c, const ProtobufCMessage *m, struct err *e)
{
    const struct rpc_port *p = c->armed->port;
    enum rpc_inspection r;

    if (c->inspected || p->inspect == NULL)
        return RPC_ADMIT;
    c->inspected = true;
    r = p->inspect(c, &c->armed->entry->m, m, p->user, e);
    BUG_ON(r == RPC_TAKEN && c->stream != NULL);
    if (r == RPC_REFUSE && e->code == ERR_NONE)
        (void)err_set(e, ERR_DENIED, "rpc.denied", "not allowed");
    return r;
}

void rpc_server_each_stream(struct rpc_server *s, rpc_each fn, void *user)
{
    for (struct rpc_call *c = s->live; c != NULL; c = c->next_live)
        if (c->visible && c->stream != NULL && !c->over && !c->cancelled && !c->finishing)
            fn(c, &c->armed->entry->m, user);
}

static void unary_begin(struct rpc_call *c, const struct rpc_entry *entry)
{
    AUTO_ARENA struct arena a = {0};
    ProtobufCMessage *m = NULL;
    struct err e = {0};
    bool ok;

    arena_init(&a, c->arena_limit);
    if (c->incoming == NULL)
        ok = err_set(&e, ERR_INPUT, "rpc.no-request", "the request did not arrive");
    else
        ok = rpc_bytes_unpack(c->incoming, entry->input, &a, &m, &e);
    if (c->incoming != NULL)
        grpc_byte_buffer_destroy(c->incoming);
    c->incoming = NULL;
    if (!ok) {
        refuse(c, entry, &e);
        return;
    }
    c->visible = true;
    c->on_cancelled = entry->m.on_cancelled;
    switch (rpc_server_inspect(c, m, &e)) {
    case RPC_ADMIT:
        entry->m.unary(c, m, entry->m.user);
        break;
    case RPC_REFUSE:
        rpc_fail(c, &e);
        break;
    case RPC_TAKEN:
        break;
    }
    if (!c->replied)
        watch(c);
}

static void stream_begin(struct rpc_call *c, const struct rpc_entry *entry)
{
    c->stream = entry->m.stream;
    c->incoming_type = entry->input;
    c->visible = true;
    watch(c);
    if (c->stream->on_open != NULL)
        c->stream->on_open(c, c->stream_user);
    rpc_call_receive(c);
}

static void arrived(struct rpc_op *op, bool ok)
{
    struct rpc_call *c = container_of(op, struct rpc_call, op_new);
    struct rpc_armed *armed = c->armed;
    struct rpc_server *s = c->owner;
    const struct rpc_entry *entry = armed->entry;
    struct err e = {0};

    if (!ok) { /* the server stops; nobody called */
        c->call = NULL;
        rpc_call_completed(c);
        return;
    }
    if (!s->stopping)
        rpc_server_arm(armed);
    c->next_live = s->live;
    if (s->live != NULL)
        s->live->at_live = &c->next_live;
    c->at_live = &s->live;
    s->live = c;
    s->n_live++;
    armed->port->n_live++;
    c->arrived_ns = uv_hrtime();
    c->arena_limit = s->limits.max_arena_bytes;
    arena_init(&c->arena, c->arena_limit);
    c->path = entry == NULL ? "" : entry->path;
    c->stream_user = entry == NULL ? NULL : entry->m.user;
    if (entry == NULL)
        c->deadline = c->details.deadline;
    if (!admit(c, armed->port, entry, &e) || entry == NULL)
        refuse(c, entry, &e);
    else if (entry->m.unary != NULL)
        unary_begin(c, entry);
    else
        stream_begin(c, entry);
    rpc_call_completed(c);
}

void rpc_server_arm(struct rpc_armed *armed)
{
    struct rpc_server *s = armed->port->server;
    struct rpc_call *c = malloc(sizeof *c);
    grpc_completion_queue *q = s->loop->queue;
    grpc_call_error r;

    if (c == NULL) {
        log_warn("no memory to take a call");
        return;
    }
    rpc_call_init(c, s->loop);
    c->server = true;
    c->owner = s;
    c->armed = armed;
    c->ended = call_ended;
    c->op_new.done = arrived;
    c->pending = 1;
    s->n_calls++;
    OP_BEGIN(&c->op_new);
    if (armed->entry == NULL)
        r = grpc_server_request_call(armed->port->core, &c->call, &c->details, &c->metadata, q, q,
                                     &c->op_new);
    else
        r = grpc_server_request_registered_call(
            armed->port->core, armed->handle, &c->call, &c->deadline, &c->metadata,
            armed->entry->m.unary != NULL ? &c->incoming : NULL, q, q, &c->op_new);
    BUG_ON(r != GRPC_CALL_OK);
}
