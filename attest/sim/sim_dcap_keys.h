/* sim_dcap_keys.h - the simulated Intel PKI's keys and certificates; see sim_dcap_keys.c for the
 * warning. Common names are Intel's with " (SIMULATED)" after them: "Intel SGX Root CA
 * (SIMULATED)", "Intel SGX PCK Platform CA (SIMULATED)", "Intel SGX PCK Processor CA (SIMULATED)",
 * "Intel SGX TCB Signing (SIMULATED)", and the leaf "Intel SGX PCK Certificate (SIMULATED)". */
#ifndef ATTEST_SIM_SIM_DCAP_KEYS_H
#define ATTEST_SIM_SIM_DCAP_KEYS_H

#include <stdint.h>

struct sim_dcap_ca {
    uint8_t key[32];  /* the private number, big-endian */
    const char *cert; /* PEM */
};
extern const struct sim_dcap_ca sim_dcap_root, sim_dcap_platform, sim_dcap_processor,
    sim_dcap_tcb_signing;

#endif
