/* session_int.h - a session's inside, for session_rpc.c (messages) and session_evidence.c
 * (verdicts). */
#ifndef CONTROLLER_SESSION_INT_H
#define CONTROLLER_SESSION_INT_H

#include "base/buf.h"
#include "base/rand.h"
#include "controller/session.h"
#include "controller/session_rpc.h"
#include "controller/txn.h"

struct session {
    struct state *st;
    struct node *node;     /* NULL: over, or the node was deleted */
    struct rpc_call *call; /* NULL after on_closed */
    struct session_fsm fsm;
    uv_timer_t timer;
    char boot_id[UUID_TEXT];
    struct buf spki;
    const Bailey__V1__Evidence *evidence; /* while a message is handled */
    Bailey__V1__Evidence *shown;          /* what is being verified; owned */
    unsigned refs;                        /* the call, the timer, each verification under way */
    bool ready, proven;
    bool rollback_accepted; /* the agent is to forget the tree head it remembers */
    uint64_t head_sent;     /* size of the newest tree head it was told */
};

void session_unref(struct session *s);

/* Feeds the step of session.h, does what it says, and sets the timer. */
void session_advance(struct session *s, struct session_input in);

/* Sends the evidence at hand to the workers; what they say is recorded and told. */
void session_verify(struct session *s);

/* NULL: the evidence is verified. */
void session_send_verdict(struct session *s, const struct err *refused);

/* Borrows e's texts. */
void refusal_fill(Bailey__V1__Refusal *r, const struct err *e);

#endif
