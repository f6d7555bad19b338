/* rules.h - rules about platforms and their verdict. Order of power: cluster-wide refusal
 * (revocation) > refuse > accept > hold. policy.h makes them out of policies, floors, exceptions
 * and a workload's own rules. */
#ifndef SCHEDULER_RULES_H
#define SCHEDULER_RULES_H

#include "scheduler/selector.h"

/* A selector and where it stands: "spec.trust.refuse[0]", "revocation milan-2026-05". */
struct rule {
    struct selector selector;
    const char *name; /* borrowed */
};

/* Borrowed rules with a fingerprint of their content, by which admissibility is remembered. Seal a
 * list after filling it and do not change it afterwards. An unsealed one is right but slow. */
struct rule_list {
    const struct rule *v;
    size_t n;
    uint64_t print[2]; /* 0, 0: not sealed */
};
void rule_list_seal(struct rule_list *l);

struct rules {
    struct rule_list cluster; /* revocations and cluster-wide refusals: any one refuses */
    struct rule_list refuse;  /* the workload's: any one refuses */
    struct rule_list accept;  /* any one admits; n == 0: every verified platform */
    struct rule_list hold;    /* any one: no new keeps; those that are there may stay */
    const struct rule_list
        *demands; /* accept lists of policies: each must admit, too; none empty */
    size_t demands_n;
    int64_t max_evidence_age_ms; /* older evidence admits nothing new; 0: any age */
    enum simulated simulated;
};

enum verdict {
    VERDICT_ADMITTED,
    VERDICT_REVOKED,      /* a rule of the cluster matched */
    VERDICT_REFUSED,      /* a refuse rule of the workload matched */
    VERDICT_NOT_ACCEPTED, /* no accept rule of one list matched; rule is NULL */
    VERDICT_UNVERIFIED, /* there is no verified evidence, or only simulated where it does not count
                         */
    VERDICT_HELD,       /* admitted but for a floor: keeps that are there may stay */
    VERDICTS
};

struct judgement {
    enum verdict verdict;
    const struct rule *rule; /* the deciding one; NULL: none is (see above) */
    enum truth truth;        /* of that rule: UNKNOWN refused because the evidence does not say */
};

/* facts NULL: nothing was verified. Evidence age is not judged here: it depends on the node. */
struct judgement rules_judge(const struct rules *r, const struct facts *facts);

/* True where keeps that are there may stay: admitted or held. */
static inline bool verdict_tolerates(enum verdict v)
{
    return v == VERDICT_ADMITTED || v == VERDICT_HELD;
}

/* Every list of the rules, for those who look at all rules: i from 0 to rules_lists() - 1. */
size_t rules_lists(const struct rules *r);
const struct rule_list *rules_list(const struct rules *r, size_t i);

/* One list alone, for revocations: the first rule that refuses, or NULL; *truth may be NULL. */
const struct rule *rules_refusing(const struct rule_list *l, const struct facts *facts,
                                  enum simulated simulated, enum truth *truth);

const char *
verdict_name(enum verdict v); /* "admitted", "revoked", "refused", "not-accepted", ... */

#endif
