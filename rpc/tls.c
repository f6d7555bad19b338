#include "rpc/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "rpc/op.h"
#include "rpc/tls_int.h"

#define PEM_MAX (256u << 10)

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(cert, X509 *, X509_free)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)

struct rpc_tls_file {
    struct rpc_tls_file *next;    /* of the loop */
    char *ca, *certificate, *key; /* paths */
    enum rpc_client_cert client_cert;
    uv_mutex_t lock;    /* the core asks on its own threads */
    struct rpc_pem pem; /* under lock */
    bool dirty;         /* under lock: not yet given to the core */
};

static bool file_read(const char *path, char **out, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = PEM_MAX};
    char chunk[4096];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(e, errno, "tls.file", "%s", path);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_put(&b, chunk, (size_t)n);
    (void)close(fd);
    if (n < 0)
        return err_errno(e, errno, "tls.file", "%s", path);
    if (!buf_ok(&b, e))
        return err_wrap(e, "%s", path);
    *out = buf_steal(&b, NULL);
    return *out != NULL || err_set(e, ERR_NOMEM, "tls.memory", "no memory for %s", path);
}

static bool bad_pem(const char *path, const char *what, struct err *e)
{
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "tls.pem", "%s: no %s in PEM form", path, what);
}

static bool pair_check(const struct rpc_tls *tls, const struct rpc_pem *p, struct err *e)
{
    AUTO(bio) BIO *cb = BIO_new_mem_buf(p->certificate, -1);
    AUTO(bio) BIO *kb = BIO_new_mem_buf(p->key, -1);
    AUTO(cert) X509 *x = cb == NULL ? NULL : PEM_read_bio_X509(cb, NULL, NULL, NULL);
    AUTO(pkey) EVP_PKEY *k = kb == NULL ? NULL : PEM_read_bio_PrivateKey(kb, NULL, NULL, NULL);

    if (x == NULL)
        return bad_pem(tls->certificate, "certificate", e);
    if (k == NULL)
        return bad_pem(tls->key, "private key", e);
    if (X509_check_private_key(x, k) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "tls.key-mismatch", "%s is not the key of %s", tls->key,
                       tls->certificate);
    }
    return true;
}

bool rpc_pem_read(const struct rpc_tls *tls, struct rpc_pem *out, struct err *e)
{
    struct rpc_pem p = {0};

    if ((tls->certificate == NULL) != (tls->key == NULL))
        return err_set(e, ERR_INPUT, "tls.pair", "certificate and key come together");
    if (tls->ca != NULL) {
        if (!file_read(tls->ca, &p.ca, e))
            return false;
        AUTO(bio) BIO *b = BIO_new_mem_buf(p.ca, -1);
        AUTO(cert) X509 *x = b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);

        if (x == NULL) {
            rpc_pem_fini(&p);
            return bad_pem(tls->ca, "certificate", e);
        }
    }
    if (tls->key != NULL && !(file_read(tls->certificate, &p.certificate, e) &&
                              file_read(tls->key, &p.key, e) && pair_check(tls, &p, e))) {
        rpc_pem_fini(&p);
        return false;
    }
    *out = p;
    return true;
}

void rpc_pem_fini(struct rpc_pem *p)
{
    free(p->ca);
    free(p->certificate);
    if (p->key != NULL)
        OPENSSL_cleanse(p->key, strlen(p->key));
    free(p->key);
    *p = (struct rpc_pem){0};
}

static char *copy(const char *s)
{
    return s == NULL ? NULL : strdup(s);
}

static void tls_file_free(struct rpc_tls_file *f)
{
    rpc_pem_fini(&f->pem);
    uv_mutex_destroy(&f->lock);
    free(f->ca);
    free(f->certificate);
    free(f->key);
    free(f);
}

bool rpc_tls_file_new(struct rpc_loop *l, const struct rpc_tls *tls,
                      enum rpc_client_cert client_cert, struct rpc_tls_file **out, struct err *e)
{
    struct rpc_pem p = {0};
    struct rpc_tls_file *f;

    if (tls->key == NULL || (client_cert == RPC_CLIENT_CERT_REQUIRE && tls->ca == NULL))
        return err_set(e, ERR_INPUT, "tls.incomplete",
                       "a listener needs certificate and key, "
                       "and a CA when it asks for certificates");
    if (!rpc_pem_read(tls, &p, e))
        return false;
    f = calloc(1, sizeof *f);
    if (f == NULL || uv_mutex_init(&f->lock) != 0) {
        free(f);
        rpc_pem_fini(&p);
        return err_set(e, ERR_NOMEM, "tls.memory", "no memory for credentials");
    }
    f->ca = copy(tls->ca);
    f->certificate = copy(tls->certificate);
    f->key = copy(tls->key);
    f->client_cert = client_cert;
    f->pem = p;
    f->dirty = true;
    f->next = l->tls_files;
    l->tls_files = f;
    OP_BEGIN(f);
    *out = f;
    return true;
}

bool rpc_tls_file_reload(struct rpc_tls_file *f, struct err *e)
{
    struct rpc_tls tls = {f->ca, f->certificate, f->key};
    struct rpc_pem p = {0};

    if (!rpc_pem_read(&tls, &p, e))
        return false;
    uv_mutex_lock(&f->lock);
    rpc_pem_fini(&f->pem);
    f->pem = p;
    f->dirty = true;
    uv_mutex_unlock(&f->lock);
    return true;
}

/* The core calls this before each handshake, on a thread of its own. */
static grpc_ssl_certificate_config_reload_status fetch(void *arg,
                                                       grpc_ssl_server_certificate_config **out)
{
    struct rpc_tls_file *f = arg;
    grpc_ssl_certificate_config_reload_status r = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;

    OP_END(f);
    uv_mutex_lock(&f->lock);
    if (f->dirty) {
        grpc_ssl_pem_key_cert_pair pair = {f->pem.key, f->pem.certificate};
        /* the core insists on a root even where no client is asked for a certificate */
        const char *ca = f->pem.ca != NULL ? f->pem.ca : f->pem.certificate;

        *out = grpc_ssl_server_certificate_config_create(ca, &pair, 1);
        f->dirty = false;
        r = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
    }
    uv_mutex_unlock(&f->lock);
    return r;
}

grpc_server_credentials *rpc_tls_file_credentials(struct rpc_tls_file *f)
{
    grpc_ssl_client_certificate_request_type type =
        f->client_cert == RPC_CLIENT_CERT_REQUIRE
            ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
            : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;

    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(type, fetch, f));
}

void rpc_tls_files_free(struct rpc_tls_file *first)
{
    while (first != NULL) {
        struct rpc_tls_file *next = first->next;

        tls_file_free(first);
        first = next;
    }
}

grpc_channel_credentials *rpc_tls_client_credentials(const struct rpc_pem *p)
{
    grpc_ssl_pem_key_cert_pair pair = {p->key, p->certificate};

    return grpc_ssl_credentials_create(p->ca, p->key == NULL ? NULL : &pair, NULL, NULL);
}

/* A property's text, "" unless there is exactly one that fits. */
static void property(const grpc_auth_context *context, const char *name, char *out, size_t size)
{
    grpc_auth_property_iterator it = grpc_auth_context_find_properties_by_name(context, name);
    const grpc_auth_property *p = grpc_auth_property_iterator_next(&it);

    out[0] = '\0';
    if (p == NULL || p->value_length >= size || memchr(p->value, 0, p->value_length) != NULL ||
        grpc_auth_property_iterator_next(&it) != NULL)
        return;
    memcpy(out, p->value, p->value_length);
    out[p->value_length] = '\0';
}

/* Bytes as hex; "" for none or too many. */
static void hex_text(const uint8_t *p, int n, char *out, size_t size)
{
    out[0] = '\0';
    if (n > 0 && (size_t)n * 2 + 1 <= size)
        hex_format((struct bytes){p, (size_t)n}, out);
}

static int64_t seconds(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* What decisions need of the certificate that the handshake let through. */
static bool certificate_read(struct rpc_peer *out)
{
    AUTO(bio) BIO *bio = BIO_new_mem_buf(out->pem, -1);
    AUTO(cert) X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    const ASN1_INTEGER *serial = x == NULL ? NULL : X509_get0_serialNumber(x);
    const ASN1_OCTET_STRING *issuer = x == NULL ? NULL : X509_get0_authority_key_id(x);
    uint8_t *spki = NULL;
    int n = x == NULL ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);

    ERR_clear_error();
    if (n <= 0)
        return false;
    SHA256(spki, (size_t)n, out->key_pin);
    OPENSSL_free(spki);
    hex_text(serial->data, serial->length, out->serial, sizeof out->serial);
    if (issuer != NULL)
        hex_text(issuer->data, issuer->length, out->issuer_key, sizeof out->issuer_key);
    out->not_before_s = seconds(X509_get0_notBefore(x));
    out->not_after_s = seconds(X509_get0_notAfter(x));
    return true;
}

void rpc_peer_read(const grpc_auth_context *context, struct rpc_peer *out)
{
    grpc_auth_property_iterator it;
    const grpc_auth_property *p;

    *out = (struct rpc_peer){0};
    if (context == NULL || grpc_auth_context_peer_is_authenticated(context) == 0)
        return;
    it = grpc_auth_context_find_properties_by_name(context, GRPC_X509_PEM_CERT_PROPERTY_NAME);
    p = grpc_auth_property_iterator_next(&it);
    if (p == NULL) /* TLS, but no certificate was shown */
        return;
    out->pem = p->value; /* the core ends values with a NUL */
    out->authenticated = certificate_read(out);
    property(context, GRPC_PEER_URI_PROPERTY_NAME, out->uri, sizeof out->uri);
    property(context, GRPC_X509_CN_PROPERTY_NAME, out->common_name, sizeof out->common_name);
}
