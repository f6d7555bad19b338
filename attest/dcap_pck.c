#include "attest/dcap_pck.h"

#include "attest/der.h"

/* 1.2.840.113741.1.13.1 in DER */
static const uint8_t sgx_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* The elements as they are numbered: bit N of a set stands for .N */
enum { PPID = 1, TCB = 2, PCEID = 3, FMSPC = 4, SGX_TYPE = 5, INSTANCE = 6, CONFIGURATION = 7 };
#define MANDATORY (1u << PPID | 1u << TCB | 1u << PCEID | 1u << FMSPC | 1u << SGX_TYPE)
#define TCB_PCESVN 17
#define TCB_CPUSVN 18
#define TCB_MANDATORY 0x7fffeu /* .1 to .18 */

struct reading {
    const char *name;
    struct dcap_pck *pck;
    struct err *e;
};

static bool bad(const struct reading *r, const char *element, const char *what)
{
    return err_set(r->e, ERR_INPUT, "dcap.extension", "%s: SGX extensions: %s: %s", r->name,
                   element, what),
           err_field(r->e, "%s.%s", r->name, element), err_found(r->e, "%s", what);
}

/* SEQUENCE { OID, value }: the OID's arcs below sgx_oid, and what stands after it. */
static bool pair_take(struct bytes *in, struct bytes *arcs, struct bytes *value)
{
    struct bytes pair, oid;

    if (!der_take(in, DER_SEQUENCE, &pair) || !der_take(&pair, DER_OID, &oid) ||
        oid.n <= sizeof sgx_oid || memcmp(oid.p, sgx_oid, sizeof sgx_oid) != 0)
        return false;
    *arcs = (struct bytes){oid.p + sizeof sgx_oid, oid.n - sizeof sgx_oid};
    *value = pair;
    return true;
}

static bool octets(struct bytes value, uint8_t *out, size_t n)
{
    struct bytes v;

    if (!der_only(value, DER_OCTETS, &v) || v.n != n)
        return false;
    memcpy(out, v.p, n);
    return true;
}

/* 0 to most, in its one right form. */
static bool integer(struct bytes value, uint8_t tag, uint32_t most, uint32_t *out)
{
    struct bytes v;

    return der_only(value, tag, &v) && der_number(v, most, out);
}

static bool boolean(struct bytes value, enum dcap_flag *out)
{
    struct bytes v;

    if (!der_only(value, DER_BOOLEAN, &v) || v.n != 1 || (v.p[0] != 0 && v.p[0] != 0xff))
        return false;
    *out = v.p[0] != 0 ? DCAP_FLAG_TRUE : DCAP_FLAG_FALSE;
    return true;
}

static bool tcb_one(uint8_t which, struct bytes value, struct dcap_pck *pck)
{
    uint32_t v;

    if (which == TCB_CPUSVN)
        return octets(value, pck->cpusvn, sizeof pck->cpusvn);
    if (!integer(value, DER_INTEGER, which == TCB_PCESVN ? 0xffff : 0xff, &v))
        return false;
    if (which == TCB_PCESVN)
        pck->pcesvn = (uint16_t)v;
    else
        pck->component[which - 1] = (uint8_t)v;
    return true;
}

static bool tcb_read(const struct reading *r, struct bytes value)
{
    struct bytes list, arcs, one;
    uint32_t seen = 0;

    if (!der_only(value, DER_SEQUENCE, &list))
        return bad(r, "TCB", "not a sequence");
    while (list.n > 0) {
        if (!pair_take(&list, &arcs, &one) || arcs.n != 2 || arcs.p[0] != TCB || arcs.p[1] < 1 ||
            arcs.p[1] > TCB_CPUSVN)
            return bad(r, "TCB", "an element that does not belong there");
        if ((seen & 1u << arcs.p[1]) != 0 || !tcb_one(arcs.p[1], one, r->pck))
            return bad(r, "TCB", "an element twice, or not of its type");
        seen |= 1u << arcs.p[1];
    }
    return seen == TCB_MANDATORY || bad(r, "TCB", "an element is missing");
}

static bool configuration_read(const struct reading *r, struct bytes value)
{
    enum dcap_flag *const flags[] = {NULL, &r->pck->dynamic_platform, &r->pck->cached_keys,
                                     &r->pck->smt};
    struct bytes list, arcs, one;

    if (!der_only(value, DER_SEQUENCE, &list))
        return bad(r, "CONFIGURATION", "not a sequence");
    while (list.n > 0) {
        if (!pair_take(&list, &arcs, &one) || arcs.n != 2 || arcs.p[0] != CONFIGURATION)
            return bad(r, "CONFIGURATION", "an element that does not belong there");
        if (arcs.p[1] < 1 || arcs.p[1] > 3)
            continue; /* a newer flag than these */
        if (*flags[arcs.p[1]] != DCAP_FLAG_ABSENT || !boolean(one, flags[arcs.p[1]]))
            return bad(r, "CONFIGURATION", "a flag twice, or not a boolean");
    }
    return true;
}

static bool element_read(const struct reading *r, uint8_t which, struct bytes value)
{
    struct dcap_pck *p = r->pck;
    uint32_t type = 0;

    switch (which) {
    case PPID:
        return octets(value, p->ppid, sizeof p->ppid) || bad(r, "PPID", "not 16 octets");
    case TCB:
        return tcb_read(r, value);
    case PCEID:
        return octets(value, p->pceid, sizeof p->pceid) || bad(r, "PCEID", "not 2 octets");
    case FMSPC:
        return octets(value, p->fmspc, sizeof p->fmspc) || bad(r, "FMSPC", "not 6 octets");
    case SGX_TYPE:
        if (!integer(value, DER_ENUMERATED, 2, &type))
            return bad(r, "SGX_TYPE", "not 0, 1 or 2");
        p->sgx_type = (uint8_t)type;
        return true;
    case INSTANCE:
        p->has_instance = true;
        return octets(value, p->instance, sizeof p->instance) ||
               bad(r, "PLATFORM_INSTANCE_ID", "not 16 octets");
    case CONFIGURATION:
        return configuration_read(r, value);
    default:
        return true; /* newer than this profile */
    }
}

static bool extension_read(const struct reading *r, struct bytes der)
{
    struct bytes list, arcs, value;
    uint32_t seen = 0;

    if (!der_only(der, DER_SEQUENCE, &list))
        return bad(r, "SGX_EXTENSIONS", "not a sequence");
    while (list.n > 0) {
        if (!pair_take(&list, &arcs, &value) || arcs.n != 1 || arcs.p[0] >= 32)
            return bad(r, "SGX_EXTENSIONS", "an element that does not belong there");
        if ((seen & 1u << arcs.p[0]) != 0)
            return bad(r, "SGX_EXTENSIONS", "an element twice");
        if (!element_read(r, arcs.p[0], value))
            return false;
        seen |= 1u << arcs.p[0];
    }
    return (seen & MANDATORY) == MANDATORY || bad(r, "SGX_EXTENSIONS", "an element is missing");
}

bool dcap_pck_read(const struct cert *x, const char *name, struct dcap_pck *out, struct err *e)
{
    struct dcap_pck pck = {0};
    const struct reading r = {.name = name, .pck = &pck, .e = e};
    struct bytes list = x->extensions;
    struct cert_extension one;
    unsigned found = 0;

    while (list.n > 0 && cert_extension_take(&list, &one)) {
        if (!bytes_equal(one.oid, BYTES_OF(sgx_oid)))
            continue;
        if (found++ > 0)
            return bad(&r, "SGX_EXTENSIONS", "twice");
        if (!extension_read(&r, one.value))
            return false;
    }
    if (found == 0)
        return bad(&r, "SGX_EXTENSIONS", "missing");
    *out = pck;
    return true;
}
