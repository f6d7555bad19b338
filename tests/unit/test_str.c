/* Texts from outside: UTF-8, names, hex, numbers, suggestions, showing the unshowable. */
#include "base/str.h"

#include "tests/lib/unit.h"

#define UTF8(lit, want)                                                                            \
    {                                                                                              \
        BYTES_INIT(lit), (want)                                                                    \
    }
static const struct {
    struct bytes in;
    bool want;
} utf8[] = {
    UTF8("", true),
    UTF8("plain", true),
    UTF8("\xc3\xa9", true),
    UTF8("\xe2\x82\xac", true),
    UTF8("\xf0\x9f\x98\x80", true),
    UTF8("\xf4\x8f\xbf\xbf", true),
    UTF8("a\0b", false),
    UTF8("\x80", false),             /* continuation alone */
    UTF8("\xc3", false),             /* cut */
    UTF8("\xe2\x82", false),         /* cut */
    UTF8("\xc0\xaf", false),         /* overlong slash */
    UTF8("\xc1\xbf", false),         /* overlong */
    UTF8("\xe0\x9f\xbf", false),     /* overlong */
    UTF8("\xf0\x8f\xbf\xbf", false), /* overlong */
    UTF8("\xed\xa0\x80", false),     /* surrogate */
    UTF8("\xed\x9f\xbf", true),      /* just below the surrogates */
    UTF8("\xf4\x90\x80\x80", false), /* above U+10FFFF */
    UTF8("\xf5\x80\x80\x80", false),
    UTF8("\xff", false),
    UTF8("\xc3\xc3", false),
    UTF8("\xf0\x9f\x98z", false),
};

static void only_well_formed_utf8_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(utf8); i++)
        if (utf8_ok(utf8[i].in) != utf8[i].want)
            fail_msg("row %zu", i);
}

#define LONG63 "a23456789012345678901234567890123456789012345678901234567890123"
static const struct {
    const char *in, *reason;
} names[] = {
    {"a", NULL},
    {"node-7", NULL},
    {"0", NULL},
    {LONG63, NULL},
    {"", "name.length"},
    {LONG63 "4", "name.length"},
    {"-a", "name.dash"},
    {"a-", "name.dash"},
    {"Node", "name.character"},
    {"a_b", "name.character"},
    {"a.b", "name.character"},
    {"a b", "name.character"},
    {"a/b", "name.character"},
    {"caf\xc3\xa9", "name.character"},
    {"a\x1b[31m", "name.character"},
    {"\xff", "name.character"},
};

static void names_are_short_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct err e = {0};
        bool ok = name_check(names[i].in, "metadata.name", &e);

        if (ok != (names[i].reason == NULL) || (!ok && strcmp(e.reason, names[i].reason) != 0))
            fail_msg("\"%s\": %s", names[i].in, ok ? "accepted" : e.reason);
        if (!ok) {
            assert_string_equal(e.field, "metadata.name");
            assert_true(utf8_ok(bytes_str(e.msg)));
            assert_null(strchr(e.msg, '\x1b'));
        }
    }
}

static void hex_goes_there_and_back(void **state)
{
    uint8_t out[4] = {7, 7, 7, 7};
    char text[9];
    size_t n = 99;

    (void)state;
    assert_true(hex_parse("00aFb1", out, sizeof out, &n, NULL));
    assert_int_equal(n, 3);
    assert_memory_equal(out, "\x00\xaf\xb1\x07", 4);
    hex_format((struct bytes){out, n}, text);
    assert_string_equal(text, "00afb1");
    assert_true(hex_parse("", out, sizeof out, &n, NULL));
    assert_int_equal(n, 0);
}

static const struct {
    const char *in, *reason;
} bad_hex[] = {
    {"abc", "hex.length"},   {"0g", "hex.character"},        {" 0", "hex.character"},
    {"0x", "hex.character"}, {"0102030405", "hex.too-long"},
};

static void bad_hex_is_refused_and_leaves_the_output_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_hex); i++) {
        uint8_t out[4] = {7, 7, 7, 7};
        struct err e = {0};
        size_t n = 99;

        assert_false(hex_parse(bad_hex[i].in, out, sizeof out, &n, &e));
        assert_string_equal(e.reason, bad_hex[i].reason);
        assert_memory_equal(out, "\7\7\7\7", 4);
        assert_int_equal(n, 99);
    }
}

static const struct {
    const char *in;
    bool ok;
    uint64_t want;
} numbers[] = {
    {"0", true, 0},
    {"007", true, 7},
    {"18446744073709551615", true, UINT64_MAX},
    {"0xDE", true, 0xde},
    {"0xffffffffffffffff", true, UINT64_MAX},
    {"18446744073709551616", false, 0},
    {"0x10000000000000000", false, 0},
    {"", false, 0},
    {"0x", false, 0},
    {"-1", false, 0},
    {"+1", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"1f", false, 0},
    {"1e3", false, 0},
};

static void numbers_are_whole_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        uint64_t v = 42;

        if (u64_parse(numbers[i].in, &v) != numbers[i].ok ||
            v != (numbers[i].ok ? numbers[i].want : 42))
            fail_msg("\"%s\"", numbers[i].in);
    }
}

static const struct {
    const char *a, *b;
    size_t cap, want;
} distances[] = {
    {"", "", 9, 0},
    {"", "abc", 9, 3},
    {"abc", "", 9, 3},
    {"genoa", "genoa", 9, 0},
    {"gneoa", "genoa", 9, 1},
    {"geno", "genoa", 9, 1},
    {"milna", "milan", 9, 1},
    {"turin", "tulip", 9, 2},
    {"kitten", "sitting", 9, 3},
    {"abcdef", "uvwxyz", 4, 4},
};

static void distance_counts_edits_and_swaps(void **state)
{
    char big[66];

    (void)state;
    for (size_t i = 0; i < COUNT(distances); i++) {
        assert_int_equal(str_distance(distances[i].a, distances[i].b, distances[i].cap),
                         distances[i].want);
        assert_int_equal(str_distance(distances[i].b, distances[i].a, distances[i].cap),
                         distances[i].want);
    }
    memset(big, 'a', 65);
    big[65] = '\0';
    assert_int_equal(str_distance(big, big, 5), 5);
    assert_int_equal(str_distance(big + 1, big + 1, 5), 0);
}

static void the_nearest_word_is_found_and_nothing_is_guessed(void **state)
{
    static const char *const words[] = {"milan", "genoa", "bergamo", "siena", "turin", "amd"};
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"mialn", "milan"}, {"Genoa", "genoa"}, {"bergmao", "bergamo"}, {"turn", "turin"},
        {"amd", "amd"},     {"and", "amd"},     {"cascadelake", NULL},  {"", NULL},
        {"x", NULL},        {"zz", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = str_nearest(rows[i].in, words, COUNT(words));

        if (got == NULL || rows[i].want == NULL ? got != rows[i].want
                                                : strcmp(got, rows[i].want) != 0)
            fail_msg("%s: got %s", rows[i].in, got != NULL ? got : "nothing");
    }
    assert_null(str_nearest("amd", words, 0));
}

static void copies_are_cut_but_terminated(void **state)
{
    char out[4];

    (void)state;
    assert_true(str_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(str_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
}

#define SHOW(lit, want)                                                                            \
    {                                                                                              \
        BYTES_INIT(lit), want                                                                      \
    }
static const struct {
    struct bytes in;
    const char *want;
} shows[] = {
    SHOW("", ""),
    SHOW("plain caf\xc3\xa9", "plain caf\xc3\xa9"),
    SHOW("a\nb\0c\x7f", "a\\x0ab\\x00c\\x7f"),
    SHOW("\x1b[2J", "\\x1b[2J"),
    SHOW("\xff\xc3", "\\xff\\xc3"),
    SHOW("\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"), /* the C1 form of ESC [ */
    SHOW("\xc2\xa0", "\xc2\xa0"),
    SHOW("0123456789012345678901234567890123456789", "0123456789012345678901234567..."),
    SHOW("012345678901234567890123456\xe2\x82\xac...", "012345678901234567890123456..."),
};

static void text_of_unknown_origin_cannot_speak_to_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shows); i++) {
        char out[32];

        assert_string_equal(str_printable(shows[i].in, out, sizeof out), shows[i].want);
    }
}

static void showing_fits_any_size(void **state)
{
    (void)state;
    for (size_t size = 1; size < 24; size++) {
        char out[24];

        memset(out, 'x', sizeof out);
        (void)str_printable(BYTES_LIT("ab\1\2\xc3\xa9 and more of it"), out, size);
        assert_true(strlen(out) < size);
        assert_true(size == sizeof out || out[size] == 'x');
        assert_true(utf8_ok(bytes_str(out)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_well_formed_utf8_passes),
        cmocka_unit_test(names_are_short_labels),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(bad_hex_is_refused_and_leaves_the_output_alone),
        cmocka_unit_test(numbers_are_whole_and_nothing_else),
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(the_nearest_word_is_found_and_nothing_is_guessed),
        cmocka_unit_test(copies_are_cut_but_terminated),
        cmocka_unit_test(text_of_unknown_origin_cannot_speak_to_the_terminal),
        cmocka_unit_test(showing_fits_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
