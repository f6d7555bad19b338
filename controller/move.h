/* move.h - keeps that may not go on where they are: which, why, and how they leave. */
#ifndef CONTROLLER_MOVE_H
#define CONTROLLER_MOVE_H

#include "controller/state.h"

/* Stops what must move, as many at a time as the workload allows. now: boottime. */
void move_step(struct state *st, struct workload *w, uint32_t want, int64_t now);

#endif
