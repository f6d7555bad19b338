#include "controller/api.h"

#include "base/str.h"
#include "config/convert_facts.h"
#include "config/convert_rules.h"
#include "controller/audit.h"
#include "controller/audit_api.h"
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
        {.name = "GetRollout", .unary = api_get_rollout},
        {.name = "ChangeRollout", .unary = api_change_rollout},
        {.name = "Forecast", .unary = api_forecast},
        {.name = "PlanRevocation", .unary = api_plan_revocation},
        {.name = "Revoke", .unary = api_revoke},
        {.name = "Lift", .unary = api_lift},
        {.name = "Status", .unary = api_status},
        {.name = "CreateToken", .unary = api_create_token},
        {.name = "ImportCollateral", .unary = api_import_collateral},
        {.name = "ListCollateral", .unary = api_list_collateral},
        {.name = "CollateralUrls", .unary = api_collateral_urls},
        {.name = "StatArtifact", .unary = api_stat_artifact},
        {.name = "Watch", .stream = &api_watch},
        {.name = "Events", .stream = &api_events},
        {.name = "Logs", .stream = &api_logs},
        {.name = "PutArtifact", .stream = &api_put_artifact},
        {.name = "Audit", .stream = &api_audit},
        {.name = "AuditHead", .unary = api_audit_head},
        {.name = "AuditProof", .unary = api_audit_proof},
        {.name = "GetReceipt", .unary = api_receipt},
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

/* Whether a node's evidence proves what `where` says; counts those of which it does not say. */
static bool is_there(const struct filter *f, const Bailey__V1__Node *n)
{
    const Bailey__V1__NodeStatus *s = n->status;
    struct facts facts;
    enum truth truth;

    if (f->where == NULL)
        return true;
    if (s == NULL || s->facts == NULL || !facts_from_message(s->facts, &facts, NULL))
        return false;
    truth = selector_eval(f->where, &facts, SENSE_REFUSE, SIMULATED_DEFAULT);
    if (truth == TRUTH_UNKNOWN && !f->maybe && f->unsure != NULL)
        ++*f->unsure;
    return truth == TRUTH_YES || (truth == TRUTH_UNKNOWN && f->maybe);
}

bool filter_where(struct filter *f, const Bailey__V1__Selector *m, bool maybe, struct arena *a,
                  struct err *e)
{
    struct selector *s = arena_alloc(a, sizeof *s);

    f->maybe = maybe;
    if (m == NULL)
        return true;
    if (s == NULL)
        return err_set(e, ERR_NOMEM, "api.memory", "no memory");
    if (f->kind != OBJECT_NODE)
        return err_set(e, ERR_INPUT, "api.where", "only nodes have evidence"),
               err_field(e, "where");
    if (!selector_from_message(m, a, s, e))
        return err_field(e, "where");
    f->where = s;
    return true;
}

bool filter_matches(const struct filter *f, const Bailey__V1__Object *v)
{
    const Bailey__V1__Keep *k = v->keep;
    Bailey__V1__Metadata *m;
    enum object_kind kind;

    if (!view_kind(v, &kind, &m) || kind != f->kind || !is(f->name, m->name) || !has_labels(f, m))
        return false;
    if (kind_of(kind)->namespaced && !is(f->namespace, m->namespace_))
        return false;
    if (kind == OBJECT_WORKLOAD)
        return is(f->workload, m->name);
    if (kind == OBJECT_NODE)
        return is(f->node, m->name) && is_there(f, v->node);
    if (kind == OBJECT_KEEP)
        return is(f->workload, k->spec->workload) && is(f->node, k->spec->node) &&
               (f->include_ended || k->status->state != KEEP_STATE(ended));
    return kind != OBJECT_EXCEPTION || is(f->workload, v->exception->spec->workload);
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
    audit_token(st, peer_user(st, rpc_call_peer(call)), r->node, out.expires_at);
    reply_settled(st, call, &out.base);
}
