/* dcap_case.h - everything that one check of a quote gathers on its way. Inside of dcap_*.c. */
#ifndef ATTEST_DCAP_CASE_H
#define ATTEST_DCAP_CASE_H

#include "attest/dcap_chain.h"
#include "attest/dcap_collateral.h"
#include "attest/dcap_match.h"
#include "attest/dcap_pck.h"
#include "attest/dcap_quote.h"

struct dcap_case {
    const struct evidence_input *in;
    const struct evidence_options *o;
    struct dcap_quote quote;
    struct dcap_chain chain;
    struct dcap_revocation revocation;
    struct dcap_pck pck;
    bool judged; /* the four below hold */
    struct dcap_chain signing;
    struct dcap_tcb_info *tcb_info; /* references of our own */
    struct dcap_identity *identity;
    struct dcap_match match;
    bool stale[2]; /* TCB info and identity, leniently accepted */
};

/* What the case proves, once every check is passed. */
NODISCARD bool dcap_facts_fill(const struct dcap_case *c, struct facts *out, struct err *e);

#endif
