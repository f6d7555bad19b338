/* cose.h - COSE_Sign1 (RFC 9052, section 4.2) with ES256, ES384 and ES512 (RFC 9053, section 2.1).
 *
 * Closed: the protected header holds the algorithm and nothing else, so that no critical extension
 * is passed over; the unprotected header is empty or holds a key id (4), which is not looked at;
 * the payload is attached. Each algorithm goes with its own curve: ES256 with P-256, ES384 with
 * P-384, ES512 with P-521.
 *
 * Reasons: cose.shape, cose.header, cose.algorithm, cose.key (of another curve),
 * cose.signature-range (r or s is not 1 to n - 1), cose.signature, and those of cbor.h. */
#ifndef ATTEST_COSE_H
#define ATTEST_COSE_H

#include "attest/ecdsa.h"
#include "base/bytes.h"
#include "base/err.h"

#define COSE_TAG_SIGN1 18
#define COSE_ES256 (-7)
#define COSE_ES384 (-35)
#define COSE_ES512 (-36)

/* All borrowed from the input. */
struct cose_sign1 {
    bool tagged;
    int64_t algorithm;
    struct bytes protected_header; /* the content of its byte string, as signed */
    struct bytes payload, signature;
};

/* `in` was seen by cbor_check(); field names the structure in messages: "platform token". */
NODISCARD bool cose_parse(struct bytes in, const char *field, struct cose_sign1 *out,
                          struct err *e);

/* The key made the signature, with no external data (RFC 9052, 4.4). name is the key's, for
 * messages. */
NODISCARD bool cose_verify(const struct cose_sign1 *s, struct ecdsa_key *key, const char *field,
                           const char *name, struct err *e);

/* "ES384"; "unknown" for others. */
const char *cose_algorithm_name(int64_t algorithm);

#endif
