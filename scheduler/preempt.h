/* preempt.h - which keeps of less important workloads have to end so that one keep more of a demand
 * has a place: the lowest priorities first, then the fewest keeps, within the disruption budgets of
 * the workloads that lose them. Nothing is changed: the caller ends the victims and places again
 * when they are gone. */
#ifndef SCHEDULER_PREEMPT_H
#define SCHEDULER_PREEMPT_H

#include "base/arena.h"
#include "scheduler/place.h"

/* How many keeps of the workload may be taken down now; 0: none. Asked once per keep looked at. */
typedef uint32_t preempt_budget(void *context, uint64_t workload);

struct preemption {
    uint32_t node;           /* NODE_NONE: no set of victims helps */
    const uint64_t *victims; /* ids of keeps, lowest priority first; in the arena */
    size_t victims_n;
    int32_t highest; /* priority among them */
};

/* Looks at every node that rules, labels, service, evidence, relations and spread admit. Keeps of
 * the demand's own workload, of its priority or above, and those that end already are never
 * victims. ERR_INPUT for a bad demand, ERR_LIMIT when the arena is full, ERR_NOMEM. */
NODISCARD bool preempt(struct fleet *f, const struct demand *d, int64_t now_ms,
                       preempt_budget *budget, void *context, struct arena *a,
                       struct preemption *out, struct err *e);

#endif
