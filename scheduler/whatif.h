/* whatif.h - what would have to be bought: an evacuation (a generation removed, a floor raised, a
 * site lost: any set of evacuate.h), and for the keeps that it leaves without a place the extra
 * nodes of the platform classes at hand that would give them one. The answer is tried before it is
 * given: the nodes are added on paper, and the evacuation planned again. */
#ifndef SCHEDULER_WHATIF_H
#define SCHEDULER_WHATIF_H

#include "scheduler/evacuate.h"

/* Nodes like one that the class has: its largest outside the set, with its labels. */
struct whatif_extra {
    uint32_t class;
    const char *like;            /* the node that they are like */
    uint32_t nodes;              /* this many more */
    uint32_t received;           /* keeps that go to them */
    struct resources each, used; /* of one of them; of all of them together by these keeps */
};

struct whatif {
    struct evacuate_plan plan; /* without the extra nodes */
    const struct whatif_extra *extra;
    size_t extra_n;
    uint32_t helped;   /* stuck in the plan, not with the extra nodes */
    uint32_t hopeless; /* stuck even so: no class admits them, or spread and relations forbid it */
};

/* Few nodes, not the fewest of all: each round adds nodes to the class that admits most of what is
 * stuck, as many as first fit fills; nodes that nothing went to are left out of the answer. Costs
 * an evacuation a round, at most WHATIF_ROUNDS; o->lookup is called again and again. *out is owned
 * by the arena. Errors of evacuate().
 */
#define WHATIF_ROUNDS 16
NODISCARD bool whatif(struct fleet *f, const struct evacuate_set *set,
                      const struct evacuate_options *o, struct arena *a, struct whatif *out,
                      struct err *e);

/* Whether what is free now takes the keeps of any one generation, were it revoked: the one that
 * leaves most keeps without a place. For the reserve that the cluster is to keep. */
struct reserve_report {
    const char *generation; /* in the arena; "" when every one fits */
    uint32_t stuck;         /* of its keeps */
    uint32_t generations;   /* looked at */
};
NODISCARD bool reserve_check(struct fleet *f, const struct evacuate_options *o, struct arena *a,
                             struct reserve_report *out, struct err *e);

#endif
