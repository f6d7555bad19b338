#include "controller/enrol.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "bailey/v1/enrolment.pb-c.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "controller/access.h"
#include "controller/admission.h"
#include "controller/ca.h"
#include "controller/reply.h"
#include "controller/txn.h"

#define SECRET_SIZE 32
#define SECRET_CHARS 43

/* base64url without padding (RFC 4648, 5). */
static void base64url(const uint8_t in[SECRET_SIZE], char out[SECRET_CHARS + 1])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (size_t i = 0; i < SECRET_SIZE; i++) {
        bits = bits << 8 | in[i];
        for (have += 8; have >= 6; have -= 6)
            out[n++] = alphabet[bits >> (have - 6) & 63];
    }
    out[n++] = alphabet[bits << (6 - have) & 63];
    out[n] = '\0';
}

/* What is stored instead of the secret: the hash of its text form. */
static void secret_hash(const char *secret, char hex[65])
{
    uint8_t hash[32];

    SHA256((const uint8_t *)secret, SECRET_CHARS, hash);
    hex_format(BYTES_OF(hash), hex);
}

static void token_store(struct state *st, const struct token *t)
{
    char key[96];

    snprintf(key, sizeof key, "token/%s", t->key);
    txn_put(st, key, &t->msg->base);
}

void token_create(struct state *st, const char *node, int64_t ttl_s, const char *by,
                  char out[TOKEN_TEXT], int64_t *expires_s)
{
    struct token *t = calloc(1, sizeof *t);
    Bailey__V1__TokenRecord m = BAILEY__V1__TOKEN_RECORD__INIT;
    uint8_t secret[SECRET_SIZE], pin[PIN_SIZE];
    char text[SECRET_CHARS + 1], pin_hex[65], hash[65];

    BUG_ON(t == NULL);
    token_sweep(st);
    rand_bytes(secret, sizeof secret);
    base64url(secret, text);
    ca_pin(st->ca, pin);
    hex_format(BYTES_OF(pin), pin_hex);
    snprintf(out, TOKEN_TEXT, "b1.%s.%s", text, pin_hex);
    secret_hash(text, hash);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(text, sizeof text);
    *expires_s = state_wall_ms(st) / 1000 + ttl_s;
    m.node = (char *)(uintptr_t)node;
    m.expires_at_s = *expires_s;
    m.created_by = (char *)(uintptr_t)by;
    t->key = strdup(hash);
    t->msg = (Bailey__V1__TokenRecord *)message_clone(&m.base);
    BUG_ON(t->key == NULL || t->msg == NULL || !map_put(&st->tokens, bytes_str(t->key), t));
    token_store(st, t);
}

void token_sweep(struct state *st)
{
    int64_t now = state_wall_ms(st) / 1000;
    struct token *t;

    for (size_t i = 0; (t = map_next(&st->tokens, &i)) != NULL;) {
        char key[96];

        if (now <= t->msg->expires_at_s)
            continue;
        snprintf(key, sizeof key, "token/%s", t->key);
        txn_delete(st, key);
        map_remove(&st->tokens, bytes_str(t->key));
        free(t->key);
        message_free(&t->msg->base);
        free(t);
        i = 0; /* the map changed under the walk */
    }
}

static bool sign(struct state *st, const char *node, EVP_PKEY *key, struct buf *pem, struct err *e)
{
    int64_t now = state_wall_ms(st) / 1000;
    char uri[256];
    struct cert_order o = {.common_name = node,
                           .uri = uri,
                           .use = CERT_CLIENT,
                           .not_before_s = now - 3600, /* clocks of nodes may be behind */
                           .not_after_s = now + NODE_CERT_S};

    snprintf(uri, sizeof uri, "bailey://%s/node/%s", st->cluster->cluster_id, node);
    return ca_issue(st->ca, key, &o, pem, e);
}

static bool fingerprint(EVP_PKEY *key, char hex[65], struct err *e)
{
    uint8_t pin[PIN_SIZE];

    if (!key_pin(key, pin, e))
        return false;
    hex_format(BYTES_OF(pin), hex);
    return true;
}

bool enrol_renew(struct state *st, struct node *n, struct bytes csr, struct buf *pem, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    char hex[65];

    if (!csr_key(csr, &key, e) || !fingerprint(key, hex, e))
        return false;
    if (strcmp(hex, n->msg->status->key_fingerprint) != 0)
        return err_set(e, ERR_DENIED, "certificate.other-key",
                       "the request is for another key than the node enrolled with"),
               err_field(e, "csr"), err_mend(e, "enrol the node again to change its key");
    if (!sign(st, n->object.key, key, pem, e))
        return false;
    n->cert_until_s = state_wall_ms(st) / 1000 + NODE_CERT_S;
    (void)ca_key_id(st->ca, n->cert_issuer, sizeof n->cert_issuer);
    return true;
}

/* The token, if it may be used by this node with this key. A node whose answer got lost may ask
 * again with the same key. */
static bool token_check(struct state *st, const Bailey__V1__JoinRequest *r, const char *key_hex,
                        struct token **out, struct err *e)
{
    const char *text = r->token;
    char hash[65];
    struct token *t;
    const struct node *n = state_node(st, r->node);

    if (strncmp(text, "b1.", 3) != 0 || strlen(text) != 3 + SECRET_CHARS + 1 + 64 ||
        text[3 + SECRET_CHARS] != '.')
        return err_set(e, ERR_UNAUTH, "enrol.token-form", "this is not a token"),
               err_field(e, "token"), err_expected(e, "b1.<secret>.<pin>"),
               err_mend(e, "make one with: bailey token create");
    secret_hash(text + 3, hash);
    t = state_token(st, hash);
    if (t == NULL || state_wall_ms(st) / 1000 > t->msg->expires_at_s)
        return err_set(e, ERR_UNAUTH, "enrol.token-unknown", "the token is unknown or has expired"),
               err_field(e, "token"), err_mend(e, "make a new one with: bailey token create");
    if (t->msg->node[0] != '\0' && strcmp(t->msg->node, r->node) != 0)
        return err_set(e, ERR_DENIED, "enrol.token-other-node", "the token is for another node"),
               err_field(e, "node"), err_found(e, "%s", r->node),
               err_expected(e, "%s", t->msg->node);
    if (t->msg->used_at_s != 0 && (strcmp(t->msg->used_by, r->node) != 0 || n == NULL ||
                                   strcmp(n->msg->status->key_fingerprint, key_hex) != 0))
        return err_set(e, ERR_UNAUTH, "enrol.token-used", "the token was used already"),
               err_field(e, "token"), err_mend(e, "make a new one with: bailey token create");
    *out = t;
    return true;
}

static bool name_free(const struct state *st, const char *name, const char *key_hex, struct err *e)
{
    const struct node *n = state_node(st, name);

    if (n == NULL || n->msg->status->key_fingerprint[0] == '\0' || /* it was evicted */
        strcmp(n->msg->status->key_fingerprint, key_hex) == 0)
        return true;
    return err_set(e, ERR_EXISTS, "enrol.name-taken", "node %s is enrolled with another key", name),
           err_field(e, "node"), err_found(e, "%s", name),
           err_mend(e, "choose another name, or delete the node first");
}

static void enter(struct state *st, const char *name, const char *key_hex, struct token *t)
{
    Bailey__V1__Node m = BAILEY__V1__NODE__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__NodeStatus status = BAILEY__V1__NODE_STATUS__INIT;
    struct node *n = state_node(st, name);

    if (n == NULL) {
        meta.name = (char *)(uintptr_t)name;
        status.key_fingerprint = (char *)(uintptr_t)key_hex;
        m.metadata = &meta;
        m.status = &status;
        n = node_new(st, &m);
        BUG_ON(n == NULL);
        node_publish(st, n);
        event_add(st, &n->object, "normal", "node.enrolled", "controller",
                  "key fingerprint %.16s...", key_hex);
        admission_joined(st, n);
    } else if (n->msg->status->key_fingerprint[0] == '\0') {
        text_set(&n->msg->status->key_fingerprint, key_hex);
        event_add(st, &n->object, "normal", "node.enrolled-again", "controller",
                  "key fingerprint %.16s...", key_hex);
        admission_joined(st, n);
        txn_touch(st, &n->object);
    }
    if (t->msg->used_at_s == 0) {
        t->msg->used_at_s = state_wall_ms(st) / 1000;
        text_set(&t->msg->used_by, name);
        token_store(st, t);
    }
}

static void on_join(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__JoinRequest *r = (const Bailey__V1__JoinRequest *)base;
    Bailey__V1__JoinResponse out = BAILEY__V1__JOIN_RESPONSE__INIT;
    struct state *st = user;
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf pem = {0};
    struct token *t = NULL;
    struct err e = {0};
    char hex[65];

    if (!name_check(r->node, "node", &e) ||
        !csr_key((struct bytes){r->csr.data, r->csr.len}, &key, &e) || !fingerprint(key, hex, &e) ||
        !token_check(st, r, hex, &t, &e) || !name_free(st, r->node, hex, &e) ||
        !admission_join(st, r->node, hex, &e) || !sign(st, r->node, key, &pem, &e)) {
        log_warn("enrolment refused", LOG_STR("from", rpc_call_address(call)), LOG_ERR(&e));
        rpc_fail(call, &e);
        return;
    }
    enter(st, r->node, hex, t);
    log_info("node enrolled", LOG_STR("node", r->node));
    out.certificate = (char *)(uintptr_t)buf_str(&pem);
    out.ca = (char *)(uintptr_t)cluster_bundle(st);
    out.cluster_id = st->cluster->cluster_id;
    reply_settled(st, call, &out.base);
}

bool enrol_serve(struct state *st, struct rpc_server *server, unsigned listeners, struct err *e)
{
    struct rpc_method m = {.service = &bailey__v1__enrolment__descriptor,
                           .name = "Join",
                           .listeners = listeners,
                           .unary = on_join,
                           .user = st};

    return rpc_server_method(server, &m, e);
}
