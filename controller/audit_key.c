#include "controller/audit_key.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/str.h"
#include "controller/init.h"

#define CERT_DAYS 3650
#define RENEW_DAYS 365 /* a certificate that ends sooner is made anew */

static bool make(const char *path, EVP_PKEY **out, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    AUTO_BUF struct buf pem = {0};

    if (key == NULL) {
        ERR_clear_error();
        return err_set(e, ERR_INTERNAL, "init.key", "no audit key can be made");
    }
    if (!key_pem(key, &pem, e) || !file_write(path, 0600, buf_bytes(&pem), e))
        return false;
    *out = STEAL(key);
    return true;
}

static bool load(const char *path, EVP_PKEY **out, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf pem = {0};
    struct stat s;
    BIO *bio;

    if (stat(path, &s) != 0)
        return err_errno(e, errno, "init.read", "%s", path);
    if ((s.st_mode & 077) != 0)
        return err_set(e, ERR_DENIED, "init.permissions", "%s: others have access", path),
               err_found(e, "%o", (unsigned)(s.st_mode & 0777)), err_expected(e, "600"),
               err_mend(e, "chmod 600 %s, and consider who has seen it", path);
    if (!file_read(path, 65536, &pem, e))
        return false;
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (bio != NULL)
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "init.key", "%s: not an Ed25519 private key", path);
    }
    *out = STEAL(key);
    return true;
}

/* The certificate as DER, when it is this key's and does not end soon. */
static bool certificate_good(struct bytes pem, EVP_PKEY *key, int64_t now_s, struct buf *der)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    uint8_t *out = NULL;
    int64_t ends = 0;
    int n = 0;

    if (x != NULL && cert_not_after(pem, &ends, NULL) && ends > now_s + RENEW_DAYS * 86400LL &&
        EVP_PKEY_eq(X509_get0_pubkey(x), key) == 1)
        n = i2d_X509(x, &out);
    if (n > 0)
        buf_put(der, out, (size_t)n);
    OPENSSL_free(out);
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return n > 0;
}

static bool certify(const char *path, const struct ca *ca, const char *cluster_id, int64_t now_s,
                    EVP_PKEY *key, struct buf *pem, struct err *e)
{
    char uri[160];
    struct cert_order o = {.common_name = "bailey-audit",
                           .uri = uri,
                           .use = CERT_CLIENT, /* of no identity that any service takes */
                           .not_before_s = now_s - 3600,
                           .not_after_s = now_s + CERT_DAYS * 86400LL};

    snprintf(uri, sizeof uri, "bailey://%s/audit", cluster_id);
    buf_clear(pem);
    return ca_issue(ca, key, &o, pem, e) && file_write(path, 0644, buf_bytes(pem), e);
}

bool audit_key_open(const char *dir, const struct ca *ca, const char *cluster_id, int64_t now_s,
                    EVP_PKEY **out, struct buf *der, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf pem = {0};
    char path[640], cert[640];

    snprintf(path, sizeof path, "%s/pki/audit.key", dir);
    snprintf(cert, sizeof cert, "%s/pki/audit.pem", dir);
    if (!(access(path, F_OK) == 0 ? load(path, &key, e) : make(path, &key, e)))
        return false;
    if (!file_read(cert, 65536, &pem, NULL) ||
        !certificate_good(buf_bytes(&pem), key, now_s, der)) {
        if (!certify(cert, ca, cluster_id, now_s, key, &pem, e))
            return false;
        if (!certificate_good(buf_bytes(&pem), key, now_s, der))
            return err_set(e, ERR_INTERNAL, "init.key", "%s cannot be read again", cert);
    }
    *out = STEAL(key);
    return true;
}
