/* sim_dcap_quote.h - a quote as bytes: header, body, signatures, certification data. */
#ifndef ATTEST_SIM_SIM_DCAP_QUOTE_H
#define ATTEST_SIM_SIM_DCAP_QUOTE_H

#include "attest/sim/sim.h"
#include "attest/sim/sim_dcap_cert.h"

/* The platform with every choice made. */
struct sim_dcap_chip {
    const struct sim_platform *p;
    enum sim_dcap_defect defect;
    bool tdx;
    struct sim_pck pck;
    uint8_t tee_tcb_svn[16], tee_tcb_svn_2[16]; /* TDX; the second in body 1.5 only */
    uint8_t qe_svn;
};

/* chain: PEM to stand in the quote; empty: PPID, CPUSVN and PCE stand there instead (type 3). */
NODISCARD bool sim_dcap_quote(const struct sim_dcap_chip *c, const uint8_t report_data[64],
                              struct bytes chain, struct buf *out, struct err *e);

#endif
