#include "attest/endorsement_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attest/crl.h"
#include "attest/dcap_chain.h"
#include "attest/dcap_collateral.h"
#include "attest/snp_chain.h"
#include "base/str.h"

static bool missing(struct err *e, const char *name)
{
    return err_set(e, ERR_INPUT, "evidence.file-missing", "%s: needed and not given", name),
           err_field(e, "%s", name), err_mend(e, "give it in the same import, or import it first");
}

static bool file_of(const struct evidence_input *in, const char *name, struct bytes *out,
                    struct err *e)
{
    const struct evidence_file *f = evidence_file(in, name);

    if (f == NULL || f->bytes.n == 0)
        return missing(e, name);
    *out = f->bytes;
    return true;
}

static bool simulated_check(const struct evidence_options *o, const struct anchor *a, struct err *e)
{
    return !a->simulated || o->allow_simulated ||
           (err_set(e, ERR_INPUT, "evidence.simulated",
                    "signed under a simulated root: proves nothing about hardware"),
            err_found(e, "the simulated root %s", a->name),
            err_mend(e, "only for demonstrations: start the controller with --allow-simulated"));
}

static void key_set(struct endorsement_proof *p, const char *fmt, ...) PRINTFLIKE(2, 3);
static void key_set(struct endorsement_proof *p, const char *fmt, ...)
{
    size_t at =
        (size_t)snprintf(p->key, sizeof p->key, "%s", p->anchor->simulated ? "simulated/" : "");
    va_list args;

    va_start(args, fmt);
    vsnprintf(p->key + at, sizeof p->key - at, fmt, args);
    va_end(args);
}

/* The pinned root, opened. */
static bool ark_open(const struct evidence_input *in, const struct evidence_options *o,
                     struct cert **ark, const struct anchor **anchor, struct err *e)
{
    struct bytes der;

    if (!file_of(in, "ark.der", &der, e))
        return false;
    *anchor = anchor_find(o->anchors, o->anchors_n, "snp-ark", der);
    if (*anchor == NULL)
        return err_set(e, ERR_INPUT, "anchor.unknown", "ark.der: not a root known here"),
               err_field(e, "ark.der");
    return simulated_check(o, *anchor, e) && cert_open(o->cache, der, "ark.der", ark, e);
}

static bool authority_check(const struct evidence_input *in, const struct evidence_options *o,
                            struct endorsement_proof *p, struct err *e)
{
    AUTO(cert) struct cert *ark = NULL, *ca = NULL;
    const char *name = endorsement_file(p->what.kind);
    const char *part = p->what.kind == ENDORSEMENT_SNP_ASK ? "ask" : "asvk";
    struct bytes der;

    if (!ark_open(in, o, &ark, &p->anchor, e) || !cert_check_time(ark, o->now_s, "ark.der", e))
        return false;
    if (p->what.kind == ENDORSEMENT_SNP_ARK) {
        key_set(p, "amd/snp/%s/ark", p->anchor->name);
        return true;
    }
    if (!file_of(in, name, &der, e) || !cert_open(o->cache, der, name, &ca, e) ||
        !cert_check_ca(ca, name, e) || !cert_check_time(ca, o->now_s, name, e) ||
        !cert_check_signed(ca, ark, CERT_PSS_SHA384, o->cache, name, e))
        return false;
    key_set(p, "amd/snp/%s/%s", p->anchor->name, part);
    return true;
}

void endorsement_vcek_key(const char *product, bool simulated, struct bytes chip_id,
                          struct bytes reported_tcb, char out[ENDORSEMENT_KEY])
{
    char chip[2 * 64 + 1], tcb[2 * 8 + 1];

    hex_format(chip_id, chip);
    hex_format(reported_tcb, tcb);
    snprintf(out, ENDORSEMENT_KEY, "%samd/snp/%s/vcek/%s/%s", simulated ? "simulated/" : "",
             product, chip, tcb);
}

/* The TCB's parts as the report has them. */
static void tcb_bytes(const struct snp_layout *l, const struct snp_tcb *tcb, uint8_t out[8])
{
    memset(out, 0, 8);
    for (int i = 0; i < SNP_PARTS; i++)
        if (tcb->has[i] && l->at[i] >= 0)
            out[l->at[i]] = tcb->part[i];
}

static bool leaf_check(const struct evidence_input *in, const struct evidence_options *o,
                       struct endorsement_proof *p, struct err *e)
{
    bool vlek = p->what.kind == ENDORSEMENT_SNP_VLEK;
    struct snp_chain c = {0};
    uint8_t tcb[8];
    char text[17];
    bool good = snp_chain_check(in, o, vlek, &c, e) && snp_chain_leaf(&c, o, e);

    if (good) {
        p->anchor = c.anchor;
        tcb_bytes(c.layout, &c.leaf.tcb, tcb);
        hex_format(BYTES_OF(tcb), text);
        if (vlek)
            key_set(p, "amd/snp/%s/vlek/%s/%s", c.anchor->name, c.leaf.csp, text);
        else
            endorsement_vcek_key(c.anchor->name, c.anchor->simulated,
                                 (struct bytes){c.leaf.hwid, c.leaf.hwid_n}, BYTES_OF(tcb), p->key);
    }
    snp_chain_fini(&c);
    return good;
}

static bool snp_list_check(const struct evidence_input *in, const struct evidence_options *o,
                           struct endorsement_proof *p, struct err *e)
{
    AUTO(cert) struct cert *ark = NULL;
    AUTO(crl) struct crl *crl = NULL;
    struct bytes der;
    bool stale;

    if (!file_of(in, "ark_crl.der", &der, e) || !ark_open(in, o, &ark, &p->anchor, e) ||
        !crl_open(o->cache, der, "ark_crl.der", &crl, e) ||
        !crl_check_signed(crl, ark, CERT_PSS_SHA384, o->cache, "ark_crl.der", e) ||
        !crl_check_time(crl, o->now_s, &stale, "ark_crl.der", e))
        return false;
    key_set(p, "amd/snp/%s/crl", p->anchor->name);
    return true;
}

static bool signing_open(const struct evidence_input *in, const struct evidence_options *o,
                         struct dcap_chain *chain, struct endorsement_proof *p, struct err *e)
{
    struct bytes pem;

    if (!file_of(in, "tcb_signing_chain.pem", &pem, e) ||
        !dcap_chain_signing(pem, "tcb_signing_chain.pem", NULL, o, chain, e))
        return false;
    p->anchor = chain->anchor;
    return simulated_check(o, chain->anchor, e);
}

static const char *tee_word(enum dcap_tee tee)
{
    return tee == DCAP_TEE_TDX ? "tdx" : "sgx";
}

/* Tables say themselves for which technology they are, and reading refuses the other's. */
static bool tcb_info_check(struct bytes text, const struct dcap_chain *signer, enum dcap_tee tee,
                           const struct evidence_options *o, struct endorsement_proof *p,
                           struct err *e)
{
    struct dcap_tcb_info *info = NULL;
    char fmspc[13];
    bool good, stale;

    good = dcap_tcb_info_open(text, tee, signer->leaf, o, "tcb_info.json", &info, &stale, e);
    if (good) {
        hex_format(BYTES_OF(info->fmspc), fmspc);
        key_set(p, "intel/tcb-info/%s/%s", tee_word(tee), fmspc);
        p->what.number = info->document.evaluation;
        p->what.issued_s = info->document.issued_s;
        p->what.until_s = info->document.next_update_s;
        dcap_tcb_info_release(info);
    }
    return good;
}

static bool identity_check(struct bytes text, const struct dcap_chain *signer, enum dcap_tee tee,
                           const struct evidence_options *o, struct endorsement_proof *p,
                           struct err *e)
{
    struct dcap_identity *id = NULL;
    bool good, stale;

    good = dcap_identity_open(text, tee, signer->leaf, o, "qe_identity.json", &id, &stale, e);
    if (good) {
        key_set(p, "intel/qe-identity/%s", tee_word(tee));
        p->what.number = id->document.evaluation;
        p->what.issued_s = id->document.issued_s;
        p->what.until_s = id->document.next_update_s;
        dcap_identity_release(id);
    }
    return good;
}

static bool document_check(const struct evidence_input *in, const struct evidence_options *o,
                           struct endorsement_proof *p, struct err *e)
{
    AUTO_DCAP_CHAIN struct dcap_chain signer = {0};
    struct evidence_options lenient = *o;
    bool table = p->what.kind == ENDORSEMENT_TCB_INFO;
    struct bytes text;
    struct err first = {0};

    lenient.lenient = true; /* keeping is not judging: the date is kept, too */
    if (!file_of(in, endorsement_file(p->what.kind), &text, e) ||
        !signing_open(in, o, &signer, p, e))
        return false;
    if ((table ? tcb_info_check : identity_check)(text, &signer, DCAP_TEE_TDX, &lenient, p, &first))
        return true;
    if ((table ? tcb_info_check : identity_check)(text, &signer, DCAP_TEE_SGX, &lenient, p, e))
        return true;
    /* of the two refusals, the one that is not only about the technology */
    if (e != NULL && strcmp(first.reason, "dcap.collateral-kind") != 0)
        *e = first;
    return false;
}

static bool intel_list_check(const struct evidence_input *in, const struct evidence_options *o,
                             struct endorsement_proof *p, struct err *e)
{
    AUTO_DCAP_CHAIN struct dcap_chain chain = {0};
    AUTO(crl) struct crl *crl = NULL;
    const char *name = endorsement_file(p->what.kind);
    bool root = p->what.kind == ENDORSEMENT_ROOT_CA_CRL, stale, good;
    struct bytes der, pem;

    if (!file_of(in, name, &der, e))
        return false;
    /* the root stands in either chain */
    if (root && evidence_file(in, "pck_chain.pem") == NULL)
        good = signing_open(in, o, &chain, p, e);
    else
        good = file_of(in, "pck_chain.pem", &pem, e) &&
               dcap_chain_pck(pem, "pck_chain.pem", o, &chain, e) &&
               simulated_check(o, chain.anchor, e);
    if (!good || !crl_open(o->cache, der, name, &crl, e) ||
        !crl_check_signed(crl, root ? chain.root : chain.ca, CERT_ECDSA_SHA256, o->cache, name,
                          e) ||
        !crl_check_time(crl, o->now_s, &stale, name, e))
        return false;
    p->anchor = chain.anchor;
    if (root)
        key_set(p, "intel/root-ca-crl");
    else
        key_set(p, "intel/pck-crl/%s", p->what.product);
    return true;
}

static bool chain_check(const struct evidence_input *in, const struct evidence_options *o,
                        struct endorsement_proof *p, struct err *e)
{
    AUTO_DCAP_CHAIN struct dcap_chain chain = {0};

    if (!signing_open(in, o, &chain, p, e))
        return false;
    key_set(p, "intel/tcb-signing-chain");
    return true;
}

bool endorsement_check(const struct evidence_input *in, const struct evidence_options *o,
                       enum endorsement_kind kind, struct endorsement_proof *out, struct err *e)
{
    struct evidence_options with = *o;
    struct endorsement_proof p = {0};
    const struct evidence_file *f = evidence_file(in, endorsement_file(kind));
    bool good = false;

    if (with.anchors == NULL) {
        with.anchors = anchors_builtin;
        with.anchors_n = anchors_builtin_n;
    }
    if (f == NULL || !endorsement_recognise(f->bytes, &p.what) || p.what.kind != kind)
        return err_set(e, ERR_INPUT, "endorsement.unknown", "%s: not what it should be",
                       endorsement_file(kind)),
               err_field(e, "%s", endorsement_file(kind));
    switch (kind) {
    case ENDORSEMENT_SNP_ARK:
    case ENDORSEMENT_SNP_ASK:
    case ENDORSEMENT_SNP_ASVK:
        good = authority_check(in, &with, &p, e);
        break;
    case ENDORSEMENT_SNP_VCEK:
    case ENDORSEMENT_SNP_VLEK:
        good = leaf_check(in, &with, &p, e);
        break;
    case ENDORSEMENT_SNP_CRL:
        good = snp_list_check(in, &with, &p, e);
        break;
    case ENDORSEMENT_TCB_INFO:
    case ENDORSEMENT_QE_IDENTITY:
        good = document_check(in, &with, &p, e);
        break;
    case ENDORSEMENT_TCB_SIGNING_CHAIN:
        good = chain_check(in, &with, &p, e);
        break;
    case ENDORSEMENT_PCK_CRL:
    case ENDORSEMENT_ROOT_CA_CRL:
        good = intel_list_check(in, &with, &p, e);
        break;
    case ENDORSEMENT_NONE:
    case ENDORSEMENT_PCK_CHAIN:
    case ENDORSEMENT_CCA_CPAK:
    case ENDORSEMENT_KINDS:
        return err_set(e, ERR_INPUT, "endorsement.not-kept", "%s: is not kept",
                       endorsement_file(kind));
    }
    if (good)
        *out = p;
    return good;
}

bool endorsement_newer(const struct endorsement *a, const struct endorsement *b)
{
    return a->number != b->number ? a->number > b->number : a->issued_s > b->issued_s;
}
