/* Log lines as they arrive at standard error: one line, one record, whatever the fields hold. */
#include "base/log.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/lib/unit.h"

static int kept_stderr, catcher;

static int catch_stderr(void **state)
{
    (void)state;
    kept_stderr = dup(STDERR_FILENO);
    catcher = memfd_create("log", MFD_CLOEXEC);
    return kept_stderr < 0 || catcher < 0 || dup2(catcher, STDERR_FILENO) < 0 ? -1 : 0;
}

static int let_stderr_go(void **state)
{
    (void)state;
    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    return close(catcher);
}

/* What was logged since the last call; free() it. */
static char *logged(void)
{
    off_t n = lseek(catcher, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);

    assert_non_null(text);
    assert_int_equal(pread(catcher, text, (size_t)n, 0), n);
    assert_int_equal(ftruncate(catcher, 0), 0);
    assert_int_equal(lseek(catcher, 0, SEEK_SET), 0);
    return text;
}

/* The one line that was logged, read by a reader that is not ours. */
static json_t *logged_json(void)
{
    char *text = logged(), *end = strchr(text, '\n');
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(root);
    assert_non_null(end);
    assert_string_equal(end, "\n");
    free(text);
    return root;
}

static void json_lines_hold_typed_fields(void **state)
{
    struct err e = {0};
    json_t *root;

    (void)state;
    (void)err_set(&e, ERR_INPUT, "snp.version", "report: version 1");
    log_init("agent", LOG_INFO, LOG_JSON);
    log_warn("node refused", LOG_STR("node", "n\"7\n\xff"), LOG_INT("age_ms", -5), LOG_ERR(&e),
             LOG_STR("nothing", NULL));
    root = logged_json();
    assert_string_equal(json_string_value(json_object_get(root, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(root, "component")), "agent");
    assert_string_equal(json_string_value(json_object_get(root, "msg")), "node refused");
    assert_string_equal(json_string_value(json_object_get(root, "node")), "n\"7\n\xef\xbf\xbd");
    assert_int_equal(json_integer_value(json_object_get(root, "age_ms")), -5);
    assert_string_equal(json_string_value(json_object_get(root, "error")), "report: version 1");
    assert_string_equal(json_string_value(json_object_get(root, "reason")), "snp.version");
    assert_string_equal(json_string_value(json_object_get(root, "nothing")), "");
    assert_int_equal(json_string_length(json_object_get(root, "time")), 24);
    json_decref(root);
}

static void text_lines_stay_one_line(void **state)
{
    char *text;

    (void)state;
    log_init("cli", LOG_INFO, LOG_TEXT);
    log_info("hello", LOG_STR("name", "a\nb\x1b[2J"), LOG_INT("n", 3));
    text = logged();
    assert_non_null(strstr(text, " info  cli: hello name=\"a\\x0ab\\x1b[2J\" n=3\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void levels_below_the_chosen_one_are_silent(void **state)
{
    char *text;

    (void)state;
    log_init("cli", LOG_WARN, LOG_TEXT);
    log_debug("d");
    log_info("i");
    log_warn("w");
    log_error("e");
    text = logged();
    assert_null(strstr(text, ": d"));
    assert_null(strstr(text, ": i"));
    assert_non_null(strstr(text, ": w\n"));
    assert_non_null(strstr(text, ": e\n"));
    free(text);
}

static void a_field_too_long_for_a_line_does_not_break_the_record(void **state)
{
    char *big = malloc(40000);
    json_t *root;

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 39999);
    big[39999] = '\0';
    log_init("agent", LOG_INFO, LOG_JSON);
    log_info("big one", LOG_INT("n", 3), LOG_STR("text", big));
    root = logged_json();
    assert_string_equal(json_string_value(json_object_get(root, "msg")), "big one");
    assert_non_null(json_object_get(root, "cut"));
    json_decref(root);
    free(big);
}

static void more_fields_than_fit_are_left_out(void **state)
{
#define FOUR LOG_INT("a", 1), LOG_INT("b", 2), LOG_INT("c", 3), LOG_INT("d", 4)
    char *text;

    (void)state;
    log_init("agent", LOG_INFO, LOG_TEXT);
    log_info("many", FOUR, FOUR, FOUR, FOUR, LOG_INT("seventeenth", 17));
    text = logged();
    assert_null(strstr(text, "seventeenth"));
    assert_non_null(strstr(text, "c=3 d=4\n"));
    free(text);
}

static void level_names_are_the_four(void **state)
{
    static const char *const good[] = {"debug", "info", "warn", "error"};
    enum log_level l = LOG_ERROR;

    (void)state;
    for (unsigned i = 0; i < COUNT(good); i++) {
        assert_true(log_level_parse(good[i], &l));
        assert_int_equal(l, i);
    }
    assert_false(log_level_parse("INFO", &l));
    assert_false(log_level_parse("", &l));
    assert_int_equal(l, LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_lines_hold_typed_fields, catch_stderr, let_stderr_go),
        cmocka_unit_test_setup_teardown(text_lines_stay_one_line, catch_stderr, let_stderr_go),
        cmocka_unit_test_setup_teardown(levels_below_the_chosen_one_are_silent, catch_stderr,
                                        let_stderr_go),
        cmocka_unit_test_setup_teardown(a_field_too_long_for_a_line_does_not_break_the_record,
                                        catch_stderr, let_stderr_go),
        cmocka_unit_test_setup_teardown(more_fields_than_fit_are_left_out, catch_stderr,
                                        let_stderr_go),
        cmocka_unit_test(level_names_are_the_four),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
