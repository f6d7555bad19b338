/* cca_cpak.h - the key that signs a CCA platform's tokens (CPAK). Nobody certifies it in the token:
 * an operator gets it from the platform's maker and imports it.
 *
 * File "cpak_trust_anchor.json": one anchor, or an array of them, each {"pkey": JWK,
 * "implementation-id": hex, "instance-id": hex} (as Veraison writes them), or a JWK, or a JWK set
 * {"keys": [JWK]} (RFC 7517). File "cpak.pem" or "cpak.der": a SubjectPublicKeyInfo. An anchor that
 * names an implementation or an instance goes for that one only. Keys on P-256 and P-384.
 *
 * A file that came with evidence proves nothing by itself: the key has to be one of
 * evidence_options.anchors (kind "cca-cpak", the SHA-256 of its SubjectPublicKeyInfo), unless the
 * caller says that the files are its own (trust_files). Keys whose private half is public count as
 * simulated, also when an operator imported one; who only looks (trust_files with allow_debug) sees
 * them without allow_simulated, with facts so marked.
 * Reasons: cca.cpak (unreadable), evidence.file-missing, anchor.unknown, evidence.simulated. */
#ifndef ATTEST_CCA_CPAK_H
#define ATTEST_CCA_CPAK_H

#include "attest/cca_token.h"
#include "attest/ecdsa.h"
#include "attest/evidence.h"

#define CCA_CPAK_ENTRIES 256 /* of one file */

/* The key for the platform that the token names; *out is the caller's to ecdsa_key_free().
 * *simulated: everybody has its private half. */
NODISCARD bool cca_cpak_find(const struct evidence_input *in, const struct evidence_options *o,
                             const struct cca_platform *p, struct ecdsa_key **out, bool *simulated,
                             struct err *e);

/* Every anchor of a cpak_trust_anchor.json is sound, whichever platform it is for: what is imported
 * is read before it is kept. cca.cpak. */
NODISCARD bool cca_cpak_check(struct bytes text, struct err *e);

#endif
