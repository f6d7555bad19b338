#include "controller/authorize.h"

#include <stdio.h>

#include "base/str.h"
#include "controller/access.h"
#include "controller/approval.h"
#include "controller/authorities.h"
#include "controller/ca.h"
#include "controller/roles.h"

/* Far above what people and agents do, far below what would hurt. */
static const struct rate_limit user_limit = {1000, 4000}, node_limit = {20, 200},
                               stranger_limit = {200, 4000};

/* The name after "bailey://<cluster>/<kind>/", or NULL. */
static const char *name_in_uri(const struct state *st, const struct rpc_peer *peer,
                               const char *kind)
{
    const char *at = peer->uri;
    const char *const parts[] = {"bailey://", st->cluster->cluster_id, "/", kind, "/"};

    if (!peer->authenticated)
        return NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]);

        if (strncmp(at, parts[i], n) != 0)
            return NULL;
        at += n;
    }
    return name_check(at, "name", NULL) ? at : NULL;
}

const char *peer_user(const struct state *st, const struct rpc_peer *peer)
{
    return name_in_uri(st, peer, "user");
}

struct node *peer_node(const struct state *st, const struct rpc_peer *peer)
{
    const char *name = name_in_uri(st, peer, "node");
    struct node *n = name == NULL ? NULL : state_node(st, name);
    char hex[2 * PIN_SIZE + 1];

    if (n == NULL)
        return NULL;
    hex_format(BYTES_OF(peer->key_pin), hex);
    return strcmp(hex, n->msg->status->key_fingerprint) == 0 ? n : NULL;
}

/* TLS has checked the times when the connection began; a connection may live longer. until_s: of a
 * newer certificate of the same key. */
static bool in_time(const struct state *st, const struct rpc_peer *peer, int64_t until_s,
                    struct err *e)
{
    int64_t now_s = state_wall_ms(st) / 1000;
    int64_t end_s = peer->not_after_s > until_s ? peer->not_after_s : until_s;

    if (now_s <= end_s)
        return true;
    return err_set(e, ERR_UNAUTH, "auth.certificate-expired", "the certificate has expired"),
           err_found(e, "%lld s ago", (long long)(now_s - end_s)),
           err_mend(e, "connect anew with a certificate that is in force");
}

static bool issuer_good(const struct state *st, const struct rpc_peer *peer, struct err *e)
{
    if (st->access->authorities == NULL ||
        authorities_believe(st->access->authorities, peer->issuer_key))
        return true;
    return err_set(e, ERR_UNAUTH, "auth.authority-revoked",
                   "the authority that signed the certificate is revoked"),
           err_mend(e, "ask for a new certificate");
}

static const Bailey__V1__User *caller(const struct state *st, const struct rpc_peer *peer,
                                      struct err *e)
{
    const char *name = peer_user(st, peer);
    const Bailey__V1__User *u = name == NULL ? NULL : user_find(st, name);

    if (name == NULL) {
        err_set(e, ERR_DENIED, "auth.not-an-operator", "this call is for users of this cluster");
        err_found(e, "%s", peer->uri);
        err_expected(e, "bailey://%s/user/NAME", st->cluster->cluster_id);
        return NULL;
    }
    if (u == NULL || u->ended_at[0] != '\0' || user_certificate(u, peer->serial) == NULL) {
        err_set(e, ERR_UNAUTH, "auth.certificate-revoked",
                "this certificate of %s counts no more, or never did", name);
        err_found(e, "serial number %s", peer->serial);
        err_mend(e, "an admin makes a new one: bailey user create");
        return NULL;
    }
    return in_time(st, peer, 0, e) && issuer_good(st, peer, e) ? u : NULL;
}

static bool node_may(const struct state *st, const struct rpc_peer *peer, struct err *e)
{
    const struct node *n = peer_node(st, peer);

    if (n == NULL)
        return err_set(e, ERR_DENIED, "auth.not-a-node",
                       "this service is for enrolled nodes of this cluster, each with its own key"),
               err_found(e, "%s", peer->uri),
               err_mend(e, "enrol the node again if it was deleted or evicted");
    return in_time(st, peer, n->cert_until_s, e) && issuer_good(st, peer, e);
}

static bool wants(const Bailey__V1__CallRule *rule, Bailey__V1__Role role)
{
    for (size_t i = 0; i < rule->n_role; i++)
        if (rule->role[i] == role)
            return true;
    return false;
}

static bool wrong_role(const char *name, Bailey__V1__Role have, const Bailey__V1__Role *wanted,
                       size_t n, const char *what, struct err *e)
{
    char text[120];

    roles_format(wanted, n, text, sizeof text);
    return err_set(e, ERR_DENIED, "auth.role", "%s needs the role %s; %s is %s", what, text, name,
                   role_name(have)),
           err_found(e, "%s", role_name(have)), err_expected(e, "%s", text),
           err_mend(e, "an admin gives roles: bailey user create %s --change --role ROLE", name);
}

bool authorize_peer(const struct state *st, const struct rpc_peer *peer, const struct rpc_method *m,
                    struct err *e)
{
    const Bailey__V1__CallRule *rule = call_rule(m->service, m->name);
    const Bailey__V1__User *u;
    char what[96];

    if (rule == NULL && strncmp(m->service->name, "grpc.", 5) != 0)
        return err_set(e, ERR_DENIED, "auth.no-rule", "nobody may call %s", m->name);
    if (rule == NULL) /* health, reflection */
        return name_in_uri(st, peer, "node") != NULL ? node_may(st, peer, e)
                                                     : caller(st, peer, e) != NULL;
    if (wants(rule, ROLE(anybody)))
        return true;
    if (wants(rule, ROLE(node)) && (rule->n_role == 1 || peer_user(st, peer) == NULL))
        return node_may(st, peer, e);
    u = caller(st, peer, e);
    if (u == NULL)
        return false;
    if (role_suffices(u->role, rule->role, rule->n_role))
        return true;
    snprintf(what, sizeof what, "%s.%s", m->service->short_name, m->name);
    return wrong_role(u->name, u->role, rule->role, rule->n_role, what, e);
}

/* The address without the port: "ipv4:10.0.0.7:4711". */
static struct bytes host_of(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon == NULL ? bytes_str(address)
                         : (struct bytes){(const uint8_t *)address, (size_t)(colon - address)};
}

static bool often(struct state *st, struct rpc_call *call, struct err *e)
{
    const struct rpc_peer *peer = rpc_call_peer(call);
    bool known = peer->authenticated && peer->uri[0] != '\0';
    struct bytes who = known ? bytes_str(peer->uri) : host_of(rpc_call_address(call));
    struct rate_limit limit = !known                                  ? stranger_limit
                              : name_in_uri(st, peer, "node") == NULL ? user_limit
                                                                      : node_limit;
    int64_t wait_ms;

    if (rate_take(st->access->rate, who, limit, state_now_ms(st), &wait_ms))
        return true;
    return err_set(e, ERR_LIMIT, "auth.rate", "too many calls"),
           err_found(e, "more than %u at once", limit.burst),
           err_expected(e, "at most %u a second", limit.per_second),
           err_mend(e, "try again in %lld ms", (long long)wait_ms);
}

bool authorize(struct rpc_call *call, const struct rpc_method *m, void *user, struct err *e)
{
    struct state *st = user;

    return often(st, call, e) && authorize_peer(st, rpc_call_peer(call), m, e);
}
