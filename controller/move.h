/* move.h - keeps that may not go on where they are: what asks for it, and how they leave. One way
 * for policies, revocations, evidence that does not count any more, drains and changed workloads.
 *
 * The order of a move: it is decided (KeepStatus.move, stored: after a restart it goes on from
 * there), a replacement is placed (KeepSpec.replaces, a replica number of its own), and when that
 * is healthy the old keep is stopped. A workload has as many replacements under way at a time as
 * its maxUnavailable says, one at least. Where there is no place the keep stays, until the move's
 * deadline: then it is stopped all the same. When what asked for it is taken back, so is the move.
 * Nothing is ever migrated alive. */
#ifndef CONTROLLER_MOVE_H
#define CONTROLLER_MOVE_H

#include "controller/state.h"

#define MOVE_NO_DEADLINE INT64_MAX

struct move_order {
    const char *cause;   /* revocation, policy, evidence, drain, workload: the strongest */
    char why[256];       /* in words, with the rule's name */
    int64_t deadline_ms; /* wall clock: the soonest of all causes; MOVE_NO_DEADLINE */
};

/* Whether the keep has to leave its node now, and why. *again_ms (boottime) becomes earlier when
 * time alone will change the answer. since_ms: when the move was decided (wall), from which graces
 * count. Changes nothing. */
bool move_wanted(const struct state *st, const struct keep *k, int64_t since_ms,
                 struct move_order *out, int64_t *again_ms);

/* Decides and takes back moves of the workload's keeps, and stops what may go. */
void move_step(struct state *st, struct workload *w, uint32_t want);

bool keep_moving(const struct keep *k); /* live, and has to leave */
/* It runs where we can see it and, where the workload asks for checks, they say that it is well. */
bool keep_ready(const struct state *st, const struct keep *k);
/* Keeps that may be missing on purpose, and replacements that may be under way. */
uint32_t move_max_unavailable(const struct workload *w);
uint32_t move_pace(const struct workload *w);

#endif
