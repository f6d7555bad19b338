#include "attest/snp_check.h"

#include <inttypes.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <stdio.h>

#include "attest/binding.h"
#include "attest/cert.h"
#include "attest/snp_files.h"
#include "attest/snp_leaf.h"
#include "attest/snp_report.h"
#include "attest/snp_tcb.h"
#include "base/str.h"

DEFINE_CLEANUP(ecdsa_sig, ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)

/* Everything that one check gathers on its way. */
struct snp_case {
    const struct evidence_input *in;
    const struct evidence_options *o;
    struct snp_report report;
    bool vlek;
    const char *leaf_name, *ca_name; /* the files' names */
    const struct anchor *anchor;
    const struct snp_layout *layout;
    const struct platform *platform; /* NULL: a version 2 report, or a processor nobody listed */
    struct snp_leaf leaf;
    struct snp_tcb current, committed;
    bool crl_seen, crl_stale;
    X509 *ark, *ca, *key; /* owned */
};

static void case_fini(struct snp_case *c)
{
    X509_free(c->ark);
    X509_free(c->ca);
    X509_free(c->key);
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

/* Reads a certificate that has to be there. */
static bool file_need(const struct snp_case *c, const char *name, X509 **out, struct err *e)
{
    struct bytes der;

    if (!snp_file_find(c->in, name, &der, e))
        return false;
    if (der.n == 0)
        return err_set(e, ERR_INPUT, "evidence.file-missing", "%s: needed and not given", name),
               err_field(e, "%s", name), err_expected(e, "a certificate in DER"),
               err_mend(e, c->vlek ? "take it from the certificate table of the cloud provider"
                                   : "fetch it at kdsintf.amd.com for this chip and REPORTED_TCB");
    return cert_open(c->o->cache, der, name, out, e);
}

static bool anchor_check(struct snp_case *c, struct err *e)
{
    struct bytes der = {NULL, 0};

    if (!snp_file_find(c->in, "ark.der", &der, e))
        return false;
    c->anchor = anchor_find(c->o->anchors, c->o->anchors_n, "snp-ark", der);
    if (c->anchor == NULL)
        return err_set(e, ERR_INPUT, "anchor.unknown", "ark.der: not a root known here"),
               err_field(e, "ark.der"), err_expected(e, "AMD's ARK of Milan, Genoa or Turin"),
               err_mend(e, "fetch it at kdsintf.amd.com/vcek/v1/{product}/cert_chain");
    if (c->anchor->simulated && !c->o->allow_simulated)
        return err_set(e, ERR_INPUT, "evidence.simulated",
                       "signed under a simulated root: proves nothing about hardware"),
               err_field(e, "ark.der"), err_found(e, "the simulated ARK-%s", c->anchor->name),
               err_expected(e, "a vendor's root"),
               err_mend(e, "only for demonstrations: start the controller with --allow-simulated");
    c->layout = snp_layout_find(c->anchor->name);
    if (c->layout == NULL)
        return err_set(e, ERR_INPUT, "snp.product-mismatch", "no TCB layout is known for %s",
                       c->anchor->name),
               err_field(e, "ark.der");
    return true;
}

/* The shape is exact: root, one intermediate, leaf, each by its name. */
static bool authorities_check(struct snp_case *c, struct err *e)
{
    const char *mark = c->anchor->simulated ? " (SIMULATED)" : "";
    int64_t now = c->o->now_s;
    char cn[96];

    snprintf(cn, sizeof cn, "ARK-%s%s", c->anchor->name, mark);
    /* its own signature adds nothing: these are, byte for byte, the pinned certificate */
    if (!cert_check_name(c->ark, cn, "ark.der", e) || !cert_check_ca(c->ark, "ark.der", e) ||
        !cert_check_time(c->ark, now, "ark.der", e))
        return false;
    snprintf(cn, sizeof cn, "SEV-%s%s%s", c->vlek ? "VLEK-" : "", c->anchor->name, mark);
    if (!cert_check_name(c->ca, cn, c->ca_name, e) || !cert_check_ca(c->ca, c->ca_name, e) ||
        !cert_check_time(c->ca, now, c->ca_name, e) ||
        !cert_check_signed(c->ca, c->ark, CERT_PSS_SHA384, c->o->cache, c->ca_name, e))
        return false;
    return true;
}

static bool leaf_check(const struct snp_case *c, struct err *e)
{
    char cn[96];

    snprintf(cn, sizeof cn, "SEV-%s%s", c->vlek ? "VLEK" : "VCEK",
             c->anchor->simulated ? " (SIMULATED)" : "");
    return cert_check_name(c->key, cn, c->leaf_name, e) &&
           cert_check_time(c->key, c->o->now_s, c->leaf_name, e) &&
           cert_check_signed(c->key, c->ca, CERT_PSS_SHA384, c->o->cache, c->leaf_name, e);
}

static bool revocation_check(struct snp_case *c, struct err *e)
{
    AUTO(crl) X509_CRL *crl = NULL;
    struct bytes der;

    if (!snp_file_find(c->in, "ark_crl.der", &der, e))
        return false;
    if (der.n == 0)
        return true; /* a finding, not a refusal: see facts_fill() */
    if (!crl_open(c->o->cache, der, "ark_crl.der", &crl, e) ||
        !crl_check_signed(crl, c->ark, CERT_PSS_SHA384, c->o->cache, "ark_crl.der", e) ||
        !crl_check_time(crl, c->o->now_s, &c->crl_stale, "ark_crl.der", e))
        return false;
    if (crl_lists(crl, c->ca)) /* what an old list revoked stays revoked */
        return err_set(e, ERR_INPUT, "snp.ask-revoked", "%s: AMD has revoked it", c->ca_name),
               err_field(e, "%s", c->ca_name), err_found(e, "listed in ark_crl.der"),
               err_mend(e, "fetch the newer certificate chain at kdsintf.amd.com");
    if (c->crl_stale && !c->o->lenient)
        return err_set(e, ERR_INPUT, "crl.validity", "ark_crl.der: past its next update"),
               err_field(e, "ark_crl.der"),
               err_mend(e, "fetch the current list at kdsintf.amd.com");
    c->crl_seen = true;
    return true;
}

/* R or S as OpenSSL has numbers; the range 1 to n-1 is checked here, not left to the library. */
static BIGNUM *scalar(const uint8_t le[48], const EC_GROUP *p384)
{
    BIGNUM *v = BN_lebin2bn(le, 48, NULL);

    if (v != NULL && !BN_is_zero(v) && BN_cmp(v, EC_GROUP_get0_order(p384)) < 0)
        return v;
    BN_free(v);
    return NULL;
}

static ECDSA_SIG *signature_read(const struct snp_report *r)
{
    EC_GROUP *p384 = EC_GROUP_new_by_curve_name(NID_secp384r1);
    BIGNUM *br = p384 == NULL ? NULL : scalar(r->r, p384);
    BIGNUM *bs = p384 == NULL ? NULL : scalar(r->s, p384);
    ECDSA_SIG *sig = br == NULL || bs == NULL ? NULL : ECDSA_SIG_new();

    EC_GROUP_free(p384);
    if (sig != NULL && ECDSA_SIG_set0(sig, br, bs) == 1)
        return sig;
    BN_free(br);
    BN_free(bs);
    ECDSA_SIG_free(sig);
    return NULL;
}

static bool leaf_key_check(const struct snp_case *c, EVP_PKEY *key, struct err *e)
{
    char group[32] = "";

    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        strcmp(group, "secp384r1") == 0)
        return true;
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "snp.leaf-key", "%s: not a P-384 key", c->leaf_name),
           err_field(e, "%s", c->leaf_name), err_found(e, "%s", group),
           err_expected(e, "secp384r1");
}

static bool signature_check(const struct snp_case *c, struct err *e)
{
    EVP_PKEY *key = X509_get0_pubkey(c->key);
    AUTO(ecdsa_sig) ECDSA_SIG *sig = NULL;
    AUTO(md_ctx) EVP_MD_CTX *ctx = NULL;
    uint8_t der[128], *p = der;
    int n;

    if (!leaf_key_check(c, key, e))
        return false;
    sig = signature_read(&c->report);
    if (sig == NULL)
        return ERR_clear_error(),
               err_set(e, ERR_INPUT, "snp.signature-range", "SIGNATURE: R or S is out of range"),
               err_field(e, "SIGNATURE"), err_expected(e, "1 to n-1 of P-384");
    n = i2d_ECDSA_SIG(sig, NULL);
    if (n <= 0 || (size_t)n > sizeof der || i2d_ECDSA_SIG(sig, &p) != n)
        return err_set(e, ERR_INTERNAL, "snp.signature", "cannot encode the signature");
    ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key) != 1)
        return ERR_clear_error(), err_set(e, ERR_NOMEM, "snp.signature", "cannot verify");
    if (EVP_DigestVerify(ctx, der, (size_t)n, c->in->evidence.p, SNP_SIGNED_SIZE) != 1)
        return ERR_clear_error(),
               err_set(e, ERR_INPUT, "snp.signature", "SIGNATURE: the key in %s did not make it",
                       c->leaf_name),
               err_field(e, "SIGNATURE"),
               err_mend(e, "give the certificate of this chip for REPORTED_TCB; if it is that, the "
                           "report was altered");
    return true;
}

/* "Milan-B0" is of Milan: older certificates name the stepping. */
static bool product_is(const char *certified, const char *product)
{
    size_t n = strlen(product);

    return strncmp(certified, product, n) == 0 && (certified[n] == '\0' || certified[n] == '-');
}

static bool product_check(struct snp_case *c, struct err *e)
{
    const struct snp_report *r = &c->report;

    if (!product_is(c->leaf.product, c->anchor->name))
        return err_set(e, ERR_INPUT, "snp.product-mismatch", "%s: of %s under the root of %s",
                       c->leaf_name, c->leaf.product, c->anchor->name),
               err_field(e, "%s", c->leaf_name), err_found(e, "%s", c->leaf.product),
               err_expected(e, "%s", c->anchor->name);
    if (r->version < 3)
        return true;
    c->platform =
        platform_find(c->o->platforms, c->o->platforms_n, "amd", r->cpu_family, r->cpu_model);
    if (c->platform != NULL && strcmp(c->platform->product, c->anchor->name) != 0)
        return err_set(e, ERR_INPUT, "snp.product-mismatch",
                       "the processor is of the %s line, its certificate of %s",
                       c->platform->product, c->anchor->name),
               err_field(e, "CPUID_FAM_ID"),
               err_found(e, "%02xh/%02xh (%s)", r->cpu_family, r->cpu_model, c->platform->product),
               err_expected(e, "a processor of the %s line", c->anchor->name);
    return true;
}

static bool tcb_check(struct snp_case *c, struct err *e)
{
    const struct snp_report *r = &c->report;
    struct snp_tcb reported, launch;
    enum snp_part p = SNP_FMC;

    if (!snp_tcb_read(c->layout, r->reported_tcb, "REPORTED_TCB", &reported, e) ||
        !snp_tcb_read(c->layout, r->current_tcb, "CURRENT_TCB", &c->current, e) ||
        !snp_tcb_read(c->layout, r->committed_tcb, "COMMITTED_TCB", &c->committed, e) ||
        !snp_tcb_read(c->layout, r->launch_tcb, "LAUNCH_TCB", &launch, e))
        return false;
    if (snp_tcb_equal(&reported, &c->leaf.tcb, &p))
        return true;
    return err_set(e, ERR_INPUT, "snp.tcb-mismatch", "%s: %s is not the report's", c->leaf_name,
                   snp_part_name(p)),
           err_field(e, "REPORTED_TCB.%s", snp_part_name(p)),
           err_found(e, "%u in the report", reported.part[p]),
           err_expected(e, "%u, as %s certifies", c->leaf.tcb.part[p], c->leaf_name),
           err_mend(e, "fetch the certificate for the REPORTED_TCB of this report");
}

static bool chip_masked(const struct snp_report *r)
{
    return bytes_zero(BYTES_OF(r->chip_id));
}

static bool chip_check(const struct snp_case *c, struct err *e)
{
    const struct snp_report *r = &c->report;
    struct bytes id = {r->chip_id, c->leaf.hwid_n};
    struct bytes rest = {r->chip_id + c->leaf.hwid_n, sizeof r->chip_id - c->leaf.hwid_n};
    char hex[2 * SNP_CHIP_ID_SIZE + 1];

    if (c->vlek || chip_masked(r))
        return true;
    if (bytes_equal(id, (struct bytes){c->leaf.hwid, c->leaf.hwid_n}) && bytes_zero(rest))
        return true;
    err_set(e, ERR_INPUT, "snp.chip-id-mismatch", "%s: is of another chip", c->leaf_name);
    err_field(e, "CHIP_ID");
    hex_format(BYTES_OF(r->chip_id), hex);
    err_found(e, "%.120s", hex);
    hex_format((struct bytes){c->leaf.hwid, c->leaf.hwid_n}, hex);
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

static void word_set(struct fact_words *w, const char *word, const char *source)
{
    w->n = 1;
    str_copy(w->word[0], FACT_WORD, word);
    str_copy(w->source, FACT_SOURCE, source);
}

static void finding_set(struct facts *f, enum finding what, bool is)
{
    f->findings_known |= 1u << what;
    if (is)
        f->findings_true |= 1u << what;
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
        platform_product_generations(c->o->platforms, c->o->platforms_n, "amd", c->anchor->name,
                                     &f->generation);
        str_copy(f->generation.source, FACT_SOURCE, c->vlek ? "VLEK.PRODUCT" : "VCEK.PRODUCT");
    } else if (c->platform != NULL) {
        platform_generations(c->platform, &f->generation);
        str_copy(f->generation.source, FACT_SOURCE, "REPORT.CPUID_FAM_ID");
    }
}

/* What runs now may be taken back to what is committed, and what is committed need not run yet:
 * the lower of both is what the platform can be held to. */
static void versions_fill(const struct snp_case *c, struct facts *f)
{
    const struct snp_report *r = &c->report;
    bool behind = snp_version_compare(r->committed, r->current) < 0;
    struct snp_version v = behind ? r->committed : r->current;
    struct snp_tcb min = snp_tcb_min(&c->current, &c->committed);
    enum snp_part which = SNP_FMC;

    f->firmware = (struct fact_version){.n = 3, .part = {v.major, v.minor, v.build, 0}};
    str_copy(f->firmware.source, FACT_SOURCE, "REPORT.CURRENT/COMMITTED_VERSION");
    for (int p = 0; p < SNP_PARTS; p++)
        if (min.has[p]) {
            struct fact_svn *s = &f->tcb[f->tcb_n++];

            str_copy(s->name, sizeof s->name, snp_part_name((enum snp_part)p));
            s->value = min.part[p];
            str_copy(s->source, FACT_SOURCE, "REPORT.CURRENT/COMMITTED_TCB");
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
    finding_set(f, FINDING_REVOCATION_UNCHECKED, !c->crl_seen);
    if (c->crl_seen)
        finding_set(f, FINDING_STALE_COLLATERAL, c->crl_stale);
}

static void facts_fill(const struct snp_case *c, struct facts *f)
{
    const struct snp_report *r = &c->report;
    char line[FACT_WORD];

    f->assurance = c->anchor->simulated ? ASSURANCE_SIMULATED : ASSURANCE_HARDWARE;
    word_set(&f->vendor, c->anchor->vendor, "ARK");
    word_set(&f->technology, "sev-snp", "REPORT");
    snprintf(line, sizeof line, "SEV-%s", c->anchor->name);
    word_set(&f->product_line, line, c->vlek ? "VLEK.PRODUCT" : "VCEK.PRODUCT");
    generation_fill(c, f);
    versions_fill(c, f);
    findings_fill(c, f);
    if (!chip_masked(r)) {
        /* as long as certified; a VLEK says nothing of chips, and Turin's ids have 8 bytes of 64 */
        f->platform_id_n = c->leaf.hwid_n != 0           ? (unsigned)c->leaf.hwid_n
                           : c->layout->at[SNP_FMC] >= 0 ? 8
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
    c.vlek = c.report.signing_key == SNP_KEY_VLEK;
    c.leaf_name = c.vlek ? "vlek.der" : "vcek.der";
    c.ca_name = c.vlek ? "asvk.der" : "ask.der";
    if (!file_need(&c, c.leaf_name, &c.key, e) || !file_need(&c, c.ca_name, &c.ca, e) ||
        !file_need(&c, "ark.der", &c.ark, e))
        return false;
    if (!anchor_check(&c, e) || !authorities_check(&c, e) || !revocation_check(&c, e) ||
        !leaf_check(&c, e) || !signature_check(&c, e))
        return false;
    if (!snp_leaf_read(c.key, c.vlek, c.leaf_name, &c.leaf, e) || !product_check(&c, e) ||
        !tcb_check(&c, e) || !chip_check(&c, e) || !debug_check(&c, e))
        return false;
    facts_fill(&c, &f);
    *out = f;
    return true;
}
