/* The error value: what it keeps, what it cuts, and that nobody needs one. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static void setting_starts_a_new_error(void **state)
{
    struct err e = {0};

    (void)state;
    assert_false(err_set(&e, ERR_LIMIT, "first.reason", "first"));
    assert_false(err_field(&e, "spec"));
    assert_false(err_set(&e, ERR_INPUT, "second.reason", "%s %d", "second", 2));
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.reason, "second.reason");
    assert_string_equal(e.msg, "second 2");
    assert_string_equal(e.field, "");
}

static void wrapping_reads_outermost_first(void **state)
{
    struct err e = {0};

    (void)state;
    assert_false(err_set(&e, ERR_INPUT, "bytes.truncated", "family_id: need 16 bytes"));
    assert_false(err_wrap(&e, "report"));
    assert_false(err_wrap(&e, "node %s", "n7"));
    assert_string_equal(e.msg, "node n7: report: family_id: need 16 bytes");
    assert_string_equal(e.reason, "bytes.truncated");
}

static void field_paths_join_with_dots_but_not_before_an_index(void **state)
{
    struct err e = {0};

    (void)state;
    assert_false(err_field(&e, "vendor"));
    assert_string_equal(e.field, "vendor");
    assert_false(err_field(&e, "[%d]", 3));
    assert_string_equal(e.field, "[3].vendor");
    assert_false(err_field(&e, "accept"));
    assert_false(err_field(&e, "spec.trust"));
    assert_string_equal(e.field, "spec.trust.accept[3].vendor");
}

static void long_texts_are_cut_and_stay_terminated(void **state)
{
    struct err e = {0};
    char big[2000];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_false(err_set(&e, ERR_INPUT, big, "%s", big));
    assert_int_equal(strlen(e.reason), sizeof e.reason - 1);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_false(err_wrap(&e, "outer"));
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_memory_equal(e.msg, "outer: xxx", 10);
    assert_false(err_found(&e, "%s", big));
    assert_false(err_expected(&e, "%s", big));
    assert_false(err_mend(&e, "%s", big));
    assert_int_equal(strlen(e.found), sizeof e.found - 1);
    assert_int_equal(strlen(e.expected), sizeof e.expected - 1);
    assert_int_equal(strlen(e.mend), sizeof e.mend - 1);
    /* an outer text that leaves no room for the cause is dropped, the cause is worth more */
    assert_false(err_set(&e, ERR_INPUT, "r", "cause"));
    assert_false(err_wrap(&e, "%s", big));
    assert_string_equal(e.msg, "cause");
}

static void nobody_needs_an_error(void **state)
{
    (void)state;
    assert_false(err_set(NULL, ERR_INPUT, "r", "m"));
    assert_false(err_wrap(NULL, "m"));
    assert_false(err_field(NULL, "m"));
    assert_false(err_found(NULL, "m"));
    assert_false(err_expected(NULL, "m"));
    assert_false(err_mend(NULL, "m"));
    assert_false(err_errno(NULL, ENOENT, "r", "m"));
}

static const struct {
    int error;
    enum err_code want;
} errnos[] = {
    {ENOENT, ERR_MISSING}, {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED}, {ENOSPC, ERR_LIMIT},
    {EDQUOT, ERR_LIMIT},   {ENOMEM, ERR_NOMEM},  {EIO, ERR_IO},       {EINVAL, ERR_IO},
};

static void errno_becomes_a_code_and_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errnos); i++) {
        struct err e = {0};
        char want[200];

        (void)snprintf(want, sizeof want, "open x: %s", strerror(errnos[i].error));
        assert_false(err_errno(&e, errnos[i].error, "file.open", "open %s", "x"));
        assert_int_equal(e.code, errnos[i].want);
        assert_string_equal(e.msg, want);
        assert_string_equal(e.reason, "file.open");
    }
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERR_CODES; i++) {
        assert_non_null(err_code_name((enum err_code)i));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(err_code_name((enum err_code)i),
                                    err_code_name((enum err_code)k));
    }
    assert_string_equal(err_code_name(ERR_CODES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_starts_a_new_error),
        cmocka_unit_test(wrapping_reads_outermost_first),
        cmocka_unit_test(field_paths_join_with_dots_but_not_before_an_index),
        cmocka_unit_test(long_texts_are_cut_and_stay_terminated),
        cmocka_unit_test(nobody_needs_an_error),
        cmocka_unit_test(errno_becomes_a_code_and_words),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
