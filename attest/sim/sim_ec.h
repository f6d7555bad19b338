/* sim_ec.h - keys of chips that do not exist: elliptic curve keys that follow from a seed. */
#ifndef ATTEST_SIM_SIM_EC_H
#define ATTEST_SIM_SIM_EC_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"

enum sim_curve { SIM_P256, SIM_P384 };

/* The key whose private number is a digest of purpose and seed: always the same. NULL: no memory.
 */
EVP_PKEY *sim_ec_key(enum sim_curve curve, const char *purpose, struct bytes seed);

/* The key of that private number: 32 or 48 bytes, big-endian, below the curve's order. */
EVP_PKEY *sim_ec_key_of(enum sim_curve curve, const uint8_t *number);

/* The public point as X and Y: 64 or 96 bytes. */
NODISCARD bool sim_ec_point(const EVP_PKEY *key, enum sim_curve curve, uint8_t *out);

/* ECDSA with SHA-256 or SHA-384 over `in`; out is R and S, big-endian: 64 or 96 bytes. */
NODISCARD bool sim_ec_sign(EVP_PKEY *key, enum sim_curve curve, struct bytes in, uint8_t *out);

/* SHA-256 or SHA-384 or SHA-512 of a literal and a number: 32, 48 or 64 bytes that look random and
 * are always the same. */
NODISCARD bool sim_digest(const char *what, uint64_t n, const EVP_MD *md, uint8_t *out);

#endif
