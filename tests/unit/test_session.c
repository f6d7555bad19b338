/* The session's step: the ordinary way, every refusal, and a random walk that keeps the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rand.h"
#include "controller/session.h"

#define LEASE 10000
#define RENEW 300000

static uint8_t nonce[NONCE_SIZE];

static unsigned go(struct session_fsm *s, enum session_event event, int64_t now, struct err *e)
{
    struct session_input in = {.event = event, .now_ms = now, .fresh = nonce};

    nonce[0]++;
    return session_step(s, &in, e);
}

static unsigned evidence(struct session_fsm *s, struct bytes answer, int64_t now, struct err *e)
{
    struct session_input in = {
        .event = EVENT_EVIDENCE, .now_ms = now, .fresh = nonce, .nonce = answer};

    nonce[0]++;
    return session_step(s, &in, e);
}

static unsigned beat(struct session_fsm *s, uint64_t sequence, int64_t now, struct err *e)
{
    struct session_input in = {
        .event = EVENT_HEARTBEAT, .now_ms = now, .fresh = nonce, .sequence = sequence};

    return session_step(s, &in, e);
}

static void test_ordinary_way(void **unused)
{
    struct session_fsm s;
    uint8_t first[NONCE_SIZE];
    struct err e = {0};

    (void)unused;
    session_begin(&s, 1000, LEASE, RENEW);
    assert_int_equal(go(&s, EVENT_HELLO, 1100, &e), ACT_WELCOME | ACT_CHALLENGE);
    memcpy(first, s.nonce, sizeof first);
    assert_int_equal(evidence(&s, BYTES_OF(first), 2000, &e), ACT_VERIFY);
    assert_int_equal(s.state, SESSION_VERIFYING);
    assert_int_equal(go(&s, EVENT_GOOD, 2100, &e), ACT_VERDICT);
    assert_int_equal(s.state, SESSION_TRUSTED);
    assert_int_equal(beat(&s, 1, 3000, &e), ACT_ACK);
    assert_int_equal(session_next_ms(&s), 3000 + LEASE + 1);

    /* silence: lost once, then nothing until the renewal */
    assert_int_equal(go(&s, EVENT_TICK, 3000 + LEASE + 1, &e), ACT_LOST);
    assert_int_equal(go(&s, EVENT_TICK, 3000 + LEASE + 2, &e), 0);
    assert_int_equal(beat(&s, 2, 20000, &e), ACT_ACK);
    assert_int_equal(go(&s, EVENT_TICK, 2100 + RENEW + 1, &e) & ACT_CHALLENGE, ACT_CHALLENGE);
    assert_memory_not_equal(s.nonce, first, sizeof first);

    /* the first answer does not answer the second challenge */
    assert_int_equal(evidence(&s, BYTES_OF(first), 2200 + RENEW, &e), ACT_REFUSE);
    assert_string_equal(e.reason, "evidence.nonce-mismatch");
}

static void test_nonce_once_and_in_time(void **unused)
{
    struct session_fsm s;
    struct err e = {0};
    uint8_t n[NONCE_SIZE];

    (void)unused;
    session_begin(&s, 0, LEASE, RENEW);
    assert_true(go(&s, EVENT_HELLO, 0, &e) & ACT_CHALLENGE);
    memcpy(n, s.nonce, sizeof n);
    assert_int_equal(evidence(&s, BYTES_OF(n), CHALLENGE_TTL_MS + 1, &e), ACT_REFUSE);
    assert_string_equal(e.reason, "evidence.too-late");
    assert_int_equal(evidence(&s, BYTES_OF(n), CHALLENGE_TTL_MS + 2, &e), ACT_REFUSE);
    assert_string_equal(e.reason, "evidence.nonce-used");

    session_begin(&s, 0, LEASE, RENEW);
    (void)go(&s, EVENT_HELLO, 0, &e);
    memcpy(n, s.nonce, sizeof n);
    assert_int_equal(evidence(&s, BYTES_OF(n), 10, &e), ACT_VERIFY);
    assert_int_equal(evidence(&s, BYTES_OF(n), 11, &e), 0); /* once; the first goes on */
    assert_int_equal(go(&s, EVENT_BAD, 12, &e), ACT_VERDICT);
    assert_int_equal(s.state, SESSION_REFUSED);
    assert_int_equal(go(&s, EVENT_TICK, 12 + REFUSED_PAUSE_MS + 1, &e) & ACT_CHALLENGE,
                     ACT_CHALLENGE);
}

static void test_out_of_turn(void **unused)
{
    struct session_fsm s;
    struct err e = {0};

    (void)unused;
    session_begin(&s, 0, LEASE, RENEW);
    assert_int_equal(beat(&s, 1, 1, &e), ACT_END);
    assert_string_equal(e.reason, "session.out-of-turn");
    session_begin(&s, 0, LEASE, RENEW);
    assert_int_equal(evidence(&s, BYTES_OF(nonce), 1, &e), ACT_END);
    session_begin(&s, 0, LEASE, RENEW);
    (void)go(&s, EVENT_HELLO, 1, &e);
    assert_int_equal(go(&s, EVENT_HELLO, 2, &e), ACT_END);
    assert_int_equal(go(&s, EVENT_HELLO, 3, &e), 0); /* over is over */
    session_begin(&s, 0, LEASE, RENEW);
    (void)go(&s, EVENT_HELLO, 1, &e);
    assert_int_equal(beat(&s, 2, 2, &e), ACT_ACK);
    assert_int_equal(beat(&s, 2, 3, &e), ACT_END); /* sequences grow */
    session_begin(&s, 0, LEASE, RENEW);
    assert_int_equal(go(&s, EVENT_TICK, HELLO_WAIT_MS + 1, &e), ACT_END);
    assert_string_equal(e.reason, "session.silent");
}

/* Whatever comes: verification starts only for the open nonce, no nonce is used twice, and nothing
 * happens after the end. */
static void test_random_walk(void **unused)
{
    struct prng r;

    (void)unused;
    prng_seed(&r, 20261123);
    for (int walk = 0; walk < 2000; walk++) {
        struct session_fsm s;
        struct err e = {0};
        int64_t now = 0;
        uint64_t sequence = 0;
        bool answered = true;

        session_begin(&s, 0, LEASE, RENEW);
        for (int i = 0; i < 60; i++) {
            enum session_event event = (enum session_event)prng_below(&r, EVENT_CLOSED + 1);
            bool right = prng_below(&r, 3) != 0;
            uint8_t answer[NONCE_SIZE];
            struct session_input in = {.event = event, .fresh = nonce};
            enum session_state before = s.state;
            unsigned acts;

            now += (int64_t)prng_below(&r, 40000);
            rand_bytes(nonce, sizeof nonce);
            memcpy(answer, s.nonce, sizeof answer);
            answer[0] ^= right ? 0 : 1;
            in.now_ms = now;
            in.nonce.p = answer;
            in.nonce.n = sizeof answer;
            in.sequence = ++sequence;
            acts = session_step(&s, &in, &e);
            if (before == SESSION_OVER)
                assert_int_equal(acts, 0);
            if (acts & ACT_VERIFY) {
                assert_true(right && !answered && before == SESSION_CHALLENGED);
                answered = true;
            }
            if (acts & ACT_CHALLENGE)
                answered = false;
            if (s.state == SESSION_TRUSTED && before != SESSION_TRUSTED)
                assert_true(before == SESSION_VERIFYING && event == EVENT_GOOD);
            assert_true(!(acts & ACT_END) || s.state == SESSION_OVER);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_way),
        cmocka_unit_test(test_nonce_once_and_in_time),
        cmocka_unit_test(test_out_of_turn),
        cmocka_unit_test(test_random_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
