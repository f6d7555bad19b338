#include "attest/cose.h"

#include <inttypes.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "attest/cbor.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(ecdsa_sig, ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(ec_group, EC_GROUP *, EC_GROUP_free)

#define HEADER_ALGORITHM 1
#define HEADER_KEY_ID 4
#define SIGNATURE_DER_MAX 160 /* two numbers of 66 bytes and their heads need 141 */

static const struct algorithm {
    int64_t id;
    const char *name, *group;
    int curve;
    size_t size; /* of r and of s */
    const EVP_MD *(*digest)(void);
} algorithms[] = {
    {COSE_ES256, "ES256", "prime256v1", NID_X9_62_prime256v1, 32, EVP_sha256},
    {COSE_ES384, "ES384", "secp384r1", NID_secp384r1, 48, EVP_sha384},
    {COSE_ES512, "ES512", "secp521r1", NID_secp521r1, 66, EVP_sha512},
};

static const struct algorithm *algorithm_find(int64_t id)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (algorithms[i].id == id)
            return &algorithms[i];
    return NULL;
}

const char *cose_algorithm_name(int64_t algorithm)
{
    const struct algorithm *a = algorithm_find(algorithm);

    return a == NULL ? "unknown" : a->name;
}

static bool header_bad(struct err *e, const char *field, const char *which, const char *what)
{
    return err_set(e, ERR_INPUT, "cose.header", "%s: %s header: %s", field, which, what),
           err_field(e, "%s.%s", field, which), err_found(e, "%s", what);
}

static bool protected_read(struct bytes in, const char *field, int64_t *algorithm, struct err *e)
{
    struct cbor c = {.all = in};
    struct cbor_list map;
    int64_t key = 0;

    if (!cbor_check_all(in, CBOR_DEFINITE, false, "protected", e) ||
        !cbor_enter(&c, CBOR_MAP, "protected", &map, e))
        return err_field(e, "%s", field);
    if (map.left != 1 || !cbor_int(&c, "protected", &key, NULL) || key != HEADER_ALGORITHM)
        return header_bad(e, field, "protected", "not the algorithm alone");
    if (!cbor_int(&c, "protected.alg", algorithm, e))
        return err_field(e, "%s", field);
    if (algorithm_find(*algorithm) == NULL)
        return err_set(e, ERR_INPUT, "cose.algorithm", "%s: unknown algorithm %" PRId64, field,
                       *algorithm),
               err_field(e, "%s.protected.alg", field), err_found(e, "%" PRId64, *algorithm),
               err_expected(e, "-7 (ES256), -35 (ES384) or -36 (ES512)");
    return true;
}

static bool unprotected_read(struct cbor *c, const char *field, struct err *e)
{
    struct cbor_list map;
    struct bytes id;

    if (!cbor_enter(c, CBOR_MAP, "unprotected", &map, e))
        return err_field(e, "%s", field);
    while (cbor_more(c, &map)) {
        int64_t key;

        if (!cbor_int(c, "unprotected", &key, NULL) || key != HEADER_KEY_ID)
            return header_bad(e, field, "unprotected", "something else than a key id");
        if (!cbor_bytes(c, "unprotected.kid", 0, 256, &id, e))
            return err_field(e, "%s", field);
    }
    return true;
}

bool cose_parse(struct bytes in, const char *field, struct cose_sign1 *out, struct err *e)
{
    struct cose_sign1 s = {0};
    struct cbor c = {.all = in};
    struct cbor_list array;

    s.tagged = cbor_tag_is(&c, COSE_TAG_SIGN1);
    if (!cbor_enter(&c, CBOR_ARRAY, field, &array, e))
        return false;
    if (array.open_ended || array.left != 4)
        return err_set(e, ERR_INPUT, "cose.shape", "%s: not an array of 4", field),
               err_field(e, "%s", field),
               err_expected(e, "COSE_Sign1: protected, unprotected, payload, signature");
    if (!cbor_bytes(&c, "protected", 1, 64, &s.protected_header, e))
        return err_field(e, "%s", field);
    if (!protected_read(s.protected_header, field, &s.algorithm, e) ||
        !unprotected_read(&c, field, e))
        return false;
    if (!cbor_bytes(&c, "payload", 1, in.n, &s.payload, e) ||
        !cbor_bytes(&c, "signature", 1, 132, &s.signature, e))
        return err_field(e, "%s", field);
    *out = s;
    return true;
}

static BIGNUM *scalar(struct bytes be, const EC_GROUP *group)
{
    BIGNUM *v = BN_bin2bn(be.p, (int)be.n, NULL);

    if (v != NULL && !BN_is_zero(v) && BN_cmp(v, EC_GROUP_get0_order(group)) < 0)
        return v;
    BN_free(v);
    return NULL;
}

/* The raw r and s as OpenSSL has them; the range is checked here, not left to the library. */
static bool signature_der(const struct cose_sign1 *s, const struct algorithm *a,
                          uint8_t der[SIGNATURE_DER_MAX], size_t *n)
{
    AUTO(ec_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(a->curve);
    AUTO(ecdsa_sig) ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *br, *bs;
    uint8_t *p = der;
    int size;

    if (group == NULL || sig == NULL || s->signature.n != 2 * a->size)
        return false;
    br = scalar((struct bytes){s->signature.p, a->size}, group);
    bs = scalar((struct bytes){s->signature.p + a->size, a->size}, group);
    if (br == NULL || bs == NULL || ECDSA_SIG_set0(sig, br, bs) != 1) {
        BN_free(br);
        BN_free(bs);
        return false;
    }
    size = i2d_ECDSA_SIG(sig, NULL);
    if (size <= 0 || size > SIGNATURE_DER_MAX || i2d_ECDSA_SIG(sig, &p) != size)
        return false;
    *n = (size_t)size;
    return true;
}

static bool key_check(const struct algorithm *a, EVP_PKEY *key, const char *field, const char *name,
                      struct err *e)
{
    char group[32] = "no elliptic curve";

    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        strcmp(group, a->group) == 0)
        return true;
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "cose.key", "%s: signed with %s, but %s is a key of %s", field,
                   a->name, name, group),
           err_field(e, "%s", field), err_found(e, "%s", group), err_expected(e, "%s", a->group);
}

/* The head of a byte string of n bytes. Returns its length. */
static size_t head_put(uint8_t out[9], size_t n)
{
    size_t width = n < 24 ? 0 : n <= 0xff ? 1 : n <= 0xffff ? 2 : 4;

    out[0] = (uint8_t)(CBOR_BYTES << 5 | (width == 0 ? n : width == 1 ? 24 : width == 2 ? 25 : 26));
    for (size_t i = 0; i < width; i++)
        out[1 + i] = (uint8_t)(n >> 8 * (width - 1 - i));
    return 1 + width;
}

static bool feed_string(EVP_MD_CTX *ctx, struct bytes b)
{
    uint8_t head[9];

    return EVP_DigestVerifyUpdate(ctx, head, head_put(head, b.n)) == 1 &&
           EVP_DigestVerifyUpdate(ctx, b.p, b.n) == 1;
}

/* Sig_structure: ["Signature1", protected, h'', payload], fed piece by piece and never built. */
static bool structure_feed(EVP_MD_CTX *ctx, const struct cose_sign1 *s)
{
    static const uint8_t begin[] = {0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1'};

    return EVP_DigestVerifyUpdate(ctx, begin, sizeof begin) == 1 &&
           feed_string(ctx, s->protected_header) && feed_string(ctx, (struct bytes){begin, 0}) &&
           feed_string(ctx, s->payload);
}

bool cose_verify(const struct cose_sign1 *s, EVP_PKEY *key, const char *field, const char *name,
                 struct err *e)
{
    const struct algorithm *a = algorithm_find(s->algorithm);
    AUTO(md_ctx) EVP_MD_CTX *ctx = NULL;
    uint8_t der[SIGNATURE_DER_MAX];
    size_t n = 0;

    BUG_ON(a == NULL); /* parsing lets no other through */
    if (!key_check(a, key, field, name, e))
        return false;
    if (s->signature.n != 2 * a->size)
        return err_set(e, ERR_INPUT, "cose.signature-range", "%s: signature of %zu bytes", field,
                       s->signature.n),
               err_field(e, "%s.signature", field), err_found(e, "%zu bytes", s->signature.n),
               err_expected(e, "%zu bytes", 2 * a->size);
    if (!signature_der(s, a, der, &n))
        return ERR_clear_error(),
               err_set(e, ERR_INPUT, "cose.signature-range", "%s: r or s is out of range", field),
               err_field(e, "%s.signature", field), err_expected(e, "1 to n-1 of %s", a->group);
    ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, a->digest(), NULL, key) != 1 ||
        !structure_feed(ctx, s))
        return ERR_clear_error(), err_set(e, ERR_NOMEM, "cose.signature", "cannot verify");
    if (EVP_DigestVerifyFinal(ctx, der, n) != 1)
        return ERR_clear_error(),
               err_set(e, ERR_INPUT, "cose.signature", "%s: the key of %s did not sign this", field,
                       name),
               err_field(e, "%s.signature", field);
    return true;
}
