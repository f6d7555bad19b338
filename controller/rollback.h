/* rollback.h - a store that is older than what agents have seen. Each agent remembers the highest
 * tree head that a controller signed and shows it in Hello. A head with our own signature that our
 * log does not hold proves that the store was put back: the controller stops serving (it decides
 * nothing, changes nothing and commands nobody; reading goes on), until it is started with
 * --accept-rollback or with the newer store. */
#ifndef CONTROLLER_ROLLBACK_H
#define CONTROLLER_ROLLBACK_H

#include "controller/state.h"
#include "rpc/server.h"

/* Judges the head in an agent's Hello. False: the session is to end (audit.rollback-suspected,
 * audit.cluster, audit.head-form). *accepted: the head was lost with an accepted rollback, and the
 * agent is to forget it. */
NODISCARD bool rollback_hello(struct state *st, const struct node *n, const Bailey__V1__Hello *h,
                              bool *accepted, struct err *e);

/* True while nothing may be decided. */
bool rollback_suspected(const struct state *st);

/* What is refused meanwhile; false with audit.rollback-suspected. */
NODISCARD bool rollback_admits(const struct state *st, const struct rpc_method *m, struct err *e);

/* --accept-rollback, before the new epoch is begun: heads signed until now may be lost; numbers
 * that agents compare jump ahead of all that the lost part can have given out. */
void rollback_accept(struct state *st);

/* What was accepted before. */
NODISCARD bool rollback_load(struct state *st, struct err *e);

#endif
