/* snp_chain.h - from a VCEK or VLEK to AMD: ARK -> ASK -> VCEK, or ARK -> ASVK -> VLEK, the ARK
 * pinned.
 *
 * Apart from reports, so that an endorsement can be judged before there is a report for it: when an
 * operator imports it, and when a cache keeps it. The shape is exact, every certificate by its name
 * and place (the leaves have serial number 0 and no key usage: generic chain building refuses
 * them). A list of revoked certificates (ark_crl.der) covers the ASK and ASVK; AMD revokes no
 * chips. */
#ifndef ATTEST_SNP_CHAIN_H
#define ATTEST_SNP_CHAIN_H

#include "attest/cert.h"
#include "attest/evidence.h"
#include "attest/snp_leaf.h"

struct snp_chain {
    bool vlek;
    const char *leaf_name, *ca_name; /* the files' names */
    const struct anchor *anchor;
    const struct snp_layout *layout;
    struct snp_leaf leaf;
    bool crl_seen, crl_stale;
    struct cert *ark, *ca, *key; /* owned */
};

/* The files of `in` by their names; in->evidence is not looked at. o->anchors is set. False: *c
 * holds what was found until then, for snp_chain_fini(). */
NODISCARD bool snp_chain_check(const struct evidence_input *in, const struct evidence_options *o,
                               bool vlek, struct snp_chain *c, struct err *e);

/* Reads what the leaf certifies, and that its product is its root's. */
NODISCARD bool snp_chain_leaf(struct snp_chain *c, const struct evidence_options *o, struct err *e);

void snp_chain_fini(struct snp_chain *c);

#endif
