/* Preemption against every subset of every node's keeps, and gangs: all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "scheduler/preempt.h"

#define NODES 5
#define KEEPS 16
#define WORKLOADS 4

struct world {
    struct prng r;
    struct fleet *f;
    struct rules rules;
    uint32_t node[NODES], budget[WORKLOADS + 1];
    struct keep_spec keep[KEEPS];
    struct resources capacity[NODES];
};

static unsigned below(struct world *w, unsigned n)
{
    return (unsigned)prng_below(&w->r, n);
}

static uint32_t budget(void *context, uint64_t workload)
{
    const struct world *w = context;

    return w->budget[workload];
}

static void make(struct world *w, uint64_t seed)
{
    static const uint64_t key[2] = {7, 8};
    struct facts facts = {.assurance = ASSURANCE_HARDWARE};

    memset(w, 0, sizeof *w);
    prng_seed(&w->r, seed);
    w->f = fleet_new(key);
    assert_non_null(w->f);
    for (unsigned i = 0; i < NODES; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "n%u", i);
        w->capacity[i] = (struct resources){200 + 100 * below(w, 3), 1000, 2 + below(w, 2), 0};
        assert_true(fleet_node_put(w->f,
                                   &(struct node_spec){.name = name,
                                                       .facts = &facts,
                                                       .capacity = w->capacity[i],
                                                       .connected = true,
                                                       .eligible = below(w, 8) != 0},
                                   &w->node[i], NULL));
    }
    for (unsigned i = 0; i <= WORKLOADS; i++)
        w->budget[i] = below(w, 4);
    for (unsigned i = 0; i < KEEPS; i++) {
        unsigned workload = 1 + below(w, WORKLOADS);

        w->keep[i] = (struct keep_spec){.id = i + 1,
                                        .workload = workload,
                                        .node = w->node[below(w, NODES)],
                                        .need = {50 + 50 * below(w, 3), 100, below(w, 2), 0},
                                        .priority = (int32_t)workload,
                                        .ending = below(w, 8) == 0};
        assert_true(fleet_keep_put(w->f, &w->keep[i], NULL));
    }
}

static bool fits_without(const struct world *w, const struct demand *d, unsigned node,
                         unsigned gone)
{
    uint64_t cpu = d->need.cpu_milli, memory = d->need.memory, slots = d->need.tee_slots;

    for (unsigned i = 0; i < KEEPS; i++)
        if (w->keep[i].node == w->node[node] && (gone >> i & 1) == 0) {
            cpu += w->keep[i].need.cpu_milli;
            memory += w->keep[i].need.memory;
            slots += w->keep[i].need.tee_slots;
        }
    return cpu <= w->capacity[node].cpu_milli && memory <= w->capacity[node].memory &&
           (d->need.tee_slots == 0 || slots <= w->capacity[node].tee_slots);
}

/* Whether the keeps of that set may be taken from the node at all. */
static bool fair(const struct world *w, const struct demand *d, unsigned node, unsigned gone,
                 int32_t *highest)
{
    uint32_t taken[WORKLOADS + 1] = {0};

    *highest = INT32_MIN;
    for (unsigned i = 0; i < KEEPS; i++) {
        const struct keep_spec *k = &w->keep[i];

        if ((gone >> i & 1) == 0)
            continue;
        if (k->node != w->node[node] || k->ending || k->priority >= d->priority ||
            k->workload == d->workload || ++taken[k->workload] > w->budget[k->workload])
            return false;
        *highest = k->priority > *highest ? k->priority : *highest;
    }
    return true;
}

/* The lowest "highest priority" that any set of victims has; INT32_MAX: nothing helps. */
static int32_t best_of_all(const struct world *w, const struct demand *d)
{
    int32_t best = INT32_MAX, highest;

    for (unsigned n = 0; n < NODES; n++) {
        unsigned here = 0;

        if (!fleet_node_view(w->f, w->node[n]).eligible)
            continue;
        for (unsigned i = 0; i < KEEPS; i++)
            here |= (unsigned)(w->keep[i].node == w->node[n]) << i;
        for (unsigned gone = here; gone != 0; gone = (gone - 1) & here)
            if (fair(w, d, n, gone, &highest) && fits_without(w, d, n, gone) && highest < best)
                best = highest;
    }
    return best;
}

static void test_preempt(void **state)
{
    unsigned helped = 0, hopeless = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        AUTO_ARENA struct arena a;
        struct world w;
        struct demand d = {.need = {100, 100, 1, 0}};
        struct preemption p;
        struct decision v = {0};
        struct placing out;
        unsigned gone = 0, node = 0;
        int32_t highest;

        make(&w, seed);
        arena_init(&a, 1 << 16);
        d.rules = &w.rules;
        d.workload = 1 + below(&w, WORKLOADS + 1);
        d.priority = 1 + (int32_t)below(&w, 5);
        d.need.cpu_milli = 100 + 100 * below(&w, 3);
        assert_true(place(w.f, &d, 0, &v, 1, &out, NULL));
        if (v.node != NODE_NONE) { /* there is room: nobody asks */
            fleet_free(w.f);
            continue;
        }
        assert_true(preempt(w.f, &d, 0, budget, &w, &a, &p, NULL));
        if (p.node == NODE_NONE) {
            assert_int_equal(best_of_all(&w, &d), INT32_MAX);
            hopeless++;
            fleet_free(w.f);
            continue;
        }
        for (size_t i = 0; i < p.victims_n; i++)
            gone |= 1u << (p.victims[i] - 1);
        while (w.node[node] != p.node)
            node++;
        assert_true(fair(&w, &d, node, gone, &highest));
        assert_int_equal(highest, p.highest);
        assert_int_equal(highest, best_of_all(&w, &d));
        assert_true(fits_without(&w, &d, node, gone));
        for (size_t i = 0; i < p.victims_n; i++) /* none is taken in vain */
            assert_false(fits_without(&w, &d, node, gone & ~(1u << (p.victims[i] - 1))));
        for (size_t i = 0; i < p.victims_n; i++)
            assert_true(fleet_keep_remove(w.f, p.victims[i]));
        assert_true(place(w.f, &d, 0, &v, 1, &out, NULL));
        assert_int_not_equal(v.node, NODE_NONE);
        helped++;
        fleet_free(w.f);
    }
    assert_true(helped > 50 && hopeless > 50);
}

static void test_gang(void **state)
{
    struct world w;
    struct decision v[4] = {{.keep = 101}, {.keep = 102}, {.keep = 103}, {.keep = 104}};
    struct spread one = {"node", 1, 0};
    struct demand d = {.workload = 9, .gang = true, .need = {10, 10, 0, 0}};
    struct placing p;

    (void)state;
    make(&w, 3);
    for (unsigned i = 0; i < KEEPS; i++)
        (void)fleet_keep_remove(w.f, i + 1);
    for (unsigned i = 0; i < NODES; i++)
        fleet_node_eligible(w.f, w.node[i], i < 3);
    d.rules = &w.rules;
    d.spread = &one;
    d.spread_n = 1;
    assert_true(place(w.f, &d, 0, v, 3, &p, NULL));
    assert_int_equal(p.placed, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(fleet_keep_remove(w.f, v[i].keep));
    fleet_node_cordoned(w.f, w.node[0], true);
    d.need.cpu_milli = w.capacity[1].cpu_milli;
    assert_true(place(w.f, &d, 0, v, 3, &p, NULL));
    assert_int_equal(p.placed, 0);
    assert_int_equal(p.pending, 3);
    assert_int_equal(fleet_keep_count(w.f), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(v[i].node, NODE_NONE);
    fleet_free(w.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_preempt), cmocka_unit_test(test_gang)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
