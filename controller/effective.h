/* effective.h - what holds now: all policies, advisories and exceptions of the cluster compiled
 * once, from which each workload's rules are made; and what time changes about them. What holds is
 * computed from the stored objects and the time, never remembered: after a restart it is the same.
 */
#ifndef CONTROLLER_EFFECTIVE_H
#define CONTROLLER_EFFECTIVE_H

#include "config/convert_revocation.h"
#include "controller/policy_state.h"
#include "scheduler/policy.h"

struct effective {
    struct arena arena;
    struct policy *policies;
    size_t policies_n;
    struct exception *exceptions;
    size_t exceptions_n;
    struct selector_advisory *advisories;
    size_t advisories_n;
    struct revocation *revocations; /* those in force: neither proposed nor lifted */
    size_t revocations_n;
    struct rule_list cluster; /* all their rules, one after another: policy_rules.rules.cluster */
    uint32_t *cluster_of;     /* of each of these rules: which revocation's it is */
    int64_t next_s; /* wall clock: when the next floor or exception changes; POLICY_NEVER */
};

/* Compiles the state's trust objects, those of `over` (by kind and name) in place of the state's:
 * for checking, and for thinking about what is not applied. The messages outlive *out. */
NODISCARD bool effective_build(const struct state *st, Bailey__V1__Object *const *over, size_t n,
                               struct effective *out, struct err *e);
void effective_fini(struct effective *ef);

/* What every workload refuses, policy or not, and only an Exception passes that names it:
 * `passes: {policy: built-in, rule: tcb-revoked}`. No TrustPolicy may have this name. */
#define BUILT_IN_POLICY "built-in"
#define BUILT_IN_TCB "tcb-revoked"

const struct policy *effective_policy(const struct effective *ef, const char *name);

/* Builds state.effective anew after a change of trust objects, and every workload's rules; raises
 * the policy revision and looks at all keeps again. The objects were checked before. */
void effective_changed(struct state *st);

/* The same when the state was loaded: no revision is raised. */
NODISCARD bool effective_load(struct state *st, struct err *e);

/* Moves stored stages and phases to what they are at this time, with an event for each step, and
 * says in effective.next_s when to call it again. */
void effective_tick(struct state *st);

/* The rules of a workload whose own rules are compiled, as of now and under ef. */
NODISCARD bool workload_rules(const struct state *st, const struct effective *ef,
                              struct workload *w, struct err *e);
/* As of another moment. */
NODISCARD bool workload_rules_at(const struct state *st, const struct effective *ef,
                                 struct workload *w, int64_t now_s, struct err *e);

#endif
