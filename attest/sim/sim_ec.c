#include "attest/sim/sim_ec.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(ecdsa_sig, ECDSA_SIG *, ECDSA_SIG_free)

#define POINT_MAX 97 /* 0x04, X, Y */

static const struct {
    int nid;
    const char *name;
    size_t half;
    const EVP_MD *(*md)(void);
} curves[] = {
    [SIM_P256] = {NID_X9_62_prime256v1, "prime256v1", 32, EVP_sha256},
    [SIM_P384] = {NID_secp384r1, "secp384r1", 48, EVP_sha384},
};

/* The public point of a private number, uncompressed. */
static bool point_of(enum sim_curve curve, const BIGNUM *d, uint8_t out[POINT_MAX])
{
    size_t n = 1 + 2 * curves[curve].half;
    EC_GROUP *g = EC_GROUP_new_by_curve_name(curves[curve].nid);
    EC_POINT *q = g == NULL ? NULL : EC_POINT_new(g);
    bool good = q != NULL && EC_POINT_mul(g, q, d, NULL, NULL, NULL) == 1 &&
                EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, out, n, NULL) == n;

    EC_POINT_free(q);
    EC_GROUP_free(g);
    return good;
}

static EVP_PKEY *key_build(enum sim_curve curve, const BIGNUM *d, const uint8_t *point)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (b != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, curves[curve].name, 0) ==
            1 &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * curves[curve].half) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)
        params = OSSL_PARAM_BLD_to_param(b);
    if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *sim_ec_key_of(enum sim_curve curve, const uint8_t *number)
{
    BIGNUM *d = BN_bin2bn(number, (int)curves[curve].half, NULL);
    uint8_t point[POINT_MAX];
    EVP_PKEY *key = NULL;

    if (d != NULL && point_of(curve, d, point))
        key = key_build(curve, d, point);
    BN_free(d);
    return key;
}

EVP_PKEY *sim_ec_key(enum sim_curve curve, const char *purpose, struct bytes seed)
{
    uint8_t number[48];
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha384(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, purpose, strlen(purpose) + 1) != 1 ||
        EVP_DigestUpdate(ctx, seed.p, seed.n) != 1 || EVP_DigestFinal_ex(ctx, number, NULL) != 1)
        return NULL;
    number[0] &= 0x7f; /* below n of either curve, which begins with 0xff */
    return sim_ec_key_of(curve, number);
}

bool sim_ec_point(const EVP_PKEY *key, enum sim_curve curve, uint8_t *out)
{
    uint8_t point[POINT_MAX];
    size_t n = 0;

    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) !=
            1 ||
        n != 1 + 2 * curves[curve].half || point[0] != POINT_CONVERSION_UNCOMPRESSED)
        return false;
    memcpy(out, point + 1, n - 1);
    return true;
}

bool sim_ec_sign(EVP_PKEY *key, enum sim_curve curve, struct bytes in, uint8_t *out)
{
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    AUTO(ecdsa_sig) ECDSA_SIG *sig = NULL;
    int half = (int)curves[curve].half;
    uint8_t der[160];
    const uint8_t *p = der;
    size_t n = sizeof der;

    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, curves[curve].md(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, der, &n, in.p, in.n) != 1)
        return false;
    sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    return sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half) == half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half) == half;
}

bool sim_digest(const char *what, uint64_t n, const EVP_MD *md, uint8_t *out)
{
    uint8_t text[64] = {0};
    size_t len = strlen(what);

    BUG_ON(len > sizeof text - 8); /* our own literals */
    memcpy(text, what, len);
    for (size_t i = 0; i < 8; i++)
        text[len + i] = (uint8_t)(n >> 8 * i);
    return EVP_Digest(text, len + 8, out, NULL, md, NULL) == 1;
}
