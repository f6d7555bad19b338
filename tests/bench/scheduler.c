/* Decisions a second of CPU time with the index, beside a scan of all nodes in the same run.
 *
 * 12 generations with 8 firmwares each, 4 sites; demands have an accept list, a refusal, resources
 * of three kinds and are spread over generations and nodes. Every decision enters its keep into the
 * fleet and an old keep leaves. At least 1000 placements of every size are checked against rules,
 * room and spread by this program's own books. Boundary of the numbers: decide, in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/rand.h"
#include "scheduler/place.h"

#define GENERATIONS 12
#define FIRMWARES 8
#define SITES 4
#define RULES 48   /* different sets of rules */
#define REPLICAS 4 /* of one workload, decided together */
#define ROUNDS 5
#define NOW_MS 10000000
#define CHECKS 1000 /* placements checked, at least */

static const char *const generations[GENERATIONS] = {
    "milan",   "genoa",           "bergamo",        "siena",   "turin",         "turin-dense",
    "icelake", "sapphire-rapids", "emerald-rapids", "granite", "sierra-forest", "clearwater"};
static const char *const sites[SITES] = {"ams2", "fra1", "lon3", "osl1"};
static const char *const vendors[2] = {"amd", "intel"};

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

struct numbers {
    uint32_t nodes;
    double index_s[ROUNDS], scan_s[ROUNDS], wall_s[ROUNDS]; /* decisions a second */
    double p50_ns, p99_ns, max_ns;
    double find_ms, evacuate_ms;
    uint64_t moved, unmoved;
    double bytes_node, bytes_keep, build_s;
    uint64_t decisions, checked, unplaceable, wrong;
};

static const struct resources sizes[4] = {{250, 256ull << 20, 1, 0},
                                          {500, 512ull << 20, 1, 0},
                                          {1000, 2048ull << 20, 1, 0},
                                          {2000, 4096ull << 20, 1, 0}};

static double seconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *must(void *p)
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
        s->refused = generations[i % GENERATIONS];
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

static void node_make(struct bench *b, uint32_t i)
{
    unsigned g = (unsigned)prng_below(&b->r, GENERATIONS),
             w = (unsigned)prng_below(&b->r, FIRMWARES);
    struct facts facts = {.assurance = ASSURANCE_HARDWARE, .platform_id_n = FACT_ID};
    struct label site = {"site", sites[prng_below(&b->r, SITES)]};
    uint64_t cores = 16 + 16 * prng_below(&b->r, 4);
    char name[16];
    struct node_spec s = {.name = name,
                          .facts = &facts,
                          .capacity = {cores * 1000, cores << 32, 64 + cores, 0},
                          .labels = &site,
                          .labels_n = 1,
                          .connected = true,
                          .eligible = true,
                          .verified_at_ms = NOW_MS - (int64_t)prng_below(&b->r, 300000)};
    struct err e = {0};
    uint32_t node;

    (void)snprintf(name, sizeof name, "node-%07u", i);
    facts.vendor.n = facts.generation.n = 1;
    (void)snprintf(facts.vendor.word[0], FACT_WORD, "%s", vendor_of(g));
    (void)snprintf(facts.generation.word[0], FACT_WORD, "%s", generations[g]);
    facts.firmware = (struct fact_version){.n = 2, .part = {1, w}};
    memcpy(facts.platform_id, &i, sizeof i);
    if (!fleet_node_put(b->f, &s, &node, &e) || node != i) {
        fprintf(stderr, "scheduler bench: %s\n", e.msg);
        exit(1);
    }
    b->b.generation[i] = (uint8_t)g;
    b->b.firmware[i] = (uint8_t)w;
    b->b.free_cpu[i] = (uint32_t)s.capacity.cpu_milli;
    b->b.free_memory[i] = s.capacity.memory;
    b->b.free_slots[i] = (uint32_t)s.capacity.tee_slots;
}

static void bench_init(struct bench *b, uint32_t nodes)
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

static void bench_fini(struct bench *b)
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
        book(&b->b, p->node[i], &sizes[p->size], -1);
    }
    p->workload = 0;
}

static bool fits(const struct books *b, uint32_t node, const struct resources *need)
{
    return b->free_cpu[node] >= need->cpu_milli && b->free_memory[node] >= need->memory &&
           b->free_slots[node] >= need->tee_slots;
}

static bool admits(const struct rule_set *s, const struct books *b, uint32_t node)
{
    return s->admitted[b->generation[node]] && b->firmware[node] >= s->floor;
}

/* Judges one workload's placements in their order by the books alone, before they are booked. */
static void check(struct bench *b, const struct rule_set *s, const struct placed *p)
{
    unsigned count[GENERATIONS] = {0};
    bool domain[GENERATIONS] = {false};

    for (uint32_t i = 0; i < b->b.nodes; i++)
        if (admits(s, &b->b, i))
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
                if (!used && admits(s, &b->b, n) && fits(&b->b, n, &sizes[p->size]) &&
                    count[b->b.generation[n]] == least)
                    b->wrong++;
            }
            b->checked++;
            continue;
        }
        g = b->b.generation[p->node[i]];
        ok = admits(s, &b->b, p->node[i]) && fits(&b->b, p->node[i], &sizes[p->size]) &&
             count[g] + 1 <= least + 1;
        for (unsigned k = 0; k < i; k++)
            ok = ok && p->node[k] != p->node[i]; /* spread over nodes: fewest is 0 here */
        b->wrong += !ok;
        b->checked++;
        count[g]++;
    }
}

static void decide(struct bench *b, bool checking)
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
    d.need = sizes[p->size];
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

/* The same decision by looking at every node: rules as a table by class, room in flat arrays. */
static uint32_t scan(const struct bench *b, const struct rule_set *s, const struct resources *need,
                     unsigned count[GENERATIONS])
{
    uint32_t first[GENERATIONS], best = NODE_NONE;
    bool admitted[GENERATIONS][FIRMWARES];

    for (unsigned g = 0; g < GENERATIONS; g++) {
        first[g] = NODE_NONE;
        for (unsigned w = 0; w < FIRMWARES; w++)
            admitted[g][w] = s->admitted[g] && w >= s->floor;
    }
    for (uint32_t i = b->b.nodes; i-- > 0;)
        if (admitted[b->b.generation[i]][b->b.firmware[i]] && b->b.free_cpu[i] >= need->cpu_milli &&
            b->b.free_memory[i] >= need->memory && b->b.free_slots[i] >= need->tee_slots)
            first[b->b.generation[i]] = i;
    for (unsigned g = 0; g < GENERATIONS; g++)
        if (first[g] != NODE_NONE && (best == NODE_NONE || count[g] < count[b->b.generation[best]]))
            best = first[g];
    if (best != NODE_NONE)
        count[b->b.generation[best]]++;
    return best;
}

static volatile uint32_t sink;

static double scan_rate(struct bench *b, double budget_s)
{
    double from = seconds(CLOCK_PROCESS_CPUTIME_ID), used;
    uint64_t n = 0;

    do {
        unsigned count[GENERATIONS] = {0};

        for (unsigned i = 0; i < REPLICAS; i++, n++)
            sink = scan(b, &b->set[n % RULES], &sizes[n % 4], count);
        used = seconds(CLOCK_PROCESS_CPUTIME_ID) - from;
    } while (used < budget_s);
    return (double)n / used;
}

static double index_rate(struct bench *b, double budget_s, double *wall_rate, uint64_t *decisions)
{
    double from = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC), used;
    uint64_t n = 0;

    do {
        for (unsigned i = 0; i < 64; i++, n += REPLICAS)
            decide(b, false);
        used = seconds(CLOCK_PROCESS_CPUTIME_ID) - from;
    } while (used < budget_s);
    *wall_rate = (double)n / (seconds(CLOCK_MONOTONIC) - wall);
    *decisions += n;
    return (double)n / used;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double median(const double *v, size_t n)
{
    double s[ROUNDS];

    memcpy(s, v, n * sizeof *s);
    qsort(s, n, sizeof *s, by_value);
    return s[n / 2];
}

/* Time of single calls of REPLICAS decisions each, release of old ones included, per decision. */
static void latency(struct bench *b, struct numbers *out)
{
    enum { SAMPLES = 20000 };
    double *v = must(calloc(SAMPLES, sizeof *v));

    for (size_t i = 0; i < SAMPLES; i++) {
        double from = seconds(CLOCK_MONOTONIC);

        decide(b, false);
        v[i] = (seconds(CLOCK_MONOTONIC) - from) * 1e9 / REPLICAS;
    }
    qsort(v, SAMPLES, sizeof *v, by_value);
    out->p50_ns = v[SAMPLES / 2];
    out->p99_ns = v[SAMPLES / 100 * 99];
    out->max_ns = v[SAMPLES - 1];
    free(v);
}

/* One generation is revoked: finds the keeps on it and decides where each of them goes instead. */
static void evacuate(struct bench *b, struct numbers *out)
{
    static const struct spread spread[2] = {{"generation", 1, 0}, {"node", 1, 0}};
    const char *gone = generations[3];
    struct rule rule = {{.generation = {&gone, 1}}, "revocation"};
    struct rule_list revoked = {.v = &rule, .n = 1};
    uint64_t *ids = must(calloc(fleet_keep_count(b->f), sizeof *ids));
    double from = seconds(CLOCK_PROCESS_CPUTIME_ID);
    size_t n = 0;

    rule_list_seal(&revoked);
    for (uint32_t c = 0; c < fleet_class_limit(b->f); c++) {
        const struct facts *facts = fleet_class_facts(b->f, c);
        struct keep_spec k;

        if (facts == NULL || rules_refusing(&revoked, facts, SIMULATED_NEVER, NULL) == NULL)
            continue;
        for (uint32_t i = NODE_NONE; (i = fleet_class_next(b->f, c, i)) != NODE_NONE;)
            for (uint32_t at = KEEP_NONE; fleet_node_keep(b->f, i, &at, &k);)
                ids[n++] = k.id;
    }
    out->find_ms = (seconds(CLOCK_PROCESS_CPUTIME_ID) - from) * 1e3;
    for (unsigned i = 0; i < RULES; i++)
        b->set[i].rules.cluster = revoked;
    for (size_t i = 0; i < n; i++) {
        struct keep_spec k;
        struct decision v = {.keep = ++b->ids};
        struct demand d = {.spread = spread, .spread_n = 2};
        struct placing p;

        (void)fleet_keep_get(b->f, ids[i], &k);
        (void)fleet_keep_ending(b->f, ids[i], true);
        d.workload = k.workload;
        d.need = k.need;
        d.rules = &b->set[(k.workload - 1) % RULES].rules;
        if (!place(b->f, &d, NOW_MS, &v, 1, &p, NULL))
            exit(1);
        out->unmoved += p.pending;
        b->wrong += v.node != NODE_NONE && b->b.generation[v.node] == 3;
    }
    out->moved = n - out->unmoved;
    out->evacuate_ms = (seconds(CLOCK_PROCESS_CPUTIME_ID) - from) * 1e3;
    free(ids);
}

static void measure(uint32_t nodes, double budget_s, struct numbers *out)
{
    struct bench b;
    double from = seconds(CLOCK_PROCESS_CPUTIME_ID);
    size_t empty;

    *out = (struct numbers){.nodes = nodes};
    bench_init(&b, nodes);
    out->build_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - from;
    empty = fleet_memory(b.f);
    out->bytes_node = (double)empty / nodes;
    for (size_t i = 0; i < b.ring_n; i++) /* fill, unmeasured; the first ones are checked */
        decide(&b, i < CHECKS / REPLICAS);
    out->bytes_keep = (double)(fleet_memory(b.f) - empty) / (double)fleet_keep_count(b.f);
    for (unsigned i = 0; i < ROUNDS; i++) {
        out->index_s[i] = index_rate(&b, budget_s, &out->wall_s[i], &out->decisions);
        out->scan_s[i] = scan_rate(&b, budget_s);
    }
    latency(&b, out);
    for (size_t i = 0; i < CHECKS / REPLICAS; i++)
        decide(&b, true);
    evacuate(&b, out);
    out->checked = b.checked;
    out->unplaceable = b.unplaceable;
    out->wrong = b.wrong;
    bench_fini(&b);
}

/* Memory read speed of one thread, in GB/s: what any scan is bound by. */
static double read_speed(void)
{
    size_t n = (size_t)1 << 25; /* 256 MiB of numbers */
    uint64_t *v = must(malloc(n * sizeof *v)), sum = 0;
    double best = 0;

    for (size_t i = 0; i < n; i++)
        v[i] = i;
    for (int round = 0; round < 3; round++) {
        double from = seconds(CLOCK_MONOTONIC), rate;

        for (size_t i = 0; i < n; i += 8)
            sum +=
                v[i] + v[i + 1] + v[i + 2] + v[i + 3] + v[i + 4] + v[i + 5] + v[i + 6] + v[i + 7];
        sink = (uint32_t)sum;
        rate = (double)(n * sizeof *v) / (seconds(CLOCK_MONOTONIC) - from) / 1e9;
        best = rate > best ? rate : best;
    }
    free(v);
    return best;
}

static void put_numbers(struct json *j, const struct numbers *n)
{
    double index = median(n->index_s, ROUNDS), s = median(n->scan_s, ROUNDS);

    json_object(j);
    json_key(j, "nodes");
    json_uint(j, n->nodes);
    json_key(j, "decisionsPerCpuSecond");
    json_double(j, index);
    json_key(j, "rounds");
    json_array(j);
    for (unsigned i = 0; i < ROUNDS; i++)
        json_double(j, n->index_s[i]);
    json_array_end(j);
    json_key(j, "decisionsPerWallSecond");
    json_double(j, median(n->wall_s, ROUNDS));
    json_key(j, "fullScanPerCpuSecond");
    json_double(j, s);
    json_key(j, "fullScanImpliedGBps");
    json_double(j, s * n->nodes * 18 / 1e9);
    json_key(j, "p50Ns");
    json_double(j, n->p50_ns);
    json_key(j, "p99Ns");
    json_double(j, n->p99_ns);
    json_key(j, "maxNs");
    json_double(j, n->max_ns);
    json_key(j, "bytesPerNode");
    json_double(j, n->bytes_node);
    json_key(j, "bytesPerKeep");
    json_double(j, n->bytes_keep);
    json_key(j, "buildCpuSeconds");
    json_double(j, n->build_s);
    json_key(j, "evacuateFindMs");
    json_double(j, n->find_ms);
    json_key(j, "evacuateMs");
    json_double(j, n->evacuate_ms);
    json_key(j, "evacuateMoved");
    json_uint(j, n->moved);
    json_key(j, "evacuateUnmoved");
    json_uint(j, n->unmoved);
    json_key(j, "checked");
    json_uint(j, n->checked);
    json_key(j, "wrong");
    json_uint(j, n->wrong);
    json_key(j, "unplaceable");
    json_uint(j, n->unplaceable);
    json_object_end(j);
}

static void print_numbers(const struct numbers *n)
{
    printf("%8u nodes: index %10.0f/s (%.0f ns), full scan %10.0f/s; p50 %.0f p99 %.0f max %.0f ns;"
           " %.0f B/node %.0f B/keep; built in %.2f s; %" PRIu64 " checked, %" PRIu64
           " wrong, %" PRIu64 " unplaceable; one generation of 12 evacuated in %.1f ms: %" PRIu64
           " keeps, %" PRIu64 " without a place\n",
           n->nodes, median(n->index_s, ROUNDS), 1e9 / median(n->index_s, ROUNDS),
           median(n->scan_s, ROUNDS), n->p50_ns, n->p99_ns, n->max_ns, n->bytes_node, n->bytes_keep,
           n->build_s, n->checked, n->wrong, n->unplaceable, n->evacuate_ms, n->moved, n->unmoved);
}

int main(int argc, char **argv)
{
    uint32_t all[] = {1000, 10000, 100000, 1000000};
    size_t sizes_n = 4;
    AUTO_BUF struct buf text = {0};
    struct json j = {.out = &text, .pretty = true};
    bool as_json = false, quick = false;
    double load[2] = {-1, -1}; /* before and after; -1: not known */
    uint64_t wrong = 0;

    (void)getloadavg(&load[0], 1);
    for (int i = 1; i < argc; i++) {
        as_json = as_json || strcmp(argv[i], "--json") == 0;
        quick = quick || strcmp(argv[i], "--quick") == 0;
        if (strcmp(argv[i], "--nodes") == 0 && i + 1 < argc) {
            all[0] = (uint32_t)strtoul(argv[++i], NULL, 10);
            sizes_n = all[0] >= 1000 && all[0] <= 10000000 ? 1 : 0;
        }
    }
    if (sizes_n == 0) {
        fprintf(stderr, "scheduler bench: --nodes takes 1000 to 10000000\n");
        return 2;
    }
    if (quick && sizes_n > 2)
        sizes_n = 2;
    json_object(&j);
    json_key(&j, "boundary");
    json_str(&j, "decide and enter into memory, one old keep released for each new one");
    json_key(&j, "optimised");
#ifdef __OPTIMIZE__
    json_bool(&j, true);
#else
    json_bool(&j, false);
#endif
    json_key(&j, "memoryReadGBps");
    json_double(&j, read_speed());
    json_key(&j, "sizes");
    json_array(&j);
    for (size_t i = 0; i < sizes_n; i++) {
        struct numbers n;

        measure(all[i], quick ? 0.02 : 0.3, &n);
        put_numbers(&j, &n);
        wrong += n.wrong;
        if (!as_json)
            print_numbers(&n);
    }
    json_array_end(&j);
    json_key(&j, "loadBefore");
    json_double(&j, load[0]);
    json_key(&j, "loadAfter");
    (void)getloadavg(&load[1], 1);
    json_double(&j, load[1]);
    json_object_end(&j);
    if (as_json)
        printf("%s\n", buf_str(&text));
    return wrong == 0 ? 0 : 1;
}
