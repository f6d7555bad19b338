#include "attest/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(pkey_ctx, EVP_PKEY_CTX *, EVP_PKEY_CTX_free)

#define SIZE_MAX_BYTES 66

/* The orders: SEC 2, 2.4.2, 2.5.1 and 2.6.1. */
static const struct curve {
    const char *group;
    size_t size;
    uint8_t order[SIZE_MAX_BYTES];
} curves[] = {
    [ECDSA_P256] = {"prime256v1", 32, {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                       0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51}},
    [ECDSA_P384] = {"secp384r1", 48, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37,
                                      0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a,
                                      0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73}},
    [ECDSA_P521] = {"secp521r1", 66, {0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f,
                                      0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0,
                                      0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f,
                                      0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09}},
};

size_t ecdsa_size(enum ecdsa_curve curve)
{
    return curves[curve].size;
}

bool ecdsa_key_is(EVP_PKEY *key, enum ecdsa_curve curve)
{
    char group[32] = "";

    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        strcmp(group, curves[curve].group) == 0)
        return true;
    ERR_clear_error();
    return false;
}

EVP_PKEY *ecdsa_key(enum ecdsa_curve curve, struct bytes xy)
{
    uint8_t point[1 + 2 * SIZE_MAX_BYTES] = {0x04}; /* uncompressed: SEC 1, 2.3.3 */
    char group[16];
    OSSL_PARAM parameters[3];
    AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *key = NULL;

    if (xy.n != 2 * curves[curve].size)
        return NULL;
    memcpy(point + 1, xy.p, xy.n);
    memcpy(group, curves[curve].group, strlen(curves[curve].group) + 1);
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    parameters[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + xy.n);
    parameters[2] = OSSL_PARAM_construct_end();
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        ERR_clear_error();
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static bool in_range(const uint8_t *v, const struct curve *c)
{
    return !bytes_zero((struct bytes){v, c->size}) && memcmp(v, c->order, c->size) < 0;
}

/* A DER INTEGER in its one right form; *at moves on. */
static void der_integer(const uint8_t *v, size_t n, uint8_t *out, size_t *at)
{
    bool pad;

    while (n > 1 && v[0] == 0) {
        v++;
        n--;
    }
    pad = v[0] >= 0x80;
    out[(*at)++] = 0x02;
    out[(*at)++] = (uint8_t)(n + pad);
    if (pad)
        out[(*at)++] = 0;
    memcpy(out + *at, v, n);
    *at += n;
}

static const EVP_MD *digest_of(enum ecdsa_curve curve)
{
    return curve == ECDSA_P256 ? EVP_sha256() : curve == ECDSA_P384 ? EVP_sha384() : EVP_sha512();
}

/* SEQUENCE of R and S. P-521's needs a length of two bytes. Returns where it begins in der. */
static const uint8_t *signature_der(const struct curve *c, struct bytes raw,
                                    uint8_t der[3 + 2 * (SIZE_MAX_BYTES + 3)], size_t *n)
{
    size_t end = 3;

    der_integer(raw.p, c->size, der, &end);
    der_integer(raw.p + c->size, c->size, der, &end);
    der[1] = 0x81;
    der[2] = (uint8_t)(end - 3);
    if (der[2] >= 0x80) {
        der[0] = 0x30;
        *n = end;
        return der;
    }
    der[1] = 0x30;
    *n = end - 1;
    return der + 1;
}

/* Apart from the signature: EVP_DigestVerify*() look their algorithms up anew each time, which
 * costs a tenth of a verification on P-256. */
static bool digest(const EVP_MD *md, const struct bytes *part, size_t parts,
                   uint8_t hash[EVP_MAX_MD_SIZE], unsigned *n)
{
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx == NULL || EVP_DigestInit_ex(ctx, md, NULL) != 1)
        return false;
    for (size_t i = 0; i < parts; i++)
        if (EVP_DigestUpdate(ctx, part[i].p, part[i].n) != 1)
            return false;
    return EVP_DigestFinal_ex(ctx, hash, n) == 1;
}

enum ecdsa_result ecdsa_verify_parts(EVP_PKEY *key, enum ecdsa_curve curve,
                                     const struct bytes *part, size_t parts, struct bytes signature)
{
    const struct curve *c = &curves[curve];
    uint8_t store[3 + 2 * (SIZE_MAX_BYTES + 3)];
    const uint8_t *der;
    size_t n;
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_n = 0;
    AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = NULL;

    if (!ecdsa_key_is(key, curve))
        return ECDSA_KEY;
    if (signature.n != 2 * c->size || !in_range(signature.p, c) ||
        !in_range(signature.p + c->size, c))
        return ECDSA_RANGE;
    der = signature_der(c, signature, store, &n);
    if (!digest(digest_of(curve), part, parts, hash, &hash_n))
        return ERR_clear_error(), ECDSA_NOMEM;
    ctx = EVP_PKEY_CTX_new(key, NULL);
    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1)
        return ERR_clear_error(), ECDSA_NOMEM;
    if (EVP_PKEY_verify(ctx, der, n, hash, hash_n) == 1)
        return ECDSA_GOOD;
    ERR_clear_error();
    return ECDSA_BAD;
}

enum ecdsa_result ecdsa_verify(EVP_PKEY *key, enum ecdsa_curve curve, struct bytes message,
                               struct bytes signature)
{
    return ecdsa_verify_parts(key, curve, &message, 1, signature);
}
