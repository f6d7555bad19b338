/* Tables: widths, hidden columns, colour, texts that would break a terminal. */
#include "cli/table.h"

#include "tests/lib/unit.h"

static const struct column two[] = {{"NAME", false}, {"STATE", false}};
static const struct column three[] = {{"NAME", false}, {"PID", true}, {"STATE", false}};

static void widths(void **state)
{
    AUTO_BUF struct buf out = {0};
    struct table t;

    (void)state;
    table_init(&t, two, 2, false);
    table_cell(&t, TONE_PLAIN, "a-long-name");
    table_cell(&t, TONE_PLAIN, "%s", "");
    table_cell(&t, TONE_PLAIN, "b");
    table_cell(&t, TONE_GOOD, "running");
    table_print(&t, false, true, &out);
    assert_string_equal(buf_str(&out), "NAME         STATE\n"
                                       "a-long-name  -\n"
                                       "b            running\n");
    table_fini(&t);
}

static void wide_columns(void **state)
{
    AUTO_BUF struct buf narrow = {0}, wide = {0};
    struct table t;

    (void)state;
    for (int i = 0; i < 2; i++) {
        table_init(&t, three, 3, i == 1);
        table_cell(&t, TONE_PLAIN, "k");
        table_cell(&t, TONE_PLAIN, "%d", 4711);
        table_cell(&t, TONE_PLAIN, "running");
        table_print(&t, false, true, i == 1 ? &wide : &narrow);
        table_fini(&t);
    }
    assert_string_equal(buf_str(&narrow), "NAME  STATE\nk     running\n");
    assert_string_equal(buf_str(&wide), "NAME  PID   STATE\nk     4711  running\n");
}

static void colour_does_not_count(void **state)
{
    AUTO_BUF struct buf out = {0};
    struct table t;

    (void)state;
    table_init(&t, two, 2, false);
    table_cell(&t, TONE_BAD, "x");
    table_cell(&t, TONE_PLAIN, "y");
    table_print(&t, true, false, &out);
    assert_string_equal(buf_str(&out), "\x1b[31;1mx\x1b[0m     y\n");
    table_fini(&t);
}

static void hostile_text(void **state)
{
    AUTO_BUF struct buf out = {0};
    struct table t;

    (void)state;
    table_init(&t, two, 2, false);
    table_cell(&t, TONE_PLAIN, "%s", "a\x1b[2Jb\n");
    table_cell(&t, TONE_PLAIN, "%s", "\xc3\xa9\xff");
    table_print(&t, false, false, &out);
    assert_null(strchr(buf_str(&out), '\x1b'));
    assert_int_equal(strlen(strchr(buf_str(&out), '\n')), 1);
    table_fini(&t);
}

static void nothing_without_rows(void **state)
{
    AUTO_BUF struct buf out = {0};
    struct table t;

    (void)state;
    table_init(&t, two, 2, false);
    table_print(&t, false, true, &out);
    assert_int_equal(out.n, 0);
    table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),
        cmocka_unit_test(wide_columns),
        cmocka_unit_test(colour_does_not_count),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(nothing_without_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
