/* ecdsa.h - ECDSA signatures as attestation formats carry them: R and S big-endian, one after the
 * other, each as long as the curve's order (FIPS 186-5; RFC 8152 8.1 and Intel's quotes agree).
 *
 * The curves are computed by libcrypto's EC_KEY and ECDSA_do_verify(), not through EVP_PKEY: in
 * OpenSSL 3.0 a key made through EVP costs 22 us and a verification 5 to 10 us more than these (2.4
 * us and none), a third of a P-256 verification. docs/verification.md has the figures. */
#ifndef ATTEST_ECDSA_H
#define ATTEST_ECDSA_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

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

#define ECDSA_SIGNATURE_MAX 132
#define ECDSA_SPKI_MAX 160

/* A public key, known to be a point of its curve. */
struct ecdsa_key;

/* Bytes of R (and of S, and of each coordinate): 32, 48 or 66. */
size_t ecdsa_size(enum ecdsa_curve curve);

/* The public key of the coordinates X and Y, big-endian, one after the other: the caller's to
 * ecdsa_key_free(). NULL when they are no point of the curve. */
struct ecdsa_key *ecdsa_key_new(enum ecdsa_curve curve, struct bytes xy);
struct ecdsa_key *ecdsa_key_ref(struct ecdsa_key *key);
void ecdsa_key_free(struct ecdsa_key *key);

DEFINE_CLEANUP(ecdsa_key, struct ecdsa_key *, ecdsa_key_free)

/* False for NULL, too. */
bool ecdsa_key_is(const struct ecdsa_key *key, enum ecdsa_curve curve);

/* "prime256v1", "secp384r1" or "secp521r1"; "no elliptic curve" for NULL. */
const char *ecdsa_key_group(const struct ecdsa_key *key);

/* A SubjectPublicKeyInfo (RFC 5480): a named curve of these three and an uncompressed point. *xy
 * are its coordinates, which nobody has yet found on the curve. False: another kind of key. */
NODISCARD bool ecdsa_spki_read(struct bytes spki, enum ecdsa_curve *curve, struct bytes *xy);

/* The key's SubjectPublicKeyInfo; out has room for ECDSA_SPKI_MAX bytes. */
struct bytes ecdsa_spki_write(const struct ecdsa_key *key, uint8_t *out);

/* A signature as certificates have it, SEQUENCE { INTEGER, INTEGER } (RFC 3279, 2.2.3), as R and S;
 * out has room for ECDSA_SIGNATURE_MAX bytes. False: not that, or longer than the curve's. */
NODISCARD bool ecdsa_signature_read(enum ecdsa_curve curve, struct bytes der, uint8_t *out);

/* Hashes the message as the curve says and verifies. Every ECDSA signature of attestation goes
 * through here, those of certificates included. */
enum ecdsa_result ecdsa_verify(struct ecdsa_key *key, enum ecdsa_curve curve, struct bytes message,
                               struct bytes signature);

/* The same for a message that lies in pieces. */
enum ecdsa_result ecdsa_verify_parts(struct ecdsa_key *key, enum ecdsa_curve curve,
                                     const struct bytes *part, size_t parts,
                                     struct bytes signature);

#endif
