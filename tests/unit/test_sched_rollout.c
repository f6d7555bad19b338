/* Rolling updates in random worlds: enough healthy keeps stay, never too many are there, and the
 * update ends when the new generation is healthy, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "scheduler/rollout.h"

#define KEEPS 64

struct world {
    struct prng r;
    struct rollout_policy p;
    struct rollout_keep v[KEEPS];
    size_t n;
    uint64_t ids;
    bool good; /* the new generation becomes healthy */
};

static unsigned below(struct world *w, unsigned n)
{
    return (unsigned)prng_below(&w->r, n);
}

static unsigned healthy(const struct world *w)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->n; i++)
        n += w->v[i].healthy && !w->v[i].ending;
    return n;
}

static void take(struct world *w, const struct rollout_action *a)
{
    if (a->kind == ROLLOUT_START) {
        assert_true(w->n < KEEPS);
        w->v[w->n++] = (struct rollout_keep){.id = ++w->ids, .current = true};
        return;
    }
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].id == a->keep) {
            assert_false(w->v[i].ending);
            w->v[i].ending = true;
            return;
        }
    fail_msg("a keep is stopped that is not there");
}

/* Keeps that end go, and new ones become healthy, sooner or later. */
static void pass_time(struct world *w)
{
    for (size_t i = 0; i < w->n;) {
        if (w->v[i].ending && below(w, 2) == 0) {
            w->v[i] = w->v[--w->n];
            continue;
        }
        if (!w->v[i].healthy && below(w, 2) == 0 && (!w->v[i].current || w->good))
            w->v[i].healthy = true;
        i++;
    }
}

static void start(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    prng_seed(&w->r, seed);
    w->good = below(w, 4) != 0;
    w->p = (struct rollout_policy){1 + below(w, 10), below(w, 4), below(w, 4), false};
    for (unsigned i = 0; i < w->p.replicas; i++)
        w->v[w->n++] = (struct rollout_keep){.id = ++w->ids, .healthy = below(w, 6) != 0};
}

static void test_random(void **state)
{
    unsigned done = 0, held = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct rollout_progress g = {.state = ROLLOUT_PROGRESSING};
        struct world w;
        unsigned missing;

        start(&w, seed);
        missing = w.p.max_surge + w.p.max_unavailable == 0 ? 1 : w.p.max_unavailable;
        for (unsigned step = 0; step < 400 && g.state != ROLLOUT_DONE; step++) {
            struct rollout_action a[KEEPS];
            unsigned before = healthy(&w);
            size_t n;

            w.p.paused = step > 50 && step < 60;
            n = rollout_step(&w.p, w.v, w.n, a, KEEPS, &g);
            for (size_t i = 0; i < n; i++)
                take(&w, &a[i]);
            assert_true(w.n <= w.p.replicas + w.p.max_surge || w.n <= w.p.replicas);
            assert_true(healthy(&w) == before || healthy(&w) + missing >= w.p.replicas);
            if (w.p.paused)
                for (size_t i = 0; i < n; i++)
                    assert_true(a[i].kind == ROLLOUT_START);
            pass_time(&w);
        }
        assert_int_equal(g.state == ROLLOUT_DONE, w.good);
        if (!w.good && w.p.replicas > missing)
            assert_true(healthy(&w) > 0); /* what was well is still there */
        done += g.state == ROLLOUT_DONE;
        held += g.state == ROLLOUT_WAITING;
    }
    assert_true(done > 300 && held > 50);
}

static void test_fewer_replicas(void **state)
{
    struct rollout_policy p = {.replicas = 1, .max_unavailable = 1};
    struct rollout_keep v[3] = {{.id = 1, .current = true, .healthy = true},
                                {.id = 2, .current = true},
                                {.id = 3, .current = true, .healthy = true}};
    struct rollout_progress g;
    struct rollout_action a[4];

    (void)state;
    assert_int_equal(rollout_step(&p, v, 3, a, 4, &g), 2);
    assert_true(a[0].kind == ROLLOUT_STOP && a[0].keep == 2); /* the unhealthy one first */
    assert_true(a[1].kind == ROLLOUT_STOP && a[1].keep == 1);
    assert_string_equal(rollout_state_name(g.state), "progressing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_fewer_replicas)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
