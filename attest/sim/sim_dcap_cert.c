#include "attest/sim/sim_dcap_cert.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#include "attest/sim/sim_der.h"
#include "attest/sim/sim_ec.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(crl, X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(revoked, X509_REVOKED *, X509_REVOKED_free)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(name, X509_NAME *, X509_NAME_free)
DEFINE_CLEANUP(time, ASN1_TIME *, ASN1_TIME_free)
DEFINE_CLEANUP(integer, ASN1_INTEGER *, ASN1_INTEGER_free)

#define OID_AUTHORITY_KEY "2.5.29.35"
#define OID_CRL_POINTS "2.5.29.31"
#define OID_SUBJECT_KEY "2.5.29.14"
#define OID_KEY_USAGE "2.5.29.15"
#define OID_CONSTRAINTS "2.5.29.19"
#define OID_CRL_NUMBER "2.5.29.20"
#define OID_SGX "1.2.840.113741.1.13.1"

static bool fail(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: %s failed", what);
}

static X509 *cert_read(const char *pem)
{
    AUTO(bio) BIO *b = BIO_new_mem_buf(pem, -1);

    return b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);
}

static bool pem_put(struct buf *out, X509 *x)
{
    AUTO(bio) BIO *b = BIO_new(BIO_s_mem());
    char *text = NULL;
    long n;

    if (b == NULL || x == NULL || PEM_write_bio_X509(b, x) != 1)
        return false;
    n = BIO_get_mem_data(b, &text);
    buf_put(out, text, n > 0 ? (size_t)n : 0);
    return n > 0;
}

static const struct sim_dcap_ca *issuer_of(const struct sim_pck *p)
{
    return p->processor_ca ? &sim_dcap_processor : &sim_dcap_platform;
}

EVP_PKEY *sim_pck_key(const struct sim_pck *p)
{
    uint8_t seed[8 + 16 + 2 + 6];

    for (size_t i = 0; i < 8; i++)
        seed[i] = (uint8_t)(p->chip >> 8 * i);
    memcpy(seed + 8, p->comps, 16);
    seed[24] = (uint8_t)p->pcesvn;
    seed[25] = (uint8_t)(p->pcesvn >> 8);
    memcpy(seed + 26, p->fmspc, 6);
    return sim_ec_key(SIM_P256, "bailey simulated PCK", BYTES_OF(seed));
}

/* SHA-1 of the public key's bits, as RFC 5280, 4.2.1.2 (1) has it. */
static bool key_id(X509 *x, uint8_t out[20])
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);

    return bits != NULL &&
           EVP_Digest(bits->data, (size_t)bits->length, out, NULL, EVP_sha1(), NULL) == 1;
}

static bool extend_authority(X509 *x, X509_CRL *crl, X509 *issuer)
{
    AUTO_BUF struct buf inner = {0}, der = {0};
    uint8_t id[20];

    if (!key_id(issuer, id))
        return false;
    sim_der(&inner, 0x80, BYTES_OF(id)); /* [0] keyIdentifier */
    sim_der(&der, DER_SEQUENCE, buf_bytes(&inner));
    return buf_ok(&der, NULL) &&
           (x != NULL ? sim_extend(x, OID_AUTHORITY_KEY, false, buf_bytes(&der))
                      : sim_extend_crl(crl, OID_AUTHORITY_KEY, buf_bytes(&der)));
}

static bool extend_crl_point(X509 *x, const char *uri)
{
    AUTO_BUF struct buf a = {0}, b = {0};

    sim_der(&a, 0x86, bytes_str(uri)); /* uniformResourceIdentifier */
    for (int depth = 0; depth < 4; depth++) {
        static const uint8_t tags[] = {0xa0, 0xa0, DER_SEQUENCE, DER_SEQUENCE};

        buf_clear(&b);
        sim_der(&b, tags[depth], buf_bytes(&a));
        buf_clear(&a);
        buf_put(&a, b.p, b.n);
    }
    return buf_ok(&a, NULL) && buf_ok(&b, NULL) &&
           sim_extend(x, OID_CRL_POINTS, false, buf_bytes(&a));
}

/* SEQUENCE { OID 1.2.840.113741.1.13.1.a[.b], value }; b 0: shorter OID. */
static void member(struct buf *out, uint8_t a, uint8_t b, struct bytes value)
{
    const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, a, b};
    AUTO_BUF struct buf in = {0};

    sim_der(&in, DER_OID, (struct bytes){oid, b == 0 ? sizeof oid - 1 : sizeof oid});
    buf_put(&in, value.p, value.n);
    sim_der(out, DER_SEQUENCE, buf_bytes(&in));
}

static void member_octets(struct buf *out, uint8_t a, uint8_t b, struct bytes octets)
{
    AUTO_BUF struct buf v = {0};

    sim_der(&v, DER_OCTET_STRING, octets);
    member(out, a, b, buf_bytes(&v));
}

static void member_number(struct buf *out, uint8_t a, uint8_t b, uint8_t tag, uint32_t n)
{
    AUTO_BUF struct buf v = {0};

    sim_der_number(&v, tag, n);
    member(out, a, b, buf_bytes(&v));
}

static void member_flag(struct buf *out, uint8_t a, uint8_t b, bool on)
{
    const uint8_t flag[] = {DER_BOOLEAN, 1, on ? 0xff : 0};

    member(out, a, b, BYTES_OF(flag));
}

static void tcb_put(struct buf *out, const struct sim_pck *p)
{
    AUTO_BUF struct buf in = {0}, seq = {0};

    for (uint8_t i = 0; i < 16; i++)
        member_number(&in, 2, (uint8_t)(i + 1), DER_INTEGER, p->comps[i]);
    member_number(&in, 2, 17, DER_INTEGER, p->pcesvn);
    member_octets(&in, 2, 18, BYTES_OF(p->comps));
    sim_der(&seq, DER_SEQUENCE, buf_bytes(&in));
    member(out, 2, 0, buf_bytes(&seq));
}

static bool extend_sgx(X509 *x, const struct sim_pck *p)
{
    static const uint8_t pceid[2] = {0};
    AUTO_BUF struct buf in = {0}, flags = {0}, seq = {0}, der = {0};
    uint8_t ppid[32], instance[32];

    if (!sim_digest("bailey simulated PPID", p->chip, EVP_sha256(), ppid) ||
        !sim_digest("bailey simulated instance", p->chip, EVP_sha256(), instance))
        return false;
    member_octets(&in, 1, 0, (struct bytes){ppid, 16});
    tcb_put(&in, p);
    member_octets(&in, 3, 0, BYTES_OF(pceid));
    member_octets(&in, 4, 0, BYTES_OF(p->fmspc));
    member_number(&in, 5, 0, DER_ENUMERATED, p->type);
    if (!p->processor_ca) {
        member_octets(&in, 6, 0, (struct bytes){instance, 16});
        member_flag(&flags, 7, 1, p->dynamic);
        member_flag(&flags, 7, 2, p->cached);
        member_flag(&flags, 7, 3, p->smt);
        sim_der(&seq, DER_SEQUENCE, buf_bytes(&flags));
        member(&in, 7, 0, buf_bytes(&seq));
    }
    sim_der(&der, DER_SEQUENCE, buf_bytes(&in));
    return buf_ok(&der, NULL) && sim_extend(x, OID_SGX, false, buf_bytes(&der));
}

static bool extend_leaf(X509 *x, X509 *issuer, const struct sim_pck *p)
{
    static const uint8_t usage[] = {DER_BIT_STRING, 2, 6, 0xc0}; /* signature, non-repudiation */
    static const uint8_t no_ca[] = {DER_SEQUENCE, 0};
    uint8_t id[22] = {DER_OCTET_STRING, 20};

    return key_id(x, id + 2) && extend_authority(x, NULL, issuer) &&
           extend_crl_point(x, "https://collateral.simulated.invalid/pck_crl.der") &&
           sim_extend(x, OID_SUBJECT_KEY, false, BYTES_OF(id)) &&
           sim_extend(x, OID_KEY_USAGE, true, BYTES_OF(usage)) &&
           sim_extend(x, OID_CONSTRAINTS, true, BYTES_OF(no_ca)) && extend_sgx(x, p);
}

/* 20 bytes that look random, as Intel's. */
static bool serial_of(const struct sim_pck *p, ASN1_INTEGER *out)
{
    AUTO(pkey) EVP_PKEY *key = sim_pck_key(p);
    uint8_t point[64], sum[32];
    BIGNUM *n;
    bool good;

    if (key == NULL || !sim_ec_point(key, SIM_P256, point) ||
        EVP_Digest(point, sizeof point, sum, NULL, EVP_sha256(), NULL) != 1)
        return false;
    sum[0] |= 0x40; /* never short */
    n = BN_bin2bn(sum, 20, NULL);
    good = n != NULL && BN_to_ASN1_INTEGER(n, out) != NULL;
    BN_free(n);
    return good;
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

static X509 *leaf_make(const struct sim_pck *p, X509 *issuer, EVP_PKEY *issuer_key)
{
    AUTO(x509) X509 *x = X509_new();
    AUTO(pkey) EVP_PKEY *key = sim_pck_key(p);

    if (x == NULL || key == NULL || issuer == NULL || issuer_key == NULL ||
        X509_set_version(x, X509_VERSION_3) != 1 || !serial_of(p, X509_get_serialNumber(x)) ||
        X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
        !subject_set(x, "Intel SGX PCK Certificate (SIMULATED)") ||
        ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)p->from_s, 0, 0) == NULL ||
        ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)p->to_s, 0, 0) == NULL ||
        X509_set_pubkey(x, key) != 1 || !extend_leaf(x, issuer, p) ||
        X509_sign(x, issuer_key, EVP_sha256()) <= 0)
        return NULL;
    return STEAL(x);
}

/* The same chain under a root that differs in its key only. */
static bool make_foreign(X509 *issuer, X509 *root)
{
    AUTO(pkey) EVP_PKEY *key = sim_ec_key(SIM_P256, "a root that nobody trusts", BYTES_LIT(""));

    return key != NULL && X509_set_pubkey(root, key) == 1 &&
           X509_sign(root, key, EVP_sha256()) > 0 && X509_sign(issuer, key, EVP_sha256()) > 0;
}

bool sim_pck_chain(const struct sim_pck *p, bool foreign, struct buf *out, struct err *e)
{
    AUTO(x509) X509 *root = cert_read(sim_dcap_root.cert);
    AUTO(x509) X509 *issuer = cert_read(issuer_of(p)->cert);
    AUTO(pkey) EVP_PKEY *issuer_key = sim_ec_key_of(SIM_P256, issuer_of(p)->key);
    AUTO(x509) X509 *leaf = leaf_make(p, issuer, issuer_key);

    if (root == NULL || leaf == NULL || (foreign && !make_foreign(issuer, root)) ||
        !pem_put(out, leaf) || !pem_put(out, issuer) || !pem_put(out, root))
        return fail(e, "making a PCK chain");
    return buf_ok(out, e);
}

static bool revoke(X509_CRL *crl, ASN1_INTEGER *serial, int64_t when_s)
{
    AUTO(revoked) X509_REVOKED *r = X509_REVOKED_new();
    AUTO(time) ASN1_TIME *when = ASN1_TIME_adj(NULL, (time_t)when_s, 0, 0);
    bool good = r != NULL && when != NULL && X509_REVOKED_set_serialNumber(r, serial) == 1 &&
                X509_REVOKED_set_revocationDate(r, when) == 1 && X509_CRL_add0_revoked(crl, r) == 1;

    if (good)
        r = NULL; /* the list has it */
    return good;
}

/* Lists of a few others' serials, as a real one, and serial when it is not NULL. */
static bool list_make(X509 *issuer, EVP_PKEY *key, const struct sim_list *l, ASN1_INTEGER *serial,
                      struct buf *out)
{
    static const uint8_t number[] = {DER_INTEGER, 1, 1};
    AUTO(crl) X509_CRL *crl = X509_CRL_new();
    AUTO(time) ASN1_TIME *from = ASN1_TIME_adj(NULL, (time_t)l->from_s, 0, 0);
    AUTO(time) ASN1_TIME *to = ASN1_TIME_adj(NULL, (time_t)l->to_s, 0, 0);
    uint8_t *der = NULL;
    int n;

    if (crl == NULL || from == NULL || to == NULL || issuer == NULL || key == NULL ||
        X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) != 1 ||
        X509_CRL_set1_lastUpdate(crl, from) != 1 || X509_CRL_set1_nextUpdate(crl, to) != 1 ||
        !sim_extend_crl(crl, OID_CRL_NUMBER, BYTES_OF(number)) ||
        !extend_authority(NULL, crl, issuer) ||
        (serial != NULL && !revoke(crl, serial, l->from_s)) ||
        X509_CRL_sign(crl, key, EVP_sha256()) <= 0)
        return false;
    n = i2d_X509_CRL(crl, &der);
    if (n > 0)
        buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return n > 0;
}

bool sim_pck_crl(const struct sim_pck *p, const struct sim_list *l, bool foreign, struct buf *out,
                 struct err *e)
{
    AUTO(x509) X509 *issuer = cert_read(issuer_of(p)->cert);
    AUTO(pkey)
    EVP_PKEY *key = foreign ? sim_ec_key(SIM_P256, "nobody's list", BYTES_LIT(""))
                            : sim_ec_key_of(SIM_P256, issuer_of(p)->key);
    AUTO(integer) ASN1_INTEGER *serial = ASN1_INTEGER_new();

    if (serial == NULL || !serial_of(p, serial) ||
        !list_make(issuer, key, l, l->revoked ? serial : NULL, out))
        return fail(e, "making the PCK revocation list");
    return buf_ok(out, e);
}

bool sim_root_crl(const struct sim_dcap_ca *ca, const struct sim_list *l, struct buf *out,
                  struct err *e)
{
    AUTO(x509) X509 *root = cert_read(sim_dcap_root.cert);
    AUTO(pkey) EVP_PKEY *key = sim_ec_key_of(SIM_P256, sim_dcap_root.key);
    AUTO(x509) X509 *named = cert_read(ca->cert);

    if (named == NULL ||
        !list_make(root, key, l, l->revoked ? X509_get_serialNumber(named) : NULL, out))
        return fail(e, "making the root's revocation list");
    return buf_ok(out, e);
}

bool sim_tcb_chain(struct buf *out, struct err *e)
{
    buf_puts(out, sim_dcap_tcb_signing.cert);
    buf_puts(out, sim_dcap_root.cert);
    return buf_ok(out, e);
}

bool sim_tcb_sign(struct bytes in, uint8_t out[64], struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = sim_ec_key_of(SIM_P256, sim_dcap_tcb_signing.key);

    return (key != NULL && sim_ec_sign(key, SIM_P256, in, out)) || fail(e, "signing collateral");
}
