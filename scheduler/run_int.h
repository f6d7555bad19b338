/* run_int.h - a run's counts; private to run*.c. */
#ifndef SCHEDULER_RUN_INT_H
#define SCHEDULER_RUN_INT_H

#include "scheduler/run.h"

/* One more keep of the workload on this node; false without memory. */
bool run_count_node(struct run *r, uint32_t node);
void run_count_set(struct run *r, size_t axis, uint32_t set);
void run_find_least(struct run *r, size_t axis);
void run_find_node_least(struct run *r);
/* Adds bits to what is known of a node's neighbours; false without memory. */
bool run_near(struct run *r, uint32_t node, uint32_t bits);

#endif
