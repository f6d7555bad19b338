/* The simulator and the verifier were written from the same public pages but not from each other:
 * what one makes the other must read, and every defect must be called by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attest/binding.h"
#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_kind.h"

#define NOW INT64_C(1795000000) /* 2026-11-18 */

static const uint8_t report_data[64] = "what the controller asked for, and who answers";

static struct evidence_input input_of(const struct sim_evidence *s)
{
    struct evidence_input in = {.evidence = buf_bytes(&s->evidence), .files_n = s->files_n};

    for (unsigned i = 0; i < s->files_n; i++)
        in.files[i] = (struct evidence_file){s->files[i].name, buf_bytes(&s->files[i].bytes)};
    return in;
}

static bool verify(const struct sim_platform *p, struct facts *f, struct err *e)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_options o = {.now_s = NOW, .report_data = report_data, .allow_simulated = true};
    struct evidence_input in;

    assert_true(sim_evidence(p, report_data, NOW, &s, e));
    in = input_of(&s);
    assert_string_equal(evidence_technology(in.evidence), "sev-snp");
    return evidence_verify(&in, &o, f, e);
}

static struct sim_platform parsed(const char *text)
{
    struct sim_platform p;
    struct err e = {0};

    if (!sim_platform_parse(text, &p, &e))
        fail_msg("%s: %s", text, e.msg);
    return p;
}

static void every_generation_verifies(void **state)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"generation=milan", "amd sev-snp milan 1.55.29 (simulated)"},
        {"generation=genoa", "amd sev-snp genoa 1.55.40 (simulated)"},
        {"generation=bergamo", "amd sev-snp bergamo|siena 1.55.49 (simulated)"},
        {"generation=siena", "amd sev-snp bergamo|siena 1.55.49 (simulated)"},
        {"generation=turin", "amd sev-snp turin 1.55.65 (simulated)"},
        {"generation=turin-dense", "amd sev-snp turin|turin-dense 1.55.65 (simulated)"},
        {"generation=milan,version=2", "amd sev-snp milan 1.55.29 (simulated)"},
        {"generation=genoa,version=2", "amd sev-snp genoa|bergamo|siena 1.55.40 (simulated)"},
        {"generation=genoa,version=4,vlek=on", "amd sev-snp genoa 1.55.40 (simulated)"},
        {"generation=turin,vlek=on", "amd sev-snp turin 1.55.65 (simulated)"},
        {"vendor=amd,generation=milan,firmware=1.55.39,snp=0x17,microcode=0xde",
         "amd sev-snp milan 1.55.39 (simulated)"},
        {"generation=genoa,firmware=1.55.40,committed=1.54.1",
         "amd sev-snp genoa 1.54.1 (simulated)"},
    };
    char line[160];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_platform p = parsed(rows[i].text);
        struct facts f = {0};
        struct err e = {0};

        if (!verify(&p, &f, &e))
            fail_msg("%s: %s", rows[i].text, e.msg);
        assert_int_equal(f.assurance, ASSURANCE_SIMULATED);
        assert_string_equal(facts_format(&f, line, sizeof line), rows[i].line);
        assert_int_equal(f.platform_id_n, p.snp.vlek ? 0 : p.generation >= SIM_TURIN ? 8 : 64);
    }
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

static void facts_are_the_platforms(void **state)
{
    struct sim_platform p =
        parsed("generation=turin,fmc=3,bootloader=2,tee=1,snp=200,microcode=0x51,smt=off");
    struct facts f = {0};
    struct err e = {0};

    (void)state;
    assert_true(verify(&p, &f, &e));
    assert_int_equal(f.tcb_n, 5);
    assert_int_equal(svn(&f, "fmc"), 3);
    assert_int_equal(svn(&f, "bootloader"), 2);
    assert_int_equal(svn(&f, "tee"), 1);
    assert_int_equal(svn(&f, "snp"), 200);
    assert_int_equal(svn(&f, "microcode"), 0x51);
    assert_false(found(&f, FINDING_SMT));
    assert_false(found(&f, FINDING_DEBUG));
    assert_false(found(&f, FINDING_MASKED_CHIP_ID));
    assert_false(found(&f, FINDING_PROVISIONAL_FIRMWARE));
    assert_true(found(&f, FINDING_ALIAS_CHECK));
    assert_true(found(&f, FINDING_REVOCATION_UNCHECKED));
    assert_string_equal(f.product_line.word[0], "SEV-Turin");
    assert_string_equal(f.generation.source, "REPORT.CPUID_FAM_ID");
    p = parsed("generation=milan,version=2");
    assert_true(verify(&p, &f, &e));
    assert_int_equal(svn(&f, "fmc"), UINT64_MAX);
    assert_true((f.findings_known & 1u << FINDING_ALIAS_CHECK) == 0); /* v2 cannot say */
}

static void every_defect_has_its_reason(void **state)
{
    static const char *const reasons[SIM_SNP_DEFECTS] = {
        [SIM_SNP_SOUND] = NULL,
        [SIM_SNP_STALE_REPORT_DATA] = "evidence.report-data",
        [SIM_SNP_WRONG_KEY] = "snp.signature",
        [SIM_SNP_BAD_SIGNATURE] = "snp.signature",
        [SIM_SNP_DEBUG] = "snp.debug",
        [SIM_SNP_OLD_COMMITTED] = NULL,
        [SIM_SNP_PROVISIONAL] = NULL,
        [SIM_SNP_REVOKED_ASK] = "snp.ask-revoked",
        [SIM_SNP_FOREIGN_CHIP_ID] = "snp.chip-id-mismatch",
        [SIM_SNP_MASKED_CHIP] = NULL,
        [SIM_SNP_WRONG_PRODUCT] = "snp.product-mismatch",
        [SIM_SNP_EXPIRED] = "cert.validity",
        [SIM_SNP_HOST_REQUESTED] = "snp.host-requested",
        [SIM_SNP_WRONG_TCB] = "snp.tcb-mismatch",
    };

    (void)state;
    for (unsigned g = 0; g < SIM_SNP_GENERATIONS; g++)
        for (unsigned d = 0; d < SIM_SNP_DEFECTS; d++) {
            struct sim_platform p;
            struct facts f = {0};
            struct err e = {0};
            bool good;

            sim_platform_init(&p, &sim_snp_kind, g);
            p.defect = d;
            good = verify(&p, &f, &e);
            if (good != (reasons[d] == NULL) || (!good && strcmp(e.reason, reasons[d]) != 0))
                fail_msg("%s, %s: got %s", sim_generation_name(&p), sim_defect_name(&p),
                         good ? "valid" : e.msg);
            if (!good) {
                assert_true(e.field[0] != '\0' && e.code == ERR_INPUT);
                assert_int_equal(f.assurance, ASSURANCE_UNKNOWN); /* the output is untouched */
            }
        }
}

static void soft_defects_show_in_facts(void **state)
{
    struct sim_platform p = parsed("generation=genoa,defect=masked-chip");
    struct facts f = {0};
    struct err e = {0};

    (void)state;
    assert_true(verify(&p, &f, &e));
    assert_true(found(&f, FINDING_MASKED_CHIP_ID));
    assert_int_equal(f.platform_id_n, 0);
    p = parsed("generation=genoa,defect=provisional");
    assert_true(verify(&p, &f, &e));
    assert_true(found(&f, FINDING_PROVISIONAL_FIRMWARE));
    assert_int_equal(f.firmware.part[2], 39);
    assert_int_equal(svn(&f, "microcode"), 0x53);
    p = parsed("generation=genoa,defect=old-committed");
    assert_true(verify(&p, &f, &e));
    assert_int_equal(f.firmware.part[1], 49);
    assert_int_equal(svn(&f, "snp"), 0x17 / 2);
}

static void simulated_evidence_needs_leave(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct sim_platform p = parsed("generation=genoa");
    struct evidence_options o = {.now_s = NOW};
    struct evidence_input in;
    struct facts f = {0};
    struct err e = {0};

    (void)state;
    assert_true(sim_evidence(&p, report_data, NOW, &s, &e));
    in = input_of(&s);
    assert_false(evidence_verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "evidence.simulated");
    o.allow_simulated = true;
    assert_true(evidence_verify(&in, &o, &f, &e));
    assert_int_equal(f.assurance, ASSURANCE_SIMULATED);
    /* a caller's own anchors replace the built-in ones */
    o.anchors = anchors_builtin;
    o.anchors_n = 1;
    assert_false(evidence_verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "anchor.unknown");
}

static void same_platform_same_class(void **state)
{
    struct sim_platform p = parsed("generation=genoa,chip=1");
    struct facts a = {0}, b = {0};
    struct err e = {0};

    (void)state;
    assert_true(verify(&p, &a, &e));
    p.chip = 2;
    assert_true(verify(&p, &b, &e));
    assert_memory_not_equal(a.platform_id, b.platform_id, 64);
    assert_true(facts_same_class(&a, &b));
    p.snp.current_tcb.microcode++;
    assert_true(verify(&p, &b, &e));
    assert_false(facts_same_class(&a, &b)); /* provisional now */
}

static void descriptions_are_checked(void **state)
{
    static const struct {
        const char *text, *reason, *mend;
    } rows[] = {
        {"", "sim.syntax", ""},
        {"milan", "sim.syntax", ""},
        {"vendor=amd", "sim.missing-key", ""},
        {"generation=milann", "sim.bad-value", "did you mean milan?"},
        {"generation=milan,vendor=intel", "sim.bad-value", ""},
        {"generation=milan,microcod=1", "sim.unknown-key", "did you mean microcode?"},
        {"generation=milan,snp=256", "sim.bad-value", ""},
        {"generation=milan,snp=1,snp=2", "sim.duplicate-key", ""},
        {"generation=milan,firmware=1.55", "sim.bad-value", ""},
        {"generation=milan,firmware=1.55.39.1", "sim.bad-value", ""},
        {"generation=milan,firmware=1.55.300", "sim.bad-value", ""},
        {"generation=milan,fmc=1", "sim.bad-value", ""},
        {"generation=milan,version=6", "sim.bad-value", ""},
        {"generation=milan,smt=yes", "sim.bad-value", ""},
        {"generation=milan,defect=debugg", "sim.bad-value", "did you mean debug?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_platform p;
        struct err e = {0};

        assert_false(sim_platform_parse(rows[i].text, &p, &e));
        assert_string_equal(e.reason, rows[i].reason);
        assert_string_equal(e.mend, rows[i].mend);
    }
}

static void binding_is_unambiguous(void **state)
{
    const uint8_t nonce[32] = {1};
    struct binding b = {.nonce = BYTES_OF(nonce),
                        .node = BYTES_LIT("n1"),
                        .boot_id = BYTES_LIT("2boot"),
                        .spki = BYTES_LIT("key")};
    uint8_t first[64], second[64];
    struct err e = {0};

    (void)state;
    assert_true(binding_report_data(&b, first, &e));
    b.node = BYTES_LIT("n12");
    b.boot_id = BYTES_LIT("boot");
    assert_true(binding_report_data(&b, second, &e));
    assert_memory_not_equal(first, second, 64);
    b.spki = BYTES_LIT("");
    assert_false(binding_report_data(&b, second, &e));
    assert_string_equal(e.reason, "binding.empty");
    b.nonce.n = 31;
    assert_false(binding_report_data(&b, second, &e));
    assert_string_equal(e.reason, "binding.nonce");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_generation_verifies),
        cmocka_unit_test(facts_are_the_platforms),
        cmocka_unit_test(every_defect_has_its_reason),
        cmocka_unit_test(soft_defects_show_in_facts),
        cmocka_unit_test(simulated_evidence_needs_leave),
        cmocka_unit_test(same_platform_same_class),
        cmocka_unit_test(descriptions_are_checked),
        cmocka_unit_test(binding_is_unambiguous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
