#include "controller/approval.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "bailey/v1/identity.pb-c.h"
#include "bailey/v1/operator.pb-c.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/access.h"
#include "controller/kind.h"
#include "controller/txn.h"
#include "proto/unpack.h"

#define DIGEST_TEXT 65

static unsigned bit(Bailey__V1__TrustChange c)
{
    return 1u << (unsigned)c;
}

static unsigned kind_change(enum object_kind kind)
{
    switch (kind) {
    case OBJECT_POLICY:
    case OBJECT_ADVISORY:
        return bit(CHANGE(policy));
    case OBJECT_EXCEPTION:
        return bit(CHANGE(exception));
    case OBJECT_REVOCATION:
        return bit(CHANGE(revocation));
    case OBJECT_WORKLOAD:
    case OBJECT_NODE:
    case OBJECT_KEEP:
    case OBJECT_EVENT:
    case OBJECT_KINDS:
    default:
        return 0;
    }
}

unsigned approval_changes(const struct rpc_method *m, const ProtobufCMessage *req)
{
    const Bailey__V1__CallRule *rule = call_rule(m->service, m->name);
    unsigned all = rule == NULL ? 0 : bit(rule->change);
    enum object_kind kind;

    if (req->descriptor == &bailey__v1__decide_node_request__descriptor) {
        Bailey__V1__DecideNodeRequest__Decision d =
            ((const Bailey__V1__DecideNodeRequest *)req)->decision;

        /* what takes trust away waits for nobody */
        if (d != BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__approve &&
            d != BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__unban)
            return 0;
    }
    if (req->descriptor == &bailey__v1__apply_request__descriptor) {
        const Bailey__V1__ApplyRequest *r = (const Bailey__V1__ApplyRequest *)req;
        Bailey__V1__Metadata *meta;

        for (size_t i = 0; !r->dry_run && i < r->n_objects; i++)
            if (view_kind(r->objects[i], &kind, &meta))
                all |= kind_change(kind);
    }
    if (req->descriptor == &bailey__v1__delete_request__descriptor &&
        kind_parse(((const Bailey__V1__DeleteRequest *)req)->kind, &kind, NULL))
        all |= kind_change(kind);
    return all & ~bit(CHANGE(NO_CHANGE));
}

bool approval_required(const struct state *st, unsigned changes)
{
    const Bailey__V1__ClusterSettings *s = settings_of(st);
    unsigned need = 0;

    for (size_t i = 0; i < s->n_require_approval; i++)
        need |= bit(s->require_approval[i]);
    if (need != 0)
        need |= bit(CHANGE(user)) | bit(CHANGE(settings));
    return (changes & need) != 0;
}

/* Of the request without what is random in it: a certificate request is signed anew each time. */
static bool digest_of(const struct rpc_method *m, const ProtobufCMessage *req,
                      char out[DIGEST_TEXT], struct err *e)
{
    AUTO_BUF struct buf b = {0};
    Bailey__V1__CreateUserRequest user;
    uint8_t hash[SHA256_DIGEST_LENGTH];

    if (req->descriptor == &bailey__v1__create_user_request__descriptor) {
        user = *(const Bailey__V1__CreateUserRequest *)req;
        user.csr = (ProtobufCBinaryData){0};
        req = &user.base;
    }
    buf_printf(&b, "/%s/%s\n", m->service->name, m->name);
    proto_pack(req, &b);
    if (!buf_ok(&b, e))
        return false;
    SHA256(b.p, b.n, hash);
    hex_format(BYTES_OF(hash), out);
    return true;
}

static void approval_store(struct state *st, const Bailey__V1__ApprovalRecord *m)
{
    char key[64];

    snprintf(key, sizeof key, "approval/%s", m->approval->id);
    txn_put(st, key, &m->base);
}

static void approval_drop(struct state *st, Bailey__V1__ApprovalRecord *m)
{
    char key[64];

    snprintf(key, sizeof key, "approval/%s", m->approval->id);
    txn_delete(st, key);
    map_remove(&st->access->approvals, bytes_str(m->approval->id));
    message_free(&m->base);
}

static bool is(const Bailey__V1__Approval *a, const char *state)
{
    return strcmp(a->state, state) == 0;
}

static unsigned long number_of(const Bailey__V1__ApprovalRecord *m)
{
    return strtoul(m->approval->id + 2, NULL, 10);
}

void approval_sweep(struct state *st)
{
    Bailey__V1__ApprovalRecord *m, *oldest = NULL;

    for (size_t i = 0; (m = map_next(&st->access->approvals, &i)) != NULL;) {
        if ((is(m->approval, "pending") || is(m->approval, "approved")) &&
            state_wall_ms(st) / 1000 > m->expires_at_s) {
            text_set(&m->approval->state, "expired");
            approval_store(st, m);
        }
        if (!is(m->approval, "pending") && !is(m->approval, "approved") &&
            (oldest == NULL || number_of(m) < number_of(oldest)))
            oldest = m;
    }
    if (st->access->approvals.n > APPROVALS_KEPT && oldest != NULL)
        approval_drop(st, oldest);
}

static Bailey__V1__ApprovalRecord *find_open(const struct state *st, const char *digest,
                                             const char *who, size_t *pending)
{
    Bailey__V1__ApprovalRecord *m, *found = NULL;

    *pending = 0;
    for (size_t i = 0; (m = map_next(&st->access->approvals, &i)) != NULL;) {
        if (strcmp(m->approval->requested_by, who) != 0)
            continue;
        *pending += is(m->approval, "pending");
        if ((is(m->approval, "pending") || is(m->approval, "approved")) &&
            strcmp(m->approval->digest, digest) == 0)
            found = m;
    }
    return found;
}

static Bailey__V1__ApprovalRecord *note(struct state *st, Bailey__V1__TrustChange change,
                                        const char *method, const char *digest, const char *summary,
                                        const char *who)
{
    Bailey__V1__ApprovalRecord m = BAILEY__V1__APPROVAL_RECORD__INIT, *copy;
    Bailey__V1__Approval a = BAILEY__V1__APPROVAL__INIT;
    int64_t now_s = state_wall_ms(st) / 1000;
    char at[TIME_TEXT], until[TIME_TEXT], id[32];

    st->cluster->approval_sequence++;
    snprintf(id, sizeof id, "a-%llu", (unsigned long long)st->cluster->approval_sequence);
    a.id = id;
    a.change = change;
    a.method = (char *)(uintptr_t)method;
    a.digest = (char *)(uintptr_t)digest;
    a.summary = (char *)(uintptr_t)summary;
    a.requested_by = (char *)(uintptr_t)who;
    a.requested_at = (char *)(uintptr_t)time_format(now_s, at);
    a.state = (char *)(uintptr_t) "pending";
    a.expires_at = (char *)(uintptr_t)time_format(now_s + APPROVAL_PENDING_S, until);
    m.approval = &a;
    m.expires_at_s = now_s + APPROVAL_PENDING_S;
    copy = (Bailey__V1__ApprovalRecord *)message_clone(&m.base);
    BUG_ON(copy == NULL || !map_put(&st->access->approvals, bytes_str(copy->approval->id), copy));
    approval_store(st, copy);
    event_add(st, NULL, "normal", "approval.requested", who, "%s: %s, %s", id, change_name(change),
              summary);
    return copy;
}

const Bailey__V1__Approval *approval_ask(struct state *st, Bailey__V1__TrustChange change,
                                         const char *method, const char *digest,
                                         const char *summary, const char *who, struct err *e)
{
    Bailey__V1__ApprovalRecord *m;
    size_t pending;

    approval_sweep(st);
    m = find_open(st, digest, who, &pending);
    if (m != NULL && is(m->approval, "approved")) {
        text_set(&m->approval->state, "used");
        approval_store(st, m);
        event_add(st, NULL, "normal", "approval.used", who, "%s: %s, approved by %s",
                  m->approval->id, m->approval->summary, m->approval->decided_by);
        return NULL;
    }
    if (m == NULL && pending >= APPROVALS_PENDING_MAX) {
        err_set(e, ERR_LIMIT, "approval.too-many", "%zu requests of %s wait already", pending, who);
        err_mend(e, "bailey approval list shows them");
        return NULL;
    }
    if (m == NULL)
        m = note(st, change, method, digest, summary, who);
    return m->approval;
}

/* What a person who approves wants to read. */
static void summarize(const struct rpc_method *m, const ProtobufCMessage *req, struct buf *out)
{
    static const char *const fields[] = {"kind", "namespace", "name", "node", "step", "because"};

    buf_printf(out, "%s", m->name);
    if (req->descriptor == &bailey__v1__apply_request__descriptor) {
        const Bailey__V1__ApplyRequest *r = (const Bailey__V1__ApplyRequest *)req;

        for (size_t i = 0; i < r->n_objects && i < 8; i++) {
            Bailey__V1__Metadata *meta;
            enum object_kind kind;

            if (view_kind(r->objects[i], &kind, &meta))
                buf_printf(out, "%s %s/%s", i == 0 ? "" : ",", kind_of(kind)->name,
                           meta == NULL ? "" : meta->name);
        }
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field_by_name(req->descriptor, fields[i]);
        const char *text =
            f == NULL || f->type != PROTOBUF_C_TYPE_STRING || f->label == PROTOBUF_C_LABEL_REPEATED
                ? ""
                : *(char *const *)((const char *)req + f->offset);

        if (text[0] != '\0')
            buf_printf(out, " %s=%.120s", fields[i], text);
    }
    if (req->descriptor == &bailey__v1__create_user_request__descriptor)
        buf_printf(out, " role=%s", role_name(((const Bailey__V1__CreateUserRequest *)req)->role));
}

struct waiting { /* in the call's arena */
    struct rpc_call *call;
    struct err err;
};

static void on_noted(struct state *st, void *data)
{
    struct waiting *w = data;

    (void)st;
    rpc_fail(w->call, &w->err);
}

static Bailey__V1__TrustChange first_of(unsigned changes)
{
    for (unsigned i = 1; i < 32; i++)
        if ((changes & 1u << i) != 0)
            return (Bailey__V1__TrustChange)i;
    return CHANGE(NO_CHANGE);
}

enum rpc_inspection approval_gate(struct state *st, struct rpc_call *call,
                                  const struct rpc_method *m, const ProtobufCMessage *req,
                                  const char *who, struct err *e)
{
    unsigned changes = approval_changes(m, req);
    const Bailey__V1__Approval *a;
    AUTO_BUF struct buf summary = {.limit = 4096};
    char digest[DIGEST_TEXT];
    struct waiting *w;

    if (changes == 0 || !approval_required(st, changes))
        return RPC_ADMIT;
    summarize(m, req, &summary);
    w = arena_alloc(rpc_call_arena(call), sizeof *w);
    if (w == NULL || !buf_ok(&summary, NULL))
        return err_set(e, ERR_LIMIT, "approval.memory", "the request is too large"), RPC_REFUSE;
    if (!digest_of(m, req, digest, e))
        return RPC_REFUSE;
    a = approval_ask(st, first_of(changes), rpc_call_method(call), digest, buf_str(&summary), who,
                     e);
    if (a == NULL)
        return e->code == ERR_NONE ? RPC_ADMIT : RPC_REFUSE;
    *w = (struct waiting){.call = call};
    err_set(&w->err, ERR_DENIED, "approval.needed",
            "this change of %s needs a second person; it waits as %s", change_name(a->change),
            a->id);
    err_found(&w->err, "%s, asked by %s", a->state, a->requested_by);
    err_mend(&w->err, "somebody else: bailey approval approve %s; then repeat the same command",
             a->id);
    txn_after(st, on_noted, w);
    return RPC_TAKEN;
}

/* The second person must be one who might have asked. Changes of users and settings are admins'. */
static bool may_decide(const struct state *st, const Bailey__V1__Approval *a, const char *who)
{
    const Bailey__V1__User *u = user_find(st, who);
    Bailey__V1__Role need = a->change == CHANGE(user) || a->change == CHANGE(settings)
                                ? ROLE(admin)
                                : ROLE(security_officer);

    return u != NULL && role_suffices(u->role, &need, 1);
}

bool approval_decide(struct state *st, const char *id, bool approve, const char *who,
                     Bailey__V1__Approval **out, struct err *e)
{
    Bailey__V1__ApprovalRecord *m;
    int64_t now_s = state_wall_ms(st) / 1000;

    approval_sweep(st);
    m = map_get(&st->access->approvals, bytes_str(id));
    if (m == NULL)
        return err_set(e, ERR_MISSING, "approval.missing", "there is no approval %.40s", id),
               err_mend(e, "bailey approval list shows those that wait");
    if (!is(m->approval, "pending"))
        return err_set(e, ERR_CONFLICT, "approval.over", "%s is %s already", m->approval->id,
                       m->approval->state),
               err_found(e, "%s by %s", m->approval->state, m->approval->decided_by);
    if (approve && strcmp(m->approval->requested_by, who) == 0)
        return err_set(e, ERR_DENIED, "approval.own", "%s asked for %s and cannot approve it", who,
                       m->approval->id),
               err_mend(e, "another security officer or admin decides");
    if (approve && !may_decide(st, m->approval, who))
        return err_set(e, ERR_DENIED, "approval.role", "%s could not make this change either", who),
               err_found(e, "%s", m->approval->method),
               err_mend(e, "an admin decides about users, settings and the CA");
    text_set(&m->approval->state, approve ? "approved" : "denied");
    text_set(&m->approval->decided_by, who);
    text_set_time(&m->approval->decided_at, now_s);
    m->expires_at_s = now_s + APPROVAL_GOOD_S;
    text_set_time(&m->approval->expires_at, m->expires_at_s);
    approval_store(st, m);
    event_add(st, NULL, "normal", approve ? "approval.approved" : "approval.denied", who,
              "%s of %s: %s", m->approval->id, m->approval->requested_by, m->approval->summary);
    *out = m->approval;
    return true;
}
