/* policy_test.h - the tests that a TrustPolicy carries (spec.expect): what the policy alone says
 * about platforms with given facts. `bailey policy test` runs them, and so can whoever stores one.
 */
#ifndef CONFIG_POLICY_TEST_H
#define CONFIG_POLICY_TEST_H

#include "config/convert_policy.h"

struct policy_test_result {
    const char *name;     /* the test's own; "" for none */
    const char *expected; /* "refused" */
    const char *got;      /* "admitted", "warned", "held", "refused" */
    const char *rule;     /* what decided: "policy production refuse[0]"; "" when no rule did */
    const char *because;  /* of that rule; "" for none */
    const char *wanted_because; /* what the test wants to read there; "" for anything */
    bool passed;
};

/* Runs every test, in memory of `a`. advisories: those that rules may name; now_s: the moment of
 * tests without `at`. False (ERR_INPUT, field "spec.expect[1].platform.firmware") when the policy
 * or a test is malformed; a test that fails is not an error. */
NODISCARD bool policy_test(const Bailey__V1__TrustPolicy *m,
                           const struct selector_advisory *advisories, size_t advisories_n,
                           int64_t now_s, struct arena *a, struct policy_test_result **out,
                           size_t *n, struct err *e);

#endif
