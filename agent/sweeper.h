/* sweeper.h - removes what ended keeps and loaders leave of their cgroups. The kernel refuses while
 * a process in one is on its way out, which takes as long as it takes: so it is tried again on a
 * timer, without holding up the loop, until nothing is left. Loop thread only. */
#ifndef AGENT_SWEEPER_H
#define AGENT_SWEEPER_H

#include <uv.h>

#include "agent/loader/limits.h"
#include "base/vec.h"

struct sweeper_name {
    char group[LIMITS_NAME];
};

struct sweeper {
    uv_timer_t timer;
    uint64_t wait_ms; /* until the next try */
    VEC(struct sweeper_name) left;
    bool closing;
};

void sweeper_init(struct sweeper *s, uv_loop_t *uv);
/* What is still left then is for the next agent: limits_each() finds it. */
void sweeper_close(struct sweeper *s);

/* Ends what is in the cgroups of that name and removes them, now or as soon as the kernel lets. */
void sweeper_add(struct sweeper *s, const char *group);

#endif
