#include "controller/api.h"

#include <strings.h>

#include "base/str.h"
#include "controller/authorize.h"
#include "controller/enrol.h"
#include "controller/reply.h"

bool api_serve(struct state *st, struct rpc_server *server, unsigned listeners, struct err *e)
{
    const struct rpc_method methods[] = {
        {.name = "Apply", .unary = api_apply},
        {.name = "Delete", .unary = api_delete},
        {.name = "Get", .unary = api_get},
        {.name = "List", .unary = api_list},
        {.name = "Why", .unary = api_why},
        {.name = "Status", .unary = api_status},
        {.name = "CreateToken", .unary = api_create_token},
        {.name = "StatArtifact", .unary = api_stat_artifact},
        {.name = "Watch", .stream = &api_watch},
        {.name = "Events", .stream = &api_events},
        {.name = "Logs", .stream = &api_logs},
        {.name = "PutArtifact", .stream = &api_put_artifact},
    };
    struct rpc_method fetch = {.service = &bailey__v1__node_session__descriptor,
                               .name = "FetchArtifact",
                               .listeners = listeners,
                               .stream = &api_fetch_artifact,
                               .user = st};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct rpc_method m = methods[i];

        m.service = &bailey__v1__operator__descriptor;
        m.listeners = listeners;
        m.user = st;
        if (!rpc_server_method(server, &m, e))
            return false;
    }
    return rpc_server_method(server, &fetch, e);
}

bool kind_parse(const char *text, enum object_kind *out, struct err *e)
{
    static const char *const kinds[OBJECT_KINDS] = {"workload", "node", "keep", "event"};
    const char *near;

    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        size_t n = strlen(kinds[i]);

        if (strncasecmp(text, kinds[i], n) == 0 &&
            (text[n] == '\0' || strcasecmp(text + n, "s") == 0)) {
            *out = (enum object_kind)i;
            return true;
        }
    }
    err_set(e, ERR_INPUT, "api.unknown-kind", "no such kind: %.40s", text);
    err_field(e, "kind");
    err_found(e, "%.40s", text);
    err_expected(e, "Workload, Node, Keep or Event");
    near = str_nearest(text, kinds, OBJECT_KINDS);
    if (near != NULL)
        err_mend(e, "did you mean %s?", near);
    return false;
}

static bool has_labels(const struct filter *f, const Bailey__V1__Metadata *m)
{
    for (size_t i = 0; i < f->labels_n; i++) {
        bool found = false;

        for (size_t j = 0; j < m->n_labels && !found; j++)
            found = strcmp(m->labels[j]->key, f->labels[i]->key) == 0 &&
                    strcmp(m->labels[j]->value, f->labels[i]->value) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool is(const char *wanted, const char *value)
{
    return wanted == NULL || wanted[0] == '\0' || strcmp(wanted, value) == 0;
}

bool filter_matches(const struct filter *f, const Bailey__V1__Object *v)
{
    const Bailey__V1__Metadata *m;

    switch (v->kind_case) {
    case BAILEY__V1__OBJECT__KIND_WORKLOAD:
        m = v->workload->metadata;
        if (f->kind != OBJECT_WORKLOAD || !is(f->workload, m->name))
            return false;
        break;
    case BAILEY__V1__OBJECT__KIND_NODE:
        m = v->node->metadata;
        return f->kind == OBJECT_NODE && is(f->name, m->name) && is(f->node, m->name) &&
               has_labels(f, m);
    case BAILEY__V1__OBJECT__KIND_KEEP:
        m = v->keep->metadata;
        if (f->kind != OBJECT_KEEP || !is(f->workload, v->keep->spec->workload) ||
            !is(f->node, v->keep->spec->node) ||
            (!f->include_ended && v->keep->status->state == KEEP_STATE(ended)))
            return false;
        break;
    case BAILEY__V1__OBJECT__KIND_EVENT:
        m = v->event->metadata;
        if (f->kind != OBJECT_EVENT)
            return false;
        break;
    case BAILEY__V1__OBJECT__KIND_TRUST_POLICY:
    case BAILEY__V1__OBJECT__KIND_ADVISORY:
    case BAILEY__V1__OBJECT__KIND_EXCEPTION:
    case BAILEY__V1__OBJECT__KIND__NOT_SET:
    default:
        return false;
    }
    return is(f->namespace, m->namespace_) && is(f->name, m->name) && has_labels(f, m);
}

void api_create_token(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__CreateTokenRequest *r = (const Bailey__V1__CreateTokenRequest *)base;
    Bailey__V1__CreateTokenResponse out = BAILEY__V1__CREATE_TOKEN_RESPONSE__INIT;
    char token[TOKEN_TEXT], at[TIME_TEXT];
    struct state *st = user;
    struct err e = {0};
    int64_t expires;

    if (r->ttl_s > TOKEN_TTL_MAX_S) {
        err_set(&e, ERR_INPUT, "token.ttl", "a token may live %d days at most",
                TOKEN_TTL_MAX_S / 86400);
        err_field(&e, "ttl_s");
        err_found(&e, "%u", r->ttl_s);
        err_expected(&e, "at most %d", TOKEN_TTL_MAX_S);
        rpc_fail(call, &e);
        return;
    }
    if (r->node[0] != '\0' && !name_check(r->node, "node", &e)) {
        rpc_fail(call, &e);
        return;
    }
    token_create(st, r->node, r->ttl_s == 0 ? TOKEN_TTL_S : r->ttl_s,
                 peer_user(st, rpc_call_peer(call)), token, &expires);
    out.token = token;
    out.expires_at = (char *)(uintptr_t)time_format(expires, at);
    reply_settled(st, call, &out.base);
}
