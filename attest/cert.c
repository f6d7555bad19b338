#include "attest/cert.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/str.h"

DEFINE_CLEANUP(pss, RSA_PSS_PARAMS *, RSA_PSS_PARAMS_free)

/* The reason of a failed call is in our own err; nothing of it may stay in the thread's queue. */
static bool fail(void)
{
    ERR_clear_error();
    return false;
}

static void x509_drop(void *x)
{
    X509_free(x);
}

static void crl_drop(void *c)
{
    X509_CRL_free(c);
}

bool cert_parse(struct bytes der, const char *name, X509 **out, struct err *e)
{
    const uint8_t *p = der.p;
    AUTO(x509) X509 *x = NULL;

    if (der.n > CERT_MAX)
        return err_set(e, ERR_LIMIT, "cert.too-large", "%s: got %zu bytes, want at most %d", name,
                       der.n, CERT_MAX),
               err_field(e, "%s", name);
    x = der.n == 0 ? NULL : d2i_X509(NULL, &p, (long)der.n);
    if (x == NULL || p != der.p + der.n)
        return fail(), err_set(e, ERR_INPUT, "cert.malformed", "%s: not one DER certificate", name),
               err_field(e, "%s", name), err_expected(e, "one X.509 certificate in DER"),
               err_mend(e, "convert PEM with: openssl x509 -outform der");
    *out = STEAL(x);
    return true;
}

bool crl_parse(struct bytes der, const char *name, X509_CRL **out, struct err *e)
{
    const uint8_t *p = der.p;
    AUTO(crl) X509_CRL *c = der.n == 0 ? NULL : d2i_X509_CRL(NULL, &p, (long)der.n);

    if (c == NULL || p != der.p + der.n)
        return fail(),
               err_set(e, ERR_INPUT, "crl.malformed", "%s: not one DER revocation list", name),
               err_field(e, "%s", name), err_expected(e, "one X.509 CRL in DER");
    *out = STEAL(c);
    return true;
}

bool cert_open(struct evidence_cache *cache, struct bytes der, const char *name, X509 **out,
               struct err *e)
{
    uint8_t id[CACHE_ID];
    X509 *x;

    if (cache == NULL || der.n > CERT_MAX)
        return cert_parse(der, name, out, e);
    cache_id(cache, "certificate", der, (struct bytes){NULL, 0}, id);
    x = cache_object(cache, id);
    if (x == NULL) {
        if (!cert_parse(der, name, &x, e))
            return false;
        if (!cache_keep(cache, id, der.n, x, x509_drop)) {
            *out = x;
            return true;
        }
    }
    X509_up_ref(x);
    *out = x;
    return true;
}

bool crl_open(struct evidence_cache *cache, struct bytes der, const char *name, X509_CRL **out,
              struct err *e)
{
    uint8_t id[CACHE_ID];
    X509_CRL *c;

    if (cache == NULL || der.n > CACHE_OBJECT_MAX)
        return crl_parse(der, name, out, e);
    cache_id(cache, "crl", der, (struct bytes){NULL, 0}, id);
    c = cache_object(cache, id);
    if (c == NULL) {
        if (!crl_parse(der, name, &c, e))
            return false;
        if (!cache_keep(cache, id, der.n, c, crl_drop)) {
            *out = c;
            return true;
        }
    }
    X509_CRL_up_ref(c);
    *out = c;
    return true;
}

bool cert_check_name(const X509 *x, const char *cn, const char *name, struct err *e)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *s;
    struct bytes got = {NULL, 0};
    char text[80];

    if (at >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0) {
        s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        got = (struct bytes){ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)};
    }
    if (bytes_equal(got, bytes_str(cn)))
        return true;
    str_printable(got, text, sizeof text);
    return err_set(e, ERR_INPUT, "cert.shape", "%s: subject is \"%s\", want \"%s\"", name, text,
                   cn),
           err_field(e, "%s", name), err_found(e, "CN=%s", text), err_expected(e, "CN=%s", cn);
}

bool cert_check_time(const X509 *x, int64_t now_s, const char *name, struct err *e)
{
    char now[TIME_TEXT];
    int begun = ASN1_TIME_cmp_time_t(X509_get0_notBefore(x), (time_t)now_s);
    int ended = ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), (time_t)now_s);

    /* -2 is a time that is none: not begun, and not in the future either */
    if (begun != -2 && begun <= 0 && ended >= 0)
        return true;
    time_format(now_s, now);
    return fail(),
           err_set(e, ERR_INPUT, "cert.validity", "%s: %s at %s", name,
                   begun == 1 ? "not valid yet" : "no longer valid", now),
           err_field(e, "%s", name), err_found(e, "judged at %s", now),
           err_mend(e, begun == 1 ? "check this machine's clock"
                                  : "fetch the certificate again from the vendor");
}

bool cert_check_ca(X509 *x, const char *name, struct err *e)
{
    EVP_PKEY *key = X509_get0_pubkey(x);

    if (X509_check_ca(x) != 1 || (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) == 0 || key == NULL ||
        EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < 4096)
        return fail(),
               err_set(e, ERR_INPUT, "cert.shape", "%s: not a CA certificate with RSA of 4096 bits",
                       name),
               err_field(e, "%s", name), err_expected(e, "CA:TRUE, keyCertSign, RSA-4096");
    return true;
}

static bool algorithm_is(const X509_ALGOR *a, int nid, const void **parameter, int *type)
{
    const ASN1_OBJECT *o = NULL;

    if (a == NULL)
        return false;
    X509_ALGOR_get0(&o, type, parameter, a);
    return OBJ_obj2nid(o) == nid;
}

static bool sha384_is(const X509_ALGOR *a)
{
    const void *p;
    int type;

    return algorithm_is(a, NID_sha384, &p, &type) && (type == V_ASN1_NULL || type == V_ASN1_UNDEF);
}

/* RFC 4055 3.1. Absent fields mean SHA-1 and salt 20, which fail here as they should; an absent
 * trailer field means 1. */
static bool pss_is_amds(const X509_ALGOR *a)
{
    AUTO(pss) RSA_PSS_PARAMS *pss = NULL;
    const void *parameter = NULL;
    const ASN1_STRING *mgf;
    const uint8_t *p;
    X509_ALGOR *inner;
    int type = 0;
    bool good;

    if (!algorithm_is(a, NID_rsassaPss, &parameter, &type) || type != V_ASN1_SEQUENCE)
        return false;
    mgf = parameter;
    p = ASN1_STRING_get0_data(mgf);
    pss = d2i_RSA_PSS_PARAMS(NULL, &p, ASN1_STRING_length(mgf));
    if (pss == NULL || !sha384_is(pss->hashAlgorithm) || pss->saltLength == NULL ||
        ASN1_INTEGER_get(pss->saltLength) != 48 ||
        (pss->trailerField != NULL && ASN1_INTEGER_get(pss->trailerField) != 1))
        return fail();
    if (!algorithm_is(pss->maskGenAlgorithm, NID_mgf1, &parameter, &type) ||
        type != V_ASN1_SEQUENCE)
        return false;
    mgf = parameter;
    p = ASN1_STRING_get0_data(mgf);
    inner = d2i_X509_ALGOR(NULL, &p, ASN1_STRING_length(mgf));
    good = sha384_is(inner);
    X509_ALGOR_free(inner);
    ERR_clear_error();
    return good;
}

static const struct scheme {
    int nid; /* 0: PSS with AMD's parameters */
    const char *expected;
} schemes[] = {
    [CERT_PSS_SHA384] = {0, "RSASSA-PSS, SHA-384, MGF1-SHA-384, salt 48, trailer 1, stated twice"},
    [CERT_ECDSA_SHA256] = {NID_ecdsa_with_SHA256, "ecdsa-with-SHA256, stated twice"},
    [CERT_ECDSA_SHA384] = {NID_ecdsa_with_SHA384, "ecdsa-with-SHA384, stated twice"},
};

/* RFC 5758 3.2: ECDSA's identifiers have no parameters at all. */
static bool scheme_is(enum cert_scheme scheme, const X509_ALGOR *a)
{
    const void *parameter;
    int type;

    if (schemes[scheme].nid == 0)
        return pss_is_amds(a);
    return algorithm_is(a, schemes[scheme].nid, &parameter, &type) && type == V_ASN1_UNDEF;
}

/* Both must be equal, so that one of them speaks for the other. */
static bool algorithms_check(enum cert_scheme scheme, const X509_ALGOR *outer,
                             const X509_ALGOR *inner, const char *reason, const char *name,
                             struct err *e)
{
    if (inner != NULL && outer != NULL && X509_ALGOR_cmp(outer, inner) == 0 &&
        scheme_is(scheme, outer))
        return true;
    return err_set(e, ERR_INPUT, reason, "%s: not signed as this vendor signs", name),
           err_field(e, "%s", name), err_expected(e, "%s", schemes[scheme].expected);
}

/* The name of "this object is signed by that issuer as that scheme says". False: one of them is not
 * out of the cache. */
static bool signed_id(const struct evidence_cache *cache, const void *object, const X509 *issuer,
                      enum cert_scheme scheme, uint8_t id[CACHE_ID])
{
    static const char *const labels[] = {"signed-pss-sha384", "signed-ecdsa-sha256",
                                         "signed-ecdsa-sha384"};
    uint8_t what[CACHE_ID], by[CACHE_ID];

    if (!cache_id_of(cache, object, what) || !cache_id_of(cache, issuer, by))
        return false;
    cache_id(cache, labels[scheme], BYTES_OF(what), BYTES_OF(by), id);
    return true;
}

bool cert_check_signed(X509 *x, X509 *issuer, enum cert_scheme scheme, struct evidence_cache *cache,
                       const char *name, struct err *e)
{
    const X509_ALGOR *outer = NULL;
    uint8_t id[CACHE_ID];
    bool named = signed_id(cache, x, issuer, scheme, id);

    /* all that follows looks at nothing but the bytes of both, which the id stands for */
    if (named && cache_knows(cache, id))
        return true;
    if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) != 0)
        return err_set(e, ERR_INPUT, "cert.shape", "%s: of another issuer", name),
               err_field(e, "%s", name);
    X509_get0_signature(NULL, &outer, x);
    if (!algorithms_check(scheme, outer, X509_get0_tbs_sigalg(x), "cert.algorithm", name, e))
        return false;
    if (X509_verify(x, X509_get0_pubkey(issuer)) != 1)
        return fail(),
               err_set(e, ERR_INPUT, "cert.signature", "%s: its issuer did not sign this", name),
               err_field(e, "%s", name);
    if (named)
        cache_learn(cache, id);
    return true;
}

/* The AlgorithmIdentifier inside the signed part, for which OpenSSL 3.0 has no accessor: after the
 * optional version. The caller's to X509_ALGOR_free(); NULL when it is not where it should be. */
static X509_ALGOR *crl_inner_algorithm(X509_CRL *crl)
{
    uint8_t *der = NULL;
    int n = i2d_re_X509_CRL_tbs(crl, &der), tag = 0, class = 0;
    const uint8_t *p = der, *end = der + (n > 0 ? n : 0);
    X509_ALGOR *a = NULL;
    long length = 0;

    if (n > 0 && (ASN1_get_object(&p, &length, &tag, &class, n) & 0x80) == 0 &&
        tag == V_ASN1_SEQUENCE && p < end) {
        if (*p == V_ASN1_INTEGER && end - p > 3 && p[1] == 1)
            p += 3;
        a = d2i_X509_ALGOR(NULL, &p, end - p);
    }
    OPENSSL_free(der);
    return a;
}

bool crl_check_signed(X509_CRL *crl, X509 *issuer, enum cert_scheme scheme,
                      struct evidence_cache *cache, const char *name, struct err *e)
{
    const X509_ALGOR *outer = NULL;
    uint8_t id[CACHE_ID];
    bool named = signed_id(cache, crl, issuer, scheme, id), good;
    X509_ALGOR *inner;

    if (named && cache_knows(cache, id))
        return true;
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) != 0)
        return err_set(e, ERR_INPUT, "crl.signature", "%s: of another issuer", name),
               err_field(e, "%s", name);
    X509_CRL_get0_signature(crl, NULL, &outer);
    inner = crl_inner_algorithm(crl);
    good = algorithms_check(scheme, outer, inner, "crl.algorithm", name, e);
    X509_ALGOR_free(inner);
    if (!good)
        return fail();
    if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
        return fail(),
               err_set(e, ERR_INPUT, "crl.signature", "%s: its issuer did not sign this", name),
               err_field(e, "%s", name);
    if (named)
        cache_learn(cache, id);
    return true;
}

bool crl_check_time(const X509_CRL *crl, int64_t now_s, bool *stale, const char *name,
                    struct err *e)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    int begun = ASN1_TIME_cmp_time_t(X509_CRL_get0_lastUpdate(crl), (time_t)now_s);

    if (begun == -2 || begun > 0)
        return fail(), err_set(e, ERR_INPUT, "crl.validity", "%s: not valid yet", name),
               err_field(e, "%s", name), err_mend(e, "check this machine's clock");
    *stale = next == NULL || ASN1_TIME_cmp_time_t(next, (time_t)now_s) < 0;
    ERR_clear_error();
    return true;
}

bool crl_lists(X509_CRL *crl, X509 *x)
{
    X509_REVOKED *entry = NULL;

    /* 2: listed with "remove from CRL", which only delta lists may say; so it counts as listed */
    return X509_CRL_get0_by_cert(crl, &entry, x) != 0;
}
