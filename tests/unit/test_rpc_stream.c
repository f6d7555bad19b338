/* Streams, back-pressure, shutdown with live streams, rotation of certificates. */
#include "tests/lib/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "tests/lib/rpc_pki.h"
#include "tests/lib/rpc_world.h"

static struct world w;

struct end { /* the client's end of a stream */
    struct rpc_call *c;
    unsigned opened, messages, last;
    bool closed, cancelled, ok, pause;
    size_t bytes;
    int health;
    struct err e;
};

static int up(void **state)
{
    (void)state;
    world_start(&w, NULL);
    return 0;
}

static int down(void **state)
{
    (void)state;
    if (w.dir[0] != '\0')
        world_stop(&w);
    return 0;
}

static void on_open(struct rpc_call *c, void *user)
{
    struct end *x = user;

    (void)c;
    x->opened++;
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__ControllerMessage *msg =
        (const Bailey__V1__ControllerMessage *)(const void *)m;
    struct end *x = user;

    x->messages++;
    x->bytes += protobuf_c_message_get_packed_size(m);
    if (msg->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_HEARTBEAT_ACK)
        x->last = (unsigned)msg->heartbeat_ack->sequence;
    if (x->pause)
        rpc_read_pause(c);
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct end *x = user;

    x->closed = true;
    x->cancelled = cancelled;
    x->ok = rpc_call_status(c, &x->e);
    x->c = NULL;
}

static const struct rpc_stream callbacks = {
    .on_open = on_open, .on_message = on_message, .on_closed = on_closed};

static void connect_stream(struct rpc_client *cl, struct end *x)
{
    struct rpc_call_options o = {.wait_for_ready = true};

    memset(x, 0, sizeof *x);
    x->c = rpc_stream_open(cl, &bailey__v1__node_session__descriptor, "Connect", &o, &callbacks, x);
    assert_non_null(x->c);
}

static void beat(struct end *x, uint64_t sequence)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Heartbeat h = BAILEY__V1__HEARTBEAT__INIT;

    h.sequence = sequence;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT;
    m.heartbeat = &h;
    assert_true(rpc_send(x->c, &m.base));
}

static void wait_messages(struct end *x, unsigned n)
{
    for (unsigned i = 0; i < 4000 && x->messages < n && !x->closed; i++)
        world_run_ms(&w, 5);
    assert_true(x->messages >= n);
}

static void echoes_in_order(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    unsigned before = w.half_closed, closed = w.closed, cancelled = w.closed_cancelled;
    struct end x;

    (void)state;
    connect_stream(cl, &x);
    for (uint64_t i = 100; i < 1100; i++) /* many before the connection is there */
        beat(&x, i);
    wait_messages(&x, 1000);
    assert_int_equal(x.last, 1099);
    assert_int_equal(x.opened, 1);
    assert_string_equal(w.last_peer.uri, "bailey://c1/node/n1");
    rpc_half_close(x.c);
    world_wait(&w, &x.closed);
    assert_true(x.ok && !x.cancelled);
    world_run_ms(&w, 50);
    assert_int_equal(w.half_closed, before + 1);
    assert_int_equal(w.closed, closed + 1);
    assert_int_equal(w.closed_cancelled, cancelled);
    rpc_client_free(cl);
}

static void half_close_after_queue(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    struct end x;

    (void)state;
    connect_stream(cl, &x);
    for (uint64_t i = 100; i < 200; i++)
        beat(&x, i);
    rpc_half_close(x.c);
    assert_true(rpc_pending(x.c) > 0);
    world_wait(&w, &x.closed);
    assert_int_equal(x.messages, 100);
    assert_true(x.ok);
    rpc_client_free(cl);
}

static void server_ends_it(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    struct end x;

    (void)state;
    connect_stream(cl, &x);
    beat(&x, 12);
    beat(&x, 13);
    world_wait(&w, &x.closed);
    assert_int_equal(x.last, 12); /* what was queued came before the end */
    assert_int_equal(x.e.code, ERR_DENIED);
    assert_string_equal(x.e.reason, "test.thirteen");
    rpc_client_free(cl);
}

static void cancel(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    unsigned closed = w.closed_cancelled, half = w.half_closed;
    struct end x;

    (void)state;
    connect_stream(cl, &x);
    beat(&x, 1);
    wait_messages(&x, 1);
    rpc_cancel(x.c);
    assert_false(rpc_send(x.c, NULL));
    world_wait(&w, &x.closed);
    assert_true(x.cancelled && !x.ok);
    world_run_ms(&w, 100);
    assert_int_equal(w.closed_cancelled, closed + 1);
    assert_int_equal(w.half_closed, half); /* a cancel is no end of the input */
    rpc_client_free(cl);
}

static void not_a_node(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    unsigned opened = w.opened;
    struct end x;

    (void)state;
    connect_stream(cl, &x);
    beat(&x, 1);
    world_wait(&w, &x.closed);
    assert_int_equal(x.e.code, ERR_DENIED);
    assert_string_equal(x.e.reason, "test.not-a-node");
    assert_int_equal(w.opened, opened); /* the handler never saw it */
    rpc_client_free(cl);
}

static void back_pressure(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    struct end x;
    size_t stood;

    (void)state;
    connect_stream(cl, &x);
    x.pause = true;
    w.flood_sent = 0;
    beat(&x, 99);
    wait_messages(&x, 1);
    world_run_ms(&w, 500);
    stood = w.flood_sent;
    assert_true(x.messages <= 2);
    assert_true(stood < 512); /* of 1024: the server waits for the reader */
    world_run_ms(&w, 200);
    assert_int_equal(w.flood_sent, stood);
    assert_true(w.flood_pending_max <= RPC_LOW_WATER + (64u << 10) + 64);
    x.pause = false;
    rpc_read_resume(x.c);
    wait_messages(&x, 1024); /* nothing was lost */
    assert_true(x.bytes > (size_t)1024 * ((64u << 10) - 1));
    rpc_cancel(x.c);
    world_wait(&w, &x.closed);
    rpc_client_free(cl);
}

static void queue_limit(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__LogChunk chunk = BAILEY__V1__LOG_CHUNK__INIT;
    uint8_t *bytes = calloc(1, 1u << 20);
    struct end x;
    unsigned n = 0;

    (void)state;
    assert_non_null(bytes);
    chunk.data.data = bytes;
    chunk.data.len = 1u << 20;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_LOG_CHUNK;
    m.log_chunk = &chunk;
    connect_stream(cl, &x);
    while (n < 64 && rpc_send(x.c, &m.base)) /* the loop does not run: nothing goes out */
        n++;
    assert_int_equal(n, 16);
    world_wait(&w, &x.closed);
    assert_true(x.cancelled);
    free(bytes);
    rpc_client_free(cl);
}

static void call_outlives_its_end(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    struct rpc_call *c;
    struct end x;

    (void)state;
    connect_stream(cl, &x);
    c = rpc_call_ref(x.c);
    rpc_cancel(c);
    world_wait(&w, &x.closed);
    assert_false(rpc_send(c, NULL));
    rpc_cancel(c);
    rpc_half_close(c);
    assert_int_equal(rpc_pending(c), 0);
    assert_string_equal(rpc_call_method(c), "/bailey.v1.NodeSession/Connect");
    rpc_call_unref(c);
    rpc_client_free(cl);
}

static void on_health(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    struct end *x = user;

    (void)c;
    x->messages++;
    x->health = (int)((const Grpc__Health__V1__HealthCheckResponse *)(const void *)m)->status;
}

static void health_watch(void **state)
{
    static const struct rpc_stream watch = {.on_message = on_health, .on_closed = on_closed};
    struct rpc_client *cl = world_client(&w, "ca", "node");
    Grpc__Health__V1__HealthCheckRequest req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    char name[] = "x.Y";
    struct end x = {0};

    (void)state;
    req.service = name;
    x.c = rpc_stream_open(cl, &grpc__health__v1__health__descriptor, "Watch", NULL, &watch, &x);
    assert_true(rpc_send(x.c, &req.base));
    rpc_half_close(x.c);
    wait_messages(&x, 1);
    assert_int_equal(x.health, 3); /* SERVICE_UNKNOWN */
    rpc_server_set_health(w.server, "x.Y", true);
    wait_messages(&x, 2);
    assert_int_equal(x.health, 1);
    rpc_server_set_health(w.server, "x.Y", true); /* no change, no message */
    rpc_server_set_health(w.server, "x.Y", false);
    wait_messages(&x, 3);
    assert_int_equal(x.health, 2);
    rpc_cancel(x.c);
    world_wait(&w, &x.closed);
    assert_int_equal(x.messages, 3);
    rpc_client_free(cl);
}

static void on_reflection(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Grpc__Reflection__V1__ServerReflectionResponse *r =
        (const Grpc__Reflection__V1__ServerReflectionResponse *)(const void *)m;
    struct end *x = user;

    (void)c;
    x->messages++;
    if (r->message_response_case ==
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE)
        x->last = (unsigned)r->list_services_response->n_service;
    else if (
        r->message_response_case ==
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE)
        x->last = (unsigned)r->file_descriptor_response->n_file_descriptor_proto;
    else if (
        r->message_response_case ==
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE)
        x->last = (unsigned)r->all_extension_numbers_response->n_extension_number;
    else
        x->last = 1000u + (unsigned)r->error_response->error_code;
}

static unsigned ask(struct end *x, int what, const char *text)
{
    Grpc__Reflection__V1__ServerReflectionRequest req =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    unsigned n = x->messages;

    req.message_request_case =
        (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)what;
    req.list_services = (char *)(uintptr_t)text; /* the union's texts are one member */
    assert_true(rpc_send(x->c, &req.base));
    wait_messages(x, n + 1);
    return x->last;
}

static unsigned ask_extension(struct end *x, const char *type, int32_t number)
{
    Grpc__Reflection__V1__ServerReflectionRequest req =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    Grpc__Reflection__V1__ExtensionRequest ext = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
    unsigned n = x->messages;

    ext.containing_type = (char *)(uintptr_t)type;
    ext.extension_number = number;
    req.message_request_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION;
    req.file_containing_extension = &ext;
    assert_true(rpc_send(x->c, &req.base));
    wait_messages(x, n + 1);
    return x->last;
}

static void reflection(void **state)
{
    static const struct rpc_stream answers = {.on_message = on_reflection, .on_closed = on_closed};
    struct rpc_client *cl = world_client(&w, "ca", "operator");
    struct end x = {0};

    (void)state;
    x.c = rpc_stream_open(cl, &grpc__reflection__v1__server_reflection__descriptor,
                          "ServerReflectionInfo", NULL, &answers, &x);
    /* health, two reflections, Operator, NodeSession; Enrolment is on the other listener */
    assert_int_equal(ask(&x, 7, "*"), 5);
    assert_int_equal(ask(&x, 3, "bailey/v1/options.proto"), 2); /* with descriptor.proto */
    assert_true(ask(&x, 4, "bailey.v1.Operator") > 5);
    assert_true(ask(&x, 4, "bailey.v1.Operator.Get") > 5);
    assert_true(ask(&x, 4, "bailey.v1.WatchResponse.Type") > 5);
    assert_int_equal(ask(&x, 4, "bailey.v1.Operato"), 1005);
    assert_int_equal(ask(&x, 4, ""), 1005);
    assert_int_equal(ask(&x, 3, "nothing.proto"), 1005);
    assert_int_equal(ask(&x, 0, ""), 1003);
    assert_true(ask(&x, 6, "google.protobuf.FieldOptions") >= 1);
    assert_int_equal(ask(&x, 6, "nothing"), 1005);
    assert_int_equal(ask_extension(&x, "google.protobuf.FieldOptions", 0), 1005);
    assert_int_equal(ask_extension(&x, "google.protobuf.FieldOptions", 1), 1005);
    rpc_half_close(x.c);
    world_wait(&w, &x.closed);
    assert_true(x.ok);
    rpc_client_free(cl);
}

static void rotation_keeps_streams(void **state)
{
    struct rpc_client *old = world_client(&w, "ca", "node");
    struct rpc_client *fresh;
    struct err e = {0};
    struct end x, y;
    char command[256];

    (void)state;
    connect_stream(old, &x);
    beat(&x, 1);
    wait_messages(&x, 1);

    /* a file that is no pair is refused and changes nothing */
    (void)snprintf(command, sizeof command,
                   "cd %s && cp server.key kept.key && cp node.key server.key", w.dir);
    assert_int_equal(system(command), 0);
    assert_false(rpc_server_reload_tls(w.server, &e));
    assert_string_equal(e.reason, "tls.key-mismatch");
    (void)snprintf(command, sizeof command, "cd %s && cp kept.key server.key", w.dir);
    assert_int_equal(system(command), 0);
    fresh = world_client(&w, "ca", "node");
    assert_true(world_get(fresh, "echo", "", 5000, NULL, &e));
    rpc_client_free(fresh);

    /* a server certificate of another CA: new connections see it, the stream goes on */
    pki_leaf(w.dir, "foreign", "server", "DNS:localhost,IP:127.0.0.1");
    assert_true(rpc_server_reload_tls(w.server, &e));
    fresh = world_client(&w, "foreign", "node");
    assert_true(world_get(fresh, "echo", "", 5000, NULL, &e));
    beat(&x, 2);
    wait_messages(&x, 2);
    assert_int_equal(x.last, 2);

    /* the client's turn: its new connection believes the new CA, its open stream stays */
    (void)snprintf(command, sizeof command,
                   "cd %s && cat ca.pem > own.pem && cat foreign.pem >> own.pem", w.dir);
    assert_int_equal(system(command), 0);
    struct rpc_client *both = world_client(&w, "own", "node");
    connect_stream(both, &y);
    beat(&y, 1);
    wait_messages(&y, 1);
    pki_leaf(w.dir, "ca", "node", "URI:bailey://c1/node/n2");
    assert_true(rpc_client_reload_tls(both, &e));
    assert_true(world_get(both, "echo", "", 5000, NULL, &e));
    assert_string_equal(w.last_peer.uri, "bailey://c1/node/n2");
    beat(&y, 2);
    wait_messages(&y, 2);
    assert_false(x.closed || y.closed);

    rpc_client_free(fresh);
    rpc_client_free(old); /* ends x */
    rpc_client_free(both);
    world_wait(&w, &x.closed);
    world_wait(&w, &y.closed);
    pki_leaf(w.dir, "ca", "server", "DNS:localhost,IP:127.0.0.1");
    pki_leaf(w.dir, "ca", "node", "URI:bailey://c1/node/n1");
    assert_true(rpc_server_reload_tls(w.server, &e));
}

/* Live streams go on during the grace, then end with UNAVAILABLE; the same port serves again and
 * the client comes back by itself. */
static void restart_with_live_streams(void **state)
{
    struct rpc_client *cl[20];
    struct end x[20];
    struct err e = {0};
    int port = w.port;

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        cl[i] = world_client(&w, "ca", "node");
        connect_stream(cl[i], &x[i]);
        beat(&x[i], 1);
    }
    for (size_t i = 0; i < 20; i++)
        wait_messages(&x[i], 1);
    world_server_stop(&w, 300);
    for (size_t i = 0; i < 20; i++) {
        world_wait(&w, &x[i].closed);
        assert_false(x[i].ok);
        assert_int_equal(x[i].e.code, ERR_UNAVAIL);
    }
    assert_false(world_get(cl[0], "echo", "", 1000, NULL, &e));
    world_server_start(&w, NULL, port);
    for (size_t i = 0; i < 20; i++) {
        connect_stream(cl[i], &x[i]);
        beat(&x[i], 5);
    }
    for (size_t i = 0; i < 20; i++) {
        wait_messages(&x[i], 1);
        assert_int_equal(x[i].last, 5);
        rpc_client_free(cl[i]);
        world_wait(&w, &x[i].closed);
    }
}

/* A stream that ends within the grace keeps nobody waiting. */
static void stop_is_prompt(void **state)
{
    struct rpc_client *cl = world_client(&w, "ca", "node");
    struct end x;
    uint64_t begun, took;
    int port = w.port;

    (void)state;
    connect_stream(cl, &x);
    beat(&x, 1);
    wait_messages(&x, 1);
    rpc_half_close(x.c);
    begun = uv_hrtime();
    world_server_stop(&w, 10000);
    took = (uv_hrtime() - begun) / 1000000;
    assert_true(took < 3000);
    world_wait(&w, &x.closed);
    assert_true(x.ok);
    rpc_client_free(cl);
    world_server_start(&w, NULL, port);
}

static void calls_are_limited(void **state)
{
    struct rpc_limits limits = {.max_calls = 3};
    struct rpc_client *cl;
    struct end x[4];
    unsigned refused = 0;

    (void)state;
    world_server_stop(&w, 0);
    world_server_start(&w, &limits, 0);
    cl = world_client(&w, "ca", "node");
    for (size_t i = 0; i < 4; i++) {
        connect_stream(cl, &x[i]);
        beat(&x[i], 1);
    }
    world_run_ms(&w, 300);
    for (size_t i = 0; i < 4; i++)
        if (x[i].closed) {
            refused++;
            assert_int_equal(x[i].e.code, ERR_LIMIT);
            assert_string_equal(x[i].e.reason, "rpc.calls");
        }
    assert_int_equal(refused, 1);
    rpc_client_free(cl);
    for (size_t i = 0; i < 4; i++)
        world_wait(&w, &x[i].closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_in_order),
        cmocka_unit_test(half_close_after_queue),
        cmocka_unit_test(server_ends_it),
        cmocka_unit_test(cancel),
        cmocka_unit_test(not_a_node),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(queue_limit),
        cmocka_unit_test(call_outlives_its_end),
        cmocka_unit_test(health_watch),
        cmocka_unit_test(reflection),
        cmocka_unit_test(rotation_keeps_streams),
        cmocka_unit_test(restart_with_live_streams),
        cmocka_unit_test(stop_is_prompt),
        cmocka_unit_test(calls_are_limited),
    };

    return cmocka_run_group_tests(tests, up, down);
}
