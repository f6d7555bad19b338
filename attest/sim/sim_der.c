#include "attest/sim/sim_der.h"

#include "base/cleanup.h"

DEFINE_CLEANUP(extension, X509_EXTENSION *, X509_EXTENSION_free)

void sim_der(struct buf *out, uint8_t tag, struct bytes value)
{
    BUG_ON(value.n > UINT16_MAX); /* our own values */
    buf_be(out, tag, 1);
    if (value.n < 0x80) {
        buf_be(out, value.n, 1);
    } else if (value.n < 0x100) {
        buf_be(out, 0x8100 | value.n, 2);
    } else {
        buf_be(out, 0x820000 | value.n, 3);
    }
    buf_put(out, value.p, value.n);
}

void sim_der_number(struct buf *out, uint8_t tag, uint32_t v)
{
    uint8_t b[5] = {0, (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    size_t at = 0;

    while (at < 4 && b[at] == 0 && b[at + 1] < 0x80)
        at++;
    sim_der(out, tag, (struct bytes){b + at, sizeof b - at});
}

static X509_EXTENSION *extension(const char *oid, bool critical, struct bytes der)
{
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;

    if (s != NULL && o != NULL && ASN1_OCTET_STRING_set(s, der.p, (int)der.n) == 1)
        ext = X509_EXTENSION_create_by_OBJ(NULL, o, critical, s);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(o);
    return ext;
}

bool sim_extend(X509 *x, const char *oid, bool critical, struct bytes der)
{
    AUTO(extension) X509_EXTENSION *ext = extension(oid, critical, der);

    return ext != NULL && X509_add_ext(x, ext, -1) == 1;
}

bool sim_extend_crl(X509_CRL *crl, const char *oid, struct bytes der)
{
    AUTO(extension) X509_EXTENSION *ext = extension(oid, false, der);

    return ext != NULL && X509_CRL_add_ext(crl, ext, -1) == 1;
}
