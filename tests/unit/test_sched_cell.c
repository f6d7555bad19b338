/* The tree of free room and the map of numbers against plain arrays, at sizes of several levels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "scheduler/cell.h"

#define SLOTS 3000

struct plain {
    struct room room[SLOTS];
    uint32_t node[SLOTS];
    uint32_t n;
};

static struct room random_room(struct prng *r)
{
    struct room x = {{prng_below(r, 20), (uint32_t)prng_below(r, 20), (uint32_t)prng_below(r, 20)},
                     (int64_t)prng_below(r, 20),
                     prng_below(r, 2)};

    if (prng_below(r, 10) == 0)
        x = (struct room){.verified_at_ms = INT64_MIN};
    return x;
}

static uint32_t plain_find(const struct plain *p, uint32_t from, const struct room *want)
{
    for (uint32_t i = from; i < p->n; i++)
        if (room_fits(&p->room[i], want))
            return i;
    return SLOT_NONE;
}

static void change(struct prng *r, struct cells *c, uint32_t cell, struct plain *p, bool growing)
{
    struct room x = random_room(r);
    uint32_t at = p->n == 0 ? 0 : (uint32_t)prng_below(r, p->n), moved;

    switch (prng_below(r, growing ? 3 : 5)) {
    case 0:
    case 1:
        if (p->n == SLOTS)
            break;
        p->room[p->n] = x;
        p->node[p->n] = (uint32_t)prng_below(r, 1000000);
        assert_int_equal(cell_add(c, cell, p->node[p->n], &x), p->n);
        p->n++;
        break;
    case 2:
        if (p->n == 0)
            break;
        p->room[at] = x;
        cell_set(c, cell, at, &x);
        break;
    default:
        if (p->n == 0)
            break;
        cell_take(c, cell, at, &moved);
        p->n--;
        assert_int_equal(moved, at == p->n ? NODE_NONE : p->node[p->n]);
        p->room[at] = p->room[p->n];
        p->node[at] = p->node[p->n];
        break;
    }
}

/* Every entry of every level is the best of what is below it. */
static void check_maxima(const struct cells *c, uint32_t cell, const struct plain *p)
{
    const struct cell *x = &c->v.v[cell];
    struct room best = {.verified_at_ms = INT64_MIN};

    for (uint32_t i = 0; i < p->n; i++) {
        const struct room *r = &p->room[i];

        if (r->verified_at_ms == INT64_MIN)
            continue;
        best.free.cpu_milli =
            r->free.cpu_milli > best.free.cpu_milli ? r->free.cpu_milli : best.free.cpu_milli;
        best.verified_at_ms =
            r->verified_at_ms > best.verified_at_ms ? r->verified_at_ms : best.verified_at_ms;
        assert_int_equal(x->node[i], p->node[i]);
    }
    assert_int_equal(c->best.v[cell].free.cpu_milli, best.free.cpu_milli);
    assert_true(c->best.v[cell].verified_at_ms == best.verified_at_ms);
}

static void test_cell(void **state)
{
    static const uint64_t seed[2] = {5, 6};

    (void)state;
    for (uint64_t round = 0; round < 12; round++) {
        struct plain *p = calloc(1, sizeof *p);
        struct cells c;
        struct prng r;
        uint32_t cell;
        bool made;

        assert_non_null(p);
        prng_seed(&r, round);
        cells_init(&c, seed);
        cell = cells_intern(&c, 3, BYTES_LIT("key"), &made);
        assert_true(made);
        assert_int_equal(cells_intern(&c, 3, BYTES_LIT("key"), &made), cell);
        assert_false(made);
        for (unsigned step = 0; step < 6000; step++) {
            struct room want = random_room(&r);
            uint32_t from = p->n == 0 ? 0 : (uint32_t)prng_below(&r, p->n + 1);

            change(&r, &c, cell, p, step < 200 * round);
            if (want.verified_at_ms == INT64_MIN)
                want.verified_at_ms++; /* what a search asks for at least */
            assert_int_equal(cell_find(&c, cell, from, &want), plain_find(p, from, &want));
            if (step % 500 == 0)
                check_maxima(&c, cell, p);
        }
        cells_fini(&c);
        free(p);
    }
}

static void test_u64_map(void **state)
{
    enum { KEYS = 500 };
    uint32_t plain[KEYS];
    struct u64_map m = {.seed = 9};
    struct prng r;
    size_t n = 0;

    (void)state;
    memset(plain, 0xff, sizeof plain);
    prng_seed(&r, 1);
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t key = prng_below(&r, KEYS);
        uint32_t value = (uint32_t)prng_below(&r, 1000);

        if (prng_below(&r, 2) == 0) {
            assert_true(u64_map_put(&m, key, value));
            n += plain[key] == UINT32_MAX;
            plain[key] = value;
        } else {
            assert_int_equal(u64_map_remove(&m, key), plain[key]);
            n -= plain[key] != UINT32_MAX;
            plain[key] = UINT32_MAX;
        }
        assert_int_equal(m.n, n);
        key = prng_below(&r, KEYS);
        assert_int_equal(u64_map_get(&m, key), plain[key]);
    }
    u64_map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cell), cmocka_unit_test(test_u64_map)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
