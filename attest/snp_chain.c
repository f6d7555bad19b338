#include "attest/snp_chain.h"

#include <stdio.h>
#include <string.h>

#include "attest/crl.h"
#include "attest/snp_files.h"

/* Reads a certificate that has to be there. */
static bool file_need(const struct evidence_input *in, const struct evidence_options *o, bool vlek,
                      const char *name, struct cert **out, struct err *e)
{
    struct bytes der;

    if (!snp_file_find(in, name, &der, e))
        return false;
    if (der.n == 0)
        return err_set(e, ERR_INPUT, "evidence.file-missing", "%s: needed and not given", name),
               err_field(e, "%s", name), err_expected(e, "a certificate in DER"),
               err_mend(e, vlek ? "take it from the certificate table of the cloud provider"
                                : "fetch it at kdsintf.amd.com for this chip and REPORTED_TCB");
    return cert_open(o->cache, der, name, out, e);
}

static bool anchor_check(struct snp_chain *c, const struct evidence_input *in,
                         const struct evidence_options *o, struct err *e)
{
    struct bytes der = {NULL, 0};

    if (!snp_file_find(in, "ark.der", &der, e))
        return false;
    c->anchor = anchor_find(o->anchors, o->anchors_n, "snp-ark", der);
    if (c->anchor == NULL)
        return err_set(e, ERR_INPUT, "anchor.unknown", "ark.der: not a root known here"),
               err_field(e, "ark.der"), err_expected(e, "AMD's ARK of Milan, Genoa or Turin"),
               err_mend(e, "fetch it at kdsintf.amd.com/vcek/v1/{product}/cert_chain");
    if (c->anchor->simulated && !o->allow_simulated)
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
static bool authorities_check(struct snp_chain *c, const struct evidence_options *o, struct err *e)
{
    const char *mark = c->anchor->simulated ? " (SIMULATED)" : "";
    int64_t now = o->now_s;
    char cn[96];

    snprintf(cn, sizeof cn, "ARK-%s%s", c->anchor->name, mark);
    /* its own signature adds nothing: these are, byte for byte, the pinned certificate */
    if (!cert_check_name(c->ark, cn, "ark.der", e) || !cert_check_ca(c->ark, "ark.der", e) ||
        !cert_check_time(c->ark, now, "ark.der", e))
        return false;
    snprintf(cn, sizeof cn, "SEV-%s%s%s", c->vlek ? "VLEK-" : "", c->anchor->name, mark);
    if (!cert_check_name(c->ca, cn, c->ca_name, e) || !cert_check_ca(c->ca, c->ca_name, e) ||
        !cert_check_time(c->ca, now, c->ca_name, e) ||
        !cert_check_signed(c->ca, c->ark, CERT_PSS_SHA384, o->cache, c->ca_name, e))
        return false;
    return true;
}

static bool leaf_check(const struct snp_chain *c, const struct evidence_options *o, struct err *e)
{
    char cn[96];

    snprintf(cn, sizeof cn, "SEV-%s%s", c->vlek ? "VLEK" : "VCEK",
             c->anchor->simulated ? " (SIMULATED)" : "");
    return cert_check_name(c->key, cn, c->leaf_name, e) &&
           cert_check_time(c->key, o->now_s, c->leaf_name, e) &&
           cert_check_signed(c->key, c->ca, CERT_PSS_SHA384, o->cache, c->leaf_name, e);
}

static bool revocation_check(struct snp_chain *c, const struct evidence_input *in,
                             const struct evidence_options *o, struct err *e)
{
    AUTO(crl) struct crl *crl = NULL;
    struct bytes der;

    if (!snp_file_find(in, "ark_crl.der", &der, e))
        return false;
    if (der.n == 0)
        return true; /* a finding, not a refusal: see facts_fill() */
    if (!crl_open(o->cache, der, "ark_crl.der", &crl, e) ||
        !crl_check_signed(crl, c->ark, CERT_PSS_SHA384, o->cache, "ark_crl.der", e) ||
        !crl_check_time(crl, o->now_s, &c->crl_stale, "ark_crl.der", e))
        return false;
    if (crl_lists(crl, c->ca)) /* what an old list revoked stays revoked */
        return err_set(e, ERR_INPUT, "snp.ask-revoked", "%s: AMD has revoked it", c->ca_name),
               err_field(e, "%s", c->ca_name), err_found(e, "listed in ark_crl.der"),
               err_mend(e, "fetch the newer certificate chain at kdsintf.amd.com");
    if (c->crl_stale && !o->lenient)
        return err_set(e, ERR_INPUT, "crl.validity", "ark_crl.der: past its next update"),
               err_field(e, "ark_crl.der"),
               err_mend(e, "fetch the current list at kdsintf.amd.com");
    c->crl_seen = true;
    return true;
}

/* "Milan-B0" is of Milan: older certificates name the stepping. */
static bool product_is(const char *certified, const char *product)
{
    size_t n = strlen(product);

    return strncmp(certified, product, n) == 0 && (certified[n] == '\0' || certified[n] == '-');
}

bool snp_chain_check(const struct evidence_input *in, const struct evidence_options *o, bool vlek,
                     struct snp_chain *c, struct err *e)
{
    c->vlek = vlek;
    c->leaf_name = vlek ? "vlek.der" : "vcek.der";
    c->ca_name = vlek ? "asvk.der" : "ask.der";
    if (!file_need(in, o, vlek, c->leaf_name, &c->key, e) ||
        !file_need(in, o, vlek, c->ca_name, &c->ca, e) ||
        !file_need(in, o, vlek, "ark.der", &c->ark, e))
        return false;
    if (!anchor_check(c, in, o, e) || !authorities_check(c, o, e) ||
        !revocation_check(c, in, o, e) || !leaf_check(c, o, e))
        return false;
    evidence_passed(o, "anchor.unknown", "ark.der");
    evidence_passed(o, "cert.validity", "ark.der");
    evidence_passed(o, "cert.signature", c->ca_name);
    evidence_passed(o, "cert.validity", c->ca_name);
    if (c->crl_seen)
        evidence_passed(o, "snp.ask-revoked", "ark_crl.der");
    evidence_passed(o, "cert.signature", c->leaf_name);
    evidence_passed(o, "cert.validity", c->leaf_name);
    return true;
}

bool snp_chain_leaf(struct snp_chain *c, const struct evidence_options *o, struct err *e)
{
    if (!snp_leaf_read(c->key, c->vlek, c->leaf_name, &c->leaf, e))
        return false;
    if (!product_is(c->leaf.product, c->anchor->name))
        return err_set(e, ERR_INPUT, "snp.product-mismatch", "%s: of %s under the root of %s",
                       c->leaf_name, c->leaf.product, c->anchor->name),
               err_field(e, "%s", c->leaf_name), err_found(e, "%s", c->leaf.product),
               err_expected(e, "%s", c->anchor->name);
    evidence_passed(o, "snp.extension", c->leaf_name);
    return true;
}

void snp_chain_fini(struct snp_chain *c)
{
    cert_free(c->ark);
    cert_free(c->ca);
    cert_free(c->key);
    c->ark = c->ca = c->key = NULL;
}
