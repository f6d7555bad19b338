/* dcap_check.h - is an Intel quote genuine, and what does it prove?
 *
 * In this order: shape; the binding to REPORTDATA; the PCK certificate's chain to a pinned root;
 * revocation; the PCK's SGX extensions; the quoting enclave's report by the PCK; the attestation
 * key by that report; the quote by the attestation key; collateral by its own chain to the same
 * root; TCB levels, TDX module, quoting enclave identity; what the report itself rules out; debug.
 *
 * With o->signatures_only collateral is left out: TCB status, its date and advisories stay unknown,
 * and nothing proves that the quoting enclave is Intel's but that a PCK certified it.
 *
 * Reasons beside those of evidence.h, dcap_quote.h, dcap_chain.h, dcap_pck.h, dcap_collateral.h and
 * dcap_match.h: "dcap.qe-signature", "dcap.qe-binding", "dcap.attestation-key" (no point of the
 * curve), "dcap.signature", "dcap.signature-range", "dcap.certification-mismatch" (the quote's own
 * certification data is of another PCK), "dcap.collateral-missing", "dcap.advisories" (more than
 * facts can hold), "dcap.debug", "tdx.reserved-bits", "tdx.seam-attributes", "tdx.seam-signer",
 * "sgx.not-initialized". */
#ifndef ATTEST_DCAP_CHECK_H
#define ATTEST_DCAP_CHECK_H

#include "attest/evidence.h"

bool tdx_sniff(struct bytes evidence);
bool sgx_sniff(struct bytes evidence);

/* Either of both. */
NODISCARD bool dcap_check(const struct evidence_input *in, const struct evidence_options *o,
                          struct facts *out, struct err *e);

#endif
