/* revocation_int.h - what revocation*.c share. */
#ifndef CONTROLLER_REVOCATION_INT_H
#define CONTROLLER_REVOCATION_INT_H

#include "controller/revocation.h"

/* How long moves took lately, from the decision to the old keep's end, in milliseconds. */
int64_t revoker_move_ms(const struct state *st);

/* A revocation was committed since this process started: its agents are known. */
bool revoker_began(const struct state *st);

/* The object of one of state.effective->revocations. */
struct trust_object *revocation_object(const struct state *st, const struct revocation *r);

/* One entry more of the report's list. */
void revocation_list(Bailey__V1__RevocationStatus *s, const struct keep *k, bool stopped);

/* The agents concerned have confirmed it, or nobody is left to wait for. */
void revocation_fenced(struct state *st);

/* Commit time plus grace, wall clock. */
int64_t revocation_deadline_ms(const struct trust_object *t, const struct revocation *r);

#endif
