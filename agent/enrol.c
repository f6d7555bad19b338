#include "agent/enrol.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bailey/v1/enrolment.pb-c.h"
#include "base/log.h"
#include "base/str.h"
#include "rpc/client.h"

#define WAIT_S 10

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(ssl_ctx, SSL_CTX *, SSL_CTX_free)

bool enrol_pin(const char *token, uint8_t pin[ENROL_PIN], struct err *e)
{
    size_t n = 0;

    if (strlen(token) != 3 + 43 + 1 + 64 || strncmp(token, "b1.", 3) != 0 || token[46] != '.' ||
        !hex_parse(token + 47, pin, ENROL_PIN, &n, NULL) || n != ENROL_PIN)
        return err_set(e, ERR_INPUT, "enrol.token", "not an enrolment token"),
               err_mend(e, "make one with: bailey token create");
    return true;
}

static bool has_pin(X509 *x, const uint8_t pin[ENROL_PIN])
{
    uint8_t *der = NULL, hash[SHA256_DIGEST_LENGTH];
    int n = i2d_PUBKEY(X509_get0_pubkey(x), &der);

    if (n <= 0)
        return false;
    SHA256(der, (size_t)n, hash);
    OPENSSL_free(der);
    return memcmp(hash, pin, ENROL_PIN) == 0;
}

/* The pinned CA must be a CA and have signed the leaf (or be it). */
static X509 *pinned(STACK_OF(X509) * chain, const uint8_t pin[ENROL_PIN])
{
    X509 *leaf = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);

        if (has_pin(x, pin) && X509_check_ca(x) == 1 && X509_check_issued(x, leaf) == X509_V_OK &&
            X509_verify(leaf, X509_get0_pubkey(x)) == 1)
            return x;
    }
    return NULL;
}

static void limit_wait(BIO *bio)
{
    struct timeval t = {.tv_sec = WAIT_S};
    int fd = -1;

    if (BIO_get_fd(bio, &fd) < 0 || fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static bool pem_of(X509 *x, struct buf *out, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long n;

    if (bio == NULL || PEM_write_bio_X509(bio, x) != 1)
        return err_set(e, ERR_NOMEM, "memory", "no memory for a certificate");
    n = BIO_get_mem_data(bio, &text);
    buf_put(out, text, (size_t)n);
    return buf_ok(out, e);
}

bool enrol_fetch_ca(const char *target, const uint8_t pin[ENROL_PIN], struct buf *ca_pem,
                    struct err *e)
{
    AUTO(ssl_ctx) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    AUTO(bio) BIO *bio = NULL;
    SSL *ssl = NULL;
    STACK_OF(X509) * chain;
    X509 *ca;

    if (ctx == NULL || (bio = BIO_new_ssl_connect(ctx)) == NULL || BIO_get_ssl(bio, &ssl) <= 0)
        return err_set(e, ERR_NOMEM, "memory", "no memory for TLS");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* the pin decides, below */
    (void)SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2", 3);
    (void)BIO_set_conn_hostname(bio, target);
    if (BIO_do_connect_retry(bio, WAIT_S, 100) <= 0)
        return err_set(e, ERR_UNAVAIL, "enrol.connect", "cannot reach %s", target);
    limit_wait(bio);
    if (BIO_do_handshake(bio) <= 0)
        return err_set(e, ERR_UNAVAIL, "enrol.handshake", "no TLS handshake with %s", target);
    chain = SSL_get_peer_cert_chain(ssl);
    ca = chain == NULL ? NULL : pinned(chain, pin);
    if (ca == NULL)
        return err_set(e, ERR_UNAUTH, "enrol.pin-mismatch",
                       "%s is not the cluster that the token is for", target),
               err_mend(e, "check the address, and make a new token on the right controller");
    return pem_of(ca, ca_pem, e);
}

bool enrol(struct rpc_loop *l, const char *target, const char *token, const char *node,
           struct identity *id, struct err *e)
{
    Bailey__V1__JoinRequest r = BAILEY__V1__JOIN_REQUEST__INIT;
    struct rpc_client_options o = {.target = target};
    struct rpc_call_options call = {.deadline_ms = 30000, .wait_for_ready = true};
    AUTO_BUF struct buf ca = {.limit = 65536};
    AUTO_ARENA struct arena a;
    const Bailey__V1__JoinResponse *answer;
    struct rpc_client *client;
    ProtobufCMessage *m = NULL;
    uint8_t pin[ENROL_PIN];
    bool ok;

    arena_init(&a, 1u << 20);
    if (!enrol_pin(token, pin, e) || !enrol_fetch_ca(target, pin, &ca, e))
        return false;
    o.ca_pem = buf_str(&ca);
    if (!rpc_client_new(l, &o, &client, e))
        return false;
    r.token = (char *)(uintptr_t)token;
    r.node = (char *)(uintptr_t)node;
    r.csr.data = id->csr.p;
    r.csr.len = id->csr.n;
    ok = rpc_client_call_wait(client, &bailey__v1__enrolment__descriptor, "Join", &r.base, &call,
                              &a, &m, e);
    rpc_client_free(client);
    if (!ok)
        return err_wrap(e, "joining the cluster");
    answer = (const Bailey__V1__JoinResponse *)m;
    /* the pinned CA, not what the answer calls one */
    if (!identity_store(id, answer->certificate, buf_str(&ca), e))
        return false;
    log_info("joined", LOG_STR("cluster", answer->cluster_id), LOG_STR("node", node));
    return true;
}
