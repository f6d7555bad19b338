/* What is asked of certificates beyond their form. */
#include "attest/cert.h"
#include "attest/der.h"
#include "attest/rsa_pss.h"
#include "base/clock.h"
#include "base/str.h"

#define ROOT_BYTES (4096 / 8)

bool cert_check_name(const struct cert *x, const char *cn, const char *name, struct err *e)
{
    unsigned count;
    struct bytes got = cert_common_name(x->subject, &count);
    char text[80];

    if (count > 1)
        got = (struct bytes){NULL, 0};
    if (bytes_equal(got, bytes_str(cn)))
        return true;
    if (e == NULL)
        return false;
    str_printable(got, text, sizeof text);
    return err_set(e, ERR_INPUT, "cert.shape", "%s: subject is \"%s\", want \"%s\"", name, text,
                   cn),
           err_field(e, "%s", name), err_found(e, "CN=%s", text), err_expected(e, "CN=%s", cn);
}

bool cert_check_time(const struct cert *x, int64_t now_s, const char *name, struct err *e)
{
    bool early = x->not_before_s != INT64_MAX && x->not_before_s > now_s;
    char now[TIME_TEXT];

    if (x->not_before_s <= now_s && now_s <= x->not_after_s)
        return true;
    time_format(now_s, now);
    return err_set(e, ERR_INPUT, "cert.validity", "%s: %s at %s", name,
                   early ? "not valid yet" : "no longer valid", now),
           err_field(e, "%s", name), err_found(e, "judged at %s", now),
           err_mend(e, early ? "check this machine's clock"
                             : "fetch the certificate again from the vendor");
}

bool cert_is_ca(const struct cert *x)
{
    return !x->says.invalid && x->says.ca && (x->says.usage & CERT_KEY_CERT_SIGN) != 0;
}

/* Both kinds are looked for once; a certificate has at most one. */
static void keys_make(struct cert *x)
{
    enum ecdsa_curve curve;
    struct bytes xy, n, exponent;

    if (x->keyed)
        return;
    x->keyed = true;
    if (ecdsa_spki_read(x->spki, &curve, &xy))
        x->ec = ecdsa_key_new(curve, xy);
    else if (rsa_spki_read(x->spki, &n, &exponent))
        x->rsa = rsa_key_new(n, exponent);
}

struct ecdsa_key *cert_key(struct cert *x)
{
    keys_make(x);
    return x->ec;
}

bool cert_check_ca(struct cert *x, const char *name, struct err *e)
{
    struct bytes n, exponent;

    if (!cert_is_ca(x) || x->says.unknown_critical || !rsa_spki_read(x->spki, &n, &exponent) ||
        n.n < ROOT_BYTES || (n.n == ROOT_BYTES && n.p[0] < 0x80))
        return err_set(e, ERR_INPUT, "cert.shape", "%s: not a CA certificate with RSA of 4096 bits",
                       name),
               err_field(e, "%s", name), err_expected(e, "CA:TRUE, keyCertSign, RSA-4096");
    return true;
}

/* AlgorithmIdentifier of SHA-384, with NULL or nothing as its parameter (RFC 4055, 2.1). */
static bool sha384_take(struct bytes *in)
{
    static const uint8_t oid[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02};
    struct bytes content, id, nothing;

    if (!der_take(in, DER_SEQUENCE, &content) || !der_take(&content, DER_OID, &id) ||
        !bytes_equal(id, BYTES_OF(oid)))
        return false;
    return content.n == 0 || (der_only(content, DER_NULL, &nothing) && nothing.n == 0);
}

static bool mgf1_take(struct bytes *in)
{
    static const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};
    struct bytes content, id;

    return der_take(in, DER_SEQUENCE, &content) && der_take(&content, DER_OID, &id) &&
           bytes_equal(id, BYTES_OF(oid)) && sha384_take(&content) && content.n == 0;
}

/* RFC 4055 3.1. Absent fields mean SHA-1 and salt 20, which fail here as they should; an absent
 * trailer field means 1, which AMD also writes out. */
static bool pss_is_amds(struct bytes algorithm)
{
    static const uint8_t rsassa_pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
    struct bytes content, oid, fields, one, number;
    uint32_t v;

    if (!der_only(algorithm, DER_SEQUENCE, &content) || !der_take(&content, DER_OID, &oid) ||
        !bytes_equal(oid, BYTES_OF(rsassa_pss)) || !der_only(content, DER_SEQUENCE, &fields))
        return false;
    if (!der_take(&fields, DER_CONTEXT(0), &one) || !sha384_take(&one) || one.n != 0 ||
        !der_take(&fields, DER_CONTEXT(1), &one) || !mgf1_take(&one) || one.n != 0 ||
        !der_take(&fields, DER_CONTEXT(2), &one) || !der_only(one, DER_INTEGER, &number) ||
        !der_number(number, 48, &v) || v != 48)
        return false;
    return fields.n == 0 ||
           (der_only(fields, DER_CONTEXT(3), &one) && der_only(one, DER_INTEGER, &number) &&
            der_number(number, 1, &v) && v == 1);
}

static const struct scheme {
    const char *oid; /* of ECDSA's, whose last byte tells the hash; NULL: PSS as AMD has it */
    enum ecdsa_curve curve;
    const char *expected, *label;
} schemes[] = {
    [CERT_PSS_SHA384] = {NULL, ECDSA_P384,
                         "RSASSA-PSS, SHA-384, MGF1-SHA-384, salt 48, trailer 1, stated twice",
                         "signed-pss-sha384"},
    [CERT_ECDSA_SHA256] = {"\x2a\x86\x48\xce\x3d\x04\x03\x02", ECDSA_P256,
                           "ecdsa-with-SHA256, stated twice", "signed-ecdsa-sha256"},
    [CERT_ECDSA_SHA384] = {"\x2a\x86\x48\xce\x3d\x04\x03\x03", ECDSA_P384,
                           "ecdsa-with-SHA384, stated twice", "signed-ecdsa-sha384"},
};

/* RFC 5758 3.2: ECDSA's identifiers have no parameters at all. */
static bool scheme_is(enum cert_scheme scheme, struct bytes algorithm)
{
    struct bytes content, oid;

    if (schemes[scheme].oid == NULL)
        return pss_is_amds(algorithm);
    return der_only(algorithm, DER_SEQUENCE, &content) && der_only(content, DER_OID, &oid) &&
           bytes_equal(oid, (struct bytes){(const uint8_t *)schemes[scheme].oid, 8});
}

bool cert_check_algorithms(enum cert_scheme scheme, const struct bytes algorithm[2],
                           const char *reason, const char *name, struct err *e)
{
    /* both must be equal, so that one of them speaks for the other */
    if (bytes_equal(algorithm[0], algorithm[1]) && scheme_is(scheme, algorithm[0]))
        return true;
    return err_set(e, ERR_INPUT, reason, "%s: not signed as this vendor signs", name),
           err_field(e, "%s", name), err_expected(e, "%s", schemes[scheme].expected);
}

bool cert_key_signed(struct cert *issuer, enum cert_scheme scheme, struct bytes message,
                     struct bytes signature)
{
    enum ecdsa_curve curve = schemes[scheme].curve;
    uint8_t rs[ECDSA_SIGNATURE_MAX];

    keys_make(issuer);
    if (scheme == CERT_PSS_SHA384)
        return rsa_pss_verify(issuer->rsa, message, signature);
    return ecdsa_signature_read(curve, signature, rs) &&
           ecdsa_verify(issuer->ec, curve, message, (struct bytes){rs, 2 * ecdsa_size(curve)}) ==
               ECDSA_GOOD;
}

bool cert_signed_id(const uint8_t *object_id, const struct cert *issuer, enum cert_scheme scheme,
                    uint8_t id[CACHE_ID])
{
    if (object_id == NULL || !issuer->named)
        return false;
    cache_id(schemes[scheme].label, (struct bytes){object_id, CACHE_ID}, BYTES_OF(issuer->id), id);
    return true;
}

bool cert_check_signed(struct cert *x, struct cert *issuer, enum cert_scheme scheme,
                       struct evidence_cache *cache, const char *name, struct err *e)
{
    uint8_t id[CACHE_ID];
    bool named = cert_signed_id(x->named ? x->id : NULL, issuer, scheme, id);

    /* all that follows looks at nothing but the bytes of both, which the id stands for */
    if (named && cache_knows(cache, id))
        return true;
    if (!bytes_equal(x->issuer, issuer->subject))
        return err_set(e, ERR_INPUT, "cert.shape", "%s: of another issuer", name),
               err_field(e, "%s", name);
    if (!cert_check_algorithms(scheme, x->algorithm, "cert.algorithm", name, e))
        return false;
    if (!cert_key_signed(issuer, scheme, x->signed_part, x->signature))
        return err_set(e, ERR_INPUT, "cert.signature", "%s: its issuer did not sign this", name),
               err_field(e, "%s", name);
    if (named)
        cache_learn(cache, id);
    return true;
}
