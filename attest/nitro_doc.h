/* nitro_doc.h - the attestation document of an AWS Nitro enclave: a COSE_Sign1 whose payload is a
 * map (AWS, "Verifying the root of trust", document specification and section "Syntactical
 * validation"; the sizes are from there).
 *
 * Parsing checks shape only. Keys may stand in any order and the maps may be open-ended, as they
 * are in documents of the end of 2025; a key that AWS does not name is refused.
 * Reasons: nitro.unknown-field, nitro.missing-field, nitro.algorithm (not ES384), nitro.digest (not
 * SHA384), nitro.pcr (index or size), nitro.bundle-length, nitro.timestamp (zero), and those of
 * cbor.h and cose.h. */
#ifndef ATTEST_NITRO_DOC_H
#define ATTEST_NITRO_DOC_H

#include "attest/cose.h"
#include "base/bytes.h"
#include "base/err.h"

#define NITRO_PCRS 32
#define NITRO_PCR_SIZE 48   /* SHA-384, the only digest there is */
#define NITRO_BUNDLE_MAX 8  /* certificates above the leaf's; AWS sends 4 */
#define NITRO_CERT_MAX 1024 /* bytes of one certificate */

/* All borrowed from the input. */
struct nitro_doc {
    struct cose_sign1 cose;
    struct bytes module_id;                /* "i-0827e799ec9232d44-enc019b5640fdf630d6" */
    uint64_t timestamp_ms;                 /* since 1970, UTC */
    struct bytes pcr[NITRO_PCRS];          /* n == 0: not in the document */
    struct bytes certificate;              /* DER of the leaf */
    struct bytes bundle[NITRO_BUNDLE_MAX]; /* DER, the root first, the leaf's issuer last */
    unsigned bundle_n;
    struct bytes public_key, user_data, nonce; /* p == NULL: null or not there */
};

/* padded: zeros may follow the document. */
NODISCARD bool nitro_doc_parse(struct bytes in, bool padded, struct nitro_doc *out, struct err *e);

#endif
