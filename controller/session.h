/* session.h - what one agent's session goes through, as a pure step: no clock, no I/O.
 *
 *   HELLO --hello--> CHALLENGED --evidence--> VERIFYING --good--> TRUSTED
 *     TRUSTED --renewal is due--> CHALLENGED (what was proven before ages on meanwhile)
 *     VERIFYING --bad--> REFUSED --pause--> CHALLENGED
 *     CHALLENGED --the challenge ran out--> REFUSED
 *
 * Heartbeats are acknowledged in every state after hello: the lease tells that both see each other,
 * not that the node is trusted. Anything out of turn ends the session. */
#ifndef CONTROLLER_SESSION_H
#define CONTROLLER_SESSION_H

#include "base/bytes.h"
#include "base/err.h"

#define NONCE_SIZE 32
#define CHALLENGE_TTL_MS 60000
#define REFUSED_PAUSE_MS 30000
#define HELLO_WAIT_MS 10000

enum session_state {
    SESSION_HELLO,
    SESSION_CHALLENGED,
    SESSION_VERIFYING,
    SESSION_TRUSTED,
    SESSION_REFUSED,
    SESSION_OVER
};

enum session_event {
    EVENT_HELLO,
    EVENT_EVIDENCE, /* nonce: the one that it answers */
    EVENT_GOOD,     /* verification's verdict */
    EVENT_BAD,
    EVENT_HEARTBEAT, /* sequence */
    EVENT_TICK,      /* a deadline may have passed */
    EVENT_CLOSED
};

/* What the shell must do, in this order. */
enum session_action {
    ACT_WELCOME = 1 << 0,
    ACT_CHALLENGE = 1 << 1, /* with session->nonce */
    ACT_VERIFY = 1 << 2,
    ACT_VERDICT = 1 << 3,
    ACT_REFUSE = 1 << 4, /* with *e: evidence came too late, or none did */
    ACT_ACK = 1 << 5,    /* of session->sequence */
    ACT_LOST = 1 << 6,   /* the lease ran out */
    ACT_END = 1 << 7     /* with *e; the session is over */
};

struct session_input {
    enum session_event event;
    int64_t now_ms;       /* boottime */
    struct bytes nonce;   /* EVENT_EVIDENCE */
    uint64_t sequence;    /* EVENT_HEARTBEAT */
    const uint8_t *fresh; /* NONCE_SIZE random bytes for a challenge that may be due */
};

struct session_fsm {
    enum session_state state;
    uint8_t nonce[NONCE_SIZE]; /* of the open challenge */
    bool nonce_open;           /* not answered yet: every nonce is answered once */
    int64_t deadline_ms;       /* of the state: hello, answer, renewal, pause */
    int64_t lease_end_ms;
    bool lost;         /* the lease ran out and no heartbeat came since */
    uint64_t sequence; /* of the last heartbeat */
    int64_t lease_ms, renew_ms;
};

void session_begin(struct session_fsm *s, int64_t now_ms, int64_t lease_ms, int64_t renew_ms);
/* Returns the actions, a set of enum session_action. e: what ACT_REFUSE and ACT_END are about. */
unsigned session_step(struct session_fsm *s, const struct session_input *in, struct err *e);
/* When to step with EVENT_TICK next; INT64_MAX: never. */
int64_t session_next_ms(const struct session_fsm *s);

#endif
