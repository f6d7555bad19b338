#include "rpc/client.h"

#include <stdlib.h>

#include "proto/unpack.h"
#include "rpc/client_int.h"
#include "rpc/tls_int.h"
#include "rpc/unconst.h"

#define DEFAULT(v, d) ((v) != 0 ? (v) : (d))
#define ARGS_MAX 16u

void rpc_channel_unref(struct rpc_channel *ch)
{
    if (--ch->refs != 0)
        return;
    grpc_channel_destroy(ch->core);
    free(ch);
}

static grpc_arg number(const char *key, int64_t v)
{
    grpc_arg a = {.type = GRPC_ARG_INTEGER, .key = unconst(key)};

    a.value.integer = (int)v;
    return a;
}

static bool credentials(const struct rpc_client_options *o, grpc_channel_credentials **out,
                        struct err *e)
{
    struct rpc_pem p = {0};

    if (o->tls.ca == NULL && o->ca_pem == NULL) {
        if (o->tls.key != NULL || o->tls.certificate != NULL)
            return err_set(e, ERR_INPUT, "tls.incomplete",
                           "a client certificate needs the CA of the server, too");
        *out = grpc_insecure_credentials_create();
        return true;
    }
    if (!rpc_pem_read(&o->tls, &p, e))
        return false;
    if (o->ca_pem != NULL) {
        free(p.ca);
        p.ca = strdup(o->ca_pem);
    }
    *out = p.ca == NULL ? NULL : rpc_tls_client_credentials(&p);
    rpc_pem_fini(&p);
    return *out != NULL || err_set(e, ERR_INPUT, "tls.credentials", "unusable credentials");
}

static bool channel_new(const struct rpc_client_options *o, struct rpc_channel **out, struct err *e)
{
    grpc_arg args[ARGS_MAX] = {
        number(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)o->max_message_bytes),
        number(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, (int64_t)o->max_message_bytes),
        number(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, o->backoff_ms),
        number(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, o->backoff_max_ms),
        number(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, o->connect_timeout_ms),
        number(GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_ms),
        number(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_timeout_ms),
        number(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        number(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        number(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1), /* new credentials: a new connection */
        number(GRPC_ARG_ENABLE_HTTP_PROXY, 0),         /* the environment must not redirect us */
        number(GRPC_ARG_ENABLE_RETRIES, 0), /* what may be tried again, the caller knows */
        number(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
    };
    grpc_channel_args list = {13, args};
    grpc_channel_credentials *creds = NULL;
    struct rpc_channel *ch;

    if (o->server_name != NULL) {
        grpc_arg name = {.type = GRPC_ARG_STRING,
                         .key = unconst(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG)};

        name.value.string = unconst(o->server_name);
        args[list.num_args++] = name;
    }
    if (!credentials(o, &creds, e))
        return false;
    ch = calloc(1, sizeof *ch);
    if (ch != NULL) {
        ch->refs = 1;
        ch->core = grpc_channel_create(o->target, creds, &list);
    }
    grpc_channel_credentials_release(creds);
    if (ch == NULL || ch->core == NULL) {
        free(ch);
        return err_set(e, ERR_INPUT, "rpc.target", "no such target: %s", o->target);
    }
    *out = ch;
    return true;
}

static void options_fini(struct rpc_client_options *o)
{
    free(unconst(o->target));
    free(unconst(o->tls.ca));
    free(unconst(o->tls.certificate));
    free(unconst(o->tls.key));
    free(unconst(o->ca_pem));
    free(unconst(o->server_name));
}

static const char *copy(const char *s)
{
    return s == NULL ? NULL : strdup(s);
}

bool rpc_client_new(struct rpc_loop *l, const struct rpc_client_options *o, struct rpc_client **out,
                    struct err *e)
{
    struct rpc_client *cl = calloc(1, sizeof *cl);

    if (cl == NULL)
        return err_set(e, ERR_NOMEM, "rpc.memory", "no memory for a client");
    cl->loop = l;
    cl->o = *o;
    cl->o.target = copy(o->target);
    cl->o.tls = (struct rpc_tls){copy(o->tls.ca), copy(o->tls.certificate), copy(o->tls.key)};
    cl->o.ca_pem = copy(o->ca_pem);
    cl->o.server_name = copy(o->server_name);
    cl->o.max_message_bytes = DEFAULT(o->max_message_bytes, 4u << 20);
    cl->o.max_arena_bytes = DEFAULT(o->max_arena_bytes, 32u << 20);
    cl->o.backoff_ms = DEFAULT(o->backoff_ms, 1000);
    cl->o.backoff_max_ms = DEFAULT(o->backoff_max_ms, 120000);
    cl->o.connect_timeout_ms = DEFAULT(o->connect_timeout_ms, 60000);
    cl->o.keepalive_ms = DEFAULT(o->keepalive_ms, 30000);
    cl->o.keepalive_timeout_ms = DEFAULT(o->keepalive_timeout_ms, 15000);
    if (!channel_new(&cl->o, &cl->channel, e)) {
        options_fini(&cl->o);
        free(cl);
        return false;
    }
    rpc_loop_hold(l);
    *out = cl;
    return true;
}

void rpc_client_free(struct rpc_client *cl)
{
    struct rpc_loop *l;

    if (cl == NULL)
        return;
    l = cl->loop;
    while (cl->live != NULL) { /* their ends come later; they must not come back to us */
        struct rpc_call *c = cl->live;

        cl->live = c->next_live;
        c->at_live = NULL;
        rpc_cancel(c);
    }
    rpc_channel_unref(cl->channel);
    options_fini(&cl->o);
    free(cl);
    rpc_loop_drop(l);
}

bool rpc_client_reload_tls(struct rpc_client *cl, struct err *e)
{
    struct rpc_channel *fresh = NULL;

    if (!channel_new(&cl->o, &fresh, e))
        return false;
    rpc_channel_unref(cl->channel);
    cl->channel = fresh;
    return true;
}

enum rpc_connectivity rpc_client_connectivity(struct rpc_client *cl, bool try_to_connect)
{
    switch (grpc_channel_check_connectivity_state(cl->channel->core, try_to_connect)) {
    case GRPC_CHANNEL_READY:
        return RPC_READY;
    case GRPC_CHANNEL_CONNECTING:
        return RPC_CONNECTING;
    case GRPC_CHANNEL_IDLE:
        return RPC_IDLE;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
    case GRPC_CHANNEL_SHUTDOWN:
        break;
    }
    return RPC_FAILED;
}

struct wait {
    struct arena *a;
    ProtobufCMessage *reply;
    struct err *e;
    bool done, ok;
};

static void wait_done(void *user, const ProtobufCMessage *reply, const struct err *e)
{
    struct wait *w = user;

    w->done = true;
    w->ok = reply != NULL;
    if (!w->ok && w->e != NULL)
        *w->e = *e;
    if (!w->ok)
        return;
    w->reply = proto_copy(reply, w->a);
    if (w->reply == NULL)
        w->ok = err_set(w->e, ERR_NOMEM, "rpc.memory", "no memory for the answer");
}

/* NOLINTNEXTLINE(readability-function-size): as many parts as a call has */
bool rpc_client_call_wait(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                          const char *method, const ProtobufCMessage *req,
                          const struct rpc_call_options *o, struct arena *a,
                          ProtobufCMessage **reply, struct err *e)
{
    struct wait w = {.a = a, .e = e};

    if (rpc_client_call(cl, service, method, req, o, wait_done, &w) == NULL)
        return err_set(e, ERR_INTERNAL, "rpc.call", "cannot call %s", method);
    while (!w.done)
        (void)uv_run(cl->loop->uv, UV_RUN_ONCE);
    if (w.ok && reply != NULL)
        *reply = w.reply;
    return w.ok;
}
