/* sim_nitro.h - simulated AWS Nitro enclaves. Own keys: image (a number: seed of PCR0 to PCR2),
 * tagged (on, off: COSE's tag before the document), open-ended (on, off: maps without a count, as
 * AWS writes since the end of 2025). */
#ifndef ATTEST_SIM_SIM_NITRO_H
#define ATTEST_SIM_SIM_NITRO_H

#include <stdbool.h>
#include <stdint.h>

enum sim_nitro_defect {
    SIM_NITRO_SOUND = 0,
    SIM_NITRO_STALE_REPORT_DATA, /* as if an older answer were replayed */
    SIM_NITRO_WRONG_KEY,         /* signed by a key that is not the certified one */
    SIM_NITRO_BAD_SIGNATURE,     /* one byte of the payload changed after signing */
    SIM_NITRO_DEBUG,             /* PCR0 to PCR2 are zero */
    SIM_NITRO_EXPIRED,           /* the enclave's certificate has ended */
    SIM_NITRO_FOREIGN_ROOT,      /* a root that nobody pinned */
    SIM_NITRO_BROKEN_CHAIN,      /* the zone's certificate is signed by another key */
    SIM_NITRO_LONG_CHAIN,        /* more authorities than the region's path length allows */
    SIM_NITRO_NOT_A_CA,          /* the instance's certificate is no CA */
    SIM_NITRO_LEAF_IS_CA,        /* the enclave's certificate is a CA */
    SIM_NITRO_WRONG_DIGEST,      /* "SHA256" */
    SIM_NITRO_WRONG_ALGORITHM,   /* the header says ES256 */
    SIM_NITRO_MISSING_FIELD,     /* no pcrs */
    SIM_NITRO_UNKNOWN_FIELD,     /* a field that AWS does not name */
    SIM_NITRO_DUPLICATE_FIELD,   /* the digest twice */
    SIM_NITRO_SHORT_PCR,         /* PCR4 of 32 bytes */
    SIM_NITRO_FUTURE,            /* a timestamp in the future */
    SIM_NITRO_DEFECTS
};

struct sim_nitro {
    uint64_t image;
    bool tagged, open_ended;
};

#endif
