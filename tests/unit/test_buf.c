/* The growable buffer: contents, the limit, and that a failure sticks. */
#include "base/buf.h"

#include <stdlib.h>

#include "tests/lib/unit.h"

static void puts_follow_one_another(void **state)
{
    AUTO_BUF struct buf b = {0};

    (void)state;
    assert_string_equal(buf_str(&b), "");
    buf_puts(&b, "a");
    buf_putc(&b, 'b');
    buf_printf(&b, "%d-%s", 12, "x");
    buf_hex(&b, BYTES_LIT("\x00\xaf\x10"));
    assert_true(buf_ok(&b, NULL));
    assert_string_equal(buf_str(&b), "ab12-x00af10");
    buf_clear(&b);
    buf_le(&b, 0x0102030405060708, 3);
    buf_be(&b, 0x0102030405060708, 3);
    buf_zero(&b, 2);
    buf_be(&b, 0x0102030405060708, 8);
    assert_true(
        bytes_equal(buf_bytes(&b), BYTES_LIT("\x08\x07\x06\x06\x07\x08\0\0\1\2\3\4\5\6\7\10")));
}

static void grows_through_many_sizes_without_losing_a_byte(void **state)
{
    AUTO_BUF struct buf b = {0};

    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        buf_le(&b, i, 2);
    assert_true(buf_ok(&b, NULL));
    assert_int_equal(b.n, 10000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(b.p[2 * i] | b.p[2 * i + 1] << 8, i);
}

static void the_limit_is_exact_and_a_failure_sticks(void **state)
{
    AUTO_BUF struct buf b = {.limit = 8};
    struct err e = {0};

    (void)state;
    buf_puts(&b, "12345678");
    assert_true(buf_ok(&b, NULL));
    assert_string_equal(buf_str(&b), "12345678");
    buf_putc(&b, '9');
    assert_false(buf_ok(&b, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(buf_str(&b), "");
    assert_null(buf_steal(&b, NULL));
    buf_clear(&b);
    buf_puts(&b, "1");
    assert_string_equal(buf_str(&b), "1");
}

static void each_way_to_put_respects_the_limit(void **state)
{
    (void)state;
    for (int way = 0; way < 5; way++) {
        AUTO_BUF struct buf b = {.limit = 3};

        if (way == 0)
            buf_puts(&b, "1234");
        else if (way == 1)
            buf_printf(&b, "%d", 1234);
        else if (way == 2)
            buf_zero(&b, SIZE_MAX);
        else if (way == 3)
            buf_be(&b, 1, 4);
        else
            buf_hex(&b, BYTES_LIT("\1\2"));
        assert_false(buf_ok(&b, NULL));
        assert_true(b.n <= 3);
    }
}

static void stealing_hands_over_terminated_text(void **state)
{
    struct buf b = {0};
    size_t n = 0;
    char *text;

    (void)state;
    buf_puts(&b, "mine");
    text = buf_steal(&b, &n);
    assert_string_equal(text, "mine");
    assert_int_equal(n, 4);
    assert_null(b.p);
    free(text);
    text = buf_steal(&b, NULL);
    assert_string_equal(text, "");
    free(text);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_follow_one_another),
        cmocka_unit_test(grows_through_many_sizes_without_losing_a_byte),
        cmocka_unit_test(the_limit_is_exact_and_a_failure_sticks),
        cmocka_unit_test(each_way_to_put_respects_the_limit),
        cmocka_unit_test(stealing_hands_over_terminated_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
