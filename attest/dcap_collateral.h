/* dcap_collateral.h - Intel's signed statements about platforms and quoting
 * enclaves: TCB Info and enclave identity (Intel PCS API v4, "Get TCB Info" and
 * "Get Quoting Enclave Identity").
 *
 * A document is {"tcbInfo": {...}, "signature": "..."}: the signature is over
 * the bytes of the inner object as they stand, so they are cut out, verified,
 * and only then read. Sizes are bounded by those of files; no number in a
 * document makes anything grow.
 *
 * Reasons: "dcap.collateral-malformed", "dcap.collateral-signature",
 * "dcap.collateral-validity" (issueDate, nextUpdate), "dcap.collateral-kind"
 * (id, version, tcbType), "dcap.collateral-floor" (tcbEvaluationDataNumber
 * below what is asked for). */
#ifndef ATTEST_DCAP_COLLATERAL_H
#define ATTEST_DCAP_COLLATERAL_H

#include "attest/dcap_chain.h"
#include "attest/dcap_quote.h"
#include "attest/evidence.h"

#define DCAP_LEVELS 64         /* of a platform; Intel's tables have under 25 */
#define DCAP_SVN_LEVELS 24     /* of a TDX module or quoting enclave */
#define DCAP_MODULES 16        /* TDX module identities */
#define DCAP_ADVISORIES_MAX 48 /* of one level */

enum dcap_status {
    DCAP_STATUS_NONE = 0, /* no level matches: never a status of a platform */
    DCAP_UP_TO_DATE,
    DCAP_SW_HARDENING_NEEDED,
    DCAP_CONFIGURATION_NEEDED,
    DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    DCAP_OUT_OF_DATE,
    DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED,
    DCAP_REVOKED,
    DCAP_TD_RELAUNCH_ADVISED, /* the last two are derived, never in a document */
    DCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    DCAP_STATUSES
};

/* "OutOfDateConfigurationNeeded": Intel's word. */
const char *dcap_status_name(enum dcap_status s);

struct json_value;

struct dcap_advisories {
    const struct json_value *list; /* of texts; NULL: none named */
};

/* The texts of *a; each is shorter than FACT_WORD. */
unsigned dcap_advisories_count(struct dcap_advisories a);
const char *dcap_advisory(struct dcap_advisories a, unsigned i);

struct dcap_level {
    uint8_t sgx[16], tdx[16];
    uint16_t pcesvn;
    enum dcap_status status;
    int64_t date_s;
    struct dcap_advisories advisories;
};

struct dcap_svn_level {
    uint16_t isvsvn;
    enum dcap_status status; /* UpToDate, OutOfDate or Revoked */
    int64_t date_s;
    struct dcap_advisories advisories;
};

/* Which TDX module: mrsigner, and attributes under their mask. */
struct dcap_module {
    uint8_t version; /* 3 for "TDX_03"; 0 for tdxModule, of modules without a
                        major version */
    uint8_t mrsigner[48], attributes[8], mask[8];
    unsigned levels_n;
    struct dcap_svn_level level[DCAP_SVN_LEVELS];
};

/* What both kinds of document say of themselves. */
struct dcap_document {
    int64_t issued_s, next_update_s;
    uint32_t evaluation; /* tcbEvaluationDataNumber */
    unsigned references; /* of those that dcap_*_open() gave out or a cache keeps */
};

struct dcap_tcb_info {
    struct dcap_document document;
    unsigned version; /* 2 or 3 */
    uint8_t fmspc[6], pceid[2];
    unsigned levels_n;
    struct dcap_level level[DCAP_LEVELS]; /* in the document's order: best first */
    bool has_module;
    struct dcap_module module; /* tdxModule */
    unsigned modules_n;
    struct dcap_module identity[DCAP_MODULES]; /* tdxModuleIdentities */
    struct json_value *json;                   /* owned: the advisories point into it */
};

/* The identity of a quoting enclave. */
struct dcap_identity {
    struct dcap_document document;
    uint8_t miscselect[4], miscselect_mask[4];
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t isvprodid;
    unsigned levels_n;
    struct dcap_svn_level level[DCAP_SVN_LEVELS];
    struct json_value *json; /* owned */
};

/* Verify and read one document for a technology, by the key of a signing
 * certificate whose chain has been checked; with a cache, a document that was
 * verified and read before is neither again. name is the file's. *out is the
 * caller's to dcap_*_release(), on true only; *stale: it is past its next
 * update, which only the lenient accept. */
NODISCARD bool dcap_tcb_info_open(struct bytes text, enum dcap_tee tee, struct cert *signing,
                                  const struct evidence_options *o, const char *name,
                                  struct dcap_tcb_info **out, bool *stale, struct err *e);
NODISCARD bool dcap_identity_open(struct bytes text, enum dcap_tee tee, struct cert *signing,
                                  const struct evidence_options *o, const char *name,
                                  struct dcap_identity **out, bool *stale, struct err *e);
void dcap_tcb_info_release(struct dcap_tcb_info *t); /* NULL is fine */
void dcap_identity_release(struct dcap_identity *i);

/* The parts of that, for what only stores documents: the exact bytes of the
 * member `key` and the signature; and reading such bytes without judging them
 * by a time or a signature, into memory of the caller's, whose to fini it is on
 * true. */
NODISCARD bool dcap_document_cut(struct bytes text, const char *key, const char *name,
                                 struct bytes *inner, uint8_t signature[64], struct err *e);
NODISCARD bool dcap_tcb_info_read(struct bytes inner, enum dcap_tee tee, const char *name,
                                  struct dcap_tcb_info *out, struct err *e);
NODISCARD bool dcap_identity_read(struct bytes inner, enum dcap_tee tee, const char *name,
                                  struct dcap_identity *out, struct err *e);
void dcap_tcb_info_fini(struct dcap_tcb_info *t);
void dcap_identity_fini(struct dcap_identity *i);

#endif
