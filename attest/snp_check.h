/* snp_check.h - is an SEV-SNP report genuine, and what does it prove?
 *
 * In this order: shape; host-requested reports; the binding to REPORT_DATA; the chain
 * ARK -> ASK -> VCEK or ARK -> ASVK -> VLEK to a pinned ARK; revocation; the report's signature;
 * that the leaf is of this chip, TCB and product; debug policy.
 *
 * Reasons beside those of evidence.h and snp_report.h: "snp.host-requested", "snp.debug",
 * "snp.unsigned", "snp.signing-key", "snp.signature", "snp.signature-range", "snp.leaf-key",
 * "snp.extension", "snp.product-mismatch", "snp.tcb-reserved", "snp.tcb-mismatch",
 * "snp.chip-id-mismatch", "snp.ask-revoked". */
#ifndef ATTEST_SNP_CHECK_H
#define ATTEST_SNP_CHECK_H

#include "attest/evidence.h"

bool snp_sniff(struct bytes evidence);
NODISCARD bool snp_check(const struct evidence_input *in, const struct evidence_options *o,
                         struct facts *out, struct err *e);

#endif
