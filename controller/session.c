#include "controller/session.h"

#include <openssl/crypto.h>

void session_begin(struct session_fsm *s, int64_t now_ms, int64_t lease_ms, int64_t renew_ms)
{
    *s = (struct session_fsm){.state = SESSION_HELLO,
                              .deadline_ms = now_ms + HELLO_WAIT_MS,
                              .lease_end_ms = INT64_MAX,
                              .lease_ms = lease_ms,
                              .renew_ms = renew_ms};
}

static unsigned end(struct session_fsm *s)
{
    OPENSSL_cleanse(s->nonce, sizeof s->nonce);
    s->nonce_open = false;
    s->state = SESSION_OVER;
    return ACT_END;
}

static unsigned challenge(struct session_fsm *s, const struct session_input *in)
{
    memcpy(s->nonce, in->fresh, NONCE_SIZE);
    s->nonce_open = true;
    s->state = SESSION_CHALLENGED;
    s->deadline_ms = in->now_ms + CHALLENGE_TTL_MS;
    return ACT_CHALLENGE;
}

static unsigned out_of_turn(struct session_fsm *s, const char *what, struct err *e)
{
    err_set(e, ERR_INPUT, "session.out-of-turn", "%s out of turn", what);
    return end(s);
}

static unsigned on_hello(struct session_fsm *s, const struct session_input *in, struct err *e)
{
    if (s->state != SESSION_HELLO)
        return out_of_turn(s, "hello", e);
    s->lease_end_ms = in->now_ms + s->lease_ms;
    return ACT_WELCOME | challenge(s, in);
}

static unsigned refuse(struct session_fsm *s, int64_t now_ms)
{
    s->nonce_open = false;
    s->state = SESSION_REFUSED;
    s->deadline_ms = now_ms + REFUSED_PAUSE_MS;
    return ACT_REFUSE;
}

static unsigned on_evidence(struct session_fsm *s, const struct session_input *in, struct err *e)
{
    if (s->state == SESSION_HELLO)
        return out_of_turn(s, "evidence", e);
    if (s->state != SESSION_CHALLENGED || !s->nonce_open) {
        err_set(e, ERR_INPUT, "evidence.nonce-used", "evidence answers no open challenge");
        err_field(e, "nonce");
        err_mend(e, "wait for the next challenge");
        return s->state == SESSION_VERIFYING ? 0 : refuse(s, in->now_ms);
    }
    if (in->nonce.n != NONCE_SIZE || CRYPTO_memcmp(in->nonce.p, s->nonce, NONCE_SIZE) != 0) {
        err_set(e, ERR_INPUT, "evidence.nonce-mismatch", "evidence answers another challenge");
        err_field(e, "nonce");
        return refuse(s, in->now_ms);
    }
    s->nonce_open = false;
    if (in->now_ms > s->deadline_ms) {
        err_set(e, ERR_TIMEOUT, "evidence.too-late", "the challenge ran out");
        return refuse(s, in->now_ms);
    }
    s->state = SESSION_VERIFYING;
    s->deadline_ms = INT64_MAX;
    return ACT_VERIFY;
}

static unsigned on_verdict(struct session_fsm *s, const struct session_input *in)
{
    if (s->state != SESSION_VERIFYING)
        return 0;
    if (in->event == EVENT_GOOD) {
        s->state = SESSION_TRUSTED;
        s->deadline_ms = in->now_ms + s->renew_ms;
    } else {
        s->state = SESSION_REFUSED;
        s->deadline_ms = in->now_ms + REFUSED_PAUSE_MS;
    }
    return ACT_VERDICT;
}

static unsigned on_heartbeat(struct session_fsm *s, const struct session_input *in, struct err *e)
{
    if (s->state == SESSION_HELLO || in->sequence <= s->sequence)
        return out_of_turn(s, "heartbeat", e);
    s->sequence = in->sequence;
    s->lease_end_ms = in->now_ms + s->lease_ms;
    s->lost = false;
    return ACT_ACK;
}

static unsigned on_tick(struct session_fsm *s, const struct session_input *in, struct err *e)
{
    unsigned acts = 0;

    if (!s->lost && in->now_ms > s->lease_end_ms) {
        s->lost = true;
        acts |= ACT_LOST;
    }
    if (in->now_ms <= s->deadline_ms)
        return acts;
    if (s->state == SESSION_HELLO) {
        err_set(e, ERR_TIMEOUT, "session.silent", "no hello within %d s", HELLO_WAIT_MS / 1000);
        return acts | end(s);
    }
    if (s->state == SESSION_CHALLENGED) {
        err_set(e, ERR_TIMEOUT, "evidence.too-late", "no evidence within %d s of the challenge",
                CHALLENGE_TTL_MS / 1000);
        return acts | refuse(s, in->now_ms);
    }
    if (s->state == SESSION_TRUSTED || s->state == SESSION_REFUSED)
        acts |= challenge(s, in);
    return acts;
}

unsigned session_step(struct session_fsm *s, const struct session_input *in, struct err *e)
{
    if (s->state == SESSION_OVER)
        return 0;
    switch (in->event) {
    case EVENT_HELLO:
        return on_hello(s, in, e);
    case EVENT_EVIDENCE:
        return on_evidence(s, in, e);
    case EVENT_GOOD:
    case EVENT_BAD:
        return on_verdict(s, in);
    case EVENT_HEARTBEAT:
        return on_heartbeat(s, in, e);
    case EVENT_TICK:
        return on_tick(s, in, e);
    case EVENT_CLOSED:
        return end(s) & 0u;
    }
    return 0;
}

int64_t session_next_ms(const struct session_fsm *s)
{
    int64_t next = s->deadline_ms;

    if (s->state == SESSION_OVER)
        return INT64_MAX;
    if (!s->lost && s->lease_end_ms < next)
        next = s->lease_end_ms;
    return next == INT64_MAX ? next : next + 1;
}
