#include "agent/identity.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "agent/file.h"

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(x509_req, X509_REQ *, X509_REQ_free)

static bool crypto(struct err *e, const char *what)
{
    return err_set(e, ERR_INTERNAL, "identity.crypto", "%s failed", what);
}

static bool key_make(struct identity *id, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    long n;

    id->key = EVP_EC_gen("P-256");
    if (id->key == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey(bio, id->key, NULL, NULL, 0, NULL, NULL) != 1)
        return crypto(e, "making a key");
    n = BIO_get_mem_data(bio, &pem);
    return file_write(id->dir_fd, IDENTITY_KEY, (struct bytes){(const uint8_t *)pem, (size_t)n},
                      0600, e);
}

static bool key_load(struct identity *id, struct err *e)
{
    AUTO_BUF struct buf pem = {.limit = 65536};
    AUTO(bio) BIO *bio = NULL;
    struct err missing = {0};

    if (!file_read(id->dir_fd, IDENTITY_KEY, &pem, &missing)) {
        if (missing.code == ERR_MISSING)
            return key_make(id, e);
        if (e != NULL)
            *e = missing;
        return false;
    }
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (bio != NULL)
        id->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (id->key == NULL)
        return err_set(e, ERR_INPUT, "identity.key", "%s: not a private key", IDENTITY_KEY);
    return true;
}

static bool derive(struct identity *id, const char *node, struct err *e)
{
    AUTO(x509_req) X509_REQ *req = X509_REQ_new();
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(id->key, &der);

    if (n <= 0 || req == NULL)
        return crypto(e, "encoding the public key");
    buf_put(&id->spki, der, (size_t)n);
    OPENSSL_free(der);
    der = NULL;
    if (X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
                                   (const unsigned char *)node, -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(req, id->key) != 1 || X509_REQ_sign(req, id->key, EVP_sha256()) <= 0 ||
        (n = i2d_X509_REQ(req, &der)) <= 0)
        return crypto(e, "making a certificate request");
    buf_put(&id->csr, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(&id->spki, e) && buf_ok(&id->csr, e);
}

static bool asn1_seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

static bool cert_take(struct identity *id, struct bytes pem, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    AUTO(x509) X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    int64_t from, to;

    if (x == NULL || !asn1_seconds(X509_get0_notBefore(x), &from) ||
        !asn1_seconds(X509_get0_notAfter(x), &to))
        return err_set(e, ERR_INPUT, "identity.certificate", "not a certificate");
    if (X509_check_private_key(x, id->key) != 1)
        return err_set(e, ERR_INPUT, "identity.other-key",
                       "the certificate is not for this node's key");
    id->not_before_s = from;
    id->not_after_s = to;
    return true;
}

bool identity_open(struct identity *id, int dir_fd, const char *node, struct err *e)
{
    AUTO_BUF struct buf cert = {.limit = 65536};

    *id = (struct identity){.dir_fd = dir_fd};
    if (!key_load(id, e) || !derive(id, node, e))
        return false;
    if (!file_read(dir_fd, IDENTITY_CERT, &cert, NULL))
        return true;
    return cert_take(id, buf_bytes(&cert), e) || err_wrap(e, "%s", IDENTITY_CERT);
}

void identity_fini(struct identity *id)
{
    EVP_PKEY_free(id->key);
    buf_fini(&id->spki);
    buf_fini(&id->csr);
}

bool identity_store(struct identity *id, const char *cert_pem, const char *ca_pem, struct err *e)
{
    return cert_take(id, bytes_str(cert_pem), e) &&
           (ca_pem[0] == '\0' || file_write(id->dir_fd, IDENTITY_CA, bytes_str(ca_pem), 0644, e)) &&
           file_write(id->dir_fd, IDENTITY_CERT, bytes_str(cert_pem), 0644, e);
}

bool identity_trust(struct identity *id, const char *ca_pem, struct err *e)
{
    struct bytes pem = bytes_str(ca_pem);
    AUTO(bio) BIO *bio = pem.n > 262144 ? NULL : BIO_new_mem_buf(pem.p, (int)pem.n);
    AUTO(x509) X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

    ERR_clear_error();
    if (x == NULL)
        return err_set(e, ERR_INPUT, "identity.ca",
                       "the cluster's authorities are no certificates");
    return file_write(id->dir_fd, IDENTITY_CA, pem, 0644, e);
}

int64_t identity_renew_s(const struct identity *id)
{
    return id->not_before_s + (id->not_after_s - id->not_before_s) * 2 / 3;
}
