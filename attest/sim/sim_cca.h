/* sim_cca.h - simulated Arm CCA realms. Own keys: firmware (three numbers with dots: the RMM's
 * version), profile (2023, legacy: how the realm's key is written). */
#ifndef ATTEST_SIM_SIM_CCA_H
#define ATTEST_SIM_SIM_CCA_H

#include <stdbool.h>
#include <stdint.h>

enum sim_cca_defect {
    SIM_CCA_SOUND = 0,
    SIM_CCA_STALE_REPORT_DATA,   /* as if an older answer were replayed */
    SIM_CCA_WRONG_KEY,           /* the platform token is signed by another key than the CPAK */
    SIM_CCA_BAD_SIGNATURE,       /* one byte of the realm token's signature changed */
    SIM_CCA_WRONG_RAK,           /* the realm token is signed by another key than its RAK */
    SIM_CCA_RAK_MISMATCH,        /* the platform vouches for another RAK */
    SIM_CCA_RAK_HASH,            /* the realm names another hash than the platform used */
    SIM_CCA_RAK_FORM,            /* the RAK in the form of the other profile */
    SIM_CCA_DEBUG,               /* life cycle: debug of the platform */
    SIM_CCA_UNSECURED_LIFECYCLE, /* life cycle: being provisioned */
    SIM_CCA_UNKNOWN_LIFECYCLE,   /* life cycle: a number that is no state */
    SIM_CCA_WRONG_PROFILE,       /* the platform names an unknown profile */
    SIM_CCA_WRONG_REALM_PROFILE, /* the realm names an unknown profile */
    SIM_CCA_WRONG_HASH,          /* the platform names md5 */
    SIM_CCA_WRONG_INSTANCE_KIND, /* an instance id that is not of kind RAND */
    SIM_CCA_MISSING_FIELD,       /* no instance id */
    SIM_CCA_DUPLICATE_FIELD,     /* the realm's hash algorithm twice */
    SIM_CCA_NO_COMPONENTS,       /* an empty list of software */
    SIM_CCA_SHORT_MEASUREMENT,   /* an initial measurement of 20 bytes */
    SIM_CCA_FOREIGN_PLATFORM,    /* the anchor is of another instance */
    SIM_CCA_FOREIGN_ROOT,        /* the anchor is a key that nobody pinned */
    SIM_CCA_NO_ANCHOR,           /* comes without its anchor */
    SIM_CCA_DEFECTS
};

struct sim_cca {
    uint8_t firmware[3];
    unsigned profile; /* 0: that of 2023; 1: the one before */
};

#endif
