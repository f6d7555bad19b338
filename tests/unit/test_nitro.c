/* AWS Nitro documents: real ones with the verdicts they must get, and simulated ones with each of
 * their fields wrong, signed again where the signature is not the point. */
#include "tests/lib/unit.h"
#include <stdlib.h>

#include "attest/cbor.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/nitro_doc.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_cbor.h"
#include "attest/sim/sim_kind.h"
#include "base/arena.h"
#include "tests/lib/vectors.h"

#define NOW INT64_C(1795000000)

static const uint8_t report_data[64] = {1, 2, 3};
static unsigned cases;

static bool verify(struct bytes document, struct evidence_options o, struct facts *f, struct err *e)
{
    const struct evidence_input in = {.evidence = document};

    cases++;
    return evidence_verify(&in, &o, f, e);
}

static struct evidence_options trusting(void)
{
    return (struct evidence_options){
        .now_s = NOW, .report_data = report_data, .allow_simulated = true};
}

static void make(const char *text, struct sim_evidence *s)
{
    struct sim_platform p;
    struct err e = {0};

    if (!sim_platform_parse(text, &p, &e) || !sim_evidence(&p, report_data, NOW, s, &e))
        fail_msg("%s: %s", text, e.msg);
}

static void assert_refused(struct bytes document, const char *reason, const char *what)
{
    struct facts f;
    struct err e = {0};

    if (verify(document, trusting(), &f, &e))
        fail_msg("%s: valid; want %s", what, reason);
    if (strcmp(e.reason, reason) != 0)
        fail_msg("%s: got %s (%s), want %s", what, e.reason, e.msg, reason);
    assert_true(e.field[0] != '\0');
}

static void vector_check(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_options o = {0};
    struct nitro_doc d = {0};
    struct bytes document;
    struct facts f = {0};
    struct err e = {0};
    bool good;

    arena_init(&a, 1 << 20);
    document = vector_file(&a, r->path, "attestation_doc.cbor");
    assert_true(document.n > 0);
    assert_true(nitro_doc_parse(document, false, &d, &e));
    o.now_s = vector_time(r, (int64_t)(d.timestamp_ms / 1000) + 30);
    good = verify(document, o, &f, &e);
    print_message("  %-28s %-12s %s\n", r->path, r->expect, good ? "valid" : e.reason);
    if (strcmp(r->expect, "refused") == 0) {
        assert_false(good);
        assert_true(strcmp(e.reason, "cert.malformed") == 0 ||
                    strcmp(e.reason, "anchor.unknown") == 0);
        return;
    }
    if (strcmp(r->expect, "valid-debug") == 0) {
        assert_false(good);
        assert_string_equal(e.reason, "nitro.debug");
        o.allow_debug = true;
        good = verify(document, o, &f, &e);
        assert_true((f.findings_true & 1u << FINDING_DEBUG) != 0);
    }
    if (!good)
        fail_msg("%s: %s", r->path, e.msg);
    assert_int_equal(f.assurance, ASSURANCE_HARDWARE);
    assert_string_equal(f.vendor.word[0], "aws");
    assert_string_equal(f.technology.word[0], "nitro");
    assert_int_equal(f.generation.n, 0);
    assert_int_equal(f.firmware.n, 0);
    assert_int_equal(f.platform_id_n, 19); /* "i-0827e799ec9232d44" */
    assert_memory_equal(f.platform_id, "i-0", 3);
    assert_int_equal(f.measurement_n, 48);
    o.report_data = report_data;
    assert_false(verify(document, o, &f, &e));
    assert_string_equal(e.reason, "evidence.report-data");
    o.report_data = NULL;
    o.now_s += INT64_C(4) * 3600; /* leaves live three hours */
    assert_false(verify(document, o, &f, &e));
    assert_string_equal(e.reason, "cert.validity");
    o.now_s -= INT64_C(40) * 86400;
    assert_false(verify(document, o, &f, &e));
    assert_string_equal(e.reason, "cert.validity");
}

static void vectors_get_their_verdicts(void **state)
{
    unsigned n;

    (void)state;
    if (!vectors_here())
        skip();
    n = vectors_each("nitro-document", vector_check);
    print_message("%u Nitro documents got their verdicts\n", n);
    assert_true(n >= 10);
}

static void real_vector_changed(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_cache *cache;
    struct evidence_options o = {.now_s = vector_time(r, NOW), .allow_debug = true};
    struct bytes document;
    struct facts f;
    struct err e = {0};
    uint8_t *copy;

    if (strcmp(r->expect, "refused") == 0)
        return;
    arena_init(&a, 1 << 20);
    document = vector_file(&a, r->path, "attestation_doc.cbor");
    copy = arena_alloc(&a, document.n);
    cache = evidence_cache_new(64);
    assert_non_null(copy);
    assert_non_null(cache);
    o.cache = cache;
    memcpy(copy, document.p, document.n);
    for (size_t i = 0; i < document.n; i += 37) {
        e = (struct err){0};
        copy[i] ^= (uint8_t)(1u << i % 8);
        if (verify((struct bytes){copy, document.n}, o, &f, &e))
            fail_msg("%s: byte %zu changed and nobody noticed", r->path, i);
        assert_true(e.reason[0] != '\0');
        copy[i] = document.p[i];
    }
    assert_true(verify((struct bytes){copy, document.n}, o, &f, &e));
    evidence_cache_free(cache);
}

static void no_part_of_a_real_document_can_change(void **state)
{
    (void)state;
    if (!vectors_here())
        skip();
    assert_true(vectors_each("nitro-document", real_vector_changed) >= 10);
}

static void simulated_documents_are_sound(void **state)
{
    static const char *const kinds[] = {
        "technology=nitro",
        "vendor=aws,technology=nitro,tagged=on",
        "technology=nitro,open-ended=on,chip=7,image=9",
        "technology=nitro,tagged=on,open-ended=on",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
        struct evidence_options o = trusting();
        struct facts f = {0};
        struct err e = {0};

        make(kinds[i], &s);
        assert_string_equal(evidence_technology(buf_bytes(&s.evidence)), "nitro");
        if (!verify(buf_bytes(&s.evidence), o, &f, &e))
            fail_msg("%s: %s", kinds[i], e.msg);
        assert_int_equal(f.assurance, ASSURANCE_SIMULATED);
        assert_int_equal(f.platform_id_n, 19);
        assert_int_equal(f.findings_known,
                         1u << FINDING_DEBUG | 1u << FINDING_REVOCATION_UNCHECKED);
        assert_int_equal(f.findings_true, 0);
        o.allow_simulated = false;
        assert_false(verify(buf_bytes(&s.evidence), o, &f, &e));
        assert_string_equal(e.reason, "evidence.simulated");
    }
}

static void defects_are_named(void **state)
{
    static const char *const reasons[SIM_NITRO_DEFECTS] = {
        [SIM_NITRO_STALE_REPORT_DATA] = "evidence.report-data",
        [SIM_NITRO_WRONG_KEY] = "cose.signature",
        [SIM_NITRO_BAD_SIGNATURE] = "cose.signature",
        [SIM_NITRO_DEBUG] = "nitro.debug",
        [SIM_NITRO_EXPIRED] = "cert.validity",
        [SIM_NITRO_FOREIGN_ROOT] = "anchor.unknown",
        [SIM_NITRO_BROKEN_CHAIN] = "cert.signature",
        [SIM_NITRO_LONG_CHAIN] = "cert.shape",
        [SIM_NITRO_NOT_A_CA] = "cert.shape",
        [SIM_NITRO_LEAF_IS_CA] = "cert.shape",
        [SIM_NITRO_WRONG_DIGEST] = "nitro.digest",
        [SIM_NITRO_WRONG_ALGORITHM] = "nitro.algorithm",
        [SIM_NITRO_MISSING_FIELD] = "nitro.missing-field",
        [SIM_NITRO_UNKNOWN_FIELD] = "nitro.unknown-field",
        [SIM_NITRO_DUPLICATE_FIELD] = "cbor.duplicate-key",
        [SIM_NITRO_SHORT_PCR] = "nitro.pcr",
        [SIM_NITRO_FUTURE] = "nitro.timestamp",
    };

    (void)state;
    for (unsigned d = 1; d < SIM_NITRO_DEFECTS; d++)
        for (unsigned form = 0; form < 2; form++) {
            AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
            char text[80];

            snprintf(text, sizeof text, "technology=nitro,open-ended=%s,defect=%s",
                     form == 0 ? "off" : "on", sim_nitro_kind.defects[d]);
            make(text, &s);
            assert_refused(buf_bytes(&s.evidence), reasons[d], text);
        }
}

static void no_byte_can_change(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_cache *cache = evidence_cache_new(64);
    struct evidence_options o = trusting();
    struct facts f;

    (void)state;
    o.cache = cache;
    make("technology=nitro,open-ended=on", &s);
    for (size_t i = 0; i < s.evidence.n; i++) {
        struct err e = {0};

        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
        if (verify(buf_bytes(&s.evidence), o, &f, &e))
            fail_msg("byte %zu changed and nobody noticed", i);
        assert_true(e.reason[0] != '\0');
        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(verify(buf_bytes(&s.evidence), o, &f, NULL));
    evidence_cache_free(cache);
}

static void every_prefix_is_refused(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_options o = trusting();
    struct nitro_doc d;
    struct facts f;
    struct err e = {0};

    (void)state;
    make("technology=nitro", &s);
    for (size_t n = 0; n < s.evidence.n; n++) {
        uint8_t *exact = malloc(n == 0 ? 1 : n); /* so that sanitizers see a read past the end */

        memcpy(exact, s.evidence.p, n);
        assert_false(nitro_doc_parse((struct bytes){exact, n}, true, &d, &e));
        assert_string_equal(e.reason, "cbor.truncated");
        free(exact);
    }
    buf_zero(&s.evidence, 3);
    assert_refused(buf_bytes(&s.evidence), "bytes.trailing", "padding");
    o.lenient = true;
    assert_true(verify(buf_bytes(&s.evidence), o, &f, &e));
    s.evidence.p[s.evidence.n - 1] = 1;
    assert_false(verify(buf_bytes(&s.evidence), o, &f, &e));
    assert_string_equal(e.reason, "bytes.trailing");
}

/* The document with bytes of its payload replaced, `skip` after the text `find`, and signed again
 * by the same enclave. */
static void sign_again(const struct sim_evidence *s, const char *find, size_t skip,
                       struct bytes with, struct buf *out)
{
    const uint64_t chip = 0;
    EVP_PKEY *key = sim_ec_key(SIM_P384, "bailey-sim-nitro-enclave",
                               (struct bytes){(const uint8_t *)&chip, sizeof chip});
    const struct sim_cose how = {.algorithm = COSE_ES384};
    AUTO_BUF struct buf payload = {0};
    struct nitro_doc d;
    size_t at = 0;

    assert_true(nitro_doc_parse(buf_bytes(&s->evidence), false, &d, NULL));
    while (at + strlen(find) <= d.cose.payload.n &&
           memcmp(d.cose.payload.p + at, find, strlen(find)) != 0)
        at++;
    at += skip;
    assert_true(at + with.n <= d.cose.payload.n);
    buf_put(&payload, d.cose.payload.p, d.cose.payload.n);
    memcpy(payload.p + at, with.p, with.n);
    assert_true(sim_cose_sign1(out, &how, key, SIM_P384, buf_bytes(&payload)));
    EVP_PKEY_free(key);
}

static void changed_fields_are_named(void **state)
{
    static const struct {
        const char *find;
        size_t skip;
        struct bytes with;
        const char *reason, *field;
    } rows[] = {
        {"module_id", 0, BYTES_INIT("module-id"), "nitro.unknown-field", "module-id"},
        {"module_id", 9, BYTES_INIT("\x58"), "cbor.type", "module_id"},
        {"digest", 0, BYTES_INIT("digesu"), "nitro.unknown-field", "digesu"},
        {"SHA384", 0, BYTES_INIT("SHA385"), "nitro.digest", "digest"},
        {"SHA384", 0, BYTES_INIT("SHA512"), "nitro.digest", "digest"},
        {"SHA384", 0, BYTES_INIT("sha384"), "nitro.digest", "digest"},
        {"SHA384", 5, BYTES_INIT("\xff"), "cbor.text", "payload"},
        {"timestamp", 0, BYTES_INIT("timestamq"), "nitro.unknown-field", "timestamq"},
        {"timestamp", 9, BYTES_INIT("\x3b"), "cbor.type", "timestamp"},
        {"timestamp", 9, BYTES_INIT("\xfb"), "cbor.malformed", "payload"},
        {"timestamp", 10, BYTES_INIT("\x7f\xff"), "nitro.timestamp", "timestamp"},
        {"timestamp", 10, BYTES_INIT("\0\0\0\x10"), "nitro.timestamp", "timestamp"},
        {"timestamp", 10, BYTES_INIT("\0\0\0\0"), "cbor.not-minimal", "payload"},
        {"pcrs", 0, BYTES_INIT("pcrt"), "nitro.unknown-field", "pcrt"},
        {"pcrs", 4, BYTES_INIT("\xaf"), "bytes.trailing", "payload"},
        {"pcrs", 4, BYTES_INIT("\x90"), "bytes.trailing", "payload"},
        {"pcrs", 5, BYTES_INIT("\x18"), "cbor.malformed", "payload"},
        {"pcrs", 5, BYTES_INIT("\x0f"), "cbor.duplicate-key", "payload"},
        {"pcrs", 5, BYTES_INIT("\x10"), "nitro.missing-field", "pcrs[0]"},
        {"pcrs", 5, BYTES_INIT("\x20"), "cbor.type", "pcrs"},
        {"pcrs", 6, BYTES_INIT("\x78"), "cbor.text", "payload"},
        {"certificate", 0, BYTES_INIT("certifikate"), "nitro.unknown-field", "certifikate"},
        {"certificate", 11, BYTES_INIT("\x79"), "cbor.text", "payload"},
        {"certificate", 15, BYTES_INIT("\x31"), "cert.malformed", "certificate"},
        {"cabundle", 0, BYTES_INIT("cabundlf"), "nitro.unknown-field", "cabundlf"},
        {"cabundle", 8, BYTES_INIT("\xa2"), "cbor.key-type", "payload"},
        {"cabundle", 8, BYTES_INIT("\x80"), "cbor.key-type", "payload"},
        {"cabundle", 12, BYTES_INIT("\x31"), "anchor.unknown", "cabundle[0]"},
        {"public_key", 0, BYTES_INIT("public-key"), "nitro.unknown-field", "public-key"},
        {"public_key", 10, BYTES_INIT("\xf5"), "cbor.type", "public_key"},
        {"public_key", 10, BYTES_INIT("\0"), "cbor.type", "public_key"},
        {"public_key", 10, BYTES_INIT("\x60"), "cbor.type", "public_key"},
        {"user_data", 0, BYTES_INIT("user_date"), "nitro.unknown-field", "user_date"},
        {"user_data", 9, BYTES_INIT("\x78"), "cbor.text", "payload"},
        {"user_data", 9, BYTES_INIT("\x58\x3f"), "bytes.trailing", "payload"},
        {"user_data", 11, BYTES_INIT("\x02"), "evidence.report-data", "user_data"},
        {"user_data", 74, BYTES_INIT("\x02"), "evidence.report-data", "user_data"},
        {"nonce", 0, BYTES_INIT("nonze"), "nitro.unknown-field", "nonze"},
        {"nonce", 5, BYTES_INIT("\xf7"), "cbor.malformed", "payload"},
        {"nonce", 5, BYTES_INIT("\x80"), "cbor.type", "nonce"},
        {"nonce", 5, BYTES_INIT("\xa0"), "cbor.type", "nonce"},
        {"nonce", 5, BYTES_INIT("\xf4"), "cbor.type", "nonce"},
        {"nonce", 5, BYTES_INIT("\x41"), "cbor.truncated", "payload"},
        {"", 0, BYTES_INIT("\xa8"), "bytes.trailing", "payload"},
        {"", 0, BYTES_INIT("\xaa"), "cbor.truncated", "payload"},
        {"", 0, BYTES_INIT("\x89"), "bytes.trailing", "payload"},
        {"", 0, BYTES_INIT("\xbf"), "cbor.truncated", "payload"},
    };
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};

    (void)state;
    make("technology=nitro", &s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_BUF struct buf document = {0};
        struct facts f;
        struct err e = {0};

        sign_again(&s, rows[i].find, rows[i].skip, rows[i].with, &document);
        if (verify(buf_bytes(&document), trusting(), &f, &e))
            fail_msg("row %zu, %s: valid; want %s", i, rows[i].find, rows[i].reason);
        if (strcmp(e.reason, rows[i].reason) != 0 || strcmp(e.field, rows[i].field) != 0)
            fail_msg("row %zu, %s: got %s in %s (%s), want %s in %s", i, rows[i].find, e.reason,
                     e.field, e.msg, rows[i].reason, rows[i].field);
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
    make("technology=nitro", &s);
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
        cmocka_unit_test(no_part_of_a_real_document_can_change),
        cmocka_unit_test(simulated_documents_are_sound),
        cmocka_unit_test(defects_are_named),
        cmocka_unit_test(no_byte_can_change),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(explanations_leave_nothing_out),
        cmocka_unit_test(changed_fields_are_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    print_message("%u verifications\n", cases);
    return failed;
}
