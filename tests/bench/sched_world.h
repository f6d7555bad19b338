/* sched_world.h - the benchmark's fleet: 12 generations with 8 firmwares each, 4 sites; workloads
 * of four keeps with an accept list, a refusal, resources of three kinds, spread over generations
 * and nodes. Beside the fleet the benchmark keeps books of its own, by which placements are
 * checked. */
#ifndef BENCH_SCHED_WORLD_H
#define BENCH_SCHED_WORLD_H

#include <time.h>

#include "base/rand.h"
#include "scheduler/evacuate.h"

#define GENERATIONS 12
#define FIRMWARES 8
#define SITES 4
#define RULES 48   /* different sets of rules */
#define REPLICAS 4 /* of one workload, decided together */
#define NOW_MS 10000000

extern const char *const bench_generations[GENERATIONS];
extern const struct resources bench_sizes[4];

/* The books that the checks trust, apart from the fleet. */
struct books {
    uint32_t nodes;
    uint8_t *generation, *firmware;
    uint32_t *free_cpu, *free_slots; /* milli, slots */
    uint64_t *free_memory;
};

struct rule_set {
    const char *vendor, *refused;
    unsigned floor; /* lowest firmware accepted */
    struct rule accept, refuse;
    struct rules rules;
    bool admitted[GENERATIONS];
};

struct placed { /* one workload's keeps, in a ring */
    uint64_t workload, first_keep;
    uint32_t node[REPLICAS];
    uint32_t size; /* index of what one keep needs */
};

struct bench {
    struct fleet *f;
    struct books b;
    struct rule_set set[RULES];
    struct prng r;
    struct placed *ring;
    size_t ring_n, at;
    uint64_t ids, workloads;
    uint64_t checked, unplaceable, wrong;
};

void *must(void *p); /* ends the process when there is no memory */
double seconds(clockid_t clock);

void bench_init(struct bench *b, uint32_t nodes);
void bench_fini(struct bench *b);
/* Node i's spec with the facts and texts that it points to; random but for i. */
struct bench_node {
    struct node_spec spec;
    struct facts facts;
    struct label site;
    char name[16];
};
void bench_node(struct bench *b, uint32_t i, struct bench_node *out);
/* Decides a new workload and lets the oldest of the ring go. checking: judged by the books first.
 */
void bench_decide(struct bench *b, bool checking);
bool bench_admits(const struct rule_set *s, const struct books *b, uint32_t node);

#endif
