#include "tests/lib/cert_differ.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/crl.h"
#include "attest/rsa_pss.h"

/* --- a second look at the form: is this DER? --- */

static bool canonical(const uint8_t *p, size_t n, unsigned depth);

static bool primitive_canonical(uint8_t tag, const uint8_t *p, size_t n)
{
    if (tag == 0x01)
        return n == 1 && (p[0] == 0 || p[0] == 0xff);
    if (tag == 0x05)
        return n == 0;
    return true;
}

/* Lengths shortest and definite; constructed bits where they belong; booleans of 00 or ff. */
static bool canonical(const uint8_t *p, size_t n, unsigned depth)
{
    while (n > 0) {
        size_t length, head = 2;
        bool constructed = (p[0] & 0x20) != 0, universal = (p[0] & 0xc0) == 0;

        if (n < 2 || (p[0] & 0x1f) == 0x1f || depth > 32)
            return false;
        if (universal && constructed != ((p[0] & 0x1f) == 0x10 || (p[0] & 0x1f) == 0x11))
            return false;
        length = p[1];
        if (length > 0x80 && length <= 0x83 && n >= 2 + (length & 3u)) {
            size_t width = length & 3u;

            length = 0;
            for (size_t i = 0; i < width; i++)
                length = length << 8 | p[2 + i];
            head += width;
            if (p[2] == 0 || length < 0x80)
                return false;
        } else if (length >= 0x80) {
            return false;
        }
        if (length > n - head)
            return false;
        if (constructed ? !canonical(p + head, length, depth + 1)
                        : !primitive_canonical(p[0], p + head, length))
            return false;
        p += head + length;
        n -= head + length;
    }
    return true;
}

/* --- values alike --- */

static bool same_i2d(int n, uint8_t *got, struct bytes want)
{
    bool same = n >= 0 && bytes_equal((struct bytes){got, (size_t)n}, want);

    OPENSSL_free(got);
    return same;
}

static bool same_algorithm(const X509_ALGOR *a, struct bytes want)
{
    uint8_t *der = NULL;
    int n = i2d_X509_ALGOR(a, &der);

    return same_i2d(n, der, want);
}

static bool same_name(const X509_NAME *name, struct bytes want)
{
    const uint8_t *der = NULL;
    size_t n = 0;

    return X509_NAME_get0_der(name, &der, &n) == 1 && bytes_equal((struct bytes){der, n}, want);
}

/* The content behind a head of two bytes or more. */
static bool same_integer(const ASN1_INTEGER *i, struct bytes want)
{
    uint8_t *der = NULL;
    int n = i2d_ASN1_INTEGER(i, &der);
    size_t head = n > 1 && der[1] == 0x81 ? 3 : n > 1 && der[1] == 0x82 ? 4 : 2;
    bool same = n > (int)head && bytes_equal((struct bytes){der + head, (size_t)n - head}, want);

    OPENSSL_free(der);
    return same;
}

static bool same_signature(const ASN1_BIT_STRING *s, struct bytes want)
{
    if ((s->flags & 7) != 0)
        return want.n == 0;
    return bytes_equal((struct bytes){s->data, (size_t)s->length}, want);
}

/* `none` is ours for what is no time. OpenSSL reads more forms than RFC 5280 has. */
static bool same_time(const ASN1_TIME *t, int64_t ours, int64_t none)
{
    int want = t->type == V_ASN1_UTCTIME ? 13 : 15;
    struct tm tm;

    if (ours == none)
        return ASN1_TIME_to_tm(t, &tm) != 1 || t->length != want || t->data[want - 1] != 'Z';
    return ASN1_TIME_to_tm(t, &tm) == 1 && (int64_t)timegm(&tm) == ours;
}

static bool same_extensions(const STACK_OF(X509_EXTENSION) * list, struct bytes ours)
{
    struct cert_extension x;
    int n = list == NULL ? 0 : sk_X509_EXTENSION_num(list), i = 0;

    for (; ours.n > 0; i++) {
        X509_EXTENSION *ext = i < n ? sk_X509_EXTENSION_value(list, i) : NULL;
        const ASN1_OBJECT *o = ext == NULL ? NULL : X509_EXTENSION_get_object(ext);
        const ASN1_OCTET_STRING *s = ext == NULL ? NULL : X509_EXTENSION_get_data(ext);

        if (!cert_extension_take(&ours, &x) || ext == NULL ||
            x.critical != (X509_EXTENSION_get_critical(ext) != 0) ||
            !bytes_equal((struct bytes){OBJ_get0_data(o), OBJ_length(o)}, x.oid) ||
            !bytes_equal((struct bytes){s->data, (size_t)s->length}, x.value))
            return false;
    }
    return i == n;
}

/* One of the four extensions as OpenSSL decodes it. */
struct decoded {
    void *value; /* NULL: none, twice, or not of its type */
    bool there, plain;
};

static struct decoded decode(const X509 *x, int nid)
{
    int critical = 0, at = X509_get_ext_by_NID(x, nid, -1), n = 0;
    struct decoded d = {X509_get_ext_d2i(x, nid, &critical, NULL), critical != -1, false};
    const ASN1_OCTET_STRING *s;
    uint8_t *der = NULL;

    if (d.value == NULL || at < 0)
        return d;
    s = X509_EXTENSION_get_data(X509_get_ext(x, at));
    n = nid == NID_basic_constraints        ? i2d_BASIC_CONSTRAINTS(d.value, &der)
        : nid == NID_key_usage              ? i2d_ASN1_BIT_STRING(d.value, &der)
        : nid == NID_subject_key_identifier ? i2d_ASN1_OCTET_STRING(d.value, &der)
                                            : i2d_AUTHORITY_KEYID(d.value, &der);
    d.plain = same_i2d(n, der, (struct bytes){s->data, (size_t)s->length}) &&
              canonical(s->data, (size_t)s->length, 0);
    return d;
}

static uint32_t usage_of(const ASN1_BIT_STRING *s)
{
    uint32_t usage = 0;

    for (int i = 0; i < 16; i++)
        if (ASN1_BIT_STRING_get_bit(s, i) == 1)
            usage |= 1u << i;
    return usage;
}

static bool same_says(const X509 *x, const struct cert_extensions *s)
{
    struct decoded bc = decode(x, NID_basic_constraints), ku = decode(x, NID_key_usage),
                   sk = decode(x, NID_subject_key_identifier),
                   ak = decode(x, NID_authority_key_identifier);
    const BASIC_CONSTRAINTS *constraints = bc.value;
    const AUTHORITY_KEYID *authority = ak.value;
    const ASN1_OCTET_STRING *subject = sk.value;
    bool same = true;

    if (!s->invalid) {
        same = (!bc.there || bc.value != NULL) && (!ku.there || ku.value != NULL) &&
               (!sk.there || sk.value != NULL) && bc.there == s->constraints &&
               ku.there == s->has_usage;
        if (same && constraints != NULL)
            same = (constraints->ca != 0) == s->ca &&
                   (constraints->pathlen == NULL
                        ? s->path_length == -1
                        : ASN1_INTEGER_get(constraints->pathlen) == s->path_length);
        if (same && ku.value != NULL)
            same = usage_of(ku.value) == s->usage;
        if (same && subject != NULL)
            same =
                bytes_equal((struct bytes){subject->data, (size_t)subject->length}, s->subject_key);
        /* the parts of an authority key identifier that nobody asks for are not decoded */
        if (same && authority != NULL && authority->keyid != NULL)
            same = bytes_equal(
                (struct bytes){authority->keyid->data, (size_t)authority->keyid->length},
                s->authority_key);
    } else {
        same = (bc.there && (bc.value == NULL || !bc.plain ||
                             (constraints->pathlen != NULL &&
                              (ASN1_INTEGER_get(constraints->pathlen) < 0 ||
                               ASN1_INTEGER_get(constraints->pathlen) > INT32_MAX)))) ||
               (ku.there && (ku.value == NULL || !ku.plain || usage_of(ku.value) == 0 ||
                             ((ASN1_BIT_STRING *)ku.value)->length > 2)) ||
               (sk.there && (sk.value == NULL || !sk.plain)) ||
               (ak.there && (ak.value == NULL || !ak.plain));
    }
    BASIC_CONSTRAINTS_free(bc.value);
    ASN1_BIT_STRING_free(ku.value);
    ASN1_OCTET_STRING_free(sk.value);
    AUTHORITY_KEYID_free(ak.value);
    return same;
}

static bool same_critical(const X509 *x, bool ours)
{
    bool unknown = false;

    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *ext = X509_get_ext(x, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

        if (X509_EXTENSION_get_critical(ext) && nid != NID_basic_constraints &&
            nid != NID_key_usage && nid != NID_subject_key_identifier &&
            nid != NID_authority_key_identifier)
            unknown = true;
    }
    return unknown == ours;
}

/* --- keys --- */

static bool same_ec(EVP_PKEY *theirs, struct cert *ours)
{
    struct ecdsa_key *key = cert_key(ours);
    uint8_t spki[ECDSA_SPKI_MAX], *der = NULL;
    enum ecdsa_curve curve;
    struct bytes xy;
    int n;

    /* compressed and hybrid points, and curves given by their numbers, are refused by name */
    if (key == NULL)
        return !ecdsa_spki_read(ours->spki, &curve, &xy) || theirs == NULL;
    if (theirs == NULL)
        return false;
    n = i2d_PUBKEY(theirs, &der);
    return same_i2d(n, der, ecdsa_spki_write(key, spki));
}

static bool same_rsa(EVP_PKEY *theirs, struct cert *ours)
{
    struct bytes n, exponent;
    BIGNUM *own, *other = NULL;
    bool same;

    (void)cert_key(ours);
    if (ours->rsa == NULL)
        return true; /* smaller, larger, even, or with another exponent than any vendor has */
    if (theirs == NULL || !rsa_spki_read(ours->spki, &n, &exponent))
        return false;
    own = BN_bin2bn(n.p, (int)n.n, NULL);
    same = EVP_PKEY_get_bn_param(theirs, OSSL_PKEY_PARAM_RSA_N, &other) == 1 &&
           BN_cmp(own, other) == 0;
    BN_free(own);
    BN_free(other);
    return same;
}

/* A point on a curve of the three, written plainly, has to become a key here, too. */
static bool same_key(X509 *x, struct cert *ours)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    int kind = key == NULL ? 0 : EVP_PKEY_get_base_id(key);
    enum ecdsa_curve curve;
    struct bytes xy;

    if (ecdsa_spki_read(ours->spki, &curve, &xy) &&
        (kind == EVP_PKEY_EC) != (cert_key(ours) != NULL))
        return false;
    if (cert_key(ours) != NULL)
        return same_ec(key, ours);
    return same_rsa(kind == EVP_PKEY_RSA ? key : NULL, ours);
}

/* Of what signs itself: both verify, or both do not, whichever way a vendor signs. */
static bool same_verdict(X509 *x, struct cert *ours)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    bool theirs, good = false;

    if (!bytes_equal(ours->issuer, ours->subject) || key == NULL)
        return true;
    for (unsigned s = CERT_PSS_SHA384; s <= CERT_ECDSA_SHA384; s++)
        good = good || cert_check_signed(ours, ours, (enum cert_scheme)s, NULL, "", NULL);
    theirs = X509_verify(x, key) == 1;
    if (good)
        return theirs;
    /* signed otherwise than any vendor does, or by a key that ours has refused */
    for (unsigned s = CERT_PSS_SHA384; s <= CERT_ECDSA_SHA384; s++) {
        enum ecdsa_curve of = s == CERT_ECDSA_SHA256 ? ECDSA_P256 : ECDSA_P384;
        bool fits = s == CERT_PSS_SHA384 ? ours->rsa != NULL : ecdsa_key_is(cert_key(ours), of);

        if (fits && cert_check_algorithms((enum cert_scheme)s, ours->algorithm, "", "", NULL) &&
            theirs)
            return false;
    }
    return true;
}

static const char *cert_values(X509 *x, struct cert *ours)
{
    const ASN1_BIT_STRING *signature = NULL;
    const X509_ALGOR *outer = NULL;
    uint8_t *der = NULL;
    int n;

    X509_get0_signature(&signature, &outer, x);
    if (!same_algorithm(outer, ours->algorithm[0]) ||
        !same_algorithm(X509_get0_tbs_sigalg(x), ours->algorithm[1]))
        return "algorithms";
    if (!same_signature(signature, ours->signature))
        return "signature";
    if (!same_integer(X509_get0_serialNumber(x), ours->serial))
        return "serial number";
    if (!same_name(X509_get_issuer_name(x), ours->issuer) ||
        !same_name(X509_get_subject_name(x), ours->subject))
        return "names";
    if (!same_time(X509_get0_notBefore(x), ours->not_before_s, INT64_MAX) ||
        !same_time(X509_get0_notAfter(x), ours->not_after_s, INT64_MIN))
        return "validity";
    n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    if (!same_i2d(n, der, ours->spki))
        return "subject public key info";
    if (!same_extensions(X509_get0_extensions(x), ours->extensions))
        return "extensions";
    if (!same_says(x, &ours->says))
        return "what extensions say";
    if (!same_critical(x, ours->says.unknown_critical))
        return "critical extensions";
    if (!same_key(x, ours))
        return "key";
    return same_verdict(x, ours) ? NULL : "verdict on its own signature";
}

/* --- what ours alone refuses --- */

static bool name_otherwise(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const ASN1_STRING *s = X509_NAME_ENTRY_get_data(entry);

        if (s->type != V_ASN1_PRINTABLESTRING && s->type != V_ASN1_UTF8STRING &&
            s->type != V_ASN1_IA5STRING)
            return true;
        for (int k = 0; k < s->length; k++)
            if (s->data[k] == 0 || s->data[k] >= 0x80)
                return true;
    }
    return false;
}

/* An empty set in a name, which OpenSSL passes over. */
static bool name_gap(struct bytes der)
{
    for (size_t i = 0; i + 1 < der.n; i++)
        if (der.p[i] == 0x31 && der.p[i + 1] == 0)
            return true;
    return false;
}

static bool parameter_otherwise(const X509_ALGOR *a)
{
    const void *value;
    int type = V_ASN1_UNDEF;

    X509_ALGOR_get0(NULL, &type, &value, a);
    return type != V_ASN1_UNDEF && type != V_ASN1_NULL && type != V_ASN1_OBJECT &&
           type != V_ASN1_SEQUENCE;
}

static const char *cert_stricter(X509 *x, struct bytes der)
{
    const X509_ALGOR *outer = NULL;
    X509_ALGOR *of_key = NULL;
    const ASN1_BIT_STRING *issuer_id = NULL, *subject_id = NULL;

    X509_get0_uids(x, &issuer_id, &subject_id);
    if (!canonical(der.p, der.n, 0))
        return "BER, not DER";
    if (X509_get_version(x) != X509_VERSION_3)
        return "not version 3";
    if (issuer_id != NULL || subject_id != NULL)
        return "unique identifiers";
    if (name_otherwise(X509_get_issuer_name(x)) || name_otherwise(X509_get_subject_name(x)))
        return "a name with other strings";
    if (name_gap(der))
        return "a name with an empty set";
    if (X509_get0_extensions(x) != NULL && X509_get_ext_count(x) == 0)
        return "an empty list of extensions";
    if ((X509_get0_pubkey_bitstr(x)->flags & 7) != 0 || X509_get0_pubkey_bitstr(x)->length == 0)
        return "a key that is not of whole bytes";
    X509_get0_signature(NULL, &outer, x);
    X509_PUBKEY_get0_param(NULL, NULL, NULL, &of_key, X509_get_X509_PUBKEY(x));
    if (parameter_otherwise(outer) || parameter_otherwise(X509_get0_tbs_sigalg(x)) ||
        parameter_otherwise(of_key))
        return "algorithm parameters of another type";
    return NULL;
}

enum differ cert_differ(struct bytes der, const char **what)
{
    AUTO(cert) struct cert *ours = NULL;
    const uint8_t *p = der.p;
    X509 *theirs = der.n == 0 || der.n > CERT_MAX ? NULL : d2i_X509(NULL, &p, (long)der.n);
    enum differ d = DIFFER_WRONG;

    if (theirs != NULL && p != der.p + der.n) {
        X509_free(theirs);
        theirs = NULL;
    }
    *what = "ours reads what OpenSSL refuses";
    if (!cert_parse(der, "", &ours, NULL)) {
        *what = theirs == NULL ? "" : cert_stricter(theirs, der);
        d = theirs == NULL ? DIFFER_BOTH_REFUSE : *what != NULL ? DIFFER_STRICTER : DIFFER_WRONG;
        if (d == DIFFER_WRONG)
            *what = "refused for no reason that is named";
    } else if (theirs != NULL) {
        *what = cert_values(theirs, ours);
        d = *what == NULL ? DIFFER_BOTH_READ : DIFFER_WRONG;
    }
    X509_free(theirs);
    ERR_clear_error();
    return d;
}

/* --- lists --- */

static bool same_entries(X509_CRL *theirs, const struct crl *ours)
{
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(theirs);
    int n = list == NULL ? 0 : sk_X509_REVOKED_num(list);

    for (int i = 0; i < n; i++) {
        const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(list, i));
        uint8_t *der = NULL;
        int size = i2d_ASN1_INTEGER(serial, &der);
        size_t head = size > 1 && der[1] == 0x81 ? 3 : size > 1 && der[1] == 0x82 ? 4 : 2;
        struct cert x = {.serial = {der + head, (size_t)size - head}};
        bool listed = size > 2 && crl_lists(ours, &x);

        OPENSSL_free(der);
        if (!listed)
            return false;
    }
    return (n == 0) == (ours->entries.n == 0);
}

static const char *crl_values(X509_CRL *theirs, const struct crl *ours)
{
    const ASN1_BIT_STRING *signature = NULL;
    const X509_ALGOR *outer = NULL;
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(theirs);

    X509_CRL_get0_signature(theirs, &signature, &outer);
    if (!same_algorithm(outer, ours->algorithm[0]))
        return "algorithm";
    if (!same_signature(signature, ours->signature))
        return "signature";
    if (!same_name(X509_CRL_get_issuer(theirs), ours->issuer))
        return "issuer";
    if (!same_time(X509_CRL_get0_lastUpdate(theirs), ours->issued_s, INT64_MAX) ||
        (next == NULL ? ours->next_s != INT64_MIN : !same_time(next, ours->next_s, INT64_MIN)))
        return "dates";
    if (!same_extensions(X509_CRL_get0_extensions(theirs), ours->extensions))
        return "extensions";
    return same_entries(theirs, ours) ? NULL : "entries";
}

static const char *crl_stricter(X509_CRL *theirs, struct bytes der)
{
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(theirs);
    const X509_ALGOR *outer = NULL;

    if (!canonical(der.p, der.n, 0))
        return "BER, not DER";
    if (X509_CRL_get_version(theirs) > X509_CRL_VERSION_2 || X509_CRL_get_version(theirs) < 0)
        return "not version 1 or 2";
    if (der.n > 8 && X509_CRL_get_version(theirs) == X509_CRL_VERSION_1)
        return "version 1 written out";
    if (name_otherwise(X509_CRL_get_issuer(theirs)))
        return "a name with other strings";
    if (name_gap(der))
        return "a name with an empty set";
    if (X509_CRL_get0_extensions(theirs) != NULL && X509_CRL_get_ext_count(theirs) == 0)
        return "an empty list of extensions";
    for (int i = 0; list != NULL && i < sk_X509_REVOKED_num(list); i++) {
        X509_REVOKED *entry = sk_X509_REVOKED_value(list, i);

        if (X509_REVOKED_get0_extensions(entry) != NULL && X509_REVOKED_get_ext_count(entry) == 0)
            return "an empty list of extensions";
        for (int k = 0; k < X509_REVOKED_get_ext_count(entry); k++)
            if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(entry, k)))
                return "a critical extension of an entry";
    }
    X509_CRL_get0_signature(theirs, NULL, &outer);
    if (parameter_otherwise(outer))
        return "algorithm parameters of another type";
    return NULL;
}

enum differ crl_differ(struct bytes der, const char **what)
{
    AUTO(crl) struct crl *ours = NULL;
    const uint8_t *p = der.p;
    X509_CRL *theirs = der.n == 0 ? NULL : d2i_X509_CRL(NULL, &p, (long)der.n);
    enum differ d = DIFFER_WRONG;

    if (theirs != NULL && p != der.p + der.n) {
        X509_CRL_free(theirs);
        theirs = NULL;
    }
    *what = "ours reads what OpenSSL refuses";
    if (!crl_parse(der, "", &ours, NULL)) {
        *what = theirs == NULL ? "" : crl_stricter(theirs, der);
        d = theirs == NULL ? DIFFER_BOTH_REFUSE : *what != NULL ? DIFFER_STRICTER : DIFFER_WRONG;
        if (d == DIFFER_WRONG)
            *what = "refused for no reason that is named";
    } else if (theirs != NULL) {
        *what = crl_values(theirs, ours);
        d = *what == NULL ? DIFFER_BOTH_READ : DIFFER_WRONG;
    }
    X509_CRL_free(theirs);
    ERR_clear_error();
    return d;
}
