/* sim_dcap_json.h - the simulated Intel's collateral documents, with the members and their order as
 * Intel's provisioning certification service (API version 4) gives them, signed over the exact
 * bytes of the inner object. */
#ifndef ATTEST_SIM_SIM_DCAP_JSON_H
#define ATTEST_SIM_SIM_DCAP_JSON_H

#include "attest/sim/sim_dcap_cpu.h"
#include "base/buf.h"
#include "base/err.h"

struct sim_collateral {
    bool tdx;
    int64_t issued_s, next_s;
    bool spoilt; /* a digit is changed after signing */
};

/* "tcb_info.json": {"tcbInfo":{...},"signature":"..."} with these levels. */
NODISCARD bool sim_tcb_info(const struct sim_collateral *c, const uint8_t fmspc[6], uint8_t pceid,
                            const struct sim_level *levels, size_t levels_n, struct buf *out,
                            struct err *e);

/* "qe_identity.json": {"enclaveIdentity":{...},"signature":"..."}. */
NODISCARD bool sim_qe_identity(const struct sim_collateral *c, struct buf *out, struct err *e);

/* Signers of the quoting enclaves of SGX and of TDX: facts of Intel's identities. */
extern const uint8_t sim_qe_signer[32], sim_td_qe_signer[32];

#endif
