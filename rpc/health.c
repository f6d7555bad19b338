/* grpc.health.v1: what probes and load balancers ask. */
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/server_int.h"

#define SERVICES_MAX 64u
#define NAME_BYTES 128u

typedef Grpc__Health__V1__HealthCheckRequest request;
typedef Grpc__Health__V1__HealthCheckResponse response;

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

struct service {
    char name[NAME_BYTES];
    bool serving;
};

struct watcher {
    struct rpc_call *call;
    struct watcher *next;
    char name[NAME_BYTES];
    int told; /* the last status sent, -1: none yet */
};

struct rpc_health {
    struct service services[SERVICES_MAX];
    size_t n;
    struct watcher *watchers;
};

static int status_of(const struct rpc_health *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->services[i].name, name) == 0)
            return h->services[i].serving ? SERVING : NOT_SERVING;
    return UNKNOWN;
}

static void check(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const request *req = (const request *)(const void *)m;
    struct rpc_server *s = user;
    int status = status_of(s->health, req->service);
    response resp = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct err e = {0};

    if (status == UNKNOWN) {
        (void)err_set(&e, ERR_MISSING, "health.no-such-service", "no such service");
        (void)err_field(&e, "service");
        rpc_fail(c, &e);
        return;
    }
    resp.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    rpc_reply(c, &resp.base);
}

static void tell(const struct rpc_health *h, struct watcher *w)
{
    response resp = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    int status = status_of(h, w->name);

    if (w->told == status)
        return;
    w->told = status;
    resp.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    (void)rpc_send(w->call, &resp.base);
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const request *req = (const request *)(const void *)m;
    struct rpc_server *s = user;
    struct err e = {0};
    struct watcher *w;

    if (rpc_call_user(c) != NULL || strlen(req->service) >= NAME_BYTES) {
        (void)err_set(&e, ERR_INPUT, "health.request", "want one request with a service's name");
        rpc_finish(c, &e);
        return;
    }
    w = calloc(1, sizeof *w);
    if (w == NULL) {
        (void)err_set(&e, ERR_NOMEM, "rpc.memory", "no memory");
        rpc_finish(c, &e);
        return;
    }
    memcpy(w->name, req->service, strlen(req->service));
    w->call = c;
    w->told = -1;
    w->next = s->health->watchers;
    s->health->watchers = w;
    rpc_call_set_user(c, w);
    tell(s->health, w);
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct rpc_server *s = user;
    struct watcher **at = &s->health->watchers;

    (void)cancelled;
    for (; *at != NULL; at = &(*at)->next)
        if ((*at)->call == c) {
            struct watcher *w = *at;

            *at = w->next;
            free(w);
            return;
        }
}

static const struct rpc_stream watch_stream = {.on_message = on_message, .on_closed = on_closed};

void rpc_server_set_health(struct rpc_server *s, const char *service, bool serving)
{
    struct rpc_health *h = s->health;
    struct watcher *next;
    size_t i = 0;

    if (strlen(service) >= NAME_BYTES)
        return;
    while (i < h->n && strcmp(h->services[i].name, service) != 0)
        i++;
    if (i == SERVICES_MAX)
        return;
    if (i == h->n) {
        memcpy(h->services[i].name, service, strlen(service) + 1);
        h->n++;
    }
    h->services[i].serving = serving && !s->stopping;
    for (struct watcher *w = h->watchers; w != NULL; w = next) {
        next = w->next;
        tell(h, w);
    }
}

void rpc_health_stop(struct rpc_server *s)
{
    struct rpc_health *h = s->health;
    struct watcher *next;
    struct err e = {0};

    for (size_t i = 0; i < h->n; i++)
        h->services[i].serving = false;
    (void)err_set(&e, ERR_UNAVAIL, "rpc.stopping", "the server is stopping");
    for (struct watcher *w = h->watchers; w != NULL; w = next) {
        next = w->next;
        tell(h, w);
        rpc_finish(w->call, &e);
    }
}

bool rpc_health_add(struct rpc_server *s, struct err *e)
{
    struct rpc_method m = {.service = &grpc__health__v1__health__descriptor, .user = s};

    s->health = calloc(1, sizeof *s->health);
    if (s->health == NULL)
        return err_set(e, ERR_NOMEM, "rpc.memory", "no memory");
    rpc_server_set_health(s, "", false);
    m.name = "Check";
    m.unary = check;
    if (!rpc_server_method(s, &m, e))
        return false;
    m.name = "Watch";
    m.unary = NULL;
    m.stream = &watch_stream;
    return rpc_server_method(s, &m, e);
}

void rpc_health_free(struct rpc_health *h)
{
    free(h);
}
