/* endorsement_check.h - is a vendor's file genuine, without any evidence that it belongs to?
 *
 * For what keeps collateral: nothing is stored before it is verified. The authorities stand in the
 * same input, by the names that evidence_verify() knows: a VCEK wants ask.der and ark.der, TCB Info
 * its tcb_signing_chain.pem, a PCK CRL the pck_chain.pem of any platform of that authority.
 *
 * Certificates have to be valid at now_s. Lists and tables may be past their date, which `until_s`
 * tells: an old list still revokes what it lists.
 *
 * Reasons: those of evidence.h, snp_check.h, dcap_chain.h, dcap_collateral.h; "endorsement.unknown"
 * (not recognised), "endorsement.not-kept" (chains of single platforms; CPAKs, which nobody signs).
 */
#ifndef ATTEST_ENDORSEMENT_CHECK_H
#define ATTEST_ENDORSEMENT_CHECK_H

#include "attest/endorsement.h"
#include "attest/evidence.h"

#define ENDORSEMENT_KEY 240

struct endorsement_proof {
    struct endorsement what;
    const struct anchor *anchor; /* what it ends in */
    /* What it is of, with "simulated/" before it where its root is: "amd/snp/Milan/ark",
     * "amd/snp/Milan/vcek/<chip hex>/<REPORTED_TCB hex>", "intel/tcb-info/tdx/50806f000000",
     * "intel/qe-identity/tdx", "intel/tcb-signing-chain", "intel/pck-crl/platform",
     * "intel/root-ca-crl". Two genuine files of one key are two issues of one thing. */
    char key[ENDORSEMENT_KEY];
};

/* Verifies the file of that kind that stands in `in`. o: now_s, allow_simulated, anchors, cache. */
NODISCARD bool endorsement_check(const struct evidence_input *in, const struct evidence_options *o,
                                 enum endorsement_kind kind, struct endorsement_proof *out,
                                 struct err *e);

/* True when a goes before b of the same key: by number, then by the time of issue. */
bool endorsement_newer(const struct endorsement *a, const struct endorsement *b);

/* The keys of what an SNP report wants, for lookups: its chip's certificate at its REPORTED_TCB, in
 * certificates of that line. False: the line has no such key. */
void endorsement_vcek_key(const char *product, bool simulated, struct bytes chip_id,
                          struct bytes reported_tcb, char out[ENDORSEMENT_KEY]);

#endif
