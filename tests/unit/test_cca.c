/* Arm CCA tokens: real ones with the verdicts they must get, and simulated ones with each of their
 * claims wrong, signed again where the signature is not the point. */
#include "tests/lib/unit.h"
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "attest/cca_cpak.h"
#include "attest/cca_token.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_cbor.h"
#include "attest/sim/sim_kind.h"
#include "base/arena.h"
#include "tests/lib/vectors.h"

#define NOW INT64_C(1795000000)
#define ANCHOR "cpak_trust_anchor.json"

static const uint8_t report_data[64] = {1, 2, 3};
static unsigned cases;

static bool verify(const struct evidence_input *in, const struct evidence_options *o,
                   struct facts *f, struct err *e)
{
    cases++;
    return evidence_verify(in, o, f, e);
}

static const struct evidence_options trusting = {
    .now_s = NOW, .report_data = report_data, .allow_simulated = true};

static void make(const char *text, struct sim_evidence *s)
{
    struct sim_platform p;
    struct err e = {0};

    if (!sim_platform_parse(text, &p, &e) || !sim_evidence(&p, report_data, NOW, s, &e))
        fail_msg("%s: %s", text, e.msg);
}

static struct evidence_input input_of(const struct sim_evidence *s)
{
    struct evidence_input in = {.evidence = buf_bytes(&s->evidence), .files_n = s->files_n};

    for (unsigned i = 0; i < s->files_n; i++)
        in.files[i] = (struct evidence_file){s->files[i].name, buf_bytes(&s->files[i].bytes)};
    return in;
}

static void assert_refused(const struct evidence_input *in, const char *reason, const char *what)
{
    struct facts f;
    struct err e = {0};

    if (verify(in, &trusting, &f, &e))
        fail_msg("%s: valid; want %s", what, reason);
    if (strcmp(e.reason, reason) != 0)
        fail_msg("%s: got %s (%s), want %s", what, e.reason, e.msg, reason);
    assert_true(e.field[0] != '\0');
}

static void vector_check(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_options o = {.now_s = NOW, .trust_files = true, .allow_debug = true};
    struct evidence_input in = {.files_n = 1};
    struct facts f = {0};
    struct err e = {0};
    bool good;

    arena_init(&a, 1 << 20);
    in.evidence = vector_file(&a, r->path, "cca_token.cbor");
    in.files[0] = (struct evidence_file){ANCHOR, vector_file(&a, r->path, ANCHOR)};
    assert_true(in.evidence.n > 0 && in.files[0].bytes.n > 0);
    assert_string_equal(evidence_technology(in.evidence), "cca");
    good = verify(&in, &o, &f, &e);
    print_message("  %-32s %-12s %s\n", r->path, r->expect, good ? "valid" : e.reason);
    if (strcmp(r->expect, "refused") == 0) {
        assert_false(good);
        /* one anchor is no point of its curve; one token's halves are of different realms */
        assert_true(strcmp(e.reason, "cca.cpak") == 0 || strcmp(e.reason, "cose.signature") == 0 ||
                    strcmp(e.reason, "cca.rak-binding") == 0);
        return;
    }
    if (!good)
        fail_msg("%s: %s", r->path, e.msg);
    /* the private halves of these vectors' keys are public */
    assert_int_equal(f.assurance, ASSURANCE_SIMULATED);
    assert_string_equal(f.vendor.word[0], "arm");
    assert_string_equal(f.technology.word[0], "cca");
    assert_int_equal(f.generation.n, 0);
    assert_int_equal(f.platform_id_n, 33);
    assert_int_equal(f.platform_id[0], 1);
    assert_true(f.measurement_n == 32 || f.measurement_n == 64);
    assert_int_equal(f.findings_true, 0);
    o.report_data = report_data;
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "evidence.report-data");
    o.report_data = NULL;
    o.allow_debug = false; /* as in a cluster: imported, and yet everybody has it */
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "evidence.simulated");
    o.trust_files = false; /* the key came with the evidence */
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "evidence.simulated");
    in.files_n = 0;
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "evidence.file-missing");
    assert_non_null(strstr(e.mend, "import"));
}

static void vectors_get_their_verdicts(void **state)
{
    unsigned n;

    (void)state;
    if (!vectors_here())
        skip();
    n = vectors_each("cca-token", vector_check);
    print_message("%u CCA tokens got their verdicts\n", n);
    assert_true(n >= 5);
}

static void claims_get_their_verdicts(void **state)
{
    AUTO_ARENA struct arena a = {0};
    struct cca_platform p;
    struct cca_realm r;
    struct err e = {0};

    (void)state;
    if (!vectors_here())
        skip();
    arena_init(&a, 1 << 20);
    assert_true(cca_platform_parse(vector_file(&a, "cca/claims", "platform-claims.cbor"), &p, &e));
    assert_int_equal(p.components_n, 2);
    assert_int_equal(p.lifecycle, 0x3000);
    assert_true(cca_realm_parse(vector_file(&a, "cca/claims", "realm-claims.cbor"), &r, &e));
    assert_int_equal(r.rak.n, 97);
    assert_true(cca_realm_parse(
        vector_file(&a, "cca/claims", "realm-claims+spurious-numeric-key.cbor"), &r, &e));
    assert_false(cca_realm_parse(
        vector_file(&a, "cca/claims", "realm-claims-missing-challenge.cbor"), &r, &e));
    assert_string_equal(e.reason, "cca.missing-claim");
    assert_string_equal(e.field, "realm.challenge");
    assert_false(cca_realm_parse(vector_file(&a, "cca/claims", "platform-claims.cbor"), &r, &e));
    assert_false(cca_platform_parse(vector_file(&a, "cca/claims", "realm-claims.cbor"), &p, &e));
}

static void real_vector_changed(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    const struct evidence_options o = {.now_s = NOW, .trust_files = true, .allow_debug = true};
    struct evidence_input in = {.files_n = 1};
    struct bytes token;
    struct facts f;
    uint8_t *copy;

    if (strcmp(r->expect, "refused") == 0)
        return;
    arena_init(&a, 1 << 20);
    token = vector_file(&a, r->path, "cca_token.cbor");
    in.files[0] = (struct evidence_file){ANCHOR, vector_file(&a, r->path, ANCHOR)};
    copy = arena_alloc(&a, token.n);
    assert_non_null(copy);
    memcpy(copy, token.p, token.n);
    in.evidence = (struct bytes){copy, token.n};
    for (size_t i = 0; i < token.n; i += 5) {
        struct err e = {0};

        copy[i] ^= (uint8_t)(1u << i % 8);
        if (verify(&in, &o, &f, &e))
            fail_msg("%s: byte %zu changed and nobody noticed", r->path, i);
        assert_true(e.reason[0] != '\0');
        copy[i] = token.p[i];
    }
    assert_true(verify(&in, &o, &f, NULL));
}

static void no_part_of_a_real_token_can_change(void **state)
{
    (void)state;
    if (!vectors_here())
        skip();
    assert_true(vectors_each("cca-token", real_vector_changed) >= 5);
}

static void simulated_tokens_are_sound(void **state)
{
    static const char *const kinds[] = {
        "technology=cca",
        "vendor=arm,technology=cca,profile=legacy",
        "technology=cca,chip=7,firmware=1.2.3",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
        struct evidence_options o = trusting;
        struct evidence_input in;
        struct facts f = {0};
        struct err e = {0};

        make(kinds[i], &s);
        in = input_of(&s);
        if (!verify(&in, &o, &f, &e))
            fail_msg("%s: %s", kinds[i], e.msg);
        assert_int_equal(f.assurance, ASSURANCE_SIMULATED);
        assert_int_equal(f.platform_id_n, 33);
        assert_int_equal(f.firmware.n, 3);
        assert_int_equal(f.firmware.part[0], 1);
        assert_int_equal(f.firmware.part[2], i == 2 ? 3 : 0);
        assert_int_equal(f.measurement_n, 32);
        o.allow_simulated = false;
        assert_false(verify(&in, &o, &f, &e));
        assert_string_equal(e.reason, "evidence.simulated");
    }
}

static void defects_are_named(void **state)
{
    static const char *const reasons[SIM_CCA_DEFECTS] = {
        [SIM_CCA_STALE_REPORT_DATA] = "evidence.report-data",
        [SIM_CCA_WRONG_KEY] = "cose.signature",
        [SIM_CCA_BAD_SIGNATURE] = "cose.signature",
        [SIM_CCA_WRONG_RAK] = "cose.signature",
        [SIM_CCA_RAK_MISMATCH] = "cca.rak-binding",
        [SIM_CCA_RAK_HASH] = "cca.rak-binding",
        [SIM_CCA_RAK_FORM] = "cca.rak",
        [SIM_CCA_DEBUG] = "cca.debug",
        [SIM_CCA_UNSECURED_LIFECYCLE] = "cca.lifecycle",
        [SIM_CCA_UNKNOWN_LIFECYCLE] = "cca.lifecycle",
        [SIM_CCA_WRONG_PROFILE] = "cca.profile",
        [SIM_CCA_WRONG_REALM_PROFILE] = "cca.profile",
        [SIM_CCA_WRONG_HASH] = "cca.hash-algorithm",
        [SIM_CCA_WRONG_INSTANCE_KIND] = "cca.instance-id",
        [SIM_CCA_MISSING_FIELD] = "cca.missing-claim",
        [SIM_CCA_DUPLICATE_FIELD] = "cbor.duplicate-key",
        [SIM_CCA_NO_COMPONENTS] = "cca.components",
        [SIM_CCA_SHORT_MEASUREMENT] = "cbor.size",
        [SIM_CCA_FOREIGN_PLATFORM] = "anchor.unknown",
        [SIM_CCA_FOREIGN_ROOT] = "anchor.unknown",
        [SIM_CCA_NO_ANCHOR] = "evidence.file-missing",
    };

    (void)state;
    for (unsigned d = 1; d < SIM_CCA_DEFECTS; d++)
        for (unsigned form = 0; form < 2; form++) {
            AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
            struct evidence_input in;
            const char *want = reasons[d];
            char text[80];

            if (form == 1 && d == SIM_CCA_WRONG_REALM_PROFILE)
                continue; /* it names none */
            snprintf(text, sizeof text, "technology=cca,profile=%s,defect=%s",
                     form == 0 ? "2023" : "legacy", sim_cca_kind.defects[d]);
            if (form == 0 && d == SIM_CCA_RAK_FORM)
                want =
                    "bytes.trailing"; /* a point is no COSE_Key: the number 4, and more after it */
            make(text, &s);
            in = input_of(&s);
            assert_refused(&in, want, text);
        }
}

static void a_debugged_platform_may_be_looked_at(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_options o = trusting;
    struct evidence_input in;
    struct facts f = {0};

    (void)state;
    make("technology=cca,defect=debug", &s);
    in = input_of(&s);
    o.allow_debug = true;
    assert_true(verify(&in, &o, &f, NULL));
    assert_true((f.findings_true & 1u << FINDING_DEBUG) != 0);
    sim_evidence_fini(&s);
    make("technology=cca,defect=unsecured-lifecycle", &s);
    in = input_of(&s);
    assert_false(verify(&in, &o, &f, NULL));
}

static void no_byte_can_change(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_input in;
    struct facts f;

    (void)state;
    make("technology=cca", &s);
    for (size_t i = 0; i < s.evidence.n; i++) {
        struct err e = {0};

        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
        in = input_of(&s);
        if (verify(&in, &trusting, &f, &e))
            fail_msg("byte %zu changed and nobody noticed", i);
        assert_true(e.reason[0] != '\0');
        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
    }
    in = input_of(&s);
    assert_true(verify(&in, &trusting, &f, NULL));
}

static void every_prefix_is_refused(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_options o = trusting;
    struct evidence_input in;
    struct cca_token t;
    struct facts f;
    struct err e = {0};

    (void)state;
    make("technology=cca", &s);
    for (size_t n = 0; n < s.evidence.n; n++) {
        uint8_t *exact = malloc(n == 0 ? 1 : n); /* so that sanitizers see a read past the end */

        memcpy(exact, s.evidence.p, n);
        assert_false(cca_token_parse((struct bytes){exact, n}, true, &t, &e));
        assert_string_equal(e.reason, "cbor.truncated");
        free(exact);
    }
    buf_zero(&s.evidence, 3);
    in = input_of(&s);
    assert_refused(&in, "bytes.trailing", "padding");
    o.lenient = true;
    assert_true(verify(&in, &o, &f, &e));
    s.evidence.p[s.evidence.n - 1] = 1;
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "bytes.trailing");
}

/* The anchor file is an operator's or a host's: broken ones are named, too. */
static void anchors_are_read_strictly(void **state)
{
    static const struct {
        const char *find, *with; /* of equal length */
        const char *reason;
    } rows[] = {
        {"\"EC\"", "\"OK\"", "cca.cpak"},
        {"P-384", "P-256", "cca.cpak"},
        {"P-384", "P-521", "cca.cpak"},
        {"\"x\": \"", "\"x\": \"!", "cca.cpak"},
        {"\"y\": \"", "\"z\": \"", "cca.cpak"},
        {"\"y\": \"", "\"x\": \"", "cca.cpak"},
        {"[{", "{{", "cca.cpak"},
        {"[{", "[[", "cca.cpak"},
        {"}]", "} ", "cca.cpak"},
        {"\"pkey\"", "\"pkez\"", "cca.cpak"},
        {"\"instance-id\": \"01", "\"instance-id\": \"02", "anchor.unknown"},
        {"\"instance-id\": \"01", "\"instance-id\": \"0x", "cca.cpak"},
        {"\"implementation-id\": \"", "\"implementation-id\": \"g", "cca.cpak"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
        struct evidence_input in;
        char *at;

        make("technology=cca", &s);
        at = strstr(buf_str(&s.files[0].bytes), rows[i].find);
        assert_non_null(at);
        assert_true(cca_cpak_check(buf_bytes(&s.files[0].bytes), NULL)); /* as on import */
        memcpy(at, rows[i].with, strlen(rows[i].with));
        in = input_of(&s);
        assert_refused(&in, rows[i].reason, rows[i].with);
        if (cca_cpak_check(buf_bytes(&s.files[0].bytes), NULL) !=
            (strcmp(rows[i].reason, "cca.cpak") != 0))
            fail_msg("on import: %s", rows[i].with);
    }
}

/* Operators may pin a CPAK of their own, in any of three forms. */
static void imported_keys_count(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    const uint64_t chip = 0;
    EVP_PKEY *key = sim_ec_key(SIM_P384, "bailey-sim-cca-foreign",
                               (struct bytes){(const uint8_t *)&chip, sizeof chip});
    struct anchor anchor = {.name = "ours", .vendor = "arm", .kind = "cca-cpak"};
    struct evidence_options o = {
        .now_s = NOW, .report_data = report_data, .anchors = &anchor, .anchors_n = 1};
    struct evidence_input in;
    struct facts f = {0};
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    (void)state;
    assert_true(n > 0);
    make("technology=cca,defect=foreign-root", &s);
    in = input_of(&s);
    assert_false(verify(&in, &o, &f, NULL));
    assert_int_equal(EVP_Digest(der, (size_t)n, anchor.sha256, NULL, EVP_sha256(), NULL), 1);
    assert_true(verify(&in, &o, &f, NULL));
    assert_int_equal(f.assurance, ASSURANCE_HARDWARE);
    in.files[0] = (struct evidence_file){"cpak.der", {der, (size_t)n}};
    assert_true(verify(&in, &o, &f, NULL));
    in.files[0].bytes.n--;
    assert_false(verify(&in, &o, &f, NULL));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

/* A token whose platform or realm claims have bytes replaced, `skip` after the bytes `find`, both
 * signed again by their own keys. */
static void sign_again(const struct sim_evidence *s, bool realm, struct bytes find, size_t skip,
                       struct bytes with, struct buf *out)
{
    const uint64_t chip = 0;
    EVP_PKEY *cpak = sim_ec_key(SIM_P384, "bailey-sim-cca-cpak", (struct bytes){NULL, 0});
    EVP_PKEY *rak = sim_ec_key(SIM_P384, "bailey-sim-cca-rak",
                               (struct bytes){(const uint8_t *)&chip, sizeof chip});
    const struct sim_cose how = {.tagged = true, .algorithm = COSE_ES384};
    AUTO_BUF struct buf platform_claims = {0}, realm_claims = {0}, a = {0}, b = {0};
    struct buf *changed = realm ? &realm_claims : &platform_claims;
    struct cca_token t;
    size_t at = 0;

    assert_true(cca_token_parse(buf_bytes(&s->evidence), false, &t, NULL));
    buf_put(&platform_claims, t.platform.cose.payload.p, t.platform.cose.payload.n);
    buf_put(&realm_claims, t.realm.cose.payload.p, t.realm.cose.payload.n);
    while (at + find.n <= changed->n && memcmp(changed->p + at, find.p, find.n) != 0)
        at++;
    at += skip;
    assert_true(at + with.n <= changed->n);
    memcpy(changed->p + at, with.p, with.n);
    assert_true(sim_cose_sign1(&a, &how, cpak, SIM_P384, buf_bytes(&platform_claims)));
    assert_true(sim_cose_sign1(&b, &how, rak, SIM_P384, buf_bytes(&realm_claims)));
    sim_cbor_head(out, 6, 399);
    sim_cbor_head(out, 5, 2);
    sim_cbor_int(out, 44234);
    sim_cbor_bytes(out, buf_bytes(&a));
    sim_cbor_int(out, 44241);
    sim_cbor_bytes(out, buf_bytes(&b));
    EVP_PKEY_free(cpak);
    EVP_PKEY_free(rak);
}

static void changed_claims_are_named(void **state)
{
    static const struct {
        bool realm;
        struct bytes find;
        size_t skip;
        struct bytes with;
        const char *reason, *field;
    } rows[] = {
        {false, BYTES_INIT("tag:arm"), 0, BYTES_INIT("tag:ARM"), "cca.profile", "profile"},
        {false, BYTES_INIT("\x19\x01\x09"), 2, BYTES_INIT("\x08"), "cca.missing-claim", "profile"},
        {false, BYTES_INIT("\x19\x01\x09"), 3, BYTES_INIT("\x58"), "cbor.type", "profile"},
        {false, BYTES_INIT("\x0a\x58\x20"), 0, BYTES_INIT("\x0b"), "cca.missing-claim",
         "platform.challenge"},
        {false, BYTES_INIT("\x0a\x58\x20"), 1, BYTES_INIT("\x78"), "cbor.text", "platform"},
        {false, BYTES_INIT("\x0a\x58\x20"), 3, BYTES_INIT("\0\0\0\0"), "cca.rak-binding",
         "platform.challenge"},
        {false, BYTES_INIT("\x19\x09\x5c"), 2, BYTES_INIT("\x5d"), "cca.missing-claim",
         "implementation-id"},
        {false, BYTES_INIT("\x19\x09\x5c"), 5, BYTES_INIT("\0\0\0\0"), "anchor.unknown",
         "cpak_trust_anchor.json"},
        {false, BYTES_INIT("\x19\x01\x00\x58"), 2, BYTES_INIT("\x01"), "cca.missing-claim",
         "instance-id"},
        {false, BYTES_INIT("\x19\x01\x00\x58"), 5, BYTES_INIT("\x02"), "cca.instance-id",
         "instance-id"},
        {false, BYTES_INIT("\x19\x01\x00\x58"), 6, BYTES_INIT("\0\0\0\0"), "anchor.unknown",
         "cpak_trust_anchor.json"},
        {false, BYTES_INIT("\x19\x09\x61\x44"), 2, BYTES_INIT("\x64"), "cca.missing-claim",
         "config"},
        {false, BYTES_INIT("\x19\x09\x61\x44"), 3, BYTES_INIT("\x1a"), "cbor.type", "config"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 2, BYTES_INIT("\x5a"), "cca.missing-claim",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x20\x00"), "cca.lifecycle",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x10\x00"), "cca.lifecycle",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x30\xff\x19"), "", ""},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x31\x00"), "cca.lifecycle",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x40\x00"), "cca.debug",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x50\x00"), "cca.debug",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x60\x00"), "cca.lifecycle",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 4, BYTES_INIT("\x70\x00"), "cca.lifecycle",
         "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x5b\x19"), 3, BYTES_INIT("\x39"), "cbor.type", "lifecycle"},
        {false, BYTES_INIT("\x19\x09\x62\x67"), 2, BYTES_INIT("\x63"), "cca.missing-claim",
         "platform.hash-algorithm"},
        {false, BYTES_INIT("\x19\x09\x62\x67"), 4, BYTES_INIT("sha-257"), "cca.hash-algorithm",
         "platform.hash-algorithm"},
        {false, BYTES_INIT("\x19\x09\x5f\x84"), 2, BYTES_INIT("\x5e"), "cca.missing-claim",
         "components"},
        {false, BYTES_INIT("\x19\x09\x5f\x84"), 3, BYTES_INIT("\x85"), "cbor.truncated",
         "platform"},
        {false, BYTES_INIT("\x19\x09\x5f\x84"), 3, BYTES_INIT("\x83"), "bytes.trailing",
         "platform"},
        {false, BYTES_INIT("\x02\x58\x20"), 0, BYTES_INIT("\x03"), "cca.missing-claim",
         "components.measurement"},
        {false, BYTES_INIT("\x05\x58\x20"), 0, BYTES_INIT("\x07"), "cca.missing-claim",
         "components.signer"},
        {false, BYTES_INIT("\x06\x67"), 2, BYTES_INIT("SHA-256"), "cca.hash-algorithm",
         "components.hash"},
        {false, BYTES_INIT("\x01\x65"), 1, BYTES_INIT("\x45"), "cbor.type", "components.type"},
        {true, BYTES_INIT("tag:arm"), 0, BYTES_INIT("tag:ARM"), "cca.profile", "realm.profile"},
        {true, BYTES_INIT("\x19\x01\x09"), 2, BYTES_INIT("\x08"), "cca.rak", "rak"},
        {true, BYTES_INIT("\x0a\x58\x40"), 0, BYTES_INIT("\x0b"), "cca.missing-claim",
         "realm.challenge"},
        {true, BYTES_INIT("\x0a\x58\x40"), 3, BYTES_INIT("\x09"), "evidence.report-data",
         "realm.challenge"},
        {true, BYTES_INIT("\x19\xac\xcb"), 2, BYTES_INIT("\xd0"), "cbor.duplicate-key", "realm"},
        {true, BYTES_INIT("\x19\xac\xcb"), 2, BYTES_INIT("\xd2"), "cca.missing-claim",
         "personalization"},
        {true, BYTES_INIT("\x19\xac\xce"), 2, BYTES_INIT("\xd2"), "cca.missing-claim",
         "initial-measurement"},
        {true, BYTES_INIT("\x19\xac\xce"), 3, BYTES_INIT("\x78"), "cbor.text", "realm"},
        {true, BYTES_INIT("\x19\xac\xcf"), 2, BYTES_INIT("\xd2"), "cca.missing-claim",
         "extensible-measurements"},
        {true, BYTES_INIT("\x19\xac\xcf"), 4, BYTES_INIT("\x78"), "cbor.text", "realm"},
        {true, BYTES_INIT("\x19\xac\xcc"), 2, BYTES_INIT("\xd2"), "cca.missing-claim",
         "realm.hash-algorithm"},
        {true, BYTES_INIT("\x19\xac\xcc"), 4, BYTES_INIT("sha_256"), "cca.hash-algorithm",
         "realm.hash-algorithm"},
        {true, BYTES_INIT("\x19\xac\xcd"), 2, BYTES_INIT("\xd2"), "cca.missing-claim", "rak"},
        {true, BYTES_INIT("\x19\xac\xcd"), 5, BYTES_INIT("\xa3"), "bytes.trailing", "rak"},
        {true, BYTES_INIT("\x19\xac\xcd"), 7, BYTES_INIT("\x01"), "cca.rak", "rak"},
        {true, BYTES_INIT("\x19\xac\xcd"), 9, BYTES_INIT("\x01"), "cca.rak", "rak"},
        {true, BYTES_INIT("\x19\xac\xcd"), 10, BYTES_INIT("\x23"), "cca.rak", "rak"},
        {true, BYTES_INIT("\x19\xac\xcd"), 13, BYTES_INIT("\0\0\0\0"), "cca.rak", "rak"},
        {true, BYTES_INIT("\x19\xac\xd0"), 2, BYTES_INIT("\xd2"), "cca.missing-claim",
         "rak.hash-algorithm"},
        {true, BYTES_INIT("\x19\xac\xd0"), 4, BYTES_INIT("sha-512"), "cca.rak-binding",
         "platform.challenge"},
        {true, BYTES_INIT("\x19\xac\xd0"), 4, BYTES_INIT("sha-384"), "cca.rak-binding",
         "platform.challenge"},
    };
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};

    (void)state;
    make("technology=cca", &s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_BUF struct buf token = {0};
        struct evidence_input in = input_of(&s);
        struct facts f;
        struct err e = {0};

        sign_again(&s, rows[i].realm, rows[i].find, rows[i].skip, rows[i].with, &token);
        in.evidence = buf_bytes(&token);
        (void)verify(&in, &trusting, &f, &e);
        if (strcmp(e.reason, rows[i].reason) != 0 || strcmp(e.field, rows[i].field) != 0)
            fail_msg("row %zu: got %s in %s (%s), want %s in %s", i, e.reason, e.field, e.msg,
                     rows[i].reason, rows[i].field);
    }
}

/* Rows follow each other from the first byte to the last, whatever was changed. */
static void follow(const struct explained *x, void *data)
{
    size_t *next = data;

    assert_int_equal(x->offset, *next);
    assert_true(x->size > 0 && x->field[0] != '\0' && x->meaning[0] != '\0');
    assert_true(x->checked[0] != '\0');
    *next += x->size;
}

static void explanations_leave_nothing_out(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    unsigned explained = 0;

    (void)state;
    make("technology=cca", &s);
    for (size_t i = 0; i < s.evidence.n; i++) {
        size_t next = 0;
        struct err e = {0};

        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
        if (evidence_explain(buf_bytes(&s.evidence), follow, &next, &e)) {
            assert_int_equal(next, s.evidence.n);
            explained++;
        } else {
            assert_true(next == 0 && e.reason[0] != '\0');
        }
        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(explained > s.evidence.n / 2); /* most changes leave the shape as it is */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_get_their_verdicts),
        cmocka_unit_test(claims_get_their_verdicts),
        cmocka_unit_test(no_part_of_a_real_token_can_change),
        cmocka_unit_test(simulated_tokens_are_sound),
        cmocka_unit_test(defects_are_named),
        cmocka_unit_test(a_debugged_platform_may_be_looked_at),
        cmocka_unit_test(no_byte_can_change),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(explanations_leave_nothing_out),
        cmocka_unit_test(anchors_are_read_strictly),
        cmocka_unit_test(imported_keys_count),
        cmocka_unit_test(changed_claims_are_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    print_message("%u verifications\n", cases);
    return failed;
}
