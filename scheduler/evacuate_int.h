/* evacuate_int.h - a plan in the making; private to evacuate*.c. */
#ifndef SCHEDULER_EVACUATE_INT_H
#define SCHEDULER_EVACUATE_INT_H

#include "scheduler/evacuate.h"
#include "scheduler/run.h"

/* A keep that leaves. */
struct leaver {
    uint64_t workload, id;
    uint32_t keep; /* handle */
    uint32_t from;
};

/* The leavers of one workload: leavers[first..first+n). */
struct job {
    struct evacuate_workload workload;
    struct demand demand;
    uint64_t id;
    uint32_t first, n;
    uint32_t moved; /* the first `moved` of them have a goal */
};

/* Why demands of one kind are stuck. */
struct reason {
    uint64_t shape; /* its birth number */
    const struct demand *demand;
    enum obstacle obstacle;
    const char *rule;
    struct placing *tally;
};

struct planner {
    struct fleet *f;
    const struct evacuate_options *o;
    struct arena *a;
    struct evacuate_plan *plan;
    VEC(uint32_t) nodes; /* of the set */
    VEC(struct leaver) leavers;
    VEC(struct job) jobs;
    VEC(uint32_t) waves; /* moves in each, when they are limited */
    VEC(struct reason) reasons;
    uint32_t *goal; /* by leaver; NODE_NONE: stuck */
    uint64_t digest[2];
};

/* The set's nodes into p->nodes, ascending. */
NODISCARD bool evacuate_collect(struct planner *p, const struct evacuate_set *set, struct err *e);
/* What the plan says of classes and of the whole, while all of it is held in the fleet. */
NODISCARD bool evacuate_report(struct planner *p, struct err *e);
/* Why the job's demand has no place, while its run lasts. */
NODISCARD bool evacuate_reason(struct planner *p, const struct run *r, const struct job *j,
                               struct reason *out, struct err *e);
bool evacuate_full(struct err *e); /* sets the error */

#endif
