/* dcap_chain.h - the certificate chains of Intel's attestation: PCK certificates and the signing
 * certificate of collateral, to a pinned root, and their revocation lists.
 *
 * Profile: "Intel SGX PCK Certificate and Certificate Revocation List Profile Specification". Every
 * key is on P-256, every signature ECDSA with SHA-256. The root is known by its key, since Intel
 * issued two certificates of one key; its own signature is checked, so that nothing else of it can
 * be changed.
 *
 * Reasons beside those of evidence.h: "dcap.pck-revoked", "dcap.ca-revoked",
 * "dcap.signing-revoked", "dcap.certificate-key" (not on P-256). */
#ifndef ATTEST_DCAP_CHAIN_H
#define ATTEST_DCAP_CHAIN_H

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/evidence.h"

#define DCAP_CHAIN_MAX 16384 /* bytes of PEM; Intel's have under 4000 */

struct dcap_chain {
    struct cert *leaf, *root; /* owned */
    struct cert *ca;          /* owned; NULL in the chain of a signing certificate */
    const struct anchor *anchor;
    char name[3][48]; /* of leaf, ca, root for messages: "pck_chain.pem[0]" */
};

void dcap_chain_fini(struct dcap_chain *c); /* fine on a zeroed one */

/* PEM of exactly PCK certificate, Platform or Processor CA, root. source names it in messages. */
NODISCARD bool dcap_chain_pck(struct bytes pem, const char *source,
                              const struct evidence_options *o, struct dcap_chain *out,
                              struct err *e);

/* PEM of exactly the TCB signing certificate and the root, which must be of the same key as that of
 * `beside`, the PCK's chain, where one is given. */
NODISCARD bool dcap_chain_signing(struct bytes pem, const char *source,
                                  const struct dcap_chain *beside, const struct evidence_options *o,
                                  struct dcap_chain *out, struct err *e);

/* "processor" or "platform": which of Intel's CAs issued the PCK certificate. */
const char *dcap_chain_ca(const struct dcap_chain *pck);

/* What revocation lists said, and whether they were there. */
struct dcap_revocation {
    struct crl *pck, *root; /* owned; NULL: not given */
    bool stale;             /* one is past its next update, leniently accepted */
};

void dcap_revocation_fini(struct dcap_revocation *r);

/* Reads pck_crl.der and root_ca_crl.der, where they are given, and checks both against the chain:
 * the PCK certificate by its CA's list, the CA by the root's. A list that names another key of an
 * authority with the same name counts as not given. */
NODISCARD bool dcap_revocation_check(const struct evidence_input *in,
                                     const struct evidence_options *o, const struct dcap_chain *pck,
                                     struct dcap_revocation *out, struct err *e);

/* The signing certificate by the root's list. */
NODISCARD bool dcap_revocation_check_signing(const struct dcap_revocation *r,
                                             const struct dcap_chain *signing, struct err *e);

#define AUTO_DCAP_CHAIN __attribute__((cleanup(dcap_chain_fini)))

#endif
