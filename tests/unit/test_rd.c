/* The reader of untrusted bytes. */
#include "base/rd.h"

#include "tests/lib/unit.h"

static bool pair_parse(struct bytes in, struct err *e) /* u32 version, 4 reserved bytes */
{
    struct rd r = rd_init(in);

    if (rd_le32(&r, "version") == 99)
        rd_bad(&r, "version");
    rd_zero(&r, 4, "reserved");
    return rd_end(&r, e);
}

#define ROW(name, lit, reason, want)                                                               \
    {                                                                                              \
        name, BYTES_INIT(lit), (reason), want                                                      \
    }
static const struct {
    const char *name;
    struct bytes in;
    const char *reason; /* NULL: must parse */
    const char *want;
} cases[] = {
    ROW("smallest good one", "\2\0\0\0\0\0\0\0", NULL, NULL),
    ROW("empty", "", "bytes.truncated", "version: need 4 bytes at 0, 0 left"),
    ROW("short second field", "\2\0\0\0\0", "bytes.truncated",
        "reserved: need 4 bytes at 4, 1 left"),
    ROW("reserved set", "\2\0\0\0\0\1\0\0", "bytes.reserved-not-zero", "reserved: want zero"),
    ROW("bad value is kept over later ones", "\143\0\0\0\0\1\0\0", "bytes.reserved-not-zero",
        "version: want zero"),
    ROW("one byte over", "\2\0\0\0\0\0\0\0x", "bytes.trailing", "1 bytes too many at 8"),
};

static void reader_accepts_only_the_exact_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        bool ok = pair_parse(cases[i].in, &e);

        if (ok != (cases[i].reason == NULL))
            fail_msg("%s: got \"%s\"", cases[i].name, ok ? "parsed" : e.msg);
        if (!ok && (strcmp(e.msg, cases[i].want) != 0 || strcmp(e.reason, cases[i].reason) != 0))
            fail_msg("%s: got \"%s\" (%s)", cases[i].name, e.msg, e.reason);
    }
}

static void no_prefix_of_a_good_input_is_good(void **state)
{
    const struct bytes good = cases[0].in;

    (void)state;
    for (size_t n = 0; n < good.n; n++)
        assert_false(pair_parse((struct bytes){good.p, n}, NULL));
}

static void integers_have_the_width_and_order_they_say(void **state)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    for (size_t width = 1; width <= 8; width++) {
        struct rd le = rd_init(BYTES_OF(in)), be = rd_init(BYTES_OF(in));
        uint64_t want_le = 0, want_be = 0;

        for (size_t i = 0; i < width; i++) {
            want_le |= (uint64_t)in[i] << (8 * i);
            want_be = want_be << 8 | in[i];
        }
        assert_true(rd_le(&le, width, "v") == want_le);
        assert_true(rd_be(&be, width, "v") == want_be);
        assert_int_equal(le.off, width);
        assert_int_equal(be.rest.n, 8 - width);
    }
}

static void after_a_misfit_reads_give_zeros_and_take_nothing(void **state)
{
    static const uint8_t in[] = {0xff, 0xff, 0xff};
    uint8_t out[2] = {1, 1};
    struct rd r = rd_init(BYTES_OF(in));
    struct err e = {0};

    (void)state;
    assert_int_equal(rd_u8(&r, "a"), 0xff);
    assert_int_equal(rd_le64(&r, "b"), 0);
    assert_int_equal(rd_le16(&r, "c"), 0);
    rd_copy(&r, out, sizeof out, "d");
    assert_int_equal(out[0] | out[1], 0);
    assert_null(rd_take(&r, 0, "e").p);
    assert_int_equal(r.rest.n, 2);
    assert_false(rd_ok(&r, &e));
    assert_string_equal(e.field, "b");
    assert_string_equal(e.found, "2 bytes");
    assert_string_equal(e.expected, "8 bytes");
}

static void copies_exactly_what_was_asked(void **state)
{
    static const uint8_t in[] = {1, 2, 3};
    uint8_t out[3] = {9, 9, 9};
    struct rd r = rd_init(BYTES_OF(in));

    (void)state;
    rd_copy(&r, out, 2, "a");
    assert_memory_equal(out, "\1\2\11", 3);
    assert_true(rd_ok(&r, NULL));
    assert_false(rd_end(&r, NULL));
}

static void an_empty_input_without_memory_is_fine(void **state)
{
    struct rd r = rd_init((struct bytes){NULL, 0});

    (void)state;
    assert_int_equal(rd_take(&r, 0, "nothing").n, 0);
    assert_true(rd_end(&r, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_accepts_only_the_exact_layout),
        cmocka_unit_test(no_prefix_of_a_good_input_is_good),
        cmocka_unit_test(integers_have_the_width_and_order_they_say),
        cmocka_unit_test(after_a_misfit_reads_give_zeros_and_take_nothing),
        cmocka_unit_test(copies_exactly_what_was_asked),
        cmocka_unit_test(an_empty_input_without_memory_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
