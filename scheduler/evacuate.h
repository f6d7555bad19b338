/* evacuate.h - emptying a part of the fleet on paper: which keeps have to leave, where each of them
 * can go instead, in which waves, and which have no other place and why. For revocations (DESIGN
 * section 5), drains and what-if questions. The fleet is as before when it returns.
 *
 * Deterministic: the same fleet, set and options give the same plan. Replacement comes first: a
 * move asks for room at its goal while the old keep still holds its own, and nothing that leaves
 * makes room for anything in the plan. Spread, labels and rules hold for every move as they do in
 * place().
 */
#ifndef SCHEDULER_EVACUATE_H
#define SCHEDULER_EVACUATE_H

#include "base/arena.h"
#include "scheduler/place.h"

/* What is to be emptied: every node that any of these names. All of it is borrowed. Nodes of the
 * set take nothing, whatever the demands' own rules say of them. */
struct evacuate_set {
    const struct rule_list *platforms; /* refusing ("unknown" matches); NULL: none */
    enum simulated simulated;          /* for platforms */
    const uint32_t *classes;
    size_t classes_n;
    const uint32_t *nodes;
    size_t nodes_n;
    const struct label *labels; /* nodes that have all of them; none when labels_n is 0 */
    size_t labels_n;
};

/* What the plan has to know of a workload that has a keep in the set. */
struct evacuate_workload {
    const struct demand *demand; /* its workload field is the one asked for */
    uint32_t max_unavailable;    /* keeps that may be down on purpose at a time; 0 counts as 1 */
    uint32_t missing;            /* keeps that are down already; they use up the budget */
};

/* False: the workload is not known or wants no keeps any more; its keeps are then only counted, as
 * ending. Called once per workload. */
typedef bool evacuate_lookup(void *context, uint64_t workload, struct evacuate_workload *out);

struct evacuate_options {
    evacuate_lookup *lookup;
    void *context;
    int64_t now_ms;
    uint32_t wave_limit; /* most moves in one wave over all workloads; 0: no limit */
    bool ignore_reserve; /* moves may use what the cluster keeps free for them; see fleet.h */
    bool without_digest; /* saves the time when nobody looks at it */
};

/* One replacement. Waves count from 0; a wave may begin when all replacements of the one before are
 * healthy and the old keeps are stopped. Within a workload the budget bounds the moves of a wave.
 */
struct evacuate_move {
    uint64_t keep, workload;
    uint32_t from, to;
    uint32_t wave;
};

/* A keep that has no other place. */
struct evacuate_stuck {
    uint64_t keep, workload;
    uint32_t from;
    enum obstacle obstacle; /* what most nodes outside the set lack or refuse */
    const char *rule;       /* of those that rules keep away most: "spec.trust.refuse[0]"; "" */
    const struct placing *tally; /* all nodes by the first thing in their way; shared */
};

/* What is left of a class that is outside the set, or partly so. */
struct evacuate_class {
    uint32_t class;
    uint32_t nodes, nodes_gone;      /* all of it, and of those in the set */
    uint32_t received;               /* moves that end here */
    struct resources capacity, free; /* of its nodes outside the set, after the plan */
};

struct evacuate_plan {
    uint32_t nodes, nodes_all; /* in the set, and in the fleet */
    uint32_t keeps;            /* on them: moves + stuck + ending */
    uint32_t ending;           /* ending already, or of no workload any more */
    uint32_t workloads;        /* with a keep to move */
    uint32_t waves;
    const uint32_t *node; /* the handles of the set, ascending */
    /* By priority of the workload (highest first), workload, keep. */
    const struct evacuate_move *moves;
    size_t moves_n;
    const struct evacuate_stuck *stuck;
    size_t stuck_n;
    /* Workloads that would be left without any keep, ascending. */
    const uint64_t *dark;
    size_t dark_n;
    const struct evacuate_class *classes; /* by handle; those without nodes are left out */
    size_t classes_n;
    /* 32 hexadecimal digits over what leaves (names of nodes, and of workloads where the demand has
     * one) and what becomes of it: moved, or stuck for which obstacle. Neither handles nor ids
     * count, so that it outlives a restart; nor do goals, for a goal is chosen anew when the move
     * is made. "" when not wanted. */
    char digest[33];
};

/* *out is owned by the arena. ERR_LIMIT when the arena is full (a plan takes about 200 bytes per
 * keep that leaves), ERR_INPUT for a bad set or demand, ERR_NOMEM. */
NODISCARD bool evacuate(struct fleet *f, const struct evacuate_set *set,
                        const struct evacuate_options *o, struct arena *a,
                        struct evacuate_plan *out, struct err *e);

#endif
