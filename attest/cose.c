#include "attest/cose.h"

#include <inttypes.h>

#include "attest/cbor.h"
#include "attest/ecdsa.h"

#define HEADER_ALGORITHM 1
#define HEADER_KEY_ID 4

static const struct algorithm {
    int64_t id;
    const char *name, *group;
    enum ecdsa_curve curve;
} algorithms[] = {
    {COSE_ES256, "ES256", "prime256v1", ECDSA_P256},
    {COSE_ES384, "ES384", "secp384r1", ECDSA_P384},
    {COSE_ES512, "ES512", "secp521r1", ECDSA_P521},
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

static bool key_bad(const struct algorithm *a, const struct ecdsa_key *key, const char *field,
                    const char *name, struct err *e)
{
    const char *group = ecdsa_key_group(key);

    return err_set(e, ERR_INPUT, "cose.key", "%s: signed with %s, but %s is a key of %s", field,
                   a->name, name, group),
           err_field(e, "%s", field), err_found(e, "%s", group), err_expected(e, "%s", a->group);
}

/* The head of a byte string. */
static struct bytes head_put(uint8_t out[9], size_t n)
{
    size_t width = n < 24 ? 0 : n <= 0xff ? 1 : n <= 0xffff ? 2 : 4;
    size_t info = width == 0 ? n : width == 1 ? 24 : width == 2 ? 25 : 26;

    out[0] = (uint8_t)(CBOR_BYTES << 5 | info);
    for (size_t i = 0; i < width; i++)
        out[1 + i] = (uint8_t)(n >> 8 * (width - 1 - i));
    return (struct bytes){out, 1 + width};
}

bool cose_verify(const struct cose_sign1 *s, struct ecdsa_key *key, const char *field,
                 const char *name, struct err *e)
{
    static const uint8_t begin[] = {0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1'};
    static const uint8_t no_external_data[] = {0x40};
    const struct algorithm *a = algorithm_find(s->algorithm);
    uint8_t head[2][9];
    /* Sig_structure, in pieces: ["Signature1", protected, h'', payload] */
    const struct bytes part[] = {
        BYTES_OF(begin),
        head_put(head[0], s->protected_header.n),
        s->protected_header,
        BYTES_OF(no_external_data),
        head_put(head[1], s->payload.n),
        s->payload,
    };

    BUG_ON(a == NULL); /* parsing lets no other through */
    switch (ecdsa_verify_parts(key, a->curve, part, sizeof part / sizeof part[0], s->signature)) {
    case ECDSA_GOOD:
        return true;
    case ECDSA_KEY:
        return key_bad(a, key, field, name, e);
    case ECDSA_RANGE:
        return err_set(e, ERR_INPUT, "cose.signature-range",
                       "%s: r or s is out of range, or not as long as it should be", field),
               err_field(e, "%s.signature", field), err_found(e, "%zu bytes", s->signature.n),
               err_expected(e, "two numbers of %zu bytes from 1 to n-1 of %s", ecdsa_size(a->curve),
                            a->group);
    case ECDSA_NOMEM:
        return err_set(e, ERR_NOMEM, "cose.signature", "cannot verify");
    case ECDSA_BAD:
        break;
    }
    return err_set(e, ERR_INPUT, "cose.signature", "%s: the key of %s did not sign this", field,
                   name),
           err_field(e, "%s.signature", field);
}
