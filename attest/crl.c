#include "attest/crl.h"

#include <stdlib.h>

#include "attest/cert_int.h"
#include "attest/der.h"

/* One of revokedCertificates: serial number, when, and extensions, none of them critical. */
static bool entry_take(struct bytes *list, struct bytes *serial)
{
    struct bytes entry, extensions;
    struct cert_extension x;
    int64_t when;

    if (!der_take(list, DER_SEQUENCE, &entry) || !der_take(&entry, DER_INTEGER, serial) ||
        !der_integer_ok(*serial) || !cert_time_take(&entry, 0, &when))
        return false;
    if (entry.n == 0)
        return true;
    if (!cert_extensions_take(&entry, &extensions) || entry.n != 0)
        return false;
    while (extensions.n > 0)
        if (!cert_extension_take(&extensions, &x) || x.critical)
            return false;
    return true;
}

static bool entries_read(struct bytes *in, struct crl *c)
{
    struct bytes at, serial;

    if (!der_take(in, DER_SEQUENCE, &c->entries))
        return false;
    for (at = c->entries; at.n > 0;)
        if (!entry_take(&at, &serial))
            return false;
    return true;
}

static uint64_t number_read(struct bytes value)
{
    struct bytes v;
    uint64_t n = 0;

    if (!der_only(value, DER_INTEGER, &v) || !der_magnitude(v, &v) || v.n > 8)
        return 0;
    for (size_t i = 0; i < v.n; i++)
        n = n << 8 | v.p[i];
    return n;
}

static void extensions_read(struct crl *c)
{
    struct bytes at = c->extensions, key;
    struct cert_extension x;

    while (at.n > 0 && cert_extension_take(&at, &x)) {
        c->critical = c->critical || x.critical;
        if (cert_oid_is(x.oid, CERT_OID_CRL_NUMBER))
            c->number = number_read(x.value);
        else if (cert_oid_is(x.oid, CERT_OID_AUTHORITY_KEY) && cert_authority_key(x.value, &key))
            c->authority_key = key;
    }
}

/* TBSCertList: RFC 5280 5.1.2 */
static bool signed_part_read(struct bytes in, struct crl *c)
{
    struct bytes part;

    if (der_next_is(in, DER_INTEGER) &&
        (!der_take(&in, DER_INTEGER, &part) || part.n != 1 || part.p[0] != 1 /* v2 */))
        return false;
    if (!cert_algorithm_take(&in, &c->algorithm[1]) || !cert_name_take(&in, &c->issuer) ||
        !cert_time_take(&in, INT64_MAX, &c->issued_s))
        return false;
    c->next_s = INT64_MIN;
    if ((der_next_is(in, DER_UTC_TIME) || der_next_is(in, DER_GENERALIZED_TIME)) &&
        !cert_time_take(&in, INT64_MIN, &c->next_s))
        return false;
    if (der_next_is(in, DER_SEQUENCE) && !entries_read(&in, c))
        return false;
    if (in.n == 0)
        return true;
    return der_only(in, DER_CONTEXT(0), &part) && cert_extensions_take(&part, &c->extensions) &&
           part.n == 0;
}

static bool read(struct bytes in, struct crl *c)
{
    struct bytes all, content;

    if (!der_only(in, DER_SEQUENCE, &all) ||
        !der_take_whole(&all, DER_SEQUENCE, &c->signed_part, &content) ||
        !cert_algorithm_take(&all, &c->algorithm[0]) || !cert_bits_take(&all, &c->signature) ||
        all.n != 0 || !signed_part_read(content, c))
        return false;
    extensions_read(c);
    return true;
}

bool crl_parse(struct bytes der, const char *name, struct crl **out, struct err *e)
{
    struct crl *c = malloc(sizeof *c + der.n);

    if (c == NULL)
        return err_set(e, ERR_NOMEM, "crl.malformed", "%s: no memory", name);
    *c = (struct crl){.references = 1};
    if (der.n > 0)
        memcpy(c->copy, der.p, der.n);
    if (read((struct bytes){c->copy, der.n}, c)) {
        *out = c;
        return true;
    }
    crl_free(c);
    return err_set(e, ERR_INPUT, "crl.malformed", "%s: not one DER revocation list", name),
           err_field(e, "%s", name), err_expected(e, "one X.509 CRL in DER");
}

struct crl *crl_ref(struct crl *c)
{
    c->references++;
    return c;
}

void crl_free(struct crl *c)
{
    if (c != NULL && --c->references == 0)
        free(c);
}

static void crl_drop(void *c)
{
    crl_free(c);
}

bool crl_open(struct evidence_cache *cache, struct bytes der, const char *name, struct crl **out,
              struct err *e)
{
    uint8_t id[CACHE_ID];
    struct crl *c;

    if (cache == NULL || der.n > CACHE_OBJECT_MAX)
        return crl_parse(der, name, out, e);
    cache_id("crl", der, (struct bytes){NULL, 0}, id);
    c = cache_object(cache, id);
    if (c == NULL) {
        if (!crl_parse(der, name, &c, e))
            return false;
        if (!cache_keep(cache, id, der.n, c, crl_drop)) {
            *out = c;
            return true;
        }
        c->named = true;
        memcpy(c->id, id, sizeof id);
    }
    *out = crl_ref(c);
    return true;
}

bool crl_check_signed(struct crl *crl, struct cert *issuer, enum cert_scheme scheme,
                      struct evidence_cache *cache, const char *name, struct err *e)
{
    uint8_t id[CACHE_ID];
    bool named = cert_signed_id(crl->named ? crl->id : NULL, issuer, scheme, id);

    if (named && cache_knows(cache, id))
        return true;
    if (!bytes_equal(crl->issuer, issuer->subject))
        return err_set(e, ERR_INPUT, "crl.signature", "%s: of another issuer", name),
               err_field(e, "%s", name);
    if (!cert_check_algorithms(scheme, crl->algorithm, "crl.algorithm", name, e))
        return false;
    if (!cert_key_signed(issuer, scheme, crl->signed_part, crl->signature))
        return err_set(e, ERR_INPUT, "crl.signature", "%s: its issuer did not sign this", name),
               err_field(e, "%s", name);
    if (named)
        cache_learn(cache, id);
    return true;
}

bool crl_check_time(const struct crl *crl, int64_t now_s, bool *stale, const char *name,
                    struct err *e)
{
    if (crl->issued_s > now_s)
        return err_set(e, ERR_INPUT, "crl.validity", "%s: not valid yet", name),
               err_field(e, "%s", name), err_mend(e, "check this machine's clock");
    *stale = crl->next_s < now_s;
    return true;
}

bool crl_lists(const struct crl *crl, const struct cert *x)
{
    struct bytes at = crl->entries, serial;

    while (at.n > 0 && entry_take(&at, &serial))
        if (bytes_equal(serial, x->serial))
            return true;
    return false;
}
