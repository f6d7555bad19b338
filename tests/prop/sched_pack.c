/* How well nodes are filled, beside first-fit-decreasing and, on small fleets, the optimum:
 *  - keeps that come largest first fill at most 5% more nodes than first-fit-decreasing does;
 *  - as many keeps find room as first-fit-decreasing places;
 *  - on fleets of a few nodes every batch that brute force fits into n nodes is placed, and uses at
 *    most one node more than the optimum (no false "unplaceable" where everything fits).
 * What keeps in order of arrival, unsorted, cost is printed, not judged.
 *
 * sched_pack [--cases N] [--seed N] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "scheduler/place.h"

#define NODES 80
#define KEEPS 240
#define SMALL_KEEPS 8

struct item {
    uint64_t cpu, memory;
};

struct sums {
    uint64_t ours, arrival, ffd, small, optimum;
};

static int larger_first(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->cpu != y->cpu)
        return x->cpu > y->cpu ? -1 : 1;
    return x->memory > y->memory ? -1 : x->memory < y->memory;
}

static void fail(uint64_t seed, const char *what)
{
    fprintf(stderr, "sched_pack: %s (seed %" PRIu64 ")\n", what, seed);
    exit(1);
}

static struct fleet *fleet_of(unsigned nodes, unsigned classes, struct item capacity)
{
    static const uint64_t key[2] = {41, 42};
    struct fleet *f = fleet_new(key);

    for (unsigned i = 0; f != NULL && i < nodes; i++) {
        struct facts facts = {.assurance = ASSURANCE_HARDWARE};
        char name[16];

        (void)snprintf(name, sizeof name, "n%u", i);
        facts.firmware = (struct fact_version){.n = 1, .part = {1 + i % classes}};
        if (!fleet_node_put(f,
                            &(struct node_spec){.name = name,
                                                .facts = &facts,
                                                .capacity = {capacity.cpu, capacity.memory, 0, 0},
                                                .connected = true,
                                                .eligible = true},
                            NULL, NULL))
            abort();
    }
    if (f == NULL)
        abort();
    return f;
}

/* Nodes in use after placing them one by one; *placed: how many found room. */
static unsigned pack(struct fleet *f, const struct item *v, unsigned n, unsigned *placed)
{
    static const struct rules rules = {0};
    unsigned used = 0;

    *placed = 0;
    for (unsigned i = 0; i < n; i++) {
        struct decision d = {.keep = i + 1};
        struct demand want = {
            .workload = i + 1, .rules = &rules, .need = {v[i].cpu, v[i].memory, 0, 0}};
        struct placing p;

        if (!place(f, &want, 0, &d, 1, &p, NULL))
            abort();
        *placed += p.placed;
    }
    for (uint32_t i = NODE_NONE; (i = fleet_node_next(f, i)) != NODE_NONE;)
        used += fleet_node_view(f, i).keeps > 0;
    return used;
}

/* The oracle: into the first node with room, in the order given. */
static unsigned first_fit(const struct item *v, unsigned n, unsigned nodes, struct item capacity,
                          unsigned *placed)
{
    struct item used[NODES] = {{0}};
    unsigned top = 0;

    *placed = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < nodes; k++)
            if (used[k].cpu + v[i].cpu <= capacity.cpu &&
                used[k].memory + v[i].memory <= capacity.memory) {
                used[k].cpu += v[i].cpu;
                used[k].memory += v[i].memory;
                top = k + 1 > top ? k + 1 : top;
                ++*placed;
                break;
            }
    return top;
}

/* Whether the items from `at` on fit into the nodes, by trying everything. */
static bool fit_all(const struct item *v, unsigned n, unsigned at, struct item *used,
                    unsigned nodes, struct item capacity)
{
    if (at == n)
        return true;
    for (unsigned k = 0; k < nodes; k++) {
        bool empty = used[k].cpu == 0 && used[k].memory == 0;

        if (used[k].cpu + v[at].cpu > capacity.cpu ||
            used[k].memory + v[at].memory > capacity.memory)
            continue;
        used[k].cpu += v[at].cpu;
        used[k].memory += v[at].memory;
        if (fit_all(v, n, at + 1, used, nodes, capacity))
            return true;
        used[k].cpu -= v[at].cpu;
        used[k].memory -= v[at].memory;
        if (empty)
            break; /* the other empty ones are like it */
    }
    return false;
}

static unsigned optimum(const struct item *v, unsigned n, struct item capacity)
{
    for (unsigned nodes = 1;; nodes++) {
        struct item used[SMALL_KEEPS] = {{0}};

        if (fit_all(v, n, 0, used, nodes, capacity))
            return nodes;
    }
}

static void draw(struct prng *r, struct item *v, unsigned n, struct item capacity)
{
    unsigned shape = (unsigned)prng_below(r, 3);

    for (unsigned i = 0; i < n; i++) {
        uint64_t most = shape == 0 ? 60 : shape == 1 ? 30 : prng_below(r, 4) == 0 ? 90 : 15;

        v[i].cpu = capacity.cpu * (1 + prng_below(r, most)) / 100;
        v[i].memory = shape == 2 ? capacity.memory * (1 + prng_below(r, most)) / 100
                                 : capacity.memory * (v[i].cpu * 100 / capacity.cpu) / 100;
    }
}

static void large_case(uint64_t seed, struct sums *s)
{
    struct item v[KEEPS], capacity = {64000, 1ull << 36};
    unsigned placed, arrived, best, ours, arrival, ffd;
    struct prng r;
    struct fleet *f;
    unsigned n, classes;

    prng_seed(&r, seed);
    n = 40 + (unsigned)prng_below(&r, KEEPS - 40);
    classes = 1 + (unsigned)prng_below(&r, 4);
    draw(&r, v, n, capacity);
    f = fleet_of(NODES, classes, capacity);
    arrival = pack(f, v, n, &arrived);
    fleet_free(f);
    qsort(v, n, sizeof v[0], larger_first);
    f = fleet_of(NODES, classes, capacity);
    ours = pack(f, v, n, &placed);
    fleet_free(f);
    ffd = first_fit(v, n, NODES, capacity, &best);
    if (placed < best)
        fail(seed, "fewer keeps found room than by first-fit-decreasing");
    if (placed == best && ours * 100 > ffd * 105)
        fail(seed, "more than 5% above first-fit-decreasing");
    s->ours += ours;
    s->arrival += arrival;
    s->ffd += ffd;
}

static void small_case(uint64_t seed, struct sums *s)
{
    struct item v[SMALL_KEEPS], capacity = {1000, 1000};
    unsigned n, best, placed, used;
    struct prng r;
    struct fleet *f;

    prng_seed(&r, seed);
    n = 2 + (unsigned)prng_below(&r, SMALL_KEEPS - 1);
    draw(&r, v, n, capacity);
    qsort(v, n, sizeof v[0], larger_first);
    best = optimum(v, n, capacity);
    f = fleet_of(best + 1, 1, capacity);
    used = pack(f, v, n, &placed);
    fleet_free(f);
    if (placed != n || used > best + 1)
        fail(seed, "more than one node above the optimum");
    s->small += used;
    s->optimum += best;
}

int main(int argc, char **argv)
{
    uint64_t cases = 2000, seed = 1;
    struct sums s = {0};

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cases") == 0)
            cases = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    for (uint64_t i = 0; i < cases; i++) {
        if (i % 20 == 0)
            large_case(seed + i, &s);
        small_case(seed + i, &s);
    }
    printf("sched_pack: %" PRIu64 " cases from seed %" PRIu64 ": nodes used %" PRIu64
           ", first-fit-decreasing %" PRIu64 ", in order of arrival %" PRIu64
           "; small fleets %" PRIu64 ", optimum %" PRIu64 "\n",
           cases, seed, s.ours, s.ffd, s.arrival, s.small, s.optimum);
    return 0;
}
