#include "attest/cca_cpak.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "attest/ecdsa.h"
#include "base/cleanup.h"
#include "base/str.h"

DEFINE_CLEANUP(json_root, json_t *, json_decref)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)

#define JSON_NAME "cpak_trust_anchor.json"
#define HALF_MAX 48

static bool bad(struct err *e, const char *name, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "cca.cpak", "%s: %s", name, what), err_field(e, "%s", name),
           err_found(e, "%s", what), err_expected(e, "a public key on P-256 or P-384");
}

static int base64url_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Exactly n bytes of unpadded base64url (RFC 7515, section 2). */
static bool base64url(const char *text, uint8_t *out, size_t n)
{
    size_t length = strlen(text), at = 0;
    uint32_t bits = 0;
    unsigned have = 0;

    if (length != (n * 4 + 2) / 3)
        return false;
    for (size_t i = 0; i < length; i++) {
        int v = base64url_value(text[i]);

        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[at++] = (uint8_t)(bits >> have);
        }
    }
    return at == n && (bits & ((1u << have) - 1)) == 0;
}

static const char *member(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s == NULL ? "" : s;
}

static struct ecdsa_key *jwk_key(const json_t *jwk)
{
    bool p384 = strcmp(member(jwk, "crv"), "P-384") == 0;
    size_t half = p384 ? 48 : 32;
    uint8_t xy[2 * HALF_MAX];

    if (strcmp(member(jwk, "kty"), "EC") != 0 ||
        (!p384 && strcmp(member(jwk, "crv"), "P-256") != 0) ||
        !base64url(member(jwk, "x"), xy, half) || !base64url(member(jwk, "y"), xy + half, half))
        return NULL;
    return ecdsa_key_new(p384 ? ECDSA_P384 : ECDSA_P256, (struct bytes){xy, 2 * half});
}

/* *fits: the anchor names no id of that kind, or the token's. False: it is not hex of that size. */
static bool id_fits(const json_t *anchor, const char *key, struct bytes id, bool *fits)
{
    const json_t *value = json_object_get(anchor, key);
    uint8_t want[CCA_INSTANCE_SIZE];
    size_t n = 0;

    *fits = true;
    if (value == NULL)
        return true;
    if (!json_is_string(value) ||
        !hex_parse(json_string_value(value), want, sizeof want, &n, NULL) || n != id.n)
        return false;
    *fits = bytes_equal(id, (struct bytes){want, n});
    return true;
}

/* One anchor: *out stays NULL when it is another platform's. */
static bool anchor_read(const json_t *anchor, const struct cca_platform *p, struct ecdsa_key **out,
                        struct err *e)
{
    const json_t *jwk = json_object_get(anchor, "pkey");
    bool implementation, instance;

    if (!json_is_object(anchor) ||
        !id_fits(anchor, "implementation-id", p->implementation_id, &implementation) ||
        !id_fits(anchor, "instance-id", p->instance_id, &instance))
        return bad(e, JSON_NAME, "an anchor that is not one");
    if (!implementation || !instance)
        return true;
    *out = jwk_key(jwk == NULL ? anchor : jwk);
    return *out != NULL || bad(e, JSON_NAME, "a key that is none");
}

static bool json_find(struct bytes text, const struct cca_platform *p, struct ecdsa_key **out,
                      struct err *e)
{
    AUTO(json_root)
    json_t *root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(root, "keys"), *list = keys == NULL ? root : keys;

    if (root == NULL)
        return bad(e, JSON_NAME, "not JSON");
    if (!json_is_array(list))
        return anchor_read(list, p, out, e);
    if (json_array_size(list) > CCA_CPAK_ENTRIES)
        return bad(e, JSON_NAME, "too many anchors");
    for (size_t i = 0; i < json_array_size(list) && *out == NULL; i++)
        if (!anchor_read(json_array_get(list, i), p, out, e))
            return false;
    return true;
}

/* An anchor whoever's it is: its ids are of their sizes, its key is one. */
static bool anchor_check(const json_t *anchor, struct err *e)
{
    static const uint8_t zeros[CCA_INSTANCE_SIZE];
    const struct cca_platform any = {.implementation_id = {zeros, CCA_IMPLEMENTATION_SIZE},
                                     .instance_id = {zeros, CCA_INSTANCE_SIZE}};
    AUTO(ecdsa_key) struct ecdsa_key *key = NULL;
    const json_t *jwk = json_object_get(anchor, "pkey");

    if (!anchor_read(anchor, &any, &key, e))
        return false;
    if (key == NULL) /* it names another platform, so that its key was not looked at */
        key = jwk_key(jwk == NULL ? anchor : jwk);
    return key != NULL || bad(e, JSON_NAME, "a key that is none");
}

bool cca_cpak_check(struct bytes text, struct err *e)
{
    AUTO(json_root)
    json_t *root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(root, "keys"), *list = keys == NULL ? root : keys;

    if (root == NULL)
        return bad(e, JSON_NAME, "not JSON");
    if (!json_is_array(list))
        return anchor_check(list, e);
    if (json_array_size(list) == 0 || json_array_size(list) > CCA_CPAK_ENTRIES)
        return bad(e, JSON_NAME, "no anchors, or too many");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!anchor_check(json_array_get(list, i), e))
            return false;
    return true;
}

static bool spki_read(const char *name, struct bytes text, bool pem, struct ecdsa_key **out,
                      struct err *e)
{
    uint8_t *decoded = NULL;
    long n = 0;
    enum ecdsa_curve curve;
    struct bytes xy;

    if (pem) {
        AUTO(bio) BIO *b = BIO_new_mem_buf(text.p, (int)text.n);

        if (b == NULL ||
            PEM_bytes_read_bio(&decoded, &n, NULL, PEM_STRING_PUBLIC, b, NULL, NULL) != 1)
            return bad(e, name, "not a public key in PEM");
        text = (struct bytes){decoded, (size_t)n};
    }
    if (ecdsa_spki_read(text, &curve, &xy) && curve != ECDSA_P521)
        *out = ecdsa_key_new(curve, xy);
    OPENSSL_free(decoded);
    return *out != NULL || bad(e, name, "not such a key");
}

static bool file_find(const struct evidence_input *in, const struct cca_platform *p,
                      struct ecdsa_key **out, const char **name, struct err *e)
{
    static const char *const names[] = {JSON_NAME, "cpak.pem", "cpak.der"};
    const struct evidence_file *f = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && f == NULL; i++) {
        f = evidence_file(in, names[i]);
        *name = names[i];
        if (f != NULL)
            return i == 0 ? json_find(f->bytes, p, out, e)
                          : spki_read(names[i], f->bytes, i == 1, out, e);
    }
    return err_set(e, ERR_INPUT, "evidence.file-missing", JSON_NAME ": needed and not given"),
           err_field(e, JSON_NAME), err_expected(e, "the platform's CPAK"),
           err_mend(e, "get the CPAK of this platform from its maker and import it: bailey "
                       "collateral import " JSON_NAME);
}

static bool unknown(const struct cca_platform *p, const char *name, const char *what, struct err *e)
{
    char hex[2 * CCA_INSTANCE_SIZE + 1];

    hex_format(p->instance_id, hex);
    return err_set(e, ERR_INPUT, "anchor.unknown", "%s: %s", name, what), err_field(e, "%s", name),
           err_found(e, "instance-id %s", hex), err_expected(e, "an imported CPAK"),
           err_mend(e, "get the CPAK of this platform from its maker and import it: bailey "
                       "collateral import " JSON_NAME);
}

static const struct anchor *pinned(const struct evidence_options *o, const struct ecdsa_key *key)
{
    uint8_t spki[ECDSA_SPKI_MAX];

    return anchor_find(o->anchors, o->anchors_n, "cca-cpak", ecdsa_spki_write(key, spki));
}

bool cca_cpak_find(const struct evidence_input *in, const struct evidence_options *o,
                   const struct cca_platform *p, struct ecdsa_key **out, bool *simulated,
                   struct err *e)
{
    AUTO(ecdsa_key) struct ecdsa_key *key = NULL;
    const struct anchor *anchor;
    const char *name = JSON_NAME;

    if (!file_find(in, p, &key, &name, e))
        return false;
    if (key == NULL)
        return unknown(p, name, "has no key for this platform", e);
    anchor = pinned(o, key);
    if (anchor == NULL && !o->trust_files)
        return unknown(p, name, "not a CPAK that an operator imported", e);
    if (anchor != NULL && anchor->simulated && !o->allow_simulated &&
        !(o->trust_files && o->allow_debug))
        return err_set(e, ERR_INPUT, "evidence.simulated",
                       "signed with a key that everybody has: proves nothing about hardware"),
               err_field(e, "%s", name), err_found(e, "%s", anchor->name),
               err_expected(e, "a platform's own CPAK"),
               err_mend(e, "only for demonstrations: start the controller with --allow-simulated");
    evidence_passed(o, "anchor.unknown", name);
    *simulated = anchor != NULL && anchor->simulated;
    *out = STEAL(key);
    return true;
}
