/* sched_world.c - see sched_world.h. */
#include "tests/bench/sched_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_generations[GENERATIONS] = {
    "milan",   "genoa",           "bergamo",        "siena",   "turin",         "turin-dense",
    "icelake", "sapphire-rapids", "emerald-rapids", "granite", "sierra-forest", "clearwater"};
static const char *const sites[SITES] = {"ams2", "fra1", "lon3", "osl1"};
static const char *const vendors[2] = {"amd", "intel"};

const struct resources bench_sizes[4] = {{250, 256ull << 20, 1, 0},
                                         {500, 512ull << 20, 1, 0},
                                         {1000, 2048ull << 20, 1, 0},
                                         {2000, 4096ull << 20, 1, 0}};

double seconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void *must(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "scheduler bench: no memory\n");
        exit(1);
    }
    return p;
}

static const char *vendor_of(unsigned generation)
{
    return vendors[generation >= 6];
}

static void rules_make(struct bench *b)
{
    for (unsigned i = 0; i < RULES; i++) {
        struct rule_set *s = &b->set[i];
        struct selector *a = &s->accept.selector;

        s->vendor = vendors[i % 2];
        s->refused = bench_generations[i % GENERATIONS];
        s->floor = i % 5;
        if (i % 3 != 0)
            a->vendor = (struct selector_words){&s->vendor, 1};
        a->firmware.n = 1;
        a->firmware.bound[0].op = COMPARE_GE;
        a->firmware.bound[0].part[0] = 1;
        a->firmware.bound[0].part[1] = s->floor;
        s->refuse.selector.generation = (struct selector_words){&s->refused, 1};
        s->rules = (struct rules){.refuse = {.v = &s->refuse, .n = 1},
                                  .accept = {.v = &s->accept, .n = 1},
                                  .max_evidence_age_ms = 3600000};
        rule_list_seal(&s->rules.refuse);
        rule_list_seal(&s->rules.accept);
        for (unsigned g = 0; g < GENERATIONS; g++)
            s->admitted[g] = g != i % GENERATIONS && (i % 3 == 0 || vendor_of(g) == s->vendor);
    }
}

void bench_node(struct bench *b, uint32_t i, struct bench_node *x)
{
    unsigned g = (unsigned)prng_below(&b->r, GENERATIONS),
             w = (unsigned)prng_below(&b->r, FIRMWARES);
    uint64_t cores;

    memset(x, 0, sizeof *x);
    x->facts = (struct facts){.assurance = ASSURANCE_HARDWARE, .platform_id_n = FACT_ID};
    x->site = (struct label){"site", sites[prng_below(&b->r, SITES)]};
    cores = 16 + 16 * prng_below(&b->r, 4);
    (void)snprintf(x->name, sizeof x->name, "node-%07u", i);
    x->facts.vendor.n = x->facts.generation.n = 1;
    (void)snprintf(x->facts.vendor.word[0], FACT_WORD, "%s", vendor_of(g));
    (void)snprintf(x->facts.generation.word[0], FACT_WORD, "%s", bench_generations[g]);
    x->facts.firmware = (struct fact_version){.n = 2, .part = {1, w}};
    memcpy(x->facts.platform_id, &i, sizeof i);
    x->spec = (struct node_spec){.name = x->name,
                                 .facts = &x->facts,
                                 .capacity = {cores * 1000, cores << 32, 64 + cores, 0},
                                 .labels = &x->site,
                                 .labels_n = 1,
                                 .connected = true,
                                 .eligible = true,
                                 .verified_at_ms = NOW_MS - (int64_t)prng_below(&b->r, 300000)};
    if (i >= b->b.nodes)
        return;
    b->b.generation[i] = (uint8_t)g;
    b->b.firmware[i] = (uint8_t)w;
    b->b.free_cpu[i] = (uint32_t)x->spec.capacity.cpu_milli;
    b->b.free_memory[i] = x->spec.capacity.memory;
    b->b.free_slots[i] = (uint32_t)x->spec.capacity.tee_slots;
}

static void node_make(struct bench *b, uint32_t i)
{
    struct bench_node x;
    struct err e = {0};
    uint32_t node;

    bench_node(b, i, &x);
    if (!fleet_node_put(b->f, &x.spec, &node, &e) || node != i) {
        fprintf(stderr, "scheduler bench: %s\n", e.msg);
        exit(1);
    }
}

void bench_init(struct bench *b, uint32_t nodes)
{
    memset(b, 0, sizeof *b);
    prng_seed(&b->r, nodes);
    b->f = must(fleet_new((const uint64_t[2]){11, 12}));
    b->b.nodes = nodes;
    b->b.generation = must(calloc(nodes, 1));
    b->b.firmware = must(calloc(nodes, 1));
    b->b.free_cpu = must(calloc(nodes, sizeof *b->b.free_cpu));
    b->b.free_slots = must(calloc(nodes, sizeof *b->b.free_slots));
    b->b.free_memory = must(calloc(nodes, sizeof *b->b.free_memory));
    rules_make(b);
    for (uint32_t i = 0; i < nodes; i++)
        node_make(b, i);
    b->ring_n = nodes * 2ul < 250000 ? nodes * 2ul : 250000; /* up to 1,000,000 keeps */
    b->ring = must(calloc(b->ring_n, sizeof *b->ring));
}

void bench_fini(struct bench *b)
{
    fleet_free(b->f);
    free(b->b.generation);
    free(b->b.firmware);
    free(b->b.free_cpu);
    free(b->b.free_slots);
    free(b->b.free_memory);
    free(b->ring);
}

static void book(struct books *b, uint32_t node, const struct resources *need, int sign)
{
    b->free_cpu[node] -= (uint32_t)((int64_t)need->cpu_milli * sign);
    b->free_memory[node] -= (uint64_t)((int64_t)need->memory * sign);
    b->free_slots[node] -= (uint32_t)((int64_t)need->tee_slots * sign);
}

static void release(struct bench *b, struct placed *p)
{
    for (unsigned i = 0; i < REPLICAS; i++) {
        if (p->workload == 0 || p->node[i] == NODE_NONE)
            continue;
        (void)fleet_keep_remove(b->f, p->first_keep + i);
        book(&b->b, p->node[i], &bench_sizes[p->size], -1);
    }
    p->workload = 0;
}

static bool fits(const struct books *b, uint32_t node, const struct resources *need)
{
    return b->free_cpu[node] >= need->cpu_milli && b->free_memory[node] >= need->memory &&
           b->free_slots[node] >= need->tee_slots;
}

bool bench_admits(const struct rule_set *s, const struct books *b, uint32_t node)
{
    return s->admitted[b->generation[node]] && b->firmware[node] >= s->floor;
}

/* Judges one workload's placements in their order by the books alone, before they are booked. */
static void check(struct bench *b, const struct rule_set *s, const struct placed *p)
{
    unsigned count[GENERATIONS] = {0};
    bool domain[GENERATIONS] = {false};

    for (uint32_t i = 0; i < b->b.nodes; i++)
        if (bench_admits(s, &b->b, i))
            domain[b->b.generation[i]] = true;
    for (unsigned i = 0; i < REPLICAS; i++) {
        unsigned least = ~0u, g;
        bool ok;

        for (g = 0; g < GENERATIONS; g++)
            if (domain[g] && count[g] < least)
                least = count[g];
        if (p->node[i] == NODE_NONE) { /* then no node may be right */
            for (uint32_t n = 0; n < b->b.nodes; n++) {
                bool used = false;

                for (unsigned k = 0; k < i; k++)
                    used = used || p->node[k] == n;
                if (!used && bench_admits(s, &b->b, n) && fits(&b->b, n, &bench_sizes[p->size]) &&
                    count[b->b.generation[n]] == least)
                    b->wrong++;
            }
            b->checked++;
            continue;
        }
        g = b->b.generation[p->node[i]];
        ok = bench_admits(s, &b->b, p->node[i]) && fits(&b->b, p->node[i], &bench_sizes[p->size]) &&
             count[g] + 1 <= least + 1;
        for (unsigned k = 0; k < i; k++)
            ok = ok && p->node[k] != p->node[i]; /* spread over nodes: fewest is 0 here */
        b->wrong += !ok;
        b->checked++;
        count[g]++;
    }
}

void bench_decide(struct bench *b, bool checking)
{
    static const struct spread spread[2] = {{"generation", 1, 0}, {"node", 1, 0}};
    struct placed *p = &b->ring[b->at];
    const struct rule_set *s = &b->set[b->workloads % RULES];
    struct decision v[REPLICAS];
    struct placing out;
    struct demand d = {.rules = &s->rules, .spread = spread, .spread_n = 2};
    struct err e = {0};

    b->at = (b->at + 1) % b->ring_n;
    release(b, p);
    p->workload = d.workload = ++b->workloads;
    p->first_keep = b->ids + 1;
    p->size = (uint32_t)prng_below(&b->r, 4);
    d.need = bench_sizes[p->size];
    for (unsigned i = 0; i < REPLICAS; i++)
        v[i] = (struct decision){.keep = ++b->ids};
    if (!place(b->f, &d, NOW_MS, v, REPLICAS, &out, &e)) {
        fprintf(stderr, "scheduler bench: %s\n", e.msg);
        exit(1);
    }
    for (unsigned i = 0; i < REPLICAS; i++)
        p->node[i] = v[i].node;
    b->unplaceable += out.pending;
    if (checking)
        check(b, s, p);
    for (unsigned i = 0; i < REPLICAS; i++)
        if (p->node[i] != NODE_NONE)
            book(&b->b, p->node[i], &d.need, 1);
}
