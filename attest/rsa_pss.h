/* rsa_pss.h - RSASSA-PSS (RFC 8017, 8.1) as AMD signs: SHA-384, MGF1 with SHA-384, 48 bytes of
 * salt, trailer 0xbc. */
#ifndef ATTEST_RSA_PSS_H
#define ATTEST_RSA_PSS_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

#define RSA_BITS_MAX 8192

struct rsa_key;

/* Big-endian, without leading zeros; an odd modulus of 1024 to RSA_BITS_MAX bits, an odd exponent
 * of at most 64. NULL: not so, or no memory. The caller's to rsa_key_free(). */
struct rsa_key *rsa_key_new(struct bytes modulus, struct bytes exponent);
void rsa_key_free(struct rsa_key *key);

DEFINE_CLEANUP(rsa_key, struct rsa_key *, rsa_key_free)

/* A SubjectPublicKeyInfo of rsaEncryption (RFC 3279, 2.3.1). False: another kind of key. */
NODISCARD bool rsa_spki_read(struct bytes spki, struct bytes *modulus, struct bytes *exponent);

/* The key made the signature over the message. */
bool rsa_pss_verify(struct rsa_key *key, struct bytes message, struct bytes signature);

#endif
