#include "attest/snp_tcb.h"

static const struct snp_layout layouts[] = {
    {"Milan", {-1, 0, 1, 6, 7}},
    {"Genoa", {-1, 0, 1, 6, 7}},
    {"Turin", {0, 1, 2, 3, 7}},
};

static const char *const names[SNP_PARTS] = {"fmc", "bootloader", "tee", "snp", "microcode"};

const struct snp_layout *snp_layout_find(const char *product)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (strcmp(layouts[i].product, product) == 0)
            return &layouts[i];
    return NULL;
}

const char *snp_part_name(enum snp_part p)
{
    return names[p];
}

bool snp_tcb_read(const struct snp_layout *l, struct snp_tcb_raw raw, const char *field,
                  struct snp_tcb *out, struct err *e)
{
    struct snp_tcb tcb = {0};

    for (int p = 0; p < SNP_PARTS; p++)
        if (l->at[p] >= 0) {
            tcb.has[p] = true;
            tcb.part[p] = raw.b[l->at[p]];
            raw.b[l->at[p]] = 0;
        }
    for (size_t i = 0; i < sizeof raw.b; i++)
        if (raw.b[i] != 0)
            return err_set(e, ERR_INPUT, "snp.tcb-reserved", "%s: byte %zu is 0x%02x, want 0",
                           field, i, raw.b[i]),
                   err_field(e, "%s", field), err_found(e, "0x%02x at byte %zu", raw.b[i], i),
                   err_expected(e, "0: %s has no component there", l->product);
    *out = tcb;
    return true;
}

struct snp_tcb snp_tcb_min(const struct snp_tcb *a, const struct snp_tcb *b)
{
    struct snp_tcb min = *a;

    for (int p = 0; p < SNP_PARTS; p++)
        if (b->part[p] < min.part[p])
            min.part[p] = b->part[p];
    return min;
}

bool snp_tcb_equal(const struct snp_tcb *a, const struct snp_tcb *b, enum snp_part *which)
{
    for (int p = 0; p < SNP_PARTS; p++)
        if (a->has[p] != b->has[p] || a->part[p] != b->part[p]) {
            *which = (enum snp_part)p;
            return false;
        }
    return true;
}

int snp_version_compare(struct snp_version a, struct snp_version b)
{
    if (a.major != b.major)
        return a.major < b.major ? -1 : 1;
    if (a.minor != b.minor)
        return a.minor < b.minor ? -1 : 1;
    return a.build == b.build ? 0 : a.build < b.build ? -1 : 1;
}
