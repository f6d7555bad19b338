#include "attest/sim/sim_cert.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(crl, X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(revoked, X509_REVOKED *, X509_REVOKED_free)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(name, X509_NAME *, X509_NAME_free)

static bool fail(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: %s failed", what);
}

static EVP_PKEY *key_read(const char *pem)
{
    AUTO(bio) BIO *b = BIO_new_mem_buf(pem, -1);

    return b == NULL ? NULL : PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
}

static X509 *cert_read(const char *pem)
{
    AUTO(bio) BIO *b = BIO_new_mem_buf(pem, -1);

    return b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);
}

/* The public point of a private number on P-384, uncompressed: 97 bytes. */
static bool point_of(const BIGNUM *d, uint8_t out[97])
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_secp384r1);
    EC_POINT *q = g == NULL ? NULL : EC_POINT_new(g);
    bool good = q != NULL && EC_POINT_mul(g, q, d, NULL, NULL, NULL) == 1 &&
                EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, out, 97, NULL) == 97;

    EC_POINT_free(q);
    EC_GROUP_free(g);
    return good;
}

static EVP_PKEY *key_build(const BIGNUM *d, const uint8_t point[97])
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (b != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "secp384r1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, 97) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)
        params = OSSL_PARAM_BLD_to_param(b);
    if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *sim_chip_key(const struct sim_chip *c)
{
    const uint8_t tcb[] = {c->tcb.fmc, c->tcb.bootloader, c->tcb.tee,
                           c->tcb.snp, c->tcb.microcode,  c->vlek};
    uint8_t seed[48], point[97];
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = NULL;
    BIGNUM *d;

    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha384(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, "bailey-sim-chip", 15) != 1 ||
        EVP_DigestUpdate(ctx, c->line->product, strlen(c->line->product)) != 1 ||
        EVP_DigestUpdate(ctx, c->id, sizeof c->id) != 1 ||
        EVP_DigestUpdate(ctx, tcb, sizeof tcb) != 1 || EVP_DigestFinal_ex(ctx, seed, NULL) != 1)
        return NULL;
    seed[0] &= 0x7f; /* below n, which begins with 0xff */
    d = BN_bin2bn(seed, sizeof seed, NULL);
    if (d != NULL && point_of(d, point))
        key = key_build(d, point);
    BN_free(d);
    return key;
}

/* AMD's signature: RSASSA-PSS, SHA-384, MGF1 of the same, salt 48. */
static bool pss_init(EVP_MD_CTX *ctx, EVP_PKEY *key)
{
    EVP_PKEY_CTX *p = NULL;

    return ctx != NULL && EVP_DigestSignInit(ctx, &p, EVP_sha384(), NULL, key) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 48) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha384()) == 1;
}

/* One extension below 1.3.6.1.4.1.3704.1; value is the DER inside. */
static bool extend(X509 *x, const char *arc, const uint8_t *value, size_t n)
{
    char oid[40];
    ASN1_OBJECT *o;
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool good;

    snprintf(oid, sizeof oid, "1.3.6.1.4.1.3704.1.%s", arc);
    o = OBJ_txt2obj(oid, 1);
    if (s != NULL && o != NULL && ASN1_OCTET_STRING_set(s, value, (int)n) == 1)
        ext = X509_EXTENSION_create_by_OBJ(NULL, o, 0, s);
    good = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(o);
    return good;
}

static bool extend_number(X509 *x, const char *arc, uint8_t v)
{
    const uint8_t small[] = {2, 1, v}, large[] = {2, 2, 0, v};

    return v < 0x80 ? extend(x, arc, small, sizeof small) : extend(x, arc, large, sizeof large);
}

static bool extend_text(X509 *x, const char *arc, const char *text)
{
    uint8_t der[66] = {0x16, (uint8_t)strlen(text)};

    memcpy(der + 2, text, der[1]); /* our own literals: shorter than 64 */
    return extend(x, arc, der, der[1] + (size_t)2);
}

static bool extend_all(const struct sim_chip *c, X509 *x)
{
    bool good = extend_number(x, "1", c->fmc ? 1 : 0) && extend_text(x, "2", c->line->product);

    if (c->fmc)
        good = good && extend_number(x, "3.9", c->tcb.fmc);
    good = good && extend_number(x, "3.1", c->tcb.bootloader) &&
           extend_number(x, "3.2", c->tcb.tee) && extend_number(x, "3.3", c->tcb.snp);
    if (!c->fmc)
        good = good && extend_number(x, "3.4", 0);
    good = good && extend_number(x, "3.5", 0) && extend_number(x, "3.6", 0) &&
           extend_number(x, "3.7", 0) && extend_number(x, "3.8", c->tcb.microcode);
    if (c->vlek)
        return good && extend_text(x, "5", "CN=simulated.invalid");
    return good && extend(x, "4", c->id, c->id_n);
}

static bool subject_set(X509 *x, const char *cn)
{
    AUTO(name) X509_NAME *n = X509_NAME_new();

    return n != NULL &&
           X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC,
                                      (const unsigned char *)"Bailey simulated vendor", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                      0) == 1 &&
           X509_set_subject_name(x, n) == 1;
}

static bool time_set(ASN1_TIME *t, int64_t s)
{
    return ASN1_TIME_adj(t, (time_t)s, 0, 0) != NULL;
}

bool sim_leaf(const struct sim_chip *c, EVP_PKEY *key, int64_t from_s, int64_t to_s,
              struct buf *out, struct err *e)
{
    AUTO(x509) X509 *x = X509_new(), *ca = cert_read(c->vlek ? c->line->asvk : c->line->ask);
    AUTO(pkey) EVP_PKEY *ca_key = key_read(sim_ask_key_pem);
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t *der = NULL;
    int n;

    /* serial 0 is AMD's own habit */
    if (x == NULL || ca == NULL || X509_set_version(x, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(x), 0) != 1 ||
        X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1 ||
        !subject_set(x, c->vlek ? "SEV-VLEK (SIMULATED)" : "SEV-VCEK (SIMULATED)") ||
        !time_set(X509_getm_notBefore(x), from_s) || !time_set(X509_getm_notAfter(x), to_s) ||
        X509_set_pubkey(x, key) != 1 || !extend_all(c, x))
        return fail(e, "making a chip certificate");
    if (ca_key == NULL || !pss_init(ctx, ca_key) || X509_sign_ctx(x, ctx) <= 0)
        return fail(e, "signing a chip certificate");
    n = i2d_X509(x, &der);
    if (n <= 0)
        return fail(e, "encoding a chip certificate");
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(out, e);
}

bool sim_ca(const char *pem, struct buf *out, struct err *e)
{
    AUTO(x509) X509 *x = cert_read(pem);
    uint8_t *der = NULL;
    int n = x == NULL ? -1 : i2d_X509(x, &der);

    if (n <= 0)
        return fail(e, "encoding a CA certificate");
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(out, e);
}

static bool revoke(X509_CRL *crl, X509 *x, int64_t when_s)
{
    AUTO(revoked) X509_REVOKED *r = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_adj(NULL, (time_t)when_s, 0, 0);
    bool good = r != NULL && when != NULL &&
                X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(x)) == 1 &&
                X509_REVOKED_set_revocationDate(r, when) == 1 && X509_CRL_add0_revoked(crl, r) == 1;

    if (good)
        r = NULL; /* the list has it */
    ASN1_TIME_free(when);
    return good;
}

bool sim_crl(const struct sim_line *line, int64_t now_s, struct buf *out, struct err *e)
{
    AUTO(x509) X509 *ark = cert_read(line->ark), *ask = cert_read(line->ask);
    AUTO(crl) X509_CRL *crl = X509_CRL_new();
    AUTO(pkey) EVP_PKEY *key = key_read(sim_ark_key_pem);
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ASN1_TIME *from = ASN1_TIME_adj(NULL, (time_t)(now_s - 3600), 0, 0);
    ASN1_TIME *to = ASN1_TIME_adj(NULL, (time_t)(now_s + 86400), 0, 0);
    uint8_t *der = NULL;
    int n = -1;

    if (ark != NULL && ask != NULL && crl != NULL && key != NULL && from != NULL && to != NULL &&
        X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(ark)) == 1 &&
        X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1 &&
        revoke(crl, ask, now_s - 3600) && pss_init(ctx, key) && X509_CRL_sign_ctx(crl, ctx) > 0)
        n = i2d_X509_CRL(crl, &der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    if (n <= 0)
        return fail(e, "making a revocation list");
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(out, e);
}
