/* rolling.h - a changed workload is rolled out: which of its keeps are stopped and started for
 * that, as scheduler/rollout.h plans it, and what of it is stored: whether it is paused, and the
 * spec before the change.
 *
 * Keeps that have to leave their nodes (move.h) are not of it: they are replaced by keeps of the
 * spec of now as it is, and hold their place until then. Workloads with maxUnavailable 0 and no
 * maxSurge are rolled out by moves altogether, one keep at a time. */
#ifndef CONTROLLER_ROLLING_H
#define CONTROLLER_ROLLING_H

#include "base/arena.h"
#include "controller/state.h"

/* The keep was made from an earlier spec. */
bool keep_outdated(const struct keep *k);

bool rolling_paused(const struct workload *w);
/* Changes are rolled out by moves. */
bool rolling_moves(const struct workload *w);

/* Stops what may go now, and sets w->surge and w->surge_most, for reconcile_place() and
 * reconcile_surplus(). */
void rolling_step(struct state *st, struct workload *w, uint32_t want);

/* The spec of now is about to be replaced by one whose keeps are others; it is taken over. Keeps of
 * the spec before it whose template `next` has again are of the new generation and stay. */
void rolling_changed(struct state *st, struct workload *w, Bailey__V1__WorkloadSpec *was,
                     uint64_t was_generation);

/* True when keeps made from one need not be replaced for the other. */
bool same_keeps(const Bailey__V1__WorkloadSpec *a, const Bailey__V1__WorkloadSpec *b);

/* What is stored of it; made when there is none. Touch the workload after changing it. */
Bailey__V1__RolloutStatus *rolling_record(struct workload *w);

/* As operators see it, in memory of `a`; NULL: no memory. */
Bailey__V1__RolloutStatus *rolling_view(const struct state *st, const struct workload *w,
                                        struct arena *a);

#endif
