/* reconcile.h - from what is wanted to what is: places replicas, stops what must not run, replaces
 * what is lost. Runs on cause only, once per round of the loop however many causes there were. */
#ifndef CONTROLLER_RECONCILE_H
#define CONTROLLER_RECONCILE_H

#include "bailey/v1/session.pb-c.h"
#include "controller/state.h"

NODISCARD bool reconcile_init(struct state *st, struct err *e);
void reconcile_fini(struct state *st);

/* Causes. */
void reconcile_workload(struct state *st, struct workload *w); /* its spec or keeps changed */
void reconcile_capacity(struct state *st);                     /* something got room, or trust */
/* Wakes the workloads that wait for one of these; enum queue_cause. */
void reconcile_cause(struct state *st, uint32_t causes);
void reconcile_node(struct state *st, struct node *n); /* its keeps may have to go */

/* Says so, once it is drained and nothing runs on it. */
void node_say_drained(struct state *st, struct node *n);

/* Looks at all that is due, and sets the timer for what will be. */
void reconcile_run(struct state *st);

/* Replicas that want no keep any more: their program has done its work (restart on-failure, never).
 */
uint32_t reconcile_complete(const struct workload *w);

/* What a keep did by its agent's word. Ignored when it is not the keep's own epoch. */
void reconcile_report(struct state *st, struct node *n, const Bailey__V1__KeepReport *r);

/* All keeps that an agent has, as it said in its hello: what is not among them is over. */
void reconcile_hello(struct state *st, struct node *n, Bailey__V1__KeepReport *const *v,
                     size_t count);

#endif
