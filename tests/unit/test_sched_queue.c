/* Who waits, for what, and whose turn it is. That nothing sleeps through what helps it is tried in
 * random fleets: an event of a cause that a demand does not wait for must not give it a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rand.h"
#include "scheduler/queue.h"

#define CORES(n)                                                                                   \
    {                                                                                              \
        .cpu_milli = (n)*1000ull, .memory = 1 << 20                                                \
    }

static void turns(void **unused)
{
    /* "a" has three quarters of what is used, "b" a quarter; both ask for four keeps, one by one */
    struct queue_use use[2] = {{.used = CORES(6), .keeps = 6}, {.used = CORES(2), .keeps = 2}};
    struct queue_entry v[9];

    (void)unused;
    memset(v, 0, sizeof v);
    for (unsigned i = 0; i < 8; i++)
        v[i] = (struct queue_entry){
            .id = i + 1, .namespace = i / 4, .asks = {.used = CORES(1), .keeps = 1}};
    v[8] = (struct queue_entry){.id = 9, .priority = 1, .asks = {.used = CORES(9), .keeps = 9}};
    queue_order(v, 9, use, 2, 1000);
    assert_int_equal(v[0].id, 9); /* priority goes before turns, and counts for them */
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(v[i].id, 4 + i);
    for (unsigned i = 5; i < 9; i++)
        assert_int_equal(v[i].id, i - 4);
    /* from nothing, one after the other */
    memset(use, 0, sizeof use);
    memset(v, 0, sizeof v);
    for (unsigned i = 0; i < 8; i++)
        v[i] = (struct queue_entry){
            .id = i + 1, .namespace = i / 4, .asks = {.used = CORES(1), .keeps = 1}};
    queue_order(v, 8, use, 2, 1000);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(v[i].namespace, i % 2);
}

/* One who waits long enough goes before any stream of more important ones. */
static void nobody_starves(void **unused)
{
    struct queue_use use[1] = {{.keeps = 1}};
    struct queue_entry v[2];
    int64_t now = 5000;

    (void)unused;
    for (unsigned i = 0; i < 2100; i++, now += QUEUE_AGE_MS) {
        v[0] = (struct queue_entry){.id = 10 + i, .priority = 1000, .asks = {.keeps = 1}};
        v[1] = (struct queue_entry){
            .id = 1, .priority = -1000, .since_ms = 5000, .asks = {.keeps = 1}};
        queue_order(v, 2, use, 1, now);
        assert_int_equal(v[0].id == 1, i >= 2000);
    }
}

static void backs_off(void **unused)
{
    struct queue_wait w = {0};
    int64_t now = 1000, last = 0;

    (void)unused;
    for (unsigned i = 0; i < 20; i++) {
        queue_failed(&w, QUEUE_ROOM, now);
        assert_int_equal(queue_wake(&w, QUEUE_LINK | QUEUE_EVIDENCE, INT64_MAX), QUEUE_SLEEP);
        assert_int_equal(queue_wake(&w, QUEUE_ROOM, now), i < QUEUE_FREE ? QUEUE_NOW : QUEUE_LATER);
        assert_int_equal(w.since_ms, 1000);
        if (i < QUEUE_FREE)
            continue;
        assert_true(w.not_before_ms - now >= last && w.not_before_ms - now <= QUEUE_MOST_MS);
        last = w.not_before_ms - now;
        now = w.not_before_ms;
        assert_int_equal(queue_wake(&w, QUEUE_ROOM, now), QUEUE_NOW);
    }
    assert_int_equal(last, QUEUE_MOST_MS);
    queue_done(&w);
    assert_int_equal(queue_wake(&w, QUEUE_ALL, now), QUEUE_SLEEP);
}

static void quotas(void **unused)
{
    struct quota q = {.most = {.cpu_milli = 4000, .tee_slots = 3}, .keeps = 10};
    struct queue_use use = {.used = {.cpu_milli = 1000}, .keeps = 1};
    struct resources need = {.cpu_milli = 500, .memory = 1 << 30, .tee_slots = 1};
    const char *what;

    (void)unused;
    assert_int_equal(quota_room(&q, &use, &need, 2, &what), 2);
    assert_null(what);
    assert_int_equal(quota_room(&q, &use, &need, 100, &what), 3);
    assert_string_equal(what, "tee slots");
    need.tee_slots = 0;
    assert_int_equal(quota_room(&q, &use, &need, 100, &what), 6);
    assert_string_equal(what, "cpu");
    use.used.cpu_milli = 9000; /* the quota was lowered */
    assert_int_equal(quota_room(&q, &use, &need, 100, &what), 0);
    q = (struct quota){0};
    assert_int_equal(quota_room(&q, &use, &need, UINT32_MAX, &what), UINT32_MAX);
    assert_null(what);
}

#define NODES 6

struct world {
    struct prng r;
    struct fleet *f;
    struct node_spec spec[NODES];
    struct facts facts[NODES];
    char name[NODES][8];
    struct label site[NODES];
    uint32_t handle[NODES];
    uint64_t keeps, first; /* ids from first to keeps are there */
};

static unsigned below(struct world *w, unsigned n)
{
    return (unsigned)prng_below(&w->r, n);
}

static void put(struct world *w, unsigned i)
{
    struct err e = {0};

    assert_true(fleet_node_put(w->f, &w->spec[i], &w->handle[i], &e));
}

static void evidence(struct world *w, unsigned i)
{
    memset(&w->facts[i], 0, sizeof w->facts[i]);
    w->facts[i].assurance = below(w, 3) == 0 ? ASSURANCE_SIMULATED : ASSURANCE_HARDWARE;
    w->spec[i].facts = below(w, 4) == 0 ? NULL : &w->facts[i];
    w->spec[i].verified_at_ms = below(w, 3) == 0 ? 0 : 1000000;
    w->spec[i].eligible = below(w, 5) != 0;
    put(w, i);
}

/* One event; which it was. */
static uint32_t event(struct world *w)
{
    unsigned i = below(w, NODES), kind = below(w, 4);

    if (kind == 0) {
        evidence(w, i);
        return QUEUE_EVIDENCE;
    }
    if (kind == 1) {
        w->spec[i].connected = !w->spec[i].connected;
        put(w, i);
        return QUEUE_LINK;
    }
    if (kind == 2 && w->first <= w->keeps) {
        (void)fleet_keep_remove(w->f, w->first++);
        return QUEUE_ROOM;
    }
    w->spec[i].cordoned = !w->spec[i].cordoned;
    w->spec[i].capacity.cpu_milli = 1000 + 1000 * below(w, 3);
    put(w, i);
    return QUEUE_NODE;
}

static void start(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    prng_seed(&w->r, seed);
    w->f = fleet_new((const uint64_t[2]){seed, 1});
    assert_non_null(w->f);
    w->first = 1;
    for (unsigned i = 0; i < NODES; i++) {
        struct err e = {0};

        snprintf(w->name[i], sizeof w->name[i], "n%u", i);
        w->site[i] = (struct label){"site", below(w, 2) == 0 ? "a" : "b"};
        w->spec[i] = (struct node_spec){.name = w->name[i],
                                        .capacity = {1000 + 1000 * below(w, 3), 1 << 30, 4, 0},
                                        .labels = &w->site[i],
                                        .labels_n = 1,
                                        .connected = below(w, 4) != 0};
        evidence(w, i);
        for (unsigned k = below(w, 3); k > 0; k--) {
            struct keep_spec keep = {.id = ++w->keeps,
                                     .workload = 2 + below(w, 2),
                                     .node = w->handle[i],
                                     .need = {1000, 1 << 20, 1, 0}};

            assert_true(fleet_keep_put(w->f, &keep, &e));
        }
    }
}

static void sleeps_through_nothing(void **unused)
{
    unsigned slept = 0, woken = 0;

    (void)unused;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct rules rules = {.max_evidence_age_ms = 500000};
        struct demand d = {.workload = 1, .rules = &rules, .need = {1000, 1 << 20, 1, 0}};
        struct spread spread = {.over = "site", .max_skew = 1};
        struct relation near = {.workload = 2, .over = "node"};
        struct queue_wait wait = {0};
        struct placing p;
        struct world w;
        struct err e = {0};

        start(&w, seed);
        d.replicas = 1;
        d.exclusive = below(&w, 4) == 0;
        d.spread = &spread;
        d.spread_n = below(&w, 4) == 0;
        d.relations = &near;
        d.relations_n = below(&w, 4) == 0;
        for (unsigned step = 0; step < 30; step++) {
            struct decision one = {0, NODE_NONE};
            uint32_t cause = step == 0 ? QUEUE_ALL : event(&w);
            bool sleeps = step > 0 && queue_wake(&wait, cause, INT64_MAX) == QUEUE_SLEEP;

            memset(&p, 0, sizeof p);
            assert_true(place(w.f, &d, 1000000, &one, 1, &p, &e));
            if (sleeps && p.placed > 0)
                fail_msg("seed %llu step %u: slept through cause %u", (unsigned long long)seed,
                         step, cause);
            if (p.placed > 0)
                break;
            slept += sleeps;
            woken += !sleeps;
            if (!sleeps) /* else it was not tried, and waits for what it waited for */
                queue_failed(&wait, queue_causes(&p, false, false), 1);
        }
        fleet_free(w.f);
    }
    assert_true(slept > 1000 && woken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(backs_off),
        cmocka_unit_test(quotas),
        cmocka_unit_test(sleeps_through_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
