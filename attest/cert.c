#include "attest/cert.h"

#include <stdlib.h>

#include "attest/cert_int.h"
#include "attest/der.h"
#include "attest/rsa_pss.h"
#include "base/str.h"

#define OID_SUBJECT_KEY "\x55\x1d\x0e"
#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_CONSTRAINTS "\x55\x1d\x13"

bool cert_algorithm_take(struct bytes *in, struct bytes *whole)
{
    struct bytes content, oid, parameter;

    if (!der_take_whole(in, DER_SEQUENCE, whole, &content) || !der_take(&content, DER_OID, &oid) ||
        !der_oid_ok(oid))
        return false;
    if (content.n == 0)
        return true;
    if (der_next_is(content, DER_OID)) /* a named curve */
        return der_only(content, DER_OID, &parameter) && der_oid_ok(parameter);
    if (der_next_is(content, DER_NULL))
        return der_only(content, DER_NULL, &parameter) && parameter.n == 0;
    return der_only(content, DER_SEQUENCE, &parameter);
}

/* Without NUL, which ends a name for some readers and not for others. */
static bool text_ok(uint8_t tag, struct bytes v)
{
    if (tag == DER_UTF8_STRING)
        return utf8_ok(v);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == 0 || v.p[i] >= 0x80)
            return false;
    return tag == DER_PRINTABLE_STRING || tag == DER_IA5_STRING;
}

/* SEQUENCE { OID, text } */
static bool attribute_take(struct bytes *set, struct bytes *oid, struct bytes *text)
{
    struct bytes pair;
    uint8_t tag;

    if (!der_take(set, DER_SEQUENCE, &pair) || !der_take(&pair, DER_OID, oid) || pair.n == 0)
        return false;
    tag = pair.p[0];
    return der_oid_ok(*oid) && der_only(pair, tag, text) && text_ok(tag, *text);
}

bool cert_name_take(struct bytes *in, struct bytes *whole)
{
    struct bytes list, set, oid, text;

    if (!der_take_whole(in, DER_SEQUENCE, whole, &list))
        return false;
    while (list.n > 0) {
        if (!der_take(&list, DER_SET, &set) || set.n == 0)
            return false;
        while (set.n > 0)
            if (!attribute_take(&set, &oid, &text))
                return false;
    }
    return true;
}

struct bytes cert_common_name(struct bytes name, unsigned *count)
{
    struct bytes list, set, oid, text, found = {NULL, 0};
    unsigned n = 0;

    if (der_only(name, DER_SEQUENCE, &list))
        while (list.n > 0 && der_take(&list, DER_SET, &set))
            while (set.n > 0 && attribute_take(&set, &oid, &text))
                if (cert_oid_is(oid, "\x55\x04\x03") && n++ == 0)
                    found = text;
    if (count != NULL)
        *count = n;
    return found;
}

bool cert_time_take(struct bytes *in, int64_t bad, int64_t *out)
{
    uint8_t tag = der_next_is(*in, DER_UTC_TIME) ? DER_UTC_TIME : DER_GENERALIZED_TIME;
    struct bytes v;

    if (!der_take(in, tag, &v))
        return false;
    if (!der_time(tag, v, out))
        *out = bad;
    return true;
}

bool cert_bits_take(struct bytes *in, struct bytes *out)
{
    struct bytes v;

    if (!der_take(in, DER_BIT_STRING, &v) || v.n == 0 || v.p[0] > 7)
        return false;
    *out = v.p[0] != 0 ? (struct bytes){NULL, 0} : (struct bytes){v.p + 1, v.n - 1};
    return true;
}

bool cert_extension_take(struct bytes *list, struct cert_extension *out)
{
    struct bytes one, flag;

    out->critical = false;
    if (!der_take(list, DER_SEQUENCE, &one) || !der_take(&one, DER_OID, &out->oid) ||
        !der_oid_ok(out->oid))
        return false;
    if (der_next_is(one, DER_BOOLEAN)) {
        if (!der_take(&one, DER_BOOLEAN, &flag) || flag.n != 1 ||
            (flag.p[0] != 0 && flag.p[0] != 0xff))
            return false;
        out->critical = flag.p[0] != 0;
    }
    return der_only(one, DER_OCTETS, &out->value);
}

bool cert_extensions_take(struct bytes *in, struct bytes *list)
{
    struct cert_extension x;
    struct bytes at;

    if (!der_take(in, DER_SEQUENCE, list) || list->n == 0)
        return false;
    for (at = *list; at.n > 0;)
        if (!cert_extension_take(&at, &x))
            return false;
    return true;
}

/* RFC 5280 4.2.1.9 */
static bool constraints_read(struct bytes v, struct cert_extensions *s)
{
    struct bytes list, item;
    uint32_t length = 0;

    if (s->constraints || !der_only(v, DER_SEQUENCE, &list))
        return false;
    s->constraints = true;
    if (der_next_is(list, DER_BOOLEAN)) {
        if (!der_take(&list, DER_BOOLEAN, &item) || item.n != 1 ||
            (item.p[0] != 0 && item.p[0] != 0xff))
            return false;
        s->ca = item.p[0] != 0;
    }
    if (list.n == 0)
        return true;
    if (!der_only(list, DER_INTEGER, &item) || !der_number(item, INT32_MAX, &length))
        return false;
    s->path_length = length;
    return true;
}

/* RFC 5280 4.2.1.3: at least one bit is set. */
static bool usage_read(struct bytes v, struct cert_extensions *s)
{
    struct bytes bits;

    if (s->has_usage || !der_only(v, DER_BIT_STRING, &bits) || bits.n < 2 || bits.n > 3 ||
        bits.p[0] > 7 || (bits.p[bits.n - 1] & ((1u << bits.p[0]) - 1)) != 0)
        return false;
    s->has_usage = true;
    s->usage = 0;
    for (unsigned i = 0; i < 8 * (bits.n - 1); i++)
        if ((bits.p[1 + i / 8] & (0x80u >> i % 8)) != 0)
            s->usage |= 1u << i;
    return s->usage != 0;
}

/* AuthorityKeyIdentifier: [0] key, [1] issuer, [2] serial; only the first is of use here. */
bool cert_authority_key(struct bytes v, struct bytes *key)
{
    struct bytes list, item;

    *key = (struct bytes){NULL, 0};
    if (!der_only(v, DER_SEQUENCE, &list))
        return false;
    if (der_next_is(list, DER_CONTEXT_PRIMITIVE(0)) &&
        !der_take(&list, DER_CONTEXT_PRIMITIVE(0), key))
        return false;
    if (der_next_is(list, DER_CONTEXT(1)) && !der_take(&list, DER_CONTEXT(1), &item))
        return false;
    return list.n == 0 || der_only(list, DER_CONTEXT_PRIMITIVE(2), &item);
}

static void extensions_read(struct bytes list, struct cert_extensions *s)
{
    struct cert_extension x;
    bool subject = false, authority = false, good;

    s->path_length = -1;
    s->usage = CERT_USAGE_ANY;
    while (list.n > 0 && cert_extension_take(&list, &x)) {
        if (cert_oid_is(x.oid, OID_CONSTRAINTS)) {
            good = constraints_read(x.value, s);
        } else if (cert_oid_is(x.oid, OID_KEY_USAGE)) {
            good = usage_read(x.value, s);
        } else if (cert_oid_is(x.oid, OID_SUBJECT_KEY)) {
            good = !subject && der_only(x.value, DER_OCTETS, &s->subject_key);
            subject = true;
        } else if (cert_oid_is(x.oid, CERT_OID_AUTHORITY_KEY)) {
            good = !authority && cert_authority_key(x.value, &s->authority_key);
            authority = true;
        } else {
            good = true;
            s->unknown_critical = s->unknown_critical || x.critical;
        }
        s->invalid = s->invalid || !good;
    }
}

static bool validity_take(struct bytes *in, struct cert *x)
{
    struct bytes both;

    return der_take(in, DER_SEQUENCE, &both) &&
           cert_time_take(&both, INT64_MAX, &x->not_before_s) &&
           cert_time_take(&both, INT64_MIN, &x->not_after_s) && both.n == 0;
}

/* TBSCertificate: RFC 5280 4.1.2 */
static bool signed_part_read(struct bytes in, struct cert *x)
{
    struct bytes part, version, number, content;

    if (!der_take(&in, DER_CONTEXT(0), &version) || !der_only(version, DER_INTEGER, &number) ||
        number.n != 1 || number.p[0] != 2 /* v3 */ || !der_take(&in, DER_INTEGER, &x->serial) ||
        !der_integer_ok(x->serial) || !cert_algorithm_take(&in, &x->algorithm[1]) ||
        !cert_name_take(&in, &x->issuer) || !validity_take(&in, x) ||
        !cert_name_take(&in, &x->subject) || !der_take_whole(&in, DER_SEQUENCE, &x->spki, &content))
        return false;
    if (!cert_algorithm_take(&content, &part) || !cert_bits_take(&content, &part) || part.n == 0 ||
        content.n != 0)
        return false;
    if (in.n == 0)
        return true;
    return der_only(in, DER_CONTEXT(3), &part) && cert_extensions_take(&part, &x->extensions) &&
           part.n == 0;
}

static bool read(struct cert *x)
{
    struct bytes in = x->der, all, content;

    if (!der_only(in, DER_SEQUENCE, &all) ||
        !der_take_whole(&all, DER_SEQUENCE, &x->signed_part, &content) ||
        !cert_algorithm_take(&all, &x->algorithm[0]) || !cert_bits_take(&all, &x->signature) ||
        all.n != 0 || !signed_part_read(content, x))
        return false;
    extensions_read(x->extensions, &x->says);
    return true;
}

bool cert_parse(struct bytes der, const char *name, struct cert **out, struct err *e)
{
    struct cert *x;

    if (der.n > CERT_MAX)
        return err_set(e, ERR_LIMIT, "cert.too-large", "%s: got %zu bytes, want at most %d", name,
                       der.n, CERT_MAX),
               err_field(e, "%s", name);
    x = malloc(sizeof *x + der.n);
    if (x == NULL)
        return err_set(e, ERR_NOMEM, "cert.malformed", "%s: no memory", name);
    *x = (struct cert){.references = 1, .der = {x->copy, der.n}};
    if (der.n > 0)
        memcpy(x->copy, der.p, der.n);
    if (read(x)) {
        *out = x;
        return true;
    }
    cert_free(x);
    return err_set(e, ERR_INPUT, "cert.malformed", "%s: not one DER certificate", name),
           err_field(e, "%s", name), err_expected(e, "one X.509 certificate in DER"),
           err_mend(e, "convert PEM with: openssl x509 -outform der");
}

struct cert *cert_ref(struct cert *x)
{
    x->references++;
    return x;
}

void cert_free(struct cert *x)
{
    if (x == NULL || --x->references > 0)
        return;
    ecdsa_key_free(x->ec);
    rsa_key_free(x->rsa);
    free(x);
}

static void cert_drop(void *x)
{
    cert_free(x);
}

bool cert_open(struct evidence_cache *cache, struct bytes der, const char *name, struct cert **out,
               struct err *e)
{
    uint8_t id[CACHE_ID];
    struct cert *x;

    if (cache == NULL || der.n > CERT_MAX)
        return cert_parse(der, name, out, e);
    cache_id("certificate", der, (struct bytes){NULL, 0}, id);
    x = cache_object(cache, id);
    if (x == NULL) {
        if (!cert_parse(der, name, &x, e))
            return false;
        if (!cache_keep(cache, id, der.n, x, cert_drop)) {
            *out = x;
            return true;
        }
        x->named = true;
        memcpy(x->id, id, sizeof id);
    }
    *out = cert_ref(x);
    return true;
}
