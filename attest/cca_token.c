#include "attest/cca_token.h"

#include <inttypes.h>
#include <stdio.h>

#include "attest/cbor.h"
#include "base/str.h"

#define TAG_COLLECTION 399
#define KEY_PLATFORM 44234
#define KEY_REALM 44241
#define TEXT_MAX 512

enum claim {
    CLAIM_CHALLENGE = 10,
    CLAIM_INSTANCE_ID = 256,
    CLAIM_PROFILE = 265,
    CLAIM_LIFECYCLE = 2395,
    CLAIM_IMPLEMENTATION_ID = 2396,
    CLAIM_COMPONENTS = 2399,
    CLAIM_VERIFICATION_SERVICE = 2400,
    CLAIM_CONFIG = 2401,
    CLAIM_PLATFORM_HASH = 2402,
    CLAIM_PERSONALIZATION = 44235,
    CLAIM_REALM_HASH = 44236,
    CLAIM_RAK = 44237,
    CLAIM_MEASUREMENT = 44238,
    CLAIM_EXTENSIBLE = 44239,
    CLAIM_RAK_HASH = 44240,
};

enum part {
    PART_TYPE = 1,
    PART_MEASUREMENT = 2,
    PART_VERSION = 4,
    PART_SIGNER = 5,
    PART_HASH = 6,
};

/* A digest of SHA-256, SHA-384 or SHA-512. */
static bool digest_read(struct cbor *c, const char *field, struct bytes *out, struct err *e)
{
    if (!cbor_bytes(c, field, 32, 64, out, e))
        return false;
    if (out->n == 32 || out->n == 48 || out->n == 64)
        return true;
    return err_set(e, ERR_INPUT, "cbor.size", "%s: %zu bytes", field, out->n),
           err_field(e, "%s", field), err_found(e, "%zu bytes", out->n),
           err_expected(e, "32, 48 or 64 bytes");
}

static bool word_bad(struct err *e, const char *reason, const char *field, struct bytes got,
                     const char *want)
{
    char shown[64];

    str_printable(got, shown, sizeof shown);
    return err_set(e, ERR_INPUT, reason, "%s: got \"%s\"", field, shown), err_field(e, "%s", field),
           err_found(e, "%s", shown), err_expected(e, "%s", want);
}

static bool hash_read(struct cbor *c, const char *field, struct bytes *out, struct err *e)
{
    if (!cbor_text(c, field, 1, TEXT_MAX, out, e))
        return false;
    if (bytes_equal(*out, BYTES_LIT("sha-256")) || bytes_equal(*out, BYTES_LIT("sha-384")) ||
        bytes_equal(*out, BYTES_LIT("sha-512")))
        return true;
    return word_bad(e, "cca.hash-algorithm", field, *out, "sha-256, sha-384 or sha-512");
}

static bool profile_read(struct cbor *c, const char *field, const char *a, const char *b,
                         struct bytes *out, struct err *e)
{
    if (!cbor_text(c, field, 1, TEXT_MAX, out, e))
        return false;
    if (bytes_equal(*out, bytes_str(a)) || bytes_equal(*out, bytes_str(b)))
        return true;
    return word_bad(e, "cca.profile", field, *out, b);
}

static bool missing(struct err *e, const char *field)
{
    return err_set(e, ERR_INPUT, "cca.missing-claim", "%s: missing", field),
           err_field(e, "%s", field);
}

static bool part_read(struct cbor *c, int64_t key, struct cca_component *p, struct err *e)
{
    switch (key) {
    case PART_TYPE:
        return cbor_text(c, "components.type", 1, TEXT_MAX, &p->type, e);
    case PART_MEASUREMENT:
        return digest_read(c, "components.measurement", &p->measurement, e);
    case PART_VERSION:
        return cbor_text(c, "components.version", 1, TEXT_MAX, &p->version, e);
    case PART_SIGNER:
        return digest_read(c, "components.signer", &p->signer, e);
    case PART_HASH:
        return hash_read(c, "components.hash", &p->hash, e);
    default:
        return cbor_skip(c, "components", e);
    }
}

/* A key that may also be a text, which no claim here has. */
static bool key_read(struct cbor *c, const char *field, int64_t *out, struct err *e)
{
    struct bytes text;

    *out = INT64_MIN;
    return cbor_int(c, field, out, NULL) || cbor_text(c, field, 0, c->all.n, &text, e);
}

static bool component_read(struct cbor *c, struct cca_component *p, struct err *e)
{
    struct cbor_list map;

    if (!cbor_enter(c, CBOR_MAP, "components", &map, e))
        return false;
    while (cbor_more(c, &map)) {
        int64_t key;

        if (!key_read(c, "components", &key, e) || !part_read(c, key, p, e))
            return false;
    }
    if (p->measurement.n == 0)
        return missing(e, "components.measurement");
    return p->signer.n > 0 || missing(e, "components.signer");
}

static bool components_read(struct cbor *c, struct cca_platform *p, struct err *e)
{
    struct cbor_list array;

    if (!cbor_enter(c, CBOR_ARRAY, "components", &array, e))
        return false;
    if (array.left == 0 || array.left > CCA_COMPONENTS)
        return err_set(e, ERR_INPUT, "cca.components", "components: %" PRIu64 " of them",
                       array.left),
               err_field(e, "components"), err_found(e, "%" PRIu64, array.left),
               err_expected(e, "1 to %d", CCA_COMPONENTS);
    while (cbor_more(c, &array))
        if (!component_read(c, &p->component[p->components_n++], e))
            return false;
    return true;
}

/* Arm's life cycle states: each of 0x?000 to 0x?0ff, ? from 0 to 6. */
static bool lifecycle_read(struct cbor *c, uint16_t *out, struct err *e)
{
    uint64_t v;

    if (!cbor_uint(c, "lifecycle", &v, e))
        return false;
    if (v > 0x60ff || (v & 0xf00) != 0)
        return err_set(e, ERR_INPUT, "cca.lifecycle", "lifecycle: no state 0x%" PRIx64, v),
               err_field(e, "lifecycle"), err_found(e, "0x%" PRIx64, v),
               err_expected(e, "0x3000 to 0x30ff (secured)");
    *out = (uint16_t)v;
    return true;
}

static bool instance_read(struct cbor *c, struct bytes *out, struct err *e)
{
    if (!cbor_bytes(c, "instance-id", CCA_INSTANCE_SIZE, CCA_INSTANCE_SIZE, out, e))
        return false;
    if (out->p[0] == 1)
        return true;
    return err_set(e, ERR_INPUT, "cca.instance-id", "instance-id: not of kind RAND"),
           err_field(e, "instance-id"), err_found(e, "0x%02x first", out->p[0]),
           err_expected(e, "0x01 first");
}

static bool platform_claim(struct cbor *c, int64_t key, struct cca_platform *p, struct err *e)
{
    switch (key) {
    case CLAIM_PROFILE:
        return profile_read(c, "profile", "http://arm.com/CCA-SSD/1.0.0",
                            "tag:arm.com,2023:cca_platform#1.0.0", &p->profile, e);
    case CLAIM_CHALLENGE:
        return digest_read(c, "platform.challenge", &p->challenge, e);
    case CLAIM_IMPLEMENTATION_ID:
        return cbor_bytes(c, "implementation-id", CCA_IMPLEMENTATION_SIZE, CCA_IMPLEMENTATION_SIZE,
                          &p->implementation_id, e);
    case CLAIM_INSTANCE_ID:
        return instance_read(c, &p->instance_id, e);
    case CLAIM_CONFIG:
        return cbor_bytes(c, "config", 1, c->all.n, &p->config, e);
    case CLAIM_LIFECYCLE:
        return lifecycle_read(c, &p->lifecycle, e);
    case CLAIM_COMPONENTS:
        return components_read(c, p, e);
    case CLAIM_VERIFICATION_SERVICE:
        return cbor_text(c, "verification-service", 1, TEXT_MAX, &p->verification_service, e);
    case CLAIM_PLATFORM_HASH:
        return hash_read(c, "platform.hash-algorithm", &p->hash_algorithm, e);
    default:
        return cbor_skip(c, "platform", e);
    }
}

bool cca_platform_parse(struct bytes claims, struct cca_platform *out, struct err *e)
{
    struct cca_platform p = {0};
    struct cbor c = {.all = claims};
    struct cbor_list map;
    bool lifecycle = false;

    if (!cbor_check_all(claims, CBOR_DEFINITE, false, "platform", e) ||
        !cbor_enter(&c, CBOR_MAP, "platform", &map, e))
        return false;
    while (cbor_more(&c, &map)) {
        int64_t key;

        if (!key_read(&c, "platform", &key, e) || !platform_claim(&c, key, &p, e))
            return false;
        lifecycle = lifecycle || key == CLAIM_LIFECYCLE;
    }
    if (p.profile.n == 0)
        return missing(e, "profile");
    if (p.challenge.n == 0)
        return missing(e, "platform.challenge");
    if (p.implementation_id.n == 0)
        return missing(e, "implementation-id");
    if (p.instance_id.n == 0)
        return missing(e, "instance-id");
    if (p.config.n == 0)
        return missing(e, "config");
    if (!lifecycle)
        return missing(e, "lifecycle");
    if (p.components_n == 0)
        return missing(e, "components");
    if (p.hash_algorithm.n == 0)
        return missing(e, "platform.hash-algorithm");
    *out = p;
    return true;
}

static bool extensible_read(struct cbor *c, struct cca_realm *r, struct err *e)
{
    struct cbor_list array;

    if (!cbor_enter(c, CBOR_ARRAY, "extensible-measurements", &array, e))
        return false;
    if (array.left != CCA_EXTENSIBLE)
        return err_set(e, ERR_INPUT, "cbor.size", "extensible-measurements: %" PRIu64 " of them",
                       array.left),
               err_field(e, "extensible-measurements"), err_found(e, "%" PRIu64, array.left),
               err_expected(e, "%d", CCA_EXTENSIBLE);
    for (unsigned i = 0; cbor_more(c, &array); i++)
        if (!digest_read(c, "extensible-measurements", &r->extensible[i], e))
            return false;
    return true;
}

static bool realm_claim(struct cbor *c, int64_t key, struct cca_realm *r, struct err *e)
{
    switch (key) {
    case CLAIM_PROFILE:
        return profile_read(c, "realm.profile", "tag:arm.com,2023:realm#1.0.0",
                            "tag:arm.com,2023:realm#1.0.0", &r->profile, e);
    case CLAIM_CHALLENGE:
        return cbor_bytes(c, "realm.challenge", CCA_CHALLENGE_SIZE, CCA_CHALLENGE_SIZE,
                          &r->challenge, e);
    case CLAIM_PERSONALIZATION:
        return cbor_bytes(c, "personalization", 64, 64, &r->personalization, e);
    case CLAIM_MEASUREMENT:
        return digest_read(c, "initial-measurement", &r->measurement, e);
    case CLAIM_EXTENSIBLE:
        return extensible_read(c, r, e);
    case CLAIM_REALM_HASH:
        return hash_read(c, "realm.hash-algorithm", &r->hash_algorithm, e);
    case CLAIM_RAK:
        return cbor_bytes(c, "rak", 1, 256, &r->rak, e);
    case CLAIM_RAK_HASH:
        return hash_read(c, "rak.hash-algorithm", &r->rak_hash_algorithm, e);
    default:
        return cbor_skip(c, "realm", e);
    }
}

bool cca_realm_parse(struct bytes claims, struct cca_realm *out, struct err *e)
{
    struct cca_realm r = {0};
    struct cbor c = {.all = claims};
    struct cbor_list map;

    if (!cbor_check_all(claims, CBOR_DEFINITE, false, "realm", e) ||
        !cbor_enter(&c, CBOR_MAP, "realm", &map, e))
        return false;
    while (cbor_more(&c, &map)) {
        int64_t key;

        if (!key_read(&c, "realm", &key, e) || !realm_claim(&c, key, &r, e))
            return false;
    }
    if (r.challenge.n == 0)
        return missing(e, "realm.challenge");
    if (r.personalization.n == 0)
        return missing(e, "personalization");
    if (r.measurement.n == 0)
        return missing(e, "initial-measurement");
    if (r.extensible[0].n == 0)
        return missing(e, "extensible-measurements");
    if (r.hash_algorithm.n == 0)
        return missing(e, "realm.hash-algorithm");
    if (r.rak.n == 0)
        return missing(e, "rak");
    if (r.rak_hash_algorithm.n == 0)
        return missing(e, "rak.hash-algorithm");
    *out = r;
    return true;
}

static bool collection_bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "cca.collection", "token: %s", what), err_field(e, "token"),
           err_found(e, "%s", what),
           err_expected(e, "tag 399 around a map of a platform token and a realm token");
}

static bool collection_read(struct bytes in, struct bytes *platform, struct bytes *realm,
                            struct err *e)
{
    struct cbor c = {.all = in};
    struct cbor_list map;

    if (!cbor_tag_is(&c, TAG_COLLECTION))
        return collection_bad(e, "no tag 399");
    if (!cbor_enter(&c, CBOR_MAP, "token", &map, e))
        return false;
    if (map.left != 2)
        return collection_bad(e, "not a map of two");
    while (cbor_more(&c, &map)) {
        int64_t key = 0;

        if (!key_read(&c, "token", &key, e))
            return false;
        if (key != KEY_PLATFORM && key != KEY_REALM)
            return collection_bad(e, "neither a platform token nor a realm token");
        if (!cbor_bytes(&c, key == KEY_PLATFORM ? "platform token" : "realm token", 1, in.n,
                        key == KEY_PLATFORM ? platform : realm, e))
            return false;
    }
    return true;
}

static bool signed_read(struct bytes in, const char *name, struct cose_sign1 *out, struct err *e)
{
    return cbor_check_all(in, CBOR_DEFINITE, false, name, e) && cose_parse(in, name, out, e);
}

bool cca_token_parse(struct bytes in, bool padded, struct cca_token *out, struct err *e)
{
    struct cose_sign1 platform, realm;
    struct bytes platform_token = {0}, realm_token = {0};
    struct cca_token t = {0};

    if (!cbor_check_all(in, CBOR_DEFINITE, padded, "token", e) ||
        !collection_read(in, &platform_token, &realm_token, e) ||
        !signed_read(platform_token, "platform token", &platform, e) ||
        !signed_read(realm_token, "realm token", &realm, e) ||
        !cca_platform_parse(platform.payload, &t.platform, e) ||
        !cca_realm_parse(realm.payload, &t.realm, e))
        return false;
    t.platform.cose = platform;
    t.realm.cose = realm;
    *out = t;
    return true;
}
