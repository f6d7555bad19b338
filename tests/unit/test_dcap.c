/* Real Intel quotes, with and without collateral, against the verdicts they must get. */
#include <stdio.h>
#include <stdlib.h>

#include "attest/dcap_collateral.h"
#include "attest/dcap_quote.h"
#include "attest/evidence.h"
#include "tests/lib/quotes.h"
#include "tests/lib/unit.h"
#include "tests/lib/vectors.h"

#define NOW INT64_C(1795000000)
#define ARENA_MAX (4u << 20)

static unsigned cases, statuses;

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
    AUTO_ARENA struct arena a;
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

/* The advisories that the row names: all of them, and no others but those of the TDX module and
 * the quoting enclave. */
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
    AUTO_ARENA struct arena a;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_get_their_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
