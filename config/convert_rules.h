/* convert_rules.h - trust rules as messages to the scheduler's structs. */
#ifndef CONFIG_CONVERT_RULES_H
#define CONFIG_CONVERT_RULES_H

#include "bailey/v1/selector.pb-c.h"
#include "bailey/v1/workload.pb-c.h"
#include "base/arena.h"
#include "base/err.h"
#include "scheduler/selector.h"

#define EVIDENCE_AGE_DEFAULT_MS 3600000

/* The selector in memory of `a`; borrows the message's texts. Aliases become the catalog's words.
 * On false e->field is the path inside the selector. An empty selector is refused. */
NODISCARD bool selector_from_message(const Bailey__V1__Selector *m, struct arena *a,
                                     struct selector *out, struct err *e);

/* A workload's trust rules, in memory of an arena. */
struct trust_rules {
    struct selector *accept, *refuse;
    size_t accept_n, refuse_n; /* accept_n 0: any platform whose hardware evidence was verified */
    int64_t max_evidence_age_ms;
};

/* m may be NULL: no rules of its own, evidence at most EVIDENCE_AGE_DEFAULT_MS old. */
NODISCARD bool trust_from_message(const Bailey__V1__Trust *m, struct arena *a,
                                  struct trust_rules *out, struct err *e);

#endif
