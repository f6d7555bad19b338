/* convert_policy.h - TrustPolicy, Exception and Advisory messages to the scheduler's structs
 * (scheduler/policy.h). */
#ifndef CONFIG_CONVERT_POLICY_H
#define CONFIG_CONVERT_POLICY_H

#include "bailey/v1/policy.pb-c.h"
#include "base/arena.h"
#include "base/err.h"
#include "scheduler/policy.h"

#define FLOOR_GRACE_DEFAULT_S (7 * 86400) /* Floor.grace */

/* Everything is in memory of `a` or borrowed from the message, which outlives it; names come from
 * metadata. The messages are checked again: what is in a store may be older than the rules. On
 * false (ERR_INPUT, or ERR_LIMIT when the arena is full) *out is untouched and e->field is the path
 * in the object ("spec.refuse[0].vendor"). */
NODISCARD bool policy_from_message(const Bailey__V1__TrustPolicy *m, struct arena *a,
                                   struct policy *out, struct err *e);
NODISCARD bool exception_from_message(const Bailey__V1__Exception *m, struct arena *a,
                                      struct exception *out, struct err *e);
NODISCARD bool advisory_from_message(const Bailey__V1__Advisory *m, struct arena *a,
                                     struct selector_advisory *out, struct err *e);

/* The facts of a policy's test, as hardware evidence would prove them. */
NODISCARD bool platform_facts(const Bailey__V1__PlatformFacts *m, struct facts *out, struct err *e);

#endif
