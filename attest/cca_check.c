#include "attest/cca_check.h"

#include <inttypes.h>

#include "attest/binding.h"
#include "attest/cbor.h"
#include "attest/cca_cpak.h"
#include "attest/cca_token.h"
#include "attest/ecdsa.h"
#include "attest/sha.h"
#include "base/str.h"

#define RAW_RAK_SIZE 97 /* 0x04, X, Y */
#define COORDINATE 48

#define COSE_KEY_TYPE 1
#define COSE_KEY_ALGORITHM 3
#define COSE_KEY_CURVE (-1)
#define COSE_KEY_X (-2)
#define COSE_KEY_Y (-3)
#define COSE_TYPE_EC2 2
#define COSE_CURVE_P384 2

#define LIFECYCLE_SECURED 0x30
#define LIFECYCLE_DEBUG 0x40             /* of what is not the platform's root of trust */
#define LIFECYCLE_RECOVERABLE_DEBUG 0x50 /* of the root of trust itself */

struct cca_case {
    const struct evidence_options *o;
    struct cca_token token;
    bool simulated;
    struct ecdsa_key *cpak, *rak; /* owned */
};

static void case_fini(struct cca_case *c)
{
    ecdsa_key_free(c->cpak);
    ecdsa_key_free(c->rak);
}

bool cca_sniff(struct bytes evidence)
{
    return evidence.n >= 3 && memcmp(evidence.p, "\xd9\x01\x8f", 3) == 0; /* tag 399 */
}

static bool binding_check(const struct cca_case *c, struct err *e)
{
    struct bytes want = {c->o->report_data, REPORT_DATA_SIZE};
    char hex[2 * REPORT_DATA_SIZE + 1];

    if (c->o->report_data == NULL)
        return true;
    if (bytes_equal(c->token.realm.challenge, want)) {
        evidence_passed(c->o, "evidence.report-data", "realm.challenge");
        return true;
    }
    err_set(e, ERR_INPUT, "evidence.report-data",
            "realm.challenge: bound to another challenge, node, boot or key");
    err_field(e, "realm.challenge");
    hex_format(c->token.realm.challenge, hex);
    err_found(e, "%.120s", hex);
    hex_format(want, hex);
    err_expected(e, "%.120s", hex);
    return err_mend(e, "answer the newest challenge with a token made for it");
}

static bool rak_bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "cca.rak", "rak: %s", what), err_field(e, "rak"),
           err_found(e, "%s", what),
           err_expected(e, "a P-384 key: 97 bytes of a point; with a realm profile, a COSE_Key");
}

/* One parameter of a COSE_Key (RFC 9053, 7.1.1). */
static bool parameter_read(struct cbor *c, uint8_t xy[2 * COORDINATE], unsigned *seen,
                           struct err *e)
{
    int64_t key, value;
    struct bytes half;

    if (!cbor_int(c, "rak", &key, e))
        return false;
    switch (key) {
    case COSE_KEY_TYPE:
        *seen |= 1;
        return cbor_int(c, "rak.kty", &value, e) &&
               (value == COSE_TYPE_EC2 || rak_bad(e, "another key type"));
    case COSE_KEY_CURVE:
        *seen |= 2;
        return cbor_int(c, "rak.crv", &value, e) &&
               (value == COSE_CURVE_P384 || rak_bad(e, "another curve"));
    case COSE_KEY_ALGORITHM:
        return cbor_int(c, "rak.alg", &value, e) &&
               (value == COSE_ES384 || rak_bad(e, "another algorithm"));
    case COSE_KEY_X:
    case COSE_KEY_Y:
        *seen |= key == COSE_KEY_X ? 4 : 8;
        if (!cbor_bytes(c, "rak", COORDINATE, COORDINATE, &half, e))
            return false;
        memcpy(xy + (key == COSE_KEY_X ? 0 : COORDINATE), half.p, COORDINATE);
        return true;
    default:
        return rak_bad(e, "an unknown key parameter");
    }
}

static bool cose_key_read(struct bytes in, uint8_t xy[2 * COORDINATE], struct err *e)
{
    struct cbor c = {.all = in};
    struct cbor_list map;
    unsigned seen = 0;

    if (!cbor_check_all(in, CBOR_DEFINITE, false, "rak", e) ||
        !cbor_enter(&c, CBOR_MAP, "rak", &map, e))
        return false;
    while (cbor_more(&c, &map))
        if (!parameter_read(&c, xy, &seen, e))
            return false;
    return seen == 15 || rak_bad(e, "a key without all of its parameters");
}

static bool rak_read(struct cca_case *c, struct err *e)
{
    const struct cca_realm *r = &c->token.realm;
    uint8_t xy[2 * COORDINATE];

    if (r->profile.n > 0) {
        if (!cose_key_read(r->rak, xy, e))
            return false;
    } else {
        if (r->rak.n != RAW_RAK_SIZE || r->rak.p[0] != 0x04)
            return rak_bad(e, "not an uncompressed point of P-384");
        memcpy(xy, r->rak.p + 1, sizeof xy);
    }
    c->rak = ecdsa_key_new(ECDSA_P384, BYTES_OF(xy));
    return c->rak != NULL || rak_bad(e, "not on the curve");
}

static enum sha digest_of(struct bytes word)
{
    return bytes_equal(word, BYTES_LIT("sha-256"))   ? SHA_256
           : bytes_equal(word, BYTES_LIT("sha-384")) ? SHA_384
                                                     : SHA_512; /* parsing knows no other */
}

/* Without it, any platform's token would vouch for any realm's. */
static bool rak_binding_check(const struct cca_case *c, struct err *e)
{
    const struct cca_realm *r = &c->token.realm;
    uint8_t sum[SHA_MAX];
    char hex[2 * SHA_MAX + 1];
    enum sha which = digest_of(r->rak_hash_algorithm);
    size_t n = sha_size(which);

    sha(which, &r->rak, 1, sum);
    if (bytes_equal(c->token.platform.challenge, (struct bytes){sum, n})) {
        evidence_passed(c->o, "cca.rak-binding", "platform.challenge");
        return true;
    }
    err_set(e, ERR_INPUT, "cca.rak-binding",
            "platform.challenge: the platform vouches for another realm key");
    err_field(e, "platform.challenge");
    hex_format(c->token.platform.challenge, hex);
    err_found(e, "%.120s", hex);
    hex_format((struct bytes){sum, n}, hex);
    return err_expected(e, "%.120s", hex);
}

static bool signatures_check(const struct evidence_input *in, struct cca_case *c, struct err *e)
{
    const struct cca_token *t = &c->token;

    if (!cca_cpak_find(in, c->o, &t->platform, &c->cpak, &c->simulated, e) ||
        !cose_verify(&t->platform.cose, c->cpak, "platform token", "CPAK", e))
        return false;
    evidence_passed(c->o, "cose.signature", "platform token");
    if (!rak_read(c, e) || !rak_binding_check(c, e) ||
        !cose_verify(&t->realm.cose, c->rak, "realm token", "RAK", e))
        return false;
    evidence_passed(c->o, "cose.signature", "realm token");
    return true;
}

static bool debugged(const struct cca_case *c)
{
    unsigned state = c->token.platform.lifecycle >> 8;

    return state == LIFECYCLE_DEBUG || state == LIFECYCLE_RECOVERABLE_DEBUG;
}

static bool lifecycle_check(const struct cca_case *c, struct err *e)
{
    unsigned v = c->token.platform.lifecycle;

    if (v >> 8 == LIFECYCLE_SECURED) {
        evidence_passed(c->o, "cca.lifecycle", "lifecycle");
        return true;
    }
    if (debugged(c) && c->o->allow_debug)
        return true;
    if (debugged(c))
        err_set(e, ERR_INPUT, "cca.debug", "lifecycle: the platform may be debugged");
    else
        err_set(e, ERR_INPUT, "cca.lifecycle", "lifecycle: the platform is not secured");
    return err_field(e, "lifecycle"), err_found(e, "0x%04x", v),
           err_expected(e, "0x3000 to 0x30ff (secured)");
}

/* "1.0.2" and nothing else: up to four numbers with dots. */
static bool version_read(struct bytes text, struct fact_version *out)
{
    struct fact_version v = {0};
    bool digit = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = (char)text.p[i];

        if (c >= '0' && c <= '9') {
            if (!digit && v.n == 4)
                return false;
            v.n += digit ? 0 : 1;
            if (v.part[v.n - 1] > 100000000)
                return false;
            v.part[v.n - 1] = v.part[v.n - 1] * 10 + (uint32_t)(c - '0');
            digit = true;
        } else if (c == '.' && digit) {
            digit = false;
        } else {
            return false;
        }
    }
    if (!digit)
        return false;
    *out = v;
    return true;
}

static void firmware_fill(const struct cca_platform *p, struct facts *f)
{
    for (unsigned i = 0; i < p->components_n; i++)
        if (bytes_equal(p->component[i].type, BYTES_LIT("RMM")) &&
            version_read(p->component[i].version, &f->firmware)) {
            str_copy(f->firmware.source, FACT_SOURCE, "PLATFORM.SW_COMPONENTS[RMM]");
            return;
        }
}

static void facts_fill(const struct cca_case *c, struct facts *f)
{
    const struct cca_platform *p = &c->token.platform;
    struct bytes rim = c->token.realm.measurement;

    f->assurance = c->simulated ? ASSURANCE_SIMULATED : ASSURANCE_HARDWARE;
    fact_set(&f->vendor, "arm", "PLATFORM.PROFILE");
    fact_set(&f->technology, "cca", "TOKEN");
    firmware_fill(p, f);
    finding_set(f, FINDING_DEBUG, debugged(c));
    finding_set(f, FINDING_REVOCATION_UNCHECKED, false); /* pinned keys: no lists there could be */
    memcpy(f->platform_id, p->instance_id.p, p->instance_id.n);
    f->platform_id_n = (unsigned)p->instance_id.n;
    str_copy(f->platform_id_source, FACT_SOURCE, "PLATFORM.INSTANCE_ID");
    memcpy(f->measurement, rim.p, rim.n);
    f->measurement_n = (unsigned)rim.n;
}

bool cca_check(const struct evidence_input *in, const struct evidence_options *o, struct facts *out,
               struct err *e)
{
    __attribute__((cleanup(case_fini))) struct cca_case c = {.o = o};
    struct facts f = {0};

    if (!cca_token_parse(in->evidence, o->lenient, &c.token, e))
        return false;
    evidence_passed(o, "cca.profile", "profile");
    if (!binding_check(&c, e) || !signatures_check(in, &c, e) || !lifecycle_check(&c, e))
        return false;
    facts_fill(&c, &f);
    *out = f;
    return true;
}
