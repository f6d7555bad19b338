/* snp_tcb.h - what the eight bytes of a TCB field mean, by product line (AMD 56860, TCB_VERSION).
 */
#ifndef ATTEST_SNP_TCB_H
#define ATTEST_SNP_TCB_H

#include "attest/snp_report.h"

/* The catalog's names for the components, in the order of facts and messages. */
enum snp_part { SNP_FMC, SNP_BOOTLOADER, SNP_TEE, SNP_SNP, SNP_MICROCODE, SNP_PARTS };

/* Where each part stands in the field; -1: this line has none. */
struct snp_layout {
    const char *product;
    int at[SNP_PARTS];
};

struct snp_tcb {
    bool has[SNP_PARTS];
    uint8_t part[SNP_PARTS];
};

/* NULL: no such product line is known. */
const struct snp_layout *snp_layout_find(const char *product);
const char *snp_part_name(enum snp_part p); /* "microcode" */

/* Every byte that is no component is zero: "snp.tcb-reserved". field: the report's name for it. */
NODISCARD bool snp_tcb_read(const struct snp_layout *l, struct snp_tcb_raw raw, const char *field,
                            struct snp_tcb *out, struct err *e);

/* Component by component; there is no total order of TCBs. */
struct snp_tcb snp_tcb_min(const struct snp_tcb *a, const struct snp_tcb *b);
bool snp_tcb_equal(const struct snp_tcb *a, const struct snp_tcb *b, enum snp_part *which);

/* major.minor.build in that order of weight: below 0, 0, above 0. */
int snp_version_compare(struct snp_version a, struct snp_version b);

#endif
