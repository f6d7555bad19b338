/* Unary calls, errors, limits, who may come in. */
#include "tests/lib/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/status.h"
#include "tests/lib/rpc_pki.h"
#include "tests/lib/rpc_world.h"

static struct world w;

static int up(void **state)
{
    (void)state;
    world_start(&w, NULL);
    return 0;
}

static int down(void **state)
{
    (void)state;
    world_stop(&w);
    return 0;
}

static void answers(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    struct err e = {0};
    uint64_t revision = 0;

    (void)state;
    assert_true(world_get(cl, "echo", "abcde", 5000, &revision, &e));
    assert_int_equal(revision, 5);
    assert_true(w.left_ms > 3000 && w.left_ms <= 5000);
    assert_true(w.last_peer.authenticated);
    assert_string_equal(w.last_peer.uri, "bailey://c1/user/anna");
    assert_string_equal(w.last_peer.common_name, "operator");
    assert_true(world_get(cl, "later", "", 0, &revision, &e));
    assert_int_equal(revision, 7);
    assert_int_equal(w.left_ms, INT64_MAX);
    assert_int_equal(rpc_client_connectivity(cl, false), RPC_READY);
    rpc_client_free(cl);
}

static void errors_keep_their_details(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    struct err e = {0};

    (void)state;
    assert_false(world_get(cl, "fail", "h\xc3\xa9las", 5000, NULL, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_string_equal(e.reason, "test.reason");
    assert_string_equal(e.msg, "it failed: h\xc3\xa9las");
    assert_string_equal(e.field, "spec.trust[0]");
    assert_string_equal(e.found, "milano");
    assert_string_equal(e.expected, "milan or genoa");
    assert_string_equal(e.mend, "write milan");
    rpc_client_free(cl);
}

static void deadline_passes(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    struct err e = {0};
    unsigned before = w.unary_cancelled;

    (void)state;
    assert_true(world_get(cl, "echo", "", 5000, NULL, &e));
    assert_false(world_get(cl, "never", "", 200, NULL, &e));
    assert_int_equal(e.code, ERR_TIMEOUT);
    world_run_ms(&w, 200);
    assert_int_equal(w.unary_cancelled, before + 1); /* the handler was told */
    rpc_client_free(cl);
}

static void on_done(void *user, const ProtobufCMessage *reply, const struct err *e)
{
    struct err *out = user;

    assert_null(reply);
    *out = *e;
}

static void cancel(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    char never[] = "never";
    struct err e = {0};
    unsigned before = w.unary_cancelled;
    struct rpc_call *c;

    (void)state;
    req.kind = never;
    c = rpc_client_call(cl, &bailey__v1__operator__descriptor, "Get", &req.base, NULL, on_done, &e);
    assert_non_null(c);
    world_run_ms(&w, 300);
    rpc_cancel(c);
    world_run_ms(&w, 300);
    assert_string_equal(e.reason, "rpc.cancelled");
    assert_int_equal(w.unary_cancelled, before + 1);
    rpc_client_free(cl);
}

/* A client may go while its calls are under way. */
static void free_with_call(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    struct err e = {0};

    (void)state;
    assert_non_null(rpc_client_call(cl, &bailey__v1__operator__descriptor, "Get", &req.base, NULL,
                                    on_done, &e));
    rpc_client_free(cl);
    world_run_ms(&w, 100);
    assert_string_equal(e.reason, "rpc.cancelled");
}

static void too_large(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    char *big = calloc(1, 5u << 20);
    struct err e = {0};

    (void)state;
    assert_non_null(big);
    memset(big, 'x', (5u << 20) - 1);
    assert_false(world_get(cl, "echo", big, 5000, NULL, &e)); /* stopped here */
    assert_int_equal(e.code, ERR_LIMIT);
    assert_false(world_get(cl, "big", "", 5000, NULL, &e)); /* stopped at the server */
    assert_int_equal(e.code, ERR_LIMIT);
    assert_true(world_get(cl, "echo", "", 5000, NULL, &e));
    free(big);
    rpc_client_free(cl);
}

static void too_large_for_server(void **state)
{
    struct rpc_client *cl = NULL;
    struct rpc_client_options o = {.target = w.target, .max_message_bytes = 8u << 20};
    char *big = calloc(1, 5u << 20);
    struct err e = {0};

    (void)state;
    o.tls.ca = pki_path(w.dir, "ca", ".pem");
    o.tls.certificate = pki_path(w.dir, "operator", ".pem");
    o.tls.key = pki_path(w.dir, "operator", ".key");
    assert_true(rpc_client_new(&w.loop, &o, &cl, &e));
    assert_non_null(big);
    memset(big, 'x', (5u << 20) - 1);
    assert_false(world_get(cl, "echo", big, 5000, NULL, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    free(big);
    rpc_client_free(cl);
}

static void not_utf8(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    struct err e = {0};

    (void)state;
    assert_false(world_get(cl, "echo", "\xff", 5000, NULL, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.reason, "proto.text");
    assert_string_equal(e.field, "name");
    rpc_client_free(cl);
}

static void unknown_method(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    Bailey__V1__StatusRequest req = BAILEY__V1__STATUS_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = 5000};
    struct err e = {0};

    (void)state;
    assert_false(rpc_client_call_wait(cl, &bailey__v1__operator__descriptor, "Status", &req.base,
                                      &o, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_MISSING);
    assert_string_equal(e.reason, "rpc.unimplemented");
    assert_null(rpc_client_call(cl, &bailey__v1__operator__descriptor, "Nothing", &req.base, NULL,
                                NULL, NULL));
    rpc_client_free(cl);
}

static bool join(const char *target, const char *certificate, struct err *e)
{
    AUTO_ARENA struct arena a = {0};
    Bailey__V1__JoinRequest req = BAILEY__V1__JOIN_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = 5000};
    struct rpc_client_options co = {.target = target};
    struct rpc_client *cl = NULL;
    ProtobufCMessage *reply = NULL;
    bool ok;

    arena_init(&a, 65536);
    co.tls.ca = pki_path(w.dir, "ca", ".pem");
    if (certificate != NULL) {
        co.tls.certificate = pki_path(w.dir, certificate, ".pem");
        co.tls.key = pki_path(w.dir, certificate, ".key");
    }
    assert_true(rpc_client_new(&w.loop, &co, &cl, e));
    ok = rpc_client_call_wait(cl, &bailey__v1__enrolment__descriptor, "Join", &req.base, &o, &a,
                              &reply, e);
    if (ok)
        assert_string_equal(((Bailey__V1__JoinResponse *)(void *)reply)->cluster_id, "welcome");
    rpc_client_free(cl);
    return ok;
}

static void listeners_are_apart(void **state)
{
    struct err e = {0};

    (void)state;
    assert_true(join(w.enrol_target, NULL, &e));
    assert_false(join(w.target, "operator", &e)); /* Enrolment does not exist there */
    assert_string_equal(e.reason, "rpc.unimplemented");
    assert_false(join(w.target, NULL, &e)); /* no certificate: not even a handshake */
    assert_int_equal(e.code, ERR_UNAVAIL);
    (void)snprintf(w.target, sizeof w.target, "127.0.0.1:%d", w.enrol_port);
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    (void)snprintf(w.target, sizeof w.target, "127.0.0.1:%d", w.port);
    assert_false(world_get(cl, "echo", "", 5000, NULL, &e)); /* nor Operator here */
    assert_string_equal(e.reason, "rpc.unimplemented");
    rpc_client_free(cl);
}

static void strangers(void **state)
{
    struct rpc_client *none = world_client(&w, "ca", NULL);
    struct rpc_client *foreign = world_client(&w, "ca", "stranger");
    struct rpc_client *wary = world_client(&w, "foreign", "operator");
    struct err e = {0};

    (void)state;
    assert_false(world_get(none, "echo", "", 3000, NULL, &e));
    assert_int_equal(e.code, ERR_UNAVAIL);
    assert_false(world_get(foreign, "echo", "", 3000, NULL, &e));
    assert_int_equal(e.code, ERR_UNAVAIL);
    assert_false(world_get(wary, "echo", "", 3000, NULL, &e)); /* the server is of another CA */
    assert_int_equal(e.code, ERR_UNAVAIL);
    rpc_client_free(none);
    rpc_client_free(foreign);
    rpc_client_free(wary);
}

static void bad_files(void **state)
{
    struct rpc_client_options o = {.target = w.target};
    struct rpc_client *cl = NULL;
    struct err e = {0};

    (void)state;
    o.tls.ca = "/nowhere/ca.pem";
    assert_false(rpc_client_new(&w.loop, &o, &cl, &e));
    assert_int_equal(e.code, ERR_MISSING);
    o.tls.ca = pki_path(w.dir, "ca", ".key");
    assert_false(rpc_client_new(&w.loop, &o, &cl, &e));
    assert_string_equal(e.reason, "tls.pem");
    o.tls.ca = pki_path(w.dir, "ca", ".pem");
    o.tls.certificate = pki_path(w.dir, "operator", ".pem");
    o.tls.key = pki_path(w.dir, "node", ".key");
    assert_false(rpc_client_new(&w.loop, &o, &cl, &e));
    assert_string_equal(e.reason, "tls.key-mismatch");
}

static void never(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    (void)c;
    (void)m;
    (void)user;
    fail();
}

static void on_stopped(void *user)
{
    *(bool *)user = true;
}

/* A server that could not listen ends as any other. */
static void port_in_use(void **state)
{
    struct rpc_listener listener = {.address = w.target};
    struct rpc_server *s = rpc_server_new(&w.loop, NULL);
    struct rpc_method m = {.service = &bailey__v1__operator__descriptor, .name = "Nothing"};
    struct err e = {0};
    bool stopped = false;

    (void)state;
    assert_non_null(s);
    assert_false(rpc_server_listen(s, &listener, NULL, &e));
    assert_string_equal(e.reason, "rpc.listen");
    listener.tls.key = "/nowhere/server.key";
    listener.tls.certificate = "/nowhere/server.pem";
    listener.client_cert = RPC_CLIENT_CERT_NONE;
    assert_false(rpc_server_listen(s, &listener, NULL, &e));
    assert_int_equal(e.code, ERR_MISSING);
    m.unary = never;
    assert_false(rpc_server_method(s, &m, &e));
    assert_string_equal(e.reason, "rpc.no-such-method");
    rpc_server_stop(s, 0, on_stopped, &stopped);
    world_wait(&w, &stopped);
}

static int health(struct rpc_client *cl, const char *service, struct err *e)
{
    AUTO_ARENA struct arena a = {0};
    Grpc__Health__V1__HealthCheckRequest req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = 5000};
    ProtobufCMessage *m = NULL;

    arena_init(&a, 65536);
    req.service = (char *)(uintptr_t)service;
    if (!rpc_client_call_wait(cl, &grpc__health__v1__health__descriptor, "Check", &req.base, &o, &a,
                              &m, e))
        return -1;
    return (int)((Grpc__Health__V1__HealthCheckResponse *)(void *)m)->status;
}

static void health_check(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    struct err e = {0};

    (void)state;
    assert_int_equal(health(cl, "", &e), 1);
    assert_int_equal(health(cl, "bailey.v1.Operator", &e), -1);
    assert_int_equal(e.code, ERR_MISSING);
    rpc_server_set_health(w.server, "bailey.v1.Operator", false);
    assert_int_equal(health(cl, "bailey.v1.Operator", &e), 2);
    rpc_server_set_health(w.server, "bailey.v1.Operator", true);
    assert_int_equal(health(cl, "bailey.v1.Operator", &e), 1);
    rpc_client_free(cl);
}

/* What stands on the wire is not to be trusted. */
static void status_of_others(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct err e = {0}, back = {0};

    (void)state;
    rpc_status_unpack(14, "", (struct bytes){0}, &e);
    assert_int_equal(e.code, ERR_UNAVAIL);
    assert_string_equal(e.reason, "rpc.unavailable");
    rpc_status_unpack(77, "odd", BYTES_LIT("\xff\xff\xff"), &e);
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_string_equal(e.msg, "odd");
    for (int c = ERR_NONE + 1; c < ERR_CODES; c++) { /* every code comes back as itself */
        buf_clear(&b);
        (void)err_set(&e, (enum err_code)c, "test.code", "x");
        rpc_status_pack(&e, &b);
        rpc_status_unpack(rpc_status_of((enum err_code)c), "x", buf_bytes(&b), &back);
        assert_int_equal(back.code, c);
        for (size_t n = 0; n < b.n; n++) /* and no prefix does harm */
            rpc_status_unpack(13, "x", (struct bytes){b.p, n}, &back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(errors_keep_their_details),
        cmocka_unit_test(deadline_passes),
        cmocka_unit_test(cancel),
        cmocka_unit_test(free_with_call),
        cmocka_unit_test(too_large),
        cmocka_unit_test(too_large_for_server),
        cmocka_unit_test(not_utf8),
        cmocka_unit_test(unknown_method),
        cmocka_unit_test(listeners_are_apart),
        cmocka_unit_test(strangers),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(health_check),
        cmocka_unit_test(status_of_others),
        cmocka_unit_test(port_in_use),
    };

    return cmocka_run_group_tests(tests, up, down);
}
