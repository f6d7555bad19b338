/* When a keep is healthy, and what its end is called: pure steps, times given. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/loader/exec_error.h"
#include "agent/loader/health.h"
#include "agent/loader/supervise.h"

#define GOOD BAILEY__V1__KEEP_STATUS__HEALTH__healthy
#define BAD BAILEY__V1__KEEP_STATUS__HEALTH__unhealthy
#define OPEN BAILEY__V1__KEEP_STATUS__HEALTH__unchecked

static void begin(struct health *h, Bailey__V1__Health *spec, const char *start_period)
{
    bailey__v1__health__init(spec);
    spec->kind = (char[]){"tcp"};
    spec->interval = (char[]){"1s"}, spec->threshold = 2;
    spec->start_period = (char *)(uintptr_t)start_period;
    health_init(h, spec);
    health_started(h, 1000);
}

static void test_threshold(void **state)
{
    Bailey__V1__Health spec;
    struct health h;

    (void)state;
    begin(&h, &spec, "");
    assert_int_equal(h.state, OPEN);
    assert_int_equal(h.next_ms, 2000);
    assert_int_equal(health_result(&h, true, "", 2000), HEALTH_CHANGED);
    assert_int_equal(h.state, GOOD);
    assert_int_equal(health_result(&h, true, "", 3000), HEALTH_SAME);
    assert_int_equal(health_result(&h, false, "once", 4000), HEALTH_SAME);
    assert_int_equal(h.state, GOOD);
    assert_int_equal(health_result(&h, true, "", 5000), HEALTH_SAME); /* not in a row */
    assert_int_equal(health_result(&h, false, "one", 6000), HEALTH_SAME);
    assert_int_equal(health_result(&h, false, "two", 7000), HEALTH_FAILED);
    assert_int_equal(h.state, BAD);
    assert_string_equal(h.text, "two");
    assert_int_equal(health_result(&h, false, "three", 8000), HEALTH_SAME); /* said once */
    health_stopped(&h);
    assert_int_equal(h.next_ms, 0);
    assert_int_equal(h.state, OPEN);
}

/* Failures do not count in the start period, until the first success ends it. */
static void test_start_period(void **state)
{
    Bailey__V1__Health spec;
    struct health h;

    (void)state;
    begin(&h, &spec, "10s");
    for (int64_t at = 2000; at < 11000; at += 1000)
        assert_int_equal(health_result(&h, false, "not yet", at), HEALTH_SAME);
    assert_int_equal(health_result(&h, false, "not yet", 11000), HEALTH_SAME);
    assert_int_equal(health_result(&h, false, "not yet", 12000), HEALTH_FAILED);
    begin(&h, &spec, "10s");
    assert_int_equal(health_result(&h, true, "", 2000), HEALTH_CHANGED);
    assert_int_equal(health_result(&h, false, "", 3000), HEALTH_SAME);
    assert_int_equal(health_result(&h, false, "", 4000), HEALTH_FAILED);
}

static void test_nothing_asked_for(void **state)
{
    struct health h;

    (void)state;
    health_init(&h, NULL);
    health_started(&h, 1000);
    assert_int_equal(h.next_ms, 0);
    assert_int_equal(health_tick(&h, 1, false, NULL, 100000), HEALTH_SAME);
}

static unsigned step(struct supervise *s, enum supervise_event_kind kind, int64_t now)
{
    const struct supervise_event ev = {
        .kind = kind, .grace_ms = 500, .text = "because", .exit_signal = 9};

    return supervise_step(s, &ev, now);
}

static void test_unhealthy_is_told_then_killed_then_again(void **state)
{
    struct supervise s = {.policy = RESTART_ON_FAILURE, .backoff_ms = 100, .max_backoff_ms = 100};

    (void)state;
    (void)step(&s, SUPERVISE_BEGIN, 0);
    assert_string_equal(s.exit_reason, "");
    assert_int_equal(step(&s, SUPERVISE_UNHEALTHY, 0), 0); /* it does not run yet */
    (void)step(&s, SUPERVISE_SPAWNED, 1);
    assert_int_equal(step(&s, SUPERVISE_UNHEALTHY, 10), SUPERVISE_DO_TERM | SUPERVISE_DO_REPORT);
    assert_int_equal(s.timer_ms, 510);
    assert_int_equal(step(&s, SUPERVISE_UNHEALTHY, 20), 0); /* once */
    assert_int_equal(step(&s, SUPERVISE_TIMER, 510), SUPERVISE_DO_KILL);
    (void)step(&s, SUPERVISE_EXITED, 520);
    assert_int_equal(s.state, SUPERVISE_WAITING);
    assert_string_equal(s.exit_reason, "unhealthy");
    assert_string_equal(s.reason, "because");
    (void)step(&s, SUPERVISE_TIMER, 620);
    (void)step(&s, SUPERVISE_SPAWNED, 630);
    (void)step(&s, SUPERVISE_EXITED, 640);
    assert_string_equal(s.exit_reason, "signal"); /* forgotten with the end */
}

static void test_what_ends_are_called(void **state)
{
    static const struct {
        enum supervise_event_kind kind;
        const char *want;
    } cases[] = {{SUPERVISE_STOP, "stopped"}, {SUPERVISE_DEADLINE, "lease-expired"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct supervise s = {.policy = RESTART_ALWAYS};

        (void)step(&s, SUPERVISE_BEGIN, 0);
        (void)step(&s, SUPERVISE_SPAWNED, 1);
        (void)step(&s, SUPERVISE_UNHEALTHY, 2); /* what was asked for wins */
        (void)step(&s, cases[i].kind, 3);
        (void)step(&s, SUPERVISE_EXITED, 4);
        assert_int_equal(s.state, SUPERVISE_ENDED);
        assert_string_equal(s.exit_reason, cases[i].want);
    }
}

static void explain(const void *bytes, size_t n, int error, const char *reason)
{
    char path[] = "/tmp/bailey-exec-XXXXXX";
    struct err e = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    (void)close(fd);
    assert_false(exec_error(error, path, &e));
    assert_string_equal(e.reason, reason);
    (void)unlink(path);
}

static void test_why_it_was_not_executed(void **state)
{
    static const uint8_t alien[20] = {0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 2, [18] = 0x2a};

    (void)state;
    explain("#! /no/such -x\n", 15, ENOENT, "exec.interpreter-missing");
    explain("#!", 2, ENOENT, "exec.interpreter-missing");
    explain("", 0, ENOEXEC, "exec.format");
    explain("words\n", 6, ENOEXEC, "exec.format");
    explain(alien, sizeof alien, ENOEXEC, "exec.wrong-architecture");
    explain(alien, 10, ENOEXEC, "exec.format");
    explain("x", 1, EACCES, "exec.not-permitted");
    explain("x", 1, EIO, "exec.failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_start_period),
        cmocka_unit_test(test_nothing_asked_for),
        cmocka_unit_test(test_unhealthy_is_told_then_killed_then_again),
        cmocka_unit_test(test_what_ends_are_called),
        cmocka_unit_test(test_why_it_was_not_executed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
