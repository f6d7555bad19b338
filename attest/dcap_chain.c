#include "attest/dcap_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/ecdsa.h"
#include "attest/pem.h"

#define ROOT_KIND "sgx-root"
#define PCK_CRL "pck_crl.der"
#define ROOT_CRL "root_ca_crl.der"

DEFINE_CLEANUP(memory, uint8_t *, free)

void dcap_chain_fini(struct dcap_chain *c)
{
    cert_free(c->leaf);
    cert_free(c->ca);
    cert_free(c->root);
    c->leaf = c->ca = c->root = NULL;
}

void dcap_revocation_fini(struct dcap_revocation *r)
{
    crl_free(r->pck);
    crl_free(r->root);
    r->pck = r->root = NULL;
}

static bool shape_bad(const char *name, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "cert.shape", "%s: %s", name, what), err_field(e, "%s", name),
           err_found(e, "%s", what);
}

/* Also without basic constraints, when key usage says so (X.509 version 3 without the one is not
 * foreseen by the profile). */
static bool may_certify(const struct cert *x)
{
    return x->says.constraints ? cert_is_ca(x)
                               : x->says.has_usage && (x->says.usage & CERT_KEY_CERT_SIGN) != 0;
}

/* What holds of every certificate of Intel's: its time, its key, no extension that has to be
 * understood and is not. */
static bool any_check(struct cert *x, bool ca, const struct evidence_options *o, const char *name,
                      struct err *e)
{
    if (x->says.invalid || x->says.unknown_critical)
        return shape_bad(name, "a critical extension that is not known here", e);
    if (ca && !cert_is_ca(x))
        return shape_bad(name, "not a CA certificate", e);
    if (!ca && (may_certify(x) || (x->says.usage & CERT_DIGITAL_SIGNATURE) == 0))
        return shape_bad(name, "a CA certificate, or one that may not sign data", e);
    if (!ecdsa_key_is(cert_key(x), ECDSA_P256))
        return err_set(e, ERR_INPUT, "dcap.certificate-key", "%s: not a P-256 key", name),
               err_field(e, "%s", name), err_expected(e, "prime256v1");
    return cert_check_time(x, o->now_s, name, e);
}

/* Simulated authorities may say so in their names. */
static bool name_is(const struct cert *x, const char *cn, bool simulated, const char *name)
{
    char marked[64];

    snprintf(marked, sizeof marked, "%s (SIMULATED)", cn);
    return cert_check_name(x, cn, name, NULL) ||
           (simulated && cert_check_name(x, marked, name, NULL));
}

static bool name_check(const struct cert *x, const char *cn, bool simulated, const char *name,
                       struct err *e)
{
    return name_is(x, cn, simulated, name) || cert_check_name(x, cn, name, e);
}

static const struct anchor *anchor_of(const struct cert *root, const struct evidence_options *o)
{
    return anchor_find(o->anchors, o->anchors_n, ROOT_KIND, root->spki);
}

static bool root_check(struct dcap_chain *c, const struct evidence_options *o, struct err *e)
{
    const char *name = c->name[2];

    c->anchor = anchor_of(c->root, o);
    if (c->anchor == NULL)
        return err_set(e, ERR_INPUT, "anchor.unknown", "%s: not a root known here", name),
               err_field(e, "%s", name), err_expected(e, "Intel SGX Root CA"),
               err_mend(e, "fetch it at certificates.trustedservices.intel.com");
    if (c->anchor->simulated && !o->allow_simulated)
        return err_set(e, ERR_INPUT, "evidence.simulated",
                       "signed under a simulated root: proves nothing about hardware"),
               err_field(e, "%s", name), err_found(e, "the simulated %s", c->anchor->name),
               err_expected(e, "a vendor's root"),
               err_mend(e, "only for demonstrations: start the controller with --allow-simulated");
    if (!name_check(c->root, "Intel SGX Root CA", c->anchor->simulated, name, e) ||
        !any_check(c->root, true, o, name, e) ||
        !cert_check_signed(c->root, c->root, CERT_ECDSA_SHA256, o->cache, name, e))
        return false;
    evidence_passed(o, "anchor.unknown", name);
    return true;
}

static bool ca_check(const struct dcap_chain *c, const struct evidence_options *o, struct err *e)
{
    const char *name = c->name[1];
    bool simulated = c->anchor->simulated;

    if (!name_is(c->ca, "Intel SGX PCK Processor CA", simulated, name) &&
        !name_check(c->ca, "Intel SGX PCK Platform CA", simulated, name, e))
        return false;
    if (!any_check(c->ca, true, o, name, e) ||
        !cert_check_signed(c->ca, c->root, CERT_ECDSA_SHA256, o->cache, name, e))
        return false;
    evidence_passed(o, "cert.signature", name);
    return true;
}

static bool leaf_check(const struct dcap_chain *c, const char *cn, const struct evidence_options *o,
                       struct err *e)
{
    const char *name = c->name[0];
    struct cert *issuer = c->ca != NULL ? c->ca : c->root;

    if (!name_check(c->leaf, cn, c->anchor->simulated, name, e) ||
        !any_check(c->leaf, false, o, name, e) ||
        !cert_check_signed(c->leaf, issuer, CERT_ECDSA_SHA256, o->cache, name, e))
        return false;
    evidence_passed(o, "cert.signature", name);
    return true;
}

static bool is_certificate(const struct cert *x, struct bytes der)
{
    return x != NULL && bytes_equal(der, x->der);
}

/* The certificates of the chain, which has to have `want` of them in their order. known: a root
 * that need not be parsed again; NULL: none. */
static bool chain_open(struct bytes pem, const char *source, unsigned want,
                       const struct evidence_options *o, struct cert *known, struct dcap_chain *c,
                       struct err *e)
{
    struct cert **const slot[2][3] = {{&c->leaf, &c->root, NULL}, {&c->leaf, &c->ca, &c->root}};
    struct bytes der[PEM_BLOCKS];
    AUTO(memory) uint8_t *store = NULL;
    unsigned n = 0;

    if (pem.n > DCAP_CHAIN_MAX)
        return err_set(e, ERR_LIMIT, "cert.too-large", "%s: got %zu bytes, want at most %d", source,
                       pem.n, DCAP_CHAIN_MAX),
               err_field(e, "%s", source);
    store = malloc(pem.n + 1);
    if (store == NULL)
        return err_set(e, ERR_NOMEM, "cert.malformed", "%s: no memory", source);
    if (!pem_certificates(pem, store, der, &n, source, e))
        return false;
    if (n != want)
        return err_set(e, ERR_INPUT, "cert.shape", "%s: %u certificates, want %u", source, n, want),
               err_field(e, "%s", source), err_found(e, "%u certificates", n),
               err_expected(e, want == 3 ? "PCK certificate, its CA, root"
                                         : "signing certificate, root");
    for (unsigned i = 0; i < n; i++) {
        unsigned role = want == 2 && i == 1 ? 2 : i;

        snprintf(c->name[role], sizeof c->name[role], "%.40s[%u]", source, i);
        if (role == 2 && is_certificate(known, der[i])) {
            c->root = cert_ref(known);
        } else if (!cert_open(o->cache, der[i], c->name[role], slot[want - 2][i], e))
            return false;
    }
    return true;
}

bool dcap_chain_pck(struct bytes pem, const char *source, const struct evidence_options *o,
                    struct dcap_chain *out, struct err *e)
{
    AUTO_DCAP_CHAIN struct dcap_chain c = {0};

    if (!chain_open(pem, source, 3, o, NULL, &c, e) || !root_check(&c, o, e) ||
        !ca_check(&c, o, e) || !leaf_check(&c, "Intel SGX PCK Certificate", o, e))
        return false;
    *out = c;
    c = (struct dcap_chain){0};
    return true;
}

bool dcap_chain_signing(struct bytes pem, const char *source, const struct dcap_chain *beside,
                        const struct evidence_options *o, struct dcap_chain *out, struct err *e)
{
    AUTO_DCAP_CHAIN struct dcap_chain c = {0};

    if (!chain_open(pem, source, 2, o, beside == NULL ? NULL : beside->root, &c, e))
        return false;
    if (beside != NULL && c.root == beside->root)
        c.anchor = beside->anchor; /* the same bytes, which have been checked */
    else if (!root_check(&c, o, e))
        return false;
    if (beside != NULL && beside->anchor != c.anchor)
        return err_set(e, ERR_INPUT, "anchor.unknown", "%s: not the root of the quote", c.name[2]),
               err_field(e, "%s", c.name[2]), err_found(e, "%s", c.anchor->name),
               err_expected(e, "%s, as the PCK certificate's", beside->anchor->name);
    if (!leaf_check(&c, "Intel SGX TCB Signing", o, e))
        return false;
    *out = c;
    c = (struct dcap_chain){0};
    return true;
}

const char *dcap_chain_ca(const struct dcap_chain *pck)
{
    static const char word[] = "Processor CA";
    struct bytes issuer = cert_common_name(pck->leaf->issuer, NULL);

    return issuer.n > 0 && memmem(issuer.p, issuer.n, word, sizeof word - 1) != NULL ? "processor"
                                                                                     : "platform";
}

/* Profile 4.2: nothing in these lists is critical; what is would have to be understood. */
static bool crl_plain(const struct crl *crl, const char *name, struct err *e)
{
    if (!crl->critical)
        return true;
    return err_set(e, ERR_INPUT, "crl.malformed", "%s: a critical extension", name),
           err_field(e, "%s", name);
}

/* RFC 5280 5.2.1: which key of the issuer's signed the list. One that says it is another key's is
 * of another authority with the same name (Intel's test authorities have the real ones' names), and
 * as good as none for this one. */
static bool crl_of_other_key(const struct crl *crl, const struct cert *issuer)
{
    return crl->authority_key.n > 0 && issuer->says.subject_key.n > 0 &&
           !bytes_equal(crl->authority_key, issuer->says.subject_key);
}

static bool crl_read(const struct evidence_input *in, const struct evidence_options *o,
                     const char *name, struct cert *issuer, struct dcap_revocation *r,
                     struct crl **out, struct err *e)
{
    const struct evidence_file *f = evidence_file(in, name);
    bool stale = false;

    if (f == NULL || f->bytes.n == 0)
        return true; /* a finding, not a refusal */
    if (!crl_open(o->cache, f->bytes, name, out, e) || !crl_plain(*out, name, e))
        return false;
    if (crl_of_other_key(*out, issuer) && bytes_equal((*out)->issuer, issuer->subject)) {
        crl_free(*out);
        *out = NULL;
        return true;
    }
    if (!crl_check_signed(*out, issuer, CERT_ECDSA_SHA256, o->cache, name, e) ||
        !crl_check_time(*out, o->now_s, &stale, name, e))
        return false;
    r->stale = r->stale || stale;
    return true;
}

static bool revoked(const char *reason, const char *name, const char *list, struct err *e)
{
    return err_set(e, ERR_INPUT, reason, "%s: Intel has revoked it", name),
           err_field(e, "%s", name), err_found(e, "listed in %s", list),
           err_mend(e, "provision the platform again; fetch the newer certificates");
}

bool dcap_revocation_check(const struct evidence_input *in, const struct evidence_options *o,
                           const struct dcap_chain *pck, struct dcap_revocation *out, struct err *e)
{
    struct dcap_revocation *r = out;

    *r = (struct dcap_revocation){0};
    if (!crl_read(in, o, ROOT_CRL, pck->root, r, &r->root, e) ||
        !crl_read(in, o, PCK_CRL, pck->ca, r, &r->pck, e))
        return false;
    /* what an old list revoked stays revoked, so that this comes before their dates */
    if (r->root != NULL && crl_lists(r->root, pck->ca))
        return revoked("dcap.ca-revoked", pck->name[1], ROOT_CRL, e);
    if (r->pck != NULL && crl_lists(r->pck, pck->leaf))
        return revoked("dcap.pck-revoked", pck->name[0], PCK_CRL, e);
    if (r->stale && !o->lenient)
        return err_set(e, ERR_INPUT, "crl.validity", "a revocation list is past its next update"),
               err_field(e, PCK_CRL " or " ROOT_CRL),
               err_mend(e, "fetch the current lists at api.trustedservices.intel.com");
    if (r->root != NULL)
        evidence_passed(o, "dcap.ca-revoked", pck->name[1]);
    if (r->pck != NULL)
        evidence_passed(o, "dcap.pck-revoked", pck->name[0]);
    return true;
}

bool dcap_revocation_check_signing(const struct dcap_revocation *r,
                                   const struct dcap_chain *signing, struct err *e)
{
    if (r->root != NULL && crl_lists(r->root, signing->leaf))
        return revoked("dcap.signing-revoked", signing->name[0], ROOT_CRL, e);
    return true;
}
