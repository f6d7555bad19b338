/* The controller's audit log on a real store: what is in it after which end of the process, when
 * heads are made, proofs of every entry, and stores that were put back. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "attest/audit_check.h"
#include "base/log.h"
#include "controller/audit_int.h"
#include "controller/effective.h"
#include "controller/fsck.h"
#include "controller/rollback.h"
#include "proto/unpack.h"

#define CLUSTER "5a2d9c1e-0000-4000-8000-000000000001"

static char dir[64], path[96], copy[96];
static uv_loop_t loop;
static int64_t now_ms = 1795000000000;
static struct state st;
static EVP_PKEY *key;

static int64_t virtual_now(const struct clock *c)
{
    (void)c;
    return now_ms;
}

static const struct clock virtual_clock = {virtual_now, virtual_now, virtual_now};

static void settle(void)
{
    do
        uv_run(&loop, UV_RUN_NOWAIT);
    while (!txn_idle(&st));
}

static bool try_start(const char *file, struct err *e)
{
    struct store *s = NULL;

    if (!store_open_sqlite(&loop, file, &s, e) || !state_init(&st, &loop, s, &virtual_clock, e))
        return false;
    if (!state_load(&st, e))
        return false;
    if (st.cluster->cluster_id[0] == '\0')
        text_set(&st.cluster->cluster_id, CLUSTER);
    st.cluster->controller_epoch++;
    EVP_PKEY_up_ref(key);
    return audit_open(&st, key, BYTES_LIT("no certificate"), e) && rollback_load(&st, e);
}

static void start(const char *file)
{
    struct err e = {0};

    if (!try_start(file, &e))
        fail_msg("%s", e.msg);
}

static void stop(void)
{
    settle();
    audit_close(&st);
    txn_fini(&st);
    store_close(st.store);
    uv_run(&loop, UV_RUN_DEFAULT);
    state_fini(&st);
}

static void record(const char *action)
{
    audit_record(
        &st, &(struct audit_entry){.v = {[AUDIT_ACTOR] = "user/test", [AUDIT_ACTION] = action}});
}

static struct node *make_node(const char *name)
{
    Bailey__V1__Node m = BAILEY__V1__NODE__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__NodeStatus status = BAILEY__V1__NODE_STATUS__INIT;
    struct node *n;

    meta.name = (char *)(uintptr_t)name;
    m.metadata = &meta;
    m.status = &status;
    n = node_new(&st, &m);
    assert_non_null(n);
    return n;
}

static struct bytes stored(uint64_t sequence, struct buf *out)
{
    char k[AUDIT_KEY_TEXT];

    buf_clear(out);
    assert_true(store_get(st.store, bytes_str(audit_entry_key(sequence, k)), out, NULL));
    return buf_bytes(out);
}

static void whole_store_is_good(const char *file)
{
    struct fsck_report r;
    struct err e = {0};

    if (!fsck_run(file, key, stderr, &r, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(r.faults, 0);
}

/* Every entry of a log that grew over batches and starts is proven by the newest head, and every
 * kept head is a beginning of it. */
static void test_proofs(void **unused)
{
    AUTO_BUF struct buf b = {0};
    struct merkle_hash proof[MERKLE_PROOF_MAX], leaf;
    const struct tree_head *h;
    unsigned n;

    (void)unused;
    for (unsigned round = 0; round < 3; round++) {
        start(path);
        for (unsigned i = 0; i < 29; i++) {
            record("test.one");
            if (i % 5 == 0)
                txn_flush(&st);
        }
        (void)audit_head_now(&st);
        settle();
        h = audit_head(&st);
        assert_non_null(h);
        assert_int_equal(h->size, 29 * (round + 1));
        assert_int_equal(audit_durable(&st), h->size);
        for (uint64_t i = 0; i < h->size; i++) {
            merkle_leaf(stored(i, &b), &leaf);
            assert_true(
                merkle_prove_inclusion(audit_read_node, st.store, i, h->size, proof, &n, NULL));
            assert_true(merkle_check_inclusion(&leaf, i, h->size, proof, n, &h->root, NULL));
        }
        for (size_t i = 0; i < st.audit->heads.n; i++) {
            char k[AUDIT_KEY_TEXT];
            struct tree_head old;
            ProtobufCMessage *m;
            AUTO_ARENA struct arena a;

            arena_init(&a, 1 << 16);
            buf_clear(&b);
            assert_true(
                store_get(st.store, bytes_str(audit_head_key(st.audit->heads.v[i], k)), &b, NULL));
            assert_true(
                proto_unpack(&bailey__v1__tree_head__descriptor, buf_bytes(&b), &a, &m, NULL));
            assert_true(tree_head_from_message((Bailey__V1__TreeHead *)m, &old, NULL));
            assert_true(tree_head_check(&old, key, NULL));
            assert_true(merkle_prove_consistency(audit_read_node, st.store, old.size, h->size,
                                                 proof, &n, NULL));
            assert_true(
                merkle_check_consistency(old.size, &old.root, h->size, &h->root, proof, n, NULL));
        }
        stop();
        whole_store_is_good(path);
    }
}

/* What an entry says of the batch it is in. */
static void test_same_batch(void **unused)
{
    AUTO_BUF struct buf b = {0};
    struct audit_entry en;
    uint64_t at, revision;
    struct node *n;
    AUTO_ARENA struct arena a;

    (void)unused;
    arena_init(&a, 1 << 16);
    start(path);
    n = make_node("n1");
    at = audit_size(&st);
    revision = txn_revision(&st);
    event_add(&st, &n->object, "normal", "node.connected", "controller", "says nothing");
    assert_int_equal(audit_size(&st), at);
    event_add(&st, &n->object, "normal", "node.cordoned", "alice", "no %s", "new keeps");
    assert_int_equal(audit_size(&st), at + 1);
    assert_int_equal(audit_durable(&st), at);
    assert_false(store_get(st.store, BYTES_LIT("node/n1"), &b, NULL));
    settle();
    assert_int_equal(audit_durable(&st), at + 1);
    assert_int_equal(n->object.revision, revision);
    assert_true(audit_entry_parse(stored(at, &b), &a, &en, NULL));
    assert_string_equal(en.v[AUDIT_ACTOR], "user/alice");
    assert_string_equal(en.v[AUDIT_OBJECT], "Node n1");
    assert_string_equal(en.v[AUDIT_BECAUSE], "no new keeps");
    assert_int_equal(strtoull(en.v[AUDIT_REVISION], NULL, 10), revision);
    assert_int_equal(strlen(en.v[AUDIT_CONTENT]), 64);
    stop();
}

static void test_heads_when_due(void **unused)
{
    uint64_t first, size;

    (void)unused;
    start(path);
    record("test.begin");
    (void)audit_head_now(&st);
    settle();
    first = audit_head(&st)->size;
    record("test.soon");
    settle();
    assert_int_equal(audit_head(&st)->size, first); /* neither time nor entries ask for one */
    now_ms += HEAD_EVERY_MS;
    record("test.later");
    settle();
    assert_int_equal(audit_head(&st)->size, first + 2);
    for (unsigned i = 0; i < HEAD_ENTRIES; i++)
        record("test.many");
    size = audit_size(&st);
    settle();
    assert_int_equal(audit_head(&st)->size, size);
    for (unsigned i = 0; i < AUDIT_HEADS_KEPT + 20; i++) {
        record("test.head");
        (void)audit_head_now(&st);
    }
    settle();
    assert_int_equal(st.audit->heads.n, AUDIT_HEADS_KEPT);
    stop();
    whole_store_is_good(path);
}

static void copy_store(void)
{
    char command[256];

    snprintf(command, sizeof command, "cp %s %s", path, copy);
    assert_int_equal(system(command), 0);
}

static bool hello(struct node *n, const struct tree_head *h, bool *accepted, struct err *e)
{
    Bailey__V1__Hello m = BAILEY__V1__HELLO__INIT;
    Bailey__V1__TreeHead t = BAILEY__V1__TREE_HEAD__INIT;

    memset(e, 0, sizeof *e);
    tree_head_to_message(h, &t);
    m.highest_tree_head = &t;
    return rollback_hello(&st, n, &m, accepted, e);
}

/* An older store under agents that have seen more; then accepted, also for one that comes later. */
static void test_rollback(void **unused)
{
    const struct rpc_method apply = {.name = "Apply"}, get = {.name = "Get"};
    struct tree_head known, lost, forged;
    uint64_t epoch;
    bool accepted;
    struct err e;
    struct node *n;

    (void)unused;
    start(path);
    record("test.before");
    known = *audit_head_now(&st);
    stop();
    copy_store();
    start(path);
    record("test.lost");
    lost = *audit_head_now(&st);
    epoch = st.cluster->controller_epoch;
    stop();

    start(copy);
    n = make_node("n2");
    assert_true(hello(n, &known, &accepted, &e));
    assert_false(accepted);
    forged = lost;
    forged.size += 5; /* nobody is stopped by what we did not sign */
    assert_true(hello(n, &forged, &accepted, &e));
    assert_true(accepted);
    assert_false(rollback_suspected(&st));
    snprintf(forged.cluster, sizeof forged.cluster, "another");
    assert_false(hello(n, &forged, &accepted, &e));
    assert_string_equal(e.reason, "audit.cluster");
    assert_true(rollback_admits(&st, &apply, &e));
    assert_false(hello(n, &lost, &accepted, &e));
    assert_string_equal(e.reason, "audit.rollback-suspected");
    assert_true(rollback_suspected(&st));
    assert_false(hello(n, &known, &accepted, &e)); /* nor any other agent */
    assert_false(rollback_admits(&st, &apply, &e));
    assert_true(rollback_admits(&st, &get, &e));
    stop();

    start(copy);
    rollback_accept(&st);
    assert_true(st.cluster->controller_epoch > epoch);
    stop();
    for (unsigned i = 0; i < 2; i++) {
        now_ms += 60000;
        start(copy);
        n = state_node(&st, "n2");
        assert_non_null(n);
        assert_true(hello(n, &lost, &accepted, &e));
        assert_true(accepted);
        stop();
    }
    whole_store_is_good(copy);
}

/* The same number of entries, but not the same ones. */
static void test_fork(void **unused)
{
    struct tree_head other;
    bool accepted;
    struct err e;

    (void)unused;
    start(path);
    record("test.fork");
    settle();
    stop();
    copy_store();
    start(path);
    record("test.left");
    other = *audit_head_now(&st);
    stop();
    start(copy);
    record("test.right");
    settle();
    assert_int_equal(audit_size(&st), other.size);
    assert_false(hello(make_node("n3"), &other, &accepted, &e));
    assert_string_equal(e.reason, "audit.rollback-suspected");
    stop();
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

/* A log that does not fit itself is not gone on with. */
static void test_cut_store(void **unused)
{
    static const char *const cuts[] = {
        "DELETE FROM record WHERE key=CAST('audit/tree' AS BLOB)",
        "UPDATE record SET value=zeroblob(9) WHERE key=CAST('audit/tree' AS BLOB)",
        ("DELETE FROM record WHERE key=(SELECT max(key) FROM record"
         " WHERE key<CAST('audit/f' AS BLOB))"),
    };
    struct err e;

    (void)unused;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        memset(&e, 0, sizeof e);
        copy_store();
        run_sql(cuts[i]);
        assert_false(try_start(copy, &e));
        assert_string_equal(e.reason, "audit.tree");
        stop();
    }
}

static int setup(void **unused)
{
    (void)unused;
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(dir, sizeof dir, "/tmp/bailey-audit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return uv_loop_init(&loop);
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    EVP_PKEY_free(key);
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proofs),         cmocka_unit_test(test_same_batch),
        cmocka_unit_test(test_heads_when_due), cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_fork),           cmocka_unit_test(test_cut_store),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
