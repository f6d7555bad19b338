/* attest.h - what hardware signs, and what that proves. This header only gathers the others; read
 * it as the table of contents of the field.
 *
 * EVIDENCE is a statement by a machine's hardware about itself and about the guest that asked for
 * it, signed by a key that only such hardware has. It answers: who made the processor, which one is
 * it, what firmware and microcode does it run, how is the guest set up, and which 64 bytes did the
 * guest want to have signed with all that (BINDING: they tie the statement to one challenge and one
 * key, so that an old one, or another machine's, is worth nothing).
 *
 *   technology   vendor  evidence                      signed by                 ends in
 *   sev-snp      AMD     report of 1184 bytes, v2-v5   VCEK (of the chip and     ARK of the line,
 *                                                      TCB) or VLEK (a cloud's)  by ASK or ASVK
 *   tdx, sgx     Intel   quote v3, v4, v5              attestation key, by the   Intel SGX Root CA,
 *                                                      quoting enclave, by PCK   by Platform CA
 *   cca          Arm     realm token in platform token RAK, by CPAK              an imported CPAK
 *   nitro        AWS     COSE document                 leaf of three hours       AWS root G1
 *
 * ENDORSEMENTS and COLLATERAL are what the vendor signs beside it: certificates of chips, lists of
 * revoked certificates, and (Intel) tables that say what a firmware level is worth. They come with
 * the evidence, from a cache, or from an operator; it makes no difference, since all of it is
 * verified. They age: each has a time until which a newer one should be there.
 *
 * TCB, the trusted computing base: the versions of everything that has to be right for the
 * signature to mean something. It is a vector, not a number: one TCB is at least another when every
 * component is. What counts is what the platform can be held to and cannot take back.
 *
 * VERIFICATION makes FACTS out of evidence: what is proven, by which field. It does not decide. A
 * refusal means that the evidence proves nothing (forged, broken, of another challenge, not rooted
 * in a pinned ANCHOR). What is true but unwelcome (old firmware, SMT, a guest open to debugging
 * where that was allowed to be looked at) is a fact or a FINDING, and for rules to judge. What
 * evidence leaves open is unknown, or a set of candidates; unknown helps nobody.
 *
 *   evidence_verify()      evidence.h          evidence to facts, or one precise refusal
 *   evidence_explain()     explain.h           every field: offset, value, meaning, who checks it
 *   struct facts           facts.h             what is proven
 *   binding_report_data()  binding.h           the 64 bytes
 *   endorsement_check()    endorsement_check.h is this file of a vendor genuine?
 *   struct evidence_cache  cache.h             what may be remembered between verifications
 *   struct anchor          anchors.h           pinned roots (config/catalog/anchors.yaml)
 *   struct platform        platforms.h         processor numbers to generations (platforms.yaml)
 *
 * Per technology: snp_*.h; dcap_*.h (Intel's quotes; TDX and SGX differ in the body); cca_*.h;
 * nitro_*.h. Beneath them cert.h and ecdsa.h (signatures), pem.h, cbor.h, cose.h (encodings).
 *
 * The room is pure: no clock, no files, no network, no threads; the same input gives the same
 * answer for ever. Input is bounded before it is parsed; no number inside of it makes anything
 * grow. */
#ifndef ATTEST_ATTEST_H
#define ATTEST_ATTEST_H

#include "attest/anchors.h"           /* IWYU pragma: export */
#include "attest/binding.h"           /* IWYU pragma: export */
#include "attest/cache.h"             /* IWYU pragma: export */
#include "attest/endorsement_check.h" /* IWYU pragma: export */
#include "attest/evidence.h"          /* IWYU pragma: export */
#include "attest/explain.h"           /* IWYU pragma: export */
#include "attest/facts.h"             /* IWYU pragma: export */
#include "attest/platforms.h"         /* IWYU pragma: export */

#endif
