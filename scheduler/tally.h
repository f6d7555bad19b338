/* tally.h - what stands in the way, node by node; private to the scheduler. */
#ifndef SCHEDULER_TALLY_H
#define SCHEDULER_TALLY_H

#include "scheduler/fleet_int.h"
#include "scheduler/place.h"

/* Adds every node to the first thing in its way; one with room and right in all is short of spread.
 * Call it when a demand found no node. */
void tally(const struct fleet *f, const struct demand *d, int64_t cutoff_ms,
           uint32_t count[OBSTACLES]);

enum obstacle verdict_obstacle(enum verdict v);
/* Of the node itself: link, cordon, age of evidence, room. */
enum obstacle node_obstacle(const struct node *n, const struct demand *d, int64_t cutoff_ms);

NODISCARD bool demand_check(const struct demand *d, struct err *e);

#endif
