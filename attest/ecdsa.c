#define OPENSSL_SUPPRESS_DEPRECATED /* EC_KEY and ECDSA_do_verify(): see ecdsa.h */

#include "attest/ecdsa.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

#include "attest/der.h"
#include "attest/sha.h"

#define SIZE_MAX_BYTES 66
#define CURVES 3

DEFINE_CLEANUP(ecdsa_sig, ECDSA_SIG *, ECDSA_SIG_free)

struct ecdsa_key {
    unsigned references;
    enum ecdsa_curve curve;
    EC_KEY *ec;
    uint8_t point[1 + 2 * SIZE_MAX_BYTES]; /* uncompressed: SEC 1, 2.3.3 */
};

/* The orders: SEC 2, 2.4.2, 2.5.1 and 2.6.1. */
static const struct curve {
    const char *group;
    int nid;
    enum sha sha;
    size_t size;
    struct bytes oid; /* of the curve, content only: RFC 5480, 2.1.1.1 */
    uint8_t order[SIZE_MAX_BYTES];
} curves[CURVES] = {
    [ECDSA_P256] = {"prime256v1",
                    NID_X9_62_prime256v1,
                    SHA_256,
                    32,
                    {(const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8},
                    {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                     0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51}},
    [ECDSA_P384] = {"secp384r1",
                    NID_secp384r1,
                    SHA_384,
                    48,
                    {(const uint8_t *)"\x2b\x81\x04\x00\x22", 5},
                    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2,
                     0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73}},
    [ECDSA_P521] = {"secp521r1",
                    NID_secp521r1,
                    SHA_512,
                    66,
                    {(const uint8_t *)"\x2b\x81\x04\x00\x23", 5},
                    {0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc,
                     0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89,
                     0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09}},
};

/* id-ecPublicKey: RFC 5480, 2.1.1 */
static const uint8_t ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

/* Made once and never changed: making a group costs as much as five keys. */
static EC_GROUP *groups[CURVES];
static CRYPTO_ONCE groups_once = CRYPTO_ONCE_STATIC_INIT;

static void groups_make(void)
{
    for (size_t i = 0; i < CURVES; i++)
        groups[i] = EC_GROUP_new_by_curve_name(curves[i].nid);
}

size_t ecdsa_size(enum ecdsa_curve curve)
{
    return curves[curve].size;
}

static bool point_set(struct ecdsa_key *key)
{
    (void)CRYPTO_THREAD_run_once(&groups_once, groups_make);
    key->ec = EC_KEY_new();
    return key->ec != NULL && groups[key->curve] != NULL &&
           EC_KEY_set_group(key->ec, groups[key->curve]) == 1 &&
           EC_KEY_oct2key(key->ec, key->point, 1 + 2 * curves[key->curve].size, NULL) == 1;
}

struct ecdsa_key *ecdsa_key_new(enum ecdsa_curve curve, struct bytes xy)
{
    struct ecdsa_key *key;

    if (xy.n != 2 * curves[curve].size)
        return NULL;
    key = calloc(1, sizeof *key);
    if (key == NULL)
        return NULL;
    key->references = 1;
    key->curve = curve;
    key->point[0] = 0x04;
    memcpy(key->point + 1, xy.p, xy.n);
    if (point_set(key))
        return key;
    ERR_clear_error();
    ecdsa_key_free(key);
    return NULL;
}

struct ecdsa_key *ecdsa_key_ref(struct ecdsa_key *key)
{
    key->references++;
    return key;
}

void ecdsa_key_free(struct ecdsa_key *key)
{
    if (key == NULL || --key->references > 0)
        return;
    EC_KEY_free(key->ec);
    free(key);
}

bool ecdsa_key_is(const struct ecdsa_key *key, enum ecdsa_curve curve)
{
    return key != NULL && key->curve == curve;
}

const char *ecdsa_key_group(const struct ecdsa_key *key)
{
    return key == NULL ? "no elliptic curve" : curves[key->curve].group;
}

bool ecdsa_spki_read(struct bytes spki, enum ecdsa_curve *curve, struct bytes *xy)
{
    struct bytes info, algorithm, oid, parameter, key;

    if (!der_only(spki, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &algorithm) ||
        !der_only(info, DER_BIT_STRING, &key) || !der_take(&algorithm, DER_OID, &oid) ||
        !bytes_equal(oid, BYTES_OF(ec_public_key)) || !der_only(algorithm, DER_OID, &parameter))
        return false;
    for (size_t i = 0; i < CURVES; i++) {
        /* no unused bits, and a point that is not compressed */
        if (!bytes_equal(parameter, curves[i].oid) || key.n != 2 + 2 * curves[i].size ||
            key.p[0] != 0 || key.p[1] != 0x04)
            continue;
        *curve = (enum ecdsa_curve)i;
        *xy = (struct bytes){key.p + 2, key.n - 2};
        return true;
    }
    return false;
}

/* An element of at most 255 bytes into the free bytes of out; the number of bytes written. */
static size_t put(uint8_t *out, uint8_t tag, size_t content)
{
    out[0] = tag;
    if (content < 0x80) {
        out[1] = (uint8_t)content;
        return 2;
    }
    out[1] = 0x81;
    out[2] = (uint8_t)content;
    return 3;
}

struct bytes ecdsa_spki_write(const struct ecdsa_key *key, uint8_t *out)
{
    const struct curve *c = &curves[key->curve];
    size_t point = 1 + 2 * c->size, algorithm = 2 + sizeof ec_public_key + 2 + c->oid.n;
    size_t string = 1 + point, at;

    at = put(out, DER_SEQUENCE, 2 + algorithm + (string < 0x80 ? 2 : 3) + string);
    at += put(out + at, DER_SEQUENCE, algorithm);
    at += put(out + at, DER_OID, sizeof ec_public_key);
    memcpy(out + at, ec_public_key, sizeof ec_public_key);
    at += sizeof ec_public_key;
    at += put(out + at, DER_OID, c->oid.n);
    memcpy(out + at, c->oid.p, c->oid.n);
    at += c->oid.n;
    at += put(out + at, DER_BIT_STRING, string);
    out[at++] = 0; /* no unused bits */
    memcpy(out + at, key->point, point);
    return (struct bytes){out, at + point};
}

bool ecdsa_signature_read(enum ecdsa_curve curve, struct bytes der, uint8_t *out)
{
    size_t size = curves[curve].size;
    struct bytes list, number;

    memset(out, 0, 2 * size);
    if (!der_only(der, DER_SEQUENCE, &list))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        if (!der_take(&list, DER_INTEGER, &number) || !der_magnitude(number, &number) ||
            number.n > size)
            return false;
        memcpy(out + (i + 1) * size - number.n, number.p, number.n);
    }
    return list.n == 0;
}

static bool in_range(const uint8_t *v, const struct curve *c)
{
    return !bytes_zero((struct bytes){v, c->size}) && memcmp(v, c->order, c->size) < 0;
}

enum ecdsa_result ecdsa_verify_parts(struct ecdsa_key *key, enum ecdsa_curve curve,
                                     const struct bytes *part, size_t parts, struct bytes signature)
{
    const struct curve *c = &curves[curve];
    AUTO(ecdsa_sig) ECDSA_SIG *sig = NULL;
    uint8_t hash[SHA_MAX];
    BIGNUM *r, *s;
    int good;

    if (!ecdsa_key_is(key, curve))
        return ECDSA_KEY;
    if (signature.n != 2 * c->size || !in_range(signature.p, c) ||
        !in_range(signature.p + c->size, c))
        return ECDSA_RANGE;
    sha(c->sha, part, parts, hash);
    sig = ECDSA_SIG_new();
    r = BN_bin2bn(signature.p, (int)c->size, NULL);
    s = BN_bin2bn(signature.p + c->size, (int)c->size, NULL);
    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return ERR_clear_error(), ECDSA_NOMEM;
    }
    good = ECDSA_do_verify(hash, (int)sha_size(c->sha), sig, key->ec);
    if (good == 1)
        return ECDSA_GOOD;
    ERR_clear_error();
    return ECDSA_BAD;
}

enum ecdsa_result ecdsa_verify(struct ecdsa_key *key, enum ecdsa_curve curve, struct bytes message,
                               struct bytes signature)
{
    return ecdsa_verify_parts(key, curve, &message, 1, signature);
}
