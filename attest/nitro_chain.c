#include "attest/nitro_chain.h"

#include <stdio.h>

#include "attest/ecdsa.h"

#define LINK_NAME_MAX 24 /* "cabundle[7]" */

static bool shape_bad(struct err *e, const char *name, const char *what, const char *want)
{
    return err_set(e, ERR_INPUT, "cert.shape", "%s: %s", name, what), err_field(e, "%s", name),
           err_found(e, "%s", what), err_expected(e, "%s", want);
}

/* What every certificate of the chain has to be. */
static bool common_check(struct cert *x, const char *name, const struct evidence_options *o,
                         struct err *e)
{
    if (x->says.unknown_critical || x->says.invalid)
        return shape_bad(e, name, "extensions that are broken or not understood",
                         "no critical extension but basic constraints and key usage");
    if (!ecdsa_key_is(cert_key(x), ECDSA_P384))
        return shape_bad(e, name, "another key than P-384", "a key on secp384r1");
    return cert_check_time(x, o->now_s, name, e);
}

/* below: how many CA certificates stand between it and the leaf. */
static bool ca_check(const struct cert *x, unsigned below, const char *name, struct err *e)
{
    int64_t most = x->says.path_length;

    if (!cert_is_ca(x) || !x->says.has_usage)
        return shape_bad(e, name, "not a CA certificate", "CA:TRUE, keyCertSign");
    if (most >= 0 && below > most)
        return shape_bad(e, name, "more CAs below it than its path length allows",
                         "a chain as long as pathlen says");
    return true;
}

static bool leaf_check(const struct cert *x, struct err *e)
{
    if (x->says.ca || !x->says.has_usage || (x->says.usage & CERT_DIGITAL_SIGNATURE) == 0)
        return shape_bad(e, "certificate", "not one that signs documents",
                         "CA:FALSE, digitalSignature");
    return true;
}

static bool anchor_check(const struct nitro_doc *d, const struct evidence_options *o,
                         struct nitro_chain *c, struct err *e)
{
    c->anchor = anchor_find(o->anchors, o->anchors_n, "nitro-root", d->bundle[0]);
    if (c->anchor == NULL)
        return err_set(e, ERR_INPUT, "anchor.unknown", "cabundle[0]: not a root known here"),
               err_field(e, "cabundle[0]"), err_expected(e, "AWS's root aws.nitro-enclaves"),
               err_mend(e, "a new root of AWS has to be imported by an operator first");
    if (c->anchor->simulated && !o->allow_simulated)
        return err_set(e, ERR_INPUT, "evidence.simulated",
                       "signed under a simulated root: proves nothing about hardware"),
               err_field(e, "cabundle[0]"), err_found(e, "the simulated %s", c->anchor->name),
               err_expected(e, "a vendor's root"),
               err_mend(e, "only for demonstrations: start the controller with --allow-simulated");
    evidence_passed(o, "anchor.unknown", "cabundle[0]");
    return true;
}

/* One certificate under its issuer; the root has none, since it is the pinned one byte for byte. */
static bool link_check(struct cert *x, struct cert *issuer, const char *name,
                       const struct evidence_options *o, struct err *e)
{
    if (!common_check(x, name, o, e) ||
        (issuer != NULL && !cert_check_signed(x, issuer, CERT_ECDSA_SHA384, o->cache, name, e)))
        return false;
    evidence_passed(o, "cert.validity", name);
    if (issuer != NULL)
        evidence_passed(o, "cert.signature", name);
    return true;
}

bool nitro_chain_check(const struct nitro_doc *d, const struct evidence_options *o,
                       struct nitro_chain *c, struct err *e)
{
    AUTO(cert) struct cert *issuer = NULL;

    if (!anchor_check(d, o, c, e))
        return false;
    for (unsigned i = 0; i < d->bundle_n; i++) {
        AUTO(cert) struct cert *x = NULL;
        char name[LINK_NAME_MAX];

        snprintf(name, sizeof name, "cabundle[%u]", i);
        if (!cert_open(o->cache, d->bundle[i], name, &x, e) || !link_check(x, issuer, name, o, e) ||
            !ca_check(x, d->bundle_n - 1 - i, name, e))
            return false;
        cert_free(issuer);
        issuer = STEAL(x);
    }
    if (!cert_open(o->cache, d->certificate, "certificate", &c->leaf, e))
        return false;
    if (!link_check(c->leaf, issuer, "certificate", o, e) || !leaf_check(c->leaf, e))
        return false;
    return true;
}

void nitro_chain_fini(struct nitro_chain *c)
{
    cert_free(c->leaf);
    *c = (struct nitro_chain){0};
}
