/* The arena: alignment, zeroes, and a limit that nothing gets around. */
#include "base/arena.h"

#include <stdint.h>

#include "base/rand.h"
#include "tests/lib/unit.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    AUTO_ARENA struct arena a;
    struct prng r;
    char *kept[400];
    size_t sizes[400];

    (void)state;
    arena_init(&a, (size_t)8 << 20);
    prng_seed(&r, 1);
    for (size_t i = 0; i < COUNT(kept); i++) {
        sizes[i] = prng_below(&r, i % 7 == 0 ? 9000 : 60);
        kept[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(kept[i]);
        assert_int_equal((uintptr_t)kept[i] % _Alignof(max_align_t), 0);
        assert_true(bytes_zero((struct bytes){(const uint8_t *)kept[i], sizes[i]}));
        memset(kept[i], (int)(i % 255 + 1), sizes[i]);
    }
    for (size_t i = 0; i < COUNT(kept); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal((unsigned char)kept[i][k], i % 255 + 1);
}

static void the_limit_counts_padding_and_holds(void **state)
{
    AUTO_ARENA struct arena a;
    size_t given = 0;

    (void)state;
    arena_init(&a, 1000);
    while (arena_alloc(&a, 1) != NULL)
        given++;
    assert_true(given > 0 && given <= 1000 / _Alignof(max_align_t));
    assert_true(a.used <= 1000);
    assert_null(arena_alloc(&a, 0));
}

static void impossible_sizes_are_refused(void **state)
{
    AUTO_ARENA struct arena a;

    (void)state;
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    assert_null(arena_strndup(&a, "x", SIZE_MAX));
    assert_non_null(arena_array(&a, 3, 5));
    assert_non_null(arena_array(&a, 0, 5));
}

static void texts_are_copied_and_terminated(void **state)
{
    AUTO_ARENA struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    assert_string_equal(arena_strdup(&a, "node"), "node");
    assert_string_equal(arena_strndup(&a, "node-7", 4), "node");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%s-%03d", "n", 7), "n-007");
    assert_null(arena_printf(&a, "%*d", 1 << 20, 1));
}

static void an_arena_can_be_used_again_after_its_end(void **state)
{
    struct arena a = {0};

    (void)state;
    arena_fini(&a);
    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 48));
    assert_null(arena_alloc(&a, 48));
    arena_fini(&a);
    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 48));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(the_limit_counts_padding_and_holds),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(texts_are_copied_and_terminated),
        cmocka_unit_test(an_arena_can_be_used_again_after_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
