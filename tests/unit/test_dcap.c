/* Real Intel quotes, with and without collateral, against the verdicts they must get. */
#include <stdio.h>
#include <stdlib.h>

#include "attest/dcap_chain.h"
#include "attest/dcap_collateral.h"
#include "attest/dcap_quote.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "base/buf.h"
#include "tests/lib/quotes.h"
#include "tests/lib/unit.h"
#include "tests/lib/vectors.h"

#define NOW INT64_C(1795000000)
#define ARENA_MAX (4u << 20)

static unsigned cases, statuses;
static char signing_chain[8192], signing_at[32];

static bool verify(const struct evidence_input *in, const struct evidence_options *o,
                   struct facts *f, struct err *e)
{
    cases++;
    *e = (struct err){0};
    return evidence_verify(in, o, f, e);
}

static void facts_check(const struct vector_row *r, const struct facts *f)
{
    bool tdx = strncmp(r->path, "tdx", 3) == 0;

    assert_int_equal(f->assurance, ASSURANCE_HARDWARE);
    assert_string_equal(f->vendor.word[0], "intel");
    assert_string_equal(f->technology.word[0], tdx ? "tdx" : "sgx");
    if (f->generation.n != 1 || strcmp(f->generation.word[0], r->generation) != 0)
        fail_msg("%s: generation %s, want %s", r->path, f->generation.word[0], r->generation);
    assert_string_equal(f->generation.source, "PCK.FMSPC");
    assert_int_equal(f->tcb_n, tdx ? 35 : 18);
    assert_int_equal(f->firmware.n, tdx ? 2 : 0);
    assert_int_equal(f->platform_id_n, 16);
    assert_int_equal(f->measurement_n, tdx ? 48 : 32);
    assert_true((f->findings_known & 1u << FINDING_DEBUG) != 0);
}

/* A quote alone: everything that needs no collateral, or only its shape. */
static void quote_check(const struct vector_row *r)
{
    struct evidence_options o = {.now_s = vector_time(r, NOW), .allow_debug = true};
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct dcap_quote q;
    struct facts f = {0};
    struct err e = {0};

    arena_init(&a, ARENA_MAX);
    quotes_input(&a, r, &in);
    assert_false(verify(&in, &o, &f, &e)); /* nobody knows what the platform is worth */
    o.signatures_only = true;
    if (strcmp(r->expect, "signatures-valid") == 0) {
        assert_string_equal(e.reason, "dcap.collateral-missing");
        if (!verify(&in, &o, &f, &e))
            fail_msg("%s: %s: %s", r->path, e.reason, e.msg);
        facts_check(r, &f);
        assert_string_equal(f.tcb_status, "");
        assert_false(f.advisories_known);
        assert_true((f.findings_true & 1u << FINDING_REVOCATION_UNCHECKED) != 0);
        return;
    }
    assert_false(verify(&in, &o, &f, &e));
    if (strcmp(r->expect, "parse-only") == 0) {
        assert_true(dcap_quote_parse(in.evidence, false, &q, &e));
        assert_true(strcmp(e.reason, "evidence.file-missing") == 0 ||
                    strcmp(e.reason, "cert.malformed") == 0);
        return;
    }
    assert_string_equal(r->expect, "refused");
    print_message("  %-60s %s\n", r->path, e.reason);
    assert_true(e.reason[0] != '\0' && e.field[0] != '\0');
}

static bool named(const struct facts *f, const char *advisory, size_t n)
{
    for (unsigned i = 0; i < f->advisories_n; i++)
        if (strlen(f->advisory[i]) == n && memcmp(f->advisory[i], advisory, n) == 0)
            return true;
    return false;
}

/* "platform=OutOfDate[INTEL-SA-00960,...]; tdxmodule=TDX_01/2:OutOfDate; qe=UpToDate(isvsvn 5)":
 * every advisory of the platform's level is among the facts, and no other but those of a module or
 * enclave that is out of date; the module's and the enclave's versions are as the row says. */
static void verdict_check(const struct vector_row *r, const struct facts *f)
{
    const char *module = strstr(r->verdict, "tdxmodule=TDX_"), *qe = strstr(r->verdict, "(isvsvn "),
               *p = strchr(r->verdict, '[');
    unsigned n = 0, version[2];

    while (p != NULL && *p != ']') {
        size_t size = strcspn(p + 1, ",]");

        if (!named(f, p + 1, size))
            fail_msg("%s: advisory missing: %.*s", r->path, (int)size, p + 1);
        n++;
        p += 1 + size;
    }
    if (strstr(r->verdict, "qe=UpToDate") != NULL && strstr(r->verdict, ":OutOfDate") == NULL)
        assert_int_equal(f->advisories_n, n);
    assert_true(f->advisories_n >= n);
    assert_true(qe != NULL);
    for (unsigned i = 0; i < f->tcb_n; i++)
        if (strcmp(f->tcb[i].name, "qe") == 0)
            assert_int_equal(f->tcb[i].value, strtoul(qe + 8, NULL, 10));
    if (module == NULL)
        return;
    assert_int_equal(sscanf(module + 14, "%2x/%u", &version[0], &version[1]), 2);
    assert_int_equal(f->firmware.part[0], version[0]);
    assert_int_equal(f->firmware.part[1], version[1]);
}

static void status_check(const struct vector_row *r, const struct facts *f)
{
    if (strcmp(f->tcb_status, r->status) != 0)
        fail_msg("%s: status %s, want %s", r->path, f->tcb_status, r->status);
    assert_true(f->advisories_known);
    assert_true(f->tcb_date_s > INT64_C(1483228800) && f->tcb_date_s < NOW);
    statuses++;
}

static void collateral_check(const struct vector_row *r)
{
    struct evidence_options o = {.now_s = vector_time(r, NOW), .allow_debug = true};
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct facts f = {0};
    struct err e = {0};
    bool good, listed;

    arena_init(&a, ARENA_MAX);
    quotes_input(&a, r, &in);
    good = verify(&in, &o, &f, &e);
    if (strcmp(r->expect, "refused") == 0) {
        assert_false(good);
        assert_string_equal(r->status, "NoMatch");
        assert_string_equal(e.reason, "dcap.tcb-no-match");
        return;
    }
    assert_string_equal(r->expect, "valid");
    if (!good)
        fail_msg("%s: %s: %s", r->path, e.reason, e.msg);
    facts_check(r, &f);
    status_check(r, &f);
    verdict_check(r, &f);
    /* The vectors' list of the Processor CA is that of Intel's test authority of the same name. */
    listed = quotes_file(&in, "pck_crl.der") != NULL && strcmp(r->generation, "coffee-lake") != 0 &&
             strcmp(r->generation, "rocket-lake") != 0;
    assert_int_equal((f.findings_true & 1u << FINDING_REVOCATION_UNCHECKED) == 0, listed);
    assert_true((f.findings_known & 1u << FINDING_STALE_COLLATERAL) != 0);
    assert_true((f.findings_true & 1u << FINDING_STALE_COLLATERAL) == 0);
}

static void vectors_get_their_verdicts(void **state)
{
    unsigned n[4];

    (void)state;
    if (!vectors_here())
        skip();
    n[0] = vectors_each("sgx-quote", quote_check);
    n[1] = vectors_each("tdx-quote", quote_check);
    n[2] = vectors_each("sgx-quote+collateral", collateral_check);
    n[3] = vectors_each("tdx-quote+collateral", collateral_check);
    print_message(
        "%u SGX and %u TDX quotes, %u and %u with collateral (%u with a status) got their "
        "verdicts\n",
        n[0], n[1], n[2], n[3], statuses);
    assert_true(n[0] >= 18 && n[1] >= 33 && n[2] >= 22 && n[3] >= 33);
}

static void collateral_alone_check(const struct vector_row *r)
{
    bool identity = strstr(r->path, "qe_identity") != NULL;
    const char *name = identity ? "qe_identity.json" : "tcb_info.json";
    const char *key = identity ? "enclaveIdentity" : "tcbInfo";
    struct evidence_options o = {
        .now_s = NOW, .anchors = anchors_builtin, .anchors_n = anchors_builtin_n, .lenient = true};
    AUTO_DCAP_CHAIN struct dcap_chain chain = {0};
    AUTO_ARENA struct arena a = {0};
    struct dcap_tcb_info *t;
    struct dcap_identity *i;
    struct bytes text, inner;
    uint8_t signature[64];
    struct err e = {0};
    bool whole, stale;

    arena_init(&a, ARENA_MAX);
    assert_string_equal(r->expect, "refused");
    text = vector_file(&a, r->path, name);
    assert_true(text.n > 0);
    whole = dcap_document_cut(text, key, name, &inner, signature, &e); /* two have no signature */
    if (!dcap_chain_signing(bytes_str(signing_chain), "tcb_signing_chain.pem", NULL, &o, &chain,
                            &e))
        fail_msg("%s", e.msg);
    if (identity)
        assert_false(dcap_identity_open(text, DCAP_TEE_SGX, chain.leaf, &o, name, &i, &stale, &e));
    else
        assert_false(dcap_tcb_info_open(text, DCAP_TEE_SGX, chain.leaf, &o, name, &t, &stale, &e));
    assert_string_equal(e.reason,
                        whole ? "dcap.collateral-signature" : "dcap.collateral-malformed");
    cases++;
}

/* The newest signing chain of the vectors: valid at NOW. */
static void chain_keep(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;

    arena_init(&a, ARENA_MAX);
    if (strcmp(r->verify_at, signing_at) <= 0)
        return;
    quotes_input(&a, r, &in);
    snprintf(signing_at, sizeof signing_at, "%s", r->verify_at);
    snprintf(signing_chain, sizeof signing_chain, "%.*s",
             (int)quotes_file(&in, "tcb_signing_chain.pem")->bytes.n,
             (const char *)quotes_file(&in, "tcb_signing_chain.pem")->bytes.p);
}

static void unsigned_collateral_is_refused(void **state)
{
    unsigned n;

    (void)state;
    if (!vectors_here())
        skip();
    vectors_each("tdx-quote+collateral", chain_keep);
    n = vectors_each("intel-collateral", collateral_alone_check);
    print_message("%u documents that Intel did not sign are refused\n", n);
    assert_true(n >= 6);
}

/* Intel's own test authorities: sound under their own root, and under no other. */
static void test_root_check(const struct vector_row *r)
{
    static const char *const names[][2] = {{"rootCaCrl.der", "root_ca_crl.der"},
                                           {"intermediateCaCrl.der", "pck_crl.der"},
                                           {"tcbInfo.json", "tcb_info.json"},
                                           {"qeIdentity.json", "qe_identity.json"},
                                           {"tcbSignChain.pem", "tcb_signing_chain.pem"}};
    static const struct anchor own = {"test root",
                                      "intel",
                                      "sgx-root",
                                      {0x6a, 0x3b, 0x29, 0xfc, 0x4a, 0xe6, 0xef, 0x0e,
                                       0x0a, 0x92, 0x41, 0xdc, 0x63, 0xae, 0xb2, 0xa3,
                                       0x61, 0xb1, 0x5a, 0xf9, 0x7a, 0x63, 0x48, 0x03,
                                       0xdc, 0xda, 0x3d, 0x73, 0x58, 0xa3, 0xe3, 0x8a},
                                      false};
    struct evidence_options o = {.now_s = vector_time(r, NOW), .allow_debug = true};
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in = {.files_n = 0};
    AUTO_BUF struct buf chain = {0};
    struct bytes leaf, rest;
    struct facts f = {0};
    struct err e = {0};

    if (strcmp(r->path, "sgx/intel-qvl-sample-test-root") != 0)
        return;
    arena_init(&a, ARENA_MAX);
    in.evidence = vector_file(&a, r->path, "quote.bin");
    for (size_t i = 0; i < COUNT(names); i++)
        in.files[in.files_n++] =
            (struct evidence_file){names[i][1], vector_file(&a, r->path, names[i][0])};
    leaf = vector_file(&a, r->path, "pckCert.pem");
    rest = vector_file(&a, r->path, "pckSignChain.pem");
    buf_put(&chain, leaf.p, leaf.n);
    buf_put(&chain, rest.p, rest.n);
    in.files[in.files_n++] = (struct evidence_file){"pck_chain.pem", buf_bytes(&chain)};
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "anchor.unknown");
    o.anchors = &own;
    o.anchors_n = 1;
    /* the sample is made by hand: all but its enclave is sound, and no hardware ever reported one
     * that was not initialized */
    assert_false(verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "sgx.not-initialized");
}

static void a_test_root_is_no_root(void **state)
{
    (void)state;
    if (!vectors_here())
        skip();
    vectors_each("sgx-quote", test_root_check);
}

struct walk {
    size_t next;
    unsigned n;
    char pck[160], version[144];
};

static void walk_field(const struct explained *x, void *data)
{
    struct walk *w = data;

    assert_int_equal(x->offset, w->next); /* no gap, no overlap */
    assert_true(x->size > 0 && x->value[0] != '\0' && x->meaning[0] != '\0');
    assert_true(strchr(x->checked, '.') != NULL);
    if (strcmp(x->field, "PCK_CERTIFICATE") == 0)
        memcpy(w->pck, x->says, sizeof w->pck);
    w->next += x->size;
    w->n++;
}

static unsigned explained;

/* Whole, and cut anywhere: every byte that is there is explained once. */
static void explain_check(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct walk w = {0};
    struct err e = {0};
    size_t whole;

    arena_init(&a, ARENA_MAX);
    quotes_input(&a, r, &in);
    whole = in.evidence.n;
    assert_true(evidence_explain(in.evidence, walk_field, &w, &e));
    assert_int_equal(w.next, whole);
    assert_true(w.n >= 5);
    if (strcmp(r->expect, "signatures-valid") == 0) {
        assert_true(w.n > 50);
        if (strstr(w.pck, r->generation) == NULL)
            fail_msg("%s: %s", r->path, w.pck);
    }
    for (size_t n = 28; n < whole; n += 61) {
        w.next = 0;
        assert_true(evidence_explain((struct bytes){in.evidence.p, n}, walk_field, &w, &e));
        assert_int_equal(w.next, n);
    }
    explained++;
}

static void every_byte_is_explained(void **state)
{
    (void)state;
    if (!vectors_here())
        skip();
    vectors_each("sgx-quote", explain_check);
    vectors_each("tdx-quote", explain_check);
    assert_true(explained >= 51);
}

/* One valid row with both lists, for what options change. */
static struct vector_row some;

static void some_keep(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;

    arena_init(&a, ARENA_MAX);
    if (strcmp(r->status, "UpToDate") != 0)
        return;
    quotes_input(&a, r, &in);
    if (quotes_file(&in, "pck_crl.der") != NULL)
        some = *r;
}

static void assert_refused(const struct evidence_input *in, const struct evidence_options *o,
                           const char *reason, const char *field)
{
    struct facts f;
    struct err e;

    if (verify(in, o, &f, &e))
        fail_msg("valid; want %s", reason);
    assert_string_equal(e.reason, reason);
    if (field != NULL)
        assert_string_equal(e.field, field);
}

static void options_are_kept(void **state)
{
    const int64_t day = 86400;
    uint8_t other[64] = {1};
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct dcap_quote q;
    struct evidence_options good, o;
    struct facts f = {0};
    struct err e;

    (void)state;
    if (!vectors_here())
        skip();
    vectors_each("tdx-quote+collateral", some_keep);
    arena_init(&a, ARENA_MAX);
    quotes_input(&a, &some, &in);
    good = (struct evidence_options){.now_s = vector_time(&some, 0)};
    assert_true(dcap_quote_parse(in.evidence, false, &q, NULL));
    o = good;
    o.report_data = q.tdx.reportdata;
    assert_true(verify(&in, &o, &f, &e));
    o.report_data = other;
    assert_refused(&in, &o, "evidence.report-data", "REPORT.REPORTDATA");
    o = good;
    o.tcb_evaluation_floor = 19;
    assert_true(verify(&in, &o, &f, &e));
    o.tcb_evaluation_floor = 100;
    assert_refused(&in, &o, "dcap.collateral-floor", "tcb_info.json.tcbEvaluationDataNumber");
    o = good;
    o.now_s += 90 * day; /* every list and document is past its next update */
    assert_refused(&in, &o, "crl.validity", NULL);
    quotes_file(&in, "pck_crl.der")->bytes.n = 0;
    quotes_file(&in, "root_ca_crl.der")->bytes.n = 0;
    assert_refused(&in, &o, "dcap.collateral-validity", "tcb_info.json.nextUpdate");
    o.lenient = true;
    assert_true(verify(&in, &o, &f, &e));
    assert_true((f.findings_true & 1u << FINDING_STALE_COLLATERAL) != 0);
    assert_true((f.findings_true & 1u << FINDING_REVOCATION_UNCHECKED) != 0);
    o = good;
    o.now_s -= 60 * day;
    assert_refused(&in, &o, "dcap.collateral-validity", "tcb_info.json.issueDate");
    o.now_s -= 20 * 365 * day;
    assert_refused(&in, &o, "cert.validity", NULL);
    o = good;
    for (unsigned i = 0; i < 3; i++) { /* tcb_info, qe_identity, the chain: each is needed */
        static const char *const names[] = {"tcb_info.json", "qe_identity.json",
                                            "tcb_signing_chain.pem"};
        size_t n = quotes_file(&in, names[i])->bytes.n;

        quotes_file(&in, names[i])->bytes.n = 0;
        assert_refused(&in, &o, "dcap.collateral-missing", names[i]);
        quotes_file(&in, names[i])->bytes.n = n;
    }
    o.anchors = anchors_builtin;
    o.anchors_n = 1; /* AMD's */
    assert_refused(&in, &o, "anchor.unknown", NULL);
}

/* With a cache the answers are the same, right and wrong ones, and the second time is not a first
 * one. */
static void a_cache_changes_nothing(void **state)
{
    struct evidence_cache *cache = evidence_cache_new(256);
    struct evidence_checks checks = {0};
    struct evidence_options o;
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct facts cold = {0}, f = {0};
    uint64_t hits;
    uint8_t *p;
    struct err e;

    (void)state;
    if (!vectors_here()) {
        evidence_cache_free(cache);
        skip();
    }
    vectors_each("tdx-quote+collateral", some_keep);
    arena_init(&a, ARENA_MAX);
    quotes_input(&a, &some, &in);
    p = quotes_own(&a, &in.evidence);
    o = (struct evidence_options){
        .now_s = vector_time(&some, 0), .cache = cache, .checks = &checks};
    assert_true(verify(&in, &o, &cold, &e));
    assert_true(checks.n >= 15);
    hits = evidence_cache_counts(cache).hits;
    assert_true(verify(&in, &o, &f, &e));
    assert_true(evidence_cache_counts(cache).hits >= hits + 10);
    assert_memory_equal(&f, &cold, sizeof f);
    p[100] ^= 1;
    assert_refused(&in, &o, "dcap.signature", "SIGNATURE");
    p[100] ^= 1;
    quotes_own(&a, &quotes_file(&in, "tcb_info.json")->bytes);
    p = (uint8_t *)(uintptr_t)quotes_file(&in, "tcb_info.json")->bytes.p;
    p[quotes_file(&in, "tcb_info.json")->bytes.n - 5] ^= 1;
    assert_refused(&in, &o, "dcap.collateral-signature", "tcb_info.json.signature");
    evidence_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_collateral_is_refused),
        cmocka_unit_test(a_test_root_is_no_root),
        cmocka_unit_test(every_byte_is_explained),
        cmocka_unit_test(options_are_kept),
        cmocka_unit_test(a_cache_changes_nothing),
        cmocka_unit_test(vectors_get_their_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
