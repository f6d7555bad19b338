/* Time and duration texts, and the kernel's clocks. */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/rand.h"
#include "tests/lib/unit.h"

static const struct {
    const char *text;
    int64_t s;
} times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01T00:00:01Z", 1},
    {"1999-12-31T23:59:59Z", 946684799},
    {"2000-02-29T12:00:00Z", 951825600},
    {"2001-09-09T01:46:40Z", 1000000000},
    {"2024-02-29T00:00:00Z", 1709164800},
    {"2038-01-19T03:14:08Z", 2147483648},
    {"2100-03-01T00:00:00Z", 4107542400},
    {"9999-12-31T23:59:59Z", 253402300799},
};

static void times_read_and_write_the_same_text(void **state)
{
    char out[TIME_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        int64_t s = -1;

        assert_true(time_parse(times[i].text, &s, NULL));
        assert_true(s == times[i].s);
        assert_string_equal(time_format(times[i].s, out), times[i].text);
    }
    assert_string_equal(time_format(-5, out), "1970-01-01T00:00:00Z");
    assert_string_equal(time_format(INT64_MAX, out), "9999-12-31T23:59:59Z");
}

static void times_agree_with_the_c_library(void **state)
{
    struct prng r;

    (void)state;
    prng_seed(&r, 7);
    for (int i = 0; i < 5000; i++) {
        time_t s = (time_t)prng_below(&r, 253402300800);
        char want[TIME_TEXT], got[TIME_TEXT];
        int64_t back = -1;
        struct tm tm;

        assert_non_null(gmtime_r(&s, &tm));
        assert_true(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
        assert_string_equal(time_format(s, got), want);
        assert_true(time_parse(got, &back, NULL));
        assert_true(back == s);
    }
}

static void a_date_means_its_first_second(void **state)
{
    int64_t s = -1;

    (void)state;
    assert_true(time_parse("2024-02-29", &s, NULL));
    assert_true(s == 1709164800);
}

static const char *const bad_times[] = {
    "",
    "2024",
    "2024-2-29",
    "2023-02-29",
    "2100-02-29",
    "2024-13-01",
    "2024-00-01",
    "2024-01-00",
    "2024-04-31",
    "1969-12-31",
    "2024-01-01T",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00+00:00",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:60Z",
    "2024-01-01 00:00:00Z",
    "2024-01-01T00:00:00Zx",
    "2024-01-01x",
    "-024-01-01",
};

static void what_is_not_a_time_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_times); i++) {
        struct err e = {0};
        int64_t s = 42;

        if (time_parse(bad_times[i], &s, &e) || s != 42 || e.code != ERR_INPUT)
            fail_msg("\"%s\"", bad_times[i]);
        assert_string_equal(e.reason, "time.format");
    }
}

static const struct {
    const char *in;
    int64_t ms;
    const char *shortest;
} durations[] = {
    {"0s", 0, "0s"},
    {"1ms", 1, "1ms"},
    {"10s", 10000, "10s"},
    {"90s", 90000, "1m30s"},
    {"1h30m", 5400000, "1h30m"},
    {"24h", 86400000, "1d"},
    {"2d3h4m5s6ms", 183845006, "2d3h4m5s6ms"},
    {"1500ms", 1500, "1s500ms"},
    {"106751991167d", 9223372036828800000, "106751991167d"},
};

static void durations_read_and_write(void **state)
{
    char out[DURATION_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT(durations); i++) {
        int64_t ms = -1;

        assert_true(duration_parse(durations[i].in, &ms, NULL));
        assert_true(ms == durations[i].ms);
        assert_string_equal(duration_format(ms, out), durations[i].shortest);
    }
    assert_string_equal(duration_format(-1, out), "0s");
    assert_true(strlen(duration_format(INT64_MAX, out)) < DURATION_TEXT);
}

static const struct {
    const char *in, *mend;
} bad_durations[] = {
    {"", ""},
    {"10", "write the unit: 10s"},
    {"s", ""},
    {"10x", ""},
    {"10 s", ""},
    {"-1s", ""},
    {"1.5h", ""},
    {"1s1m", ""}, /* units go down */
    {"1s1s", ""}, /* and come once */
    {"1smm", ""},
    {"106751991168d", ""}, /* over 2^63 - 1 ms */
    {"99999999999999999999s", ""},
};

static void what_is_not_a_duration_is_refused_with_a_hint_that_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_durations); i++) {
        struct err e = {0};
        int64_t ms = 42;

        if (duration_parse(bad_durations[i].in, &ms, &e) || ms != 42)
            fail_msg("\"%s\"", bad_durations[i].in);
        assert_string_equal(e.reason, "duration.format");
        assert_string_equal(e.mend, bad_durations[i].mend);
    }
}

static void the_kernels_clocks_do_not_go_back(void **state)
{
    const struct clock *c = &clock_system;
    int64_t mono = c->mono_ms(c), boot = c->boottime_ms(c);

    (void)state;
    assert_true(c->wall_ms(c) > 1700000000000);
    assert_true(boot >= mono);
    for (int i = 0; i < 1000; i++) {
        assert_true(c->mono_ms(c) >= mono);
        assert_true(c->boottime_ms(c) >= boot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_read_and_write_the_same_text),
        cmocka_unit_test(times_agree_with_the_c_library),
        cmocka_unit_test(a_date_means_its_first_second),
        cmocka_unit_test(what_is_not_a_time_is_refused),
        cmocka_unit_test(durations_read_and_write),
        cmocka_unit_test(what_is_not_a_duration_is_refused_with_a_hint_that_helps),
        cmocka_unit_test(the_kernels_clocks_do_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
