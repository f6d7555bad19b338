/* rollout.h - a rolling update as a pure planner: given what is there, what to start and stop next.
 * New keeps come first as far as the surge allows, old ones go as far as enough healthy ones stay;
 * a new generation that does not become healthy is thereby held up by itself. */
#ifndef SCHEDULER_ROLLOUT_H
#define SCHEDULER_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rollout_policy {
    uint32_t replicas;
    uint32_t max_surge;       /* keeps beyond replicas */
    uint32_t max_unavailable; /* healthy keeps missing on purpose; counts as 1 where both are 0 */
    bool paused;              /* nothing is replaced; what is missing is still started */
};

struct rollout_keep {
    uint64_t id;
    bool current; /* of the generation that is wanted */
    bool healthy;
    bool ending; /* told to stop already */
};

enum rollout_kind { ROLLOUT_START, ROLLOUT_STOP };
struct rollout_action {
    enum rollout_kind kind;
    uint64_t keep; /* to stop; 0 for a start, which is of the current generation */
};

enum rollout_state {
    ROLLOUT_DONE,        /* all replicas are current and healthy, nothing old is left */
    ROLLOUT_PROGRESSING, /* actions were given, or earlier ones are under way */
    ROLLOUT_WAITING,     /* nothing to do until a current keep becomes healthy */
    ROLLOUT_PAUSED
};
const char *rollout_state_name(enum rollout_state s); /* "done", "progressing", ... */

struct rollout_progress {
    enum rollout_state state;
    uint32_t current, current_healthy, old; /* keeps not ending */
};

/* At most max actions into out, in the order in which to take them; how many. v stands in order of
 * ids. The same input gives the same actions. Old keeps that are not healthy are stopped before
 * healthy ones, then by id. */
size_t rollout_step(const struct rollout_policy *p, const struct rollout_keep *v, size_t n,
                    struct rollout_action *out, size_t max, struct rollout_progress *progress);

#endif
