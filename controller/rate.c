#include "controller/rate.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rand.h"

/* Buckets by the hash of the identity, in sets of WAYS: a table of fixed size, so that strangers
 * cannot make it grow, and one that is hashed with a secret, so that they cannot choose their set.
 */
#define WAYS 8
#define SETS (RATE_IDENTITIES / WAYS)

struct bucket {
    uint64_t id;        /* hash of the identity; 0: free */
    int64_t milli;      /* tokens, in thousandths */
    int64_t touched_ms; /* when milli was right */
};

struct rate {
    uint64_t seed[2];
    struct bucket bucket[SETS][WAYS];
};

struct rate *rate_new(void)
{
    struct rate *r = calloc(1, sizeof *r);

    if (r != NULL)
        rand_bytes(r->seed, sizeof r->seed);
    return r;
}

void rate_free(struct rate *r)
{
    free(r);
}

static struct bucket *bucket_of(struct rate *r, uint64_t id, struct rate_limit limit,
                                int64_t now_ms)
{
    struct bucket *set = r->bucket[id % SETS], *oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            return &set[i];
        if (set[i].id == 0 || (oldest->id != 0 && set[i].touched_ms < oldest->touched_ms))
            oldest = &set[i];
    }
    *oldest = (struct bucket){id, (int64_t)limit.burst * 1000, now_ms};
    return oldest;
}

bool rate_take(struct rate *r, struct bytes identity, struct rate_limit limit, int64_t now_ms,
               int64_t *wait_ms)
{
    uint64_t id = siphash13(r->seed, identity);
    struct bucket *b = bucket_of(r, id == 0 ? 1 : id, limit, now_ms);
    int64_t full = (int64_t)limit.burst * 1000, passed = now_ms - b->touched_ms;

    if (passed > 0) {
        /* so many thousandths a millisecond as there are tokens a second */
        b->milli = passed > full ? full : b->milli + passed * limit.per_second;
        b->touched_ms = now_ms;
    }
    if (b->milli > full)
        b->milli = full;
    if (b->milli >= 1000) {
        b->milli -= 1000;
        return true;
    }
    *wait_ms =
        limit.per_second == 0 ? 1000 : (1000 - b->milli + limit.per_second - 1) / limit.per_second;
    if (*wait_ms < 1)
        *wait_ms = 1;
    return false;
}
