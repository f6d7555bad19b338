/* snp_leaf.h - what AMD certifies in a VCEK or VLEK beside the key: extensions under
 * 1.3.6.1.4.1.3704.1 (AMD 57230, "VCEK certificate"). */
#ifndef ATTEST_SNP_LEAF_H
#define ATTEST_SNP_LEAF_H

#include "attest/cert.h"
#include "attest/snp_tcb.h"

struct snp_leaf {
    char product[24]; /* as certified: "Milan-B0", "Genoa" */
    struct snp_tcb tcb;
    uint8_t hwid[SNP_CHIP_ID_SIZE];
    size_t hwid_n; /* 64; 8 on Turin; 0 in a VLEK */
    char csp[64];  /* VLEK: the cloud provider */
};

/* "snp.extension": missing, twice, or not of its type. name is the file's. */
NODISCARD bool snp_leaf_read(const struct cert *x, bool vlek, const char *name,
                             struct snp_leaf *out, struct err *e);

#endif
