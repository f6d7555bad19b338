#include "controller/receipt.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "attest/receipt.h"
#include "bailey/v1/operator.pb-c.h"
#include "base/str.h"
#include "controller/audit_api.h"
#include "controller/audit_int.h"
#include "controller/kind.h"
#include "controller/policy_state.h"
#include "proto/unpack.h"

static int by_key(const void *x, const void *y)
{
    return strcmp((*(struct object *const *)x)->key, (*(struct object *const *)y)->key);
}

/* Kind by kind, in order of keys: "<kind>\n<key>\n" and the spec as it is stored. */
static void digest_kind(const struct state *st, enum object_kind kind, struct buf *out)
{
    const struct map *m = kind_map(st, kind);
    VEC(struct object *) all = {0};
    struct object *o;

    for (size_t i = 0; (o = map_next(m, &i)) != NULL;)
        BUG_ON(!vec_push(&all, o));
    if (all.n > 1)
        qsort(all.v, all.n, sizeof all.v[0], by_key);
    for (size_t i = 0; i < all.n; i++) {
        buf_printf(out, "%s\n%s\n", kind_of(kind)->name, all.v[i]->key);
        proto_pack(trust_spec(all.v[i]), out);
    }
    vec_fini(&all);
}

const char *audit_policy_digest(struct state *st, const struct workload *w,
                                char out[AUDIT_DIGEST_TEXT])
{
    static const enum object_kind kinds[] = {OBJECT_POLICY, OBJECT_ADVISORY, OBJECT_EXCEPTION,
                                             OBJECT_REVOCATION};
    struct audit *a = st->audit;
    AUTO_BUF struct buf text = {0};
    uint8_t hash[32];

    if (a->policy[0] == '\0' || a->policy_revision != st->cluster->policy_revision) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            digest_kind(st, kinds[i], &text);
        BUG_ON(!buf_ok(&text, NULL));
        SHA256(text.p, text.n, hash);
        hex_format(BYTES_OF(hash), a->policy);
        a->policy_revision = st->cluster->policy_revision;
        buf_clear(&text);
    }
    buf_printf(&text, "%s\n", a->policy);
    if (w->msg->spec->trust != NULL)
        proto_pack(&w->msg->spec->trust->base, &text);
    BUG_ON(!buf_ok(&text, NULL));
    SHA256(text.p, text.n, hash);
    hex_format(BYTES_OF(hash), out);
    return out;
}

void audit_placed(struct state *st, struct keep *k)
{
    const Bailey__V1__KeepSpec *s = k->msg->spec;
    char object[AUDIT_OBJECT_TEXT], workload[192], facts[256] = "", epoch[24];
    char policy[AUDIT_DIGEST_TEXT];
    struct audit_entry en = {.v = {[AUDIT_ACTOR] = "controller",
                                   [AUDIT_ACTION] = "keep.placed",
                                   [AUDIT_OBJECT] = object,
                                   [AUDIT_KEEP] = k->msg->metadata->uid,
                                   [AUDIT_WORKLOAD] = workload,
                                   [AUDIT_ARTIFACT] = s->artifact_digest,
                                   [AUDIT_NODE] = s->node,
                                   [AUDIT_FACTS] = facts,
                                   [AUDIT_POLICY] = policy,
                                   [AUDIT_EPOCH] = epoch}};

    if (st->audit == NULL)
        return;
    audit_object(&k->object, object);
    snprintf(workload, sizeof workload, "%s generation %" PRIu64 " replica %" PRIu32,
             k->workload->object.key, s->workload_generation, s->replica);
    snprintf(epoch, sizeof epoch, "%" PRIu64, s->epoch);
    audit_policy_digest(st, k->workload, policy);
    if (k->node != NULL) {
        en.v[AUDIT_EVIDENCE] = k->node->msg->status->evidence_digest;
        if (k->node->has_facts)
            facts_format(&k->node->facts, facts, sizeof facts);
    }
    if (s->replaces[0] != '\0')
        en.v[AUDIT_BECAUSE] = "it replaces a keep that has to leave its node";
    k->msg->status->audit_entry = st->audit->tree.n;
    audit_record(st, &en);
}

/* --- what operators ask for --- */

struct job { /* in the call's arena */
    struct rpc_call *call;
    enum receipt_kind kind;
    uint64_t sequence;
};

static bool build(struct audit *a, const struct job *j, struct buf *out, struct err *e)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    AUTO_BUF struct buf entry = {0};
    char key[AUDIT_KEY_TEXT];
    struct receipt_parts p = {.kind = j->kind,
                              .head = &a->durable_head,
                              .inclusion = proof,
                              .certificate = buf_bytes(&a->certificate)};

    if (!store_get(a->st->store, bytes_str(audit_entry_key(j->sequence, key)), &entry, e) ||
        !merkle_prove_inclusion(audit_read_node, a->st->store, j->sequence, a->durable_head.size,
                                proof, &p.inclusion_n, e))
        return err_wrap(e, "audit entry %" PRIu64, j->sequence);
    p.entry = buf_bytes(&entry);
    return receipt_make(&p, a->key, out, e);
}

/* A head that covers the entry is durable. */
static void on_head(struct state *st, void *data)
{
    Bailey__V1__AuditProofResponse proof = BAILEY__V1__AUDIT_PROOF_RESPONSE__INIT;
    Bailey__V1__ReceiptResponse receipt = BAILEY__V1__RECEIPT_RESPONSE__INIT;
    struct job *j = data;
    AUTO_BUF struct buf text = {0};
    struct err e = {0};

    if (st->audit == NULL || !build(st->audit, j, &text, &e)) {
        rpc_fail(j->call, &e);
        return;
    }
    proof.proof = receipt.receipt = (char *)(uintptr_t)buf_str(&text);
    rpc_reply(j->call, j->kind == RECEIPT_PROOF ? &proof.base : &receipt.base);
}

static void answer(struct state *st, struct rpc_call *call, enum receipt_kind kind,
                   uint64_t sequence)
{
    struct job *j = arena_alloc(rpc_call_arena(call), sizeof *j);
    struct err e = {0};

    if (j == NULL) {
        err_set(&e, ERR_LIMIT, "api.memory", "no memory");
        rpc_fail(call, &e);
        return;
    }
    *j = (struct job){call, kind, sequence};
    if (st->audit->durable_head.size <= sequence)
        (void)audit_head_now(st);
    txn_after(st, on_head, j);
}

void api_audit_proof(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__AuditProofRequest *r = (const Bailey__V1__AuditProofRequest *)base;
    struct state *st = user;
    struct err e = {0};

    if (r->sequence < audit_durable(st)) {
        answer(st, call, RECEIPT_PROOF, r->sequence);
        return;
    }
    err_set(&e, ERR_MISSING, "audit.no-such-entry", "there is no entry %" PRIu64, r->sequence);
    err_field(&e, "sequence");
    err_expected(&e, "less than %" PRIu64, audit_durable(st));
    rpc_fail(call, &e);
}

void api_receipt(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ReceiptRequest *r = (const Bailey__V1__ReceiptRequest *)base;
    struct state *st = user;
    const struct keep *k = state_keep(st, r->namespace_, r->name);
    struct err e = {0};

    if (k == NULL)
        k = state_keep_uid(st, r->name);
    if (k != NULL && k->msg->status->audit_entry != 0 && st->audit != NULL) {
        answer(st, call, RECEIPT_PLACEMENT, k->msg->status->audit_entry);
        return;
    }
    if (k == NULL)
        err_set(&e, ERR_MISSING, "api.no-such-object", "there is no keep %.64s", r->name);
    else
        err_set(&e, ERR_MISSING, "receipt.none", "keep %.64s was placed before there was a log",
                r->name);
    rpc_fail(call, &e);
}
