#include "controller/audit.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "controller/audit_int.h"
#include "controller/kind.h"
#include "proto/unpack.h"

/* Events that decide nothing, or whose entry is made where more is known than the event says. */
static const char *const not_here[] = {
    "collateral.expires-soon",
    "keep.ended",
    "keep.running",
    "keep.scheduled",
    "node.attested",
    "node.connected",
    "node.lost",
    "node.refused",
    "workload.back-off",
    "workload.pending",
    "workload.cannot-move",
};

const char *audit_entry_key(uint64_t sequence, char out[AUDIT_KEY_TEXT])
{
    snprintf(out, AUDIT_KEY_TEXT, "audit/e/%020" PRIu64, sequence);
    return out;
}

const char *audit_node_key(unsigned level, uint64_t index, char out[AUDIT_KEY_TEXT])
{
    snprintf(out, AUDIT_KEY_TEXT, "audit/n/%02u/%020" PRIu64, level, index);
    return out;
}

const char *audit_head_key(uint64_t size, char out[AUDIT_KEY_TEXT])
{
    snprintf(out, AUDIT_KEY_TEXT, "audit/h/%020" PRIu64, size);
    return out;
}

const char *audit_object(const struct object *o, char out[AUDIT_OBJECT_TEXT])
{
    if (o == NULL)
        snprintf(out, AUDIT_OBJECT_TEXT, "Cluster");
    else
        snprintf(out, AUDIT_OBJECT_TEXT, "%s %s", kind_of(o->kind)->name, o->key);
    return out;
}

const char *audit_user(const char *who, char out[AUDIT_ACTOR_TEXT])
{
    if (who == NULL || who[0] == '\0' || strcmp(who, "controller") == 0)
        snprintf(out, AUDIT_ACTOR_TEXT, "controller");
    else
        snprintf(out, AUDIT_ACTOR_TEXT, strchr(who, '/') == NULL ? "user/%s" : "%s", who);
    return out;
}

const char *audit_digest(const ProtobufCMessage *m, char out[AUDIT_DIGEST_TEXT])
{
    AUTO_BUF struct buf packed = {0};
    uint8_t hash[32];

    proto_pack(m, &packed);
    BUG_ON(!buf_ok(&packed, NULL));
    SHA256(packed.p, packed.n, hash);
    hex_format(BYTES_OF(hash), out);
    return out;
}

/* What a batch makes durable; filled in when it is committed. */
struct audit_note {
    uint64_t size;
    struct tree_head head;
};

static void on_durable(struct state *st, void *data)
{
    struct audit_note *n = data;
    struct audit *a = st->audit;

    if (a != NULL) {
        a->durable = n->size;
        a->durable_head = n->head;
        audit_streams_wake(a);
    }
    free(n);
}

/* The log changes with the open batch. The note is the first to run of the batch's effects that
 * depend on it: those find it durable. */
static void mark_changed(struct audit *a)
{
    if (a->note != NULL)
        return;
    (void)txn_revision(a->st);
    a->note = calloc(1, sizeof *a->note);
    BUG_ON(a->note == NULL);
    txn_after(a->st, on_durable, a->note);
}

static void write_node(void *user, unsigned level, uint64_t index, const struct merkle_hash *hash)
{
    struct audit *a = user;
    char key[AUDIT_KEY_TEXT];

    if (level >= AUDIT_NODE_LEVEL)
        txn_put_bytes(a->st, audit_node_key(level, index, key), BYTES_OF(hash->b));
}

/* Formats the entry with what the log sets itself, and makes it the tree's next leaf. */
static void append(struct audit *a, struct audit_entry *en)
{
    struct state *st = a->st;
    char sequence[24], revision[24], policy[24], epoch[24], at[TIME_TEXT], key[AUDIT_KEY_TEXT];
    AUTO_BUF struct buf text = {0};
    struct merkle_hash leaf;

    mark_changed(a);
    snprintf(sequence, sizeof sequence, "%" PRIu64, a->tree.n);
    snprintf(revision, sizeof revision, "%" PRIu64, txn_revision(st));
    snprintf(policy, sizeof policy, "%" PRIu64, st->cluster->policy_revision);
    snprintf(epoch, sizeof epoch, "%" PRIu64, st->cluster->controller_epoch);
    en->v[AUDIT_SEQUENCE] = sequence;
    en->v[AUDIT_TIME] = time_format(state_wall_ms(st) / 1000, at);
    en->v[AUDIT_CLUSTER] = st->cluster->cluster_id;
    en->v[AUDIT_REVISION] = revision;
    en->v[AUDIT_POLICY_REVISION] = policy;
    en->v[AUDIT_CONTROLLER_EPOCH] = epoch;
    audit_entry_format(en, &text);
    BUG_ON(!buf_ok(&text, NULL));
    txn_put_bytes(st, audit_entry_key(a->tree.n, key), buf_bytes(&text));
    merkle_leaf(buf_bytes(&text), &leaf);
    merkle_append(&a->tree, &leaf, write_node, a);
}

void audit_record(struct state *st, const struct audit_entry *en)
{
    struct audit_entry copy = *en;

    if (st->audit != NULL)
        append(st->audit, &copy);
}

static bool is_recorded(const char *reason)
{
    for (size_t i = 0; i < sizeof not_here / sizeof not_here[0]; i++)
        if (strcmp(reason, not_here[i]) == 0)
            return false;
    return true;
}

/* The part of an object that people decide; NULL: none. */
static const ProtobufCMessage *spec_of(const struct object *o)
{
    const ProtobufCFieldDescriptor *f;

    if (o->kind == OBJECT_KEEP || o->kind == OBJECT_EVENT)
        return NULL;
    f = protobuf_c_message_descriptor_get_field_by_name(o->msg->descriptor, "spec");
    return f == NULL
               ? NULL
               : *(const ProtobufCMessage *const *)(const void *)((const char *)o->msg + f->offset);
}

void audit_event(struct state *st, const struct object *about, const char *reason,
                 const char *actor, const char *message)
{
    const ProtobufCMessage *spec = about == NULL ? NULL : spec_of(about);
    char object[AUDIT_OBJECT_TEXT], who[AUDIT_ACTOR_TEXT], digest[AUDIT_DIGEST_TEXT] = "";
    struct audit_entry en = {.v = {[AUDIT_ACTOR] = who,
                                   [AUDIT_ACTION] = reason,
                                   [AUDIT_OBJECT] = object,
                                   [AUDIT_BECAUSE] = message,
                                   [AUDIT_CONTENT] = digest}};

    if (st->audit == NULL || !is_recorded(reason))
        return;
    audit_user(actor, who);
    audit_object(about, object);
    if (spec != NULL)
        audit_digest(spec, digest);
    if (about != NULL && about->kind == OBJECT_KEEP)
        en.v[AUDIT_KEEP] = ((const struct keep *)about)->msg->metadata->uid;
    append(st->audit, &en);
}

void audit_evidence(struct state *st, const struct node *n, const uint8_t digest[32],
                    const struct err *refused)
{
    char object[AUDIT_OBJECT_TEXT], hex[AUDIT_DIGEST_TEXT], facts[256] = "";
    struct audit_entry en = {.v = {[AUDIT_ACTOR] = "controller",
                                   [AUDIT_ACTION] = "evidence.verified",
                                   [AUDIT_OBJECT] = audit_object(&n->object, object),
                                   [AUDIT_EVIDENCE] = hex,
                                   [AUDIT_FACTS] = facts}};

    if (st->audit == NULL)
        return;
    hex_format((struct bytes){digest, 32}, hex);
    if (refused != NULL) {
        en.v[AUDIT_ACTION] = "evidence.refused";
        en.v[AUDIT_REASON] = refused->reason;
        en.v[AUDIT_BECAUSE] = refused->msg;
    } else if (n->has_facts) {
        facts_format(&n->facts, facts, sizeof facts);
    }
    append(st->audit, &en);
}

void audit_certificate(struct state *st, const struct node *n, const struct err *refused)
{
    char object[AUDIT_OBJECT_TEXT], actor[AUDIT_ACTOR_TEXT];
    struct audit_entry en = {.v = {[AUDIT_ACTOR] = actor,
                                   [AUDIT_ACTION] = refused == NULL ? "node.certificate-renewed"
                                                                    : "node.certificate-refused",
                                   [AUDIT_OBJECT] = audit_object(&n->object, object),
                                   [AUDIT_REASON] = refused == NULL ? NULL : refused->reason,
                                   [AUDIT_BECAUSE] = refused == NULL ? NULL : refused->msg,
                                   [AUDIT_EVIDENCE] = n->msg->status->evidence_digest}};

    snprintf(actor, sizeof actor, "node/%.80s", n->object.key);
    audit_record(st, &en);
}

void audit_token(struct state *st, const char *who, const char *node, const char *expires)
{
    char actor[AUDIT_ACTOR_TEXT], because[160];
    struct audit_entry en = {.v = {[AUDIT_ACTOR] = audit_user(who, actor),
                                   [AUDIT_ACTION] = "token.created",
                                   [AUDIT_OBJECT] = "Cluster",
                                   [AUDIT_NODE] = node,
                                   [AUDIT_BECAUSE] = because}};

    snprintf(because, sizeof because, "%s can join with it until %s",
             node[0] == '\0' ? "any one node" : "the node", expires);
    audit_record(st, &en);
}

uint64_t audit_size(const struct state *st)
{
    return st->audit == NULL ? 0 : st->audit->tree.n;
}

uint64_t audit_durable(const struct state *st)
{
    return st->audit == NULL ? 0 : st->audit->durable;
}

const struct tree_head *audit_head(const struct state *st)
{
    return st->audit == NULL || st->audit->durable_head.size == 0 ? NULL : &st->audit->durable_head;
}

/* --- heads --- */

static void drop_old_heads(struct audit *a)
{
    char key[AUDIT_KEY_TEXT];

    while (a->heads.n > AUDIT_HEADS_KEPT) {
        txn_delete(a->st, audit_head_key(a->heads.v[0], key));
        memmove(a->heads.v, a->heads.v + 1, (a->heads.n - 1) * sizeof a->heads.v[0]);
        a->heads.n--;
    }
}

const struct tree_head *audit_head_now(struct state *st)
{
    struct audit *a = st->audit;
    struct tree_head h = {.size = a->tree.n, .at_ms = state_wall_ms(st)};
    Bailey__V1__TreeHead m = BAILEY__V1__TREE_HEAD__INIT;
    char key[AUDIT_KEY_TEXT];
    struct err e = {0};

    a->due = false;
    if (a->head.size == a->tree.n)
        return &a->head;
    (void)str_copy(h.cluster, sizeof h.cluster, st->cluster->cluster_id);
    merkle_root(&a->tree, &h.root);
    if (!tree_head_sign(&h, a->key, &e)) {
        log_error("tree head not signed", LOG_ERR(&e));
        BUG_ON(true);
    }
    mark_changed(a);
    a->head = h;
    a->head_ms = state_now_ms(st);
    tree_head_to_message(&h, &m);
    txn_put(st, audit_head_key(h.size, key), &m.base);
    BUG_ON(!vec_push(&a->heads, h.size));
    drop_old_heads(a);
    return &a->head;
}

static void on_timer(uv_timer_t *t)
{
    struct audit *a = t->data;

    if (a->tree.n == a->head.size)
        return;
    a->due = true;
    mark_changed(a); /* the round's end commits */
}

void audit_flush(struct state *st)
{
    struct audit *a = st->audit;
    AUTO_BUF struct buf record = {0};

    if (a == NULL || a->note == NULL)
        return;
    if (a->due || a->tree.n - a->head.size >= HEAD_ENTRIES ||
        (a->tree.n != a->head.size && state_now_ms(st) - a->head_ms >= HEAD_EVERY_MS))
        (void)audit_head_now(st);
    audit_tree_format(&a->tree, &record);
    BUG_ON(!buf_ok(&record, NULL));
    txn_put_bytes(st, "audit/tree", buf_bytes(&record));
    a->note->size = a->tree.n;
    a->note->head = a->head;
    a->note = NULL;
}

/* --- open and close --- */

struct loading {
    struct audit *a;
    struct tree_head newest;
};

static bool take_head(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct loading *l = data;
    AUTO_ARENA struct arena arena;
    ProtobufCMessage *m;

    (void)key;
    arena_init(&arena, 1 << 16);
    if (!proto_unpack(&bailey__v1__tree_head__descriptor, value, &arena, &m, e) ||
        !tree_head_from_message((const Bailey__V1__TreeHead *)m, &l->newest, e))
        return err_wrap(e, "the store's tree heads");
    return vec_push(&l->a->heads, l->newest.size) ||
           err_set(e, ERR_NOMEM, "audit.memory", "no memory");
}

static bool load(struct audit *a, struct err *e)
{
    struct store *s = a->st->store;
    AUTO_BUF struct buf record = {0};
    struct loading l = {.a = a};
    struct err missing = {0};
    char key[AUDIT_KEY_TEXT];

    if (!store_get(s, bytes_str("audit/tree"), &record, &missing)) {
        if (missing.code != ERR_MISSING) {
            if (e != NULL)
                *e = missing;
            return false;
        }
    } else if (!audit_tree_parse(buf_bytes(&record), &a->tree, e)) {
        return false;
    }
    if (!store_each(s, BYTES_LIT("audit/h/"), take_head, &l, e))
        return false;
    buf_clear(&record);
    if ((a->tree.n > 0 &&
         !store_get(s, bytes_str(audit_entry_key(a->tree.n - 1, key)), &record, NULL)) ||
        store_get(s, bytes_str(audit_entry_key(a->tree.n, key)), &record, NULL) ||
        l.newest.size > a->tree.n)
        return err_set(e, ERR_INPUT, "audit.tree",
                       "the store's audit log does not have the length that its tree says"),
               err_mend(e, "look with: bailey-controller fsck; restore a backup");
    a->head = a->durable_head = l.newest;
    a->durable = a->tree.n;
    return true;
}

bool audit_open(struct state *st, EVP_PKEY *key, struct bytes certificate, struct err *e)
{
    struct audit *a = calloc(1, sizeof *a);

    if (a == NULL) {
        EVP_PKEY_free(key);
        return err_set(e, ERR_NOMEM, "audit.memory", "no memory");
    }
    a->st = st;
    a->key = key;
    buf_put(&a->certificate, certificate.p, certificate.n);
    a->head_ms = state_now_ms(st);
    uv_timer_init(st->loop, &a->timer);
    a->timer.data = a;
    st->audit = a;
    if (!buf_ok(&a->certificate, e) || !load(a, e))
        return false;
    uv_timer_start(&a->timer, on_timer, HEAD_EVERY_MS, HEAD_EVERY_MS);
    uv_unref((uv_handle_t *)&a->timer);
    return true;
}

static void on_closed(uv_handle_t *h)
{
    struct audit *a = h->data;

    EVP_PKEY_free(a->key);
    buf_fini(&a->certificate);
    vec_fini(&a->heads);
    free(a);
}

void audit_close(struct state *st)
{
    struct audit *a = st->audit;

    st->audit = NULL;
    if (a != NULL)
        uv_close((uv_handle_t *)&a->timer, on_closed);
}
