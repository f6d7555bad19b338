/* Second persons against a real store in virtual time: what is approved is what was asked, once, by
 * somebody else, in time, and after a restart as before. */
#include "tests/lib/unit.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "controller/access.h"
#include "controller/approval.h"
#include "controller/ca.h"
#include "controller/reconcile.h"
#include "controller/txn.h"

static char dir[64], path[96];
static uv_loop_t loop;
static int64_t now_ms = 1795000000000;
static struct state st;
static struct ca *ca;

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

static void start(void)
{
    struct store *s = NULL;
    struct err e = {0};

    if (!store_open_sqlite(&loop, path, &s, &e) || !state_init(&st, &loop, s, &virtual_clock, &e))
        fail_msg("%s", e.msg);
    st.options = (struct options){true, 10000, 300000, 600000, 50};
    st.ca = ca;
    if (!state_load(&st, &e) || !reconcile_init(&st, &e))
        fail_msg("%s", e.msg);
}

static void stop(void)
{
    settle();
    reconcile_fini(&st);
    txn_fini(&st);
    store_close(st.store);
    uv_run(&loop, UV_RUN_DEFAULT);
    state_fini(&st);
}

/* A certificate of that user, entered in its record as the first admin's is. */
static void make_user(const char *name, Bailey__V1__Role role)
{
    Bailey__V1__CreateUserRequest r = BAILEY__V1__CREATE_USER_REQUEST__INIT;
    EVP_PKEY *key = NULL;
    X509_REQ *req = X509_REQ_new();
    AUTO_BUF struct buf pem = {0};
    Bailey__V1__User *u;
    uint8_t *der = NULL;
    struct err e = {0};
    int n;

    assert_true(key_new(&key, &e));
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
    n = i2d_X509_REQ(req, &der);
    assert_true(n > 0);
    r.name = (char *)(uintptr_t)name;
    r.role = role;
    r.csr = (ProtobufCBinaryData){(size_t)n, der};
    if (!user_create(&st, &r, "test", &u, &pem, &e))
        fail_msg("%s", e.msg);
    OPENSSL_free(der);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
}

static const char *ask(const char *digest, const char *who, struct err *e)
{
    const Bailey__V1__Approval *a =
        approval_ask(&st, CHANGE(policy), "/x/Apply", digest, "Apply TrustPolicy/p", who, e);

    return a == NULL ? NULL : a->id;
}

static void test_once_by_another(void **unused)
{
    Bailey__V1__Approval *out;
    struct err e = {0};
    char id[32];

    (void)unused;
    start();
    make_user("ann", ROLE(security_officer));
    make_user("bob", ROLE(security_officer));
    make_user("vic", ROLE(viewer));
    snprintf(id, sizeof id, "%s", ask("d1", "ann", &e));
    assert_string_equal(ask("d1", "ann", &e), id); /* asked twice: the same */
    assert_false(approval_decide(&st, id, true, "ann", &out, &e));
    assert_string_equal(e.reason, "approval.own");
    assert_false(approval_decide(&st, id, true, "vic", &out, &e));
    assert_string_equal(e.reason, "approval.role");
    assert_false(approval_decide(&st, "a-999", true, "bob", &out, &e));
    assert_string_equal(e.reason, "approval.missing");
    assert_true(approval_decide(&st, id, true, "bob", &out, &e));
    stop();
    start(); /* it is remembered */
    e = (struct err){0};
    assert_non_null(ask("d2", "ann", &e)); /* another request is not approved */
    assert_non_null(ask("d1", "bob", &e)); /* nor is it for another person */
    assert_null(ask("d1", "ann", &e));
    assert_int_equal(e.code, ERR_NONE);
    assert_non_null(ask("d1", "ann", &e)); /* once */
    stop();
}

static void test_in_time(void **unused)
{
    Bailey__V1__Approval *out;
    struct err e = {0};
    char id[32];

    (void)unused;
    start();
    snprintf(id, sizeof id, "%s", ask("late", "ann", &e));
    now_ms += (APPROVAL_PENDING_S + 1) * 1000LL;
    assert_false(approval_decide(&st, id, true, "bob", &out, &e));
    assert_string_equal(e.reason, "approval.over");
    snprintf(id, sizeof id, "%s", ask("late", "ann", &e));
    assert_true(approval_decide(&st, id, true, "bob", &out, &e));
    now_ms += (APPROVAL_GOOD_S + 1) * 1000LL;
    assert_non_null(ask("late", "ann", &e)); /* it ran out unused */
    stop();
}

static void test_quota(void **unused)
{
    struct err e = {0};
    char digest[32];

    (void)unused;
    start();
    for (int i = 0; i < APPROVALS_PENDING_MAX; i++) {
        snprintf(digest, sizeof digest, "q%d", i);
        assert_non_null(ask(digest, "carl", &e));
    }
    assert_null(ask("one more", "carl", &e));
    assert_string_equal(e.reason, "approval.too-many");
    assert_int_equal(e.code, ERR_LIMIT);
    e = (struct err){0};
    assert_non_null(ask("one more", "dora", &e));
    stop();
}

static void test_what_needs_one(void **unused)
{
    Bailey__V1__ClusterSettings s = BAILEY__V1__CLUSTER_SETTINGS__INIT;
    Bailey__V1__TrustChange list[] = {CHANGE(lift)};

    (void)unused;
    start();
    assert_false(approval_required(&st, ~0u));
    s.require_approval = list;
    s.n_require_approval = 1;
    st.cluster->settings = (Bailey__V1__ClusterSettings *)message_clone(&s.base);
    assert_true(approval_required(&st, 1u << CHANGE(lift)));
    assert_false(approval_required(&st, 1u << CHANGE(policy)));
    assert_true(approval_required(&st, 1u << CHANGE(settings))); /* or it could be switched off */
    assert_true(approval_required(&st, 1u << CHANGE(user)));     /* or one could become two */
    stop();
}

static void test_revoked_and_last_admin(void **unused)
{
    const Bailey__V1__UserCertificate *c;
    Bailey__V1__User *u;
    struct err e = {0};
    char serial[64];

    (void)unused;
    start();
    make_user("root", ROLE(admin));
    assert_false(user_revoke(&st, "root", "", "test", &u, &e));
    assert_string_equal(e.reason, "user.last-admin");
    make_user("root2", ROLE(admin));
    u = user_find(&st, "root");
    snprintf(serial, sizeof serial, "%s", u->certificates[0]->serial);
    c = user_certificate(u, serial);
    assert_non_null(c);
    assert_null(user_certificate(u, ""));
    assert_true(user_revoke(&st, "root", serial, "test", &u, &e));
    assert_null(user_certificate(u, serial));
    assert_true(user_revoke(&st, "root", "", "test", &u, &e));
    stop();
    start();
    assert_string_not_equal(user_find(&st, "root")->ended_at, "");
    stop();
}

static int setup(void **unused)
{
    struct err e = {0};

    (void)unused;
    log_init("test", LOG_ERROR, LOG_AUTO);
    snprintf(dir, sizeof dir, "/tmp/bailey-approval.XXXXXX");
    if (mkdtemp(dir) == NULL || uv_loop_init(&loop) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/bailey.db", dir);
    return ca_new("c", now_ms / 1000, &ca, &e) ? 0 : -1;
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    ca_free(ca);
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_by_another),
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_what_needs_one),
        cmocka_unit_test(test_revoked_and_last_admin),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
