/* why.h - the explanation of a placement or a refusal as plain data, shaped like the proto's
 * Explanation. Everything is owned by the arena. */
#ifndef SCHEDULER_WHY_H
#define SCHEDULER_WHY_H

#include "base/arena.h"
#include "scheduler/place.h"

struct why_rule {
    const char *rule;   /* "spec.trust.refuse[0]", "evidence", "capacity" */
    const char *effect; /* accept, refuse, require */
    enum truth outcome;
    bool decides;
    const struct condition *conditions;
    size_t conditions_n;
    const char *because; /* "" when none */
};

struct why_node {
    const char *node;
    bool eligible;  /* a keep could be placed there now */
    uint32_t keeps; /* of this workload */
    const struct why_rule *rules;
    size_t rules_n;
    enum obstacle first;
    const char *obstacle; /* in words; "" when eligible */
};

struct why_class {
    const char *facts; /* one line */
    const char *age;   /* of its nodes' evidence: "3m", "3m to 2h"; "" where there is none */
    bool admitted;
    enum verdict verdict;
    const struct why_rule *rules;
    size_t rules_n;
    const struct why_node *nodes;
    size_t nodes_n;
    uint32_t node_count; /* in all, where nodes was cut */
};

struct why_near_miss {
    uint32_t nodes;
    const char *fact, *seen, *wanted; /* "tcb.microcode", "0x48", ">=0x54" */
    const char *text;
};

struct why {
    const char *workload;
    uint32_t wanted, placed, pending;
    const char *summary;
    const struct why_class *classes; /* largest first */
    size_t classes_n;
    const struct why_near_miss *near_misses; /* most nodes first */
    size_t near_misses_n;
};

struct why_options {
    uint32_t wanted;       /* replicas; those in the fleet and not ending are the placed ones */
    size_t nodes_limit;    /* most nodes shown per class; 0: 100 */
    const char *only_node; /* explain this node only; NULL: all */
};

/* ERR_LIMIT when the arena is full; ERR_MISSING for an unknown only_node; errors of place(). */
NODISCARD bool why_explain(struct fleet *f, const struct demand *d, int64_t now_ms,
                           const struct why_options *o, struct arena *a, struct why *out,
                           struct err *e);

#endif
