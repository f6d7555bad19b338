#include "controller/fsck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "attest/audit_check.h"
#include "bailey/v1/collateral.pb-c.h"
#include "base/vec.h"
#include "controller/audit_int.h"
#include "controller/kind.h"
#include "controller/store_format.h"
#include "proto/unpack.h"

#define RECORD_ARENA (16u << 20)
#define FAULTS_TOLD 200 /* the rest is counted */

struct fsck {
    sqlite3 *db;
    sqlite3_stmt *get;
    FILE *out;
    struct fsck_report *r;
    EVP_PKEY *key;
    const struct kind *kind; /* of the objects that are walked */
    Bailey__V1__ClusterRecord *cluster;
    struct arena arena; /* cluster's */
    VEC(struct tree_head) heads;
    struct audit_check check;
    bool broken; /* the log cannot be followed any further */
};

static void PRINTFLIKE(2, 3) fault(struct fsck *f, const char *fmt, ...)
{
    va_list ap;

    if (f->r->faults++ >= FAULTS_TOLD)
        return;
    va_start(ap, fmt);
    vfprintf(f->out, fmt, ap);
    va_end(ap);
    fputc('\n', f->out);
}

/* --- reading --- */

typedef void walk_fn(struct fsck *f, struct bytes key, struct bytes value);

static struct bytes column(sqlite3_stmt *st, int i)
{
    return (struct bytes){sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)};
}

static void walk(struct fsck *f, const char *prefix, walk_fn *fn)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(f->db, "SELECT key,value FROM record WHERE key>=?1 ORDER BY key",
                                -1, &st, NULL);
    size_t n = strlen(prefix);

    if (rc == SQLITE_OK)
        (void)sqlite3_bind_blob64(st, 1, prefix, n, SQLITE_STATIC);
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct bytes key = column(st, 0);

        rc = SQLITE_OK;
        if (key.n < n || memcmp(key.p, prefix, n) != 0)
            break;
        f->r->records++;
        fn(f, key, column(st, 1));
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        fault(f, "records \"%s\": %s", prefix, sqlite3_errmsg(f->db));
    sqlite3_finalize(st);
}

static bool get(struct fsck *f, const char *key, struct buf *out)
{
    bool found;

    (void)sqlite3_reset(f->get);
    (void)sqlite3_bind_blob64(f->get, 1, key, strlen(key), SQLITE_STATIC);
    found = sqlite3_step(f->get) == SQLITE_ROW;
    if (found && out != NULL) {
        struct bytes v = column(f->get, 0);

        buf_put(out, v.p, v.n);
    }
    (void)sqlite3_reset(f->get);
    return found;
}

static void check_pages(struct fsck *f)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(f->db, "PRAGMA integrity_check", -1, &st, NULL);

    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(st, 0);

        rc = SQLITE_OK;
        if (line != NULL && strcmp(line, "ok") != 0)
            fault(f, "pages: %s", line);
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        fault(f, "pages: %s", sqlite3_errmsg(f->db));
    sqlite3_finalize(st);
}

/* --- objects --- */

static void check_keep(struct fsck *f, const Bailey__V1__Keep *k, const char *name)
{
    char key[2 * 64 + 16];

    if (k->spec == NULL || k->metadata == NULL) {
        fault(f, "%s: it has no spec", name);
        return;
    }
    snprintf(key, sizeof key, "workload/%s/%s", k->metadata->namespace_, k->spec->workload);
    if (!get(f, key, NULL))
        fault(f, "%s: its workload %s is not there", name, k->spec->workload);
    if (f->cluster != NULL && k->spec->epoch > f->cluster->keep_epoch)
        fault(f, "%s: its epoch %" PRIu64 " was never given out (the last was %" PRIu64 ")", name,
              k->spec->epoch, f->cluster->keep_epoch);
}

static const Bailey__V1__Metadata *metadata_of(const ProtobufCMessage *m)
{
    const ProtobufCFieldDescriptor *d =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "metadata");

    return d == NULL ? NULL
                     : *(Bailey__V1__Metadata *const *)(const void *)((const char *)m + d->offset);
}

static const ProtobufCMessageDescriptor *type_of(const struct kind *k)
{
    static const struct {
        const char *name;
        const ProtobufCMessageDescriptor *type;
    } types[] = {
        {"Workload", &bailey__v1__workload__descriptor},
        {"Node", &bailey__v1__node__descriptor},
        {"Keep", &bailey__v1__keep__descriptor},
        {"Event", &bailey__v1__event__descriptor},
        {"TrustPolicy", &bailey__v1__trust_policy__descriptor},
        {"Advisory", &bailey__v1__advisory__descriptor},
        {"Exception", &bailey__v1__exception__descriptor},
        {"Revocation", &bailey__v1__revocation__descriptor},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, k->name) == 0)
            return types[i].type;
    return NULL;
}

static void check_object(struct fsck *f, struct bytes key, struct bytes value)
{
    const ProtobufCMessageDescriptor *type = type_of(f->kind);
    const Bailey__V1__Metadata *meta;
    char name[160], want[160];
    ProtobufCMessage *m;
    struct err e = {0};
    AUTO_ARENA struct arena a;

    arena_init(&a, RECORD_ARENA);
    snprintf(name, sizeof name, "%.*s", (int)key.n, (const char *)key.p);
    if (type == NULL)
        return; /* counted; its own part checks it when it is loaded */
    if (!proto_unpack(type, value, &a, &m, &e)) {
        fault(f, "%s: it cannot be read: %s", name, e.msg);
        return;
    }
    meta = metadata_of(m);
    if (meta == NULL) {
        fault(f, "%s: it has no metadata", name);
        return;
    }
    if (f->cluster != NULL && meta->revision > f->cluster->revision)
        fault(f, "%s: its revision %" PRIu64 " is later than the store's %" PRIu64, name,
              meta->revision, f->cluster->revision);
    if (strcmp(f->kind->name, "Event") == 0)
        return;
    if (f->kind->namespaced)
        snprintf(want, sizeof want, "%s%s/%s", f->kind->prefix,
                 meta->namespace_[0] == '\0' ? "default" : meta->namespace_, meta->name);
    else
        snprintf(want, sizeof want, "%s%s", f->kind->prefix, meta->name);
    if (strcmp(name, want) != 0)
        fault(f, "%s: it says it is %s", name, want);
    if (strcmp(f->kind->name, "Keep") == 0)
        check_keep(f, (const Bailey__V1__Keep *)m, name);
}

static void check_token(struct fsck *f, struct bytes key, struct bytes value)
{
    ProtobufCMessage *m;
    struct err e = {0};
    AUTO_ARENA struct arena a;

    arena_init(&a, RECORD_ARENA);
    if (!proto_unpack(&bailey__v1__token_record__descriptor, value, &a, &m, &e))
        fault(f, "%.*s: it cannot be read: %s", (int)key.n, (const char *)key.p, e.msg);
}

static void check_cluster(struct fsck *f)
{
    AUTO_BUF struct buf b = {0};
    ProtobufCMessage *m;
    struct err e = {0};

    if (!get(f, "cluster", &b)) {
        fault(f, "cluster: the record is not there");
        return;
    }
    f->r->records++;
    if (!proto_unpack(&bailey__v1__cluster_record__descriptor, buf_bytes(&b), &f->arena, &m, &e)) {
        fault(f, "cluster: it cannot be read: %s", e.msg);
        return;
    }
    f->cluster = (Bailey__V1__ClusterRecord *)m;
    if (f->cluster->cluster_id[0] == '\0' || f->cluster->controller_epoch == 0)
        fault(f, "cluster: it has no id or no epoch");
    if (f->cluster->policy_revision > f->cluster->revision)
        fault(f, "cluster: its policy revision %" PRIu64 " is later than its revision %" PRIu64,
              f->cluster->policy_revision, f->cluster->revision);
}

/* --- the audit log --- */

static void take_head(struct fsck *f, struct bytes key, struct bytes value)
{
    struct tree_head h;
    ProtobufCMessage *m;
    struct err e = {0};
    AUTO_ARENA struct arena a;

    arena_init(&a, 1 << 16);
    f->r->heads++;
    if (!proto_unpack(&bailey__v1__tree_head__descriptor, value, &a, &m, &e) ||
        !tree_head_from_message((const Bailey__V1__TreeHead *)m, &h, &e) ||
        (f->key != NULL && !tree_head_check(&h, f->key, &e)))
        fault(f, "%.*s: %s", (int)key.n, (const char *)key.p, e.msg);
    else
        BUG_ON(!vec_push(&f->heads, h));
}

static void take_entry(struct fsck *f, struct bytes key, struct bytes value)
{
    struct audit_entry en;
    struct err e = {0};
    char want[AUDIT_KEY_TEXT];
    AUTO_ARENA struct arena a;

    arena_init(&a, 1 << 16);
    f->r->entries++;
    if (f->broken)
        return;
    if (!bytes_equal(key, bytes_str(audit_entry_key(f->check.tree.n, want)))) {
        fault(f, "audit: entry %" PRIu64 " is not there", f->check.tree.n);
        f->broken = true;
        return;
    }
    if (!audit_check_entry(&f->check, value, &a, &en, &e)) {
        fault(f, "audit: %s%s%s", e.msg, e.found[0] == '\0' ? "" : ": ", e.found);
        f->broken = true;
    }
}

/* The stored nodes are what the entries make of them. */
static void check_node(void *user, unsigned level, uint64_t index, const struct merkle_hash *hash)
{
    struct fsck *f = user;
    AUTO_BUF struct buf b = {0};
    char key[AUDIT_KEY_TEXT];

    if (level >= AUDIT_NODE_LEVEL && (!get(f, audit_node_key(level, index, key), &b) ||
                                      !bytes_equal(buf_bytes(&b), BYTES_OF(hash->b))))
        fault(f, "%s: not the hash of its entries", key);
}

static void take_leaf(struct fsck *f, struct bytes key, struct bytes value)
{
    struct merkle_hash leaf;

    (void)key;
    f->r->records--; /* counted before */
    merkle_leaf(value, &leaf);
    merkle_append(&f->check.tree, &leaf, check_node, f);
}

static void check_audit(struct fsck *f)
{
    AUTO_BUF struct buf record = {0}, made = {0};
    struct err e = {0};

    walk(f, "audit/h/", take_head);
    f->check.heads = f->heads.v;
    f->check.heads_n = f->heads.n;
    if (f->cluster != NULL)
        snprintf(f->check.cluster, sizeof f->check.cluster, "%s", f->cluster->cluster_id);
    walk(f, "audit/e/", take_entry);
    if (f->broken)
        return;
    if (!audit_check_end(&f->check, &e))
        fault(f, "audit: %s", e.msg);
    audit_tree_format(&f->check.tree, &made);
    if (f->r->entries > 0 &&
        (!get(f, "audit/tree", &record) || !bytes_equal(buf_bytes(&record), buf_bytes(&made))))
        fault(f, "audit/tree: it is not the tree of the %" PRIu64 " entries", f->r->entries);
    memset(&f->check.tree, 0, sizeof f->check.tree);
    walk(f, "audit/e/", take_leaf);
}

/* --- all of it --- */

static void check_all(struct fsck *f)
{
    check_pages(f);
    check_cluster(f);
    for (int i = 0; i < OBJECT_KINDS; i++) {
        f->kind = kind_of((enum object_kind)i);
        walk(f, f->kind->prefix, check_object);
    }
    walk(f, "token/", check_token);
    check_audit(f);
}

bool fsck_run(const char *file, EVP_PKEY *key, FILE *out, struct fsck_report *r, struct err *e)
{
    struct fsck f = {.out = out, .r = r, .key = key};
    int version = 0;
    bool ok;

    memset(r, 0, sizeof *r);
    arena_init(&f.arena, RECORD_ARENA);
    ok = sqlite3_open_v2(file, &f.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
             SQLITE_OK ||
         store_sql_fail(f.db, file, e);
    ok = ok && store_version(f.db, file, &version, e) &&
         (version > 0 ||
          err_set(e, ERR_INPUT, "store.format", "%s: not a store of this program", file));
    ok = ok && (sqlite3_prepare_v2(f.db, "SELECT value FROM record WHERE key=?1", -1, &f.get,
                                   NULL) == SQLITE_OK ||
                store_sql_fail(f.db, file, e));
    if (ok)
        check_all(&f);
    sqlite3_finalize(f.get);
    sqlite3_close(f.db);
    vec_fini(&f.heads);
    arena_fini(&f.arena);
    return ok;
}
