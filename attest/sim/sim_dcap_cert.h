/* sim_dcap_cert.h - the simulated Intel as a certificate authority: PCK certificates of chips that
 * do not exist, and the revocation lists beside them. Everything here fails as "sim.crypto". */
#ifndef ATTEST_SIM_SIM_DCAP_CERT_H
#define ATTEST_SIM_SIM_DCAP_CERT_H

#include <openssl/evp.h>

#include "attest/sim/sim_dcap_keys.h"
#include "base/buf.h"
#include "base/err.h"

/* A chip at a TCB, as its certificate describes it ("Intel SGX PCK Certificate and CRL Profile
 * Specification", 1.3: extension 1.2.840.113741.1.13.1). */
struct sim_pck {
    uint64_t chip;
    uint8_t comps[16];
    uint16_t pcesvn;
    uint8_t fmspc[6];
    uint8_t type;              /* 0 Standard, 1 Scalable, 2 ScalableWithIntegrity */
    bool processor_ca;         /* issuer; a Processor CA says nothing of what follows */
    bool smt, cached, dynamic; /* configuration */
    int64_t from_s, to_s;
};

struct sim_list {
    int64_t from_s, to_s;
    bool revoked; /* whether it names what is asked about */
};

/* The P-256 key of that chip at that TCB: always the same. NULL: no memory. */
EVP_PKEY *sim_pck_key(const struct sim_pck *p);

/* PEM of leaf, intermediate and root. foreign: under a root that nobody trusts. */
NODISCARD bool sim_pck_chain(const struct sim_pck *p, bool foreign, struct buf *out, struct err *e);

/* DER of the PCK issuer's list; revoked: with the chip's certificate. foreign: signed by a key that
 * is not the issuer's. */
NODISCARD bool sim_pck_crl(const struct sim_pck *p, const struct sim_list *l, bool foreign,
                           struct buf *out, struct err *e);

/* DER of the root's list; revoked: with ca. */
NODISCARD bool sim_root_crl(const struct sim_dcap_ca *ca, const struct sim_list *l, struct buf *out,
                            struct err *e);

/* PEM of the TCB signing certificate and the root. */
NODISCARD bool sim_tcb_chain(struct buf *out, struct err *e);

/* R and S over exactly these bytes, by the TCB signing key. */
NODISCARD bool sim_tcb_sign(struct bytes in, uint8_t out[64], struct err *e);

#endif
