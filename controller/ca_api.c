#include "controller/ca_api.h"

#include <openssl/sha.h>

#include "bailey/v1/identity.pb-c.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "controller/access.h"
#include "controller/authorities.h"
#include "controller/authorize.h"
#include "controller/reply.h"
#include "controller/txn.h"

#define WAITING_SHOWN 100

static void bundle_digest(const struct authorities *a, uint8_t out[SHA256_DIGEST_LENGTH])
{
    SHA256(a->bundle.p, a->bundle.n, out);
}

static bool issued_by(const struct node *n, const struct authority *v)
{
    return v != NULL && strcmp(n->cert_issuer, v->key_id) == 0;
}

void ca_tell(struct state *st, struct node *n)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__TrustBundle b = BAILEY__V1__TRUST_BUNDLE__INIT;
    struct authorities *a = st->access->authorities;

    if (a == NULL || n->session == NULL)
        return;
    n->ca_known = false;
    b.ca = (char *)(uintptr_t)buf_str(&a->bundle);
    b.renew = issued_by(n, authorities_find(a, AUTHORITY_TAINTED));
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_TRUST_BUNDLE;
    m.trust_bundle = &b;
    session_send(n->session, &m);
}

void ca_kept(struct state *st, struct node *n, struct bytes digest)
{
    const struct authorities *a = st->access->authorities;
    uint8_t hash[SHA256_DIGEST_LENGTH];

    if (a == NULL)
        return;
    bundle_digest(a, hash);
    n->ca_known = bytes_equal(digest, BYTES_OF(hash));
}

static uint32_t users_signed(const struct state *st, const struct authority *v)
{
    const Bailey__V1__UserRecord *m;
    char now[TIME_TEXT];
    uint32_t n = 0;

    time_format(state_wall_ms(st) / 1000, now);
    for (size_t i = 0; (m = map_next(&st->access->users, &i)) != NULL;)
        for (size_t k = 0; m->user->ended_at[0] == '\0' && k < m->user->n_certificates; k++) {
            const Bailey__V1__UserCertificate *c = m->user->certificates[k];

            /* times of this form sort as texts */
            n += c->revoked_at[0] == '\0' && strcmp(c->expires_at, now) > 0 &&
                 strcmp(c->issuer, v->key_id) == 0;
        }
    return n;
}

static Bailey__V1__CaAuthority *view(struct state *st, const struct authority *v, struct arena *a)
{
    Bailey__V1__CaAuthority *m = arena_alloc(a, sizeof *m);
    char *until = arena_alloc(a, TIME_TEXT);
    const struct node *n;
    int64_t end_s = 0;

    if (m == NULL || until == NULL)
        return NULL;
    bailey__v1__ca_authority__init(m);
    m->pin = (char *)(uintptr_t)v->pin;
    m->state = (char *)(uintptr_t)authority_state_name(v->state);
    if (cert_not_after(bytes_str(ca_pem(v->ca)), &end_s, NULL))
        m->expires_at = (char *)(uintptr_t)time_format(end_s, until);
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;) {
        m->nodes_know += n->session != NULL && n->ca_known && v->state != AUTHORITY_PREPARED &&
                         v->state != AUTHORITY_REVOKED;
        m->nodes_signed += n->session != NULL && issued_by(n, v);
    }
    m->users_signed = users_signed(st, v);
    m->key = (char *)(uintptr_t)(v->provider ? "provider" : "file");
    return m;
}

/* The nodes that the next step waits for. */
static bool waits(struct state *st, const char *next, const struct node *n)
{
    struct authorities *a = st->access->authorities;

    if (n->session == NULL)
        return false;
    if (strcmp(next, "activate") == 0)
        return !n->ca_known;
    return strcmp(next, "revoke") == 0 && issued_by(n, authorities_find(a, AUTHORITY_TAINTED));
}

static bool fill(struct state *st, Bailey__V1__CaStatusResponse *out, struct arena *arena)
{
    struct authorities *a = st->access->authorities;
    const struct node *n;

    out->next = (char *)(uintptr_t)authorities_next(a);
    out->authorities = arena_array(arena, a->n, sizeof *out->authorities);
    out->waits_for = arena_array(arena, WAITING_SHOWN, sizeof *out->waits_for);
    if (out->authorities == NULL || out->waits_for == NULL)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        out->authorities[out->n_authorities] = view(st, &a->v[i], arena);
        if (out->authorities[out->n_authorities++] == NULL)
            return false;
    }
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        if (out->n_waits_for < WAITING_SHOWN && waits(st, out->next, n))
            out->waits_for[out->n_waits_for++] = n->object.key;
    return true;
}

static bool no_authorities(const struct state *st, struct err *e)
{
    return st->access->authorities == NULL &&
           !err_set(e, ERR_UNAVAIL, "ca.none", "this controller has no authorities of its own");
}

void ca_status(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__CaStatusResponse out = BAILEY__V1__CA_STATUS_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};

    (void)base;
    if (no_authorities(st, &e) || (!fill(st, &out, rpc_call_arena(call)) &&
                                   !err_set(&e, ERR_NOMEM, "api.memory", "no memory"))) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}

/* Nobody is left behind by the step, or it is forced; never the caller. */
static bool may_step(struct state *st, const Bailey__V1__CaRotateRequest *r,
                     const struct rpc_peer *peer, struct err *e)
{
    struct authorities *a = st->access->authorities;
    const struct authority *tainted = authorities_find(a, AUTHORITY_TAINTED);
    const struct node *n, *first = NULL;
    uint32_t count = 0, users;

    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        if (waits(st, r->step, n)) {
            first = n;
            count++;
        }
    if (strcmp(r->step, "revoke") == 0 && tainted != NULL) {
        if (strcmp(peer->issuer_key, tainted->key_id) == 0)
            return err_set(e, ERR_CONFLICT, "ca.own-certificate",
                           "your own certificate would end with it"),
                   err_mend(e, "make yourself a new one first: bailey user create");
        users = users_signed(st, tainted);
        if (users > 0 && !r->force)
            return err_set(e, ERR_CONFLICT, "ca.users-behind",
                           "%u certificates of users would end with it", users),
                   err_mend(e, "bailey user list; make new ones, revoke old ones, or --force");
    }
    if (count > 0 && !r->force)
        return err_set(e, ERR_CONFLICT, "ca.nodes-behind", "%u nodes are not ready for %s", count,
                       r->step),
               err_found(e, "%s%s", first->object.key, count > 1 ? ", ..." : ""),
               err_mend(e, "bailey ca status shows them; --force leaves them behind");
    return true;
}

/* What a step changes outside of the authorities' files. */
static bool follow(struct state *st, const char *step, struct err *e)
{
    struct access *x = st->access;
    struct node *n;

    st->ca = authorities_active(x->authorities)->ca;
    if (strcmp(step, "activate") == 0 && x->reissue != NULL &&
        !x->reissue(x->reissue_user, st->ca, state_wall_ms(st) / 1000, e))
        return false;
    if (x->server != NULL && !rpc_server_reload_tls(x->server, e))
        return false;
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        ca_tell(st, n);
    access_recheck(st);
    return true;
}

void ca_rotate(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__CaRotateRequest *r = (const Bailey__V1__CaRotateRequest *)base;
    Bailey__V1__CaRotateResponse out = BAILEY__V1__CA_ROTATE_RESPONSE__INIT;
    Bailey__V1__CaStatusResponse status = BAILEY__V1__CA_STATUS_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};

    if (no_authorities(st, &e) || !may_step(st, r, rpc_call_peer(call), &e) ||
        !authorities_step(st->access->authorities, r->step, state_wall_ms(st) / 1000, &e) ||
        !follow(st, r->step, &e) ||
        (!fill(st, &status, rpc_call_arena(call)) &&
         !err_set(&e, ERR_NOMEM, "api.memory", "no memory"))) {
        log_warn("CA rotation", LOG_STR("step", r->step), LOG_ERR(&e));
        rpc_fail(call, &e);
        return;
    }
    event_add(st, NULL, "normal", "ca.rotated", peer_user(st, rpc_call_peer(call)), "%s", r->step);
    log_info("CA rotation", LOG_STR("step", r->step));
    out.status = &status;
    reply_settled(st, call, &out.base);
}
