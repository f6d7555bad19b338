#include "attest/dcap_chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "attest/ecdsa.h"
#include "attest/pem.h"

#define ROOT_KIND "sgx-root"
#define PCK_CRL "pck_crl.der"
#define ROOT_CRL "root_ca_crl.der"

DEFINE_CLEANUP(memory, uint8_t *, free)

void dcap_chain_fini(struct dcap_chain *c)
{
    X509_free(c->leaf);
    X509_free(c->ca);
    X509_free(c->root);
    c->leaf = c->ca = c->root = NULL;
}

void dcap_revocation_fini(struct dcap_revocation *r)
{
    X509_CRL_free(r->pck);
    X509_CRL_free(r->root);
    r->pck = r->root = NULL;
}

static bool shape_bad(const char *name, const char *what, struct err *e)
{
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "cert.shape", "%s: %s", name, what), err_field(e, "%s", name),
           err_found(e, "%s", what);
}

/* What holds of every certificate of Intel's: its time, its key, no extension that has to be
 * understood and is not. */
static bool any_check(X509 *x, bool ca, const struct evidence_options *o, const char *name,
                      struct err *e)
{
    if ((X509_get_extension_flags(x) & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0)
        return shape_bad(name, "a critical extension that is not known here", e);
    if (ca && (X509_check_ca(x) != 1 || (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) == 0))
        return shape_bad(name, "not a CA certificate", e);
    if (!ca && (X509_check_ca(x) != 0 || (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) == 0))
        return shape_bad(name, "a CA certificate, or one that may not sign data", e);
    if (!ecdsa_key_is(X509_get0_pubkey(x), ECDSA_P256))
        return err_set(e, ERR_INPUT, "dcap.certificate-key", "%s: not a P-256 key", name),
               err_field(e, "%s", name), err_expected(e, "prime256v1");
    return cert_check_time(x, o->now_s, name, e);
}

/* Simulated authorities may say so in their names. */
static bool name_is(const X509 *x, const char *cn, bool simulated, const char *name)
{
    char marked[64];

    snprintf(marked, sizeof marked, "%s (SIMULATED)", cn);
    return cert_check_name(x, cn, name, NULL) ||
           (simulated && cert_check_name(x, marked, name, NULL));
}

static bool name_check(const X509 *x, const char *cn, bool simulated, const char *name,
                       struct err *e)
{
    return name_is(x, cn, simulated, name) || cert_check_name(x, cn, name, e);
}

static const struct anchor *anchor_of(X509 *root, const struct evidence_options *o)
{
    uint8_t *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(root), &der);
    const struct anchor *a = NULL;

    if (n > 0)
        a = anchor_find(o->anchors, o->anchors_n, ROOT_KIND, (struct bytes){der, (size_t)n});
    OPENSSL_free(der);
    return a;
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
    X509 *issuer = c->ca != NULL ? c->ca : c->root;

    if (!name_check(c->leaf, cn, c->anchor->simulated, name, e) ||
        !any_check(c->leaf, false, o, name, e) ||
        !cert_check_signed(c->leaf, issuer, CERT_ECDSA_SHA256, o->cache, name, e))
        return false;
    evidence_passed(o, "cert.signature", name);
    return true;
}

static bool is_certificate(X509 *x, struct bytes der)
{
    uint8_t *own = NULL;
    int n = x == NULL ? 0 : i2d_X509(x, &own);
    bool same = n > 0 && bytes_equal(der, (struct bytes){own, (size_t)n});

    OPENSSL_free(own);
    return same;
}

/* The certificates of the chain, which has to have `want` of them in their order. known: a root
 * that need not be parsed again; NULL: none. */
static bool chain_open(struct bytes pem, const char *source, unsigned want,
                       const struct evidence_options *o, X509 *known, struct dcap_chain *c,
                       struct err *e)
{
    X509 **const slot[2][3] = {{&c->leaf, &c->root, NULL}, {&c->leaf, &c->ca, &c->root}};
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
            X509_up_ref(known);
            c->root = known;
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

/* Profile 4.2: nothing in these lists is critical; what is would have to be understood. */
static bool crl_plain(X509_CRL *crl, const char *name, struct err *e)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
        if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)) != 0)
            return err_set(e, ERR_INPUT, "crl.malformed", "%s: a critical extension", name),
                   err_field(e, "%s", name);
    return true;
}

/* RFC 5280 5.2.1: which key of the issuer's signed the list. One that says it is another key's is
 * of another authority with the same name (Intel's test authorities have the real ones' names), and
 * as good as none for this one. */
static bool crl_of_other_key(const X509_CRL *crl, X509 *issuer)
{
    const ASN1_OCTET_STRING *have = X509_get0_subject_key_id(issuer);
    AUTHORITY_KEYID *says = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    bool other = says != NULL && says->keyid != NULL && have != NULL &&
                 ASN1_OCTET_STRING_cmp(says->keyid, have) != 0;

    AUTHORITY_KEYID_free(says);
    ERR_clear_error();
    return other;
}

static bool crl_read(const struct evidence_input *in, const struct evidence_options *o,
                     const char *name, X509 *issuer, struct dcap_revocation *r, X509_CRL **out,
                     struct err *e)
{
    const struct evidence_file *f = evidence_file(in, name);
    bool stale = false;

    if (f == NULL || f->bytes.n == 0)
        return true; /* a finding, not a refusal */
    if (!crl_open(o->cache, f->bytes, name, out, e) || !crl_plain(*out, name, e))
        return false;
    if (crl_of_other_key(*out, issuer) &&
        X509_NAME_cmp(X509_CRL_get_issuer(*out), X509_get_subject_name(issuer)) == 0) {
        X509_CRL_free(*out);
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
