/* The JSON writer, read back by an independent reader. */
#include "base/json.h"

#include <math.h>

#include "tests/lib/json_read.h"
#include "tests/lib/unit.h"

static void write_sample(struct json *j)
{
    json_object(j);
    json_key(j, "empty");
    json_object(j);
    json_object_end(j);
    json_key(j, "list");
    json_array(j);
    json_int(j, INT64_MIN);
    json_uint(j, UINT64_MAX);
    json_bool(j, true);
    json_null(j);
    json_array(j);
    json_array_end(j);
    json_array_end(j);
    json_key(j, "last");
    json_str(j, "x");
    json_object_end(j);
}

static void commas_and_brackets_are_right_in_both_forms(void **state)
{
    AUTO_BUF struct buf compact = {0}, pretty = {0};
    struct json c = {.out = &compact}, p = {.out = &pretty, .pretty = true};

    (void)state;
    write_sample(&c);
    write_sample(&p);
    assert_string_equal(buf_str(&compact), "{\"empty\":{},\"list\":[-9223372036854775808,"
                                           "18446744073709551615,true,null,[]],\"last\":\"x\"}");
    assert_string_equal(buf_str(&pretty), "{\n  \"empty\": {},\n  \"list\": [\n"
                                          "    -9223372036854775808,\n    18446744073709551615,\n"
                                          "    true,\n    null,\n    []\n  ],\n"
                                          "  \"last\": \"x\"\n}");
}

/* What a reader that is not ours makes of the one string in the array. */
static void read_back(struct bytes in, const char *want, size_t n)
{
    AUTO_BUF struct buf b = {0};
    struct json j = {.out = &b};
    char got[64];
    size_t got_n = 0;

    json_array(&j);
    json_strn(&j, in);
    json_array_end(&j);
    assert_true(json_read_first(buf_str(&b), got, sizeof got, &got_n));
    assert_int_equal(got_n, n);
    assert_memory_equal(got, want, n);
}

static void every_byte_survives_or_becomes_the_replacement_character(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 128; c++) {
        uint8_t in = (uint8_t)c;

        read_back((struct bytes){&in, 1}, (const char *)&in, 1);
    }
    for (unsigned c = 128; c < 256; c++) {
        uint8_t in = (uint8_t)c;

        read_back((struct bytes){&in, 1}, "\xef\xbf\xbd", 3);
    }
    read_back(BYTES_LIT("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80", 10);
    read_back(BYTES_LIT("a\xe2\x82z"), "a\xef\xbf\xbd\xef\xbf\xbdz", 8);
    read_back(BYTES_LIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9);
}

static void doubles_are_the_shortest_that_read_back(void **state)
{
    static const struct {
        double v;
        const char *want;
    } rows[] = {
        {0, "0"},
        {1, "1"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e300, "1e+300"},
        {1.0 / 3, "0.3333333333333333"},
        {(double)NAN, "null"},
        {(double)INFINITY, "null"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_BUF struct buf b = {0};
        struct json j = {.out = &b};

        json_double(&j, rows[i].v);
        assert_string_equal(buf_str(&b), rows[i].want);
    }
}

static void base64_has_the_vectors_of_rfc_4648(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", "\"\""},
        {"f", "\"Zg==\""},
        {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""},
        {"foob", "\"Zm9vYg==\""},
        {"fooba", "\"Zm9vYmE=\""},
        {"foobar", "\"Zm9vYmFy\""},
        {"\xff\xfe\xfd", "\"//79\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_BUF struct buf b = {0};
        struct json j = {.out = &b};

        json_base64(&j, bytes_str(rows[i].in));
        assert_string_equal(buf_str(&b), rows[i].want);
    }
}

static void sixty_levels_nest_and_close(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct json j = {.out = &b};

    (void)state;
    for (int i = 0; i < 60; i++)
        json_array(&j);
    for (int i = 0; i < 60; i++) {
        json_array_end(&j);
        if (i < 59)
            json_int(&j, i);
    }
    assert_int_equal(j.depth, 0);
    assert_memory_equal(buf_str(&b) + 58, "[[],0],1]", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_brackets_are_right_in_both_forms),
        cmocka_unit_test(every_byte_survives_or_becomes_the_replacement_character),
        cmocka_unit_test(doubles_are_the_shortest_that_read_back),
        cmocka_unit_test(base64_has_the_vectors_of_rfc_4648),
        cmocka_unit_test(sixty_levels_nest_and_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
