#include "controller/reply.h"

#include "controller/txn.h"
#include "proto/unpack.h"

struct reply { /* in the call's arena */
    struct rpc_call *call;
    ProtobufCMessage *m;
};

static void on_settled(struct state *st, void *data)
{
    struct reply *r = data;

    (void)st;
    rpc_reply(r->call, r->m);
}

void reply_settled(struct state *st, struct rpc_call *call, const ProtobufCMessage *m)
{
    struct reply *r = arena_alloc(rpc_call_arena(call), sizeof *r);
    struct err e = {0};

    if (r != NULL) {
        r->call = call;
        r->m = proto_copy(m, rpc_call_arena(call));
    }
    if (r == NULL || r->m == NULL) {
        err_set(&e, ERR_LIMIT, "api.answer-too-large", "the answer is too large");
        err_mend(&e, "ask for fewer objects at a time");
        rpc_fail(call, &e);
        return;
    }
    txn_after(st, on_settled, r);
}
