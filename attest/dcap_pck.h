/* dcap_pck.h - what a PCK certificate says of its platform: the SGX extensions
 * (1.2.840.113741.1.13.1; PCK Certificate Profile, 3.5). The order of elements is not guaranteed,
 * so each is found by its object identifier; each of the first five has to stand there once.
 *
 * Reason: "dcap.extension". */
#ifndef ATTEST_DCAP_PCK_H
#define ATTEST_DCAP_PCK_H

#include "attest/cert.h"
#include "base/bytes.h"
#include "base/err.h"

enum dcap_flag { DCAP_FLAG_ABSENT = 0, DCAP_FLAG_FALSE, DCAP_FLAG_TRUE };

struct dcap_pck {
    uint8_t ppid[16];
    uint8_t component[16]; /* SGX TCB component SVNs */
    uint16_t pcesvn;
    uint8_t cpusvn[16];
    uint8_t pceid[2];
    uint8_t fmspc[6];
    uint8_t sgx_type; /* 0 standard, 1 scalable, 2 scalable with integrity */
    bool has_instance;
    uint8_t instance[16]; /* platform instance id; only of the Platform CA */
    enum dcap_flag dynamic_platform, cached_keys, smt;
};

/* name is what messages call the certificate. */
NODISCARD bool dcap_pck_read(const struct cert *x, const char *name, struct dcap_pck *out,
                             struct err *e);

#endif
