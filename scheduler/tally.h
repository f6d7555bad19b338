/* tally.h - what stands in the way, node by node; private to the scheduler. */
#ifndef SCHEDULER_TALLY_H
#define SCHEDULER_TALLY_H

#include "scheduler/fleet_int.h"
#include "scheduler/place.h"

/* Adds every node to the first thing in its way; one with room and right in all is short of spread.
 * Call it when a demand found no node. */
NODISCARD bool tally(const struct fleet *f, const struct demand *d, int64_t now_ms,
                     uint32_t count[OBSTACLES], struct err *e);

enum obstacle verdict_obstacle(enum verdict v);
/* Whether the class has no more TEE capacity than the cluster keeps free in it. */
bool reserve_bars(const struct fleet *f, uint32_t class, const struct demand *d);
/* Of the node itself: link, cordon, age of evidence, room. */
enum obstacle node_obstacle(const struct node *n, const struct demand *d, int64_t cutoff_ms);

NODISCARD bool demand_check(const struct demand *d, struct err *e);

#endif
