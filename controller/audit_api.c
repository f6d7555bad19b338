#include "controller/audit_api.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bailey/v1/operator.pb-c.h"
#include "controller/audit_int.h"
#include "proto/unpack.h"

/* One reader of the log; sends while the other end takes, and only what is durable. */
struct audit_stream {
    struct state *st;
    struct rpc_call *call; /* NULL: over */
    uint64_t next, end;    /* end: of those that do not follow, and by limit */
    bool follow, finished;
    struct audit_stream *after;
};

static bool send_entry(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct audit_stream *s = data;
    Bailey__V1__AuditResponse m = BAILEY__V1__AUDIT_RESPONSE__INIT;

    (void)key;
    if (s->next >= s->end || s->next >= audit_durable(s->st) ||
        rpc_pending(s->call) >= RPC_LOW_WATER)
        return err_set(e, ERR_LIMIT, "audit.enough", "enough for now");
    m.sequence = s->next++;
    m.entry = (ProtobufCBinaryData){value.n, (uint8_t *)(uintptr_t)value.p};
    return rpc_send(s->call, &m.base) || err_set(e, ERR_LIMIT, "audit.enough", "the call is over");
}

static void pump(struct audit_stream *s)
{
    char key[AUDIT_KEY_TEXT];
    struct err e = {0};

    if (s->call == NULL || s->finished)
        return;
    if (s->next < s->end && s->next < audit_durable(s->st) &&
        !store_each_from(s->st->store, BYTES_LIT("audit/e/"),
                         bytes_str(audit_entry_key(s->next, key)), send_entry, s, &e) &&
        e.code != ERR_LIMIT) {
        s->finished = true;
        rpc_finish(s->call, &e);
        return;
    }
    if (s->next >= s->end) {
        s->finished = true;
        rpc_finish(s->call, NULL);
    }
}

void audit_streams_wake(struct audit *a)
{
    for (struct audit_stream *s = a->streams, *next; s != NULL; s = next) {
        next = s->after;
        pump(s);
    }
}

static void on_request(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__AuditRequest *r = (const Bailey__V1__AuditRequest *)base;
    struct state *st = user;
    struct audit_stream *s = rpc_call_user(call);
    uint64_t size = audit_durable(st);
    struct err e = {0};

    if (s != NULL)
        return; /* one request a call */
    s = st->audit == NULL ? NULL : calloc(1, sizeof *s);
    if (s == NULL) {
        err_set(&e, ERR_UNAVAIL, "audit.none", "there is no log to read");
        rpc_finish(call, &e);
        return;
    }
    s->st = st;
    s->call = call;
    s->next = r->from;
    if (r->tail > 0)
        s->next = size > r->tail ? size - r->tail : 0;
    s->end = r->follow ? UINT64_MAX : size;
    if (r->limit > 0 && s->end - s->next > r->limit && s->next < s->end)
        s->end = s->next + r->limit;
    s->after = st->audit->streams;
    st->audit->streams = s;
    rpc_call_set_user(call, s);
    pump(s);
}

static void on_open(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_set_user(call, NULL);
}

static void on_writable(struct rpc_call *call, void *user)
{
    struct audit_stream *s = rpc_call_user(call);

    if (s != NULL && (void *)s != user)
        pump(s);
}

static void on_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct audit_stream *s = rpc_call_user(call);

    (void)cancelled;
    if (s == NULL || (void *)s == user)
        return;
    for (struct audit_stream **at = s->st->audit == NULL ? NULL : &s->st->audit->streams;
         at != NULL && *at != NULL; at = &(*at)->after)
        if (*at == s) {
            *at = s->after;
            break;
        }
    free(s);
}

const struct rpc_stream api_audit = {.on_open = on_open,
                                     .on_message = on_request,
                                     .on_writable = on_writable,
                                     .on_closed = on_closed};

/* --- heads --- */

struct head_job { /* in the call's arena */
    struct rpc_call *call;
    uint64_t earlier;
    bool kept;
};

struct kept {
    struct arena *a;
    Bailey__V1__AuditHeadResponse *out;
};

static bool add_kept(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct kept *k = data;
    ProtobufCMessage *m;

    (void)key;
    if (k->out->n_kept > AUDIT_HEADS_KEPT)
        return true;
    if (!proto_unpack(&bailey__v1__tree_head__descriptor, value, k->a, &m, e))
        return false;
    k->out->kept[k->out->n_kept++] = (Bailey__V1__TreeHead *)m;
    return true;
}

static bool head_build(struct audit *a, const struct head_job *j, struct arena *arena,
                       Bailey__V1__AuditHeadResponse *out, struct err *e)
{
    struct merkle_hash *proof = arena_array(arena, MERKLE_PROOF_MAX, sizeof *proof);
    struct kept kept = {arena, out};
    unsigned n = 0;

    out->kept = arena_array(arena, AUDIT_HEADS_KEPT + 2, sizeof *out->kept);
    out->consistency = arena_array(arena, MERKLE_PROOF_MAX, sizeof *out->consistency);
    if (proof == NULL || out->kept == NULL || out->consistency == NULL)
        return err_set(e, ERR_LIMIT, "api.memory", "no memory");
    if (j->earlier > a->durable_head.size)
        return err_set(e, ERR_CONFLICT, "audit.shorter",
                       "the log has %" PRIu64 " entries, the caller has seen %" PRIu64,
                       a->durable_head.size, j->earlier),
               err_field(e, "earlier_size");
    if (j->earlier > 0 && !merkle_prove_consistency(audit_read_node, a->st->store, j->earlier,
                                                    a->durable_head.size, proof, &n, e))
        return false;
    for (unsigned i = 0; i < n; i++)
        out->consistency[i] = (ProtobufCBinaryData){sizeof proof[i].b, proof[i].b};
    out->n_consistency = n;
    out->certificate = (ProtobufCBinaryData){a->certificate.n, a->certificate.p};
    return !j->kept || store_each(a->st->store, BYTES_LIT("audit/h/"), add_kept, &kept, e);
}

static void on_head(struct state *st, void *data)
{
    Bailey__V1__AuditHeadResponse out = BAILEY__V1__AUDIT_HEAD_RESPONSE__INIT;
    Bailey__V1__TreeHead head = BAILEY__V1__TREE_HEAD__INIT;
    struct head_job *j = data;
    AUTO_ARENA struct arena a;
    struct err e = {0};

    arena_init(&a, 1 << 20);
    if (st->audit == NULL || !head_build(st->audit, j, &a, &out, &e)) {
        rpc_fail(j->call, &e);
        return;
    }
    tree_head_to_message(&st->audit->durable_head, &head);
    out.head = &head;
    rpc_reply(j->call, &out.base);
}

void api_audit_head(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__AuditHeadRequest *r = (const Bailey__V1__AuditHeadRequest *)base;
    struct head_job *j = arena_alloc(rpc_call_arena(call), sizeof *j);
    struct state *st = user;
    struct err e = {0};

    if (j == NULL || st->audit == NULL) {
        err_set(&e, ERR_UNAVAIL, "audit.none", "there is no log to read");
        rpc_fail(call, &e);
        return;
    }
    *j = (struct head_job){call, r->earlier_size, r->kept};
    (void)audit_head_now(st);
    txn_after(st, on_head, j);
}
