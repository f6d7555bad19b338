/* policy.h - policies, floors with a date, exceptions and advisories, made into the rules that hold
 * for one workload at one moment.
 *
 * Order of power: revocation > refuse > accept. Policies only narrow: every policy that applies and
 * the workload's own rules must admit. An exception passes a policy's refusal or a named
 * revocation, never an accept list and never a failed verification; only for its workload, on
 * platforms that surely are its own, until its end. Time is a parameter everywhere: what holds is
 * computed, never remembered. */
#ifndef SCHEDULER_POLICY_H
#define SCHEDULER_POLICY_H

#include "scheduler/rules.h"

#define POLICY_NEVER INT64_MAX

/* Until enforce_from_s a platform below the minimum is warned about; from then on it takes no new
 * keeps; from move_from_s on its keeps are moved away. What evidence does not prove is below. */
enum floor_stage { FLOOR_WARNS, FLOOR_HOLDS, FLOOR_REFUSES };

struct floor {
    const char *name; /* "" for none: "floors[0]" names it */
    struct selector platforms, minimum;
    int64_t enforce_from_s, move_from_s; /* wall clock; never the other way round */
    const char *because;
};
enum floor_stage floor_stage(const struct floor *f, int64_t now_s);
const char *floor_stage_name(enum floor_stage s); /* "warns", "holds", "refuses" */

struct policy {
    const char *name;
    bool cluster_default;
    const struct selector *accept, *refuse;
    size_t accept_n, refuse_n;
    const struct floor *floors;
    size_t floors_n;
};

struct exception {
    const char *name, *namespace, *workload;
    const char *policy, *rule;        /* rule "": each of the policy's refusals and floors */
    const char *revocation;           /* "" where it passes a policy */
    const struct selector *platforms; /* any of these, and surely */
    size_t platforms_n;
    int64_t until_s; /* holds before this moment */
    const char *who, *why;
};

/* What there is, and whom it is for. Everything is borrowed and outlives the compiled rules. */
struct policy_input {
    const char *namespace, *workload;
    const struct policy *policies; /* all of the cluster */
    size_t policies_n;
    const char *const *references; /* policies that the workload names */
    size_t references_n;
    const struct exception *exceptions; /* all of the cluster */
    size_t exceptions_n;
    const struct selector_advisory *advisories;
    size_t advisories_n;
    struct rule_list revocations;    /* named "revocation NAME" */
    struct rule_list refuse, accept; /* the workload's own */
    int64_t max_evidence_age_ms;
    enum simulated simulated;
    int64_t now_s;
};

struct policy_rules {
    struct rules rules;    /* for placing and for judging keeps that are there; sealed */
    struct rule_list warn; /* floors that will refuse what these match */
    /* When a floor or an exception changes what holds: compile again then. POLICY_NEVER: not. */
    int64_t next_change_s;
    size_t exceptions_n; /* exceptions of this workload that hold now */
};

/* The rules of in->workload at in->now_s, in memory of `a`. A reference to a policy that does not
 * exist becomes a rule that refuses everything. ERR_LIMIT when the arena is full. */
NODISCARD bool policy_compile(const struct policy_input *in, struct arena *a,
                              struct policy_rules *out, struct err *e);

struct policy_judgement {
    struct judgement judgement; /* with the deciding rule */
    const struct rule *warning; /* a floor that will refuse this platform; NULL: none */
    const char *exception;      /* the exception without which it were refused; NULL: none */
};
struct policy_judgement policy_judge(const struct policy_rules *p, const struct facts *facts);

/* A test's verdict in a word: "admitted", "warned", "held", "refused". */
const char *policy_word(const struct policy_judgement *j);
/* Whether what a test expects is what was judged: "admitted" covers warned, "refused" held. */
bool policy_expected(const struct policy_judgement *j, const char *expected);

#endif
