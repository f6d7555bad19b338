/* rate.h - how often somebody may call: a token bucket for each identity. Pure: no clock. */
#ifndef CONTROLLER_RATE_H
#define CONTROLLER_RATE_H

#include "base/bytes.h"
#include "base/err.h"

#define RATE_IDENTITIES                                                                            \
    65536 /* that are remembered; the ones that were silent longest make room                      \
           */

struct rate;

struct rate_limit {
    uint32_t per_second; /* calls, in the long run */
    uint32_t burst;      /* calls at once */
};

struct rate *rate_new(void); /* NULL: no memory */
void rate_free(struct rate *r);

/* Takes one token of the identity's bucket, or *wait_ms (at least 1) is when there will be one.
 * Whoever is new begins with a full bucket. */
bool rate_take(struct rate *r, struct bytes identity, struct rate_limit limit, int64_t now_ms,
               int64_t *wait_ms);

#endif
