/* run.h - deciding for one demand, keep after keep: what place(), evacuations and preemption share.
 * While a run lasts rooms only shrink, so nothing is looked at twice. One run at a time in a fleet.
 * Private to the scheduler. */
#ifndef SCHEDULER_RUN_H
#define SCHEDULER_RUN_H

#include "scheduler/shape.h"

/* How far a group was searched; everything before is full or has its share. */
struct cursor {
    uint32_t cell; /* index into the group's cells */
    uint32_t slot;
    uint32_t epoch;
};

struct run {
    struct fleet *f;
    const struct demand *d;
    struct shape *shape;
    struct room want[2]; /* in classes that count slots, and in those that count enclave memory */
    uint64_t reserve;    /* TEE capacity that must stay free in a class */
    struct cursor *cursors;
    enum axis { AXIS_NODE, AXIS_VALUE, AXIS_ADVISORY } axis[SHAPE_AXES];
    uint32_t epoch;              /* grows when nodes that had their share may take more */
    uint32_t *count[SHAPE_AXES]; /* keeps by value (of advisories: by facet) */
    uint32_t least[PLACE_SPREADS], at_least[PLACE_SPREADS]; /* the minimum, and how many have it */
    uint32_t limit[PLACE_SPREADS];                          /* of a share */
    uint32_t own[PLACE_RELATIONS]; /* keeps of the demand's workload that the relation counts */
    uint32_t node_skew;            /* 0: no skew over nodes */
    uint32_t node_limit;           /* most keeps on a node by a share; UINT32_MAX: no share */
    uint32_t node_least;           /* fewest keeps on a node that counts */
    uint64_t touched;              /* nodes that count and have keeps */
    struct u64_map near;           /* node -> bits: the relation is met (see NEAR_BARRED) */
    VEC(uint32_t) near_nodes;
    uint32_t near_wanted; /* bits that a node must have */
};
#define NEAR_BARRED (1u << PLACE_RELATIONS)

NODISCARD bool run_init(struct run *r, struct fleet *f, const struct demand *d, int64_t now_ms,
                        struct err *e);
void run_fini(struct run *r);

/* The node for one keep more, and its group; NODE_NONE: there is none, and for no other either. */
uint32_t run_decide(struct run *r, uint32_t *group);
/* Enters the decision into the counts and into the fleet: as a keep, or with id 0 as a trial, which
 * the caller takes back with run_untry(). */
NODISCARD bool run_take(struct run *r, uint32_t group, uint32_t node, uint64_t keep, struct err *e);
void run_untry(struct fleet *f, const struct demand *d, uint32_t node);

/* Parts of a decision: whether the group, the class, the node may take one keep more, room aside.
 * *load: how much of the workload the group's values have. */
bool run_group_may(const struct run *r, const struct group *g, uint64_t *load);
bool run_class_open(const struct run *r, uint32_t class);
bool run_node_may(const struct run *r, uint32_t node);

#endif
