#include "controller/ca.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/rand.h"
#include "base/str.h"

#define CA_YEARS 10
#define CLOCK_SLACK_S 3600 /* nodes' clocks may be this much behind */

DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(req, X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(names, GENERAL_NAMES *, GENERAL_NAMES_free)

struct ca {
    EVP_PKEY *key;
    X509 *cert;
    struct buf pem;
};

static bool ssl_fail(struct err *e, const char *what)
{
    char text[160];
    unsigned long code = ERR_get_error();

    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return err_set(e, ERR_INTERNAL, "ca.crypto", "%s: %s", what, code == 0 ? "no memory" : text);
}

bool key_new(EVP_PKEY **out, struct err *e)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    if (key == NULL)
        return ssl_fail(e, "making a key");
    *out = key;
    return true;
}

bool key_from_pem(struct bytes pem, EVP_PKEY **out, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

    *out = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (*out != NULL)
        return true;
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "ca.files", "not a private key in PEM");
}

bool key_from_uri(const char *uri, EVP_PKEY **out, struct err *e)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
        if (info == NULL && OSSL_STORE_error(store))
            break;
    }
    OSSL_STORE_close(store);
    if (key == NULL)
        return ssl_fail(e, uri),
               err_mend(e, "is the provider loaded (openssl.cnf), and is it a private key?");
    *out = key;
    return true;
}

/* Takes what a BIO in memory holds. */
static bool bio_take(BIO *bio, struct buf *out, struct err *e)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);

    buf_put(out, p, n < 0 ? 0 : (size_t)n);
    return buf_ok(out, e);
}

bool key_pem(EVP_PKEY *key, struct buf *out, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return ssl_fail(e, "writing a key");
    return bio_take(bio, out, e);
}

bool key_spki(EVP_PKEY *key, struct buf *out, struct err *e)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    if (n <= 0)
        return ssl_fail(e, "encoding a public key");
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(out, e);
}

bool key_pin(EVP_PKEY *key, uint8_t out[PIN_SIZE], struct err *e)
{
    AUTO_BUF struct buf spki = {0};

    if (!key_spki(key, &spki, e))
        return false;
    SHA256(spki.p, spki.n, out);
    return true;
}

static X509 *cert_read(struct bytes pem)
{
    AUTO(bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

    return bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static bool cert_key(struct bytes pem, EVP_PKEY **out, struct err *e)
{
    AUTO(x509) X509 *cert = pem.n > 65536 ? NULL : cert_read(pem);
    EVP_PKEY *key = cert == NULL ? NULL : X509_get_pubkey(cert);

    if (key == NULL) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "certificate.malformed", "not a certificate in PEM");
    }
    *out = key;
    return true;
}

bool cert_pin(struct bytes pem, uint8_t out[PIN_SIZE], struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;

    return cert_key(pem, &key, e) && key_pin(key, out, e);
}

bool cert_spki(struct bytes pem, struct buf *out, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;

    return cert_key(pem, &key, e) && key_spki(key, out, e);
}

bool cert_not_after(struct bytes pem, int64_t *wall_s, struct err *e)
{
    AUTO(x509) X509 *cert = pem.n > 65536 ? NULL : cert_read(pem);
    struct tm tm;

    if (cert == NULL || !ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm)) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "certificate.malformed", "not a certificate in PEM");
    }
    *wall_s = (int64_t)timegm(&tm);
    return true;
}

bool cert_serial(struct bytes pem, char out[CERT_SERIAL_TEXT], struct err *e)
{
    AUTO(x509) X509 *cert = pem.n > 65536 ? NULL : cert_read(pem);
    const ASN1_INTEGER *serial = cert == NULL ? NULL : X509_get0_serialNumber(cert);

    if (serial == NULL || serial->length <= 0 || serial->length * 2 >= CERT_SERIAL_TEXT) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "certificate.malformed", "not a certificate in PEM");
    }
    hex_format((struct bytes){serial->data, (size_t)serial->length}, out);
    return true;
}

bool csr_key(struct bytes der, EVP_PKEY **out, struct err *e)
{
    const uint8_t *p = der.p;
    AUTO(req) X509_REQ *req = NULL;
    AUTO(pkey) EVP_PKEY *key = NULL;
    char group[32] = "";

    if (der.n > 8192)
        return err_set(e, ERR_LIMIT, "csr.too-large", "certificate request has %zu bytes", der.n),
               err_field(e, "csr"), err_expected(e, "at most 8192 bytes");
    req = d2i_X509_REQ(NULL, &p, (long)der.n);
    if (req == NULL || p != der.p + der.n) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "csr.malformed", "not a PKCS#10 request in DER"),
               err_field(e, "csr"), err_expected(e, "a PKCS#10 request, DER");
    }
    key = X509_REQ_get_pubkey(req);
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        !EVP_PKEY_get_group_name(key, group, sizeof group, NULL) ||
        strcmp(group, "prime256v1") != 0) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "csr.key-kind", "the key of the request is not P-256"),
               err_field(e, "csr"), err_found(e, "%s", group[0] ? group : "another kind of key"),
               err_expected(e, "an EC key on P-256");
    }
    if (X509_REQ_verify(req, key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "csr.signature", "the request is not signed by its own key"),
               err_field(e, "csr");
    }
    *out = STEAL(key);
    return true;
}

static bool name_add(X509_NAME *name, const char *field, const char *value)
{
    return value == NULL || X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                       (const unsigned char *)value, -1, -1, 0);
}

static bool alt_add(GENERAL_NAMES *names, int type, const char *value)
{
    GENERAL_NAME *gn = GENERAL_NAME_new();
    ASN1_OCTET_STRING *s = NULL;

    if (gn == NULL)
        return false;
    if (type == GEN_IPADD)
        s = a2i_IPADDRESS(value);
    else if ((s = ASN1_IA5STRING_new()) != NULL && !ASN1_STRING_set(s, value, -1)) {
        ASN1_STRING_free(s);
        s = NULL;
    }
    if (s == NULL) {
        GENERAL_NAME_free(gn);
        return false;
    }
    GENERAL_NAME_set0_value(gn, type, s);
    if (sk_GENERAL_NAME_push(names, gn) == 0) {
        GENERAL_NAME_free(gn);
        return false;
    }
    return true;
}

static bool is_address(const char *host)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
    bool yes = ip != NULL;

    ASN1_OCTET_STRING_free(ip);
    ERR_clear_error();
    return yes;
}

static bool alt_names(X509 *cert, const struct cert_order *o)
{
    AUTO(names) GENERAL_NAMES *names = GENERAL_NAMES_new();

    if (names == NULL || !alt_add(names, GEN_URI, o->uri))
        return false;
    for (size_t i = 0; i < o->hosts_n; i++)
        if (!alt_add(names, is_address(o->hosts[i]) ? GEN_IPADD : GEN_DNS, o->hosts[i]))
            return false;
    return X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1;
}

static bool ext_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* Version, a random serial of 16 bytes, validity and key: what every certificate has. */
static X509 *cert_begin(EVP_PKEY *key, int64_t from_s, int64_t to_s)
{
    AUTO(x509) X509 *cert = X509_new();
    uint8_t serial[16];
    BIGNUM *bn;
    bool ok;

    rand_bytes(serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive and never short */
    bn = BN_bin2bn(serial, sizeof serial, NULL);
    ok = cert != NULL && bn != NULL && X509_set_version(cert, X509_VERSION_3) &&
         BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL &&
         ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from_s) != NULL &&
         ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)to_s) != NULL &&
         X509_set_pubkey(cert, key);
    BN_free(bn);
    return ok ? STEAL(cert) : NULL;
}

static bool pem_fill(struct ca *ca, struct err *e)
{
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || !PEM_write_bio_X509(bio, ca->cert))
        return ssl_fail(e, "writing the CA certificate");
    if (!bio_take(bio, &ca->pem, e))
        return false;
    (void)buf_str(&ca->pem); /* ends it with a NUL for ca_pem() */
    return true;
}

bool ca_new(const char *cluster_id, int64_t now_s, struct ca **out, struct err *e)
{
    EVP_PKEY *key;

    return key_new(&key, e) && ca_make(key, cluster_id, now_s, out, e);
}

bool ca_make(EVP_PKEY *key, const char *cluster_id, int64_t now_s, struct ca **out, struct err *e)
{
    AUTO(ca) struct ca *ca = calloc(1, sizeof *ca);
    X509_NAME *name;

    if (ca == NULL) {
        EVP_PKEY_free(key);
        return err_set(e, ERR_NOMEM, "ca.memory", "no memory");
    }
    ca->key = key;
    ca->cert = cert_begin(ca->key, now_s - CLOCK_SLACK_S, now_s + CA_YEARS * 365 * 86400LL);
    if (ca->cert == NULL)
        return ssl_fail(e, "making the CA certificate");
    name = X509_get_subject_name(ca->cert);
    if (!name_add(name, "O", "bailey") || !name_add(name, "CN", cluster_id) ||
        !X509_set_issuer_name(ca->cert, name) ||
        !ext_add(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !ext_add(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !ext_add(ca->cert, ca->cert, NID_subject_key_identifier, "hash") ||
        X509_sign(ca->cert, ca->key, EVP_sha256()) == 0)
        return ssl_fail(e, "making the CA certificate");
    if (!pem_fill(ca, e))
        return false;
    *out = STEAL(ca);
    return true;
}

bool ca_load(struct bytes key_text, struct bytes cert_text, struct ca **out, struct err *e)
{
    EVP_PKEY *key;

    return key_from_pem(key_text, &key, e) && ca_from(key, cert_text, out, e);
}

bool ca_from(EVP_PKEY *key, struct bytes cert_text, struct ca **out, struct err *e)
{
    AUTO(ca) struct ca *ca = calloc(1, sizeof *ca);

    if (ca == NULL) {
        EVP_PKEY_free(key);
        return err_set(e, ERR_NOMEM, "ca.memory", "no memory");
    }
    ca->key = key;
    ca->cert = cert_read(cert_text);
    if (ca->key == NULL || ca->cert == NULL || X509_check_private_key(ca->cert, ca->key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "ca.files", "CA key and certificate do not belong together");
    }
    if (!pem_fill(ca, e))
        return false;
    *out = STEAL(ca);
    return true;
}

void ca_free(struct ca *ca)
{
    if (ca == NULL)
        return;
    EVP_PKEY_free(ca->key);
    X509_free(ca->cert);
    buf_fini(&ca->pem);
    free(ca);
}

bool ca_export(const struct ca *ca, struct buf *key_out, struct buf *cert_out, struct err *e)
{
    buf_put(cert_out, ca->pem.p, ca->pem.n);
    return key_pem(ca->key, key_out, e) && buf_ok(cert_out, e);
}

const char *ca_pem(const struct ca *ca)
{
    return (const char *)ca->pem.p;
}

void ca_pin(const struct ca *ca, uint8_t out[PIN_SIZE])
{
    BUG_ON(!key_pin(ca->key, out, NULL));
}

bool ca_key_id(const struct ca *ca, char *out, size_t size)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(ca->cert);

    if (id == NULL || id->length <= 0 || (size_t)id->length * 2 + 1 > size)
        return false;
    hex_format((struct bytes){id->data, (size_t)id->length}, out);
    return true;
}

bool ca_issue(const struct ca *ca, EVP_PKEY *key, const struct cert_order *o, struct buf *pem,
              struct err *e)
{
    AUTO(x509) X509 *cert = cert_begin(key, o->not_before_s, o->not_after_s);
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME *name = cert == NULL ? NULL : X509_get_subject_name(cert);

    if (name == NULL || bio == NULL)
        return ssl_fail(e, "making a certificate");
    if (!name_add(name, "O", o->organization) || !name_add(name, "CN", o->common_name) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) ||
        !ext_add(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") ||
        !ext_add(cert, ca->cert, NID_key_usage, "critical,digitalSignature") ||
        !ext_add(cert, ca->cert, NID_ext_key_usage,
                 o->use == CERT_SERVER ? "serverAuth" : "clientAuth") ||
        !ext_add(cert, ca->cert, NID_authority_key_identifier, "keyid") || !alt_names(cert, o) ||
        X509_sign(cert, ca->key, EVP_sha256()) == 0 || !PEM_write_bio_X509(bio, cert))
        return ssl_fail(e, "making a certificate");
    return bio_take(bio, pem, e);
}
