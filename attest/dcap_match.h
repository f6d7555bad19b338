/* dcap_match.h - which TCB level a platform is at, and what that makes its status.
 *
 * As Intel's quote verification library does it (TcbLevelCheck, TdxModuleCheck, TDRelaunchCheck):
 * the first level, in the document's order, that the PCK certificate's SVNs reach, and for TDX also
 * the SVNs of the report; the TDX module and the quoting enclave by their own levels; then one
 * status out of the three, the union of their advisories, and the oldest of their dates.
 *
 * Reasons: "dcap.tcb-no-match" (no level: never a status), "dcap.module-unknown",
 * "dcap.module-mismatch", "dcap.module-no-match", "dcap.qe-mismatch", "dcap.qe-no-match",
 * "dcap.fmspc-mismatch", "dcap.pceid-mismatch". */
#ifndef ATTEST_DCAP_MATCH_H
#define ATTEST_DCAP_MATCH_H

#include "attest/dcap_collateral.h"
#include "attest/dcap_pck.h"
#include "attest/dcap_quote.h"

struct dcap_match {
    const struct dcap_level *sgx;        /* level by the certificate's SVNs alone */
    const struct dcap_level *platform;   /* and by the report's, for TDX; sgx for SGX */
    const struct dcap_svn_level *module; /* NULL: SGX, or a module without a major version */
    const struct dcap_svn_level *qe;
    enum dcap_status status; /* of all of them */
    int64_t date_s;
    bool relaunch; /* status is one of the two that advise a relaunch */
};

/* Everything in *out points into t and i. */
NODISCARD bool dcap_match(const struct dcap_quote *q, const struct dcap_pck *pck,
                          const struct dcap_tcb_info *t, const struct dcap_identity *i,
                          struct dcap_match *out, struct err *e);

/* The status that a platform of that status has with a component (module or quoting enclave) of
 * this one. */
enum dcap_status dcap_converge(enum dcap_status platform, enum dcap_status component);

#endif
