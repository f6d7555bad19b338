/* The growable array. */
#include "base/vec.h"

#include "tests/lib/unit.h"

static void pushes_keep_order_and_contents(void **state)
{
    VEC(size_t) v = {0};

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        assert_true(vec_push(&v, i * 3));
    assert_int_equal(v.n, 1000);
    for (size_t i = 0; i < v.n; i++)
        assert_int_equal(v.v[i], i * 3);
    vec_fini(&v);
    assert_null(v.v);
    assert_int_equal(v.n + v.cap, 0);
}

static void items_of_any_size_fit(void **state)
{
    struct wide {
        char name[37];
        long n;
    };
    VEC(struct wide) v = {0};

    (void)state;
    for (long i = 0; i < 40; i++)
        assert_true(vec_push(&v, ((struct wide){.name = "x", .n = i})));
    assert_int_equal(v.v[39].n, 39);
    vec_fini(&v);
}

static void swapping_out_moves_the_last_item_in(void **state)
{
    VEC(int) v = {0};

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(vec_push(&v, i));
    vec_swap_out(&v, 0);
    assert_int_equal(v.n, 2);
    assert_int_equal(v.v[0], 2);
    assert_int_equal(v.v[1], 1);
    vec_swap_out(&v, 1);
    vec_swap_out(&v, 0);
    assert_int_equal(v.n, 0);
    vec_fini(&v);
}

static void impossible_room_is_refused_and_nothing_changes(void **state)
{
    VEC(long) v = {0};

    (void)state;
    assert_true(vec_push(&v, 5));
    assert_false(vec_reserve(&v, SIZE_MAX));
    assert_false(vec_reserve(&v, SIZE_MAX / sizeof(long)));
    assert_int_equal(v.n, 1);
    assert_int_equal(v.v[0], 5);
    assert_true(vec_reserve(&v, 100));
    assert_true(v.cap >= 101);
    vec_fini(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_keep_order_and_contents),
        cmocka_unit_test(items_of_any_size_fit),
        cmocka_unit_test(swapping_out_moves_the_last_item_in),
        cmocka_unit_test(impossible_room_is_refused_and_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
