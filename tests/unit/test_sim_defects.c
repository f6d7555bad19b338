/* Every platform of the simulator with every defect of its technology: what is sound must verify,
 * what is broken must be refused by its name. The simulator and the verifiers were written from the
 * same public pages but not from each other. Prints how many cases there were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_kind.h"

#define NOW INT64_C(1795000000) /* 2026-11-18 */

static const uint8_t report_data[64] = "what the controller asked for, and who answers";

/* What becomes of a defect: a refusal's reason, or the facts that show it. */
struct expected {
    const char *defect;
    const char *reason;     /* NULL: accepted */
    const char *tcb_status; /* where accepted; NULL: as if sound */
    enum finding finding;   /* where accepted: known and true; FINDINGS: none */
};
#define REFUSED(defect, reason)                                                                    \
    {                                                                                              \
        defect, reason, NULL, FINDINGS                                                             \
    }
#define SHOWN(defect, finding)                                                                     \
    {                                                                                              \
        defect, NULL, NULL, finding                                                                \
    }
#define STATUS(defect, status)                                                                     \
    {                                                                                              \
        defect, NULL, status, FINDINGS                                                             \
    }
#define SOUND STATUS("none", NULL)

static const struct expected snp[] = {
    SOUND,
    REFUSED("stale-report-data", "evidence.report-data"),
    REFUSED("wrong-key", "snp.signature"),
    REFUSED("bad-signature", "snp.signature"),
    REFUSED("debug", "snp.debug"),
    STATUS("old-committed", NULL),
    SHOWN("provisional", FINDING_PROVISIONAL_FIRMWARE),
    REFUSED("revoked-ask", "snp.ask-revoked"),
    REFUSED("foreign-chip-id", "snp.chip-id-mismatch"),
    SHOWN("masked-chip", FINDING_MASKED_CHIP_ID),
    REFUSED("wrong-product", "snp.product-mismatch"),
    REFUSED("expired", "cert.validity"),
    REFUSED("host-requested", "snp.host-requested"),
    REFUSED("wrong-tcb", "snp.tcb-mismatch"),
};

/* Of SGX too, as far as it has them. */
static const struct expected tdx[] = {
    SOUND,
    REFUSED("stale-report-data", "evidence.report-data"),
    REFUSED("wrong-key", "dcap.signature"),
    REFUSED("bad-signature", "dcap.signature"),
    REFUSED("debug", "dcap.debug"),
    REFUSED("wrong-key-type", "dcap.key-type"),
    REFUSED("wrong-qe-vendor", "dcap.qe-vendor"),
    REFUSED("qe-report-data", "dcap.qe-binding"),
    REFUSED("qe-signature", "dcap.qe-signature"),
    REFUSED("wrong-pck", "dcap.qe-signature"),
    REFUSED("qe-identity-mismatch", "dcap.qe-mismatch"),
    REFUSED("qe-debug", "dcap.qe-mismatch"),
    STATUS("old-qe", "OutOfDate"),
    REFUSED("ancient-qe", "dcap.qe-no-match"),
    STATUS("old-tcb", "OutOfDate"),
    REFUSED("no-level", "dcap.tcb-no-match"),
    REFUSED("revoked-pck", "dcap.pck-revoked"),
    REFUSED("revoked-ca", "dcap.ca-revoked"),
    REFUSED("revoked-signer", "dcap.signing-revoked"),
    REFUSED("expired-pck", "cert.validity"),
    REFUSED("expired-collateral", "dcap.collateral-validity"),
    REFUSED("future-collateral", "dcap.collateral-validity"),
    REFUSED("expired-crl", "crl.validity"),
    REFUSED("foreign-fmspc", "dcap.fmspc-mismatch"),
    REFUSED("wrong-pceid", "dcap.pceid-mismatch"),
    REFUSED("wrong-tee", "dcap.collateral-kind"),
    REFUSED("wrong-qe-id", "dcap.collateral-kind"),
    REFUSED("tcb-info-signature", "dcap.collateral-signature"),
    REFUSED("qe-identity-signature", "dcap.collateral-signature"),
    REFUSED("foreign-root", "anchor.unknown"),
    REFUSED("foreign-crl", "crl.signature"),
    REFUSED("truncated", "bytes.truncated"),
    REFUSED("trailing", "bytes.trailing"),
    REFUSED("module-mismatch", "dcap.module-mismatch"),
    REFUSED("unknown-module", "dcap.module-unknown"),
    STATUS("old-module", "OutOfDate"),
    SHOWN("migratable", FINDING_MIGRATABLE),
    SHOWN("no-sept-ve-disable", FINDING_SEPT_VE_ENABLED),
    REFUSED("reserved-attribute", "tdx.reserved-bits"),
    SHOWN("relaunch-advised", FINDING_TD_RELAUNCH_ADVISED),
};

static const struct expected nitro[] = {
    SOUND,
    REFUSED("stale-report-data", "evidence.report-data"),
    REFUSED("wrong-key", "cose.signature"),
    REFUSED("bad-signature", "cose.signature"),
    REFUSED("debug", "nitro.debug"),
    REFUSED("expired", "cert.validity"),
    REFUSED("foreign-root", "anchor.unknown"),
    REFUSED("broken-chain", "cert.signature"),
    REFUSED("long-chain", "cert.shape"),
    REFUSED("not-a-ca", "cert.shape"),
    REFUSED("leaf-is-ca", "cert.shape"),
    REFUSED("wrong-digest", "nitro.digest"),
    REFUSED("wrong-algorithm", "nitro.algorithm"),
    REFUSED("missing-field", "nitro.missing-field"),
    REFUSED("unknown-field", "nitro.unknown-field"),
    REFUSED("duplicate-field", "cbor.duplicate-key"),
    REFUSED("short-pcr", "nitro.pcr"),
    REFUSED("future", "nitro.timestamp"),
};

static const struct expected cca[] = {
    SOUND,
    REFUSED("stale-report-data", "evidence.report-data"),
    REFUSED("wrong-key", "cose.signature"),
    REFUSED("bad-signature", "cose.signature"),
    REFUSED("wrong-rak", "cose.signature"),
    REFUSED("rak-mismatch", "cca.rak-binding"),
    REFUSED("rak-hash", "cca.rak-binding"),
    REFUSED("rak-form", "bytes.trailing"),
    REFUSED("debug", "cca.debug"),
    REFUSED("unsecured-lifecycle", "cca.lifecycle"),
    REFUSED("unknown-lifecycle", "cca.lifecycle"),
    REFUSED("wrong-profile", "cca.profile"),
    REFUSED("wrong-realm-profile", "cca.profile"),
    REFUSED("wrong-hash", "cca.hash-algorithm"),
    REFUSED("wrong-instance-kind", "cca.instance-id"),
    REFUSED("missing-field", "cca.missing-claim"),
    REFUSED("duplicate-field", "cbor.duplicate-key"),
    REFUSED("no-components", "cca.components"),
    REFUSED("short-measurement", "cbor.size"),
    REFUSED("foreign-platform", "anchor.unknown"),
    REFUSED("foreign-root", "anchor.unknown"),
    REFUSED("no-anchor", "evidence.file-missing"),
};

#define ROWS(table) table, sizeof(table) / sizeof(table)[0]
static const struct {
    const char *technology;
    const struct expected *rows;
    size_t n;
    const char *variants[4]; /* each generation is played in each of these */
} tables[] = {
    {"sev-snp", ROWS(snp), {"version=2", "version=5"}},
    {"tdx", ROWS(tdx), {"version=4", "version=5", "version=5,body=1.0,chain=file"}},
    {"sgx", ROWS(tdx), {"version=3", "version=5,chain=file"}},
    {"nitro", ROWS(nitro), {"chip=1", "chip=2"}},
    {"cca", ROWS(cca), {"chip=1", "chip=2"}},
};

static struct {
    unsigned all, refused;
} count;

static bool verify(const struct sim_platform *p, struct facts *f, struct err *e)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_options o = {.now_s = NOW, .report_data = report_data, .allow_simulated = true};
    struct evidence_input in = {0};

    if (!sim_evidence(p, report_data, NOW, &s, e))
        fail_msg("%s", e->msg);
    in.evidence = buf_bytes(&s.evidence);
    for (unsigned i = 0; i < s.files_n; i++)
        in.files[in.files_n++] =
            (struct evidence_file){s.files[i].name, buf_bytes(&s.files[i].bytes)};
    return evidence_verify(&in, &o, f, e);
}

/* A defect that cannot show in this variant counts as sound. */
static bool cannot_show(const struct sim_platform *p, const char *variant)
{
    const char *defect = sim_defect_name(p);

    if (strcmp(sim_technology_name(p), "sev-snp") == 0)
        return strcmp(variant, "version=2") == 0 && strcmp(defect, "wrong-product") == 0;
    if (strcmp(sim_technology_name(p), "tdx") == 0)
        return strcmp(defect, "relaunch-advised") == 0 && !p->dcap.td15;
    return false;
}

static void accepted(const struct expected *x, const struct facts *f, const char *name)
{
    if (f->assurance != ASSURANCE_SIMULATED)
        fail_msg("%s: not marked as simulated", name);
    if (x->tcb_status != NULL && strcmp(f->tcb_status, x->tcb_status) != 0)
        fail_msg("%s: status %s, want %s", name, f->tcb_status, x->tcb_status);
    if (x->finding != FINDINGS && (f->findings_true & f->findings_known & 1u << x->finding) == 0)
        fail_msg("%s: no finding %s", name, finding_name(x->finding));
}

static void play(const struct sim_platform *p, const struct expected *x, const char *variant)
{
    static const struct facts untouched;
    struct facts f = {0};
    struct err e = {0};
    char name[160];
    bool good = verify(p, &f, &e), sound = x->reason == NULL || cannot_show(p, variant);

    (void)snprintf(name, sizeof name, "%s %s, %s, %s", sim_technology_name(p),
                   sim_generation_name(p), variant, sim_defect_name(p));
    count.all++;
    if (good != sound)
        fail_msg("%s: %s", name, good ? "accepted" : e.msg);
    if (good) {
        if (!cannot_show(p, variant))
            accepted(x, &f, name);
        return;
    }
    count.refused++;
    if (strcmp(e.reason, x->reason) != 0 || e.code != ERR_INPUT)
        fail_msg("%s: refused by %s (%s), want %s", name, e.reason, e.msg, x->reason);
    if (memcmp(&f, &untouched, sizeof f) != 0)
        fail_msg("%s: facts of a refusal", name);
}

static const struct expected *row_of(size_t table, const char *defect)
{
    for (size_t i = 0; i < tables[table].n; i++)
        if (strcmp(tables[table].rows[i].defect, defect) == 0)
            return &tables[table].rows[i];
    fail_msg("%s: nobody says what becomes of the defect %s", tables[table].technology, defect);
    return NULL;
}

/* One text for each variant, generation and defect, as a user would write it. */
static void play_text(const struct sim_kind *k, unsigned generation, unsigned defect, size_t table,
                      const char *variant)
{
    struct sim_platform p;
    struct err e = {0};
    char text[256];

    (void)snprintf(text, sizeof text, "technology=%s%s%s,defect=%s,%s", k->technology,
                   k->generations_n > 0 ? ",generation=" : "",
                   k->generations_n > 0 ? k->generations[generation] : "", k->defects[defect],
                   variant);
    if (!sim_platform_parse(text, &p, &e))
        fail_msg("%s: %s", text, e.msg);
    play(&p, row_of(table, k->defects[defect]), variant);
}

static void every_defect_of_every_platform(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        const struct sim_kind *k = sim_kind_find(tables[t].technology);

        assert_non_null(k);
        for (unsigned v = 0; v < 4 && tables[t].variants[v] != NULL; v++)
            for (unsigned g = 0; g < (k->generations_n == 0 ? 1 : k->generations_n); g++)
                for (unsigned d = 0; d < k->defects_n; d++)
                    play_text(k, g, d, t, tables[t].variants[v]);
    }
    print_message("%u cases, %u of them refused\n", count.all, count.refused);
    assert_true(count.refused >= 300);
}

/* A technology that is not in the table above would go untested. */
static void every_technology_is_played(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sim_kinds_n; i++) {
        bool found = false;

        for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
            found = found || strcmp(tables[t].technology, sim_kinds[i]->technology) == 0;
        if (!found)
            fail_msg("%s: not in the table", sim_kinds[i]->technology);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_defect_of_every_platform),
        cmocka_unit_test(every_technology_is_played),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
