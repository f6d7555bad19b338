/* A keep's life as a pure step: restarts, back-off, stop, deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/loader/supervise.h"
#include "base/rand.h"

static unsigned on(struct supervise *s, enum supervise_event_kind kind, int code, int64_t now)
{
    return supervise_step(s, &(struct supervise_event){.kind = kind, .exit_code = code}, now);
}

static struct supervise life(enum restart_policy p)
{
    return (struct supervise){.policy = p, .backoff_ms = 1000, .max_backoff_ms = 5000};
}

static void test_backoff_grows_and_settles(void **state)
{
    const int64_t waits[] = {1000, 2000, 4000, 5000, 5000};
    struct supervise s = life(RESTART_ALWAYS);
    int64_t now = 100;

    (void)state;
    assert_true((on(&s, SUPERVISE_BEGIN, 0, now) & SUPERVISE_DO_SPAWN) != 0);
    for (unsigned i = 0; i < 5; i++) {
        (void)on(&s, SUPERVISE_SPAWNED, 0, now);
        assert_int_equal(s.state, SUPERVISE_RUNNING);
        (void)on(&s, SUPERVISE_EXITED, 0, ++now);
        assert_int_equal(s.state, SUPERVISE_WAITING);
        assert_int_equal(s.timer_ms, now + waits[i]);
        now = s.timer_ms;
        assert_true((on(&s, SUPERVISE_TIMER, 0, now) & SUPERVISE_DO_SPAWN) != 0);
        assert_int_equal(s.restarts, i + 1);
    }
    (void)on(&s, SUPERVISE_SPAWNED, 0, now);
    now += SUPERVISE_SETTLED_MS;
    (void)on(&s, SUPERVISE_EXITED, 1, now);
    assert_int_equal(s.timer_ms, now + 1000);
}

static void test_policies(void **state)
{
    struct supervise s = life(RESTART_NEVER), f = life(RESTART_ON_FAILURE);

    (void)state;
    (void)on(&s, SUPERVISE_BEGIN, 0, 1), (void)on(&s, SUPERVISE_SPAWNED, 0, 1);
    assert_true((on(&s, SUPERVISE_EXITED, 3, 2) & SUPERVISE_DO_END) != 0);
    assert_int_equal(s.exit_code, 3);
    (void)on(&f, SUPERVISE_BEGIN, 0, 1), (void)on(&f, SUPERVISE_SPAWNED, 0, 1);
    (void)on(&f, SUPERVISE_EXITED, 3, 2);
    assert_int_equal(f.state, SUPERVISE_WAITING);
    (void)on(&f, SUPERVISE_TIMER, 0, 2000), (void)on(&f, SUPERVISE_SPAWNED, 0, 2000);
    assert_true((on(&f, SUPERVISE_EXITED, 0, 2001) & SUPERVISE_DO_END) != 0);
    assert_int_equal(restart_policy_parse(""), RESTART_ALWAYS);
    assert_int_equal(restart_policy_parse("never"), RESTART_NEVER);
    assert_int_equal(restart_policy_parse("on-failure"), RESTART_ON_FAILURE);
}

static void test_stop_then_kill(void **state)
{
    struct supervise s = life(RESTART_ALWAYS);
    struct supervise_event stop = {.kind = SUPERVISE_STOP, .grace_ms = 500, .text = "why"};

    (void)state;
    (void)on(&s, SUPERVISE_BEGIN, 0, 1), (void)on(&s, SUPERVISE_SPAWNED, 0, 1);
    assert_true((supervise_step(&s, &stop, 10) & SUPERVISE_DO_TERM) != 0);
    assert_int_equal(s.timer_ms, 510);
    stop.grace_ms = 9000;
    assert_int_equal(supervise_step(&s, &stop, 20), 0);
    assert_int_equal(s.timer_ms, 510); /* a later word gives no more time */
    stop.grace_ms = 100;
    (void)supervise_step(&s, &stop, 20);
    assert_int_equal(s.timer_ms, 120);
    assert_int_equal(on(&s, SUPERVISE_TIMER, 0, 120), SUPERVISE_DO_KILL);
    assert_true((on(&s, SUPERVISE_EXITED, 0, 121) & SUPERVISE_DO_END) != 0);
    assert_string_equal(s.reason, "why");
}

/* Whatever happens, after a deadline nothing is started any more, and an end is an end. */
static void test_nothing_after_the_deadline(void **state)
{
    struct prng r;

    (void)state;
    prng_seed(&r, 11);
    for (int run = 0; run < 20000; run++) {
        struct supervise s = life((enum restart_policy)prng_below(&r, 3));
        bool over = false, ended = false;
        int64_t now = 1;

        (void)on(&s, SUPERVISE_BEGIN, 0, now);
        for (int i = 0; i < 12; i++) {
            struct supervise_event ev = {.kind = (enum supervise_event_kind)(1 + prng_below(&r, 6)),
                                         .exit_code = (int)prng_below(&r, 2),
                                         .grace_ms = (int64_t)prng_below(&r, 3) * 100,
                                         .text = "x"};
            unsigned todo;

            /* only what can happen */
            if (ev.kind == SUPERVISE_TIMER && s.timer_ms == 0)
                continue;
            if ((ev.kind == SUPERVISE_EXITED || ev.kind == SUPERVISE_SPAWNED ||
                 ev.kind == SUPERVISE_FAILED) &&
                (s.state == SUPERVISE_WAITING || s.state == SUPERVISE_ENDED))
                continue;
            over = over || ev.kind == SUPERVISE_DEADLINE || ev.kind == SUPERVISE_STOP;
            todo = supervise_step(&s, &ev, ++now);
            assert_false(over && (todo & SUPERVISE_DO_SPAWN) != 0);
            assert_false(ended && todo != 0);
            assert_false(over && s.state != SUPERVISE_STOPPING && s.state != SUPERVISE_ENDED);
            ended = ended || (todo & SUPERVISE_DO_END) != 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_backoff_grows_and_settles),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_stop_then_kill),
        cmocka_unit_test(test_nothing_after_the_deadline),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
