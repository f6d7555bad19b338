#include "attest/snp_leaf.h"

#include "attest/der.h"

/* 1.3.6.1.4.1.3704.1 in DER */
static const uint8_t amd_prefix[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01};

enum extension { EXT_VERSION, EXT_PRODUCT, EXT_HWID, EXT_CSP, EXT_SPL, EXT_SPARE, EXT_FOREIGN };

/* Which extension the rest of an object identifier below the prefix names; *part for EXT_SPL. */
static enum extension classify(struct bytes oid, enum snp_part *part)
{
    static const struct {
        uint8_t arc;
        enum snp_part part;
    } spl[] = {{1, SNP_BOOTLOADER}, {2, SNP_TEE}, {3, SNP_SNP}, {8, SNP_MICROCODE}, {9, SNP_FMC}};

    if (oid.n == 2 && oid.p[0] == 3) {
        for (size_t i = 0; i < sizeof spl / sizeof spl[0]; i++)
            if (spl[i].arc == oid.p[1])
                return *part = spl[i].part, EXT_SPL;
        return oid.p[1] >= 4 && oid.p[1] <= 7 ? EXT_SPARE : EXT_FOREIGN;
    }
    if (oid.n != 1)
        return EXT_FOREIGN;
    switch (oid.p[0]) {
    case 1:
        return EXT_VERSION;
    case 2:
        return EXT_PRODUCT;
    case 4:
        return EXT_HWID;
    case 5:
        return EXT_CSP;
    default:
        return EXT_FOREIGN;
    }
}

/* A DER INTEGER of 0 to 255 in its one right form. */
static bool integer_read(struct bytes v, uint8_t *out)
{
    if (v.n == 3 && v.p[0] == 2 && v.p[1] == 1 && v.p[2] < 0x80)
        return *out = v.p[2], true;
    if (v.n == 4 && v.p[0] == 2 && v.p[1] == 2 && v.p[2] == 0 && v.p[3] >= 0x80)
        return *out = v.p[3], true;
    return false;
}

/* An IA5String of printable characters, shorter than size. */
static bool text_read(struct bytes v, char *out, size_t size)
{
    if (v.n < 3 || v.p[0] != 0x16 || v.p[1] != v.n - 2 || v.p[1] >= 0x80 || v.n - 2 >= size)
        return false;
    for (size_t i = 2; i < v.n; i++) {
        if (v.p[i] < 0x20 || v.p[i] > 0x7e)
            return false;
        out[i - 2] = (char)v.p[i];
    }
    out[v.n - 2] = '\0';
    return true;
}

/* AMD puts the raw bytes there, not wrapped; the wrapped form is taken as well. */
static bool hwid_read(struct bytes v, struct snp_leaf *leaf)
{
    if ((v.n == 66 || v.n == 10) && v.p[0] == 4 && v.p[1] == v.n - 2)
        v = (struct bytes){v.p + 2, v.n - 2};
    if (v.n != 64 && v.n != 8)
        return false;
    memcpy(leaf->hwid, v.p, v.n);
    leaf->hwid_n = v.n;
    return true;
}

static bool value_read(enum extension kind, enum snp_part part, struct bytes v,
                       struct snp_leaf *leaf)
{
    uint8_t ignored;

    switch (kind) {
    case EXT_PRODUCT:
        return leaf->product[0] == '\0' && text_read(v, leaf->product, sizeof leaf->product);
    case EXT_CSP:
        return leaf->csp[0] == '\0' && text_read(v, leaf->csp, sizeof leaf->csp);
    case EXT_HWID:
        return leaf->hwid_n == 0 && hwid_read(v, leaf);
    case EXT_SPL:
        if (leaf->tcb.has[part])
            return false;
        leaf->tcb.has[part] = true;
        return integer_read(v, &leaf->tcb.part[part]);
    case EXT_VERSION:
    case EXT_SPARE:
        return integer_read(v, &ignored);
    case EXT_FOREIGN:
        break;
    }
    return true;
}

static bool bad(struct err *e, const char *name, const char *what, const char *text)
{
    return err_set(e, ERR_INPUT, "snp.extension", "%s: extension %s: %s", name, text, what),
           err_field(e, "%s.%s", name, text), err_found(e, "%s", what);
}

static bool one_read(const struct cert_extension *x, const char *name, struct snp_leaf *leaf,
                     struct err *e)
{
    struct bytes oid = x->oid;
    enum snp_part part = SNP_FMC;
    enum extension kind = EXT_FOREIGN;
    char text[64];

    if (oid.n > sizeof amd_prefix && memcmp(oid.p, amd_prefix, sizeof amd_prefix) == 0) {
        oid = (struct bytes){oid.p + sizeof amd_prefix, oid.n - sizeof amd_prefix};
        kind = classify(oid, &part);
    }
    if (kind == EXT_FOREIGN && x->critical)
        return bad(e, name, "critical and unknown", der_oid_text(x->oid, text, sizeof text));
    if (!value_read(kind, part, x->value, leaf))
        return bad(e, name, "twice, or not of its type", der_oid_text(x->oid, text, sizeof text));
    return true;
}

bool snp_leaf_read(const struct cert *x, bool vlek, const char *name, struct snp_leaf *out,
                   struct err *e)
{
    struct snp_leaf leaf = {0};
    struct bytes list = x->extensions;
    struct cert_extension one;

    while (list.n > 0 && cert_extension_take(&list, &one))
        if (!one_read(&one, name, &leaf, e))
            return false;
    if (leaf.product[0] == '\0')
        return bad(e, name, "missing", "1.3.6.1.4.1.3704.1.2");
    if (vlek != (leaf.hwid_n == 0))
        return bad(e, name, vlek ? "in a VLEK" : "missing", "1.3.6.1.4.1.3704.1.4");
    if (vlek && leaf.csp[0] == '\0')
        return bad(e, name, "missing", "1.3.6.1.4.1.3704.1.5");
    *out = leaf;
    return true;
}
