#include "tests/lib/rpc_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/op.h"
#include "tests/lib/rpc_pki.h"

#define GUARD_MS 20000

static void must(bool ok, const char *what, const struct err *e)
{
    if (ok)
        return;
    (void)fprintf(stderr, "rpc world: %s: %s\n", what, e == NULL ? "" : e->msg);
    abort();
}

static void reply_revision(struct rpc_call *c, uint64_t revision)
{
    Bailey__V1__GetResponse resp = BAILEY__V1__GET_RESPONSE__INIT;

    resp.revision = revision;
    rpc_reply(c, &resp.base);
}

static void later(uv_timer_t *t)
{
    struct world *w = container_of(t, struct world, later);
    struct rpc_call *c = w->waiting;

    w->waiting = NULL;
    if (c != NULL)
        reply_revision(c, 7);
}

static void on_get(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__GetRequest *req = (const Bailey__V1__GetRequest *)(const void *)m;
    struct world *w = user;
    struct err e = {0};

    w->left_ms = rpc_call_left_ms(c);
    if (strcmp(req->kind, "echo") == 0) {
        reply_revision(c, strlen(req->name));
    } else if (strcmp(req->kind, "later") == 0) {
        w->waiting = c;
        (void)uv_timer_start(&w->later, later, 30, 0);
    } else if (strcmp(req->kind, "never") == 0) {
        w->waiting = c;
    } else if (strcmp(req->kind, "big") == 0) {
        Bailey__V1__GetResponse resp = BAILEY__V1__GET_RESPONSE__INIT;
        Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT;
        Bailey__V1__Event event = BAILEY__V1__EVENT__INIT;
        char *text = calloc(1, 5u << 20);

        must(text != NULL, "memory", NULL);
        memset(text, 'x', (5u << 20) - 1);
        event.message = text;
        object.kind_case = BAILEY__V1__OBJECT__KIND_EVENT;
        object.event = &event;
        resp.object = &object;
        rpc_reply(c, &resp.base);
        free(text);
    } else {
        (void)err_set(&e, ERR_CONFLICT, "test.reason", "it failed: %s", req->name);
        (void)err_field(&e, "spec.trust[0]");
        (void)err_found(&e, "milano");
        (void)err_expected(&e, "milan or genoa");
        (void)err_mend(&e, "write milan");
        rpc_fail(c, &e);
    }
}

static void on_get_cancelled(struct rpc_call *c, void *user)
{
    struct world *w = user;

    w->unary_cancelled++;
    w->waiting = NULL;
    reply_revision(c, 0); /* owed all the same */
}

static void flood(struct rpc_call *c, struct world *w)
{
    static uint8_t bytes[64 << 10];
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__Certificate cert = BAILEY__V1__CERTIFICATE__INIT;

    memset(bytes, 'x', sizeof bytes - 1);
    cert.certificate = (char *)bytes;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CERTIFICATE;
    m.certificate = &cert;
    while (rpc_pending(c) < RPC_LOW_WATER && w->flood_sent < 1024 && rpc_send(c, &m.base)) {
        w->flood_sent++;
        if (rpc_pending(c) > w->flood_pending_max)
            w->flood_pending_max = rpc_pending(c);
    }
}

static void on_open(struct rpc_call *c, void *user)
{
    struct world *w = user;

    (void)c;
    w->opened++;
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__AgentMessage *msg = (const Bailey__V1__AgentMessage *)(const void *)m;
    Bailey__V1__ControllerMessage out = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__HeartbeatAck ack = BAILEY__V1__HEARTBEAT_ACK__INIT;
    struct world *w = user;
    struct err e = {0};

    w->messages++;
    if (msg->message_case != BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT)
        return;
    if (msg->heartbeat->sequence == 13) {
        (void)err_set(&e, ERR_DENIED, "test.thirteen", "thirteen is not liked");
        rpc_finish(c, &e);
        return;
    }
    if (msg->heartbeat->sequence == 99) {
        rpc_call_set_user(c, w);
        flood(c, w);
        return;
    }
    ack.sequence = msg->heartbeat->sequence;
    out.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_HEARTBEAT_ACK;
    out.heartbeat_ack = &ack;
    (void)rpc_send(c, &out.base);
}

static void on_half_close(struct rpc_call *c, void *user)
{
    struct world *w = user;

    w->half_closed++;
    rpc_finish(c, NULL);
}

static void on_writable(struct rpc_call *c, void *user)
{
    if (rpc_call_user(c) != NULL)
        flood(c, user);
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct world *w = user;

    (void)c;
    w->closed++;
    w->closed_cancelled += cancelled ? 1 : 0;
}

static const struct rpc_stream session = {.on_open = on_open,
                                          .on_message = on_message,
                                          .on_half_close = on_half_close,
                                          .on_writable = on_writable,
                                          .on_closed = on_closed};

static void on_join(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    Bailey__V1__JoinResponse resp = BAILEY__V1__JOIN_RESPONSE__INIT;
    char text[] = "welcome";

    (void)m;
    (void)user;
    resp.cluster_id = text;
    rpc_reply(c, &resp.base);
}

static bool authorize(struct rpc_call *c, const struct rpc_method *m, void *user, struct err *e)
{
    struct world *w = user;

    w->last_peer = *rpc_call_peer(c);
    if (strcmp(m->name, "Connect") == 0 && strstr(w->last_peer.uri, "/node/") == NULL)
        return err_set(e, ERR_DENIED, "test.not-a-node", "only nodes may connect");
    return true;
}

void world_server_start(struct world *w, const struct rpc_limits *limits, int port)
{
    struct err e = {0};
    char address[64];
    struct rpc_listener api = {.address = address,
                               .tls = {pki_path(w->dir, "ca", ".pem"),
                                       pki_path(w->dir, "server", ".pem"),
                                       pki_path(w->dir, "server", ".key")},
                               .client_cert = RPC_CLIENT_CERT_REQUIRE,
                               .authorize = authorize,
                               .user = w};
    struct rpc_listener enrol = api;
    struct rpc_method methods[] = {
        {.service = &bailey__v1__operator__descriptor,
         .name = "Get",
         .listeners = 1,
         .unary = on_get,
         .on_cancelled = on_get_cancelled,
         .user = w},
        {.service = &bailey__v1__node_session__descriptor,
         .name = "Connect",
         .listeners = 1,
         .stream = &session,
         .user = w},
        {.service = &bailey__v1__enrolment__descriptor,
         .name = "Join",
         .listeners = 2,
         .unary = on_join,
         .user = w},
    };

    w->server_stopped = false;
    w->server = rpc_server_new(&w->loop, limits);
    must(w->server != NULL, "server", NULL);
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", port);
    enrol.address = "127.0.0.1:0";
    enrol.client_cert = RPC_CLIENT_CERT_NONE;
    enrol.authorize = NULL;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        must(rpc_server_method(w->server, &methods[i], &e), "method", &e);
    must(rpc_server_listen(w->server, &api, &w->port, &e), "listen", &e);
    must(rpc_server_listen(w->server, &enrol, &w->enrol_port, &e), "listen", &e);
    must(rpc_server_start(w->server, &e), "start", &e);
    (void)snprintf(w->target, sizeof w->target, "127.0.0.1:%d", w->port);
    (void)snprintf(w->enrol_target, sizeof w->enrol_target, "127.0.0.1:%d", w->enrol_port);
}

void world_start(struct world *w, const struct rpc_limits *limits)
{
    struct err e = {0};

    memset(w, 0, sizeof *w);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/bailey-rpc-XXXXXX");
    must(mkdtemp(w->dir) != NULL, "directory", NULL);
    pki_ca(w->dir, "ca");
    pki_ca(w->dir, "foreign");
    pki_leaf(w->dir, "ca", "server", "DNS:localhost,IP:127.0.0.1,URI:bailey://c1/controller");
    pki_leaf(w->dir, "ca", "operator", "URI:bailey://c1/user/anna");
    pki_leaf(w->dir, "ca", "node", "URI:bailey://c1/node/n1");
    pki_leaf(w->dir, "foreign", "stranger", "URI:bailey://c1/user/anna");
    must(uv_loop_init(&w->uv) == 0, "loop", NULL);
    must(uv_timer_init(&w->uv, &w->later) == 0 && uv_timer_init(&w->uv, &w->guard) == 0, "timer",
         NULL);
    must(rpc_loop_init(&w->loop, &w->uv, &e), "rpc loop", &e);
    world_server_start(w, limits, 0);
}

static void stopped(void *user)
{
    struct world *w = user;

    w->server_stopped = true;
    w->server = NULL;
}

static void loop_closed(struct rpc_loop *l, void *user)
{
    struct world *w = user;

    (void)l;
    w->loop_closed = true;
}

void world_server_stop(struct world *w, int64_t grace_ms)
{
    rpc_server_stop(w->server, grace_ms, stopped, w);
    world_wait(w, &w->server_stopped);
}

void world_stop(struct world *w)
{
    char command[96];

    if (w->server != NULL)
        world_server_stop(w, 200);
    rpc_loop_close(&w->loop, loop_closed, w);
    world_wait(w, &w->loop_closed);
    uv_close((uv_handle_t *)&w->later, NULL);
    uv_close((uv_handle_t *)&w->guard, NULL);
    (void)uv_run(&w->uv, UV_RUN_DEFAULT);
    must(uv_loop_close(&w->uv) == 0, "the loop has handles left", NULL);
    (void)snprintf(command, sizeof command, "rm -rf %s", w->dir);
    must(system(command) == 0, "clean up", NULL);
}

struct rpc_client *world_client(struct world *w, const char *ca, const char *name)
{
    struct err e = {0};
    struct rpc_client *cl = NULL;
    struct rpc_client_options o = {.target = w->target, .backoff_ms = 100};

    o.tls.ca = pki_path(w->dir, ca, ".pem");
    if (name != NULL) {
        o.tls.certificate = pki_path(w->dir, name, ".pem");
        o.tls.key = pki_path(w->dir, name, ".key");
    }
    must(rpc_client_new(&w->loop, &o, &cl, &e), "client", &e);
    return cl;
}

static void guard(uv_timer_t *t)
{
    (void)t;
    must(false, "waited too long", NULL);
}

void world_wait(struct world *w, const bool *flag)
{
    (void)uv_timer_start(&w->guard, guard, GUARD_MS, 0);
    while (!*flag)
        (void)uv_run(&w->uv, UV_RUN_ONCE);
    (void)uv_timer_stop(&w->guard);
}

static void elapsed(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

void world_run_ms(struct world *w, uint64_t ms)
{
    bool done = false;

    w->guard.data = &done;
    (void)uv_timer_start(&w->guard, elapsed, ms, 0);
    while (!done)
        (void)uv_run(&w->uv, UV_RUN_ONCE);
}

bool world_get(struct rpc_client *cl, const char *kind, const char *name, int64_t deadline_ms,
               uint64_t *revision, struct err *e)
{
    AUTO_ARENA struct arena a = {0};
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = deadline_ms};
    ProtobufCMessage *reply = NULL;

    arena_init(&a, 1u << 20);
    req.kind = (char *)(uintptr_t)kind;
    req.name = (char *)(uintptr_t)name;
    if (!rpc_client_call_wait(cl, &bailey__v1__operator__descriptor, "Get", &req.base, &o, &a,
                              &reply, e))
        return false;
    if (revision != NULL)
        *revision = ((Bailey__V1__GetResponse *)(void *)reply)->revision;
    return true;
}
