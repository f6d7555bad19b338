/* Where vendors serve what evidence needs. Computed from the evidence alone, so that it also tells
 * what to fetch for evidence that was refused for the lack of it. Nothing is fetched here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attest/dcap_chain.h"
#include "attest/dcap_pck.h"
#include "attest/dcap_quote.h"
#include "attest/snp_files.h"
#include "attest/snp_report.h"
#include "attest/snp_tcb.h"
#include "base/str.h"
#include "controller/collateral.h"

#define KDS "https://kdsintf.amd.com"
#define PCS "https://api.trustedservices.intel.com"

static void need(struct collateral_needs *out, const char *kind, const char *key, const char *fmt,
                 ...) PRINTFLIKE(4, 5);
static void need(struct collateral_needs *out, const char *kind, const char *key, const char *fmt,
                 ...)
{
    struct collateral_need *n = &out->need[out->n];
    va_list args;

    if (out->n == COLLATERAL_NEEDS)
        return;
    out->n++;
    str_copy(n->kind, sizeof n->kind, kind);
    str_copy(n->key, sizeof n->key, key);
    va_start(args, fmt);
    vsnprintf(n->url, sizeof n->url, fmt, args);
    va_end(args);
}

static const char *snp_line(const struct evidence_input *in, const struct snp_report *r)
{
    struct bytes ark = {NULL, 0};
    const struct anchor *a;
    const struct platform *p;

    if (snp_file_find(in, "ark.der", &ark, NULL) && ark.n > 0) {
        a = anchor_find(anchors_builtin, anchors_builtin_n, "snp-ark", ark);
        /* nobody serves what the simulator signs */
        return a == NULL || a->simulated ? NULL : a->name;
    }
    p = r->version < 3 ? NULL
                       : platform_find(platforms_builtin, platforms_builtin_n, "amd", r->cpu_family,
                                       r->cpu_model);
    return p == NULL ? NULL : p->product;
}

static void vcek_need(const char *line, const struct snp_report *r, struct collateral_needs *out)
{
    const struct snp_layout *l = snp_layout_find(line);
    size_t chip_n = l != NULL && l->at[SNP_FMC] >= 0 ? 8 : sizeof r->chip_id;
    char key[ENDORSEMENT_KEY], hex[2 * SNP_CHIP_ID_SIZE + 1], fmc[24] = "";
    struct bytes chip = {r->chip_id, chip_n};
    struct snp_tcb t;

    if (l == NULL || !snp_tcb_read(l, r->reported_tcb, "REPORTED_TCB", &t, NULL))
        return;
    hex_format(chip, hex);
    if (t.has[SNP_FMC])
        snprintf(fmc, sizeof fmc, "fmcSPL=%02u&", t.part[SNP_FMC]);
    endorsement_vcek_key(line, false, chip, BYTES_OF(r->reported_tcb.b), key);
    need(out, "snp-vcek", key,
         KDS "/vcek/v1/%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u", line, hex, fmc,
         t.part[SNP_BOOTLOADER], t.part[SNP_TEE], t.part[SNP_SNP], t.part[SNP_MICROCODE]);
}

static void snp_needs(const struct evidence_input *in, struct collateral_needs *out)
{
    struct snp_report r;
    char key[ENDORSEMENT_KEY];
    const char *line, *leaf;

    if (!snp_report_parse(in->evidence, &r, NULL) || (line = snp_line(in, &r)) == NULL)
        return;
    leaf = r.signing_key == SNP_KEY_VLEK ? "vlek" : "vcek";
    snprintf(key, sizeof key, "amd/snp/%s/%s", line, leaf[1] == 'l' ? "asvk" : "ask");
    need(out, "snp-ask", key, KDS "/%s/v1/%s/cert_chain", leaf, line);
    snprintf(key, sizeof key, "amd/snp/%s/crl", line);
    need(out, "snp-crl", key, KDS "/%s/v1/%s/crl", leaf, line);
    if (r.signing_key == SNP_KEY_VCEK && !bytes_zero(BYTES_OF(r.chip_id)))
        vcek_need(line, &r, out);
}

static void intel_needs(const struct evidence_input *in, const struct evidence_options *o,
                        struct collateral_needs *out)
{
    AUTO_DCAP_CHAIN struct dcap_chain chain = {0};
    const struct evidence_file *f = evidence_file(in, "pck_chain.pem");
    struct evidence_options with = *o;
    struct dcap_quote q;
    struct dcap_pck pck;
    struct bytes pem;
    char key[ENDORSEMENT_KEY], fmspc[13];
    const char *tee, *ca;

    if (!dcap_quote_parse(in->evidence, true, &q, NULL))
        return;
    pem = q.certification == DCAP_PCK_CHAIN ? q.certification_data
          : f != NULL                       ? f->bytes
                                            : (struct bytes){NULL, 0};
    with.anchors = anchors_builtin;
    with.anchors_n = anchors_builtin_n;
    with.checks = NULL;
    if (pem.n == 0 || !dcap_chain_pck(pem, "pck_chain.pem", &with, &chain, NULL) ||
        !dcap_pck_read(chain.leaf, "pck_chain.pem", &pck, NULL) || chain.anchor->simulated)
        return;
    ca = dcap_chain_ca(&chain);
    tee = q.tee == DCAP_TEE_TDX ? "tdx" : "sgx";
    hex_format(BYTES_OF(pck.fmspc), fmspc);
    snprintf(key, sizeof key, "intel/tcb-info/%s/%s", tee, fmspc);
    need(out, "tcb-info", key, PCS "/%s/certification/v4/tcb?fmspc=%s&update=early", tee, fmspc);
    snprintf(key, sizeof key, "intel/qe-identity/%s", tee);
    need(out, "qe-identity", key, PCS "/%s/certification/v4/qe/identity?update=early", tee);
    snprintf(key, sizeof key, "intel/pck-crl/%s", ca);
    need(out, "pck-crl", key, PCS "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", ca);
    need(out, "root-ca-crl", "intel/root-ca-crl",
         "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der");
}

void collateral_needs(const struct evidence_input *in, const struct evidence_options *o,
                      struct collateral_needs *out)
{
    const char *technology = evidence_technology(in->evidence);

    *out = (struct collateral_needs){0};
    if (technology == NULL)
        return;
    if (strcmp(technology, "sev-snp") == 0)
        snp_needs(in, out);
    else if (strcmp(technology, "tdx") == 0 || strcmp(technology, "sgx") == 0)
        intel_needs(in, o, out);
}
