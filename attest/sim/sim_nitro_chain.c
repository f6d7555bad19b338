/* The simulated AWS root. EVERYBODY CAN COMPUTE ITS PRIVATE KEY (sim_ec_key() of "root" below):
 * what it signs proves nothing, and verifiers accept it only when told to, marked as simulated.
 * Made once with openssl, names and extensions as in AWS's own root, valid 1970 to 2099 so that
 * simulations may run at any time. SHA-256 of its DER:
 * 54c1a847eb7aca55025afd3c5a3203954f6aa2ca103f573957a2662eeb395957. */
#include "attest/sim/sim_nitro_chain.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)

#define HOUR_S 3600
#define DAY_S 86400

/* clang-format off */
static const char root_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIICTzCCAdWgAwIBAgIUI8NiDnYI8A5yG2/MiiOFkb0PflQwCgYIKoZIzj0EAwMw\n"
    "ZjELMAkGA1UEBhMCVVMxIDAeBgNVBAoMF0JhaWxleSBzaW11bGF0ZWQgdmVuZG9y\n"
    "MQwwCgYDVQQLDANBV1MxJzAlBgNVBAMMHmF3cy5uaXRyby1lbmNsYXZlcyAoU0lN\n"
    "VUxBVEVEKTAgFw03MDAxMDEwMDAwMDBaGA8yMDk5MTIzMTIzNTk1OVowZjELMAkG\n"
    "A1UEBhMCVVMxIDAeBgNVBAoMF0JhaWxleSBzaW11bGF0ZWQgdmVuZG9yMQwwCgYD\n"
    "VQQLDANBV1MxJzAlBgNVBAMMHmF3cy5uaXRyby1lbmNsYXZlcyAoU0lNVUxBVEVE\n"
    "KTB2MBAGByqGSM49AgEGBSuBBAAiA2IABMnXh/BVUdiYj88gbk9fKI66rlX/7d6C\n"
    "uFBbKkvqejLNm7hGVhjRKkG1UJ1ytqD88rqOhNsesXzlycLAQUMCnrxQF7uBOZEm\n"
    "M6jyQGkeSm7aYfTLf5nIEbeHu0j42CtcX6NCMEAwDwYDVR0TAQH/BAUwAwEB/zAd\n"
    "BgNVHQ4EFgQUYdobePkYHNgMbdl8RazDO+yemUYwDgYDVR0PAQH/BAQDAgGGMAoG\n"
    "CCqGSM49BAMDA2gAMGUCMB2J2IEIkETzoar+dxWhtoa275fqHO61OfPODaOn13Cq\n"
    "+VOhacnd267sgpORIIp2PQIxAIxcNyF7ClOMfzaEYhK61fsJjK2RB62plCJj/Rjo\n"
    "Ui/IEBbaZ2ZDz+Fiae3L4jC0uQ==\n"
    "-----END CERTIFICATE-----\n";
/* clang-format on */

enum link { ROOT, REGION, ZONE, INSTANCE, ENCLAVE };

/* What the certificates of the real chain say, observed in public documents. */
static const struct link_shape {
    const char *purpose; /* of the key's seed */
    const char *constraints, *usage;
    int64_t from_s, to_s; /* around now */
} shapes[SIM_NITRO_LINKS] = {
    [ROOT] = {"bailey-sim-nitro-root", "critical,CA:TRUE",
              "critical,digitalSignature,keyCertSign,cRLSign", -365 * DAY_S, 365 * DAY_S},
    [REGION] = {"bailey-sim-nitro-region", "critical,CA:TRUE,pathlen:2",
                "critical,digitalSignature,keyCertSign,cRLSign", -4 * DAY_S, 16 * DAY_S},
    [ZONE] = {"bailey-sim-nitro-zone", "critical,CA:TRUE,pathlen:1",
              "critical,digitalSignature,keyCertSign,cRLSign", -10 * HOUR_S, 5 * DAY_S},
    [INSTANCE] = {"bailey-sim-nitro-instance", "critical,CA:TRUE,pathlen:0", "critical,keyCertSign",
                  -3 * HOUR_S, 21 * HOUR_S},
    [ENCLAVE] = {"bailey-sim-nitro-enclave", "critical,CA:FALSE", "digitalSignature,nonRepudiation",
                 -60, 3 * HOUR_S - 57},
};

static bool fail(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: %s failed", what);
}

static X509 *root_read(void)
{
    AUTO(bio) BIO *b = BIO_new_mem_buf(root_pem, -1);

    return b == NULL ? NULL : PEM_read_bio_X509(b, NULL, NULL, NULL);
}

static bool name_add(X509_NAME *n, const char *type, const char *text)
{
    return X509_NAME_add_entry_by_txt(n, type, MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

static bool subject_set(X509 *x, const char *cn)
{
    X509_NAME *n = X509_get_subject_name(x); /* x's own */

    return name_add(n, "C", "US") && name_add(n, "O", "Bailey simulated vendor") &&
           name_add(n, "OU", "AWS") && name_add(n, "CN", cn);
}

static bool extend(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool good = ext != NULL && X509_add_ext(x, ext, -1) == 1;

    X509_EXTENSION_free(ext);
    return good;
}

static bool extend_all(X509 *x, X509 *issuer, const struct link_shape *s)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    return extend(x, &ctx, NID_basic_constraints, s->constraints) &&
           extend(x, &ctx, NID_key_usage, s->usage) &&
           extend(x, &ctx, NID_subject_key_identifier, "hash") &&
           (issuer == x || extend(x, &ctx, NID_authority_key_identifier, "keyid"));
}

static bool serial_set(X509 *x, const char *cn, int64_t now_s)
{
    uint8_t sum[32];
    BIGNUM *n = NULL;
    bool good;

    if (strlen(cn) > 56)
        cn += strlen(cn) - 56; /* what sim_digest() takes */
    if (!sim_digest(cn, (uint64_t)now_s, EVP_sha256(), sum))
        return false;
    sum[0] &= 0x7f;
    n = BN_bin2bn(sum, 16, NULL);
    good = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return good;
}

/* A certificate of that shape; issuer NULL: signed by its own key. */
static X509 *cert_make(const struct link_shape *s, const char *cn, int64_t now_s, EVP_PKEY *key,
                       X509 *issuer, EVP_PKEY *issuer_key)
{
    AUTO(x509) X509 *x = X509_new();

    if (x == NULL || X509_set_version(x, X509_VERSION_3) != 1 || !serial_set(x, cn, now_s) ||
        !subject_set(x, cn) ||
        X509_set_issuer_name(x, X509_get_subject_name(issuer == NULL ? x : issuer)) != 1 ||
        ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)(now_s + s->from_s), 0, 0) == NULL ||
        ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)(now_s + s->to_s), 0, 0) == NULL ||
        X509_set_pubkey(x, key) != 1 || !extend_all(x, issuer == NULL ? x : issuer, s) ||
        X509_sign(x, issuer_key, EVP_sha384()) <= 0)
        return NULL;
    return STEAL(x);
}

static bool der_put(X509 *x, struct buf *out, struct err *e)
{
    uint8_t *der = NULL;
    int n = i2d_X509(x, &der);

    if (n <= 0)
        return fail(e, "encoding a certificate");
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(out, e);
}

static struct link_shape shape_of(enum link link, enum sim_nitro_defect defect)
{
    struct link_shape s = shapes[link];

    if (link == ENCLAVE && defect == SIM_NITRO_EXPIRED) {
        s.from_s = -4 * HOUR_S;
        s.to_s = -HOUR_S;
    }
    if (link == ENCLAVE && defect == SIM_NITRO_LEAF_IS_CA)
        s.constraints = "critical,CA:TRUE";
    if (link == INSTANCE && defect == SIM_NITRO_NOT_A_CA)
        s.constraints = "critical,CA:FALSE";
    if (link == REGION && defect == SIM_NITRO_LONG_CHAIN)
        s.constraints = "critical,CA:TRUE,pathlen:1";
    return s;
}

/* The root of a link chain: the pinned one, or for one defect a stranger of the same name. */
static X509 *root_make(enum sim_nitro_defect defect, int64_t now_s, EVP_PKEY *key)
{
    if (defect != SIM_NITRO_FOREIGN_ROOT)
        return root_read();
    return cert_make(&shapes[ROOT], "aws.nitro-enclaves (SIMULATED)", now_s, key, NULL, key);
}

bool sim_nitro_chain(const char *instance, const char *module, uint64_t chip,
                     enum sim_nitro_defect defect, int64_t now_s, struct sim_nitro_chain *out,
                     struct err *e)
{
    AUTO(x509) X509 *issuer = NULL;
    AUTO(pkey)
    EVP_PKEY *issuer_key = sim_ec_key(SIM_P384, shapes[ROOT].purpose, (struct bytes){NULL, 0});
    AUTO(pkey)
    EVP_PKEY *other = sim_ec_key(SIM_P384, "bailey-sim-nitro-stranger",
                                 ((struct bytes){(const uint8_t *)&chip, sizeof chip}));
    char cn[SIM_NITRO_LINKS][80];

    snprintf(cn[REGION], sizeof cn[0], "5100000000000001.us-east-1.aws.nitro-enclaves");
    snprintf(cn[ZONE], sizeof cn[0], "5200000000000002.zonal.us-east-1.aws.nitro-enclaves");
    snprintf(cn[INSTANCE], sizeof cn[0], "%.40s.us-east-1.aws.nitro-enclaves", instance);
    snprintf(cn[ENCLAVE], sizeof cn[0], "%.46s.us-east-1.aws", module);
    if (issuer_key == NULL || other == NULL)
        return fail(e, "making a key");
    issuer = root_make(defect, now_s, issuer_key);
    if (issuer == NULL || !der_put(issuer, &out->der[ROOT], e))
        return fail(e, "making a root");
    for (enum link l = REGION; l <= ENCLAVE; l++) {
        struct link_shape s = shape_of(l, defect);
        AUTO(pkey)
        EVP_PKEY *key =
            sim_ec_key(SIM_P384, s.purpose, ((struct bytes){(const uint8_t *)&chip, sizeof chip}));
        bool broken = l == ZONE && defect == SIM_NITRO_BROKEN_CHAIN;
        AUTO(x509) X509 *x = NULL;

        if (key != NULL)
            x = cert_make(&s, cn[l], now_s, key, issuer, broken ? other : issuer_key);
        if (x == NULL || !der_put(x, &out->der[l], e))
            return fail(e, "making a certificate");
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
        issuer = STEAL(x);
        issuer_key = STEAL(key);
    }
    out->key = STEAL(issuer_key);
    return true;
}

void sim_nitro_chain_fini(struct sim_nitro_chain *c)
{
    for (unsigned i = 0; i < SIM_NITRO_LINKS; i++)
        buf_fini(&c->der[i]);
    EVP_PKEY_free(c->key);
    c->key = NULL;
}
