/* revocation.h - carrying out revocations: plan and guard, fence, moves, report.
 *
 * A revocation is a trust object (policy_state.h) whose rules are those of the cluster in every
 * workload's (effective.h). Its commit is a batch of its own, and what it asks of keeps is decided
 * only when that batch is durable and every agent concerned was told: the fence never waits for the
 * moves. All that must outlive the controller is in the object's status and in the keeps'
 * KeepStatus.move, so that a controller killed anywhere goes on from what it finds. */
#ifndef CONTROLLER_REVOCATION_H
#define CONTROLLER_REVOCATION_H

#include "bailey/v1/session.pb-c.h"
#include "controller/effective.h"
#include "controller/move.h"

NODISCARD bool revoker_init(struct state *st, struct err *e);
void revoker_fini(struct state *st);

/* --- Plan and guard (revocation_plan.c) ------------------------------------------------------- */

#define REVOCATION_LISTED 1000      /* nodes, moves and keeps in a plan, where nobody says */
#define REVOCATION_LISTED_MAX 20000 /* and at most */

/* Which keeps would leave and where to, in memory of `a`. m was checked (object_check). Changes
 * nothing. limit: of each list; 0: REVOCATION_LISTED. */
NODISCARD bool revocation_plan(struct state *st, const Bailey__V1__Revocation *m, uint32_t limit,
                               struct arena *a, Bailey__V1__RevocationPlan **out, struct err *e);

/* ERR_CONFLICT "revocation.plan-changed" where another digest is expected ("": any), ERR_DENIED
 * "revocation.guard" where the guard needs an override and this is not it. A proposal or a hold of
 * what is held already passes the guard like any other. */
NODISCARD bool revocation_allowed(const Bailey__V1__RevocationPlan *p, const char *expect_digest,
                                  const char *override, struct err *e);

/* --- The run (revocation.c) ------------------------------------------------------------------- */

bool revocation_lifted(const struct trust_object *t);

/* The object was applied: its report begins, in a batch of its own whose revision is the fence.
 * effective_changed() follows, then revocation_commit(). */
void revocation_begin(struct state *st, struct trust_object *t, const Bailey__V1__RevocationPlan *p,
                      const char *override, const char *who);
/* Commits the batch; nothing is reconciled until it is durable and the agents were told. */
void revocation_commit(struct state *st);
bool revocation_committing(const struct state *st);

/* Ends it. Its nodes need evidence verified later than now. */
NODISCARD bool revocation_lift(struct state *st, struct trust_object *t, const char *because,
                               const char *who, struct err *e);

/* Counts anew what runs on revoked platforms, and goes on to the next state. Cheap when no
 * revocation is in force. */
void revocation_look(struct state *st);
/* A keep ended: counted at once. */
void revocation_over(struct state *st, const struct keep *k);
/* A keep was stopped without a replacement, at its deadline. */
void revocation_unplaced(struct state *st, const struct keep *k);

/* Indexes of state.effective->revocations that name the node's last verified platform, in
 * v[most]; returns how many. */
size_t revocations_of(const struct state *st, const struct node *n, uint32_t *v, size_t most);
/* Whether this one holds for the keep: it names the node's platform, and no exception passes it. */
bool revocation_holds(const struct state *st, const struct keep *k, size_t revocation);

/* "revoked by NAME, NAME" of the revocations in force that keep the workload from some node that it
 * would otherwise be admitted to; "" where none does. Returns out. */
const char *revocation_blames(const struct state *st, const struct workload *w, char *out,
                              size_t size);

/* --- What it asks of keeps (revocation_move.c), for move.c ------------------------------------ */

/* The strictest of the revocations that hold for the keep. False: none asks it to leave (now). */
bool revocation_asks(const struct state *st, const struct keep *k, int64_t since_ms,
                     struct move_order *out, int64_t *again_ms);
/* Sets keep.canary_waits of the workload's keeps. */
void revocation_canaries(const struct state *st, struct workload *w);

/* --- Agents (revocation_fence.c) -------------------------------------------------------------- */

/* What the node's agent has to know, in memory of `a`; NULL: no memory. */
Bailey__V1__NodeRevocations *revocation_message(const struct state *st, const struct node *n,
                                                struct arena *a);
/* Tells the node's agent, where that differs from what its session was told last. Only of what is
 * durable: from an effect (txn_after). */
void revocation_tell(struct state *st, struct node *n);
/* Tells all, after the commit. */
void revocation_tell_later(struct state *st);
/* The agent has it on its disk. */
void revocation_kept(struct state *st, struct node *n, uint64_t revision);
/* The node's session is over, or a new one begins: it is not waited for. */
void revocation_session(struct node *n);
/* Nodes that a revocation names and whose agents are connected, and have not confirmed it. */
uint32_t revocation_unfenced(const struct state *st, const struct trust_object *t);

#endif
