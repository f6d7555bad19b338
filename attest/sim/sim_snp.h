/* sim_snp.h - simulated AMD SEV-SNP. Own keys: firmware, committed, bootloader, tee, snp,
 * microcode, fmc (Turin), version, smt (on, off), vlek (on, off). TCB numbers set both current and
 * committed. */
#ifndef ATTEST_SIM_SIM_SNP_H
#define ATTEST_SIM_SIM_SNP_H

#include <stdbool.h>
#include <stdint.h>

enum sim_snp_defect {
    SIM_SNP_SOUND = 0,
    SIM_SNP_STALE_REPORT_DATA, /* "stale-report-data": as if an older answer were replayed */
    SIM_SNP_WRONG_KEY,         /* "wrong-key": signed by a key that is not the certified one */
    SIM_SNP_BAD_SIGNATURE,     /* "bad-signature": one byte of the report changed after signing */
    SIM_SNP_DEBUG,             /* "debug": the policy lets the host debug the guest */
    SIM_SNP_OLD_COMMITTED,     /* "old-committed": committed versions far behind the current ones */
    SIM_SNP_PROVISIONAL,       /* "provisional": committed a step behind the current ones */
    SIM_SNP_REVOKED_ASK,       /* "revoked-ask": comes with a revocation list that names the ASK */
    SIM_SNP_FOREIGN_CHIP_ID,   /* "foreign-chip-id": the certificate is of another chip */
    SIM_SNP_MASKED_CHIP,       /* "masked-chip": the report hides the chip's id */
    SIM_SNP_WRONG_PRODUCT,     /* "wrong-product": the processor number of another product line */
    SIM_SNP_EXPIRED,           /* "expired": the chip's certificate has ended */
    SIM_SNP_HOST_REQUESTED,    /* "host-requested": the host asked for the report, not the guest */
    SIM_SNP_WRONG_TCB,         /* "wrong-tcb": the certificate is of another TCB */
    SIM_SNP_DEFECTS
};

enum sim_snp_generation {
    SIM_MILAN,
    SIM_GENOA,
    SIM_BERGAMO,
    SIM_SIENA,
    SIM_TURIN,
    SIM_TURIN_DENSE,
    SIM_SNP_GENERATIONS
};

struct sim_version {
    uint8_t major, minor, build;
};

struct sim_tcb {
    uint8_t fmc, bootloader, tee, snp, microcode; /* fmc: Turin only */
};

struct sim_snp {
    uint32_t report_version; /* 2 to 5 */
    struct sim_version current, committed;
    struct sim_tcb current_tcb, committed_tcb; /* REPORTED_TCB is the committed one */
    bool smt, vlek;
};

#endif
