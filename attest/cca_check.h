/* cca_check.h - an Arm CCA token judged: the platform token by its CPAK (cca_cpak.h), the realm
 * token by its RAK, and that the platform vouches for this RAK: its challenge is the hash of the
 * RAK as the realm token carries it. RAKs are P-384: an uncompressed point of 97 bytes, or, where
 * the realm token names the profile of 2023, a COSE_Key.
 *
 * Binding: the 64 bytes of evidence_options.report_data are the realm's challenge. A token has no
 * time: the challenge alone makes it fresh.
 *
 * Facts: the platform is the instance id; the measurement is the realm's initial one; the firmware
 * is the version of the component RMM where the token states one in numbers; the generation is
 * unknown, since no implementation id has been published for a processor. FINDING_DEBUG goes by the
 * platform's life cycle: secured (0x3000 to 0x30ff) or one of the debug states.
 *
 * Reasons: those of cca_token.h and cca_cpak.h; cca.rak (no P-384
 * key, or another form than the profile's), cca.rak-binding, cca.lifecycle (not secured),
 * cca.debug, cose.signature, evidence.report-data. */
#ifndef ATTEST_CCA_CHECK_H
#define ATTEST_CCA_CHECK_H

#include "attest/evidence.h"

bool cca_sniff(struct bytes evidence);
NODISCARD bool cca_check(const struct evidence_input *in, const struct evidence_options *o,
                         struct facts *out, struct err *e);

#endif
