/* Randomness of the kernel, and the seeded generator of tests. */
#include "base/rand.h"

#include <string.h>

#include "tests/lib/unit.h"

static void the_kernels_bytes_fill_all_and_differ(void **state)
{
    uint8_t a[1000] = {0}, b[1000] = {0};
    unsigned zeros = 0;

    (void)state;
    rand_bytes(a, sizeof a);
    rand_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = 0; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 50); /* about 4 are expected */
}

static void uuids_are_version_4(void **state)
{
    char a[UUID_TEXT], b[UUID_TEXT];

    (void)state;
    for (int i = 0; i < 200; i++) {
        rand_uuid(a);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
        assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
    }
    rand_uuid(b);
    assert_string_not_equal(a, b);
}

static void a_seed_gives_one_sequence(void **state)
{
    struct prng a, b, c;
    unsigned same = 0;

    (void)state;
    prng_seed(&a, 42);
    prng_seed(&b, 42);
    prng_seed(&c, 43);
    for (int i = 0; i < 100; i++) {
        uint64_t v = prng_u64(&a);

        assert_true(v == prng_u64(&b));
        same += v == prng_u64(&c);
    }
    assert_int_equal(same, 0);
}

/* Saved scenarios name seeds, so the sequence is a promise: xoshiro256** after splitmix64. */
static void the_sequence_never_changes(void **state)
{
    static const uint64_t want[] = {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514,
                                    0x642e1c7bc266a3a7};
    struct prng r;

    (void)state;
    prng_seed(&r, 1);
    for (size_t i = 0; i < COUNT(want); i++)
        assert_true(prng_u64(&r) == want[i]);
}

static void below_stays_below_and_reaches_all(void **state)
{
    unsigned seen[7] = {0};
    struct prng r;

    (void)state;
    prng_seed(&r, 5);
    for (int i = 0; i < 7000; i++) {
        uint64_t v = prng_below(&r, COUNT(seen));

        assert_true(v < COUNT(seen));
        seen[v]++;
    }
    for (size_t i = 0; i < COUNT(seen); i++)
        assert_true(seen[i] > 800 && seen[i] < 1200);
    assert_int_equal(prng_below(&r, 1), 0);
    for (int i = 0; i < 100; i++)
        assert_true(prng_below(&r, (UINT64_MAX / 2) + 2) <= (UINT64_MAX / 2) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_bytes_fill_all_and_differ),
        cmocka_unit_test(uuids_are_version_4),
        cmocka_unit_test(a_seed_gives_one_sequence),
        cmocka_unit_test(the_sequence_never_changes),
        cmocka_unit_test(below_stays_below_and_reaches_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
