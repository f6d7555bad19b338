/* sim_cbor.h - writes the CBOR and COSE_Sign1 of simulated documents and tokens, in the shortest
 * forms (RFC 8949, 4.2.1). Errors are the buffer's: buf_ok() at the end. */
#ifndef ATTEST_SIM_SIM_CBOR_H
#define ATTEST_SIM_SIM_CBOR_H

#include "attest/sim/sim_ec.h"
#include "base/buf.h"

/* The head of an item of a major type: 0 a number, 1 a negative one, 2 bytes, 3 text, 4 an array, 5
 * a map, 6 a tag. */
void sim_cbor_head(struct buf *b, unsigned major, uint64_t value);

void sim_cbor_int(struct buf *b, int64_t v);
void sim_cbor_bytes(struct buf *b, struct bytes v);
void sim_cbor_text(struct buf *b, const char *v);
void sim_cbor_null(struct buf *b);

struct sim_cose {
    bool tagged;
    int64_t algorithm; /* as the protected header says; the signature is the curve's own */
};

/* COSE_Sign1 over the payload. False: libcrypto failed. */
NODISCARD bool sim_cose_sign1(struct buf *out, const struct sim_cose *how, EVP_PKEY *key,
                              enum sim_curve curve, struct bytes payload);

#endif
