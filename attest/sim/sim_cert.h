/* sim_cert.h - the simulated vendor as a certificate authority. */
#ifndef ATTEST_SIM_SIM_CERT_H
#define ATTEST_SIM_SIM_CERT_H

#include <openssl/evp.h>

#include "attest/sim/sim.h"
#include "attest/sim/sim_keys.h"

/* A chip as its certificate describes it. */
struct sim_chip {
    const struct sim_line *line;
    uint8_t id[64];
    size_t id_n; /* 64; 8 on Turin */
    struct sim_tcb tcb;
    bool fmc; /* Turin has one more TCB part */
    bool vlek;
};

/* The P-384 key of that chip at that TCB: always the same for the same chip. NULL: no memory. */
EVP_PKEY *sim_chip_key(const struct sim_chip *c);

/* DER of the chip's VCEK or VLEK. */
NODISCARD bool sim_leaf(const struct sim_chip *c, EVP_PKEY *key, int64_t from_s, int64_t to_s,
                        struct buf *out, struct err *e);

/* DER of a certificate of the line. */
NODISCARD bool sim_ca(const char *pem, struct buf *out, struct err *e);

/* DER of a revocation list of that time; it names the line's ASK. */
NODISCARD bool sim_crl(const struct sim_line *line, int64_t now_s, struct buf *out, struct err *e);

#endif
