/* The CBOR reader: what RFC 8949 calls well-formed in the shortest form, and nothing else. */
#include "tests/lib/unit.h"
#include <stdlib.h>

#include "attest/cbor.h"

struct shape {
    struct bytes in;
    const char *reason; /* NULL: sound */
};

static void shapes_check(const struct shape *rows, size_t n, enum cbor_form form)
{
    for (size_t i = 0; i < n; i++) {
        struct err e = {0};
        uint8_t *exact = malloc(rows[i].in.n == 0 ? 1 : rows[i].in.n);
        bool good;

        if (rows[i].in.n > 0)
            memcpy(exact, rows[i].in.p, rows[i].in.n);
        good = cbor_check_all((struct bytes){exact, rows[i].in.n}, form, false, "input", &e);
        if (good != (rows[i].reason == NULL) || (!good && strcmp(e.reason, rows[i].reason) != 0))
            fail_msg("row %zu: got %s (%s), want %s", i, good ? "sound" : e.reason, e.msg,
                     rows[i].reason == NULL ? "sound" : rows[i].reason);
        if (!good)
            assert_string_equal(e.field, "input");
        free(exact);
    }
}

static void shapes_are_judged(void **state)
{
    static const struct shape rows[] = {
        {BYTES_INIT("\x00"), NULL},
        {BYTES_INIT("\x17"), NULL},
        {BYTES_INIT("\x18\x18"), NULL},
        {BYTES_INIT("\x18\xff"), NULL},
        {BYTES_INIT("\x19\x01\x00"), NULL},
        {BYTES_INIT("\x1a\x00\x01\x00\x00"), NULL},
        {BYTES_INIT("\x1b\x00\x00\x00\x01\x00\x00\x00\x00"), NULL},
        {BYTES_INIT("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), NULL},
        {BYTES_INIT("\x20"), NULL},
        {BYTES_INIT("\x38\x22"), NULL},
        {BYTES_INIT("\x40"), NULL},
        {BYTES_INIT("\x43zzz"), NULL},
        {BYTES_INIT("\x60"), NULL},
        {BYTES_INIT("\x62\xc3\xa9"), NULL},
        {BYTES_INIT("\x80"), NULL},
        {BYTES_INIT("\x82\x01\x02"), NULL},
        {BYTES_INIT("\xa0"), NULL},
        {BYTES_INIT("\xa2\x02\x00\x01\x00"), NULL}, /* keys in any order */
        {BYTES_INIT("\xa2\x01\x00\x61\x61\x00"), NULL},
        {BYTES_INIT("\xc0\x00"), NULL},
        {BYTES_INIT("\xd9\x01\x8f\xa0"), NULL},
        {BYTES_INIT("\xf4"), NULL},
        {BYTES_INIT("\xf5"), NULL},
        {BYTES_INIT("\xf6"), NULL},
        {BYTES_INIT(""), "cbor.truncated"},
        {BYTES_INIT("\x18"), "cbor.truncated"},
        {BYTES_INIT("\x1b\x00\x00\x00\x00"), "cbor.truncated"},
        {BYTES_INIT("\x43zz"), "cbor.truncated"},
        {BYTES_INIT("\x81"), "cbor.truncated"},
        {BYTES_INIT("\xa1\x00"), "cbor.truncated"},
        {BYTES_INIT("\xc0"), "cbor.truncated"},
        {BYTES_INIT("\x00\x00"), "bytes.trailing"},
        {BYTES_INIT("\x80\x00"), "bytes.trailing"},
        {BYTES_INIT("\xf6\xff"), "bytes.trailing"},
        {BYTES_INIT("\x18\x00"), "cbor.not-minimal"},
        {BYTES_INIT("\x18\x17"), "cbor.not-minimal"},
        {BYTES_INIT("\x19\x00\xff"), "cbor.not-minimal"},
        {BYTES_INIT("\x1a\x00\x00\xff\xff"), "cbor.not-minimal"},
        {BYTES_INIT("\x1b\x00\x00\x00\x00\xff\xff\xff\xff"), "cbor.not-minimal"},
        {BYTES_INIT("\x58\x01z"), "cbor.not-minimal"},
        {BYTES_INIT("\x78\x01z"), "cbor.not-minimal"},
        {BYTES_INIT("\x98\x00"), "cbor.not-minimal"},
        {BYTES_INIT("\xb8\x00"), "cbor.not-minimal"},
        {BYTES_INIT("\xd8\x12\x00"), "cbor.not-minimal"},
        {BYTES_INIT("\xf8\x16"), "cbor.malformed"},
        {BYTES_INIT("\x1c"), "cbor.malformed"},
        {BYTES_INIT("\x1d"), "cbor.malformed"},
        {BYTES_INIT("\x1e"), "cbor.malformed"},
        {BYTES_INIT("\x1f"), "cbor.malformed"},
        {BYTES_INIT("\x3f"), "cbor.malformed"},
        {BYTES_INIT("\xdf"), "cbor.malformed"},
        {BYTES_INIT("\xe0"), "cbor.malformed"},
        {BYTES_INIT("\xf3"), "cbor.malformed"},
        {BYTES_INIT("\xf7"), "cbor.malformed"},
        {BYTES_INIT("\xf9\x00\x00"), "cbor.malformed"},
        {BYTES_INIT("\xfa\x00\x00\x00\x00"), "cbor.malformed"},
        {BYTES_INIT("\xfb\x00\x00\x00\x00\x00\x00\x00\x00"), "cbor.malformed"},
        {BYTES_INIT("\xff"), "cbor.malformed"},
        {BYTES_INIT("\x81\xff"), "cbor.malformed"},
        {BYTES_INIT("\x5f\x41z\xff"), "cbor.indefinite"},
        {BYTES_INIT("\x7f\x61z\xff"), "cbor.indefinite"},
        {BYTES_INIT("\x9f\xff"), "cbor.indefinite"},
        {BYTES_INIT("\xbf\xff"), "cbor.indefinite"},
        {BYTES_INIT("\xa2\x01\x00\x01\x00"), "cbor.duplicate-key"},
        {BYTES_INIT("\xa2\x61\x61\x00\x61\x61\x00"), "cbor.duplicate-key"},
        {BYTES_INIT("\x81\xa2\x20\x00\x20\x01"), "cbor.duplicate-key"},
        {BYTES_INIT("\xa1\x40\x00"), "cbor.key-type"},
        {BYTES_INIT("\xa1\x80\x00"), "cbor.key-type"},
        {BYTES_INIT("\xa1\xa0\x00"), "cbor.key-type"},
        {BYTES_INIT("\xa1\xc0\x00\x00"), "cbor.key-type"},
        {BYTES_INIT("\xa1\xf6\x00"), "cbor.key-type"},
        {BYTES_INIT("\x61\xff"), "cbor.text"},
        {BYTES_INIT("\x62\xc3\x28"), "cbor.text"},
        {BYTES_INIT("\x61\x00"), "cbor.text"},
        {BYTES_INIT("\x63\xed\xa0\x80"), "cbor.text"},
        /* counts and lengths that no input could hold */
        {BYTES_INIT("\x9a\xff\xff\xff\xff"), "cbor.truncated"},
        {BYTES_INIT("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), "cbor.truncated"},
        {BYTES_INIT("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), "cbor.truncated"},
        {BYTES_INIT("\xbb\x80\x00\x00\x00\x00\x00\x00\x00"), "cbor.truncated"},
        {BYTES_INIT("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), "cbor.truncated"},
        {BYTES_INIT("\x7a\xff\xff\xff\xff"), "cbor.truncated"},
    };

    (void)state;
    shapes_check(rows, COUNT(rows), CBOR_DEFINITE);
}

static void open_ended_shapes_are_judged(void **state)
{
    static const struct shape rows[] = {
        {BYTES_INIT("\x9f\xff"), NULL},
        {BYTES_INIT("\xbf\xff"), NULL},
        {BYTES_INIT("\xbf\x01\x9f\x02\xff\x03\xa0\xff"), NULL},
        {BYTES_INIT("\x9f\x80\xff"), NULL},
        {BYTES_INIT("\x5f\x41z\xff"), "cbor.indefinite"},
        {BYTES_INIT("\x9f"), "cbor.truncated"},
        {BYTES_INIT("\xbf\x01\x02"), "cbor.truncated"},
        {BYTES_INIT("\xbf\x01\xff"), "cbor.malformed"},
        {BYTES_INIT("\xbf\x01\x02\x01\x02\xff"), "cbor.duplicate-key"},
        {BYTES_INIT("\x81\xff"), "cbor.malformed"},
        {BYTES_INIT("\x9f\xff\xff"), "bytes.trailing"},
        {BYTES_INIT("\xbf\x9f\xff\x00\xff"), "cbor.key-type"},
        {BYTES_INIT("\xc1\xff"), "cbor.malformed"},
    };

    (void)state;
    shapes_check(rows, COUNT(rows), CBOR_OPEN_ENDED);
}

static void depth_and_size_have_bounds(void **state)
{
    uint8_t deep[CBOR_DEPTH + 2], wide[2 + 4 * (CBOR_MAP_MAX + 1)];
    size_t n = 0;
    struct err e = {0};

    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        static const uint8_t heads[] = {0x81, 0xc1, 0x9f};

        memset(deep, heads[kind], sizeof deep);
        deep[CBOR_DEPTH] = 0;
        if (kind < 2)
            assert_true(cbor_check_all((struct bytes){deep, CBOR_DEPTH + 1}, CBOR_DEFINITE, false,
                                       "input", &e));
        deep[CBOR_DEPTH] = heads[kind];
        deep[CBOR_DEPTH + 1] = 0;
        assert_false(cbor_check_all(BYTES_OF(deep), CBOR_OPEN_ENDED, false, "input", &e));
        assert_string_equal(e.reason, "cbor.too-deep");
    }
    /* one more key than a map may have: counted, and not */
    for (unsigned open_ended = 0; open_ended < 2; open_ended++) {
        n = 0;
        wide[n++] = open_ended ? 0xbf : 0xb8;
        if (!open_ended)
            wide[n++] = CBOR_MAP_MAX + 1;
        for (unsigned i = 0; i <= CBOR_MAP_MAX; i++) {
            if (i >= 24)
                wide[n++] = 0x18;
            wide[n++] = (uint8_t)i;
            wide[n++] = 0xf6;
        }
        if (open_ended)
            wide[n++] = 0xff;
        assert_false(cbor_check_all((struct bytes){wide, n}, CBOR_OPEN_ENDED, false, "input", &e));
        assert_string_equal(e.reason, "cbor.too-many");
    }
}

static void padding_is_zeros(void **state)
{
    struct err e = {0};
    size_t used = 0;

    (void)state;
    assert_true(cbor_check(BYTES_LIT("\x82\x01\x02garbage"), CBOR_DEFINITE, "input", &used, &e));
    assert_int_equal(used, 3);
    assert_true(cbor_check_all(BYTES_LIT("\x01\0\0\0"), CBOR_DEFINITE, true, "input", &e));
    assert_false(cbor_check_all(BYTES_LIT("\x01\0\0\x01"), CBOR_DEFINITE, true, "input", &e));
    assert_false(cbor_check_all(BYTES_LIT("\x01\0"), CBOR_DEFINITE, false, "input", &e));
    assert_string_equal(e.reason, "bytes.trailing");
}

static void items_are_read(void **state)
{
    struct cbor c = {.all = BYTES_LIT("\x86\x18\x2a\x38\x22\x42zz\x61u\xd2\x01\xbf\x01\xf6\xff")};
    struct cbor_list array, map;
    struct bytes b;
    struct err e = {0};
    uint64_t u;
    int64_t i;

    (void)state;
    assert_true(cbor_enter(&c, CBOR_ARRAY, "array", &array, &e));
    assert_true(cbor_more(&c, &array));
    assert_false(cbor_text(&c, "number", 0, 9, &b, &e)); /* wrong types consume nothing */
    assert_string_equal(e.reason, "cbor.type");
    assert_string_equal(e.field, "number");
    assert_string_equal(e.found, "a number");
    assert_true(cbor_uint(&c, "number", &u, &e));
    assert_int_equal(u, 42);
    assert_true(cbor_more(&c, &array));
    assert_false(cbor_uint(&c, "number", &u, &e));
    assert_true(cbor_int(&c, "number", &i, &e));
    assert_int_equal(i, -35);
    assert_true(cbor_more(&c, &array));
    assert_false(cbor_bytes(&c, "bytes", 3, 9, &b, &e));
    assert_string_equal(e.reason, "cbor.size");
    assert_false(cbor_bytes(&c, "bytes", 0, 1, &b, &e));
    assert_true(cbor_bytes(&c, "bytes", 2, 2, &b, &e));
    assert_true(cbor_more(&c, &array));
    assert_true(cbor_text(&c, "text", 1, 1, &b, &e));
    assert_true(cbor_more(&c, &array));
    assert_false(cbor_tag_is(&c, 17));
    assert_true(cbor_tag_is(&c, 18));
    assert_true(cbor_skip(&c, "one", &e));
    assert_true(cbor_more(&c, &array));
    assert_true(cbor_enter(&c, CBOR_MAP, "map", &map, &e));
    assert_true(cbor_more(&c, &map));
    assert_true(cbor_uint(&c, "key", &u, &e));
    assert_true(cbor_null_is(&c));
    assert_false(cbor_null_is(&c));
    assert_false(cbor_more(&c, &map));
    assert_false(cbor_more(&c, &map));
    assert_false(cbor_more(&c, &array));
    assert_int_equal(c.at, c.all.n);
    assert_false(cbor_skip(&c, "end", &e));
    assert_string_equal(e.reason, "cbor.truncated");
    c = (struct cbor){.all = BYTES_LIT("\x1b\x80\0\0\0\0\0\0\0")};
    assert_false(cbor_int(&c, "number", &i, &e));
    assert_string_equal(e.reason, "cbor.size");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_judged),
        cmocka_unit_test(open_ended_shapes_are_judged),
        cmocka_unit_test(depth_and_size_have_bounds),
        cmocka_unit_test(padding_is_zeros),
        cmocka_unit_test(items_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
