/* sim.h - evidence of platforms that do not exist: bit-exact SEV-SNP reports with certificates
 * under simulated vendor roots whose private keys are compiled in, so everybody can sign. Verifiers
 * accept them only when told to, and mark the facts as simulated. For demonstrations, tests, and
 * clusters without TEE hardware. */
#ifndef ATTEST_SIM_SIM_H
#define ATTEST_SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum sim_defect {
    SIM_SOUND = 0,
    SIM_STALE_REPORT_DATA, /* "stale-report-data": as if an older answer were replayed */
    SIM_WRONG_KEY,         /* "wrong-key": signed by a key that is not the certified one */
    SIM_BAD_SIGNATURE,     /* "bad-signature": one byte of the report changed after signing */
    SIM_DEBUG,             /* "debug": the policy lets the host debug the guest */
    SIM_OLD_COMMITTED,     /* "old-committed": committed versions far behind the current ones */
    SIM_PROVISIONAL,       /* "provisional": committed a step behind the current ones */
    SIM_REVOKED_ASK,       /* "revoked-ask": comes with a revocation list that names the ASK */
    SIM_FOREIGN_CHIP_ID,   /* "foreign-chip-id": the certificate is of another chip */
    SIM_MASKED_CHIP,       /* "masked-chip": the report hides the chip's id */
    SIM_WRONG_PRODUCT,     /* "wrong-product": the processor number of another product line */
    SIM_EXPIRED,           /* "expired": the chip's certificate has ended */
    SIM_HOST_REQUESTED,    /* "host-requested": the host asked for the report, not the guest */
    SIM_WRONG_TCB,         /* "wrong-tcb": the certificate is of another TCB */
    SIM_DEFECTS
};

enum sim_generation { SIM_MILAN, SIM_GENOA, SIM_BERGAMO, SIM_SIENA, SIM_TURIN, SIM_GENERATIONS };

struct sim_version {
    uint8_t major, minor, build;
};

struct sim_tcb {
    uint8_t fmc, bootloader, tee, snp, microcode; /* fmc: Turin only */
};

struct sim_platform {
    enum sim_generation generation; /* vendor amd is all there is so far */
    uint32_t report_version;        /* 2 to 5 */
    struct sim_version current, committed;
    struct sim_tcb current_tcb, committed_tcb; /* REPORTED_TCB is the committed one */
    uint64_t chip;                             /* seed of the chip id */
    bool smt, vlek;
    enum sim_defect defect;
};

/* A sound platform of that generation with firmware of its day. */
void sim_platform_init(struct sim_platform *p, enum sim_generation g);

/* "vendor=amd,generation=milan,firmware=1.55.39,snp=0x17,microcode=0xde,defect=debug". Keys:
 * vendor, technology (sev-snp), generation, firmware, committed, bootloader, tee, snp, microcode,
 * fmc, chip, version, smt (on, off), vlek (on, off), defect. generation is required; the order is
 * free; TCB numbers set both current and committed. Errors "sim.*" name the key and suggest the
 * nearest word. */
NODISCARD bool sim_platform_parse(const char *text, struct sim_platform *out, struct err *e);

const char *sim_generation_name(enum sim_generation g);
const char *sim_defect_name(enum sim_defect d); /* "none" for SIM_SOUND */

#define SIM_FILES 4
struct sim_evidence {
    struct buf evidence; /* owned, as are the files' bytes */
    struct {
        const char *name; /* "vcek.der" */
        struct buf bytes;
    } files[SIM_FILES];
    unsigned files_n;
};
void sim_evidence_fini(struct sim_evidence *s); /* fine on a zeroed one */
#define AUTO_SIM_EVIDENCE __attribute__((cleanup(sim_evidence_fini)))

/* Evidence that the platform gives for these 64 bytes at that time. *out is zeroed or fini'd; the
 * caller ends it with sim_evidence_fini(). Costs one RSA-4096 signature (some milliseconds). */
NODISCARD bool sim_evidence(const struct sim_platform *p, const uint8_t report_data[64],
                            int64_t now_s, struct sim_evidence *out, struct err *e);

#endif
