/* ecdsa.h - ECDSA signatures as attestation formats carry them: R and S big-endian, one after the
 * other, each as long as the curve's order (FIPS 186-5; RFC 8152 8.1 and Intel's quotes agree). */
#ifndef ATTEST_ECDSA_H
#define ATTEST_ECDSA_H

#include <openssl/evp.h>

#include "base/bytes.h"

enum ecdsa_curve {
    ECDSA_P256, /* with SHA-256; R and S of 32 bytes */
    ECDSA_P384, /* with SHA-384; R and S of 48 bytes */
    ECDSA_P521, /* with SHA-512; R and S of 66 bytes */
};

enum ecdsa_result {
    ECDSA_GOOD,
    ECDSA_BAD,   /* this key did not sign these bytes */
    ECDSA_RANGE, /* R or S is not in 1 to n-1, or the signature has another length */
    ECDSA_KEY,   /* not a key on this curve */
    ECDSA_NOMEM,
};

/* Bytes of R (and of S, and of each coordinate): 32, 48 or 66. */
size_t ecdsa_size(enum ecdsa_curve curve);

/* True when the key is on this curve, given by its name. */
bool ecdsa_key_is(EVP_PKEY *key, enum ecdsa_curve curve);

/* The public key of the coordinates X and Y, big-endian, one after the other: the caller's to
 * EVP_PKEY_free(). NULL when they are no point of the curve. */
EVP_PKEY *ecdsa_key(enum ecdsa_curve curve, struct bytes xy);

/* Hashes the message as the curve says and verifies. Every attestation signature that is not in a
 * certificate goes through here. */
enum ecdsa_result ecdsa_verify(EVP_PKEY *key, enum ecdsa_curve curve, struct bytes message,
                               struct bytes signature);

/* The same for a message that lies in pieces. */
enum ecdsa_result ecdsa_verify_parts(EVP_PKEY *key, enum ecdsa_curve curve,
                                     const struct bytes *part, size_t parts,
                                     struct bytes signature);

#endif
