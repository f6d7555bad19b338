/* sim_nitro_chain.h - the simulated AWS as a certificate authority: a root whose key everybody can
 * compute, and region, zone, instance and enclave below it, made anew for each document as AWS
 * does. */
#ifndef ATTEST_SIM_SIM_NITRO_CHAIN_H
#define ATTEST_SIM_SIM_NITRO_CHAIN_H

#include "attest/sim/sim_ec.h"
#include "attest/sim/sim_nitro.h"
#include "base/buf.h"

#define SIM_NITRO_LINKS 5 /* root, region, zone, instance, enclave */

struct sim_nitro_chain {
    struct buf der[SIM_NITRO_LINKS]; /* owned; the root first, the enclave's last */
    EVP_PKEY *key;                   /* owned: of the enclave */
};

/* instance and module: "i-0827e799ec9232d44" and that with the enclave's part. */
NODISCARD bool sim_nitro_chain(const char *instance, const char *module, uint64_t chip,
                               enum sim_nitro_defect defect, int64_t now_s,
                               struct sim_nitro_chain *out, struct err *e);
void sim_nitro_chain_fini(struct sim_nitro_chain *c);

#endif
