#include "attest/snp_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "attest/binding.h"
#include "attest/ecdsa.h"
#include "attest/snp_chain.h"
#include "attest/snp_report.h"
#include "attest/snp_tcb.h"
#include "base/str.h"

/* Everything that one check gathers on its way. */
struct snp_case {
    const struct evidence_input *in;
    const struct evidence_options *o;
    struct snp_report report;
    struct snp_chain chain;
    const struct platform *platform; /* NULL: a version 2 report, or a processor nobody listed */
    struct snp_tcb current, committed, reported;
};

static void case_fini(struct snp_case *c)
{
    snp_chain_fini(&c->chain);
}

#define AUTO_CASE __attribute__((cleanup(case_fini)))

bool snp_sniff(struct bytes evidence)
{
    /* by its length alone, so that a wrong version is named as such; the version for cut ones */
    return evidence.n == SNP_REPORT_SIZE ||
           (evidence.n >= 4 && evidence.p[0] >= 2 && evidence.p[0] <= 5 && evidence.p[1] == 0 &&
            evidence.p[2] == 0 && evidence.p[3] == 0);
}

/* What the report itself rules out, whoever signed it. */
static bool guest_check(const struct snp_report *r, struct err *e)
{
    if (r->vmpl == SNP_VMPL_HOST)
        return err_set(e, ERR_INPUT, "snp.host-requested", "the host asked for this report"),
               err_field(e, "VMPL"), err_found(e, "0xffffffff"), err_expected(e, "0 to 3"),
               err_mend(e, "take the report inside of the guest");
    if (r->vmpl > 3)
        return err_set(e, ERR_INPUT, "snp.reserved-bits", "VMPL: got %" PRIu32 ", want 0 to 3",
                       r->vmpl),
               err_field(e, "VMPL"), err_found(e, "%" PRIu32, r->vmpl), err_expected(e, "0 to 3");
    if (r->signing_key == SNP_KEY_NONE)
        return err_set(e, ERR_INPUT, "snp.unsigned", "the platform does not sign its reports"),
               err_field(e, "KEY_INFO.SIGNING_KEY"), err_found(e, "7"),
               err_expected(e, "0 (VCEK) or 1 (VLEK)"),
               err_mend(e, "clear MASK_CHIP_KEY in the host's SNP_CONFIG");
    if (r->signing_key != SNP_KEY_VCEK && r->signing_key != SNP_KEY_VLEK)
        return err_set(e, ERR_INPUT, "snp.signing-key", "unknown signing key %u", r->signing_key),
               err_field(e, "KEY_INFO.SIGNING_KEY"), err_found(e, "%u", r->signing_key),
               err_expected(e, "0 (VCEK) or 1 (VLEK)");
    return true;
}

static bool binding_check(const struct snp_case *c, struct err *e)
{
    char hex[2 * REPORT_DATA_SIZE + 1];

    if (c->o->report_data == NULL ||
        memcmp(c->o->report_data, c->report.report_data, REPORT_DATA_SIZE) == 0)
        return true;
    err_set(e, ERR_INPUT, "evidence.report-data",
            "REPORT_DATA: bound to another challenge, node, boot or key");
    err_field(e, "REPORT_DATA");
    hex_format(BYTES_OF(c->report.report_data), hex);
    err_found(e, "%.120s", hex);
    hex_format((struct bytes){c->o->report_data, REPORT_DATA_SIZE}, hex);
    err_expected(e, "%.120s", hex);
    return err_mend(e, "answer the newest challenge with a report taken for it");
}

/* R and S are little-endian in the report, with zeros above, which parsing has checked. */
static bool signature_check(const struct snp_case *c, struct err *e)
{
    struct ecdsa_key *key = cert_key(c->chain.key);
    struct bytes signed_part = {c->in->evidence.p, SNP_SIGNED_SIZE};
    uint8_t rs[2 * sizeof c->report.r];

    for (size_t i = 0; i < sizeof c->report.r; i++) {
        rs[i] = c->report.r[sizeof c->report.r - 1 - i];
        rs[sizeof c->report.r + i] = c->report.s[sizeof c->report.s - 1 - i];
    }
    switch (ecdsa_verify(key, ECDSA_P384, signed_part, BYTES_OF(rs))) {
    case ECDSA_GOOD:
        return true;
    case ECDSA_RANGE:
        return err_set(e, ERR_INPUT, "snp.signature-range", "SIGNATURE: R or S is out of range"),
               err_field(e, "SIGNATURE"), err_expected(e, "1 to n-1 of P-384");
    case ECDSA_KEY:
        return err_set(e, ERR_INPUT, "snp.leaf-key", "%s: not a P-384 key", c->chain.leaf_name),
               err_field(e, "%s", c->chain.leaf_name), err_expected(e, "secp384r1");
    case ECDSA_BAD:
        return err_set(e, ERR_INPUT, "snp.signature", "SIGNATURE: the key in %s did not make it",
                       c->chain.leaf_name),
               err_field(e, "SIGNATURE"),
               err_mend(e, "give the certificate of this chip for REPORTED_TCB; if it is that, the "
                           "report was altered");
    case ECDSA_NOMEM:
        break;
    }
    return err_set(e, ERR_NOMEM, "snp.signature", "cannot verify: no memory");
}

static bool product_check(struct snp_case *c, struct err *e)
{
    const struct snp_report *r = &c->report;

    if (r->version < 3)
        return true;
    c->platform =
        platform_find(c->o->platforms, c->o->platforms_n, "amd", r->cpu_family, r->cpu_model);
    if (c->platform != NULL && strcmp(c->platform->product, c->chain.anchor->name) != 0)
        return err_set(e, ERR_INPUT, "snp.product-mismatch",
                       "the processor is of the %s line, its certificate of %s",
                       c->platform->product, c->chain.anchor->name),
               err_field(e, "CPUID_FAM_ID"),
               err_found(e, "%02xh/%02xh (%s)", r->cpu_family, r->cpu_model, c->platform->product),
               err_expected(e, "a processor of the %s line", c->chain.anchor->name);
    return true;
}

static bool tcb_check(struct snp_case *c, struct err *e)
{
    const struct snp_report *r = &c->report;
    struct snp_tcb launch;
    enum snp_part p = SNP_FMC;

    if (!snp_tcb_read(c->chain.layout, r->reported_tcb, "REPORTED_TCB", &c->reported, e) ||
        !snp_tcb_read(c->chain.layout, r->current_tcb, "CURRENT_TCB", &c->current, e) ||
        !snp_tcb_read(c->chain.layout, r->committed_tcb, "COMMITTED_TCB", &c->committed, e) ||
        !snp_tcb_read(c->chain.layout, r->launch_tcb, "LAUNCH_TCB", &launch, e))
        return false;
    if (snp_tcb_equal(&c->reported, &c->chain.leaf.tcb, &p))
        return true;
    return err_set(e, ERR_INPUT, "snp.tcb-mismatch", "%s: %s is not the report's",
                   c->chain.leaf_name, snp_part_name(p)),
           err_field(e, "REPORTED_TCB.%s", snp_part_name(p)),
           err_found(e, "%u in the report", c->reported.part[p]),
           err_expected(e, "%u, as %s certifies", c->chain.leaf.tcb.part[p], c->chain.leaf_name),
           err_mend(e, "fetch the certificate for the REPORTED_TCB of this report");
}

static bool chip_masked(const struct snp_report *r)
{
    return bytes_zero(BYTES_OF(r->chip_id));
}

static bool chip_check(const struct snp_case *c, struct err *e)
{
    const struct snp_report *r = &c->report;
    struct bytes id = {r->chip_id, c->chain.leaf.hwid_n};
    struct bytes rest = {r->chip_id + c->chain.leaf.hwid_n,
                         sizeof r->chip_id - c->chain.leaf.hwid_n};
    char hex[2 * SNP_CHIP_ID_SIZE + 1];

    if (c->chain.vlek || chip_masked(r))
        return true;
    if (bytes_equal(id, (struct bytes){c->chain.leaf.hwid, c->chain.leaf.hwid_n}) &&
        bytes_zero(rest))
        return true;
    err_set(e, ERR_INPUT, "snp.chip-id-mismatch", "%s: is of another chip", c->chain.leaf_name);
    err_field(e, "CHIP_ID");
    hex_format(BYTES_OF(r->chip_id), hex);
    err_found(e, "%.120s", hex);
    hex_format((struct bytes){c->chain.leaf.hwid, c->chain.leaf.hwid_n}, hex);
    err_expected(e, "%.120s", hex);
    return err_mend(e, "fetch the certificate of this chip");
}

/* The last question, so that this answer says that the report is genuine in all else. */
static bool debug_check(const struct snp_case *c, struct err *e)
{
    if ((c->report.policy & SNP_POLICY_DEBUG) == 0 || c->o->allow_debug)
        return true;
    return err_set(e, ERR_INPUT, "snp.debug", "the policy lets the host debug the guest"),
           err_field(e, "POLICY.DEBUG"), err_found(e, "1"), err_expected(e, "0"),
           err_mend(e, "launch the guest with a policy without bit 19");
}

/* A bit that older report versions did not define proves something only when it is set. */
static void bit_set(struct facts *f, enum finding what, const struct snp_report *r, uint64_t bit)
{
    if ((r->platform_info & bit) != 0)
        finding_set(f, what, true);
    else if (r->version >= 3)
        finding_set(f, what, false);
}

/* Version 2 proves the product line only: all its generations are candidates. From version 3 on
 * the processor's number counts, and one that no row knows stays unknown. */
static void generation_fill(const struct snp_case *c, struct facts *f)
{
    if (c->report.version < 3) {
        platform_product_generations(c->o->platforms, c->o->platforms_n, "amd",
                                     c->chain.anchor->name, &f->generation);
        str_copy(f->generation.source, FACT_SOURCE,
                 c->chain.vlek ? "VLEK.PRODUCT" : "VCEK.PRODUCT");
    } else if (c->platform != NULL) {
        platform_generations(c->platform, &f->generation);
        str_copy(f->generation.source, FACT_SOURCE, "REPORT.CPUID_FAM_ID");
    }
}

/* What runs now may be taken back to what is committed, and what is committed need not run yet: the
 * lower of both is what the platform can be held to. Of the TCB, only what was reported is bound by
 * the key that signed (a VCEK is derived from it; the rest is the firmware's word), so that the
 * lowest of all three counts. The firmware's version stands in no certificate. */
static void versions_fill(const struct snp_case *c, struct facts *f)
{
    const struct snp_report *r = &c->report;
    bool behind = snp_version_compare(r->committed, r->current) < 0;
    struct snp_version v = behind ? r->committed : r->current;
    struct snp_tcb lower = snp_tcb_min(&c->current, &c->committed);
    struct snp_tcb min = snp_tcb_min(&lower, &c->reported);
    enum snp_part which = SNP_FMC;

    f->firmware = (struct fact_version){.n = 3, .part = {v.major, v.minor, v.build, 0}};
    str_copy(f->firmware.source, FACT_SOURCE, "REPORT.CURRENT/COMMITTED_VERSION");
    for (int p = 0; p < SNP_PARTS; p++)
        if (min.has[p]) {
            struct fact_svn *s = &f->tcb[f->tcb_n++];

            str_copy(s->name, sizeof s->name, snp_part_name((enum snp_part)p));
            s->value = min.part[p];
            str_copy(s->source, FACT_SOURCE, "REPORT.CURRENT/COMMITTED/REPORTED_TCB");
        }
    finding_set(f, FINDING_PROVISIONAL_FIRMWARE,
                snp_version_compare(r->committed, r->current) != 0 ||
                    !snp_tcb_equal(&c->current, &c->committed, &which));
}

static void findings_fill(const struct snp_case *c, struct facts *f)
{
    const struct snp_report *r = &c->report;

    finding_set(f, FINDING_DEBUG, (r->policy & SNP_POLICY_DEBUG) != 0);
    finding_set(f, FINDING_MIGRATABLE, (r->policy & SNP_POLICY_MIGRATE_MA) != 0);
    finding_set(f, FINDING_SMT, (r->platform_info & SNP_PLATFORM_SMT) != 0);
    finding_set(f, FINDING_MASKED_CHIP_ID, chip_masked(r));
    bit_set(f, FINDING_ECC, r, SNP_PLATFORM_ECC);
    bit_set(f, FINDING_RAPL_DISABLED, r, SNP_PLATFORM_RAPL_DISABLED);
    bit_set(f, FINDING_CIPHERTEXT_HIDING, r, SNP_PLATFORM_CIPHERTEXT_HIDING);
    bit_set(f, FINDING_ALIAS_CHECK, r, SNP_PLATFORM_ALIAS_CHECK);
    finding_set(f, FINDING_REVOCATION_UNCHECKED, !c->chain.crl_seen);
    if (c->chain.crl_seen)
        finding_set(f, FINDING_STALE_COLLATERAL, c->chain.crl_stale);
}

static void facts_fill(const struct snp_case *c, struct facts *f)
{
    const struct snp_report *r = &c->report;
    char line[FACT_WORD];

    f->assurance = c->chain.anchor->simulated ? ASSURANCE_SIMULATED : ASSURANCE_HARDWARE;
    fact_set(&f->vendor, c->chain.anchor->vendor, "ARK");
    fact_set(&f->technology, "sev-snp", "REPORT");
    snprintf(line, sizeof line, "SEV-%s", c->chain.anchor->name);
    fact_set(&f->product_line, line, c->chain.vlek ? "VLEK.PRODUCT" : "VCEK.PRODUCT");
    generation_fill(c, f);
    versions_fill(c, f);
    findings_fill(c, f);
    if (!chip_masked(r)) {
        /* as long as certified; a VLEK says nothing of chips, and Turin's ids have 8 bytes of 64 */
        f->platform_id_n = c->chain.leaf.hwid_n != 0           ? (unsigned)c->chain.leaf.hwid_n
                           : c->chain.layout->at[SNP_FMC] >= 0 ? 8
                                                               : SNP_CHIP_ID_SIZE;
        memcpy(f->platform_id, r->chip_id, f->platform_id_n);
        str_copy(f->platform_id_source, FACT_SOURCE, "REPORT.CHIP_ID");
    }
    f->measurement_n = sizeof r->measurement;
    memcpy(f->measurement, r->measurement, sizeof r->measurement);
}

bool snp_check(const struct evidence_input *in, const struct evidence_options *o, struct facts *out,
               struct err *e)
{
    AUTO_CASE struct snp_case c = {.in = in, .o = o};
    struct facts f = {0};

    if (!snp_report_parse(in->evidence, &c.report, e) || !guest_check(&c.report, e) ||
        !binding_check(&c, e))
        return false;
    evidence_passed(o, "snp.version", "VERSION");
    evidence_passed(o, "bytes.reserved-not-zero", "RESERVED");
    evidence_passed(o, "snp.host-requested", "VMPL");
    if (o->report_data != NULL)
        evidence_passed(o, "evidence.report-data", "REPORT_DATA");
    if (!snp_chain_check(in, o, c.report.signing_key == SNP_KEY_VLEK, &c.chain, e) ||
        !signature_check(&c, e))
        return false;
    evidence_passed(o, "snp.signature", "SIGNATURE");
    if (!snp_chain_leaf(&c.chain, o, e) || !product_check(&c, e) || !tcb_check(&c, e) ||
        !chip_check(&c, e) || !debug_check(&c, e))
        return false;
    evidence_passed(o, "snp.product-mismatch",
                    c.platform == NULL ? c.chain.leaf_name : "CPUID_FAM_ID");
    evidence_passed(o, "snp.tcb-mismatch", "REPORTED_TCB");
    if (!c.chain.vlek && !chip_masked(&c.report))
        evidence_passed(o, "snp.chip-id-mismatch", "CHIP_ID");
    if (!o->allow_debug)
        evidence_passed(o, "snp.debug", "POLICY.DEBUG");
    facts_fill(&c, &f);
    *out = f;
    return true;
}
