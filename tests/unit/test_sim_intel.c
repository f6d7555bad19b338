/* Simulated Intel platforms: what the knobs say is what the verifier finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_dcap_cpu.h"
#include "attest/sim/sim_kind.h"

#define NOW INT64_C(1795000000) /* 2026-11-18 */

static const uint8_t report_data[64] = "what the controller asked for, and who answers";

static struct sim_platform parsed(const char *text)
{
    struct sim_platform p;
    struct err e = {0};

    if (!sim_platform_parse(text, &p, &e))
        fail_msg("%s: %s", text, e.msg);
    return p;
}

static bool verify_as(const struct sim_platform *p, const struct evidence_options *o,
                      struct facts *f, struct err *e)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_input in = {0};

    if (!sim_evidence(p, report_data, NOW, &s, e))
        fail_msg("%s", e->msg);
    in.evidence = buf_bytes(&s.evidence);
    for (unsigned i = 0; i < s.files_n; i++)
        in.files[in.files_n++] =
            (struct evidence_file){s.files[i].name, buf_bytes(&s.files[i].bytes)};
    assert_string_equal(evidence_technology(in.evidence), sim_technology_name(p));
    return evidence_verify(&in, o, f, e);
}

static bool verify(const struct sim_platform *p, struct facts *f, struct err *e)
{
    const struct evidence_options o = {
        .now_s = NOW, .report_data = report_data, .allow_simulated = true};

    return verify_as(p, &o, f, e);
}

static uint64_t svn(const struct facts *f, const char *name)
{
    for (unsigned i = 0; i < f->tcb_n; i++)
        if (strcmp(f->tcb[i].name, name) == 0)
            return f->tcb[i].value;
    return UINT64_MAX;
}

static bool found(const struct facts *f, enum finding what)
{
    assert_true((f->findings_known & 1u << what) != 0);
    return (f->findings_true & 1u << what) != 0;
}

static void every_processor_is_recognised(void **state)
{
    static const struct {
        const char *text, *line, *status;
        unsigned advisories;
    } rows[] = {
        {"technology=tdx,generation=sapphire-rapids", "intel tdx sapphire-rapids 1.6 (simulated)",
         "UpToDate", 0},
        {"technology=tdx,generation=emerald-rapids", "intel tdx emerald-rapids 1.6 (simulated)",
         "UpToDate", 0},
        {"technology=tdx,generation=granite-rapids,module=2.0.5",
         "intel tdx granite-rapids 3.5 (simulated)", "UpToDate", 0},
        {"technology=tdx,generation=sierra-forest", "intel tdx sierra-forest 1.6 (simulated)",
         "UpToDate", 0},
        {"technology=sgx,generation=coffee-lake", "intel sgx coffee-lake (simulated)",
         "SWHardeningNeeded", 2},
        {"technology=sgx,generation=rocket-lake", "intel sgx rocket-lake (simulated)",
         "SWHardeningNeeded", 1},
        {"technology=sgx,generation=ice-lake-sp", "intel sgx ice-lake-sp (simulated)",
         "SWHardeningNeeded", 1},
        {"vendor=intel,generation=icelake", "intel sgx ice-lake-sp (simulated)",
         "SWHardeningNeeded", 1},
        {"technology=sgx,generation=icelake-client", "intel sgx ice-lake-client (simulated)",
         "SWHardeningNeeded", 2},
        {"technology=sgx,generation=sapphire-rapids", "intel sgx sapphire-rapids (simulated)",
         "UpToDate", 0},
        {"technology=sgx,generation=emerald-rapids", "intel sgx emerald-rapids (simulated)",
         "UpToDate", 0},
        {"technology=sgx,generation=granite-rapids", "intel sgx granite-rapids (simulated)",
         "UpToDate", 0},
        {"technology=sgx,generation=sierra-forest", "intel sgx sierra-forest (simulated)",
         "UpToDate", 0},
        /* the same word of vendor and generation: the first technology that has both */
        {"vendor=intel,generation=emerald-rapids", "intel tdx emerald-rapids 1.6 (simulated)",
         "UpToDate", 0},
        /* another instance digit, and another processor altogether */
        {"technology=tdx,generation=sapphire-rapids,fmspc=50806F000000",
         "intel tdx sapphire-rapids 1.6 (simulated)", "UpToDate", 0},
        {"technology=tdx,generation=sapphire-rapids,fmspc=b0c06f000000",
         "intel tdx emerald-rapids 1.6 (simulated)", "UpToDate", 0},
    };
    char line[160];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_platform p = parsed(rows[i].text);
        struct facts f = {0};
        struct err e = {0};

        if (!verify(&p, &f, &e))
            fail_msg("%s: %s", rows[i].text, e.msg);
        assert_string_equal(facts_format(&f, line, sizeof line), rows[i].line);
        assert_string_equal(f.tcb_status, rows[i].status);
        assert_true(f.advisories_known);
        assert_int_equal(f.advisories_n, rows[i].advisories);
        assert_int_equal(f.platform_id_n, 16);
        assert_false(found(&f, FINDING_REVOCATION_UNCHECKED));
    }
}

/* Every status on every processor, in every version of the quote. */
static void every_status_can_be_played(void **state)
{
    static const char *const variants[] = {"tdx,version=4", "tdx,version=5", "sgx,version=3"};

    (void)state;
    for (size_t v = 0; v < 3; v++) {
        char name[8] = {0};
        const struct sim_kind *k;

        memcpy(name, variants[v], 3);
        k = sim_kind_find(name);
        for (unsigned g = 0; g < k->generations_n; g++)
            for (unsigned s = SIM_DCAP_NEWEST + 1; s < SIM_DCAP_STATUSES; s++) {
                struct sim_platform p;
                struct facts f = {0};
                struct err e = {0};
                char text[160];

                (void)snprintf(text, sizeof text, "technology=%s,generation=%s,tcb=%s", variants[v],
                               k->generations[g], sim_dcap_statuses[s]);
                p = parsed(text);
                if (!verify(&p, &f, &e))
                    fail_msg("%s: %s", text, e.msg);
                if (strcmp(f.tcb_status, sim_dcap_statuses[s]) != 0)
                    fail_msg("%s: got %s", text, f.tcb_status);
            }
    }
}

static void facts_are_the_platforms(void **state)
{
    struct sim_platform p = parsed("technology=tdx,generation=sapphire-rapids,version=5,module=1.5."
                                   "11,smt=off,cached=on,dynamic=on,pcesvn=12,qe=5,chip=7");
    struct facts f = {0}, other = {0};
    struct err e = {0};

    (void)state;
    assert_true(verify(&p, &f, &e));
    assert_int_equal(svn(&f, "sgx-01"), 8);
    assert_int_equal(svn(&f, "sgx-08"), 6);
    assert_int_equal(svn(&f, "pcesvn"), 12);
    assert_int_equal(svn(&f, "qe"), 5);
    assert_int_equal(svn(&f, "tdx-01"), 11);
    assert_int_equal(svn(&f, "tdx-02"), 1);
    assert_int_equal(svn(&f, "tdx-03"), 8);
    assert_int_equal(svn(&f, "module"), 11);
    assert_false(found(&f, FINDING_SMT));
    assert_true(found(&f, FINDING_CACHED_KEYS));
    assert_true(found(&f, FINDING_DYNAMIC_PLATFORM));
    assert_false(found(&f, FINDING_MIGRATABLE));
    assert_false(found(&f, FINDING_SEPT_VE_ENABLED));
    assert_int_equal(f.measurement_n, 48);
    p.chip = 8;
    assert_true(verify(&p, &other, &e));
    assert_memory_not_equal(f.platform_id, other.platform_id, 16);
    assert_true(facts_same_class(&f, &other));
    /* a Processor CA says nothing of the platform's configuration */
    p = parsed("technology=sgx,generation=rocket-lake");
    assert_true(verify(&p, &f, &e));
    assert_true((f.findings_known & 1u << FINDING_SMT) == 0);
    assert_int_equal(svn(&f, "tdx-01"), UINT64_MAX);
    assert_int_equal(f.measurement_n, 32);
}

static void simulated_evidence_needs_leave(void **state)
{
    const struct evidence_options o = {.now_s = NOW, .report_data = report_data};
    struct facts f = {0};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sim_platform p = parsed(i == 0 ? "technology=tdx,generation=emerald-rapids"
                                              : "technology=sgx,generation=ice-lake-sp");
        struct err e = {0};

        assert_false(verify_as(&p, &o, &f, &e));
        assert_string_equal(e.reason, "evidence.simulated");
    }
}

static void without_collateral(void **state)
{
    struct evidence_options o = {.now_s = NOW, .report_data = report_data, .allow_simulated = true};
    struct sim_platform p = parsed("technology=tdx,generation=emerald-rapids,collateral=off");
    struct facts f = {0};
    struct err e = {0};

    (void)state;
    assert_false(verify_as(&p, &o, &f, &e));
    assert_string_equal(e.reason, "dcap.collateral-missing");
    o.signatures_only = true;
    assert_true(verify_as(&p, &o, &f, &e));
    assert_string_equal(f.tcb_status, "");
    assert_false(f.advisories_known);
    assert_string_equal(f.generation.word[0], "emerald-rapids");
}

static void descriptions_are_checked(void **state)
{
    static const struct {
        const char *text, *reason, *mend;
    } rows[] = {
        {"vendor=intel", "sim.missing-key", ""},
        {"technology=tdx", "sim.missing-key", ""},
        {"technology=tdy,generation=milan", "sim.bad-value", "did you mean tdx?"},
        {"vendor=amd,technology=tdx,generation=milan", "sim.bad-value", ""},
        {"technology=tdx,generation=ice-lake-sp", "sim.bad-value", ""},
        {"technology=tdx,generation=saphire-rapids", "sim.bad-value",
         "did you mean sapphire-rapids?"},
        {"technology=tdx,generation=sapphire-rapids,version=3", "sim.bad-value", ""},
        {"technology=sgx,generation=ice-lake-sp,version=6", "sim.bad-value", ""},
        {"technology=sgx,generation=ice-lake-sp,module=1.5.6", "sim.unknown-key", ""},
        {"technology=sgx,generation=ice-lake-sp,defect=migratable", "sim.bad-value", ""},
        {"technology=tdx,generation=sapphire-rapids,module=1.4.6", "sim.bad-value", ""},
        {"technology=tdx,generation=sapphire-rapids,module=1.5", "sim.bad-value", ""},
        {"technology=tdx,generation=sapphire-rapids,body=1.5", "sim.bad-value", ""},
        {"technology=tdx,generation=sapphire-rapids,tcb=UptoDate", "sim.bad-value",
         "did you mean UpToDate?"},
        {"technology=tdx,generation=sapphire-rapids,fmspc=00806F", "sim.bad-value", ""},
        {"technology=tdx,generation=sapphire-rapids,pcesvn=65536", "sim.bad-value", ""},
        {"technology=tdx,generation=sapphire-rapids,chain=beside", "sim.bad-value", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_platform p;
        struct err e = {0};

        if (sim_platform_parse(rows[i].text, &p, &e))
            fail_msg("%s: accepted", rows[i].text);
        if (strcmp(e.reason, rows[i].reason) != 0 || strcmp(e.mend, rows[i].mend) != 0)
            fail_msg("%s: %s, %s, \"%s\"", rows[i].text, e.reason, e.msg, e.mend);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_processor_is_recognised),
        cmocka_unit_test(every_status_can_be_played),
        cmocka_unit_test(facts_are_the_platforms),
        cmocka_unit_test(simulated_evidence_needs_leave),
        cmocka_unit_test(without_collateral),
        cmocka_unit_test(descriptions_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
