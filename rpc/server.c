#include "rpc/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/server_int.h"
#include "rpc/unconst.h"

#define ARMED_UNARY 16u
#define ARMED_STREAM 4u

#define DEFAULT(v, d) ((v) != 0 ? (v) : (d))

struct rpc_server *rpc_server_new(struct rpc_loop *l, const struct rpc_limits *limits)
{
    struct rpc_server *s = calloc(1, sizeof *s);
    struct err e = {0};

    if (s == NULL)
        return NULL;
    s->loop = l;
    if (limits != NULL)
        s->limits = *limits;
    s->limits.max_message_bytes = DEFAULT(s->limits.max_message_bytes, 4u << 20);
    s->limits.max_arena_bytes = DEFAULT(s->limits.max_arena_bytes, 32u << 20);
    s->limits.max_connection_streams = DEFAULT(s->limits.max_connection_streams, 256u);
    s->limits.max_calls = DEFAULT(s->limits.max_calls, 65536u);
    s->limits.keepalive_ms = DEFAULT(s->limits.keepalive_ms, 30000);
    s->limits.keepalive_timeout_ms = DEFAULT(s->limits.keepalive_timeout_ms, 15000);
    s->limits.handshake_timeout_ms = DEFAULT(s->limits.handshake_timeout_ms, 120000);
    (void)uv_timer_init(l->uv, &s->grace);
    rpc_loop_hold(l);
    if (rpc_health_add(s, &e) && rpc_reflection_add(s, &e))
        return s;
    rpc_server_stop(s, 0, NULL, NULL);
    return NULL;
}

static grpc_arg number(const char *key, int64_t v)
{
    grpc_arg a = {.type = GRPC_ARG_INTEGER, .key = unconst(key)};

    a.value.integer = (int)v;
    return a;
}

/* Strangers may knock, but neither stay nor come in thousands. */
#define ANONYMOUS_CALLS 1024u
#define ANONYMOUS_AGE_MS 60000

static grpc_server *core_new(const struct rpc_limits *m, bool anonymous)
{
    int64_t age_ms = anonymous ? ANONYMOUS_AGE_MS : m->max_connection_age_ms;
    grpc_arg args[] = {
        number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)m->max_message_bytes),
        number(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, (int64_t)m->max_message_bytes),
        number(GRPC_ARG_MAX_CONCURRENT_STREAMS, m->max_connection_streams),
        number(GRPC_ARG_KEEPALIVE_TIME_MS, m->keepalive_ms),
        number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, m->keepalive_timeout_ms),
        number(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        number(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000),
        number(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, m->handshake_timeout_ms),
        number(GRPC_ARG_ALLOW_REUSEPORT, 0), /* two servers on one port would share its clients */
        /* a compressed message could grow beyond every limit */
        number(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1),
        number(GRPC_ARG_MAX_CONNECTION_AGE_MS, age_ms),
        number(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, 10000),
    };
    grpc_channel_args list = {sizeof args / sizeof *args, args};

    if (age_ms == 0)
        list.num_args -= 2;
    return grpc_server_create(&list, NULL);
}

bool rpc_server_listen(struct rpc_server *s, const struct rpc_listener *listener, int *port,
                       struct err *e)
{
    struct rpc_port *p = &s->ports[s->n_ports];
    grpc_server_credentials *creds;
    struct rpc_tls_file *tls = NULL;
    bool anonymous;
    int bound;

    if (s->n_ports == RPC_LISTENERS || s->started)
        return err_set(e, ERR_LIMIT, "rpc.listeners", "no more listeners here");
    if (listener->tls.key != NULL || listener->tls.ca != NULL) {
        if (!rpc_tls_file_new(s->loop, &listener->tls, listener->client_cert, &tls, e))
            return err_wrap(e, "listener %s", listener->address);
        creds = rpc_tls_file_credentials(tls);
    } else {
        creds = grpc_insecure_server_credentials_create();
    }
    anonymous = tls != NULL && listener->client_cert == RPC_CLIENT_CERT_NONE;
    /* the port counts from here on: its core server ends with the others */
    *p = (struct rpc_port){.server = s,
                           .core = core_new(&s->limits, anonymous),
                           .tls = tls,
                           .authorize = listener->authorize,
                           .inspect = listener->inspect,
                           .user = listener->user,
                           .index = s->n_ports};
    p->max_calls = s->limits.max_calls;
    if (anonymous && p->max_calls > ANONYMOUS_CALLS)
        p->max_calls = ANONYMOUS_CALLS;
    s->n_ports++;
    s->ports_running++;
    grpc_server_register_completion_queue(p->core, s->loop->queue, NULL);
    bound = creds == NULL ? 0 : grpc_server_add_http2_port(p->core, listener->address, creds);
    if (creds != NULL)
        grpc_server_credentials_release(creds);
    if (bound <= 0)
        return err_set(e, ERR_IO, "rpc.listen", "cannot listen on %s", listener->address),
               err_found(e, "%s", listener->address),
               err_mend(e, "choose a free port of an address of this host");
    if (port != NULL)
        *port = bound;
    return true;
}

static const ProtobufCMethodDescriptor *method_find(const ProtobufCServiceDescriptor *service,
                                                    const char *name)
{
    return protobuf_c_service_descriptor_get_method_by_name(service, name);
}

void rpc_server_observe(struct rpc_server *s, rpc_observer *fn, void *user)
{
    s->observer = fn;
    s->observer_user = user;
}

bool rpc_server_method(struct rpc_server *s, const struct rpc_method *m, struct err *e)
{
    const ProtobufCMethodDescriptor *d = method_find(m->service, m->name);
    size_t size = strlen(m->service->name) + strlen(m->name) + 3;
    struct rpc_entry *entry;

    BUG_ON(s->started || (m->unary == NULL) == (m->stream == NULL));
    if (d == NULL)
        return err_set(e, ERR_INPUT, "rpc.no-such-method", "%s has no method %s", m->service->name,
                       m->name);
    for (size_t i = 0; i < s->entries.n; i++)
        if (s->entries.v[i]->m.service == m->service &&
            strcmp(s->entries.v[i]->m.name, m->name) == 0)
            return err_set(e, ERR_EXISTS, "rpc.method-twice", "%s is served already",
                           s->entries.v[i]->path);
    entry = calloc(1, sizeof *entry);
    if (entry != NULL)
        entry->path = malloc(size);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): a vector of pointers */
    if (entry == NULL || entry->path == NULL || !vec_push(&s->entries, entry)) {
        if (entry != NULL)
            free(entry->path);
        free(entry);
        return err_set(e, ERR_NOMEM, "rpc.memory", "no memory for a method");
    }
    (void)snprintf(entry->path, size, "/%s/%s", m->service->name, m->name);
    entry->m = *m;
    entry->m.name = d->name;
    entry->input = d->input;
    entry->output = d->output;
    return true;
}

static bool port_start(struct rpc_port *p, struct err *e)
{
    struct rpc_server *s = p->server;
    size_t n = 0;

    p->armed = calloc(s->entries.n + 1, sizeof *p->armed);
    if (p->armed == NULL)
        return err_set(e, ERR_NOMEM, "rpc.memory", "no memory for a listener");
    for (size_t i = 0; i < s->entries.n; i++) {
        const struct rpc_entry *entry = s->entries.v[i];
        bool unary = entry->m.unary != NULL;

        if (entry->m.listeners != 0 && (entry->m.listeners & 1u << p->index) == 0)
            continue;
        p->armed[n] = (struct rpc_armed){.port = p, .entry = entry};
        p->armed[n++].handle = grpc_server_register_method(
            p->core, entry->path, NULL,
            unary ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE, 0);
    }
    p->armed[n] = (struct rpc_armed){.port = p};
    grpc_server_start(p->core);
    for (size_t i = 0; i <= n; i++) {
        const struct rpc_entry *entry = p->armed[i].entry;

        for (unsigned k = entry != NULL && entry->m.unary != NULL ? ARMED_UNARY : ARMED_STREAM;
             k > 0; k--)
            rpc_server_arm(&p->armed[i]);
    }
    return true;
}

bool rpc_server_start(struct rpc_server *s, struct err *e)
{
    BUG_ON(s->started || s->stopping);
    s->started = true;
    for (unsigned i = 0; i < s->n_ports; i++)
        if (!port_start(&s->ports[i], e))
            return false;
    rpc_server_set_health(s, "", true);
    return true;
}

bool rpc_server_reload_tls(struct rpc_server *s, struct err *e)
{
    bool ok = true;

    for (unsigned i = 0; i < s->n_ports; i++)
        if (s->ports[i].tls != NULL && !rpc_tls_file_reload(s->ports[i].tls, ok ? e : NULL))
            ok = false;
    return ok;
}

size_t rpc_server_calls(const struct rpc_server *s)
{
    return s->n_live;
}

static void grace_closed(uv_handle_t *h)
{
    struct rpc_server *s = container_of((uv_timer_t *)h, struct rpc_server, grace);
    struct rpc_loop *l = s->loop;
    void (*on_stopped)(void *) = s->on_stopped;
    void *user = s->user;

    for (unsigned i = 0; i < s->n_ports; i++)
        free(s->ports[i].armed);
    for (size_t i = 0; i < s->entries.n; i++) {
        free(s->entries.v[i]->path);
        free(s->entries.v[i]);
    }
    vec_fini(&s->entries);
    rpc_health_free(s->health);
    rpc_reflection_free(s->reflection);
    free(s);
    if (on_stopped != NULL)
        on_stopped(user);
    rpc_loop_drop(l);
}

void rpc_server_settle(struct rpc_server *s)
{
    if (!s->stopping || s->done || s->ports_running != 0 || s->n_calls != 0)
        return;
    s->done = true;
    for (unsigned i = 0; i < s->n_ports; i++)
        grpc_server_destroy(s->ports[i].core);
    uv_close((uv_handle_t *)&s->grace, grace_closed);
}

static void port_stopped(struct rpc_op *op, bool ok)
{
    struct rpc_port *p = container_of(op, struct rpc_port, op_stopped);

    (void)ok;
    p->server->ports_running--;
    rpc_server_settle(p->server);
}

static void grace_over(uv_timer_t *t)
{
    struct rpc_server *s = container_of(t, struct rpc_server, grace);

    if (s->n_live != 0)
        log_info("calls cancelled by the server's end", LOG_INT("calls", s->n_live));
    for (unsigned i = 0; i < s->n_ports; i++)
        grpc_server_cancel_all_calls(s->ports[i].core);
}

void rpc_server_stop(struct rpc_server *s, int64_t grace_ms, void (*on_stopped)(void *user),
                     void *user)
{
    BUG_ON(s->stopping);
    s->stopping = true;
    s->on_stopped = on_stopped;
    s->user = user;
    if (s->health != NULL)
        rpc_health_stop(s);
    for (struct rpc_call *c = s->live; c != NULL; c = c->next_live)
        if (c->stream == &rpc_reflection_stream) /* these would never end by themselves */
            rpc_finish(c, NULL);
    (void)uv_timer_start(&s->grace, grace_over, grace_ms < 0 ? 0 : (uint64_t)grace_ms, 0);
    for (unsigned i = 0; i < s->n_ports; i++) {
        s->ports[i].op_stopped.done = port_stopped;
        OP_BEGIN(&s->ports[i].op_stopped);
        grpc_server_shutdown_and_notify(s->ports[i].core, s->loop->queue, &s->ports[i].op_stopped);
    }
    rpc_server_settle(s);
}
