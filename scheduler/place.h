/* place.h - choosing nodes for keeps. Deterministic: the same fleet, demand and time give the same
 * decisions. Never overcommits, never breaks a rule; when no node is found there is none. Keeps
 * that have a place are never moved by it. */
#ifndef SCHEDULER_PLACE_H
#define SCHEDULER_PLACE_H

#include "scheduler/fleet.h"
#include "scheduler/rules.h"

/* Keeps of one workload over the values of one property. Either or both of:
 *  max_skew: placing one more on a value must leave that value at most max_skew above the least
 * used value. The values that count are those of the nodes that the rules and labels admit and that
 *    are connected, not cordoned and eligible, with or without room.
 *  max_share: no value may have more than this share of the demand's replicas, rounded down, but
 * one is always allowed. A node whose value is unknown takes none; a set of candidates is a value
 * of its own. Over "advisory" a node has all advisories that affect it as values, and none is fine;
 * only shares make sense there, and a node of which they are unknown counts as affected by every
 * one. */
struct spread {
    const char *over;   /* "node", "vendor", "generation", "advisory", or a label's key */
    uint32_t max_skew;  /* 0: no limit */
    uint32_t max_share; /* percent of demand.replicas, 1 to 100; 0: no limit */
};

/* A wish: of the nodes that are right otherwise those with the greatest sum of weights go first. */
struct preference {
    const struct label *labels; /* a node that has all of these gets the weight */
    size_t labels_n;
    int32_t weight; /* negative: rather not */
};

/* Where other workloads' keeps are. apart: never on a value that has a keep of that workload,
 * ending ones included. Otherwise: only on values that have one that is not ending. The demand's
 * own workload may be meant: then the first keep is free to go anywhere. */
struct relation {
    uint64_t workload;
    const char *over; /* "node", "vendor", "generation", or a label's key */
    bool apart;
};

struct demand {
    uint64_t workload; /* whose keeps in the fleet count for spread */
    const char *name;  /* "finance/payroll", for explanations; may be NULL */
    const struct rules *rules;
    struct resources need;      /* of one keep */
    const struct label *labels; /* a node must have all */
    size_t labels_n;
    const struct spread *spread;
    size_t spread_n;   /* at most PLACE_SPREADS */
    int32_t priority;  /* for the caller's order of demands: place() takes them as they come */
    uint32_t replicas; /* wanted in all, for max_share */
    const struct preference *prefer;
    size_t prefer_n; /* at most PLACE_PREFERENCES */
    const struct relation *relations;
    size_t relations_n; /* at most PLACE_RELATIONS */
    bool exclusive;     /* only nodes without keeps, and none may follow */
    bool gang;          /* all that one call of place() asks for, or none of it */
    enum scoring scoring;
    bool may_use_reserve; /* see fleet_reserve() */
};
#define PLACE_SPREADS 8
#define PLACE_RELATIONS 16
#define PLACE_PREFERENCES 16

/* What keeps a node from taking a keep: the first that applies, in this order. */
enum obstacle {
    OBSTACLE_NONE,
    OBSTACLE_UNVERIFIED,
    OBSTACLE_REVOKED,
    OBSTACLE_REFUSED,
    OBSTACLE_NOT_ACCEPTED,
    OBSTACLE_LABELS,
    OBSTACLE_INELIGIBLE,
    OBSTACLE_DISCONNECTED,
    OBSTACLE_CORDONED,
    OBSTACLE_STALE,
    OBSTACLE_EXCLUSIVE,
    OBSTACLE_CPU,
    OBSTACLE_MEMORY,
    OBSTACLE_TEE_SLOTS,
    OBSTACLE_RESERVE,
    OBSTACLE_RELATION,
    OBSTACLE_SPREAD,
    OBSTACLES
};
const char *obstacle_name(enum obstacle o); /* "revoked", "stale", "cpu", ... */
const char *obstacle_text(enum obstacle o); /* "too little cpu is free", for sentences */

struct decision {
    uint64_t keep; /* in: the id under which to hold the resources; 0: only try */
    uint32_t node; /* out: NODE_NONE when there is none */
};

struct placing {
    uint32_t placed, pending;
    /* Only when pending > 0: nodes by the first thing in their way. */
    uint32_t tally[OBSTACLES];
};

/* Decides `count` keeps, one after another. Costs about a microsecond a decision, plus a look at
 * each keep that the workload has and, when some stay pending, at each node for the tally. A
 * decision with an id is entered into the fleet at once (fleet_keep_put): when it cannot be
 * committed, fleet_keep_remove it. Those without id are taken back at the end. ERR_INPUT for a bad
 * demand, ERR_NOMEM; the fleet is then as before. */
NODISCARD bool place(struct fleet *f, const struct demand *d, int64_t now_ms, struct decision *v,
                     size_t count, struct placing *out, struct err *e);

/* Which obstacle stands between this demand and this node now, by looking only at them (spread
 * counts as the fleet stands). Slow; for explanations and for checking place(). */
NODISCARD bool place_obstacle(struct fleet *f, const struct demand *d, int64_t now_ms,
                              uint32_t node, enum obstacle *out, struct err *e);

/* "no node: 40 revoked, 12 too little memory is free" of a tally, most frequent first. Returns out.
 */
const char *placing_text(const struct placing *p, char *out, size_t size);

#endif
