/* reconcile_int.h - what the reconciler's parts share: the life of one keep, as far as it is
 * decided here, and the choosing of places. Private to reconcile*.c and move*.c. */
#ifndef CONTROLLER_RECONCILE_INT_H
#define CONTROLLER_RECONCILE_INT_H

#include "controller/state.h"

/* The workload is looked at again then (boottime), or before. */
void reconcile_wake(struct workload *w, int64_t at_ms);

/* The keep is to be stored, its workload to be shown, the fleet to be told. */
void keep_changed(struct state *st, struct keep *k);

/* We told it to stop; an agent may say "stopping" of its own, when the lease has run out. */
bool keep_told(const struct keep *k);

/* Stops the keep, unless it was told already; why: in words, for people. */
void keep_stop(struct state *st, struct keep *k, const char *why);

/* It is over. reason: of the event; "keep.ended" is the wanted end. */
void keep_end(struct state *st, struct keep *k, const char *reason, const char *why);

/* True when an ended keep is the last of its replica: its program has done its work. */
bool keep_complete(const struct workload *w, const struct keep *k);

/* Stops keeps beyond `want`. */
void reconcile_surplus(struct state *st, struct workload *w, uint32_t want);

/* Gives a node to each replica that has no keep, and to replacements of keeps that move, as far as
 * there are any. */
void reconcile_place(struct state *st, struct workload *w, uint32_t want);

/* preempt.c: stops keeps of less important workloads, within their budgets, so that the pending
 * ones get a place. */
void reconcile_preempt(struct state *st, struct workload *w, uint32_t pending);

#endif
