/* nitro_check.h - an AWS Nitro attestation document judged: signature, chain to AWS's root, times,
 * binding, debug mode.
 *
 * Everything that is needed stands in the document; no files. The bundle's first certificate has to
 * be, byte for byte, the pinned root; each one below is signed by the one above (ECDSA with
 * SHA-384, P-384), valid now, a CA that may sign certificates, with as many CAs below it as its
 * path length allows; the leaf is no CA and may sign. Leaves live three hours, so evidence is
 * judged by the time at which it arrived. AWS publishes no revocation list: that revocation was not
 * checked is a finding.
 *
 * Binding: the 64 bytes of evidence_options.report_data stand in user_data, alone. A document has
 * room for a nonce and a public key, too; Bailey's 64 bytes are a digest over nonce, node, boot and
 * key already (binding.h), and one field for all technologies leaves nothing to mix up. What stands
 * in nonce and public_key is not looked at.
 *
 * Facts: the platform is the parent instance that module_id names; the measurement is PCR0; no
 * generation and no firmware, since a document says nothing of either.
 *
 * Reasons: those of nitro_doc.h; nitro.timestamp (in the future, or before the leaf), nitro.debug
 * (PCR0 is zero), nitro.module-id (not the leaf's), cert.*, anchor.unknown, evidence.simulated,
 * evidence.report-data, cose.signature. */
#ifndef ATTEST_NITRO_CHECK_H
#define ATTEST_NITRO_CHECK_H

#include "attest/evidence.h"

bool nitro_sniff(struct bytes evidence);
NODISCARD bool nitro_check(const struct evidence_input *in, const struct evidence_options *o,
                           struct facts *out, struct err *e);

#endif
