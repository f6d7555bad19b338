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
#include "tests/bench/sched_events.h"

#define ROUNDS 5
#define CHECKS 1000 /* placements checked, at least */

struct numbers {
    uint32_t nodes;
    double index_s[ROUNDS], scan_s[ROUNDS], wall_s[ROUNDS]; /* decisions a second */
    double p50_ns, p99_ns, max_ns;
    double evacuate_ms, evacuate_digest_ms;
    double event_ns[EVENT_KINDS];
    uint32_t waves;
    uint64_t moved, unmoved;
    double bytes_node, bytes_class, bytes_keep, build_s;
    uint64_t decisions, checked, unplaceable, wrong;
};

struct lookup {
    struct bench *b;
    struct demand demand;
    struct spread spread[2];
};

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
            sink = scan(b, &b->set[n % RULES], &bench_sizes[n % 4], count);
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
            bench_decide(b, false);
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

static bool lookup(void *context, uint64_t workload, struct evacuate_workload *out)
{
    struct lookup *l = context;
    struct keep_spec k;
    uint32_t at = KEEP_NONE;

    if (!fleet_workload_keep(l->b->f, workload, &at, &k))
        return false;
    l->demand = (struct demand){.workload = workload,
                                .rules = &l->b->set[(workload - 1) % RULES].rules,
                                .need = k.need,
                                .spread = l->spread,
                                .spread_n = 2,
                                .replicas = REPLICAS};
    *out = (struct evacuate_workload){.demand = &l->demand, .max_unavailable = 1};
    return true;
}

/* Time of single decisions: one keep more for a workload that is there, one call each. */
static void latency(struct bench *b, struct numbers *out)
{
    enum { SAMPLES = 50000 };
    double *v = must(calloc(SAMPLES, sizeof *v));
    struct lookup l = {.b = b, .spread = {{"generation", 1, 0}, {"node", 1, 0}}};
    struct prng r;

    prng_seed(&r, 77);
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct placed *p = &b->ring[prng_below(&r, b->ring_n)];
        struct decision d = {.keep = UINT64_MAX - i};
        struct evacuate_workload w;
        struct placing out_of;
        double from;

        if (!lookup(&l, p->workload, &w))
            continue;
        from = seconds(CLOCK_MONOTONIC);
        if (!place(b->f, w.demand, NOW_MS, &d, 1, &out_of, NULL))
            exit(1);
        v[i] = (seconds(CLOCK_MONOTONIC) - from) * 1e9;
        if (d.node != NODE_NONE)
            (void)fleet_keep_remove(b->f, d.keep);
    }
    qsort(v, SAMPLES, sizeof *v, by_value);
    out->p50_ns = v[SAMPLES / 2];
    out->p99_ns = v[SAMPLES / 100 * 99];
    out->max_ns = v[SAMPLES - 1];
    free(v);
}

/* One generation is revoked: who leaves, where to, in which waves, what is left. */
static void evacuate_one(struct bench *b, bool digest, struct numbers *out)
{
    const char *gone = bench_generations[3];
    struct rule rule = {{.generation = {&gone, 1}}, "revocation"};
    struct rule_list revoked = {.v = &rule, .n = 1};
    struct evacuate_set set = {.platforms = &revoked};
    struct lookup l = {.b = b, .spread = {{"generation", 1, 0}, {"node", 1, 0}}};
    struct evacuate_options o = {
        .lookup = lookup, .context = &l, .now_ms = NOW_MS, .without_digest = !digest};
    struct evacuate_plan p;
    AUTO_ARENA struct arena a;
    struct err e = {0};
    double from, used;

    rule_list_seal(&revoked);
    arena_init(&a, (size_t)1 << 30);
    from = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (!evacuate(b->f, &set, &o, &a, &p, &e)) {
        fprintf(stderr, "scheduler bench: %s\n", e.msg);
        exit(1);
    }
    used = (seconds(CLOCK_PROCESS_CPUTIME_ID) - from) * 1e3;
    *(digest ? &out->evacuate_digest_ms : &out->evacuate_ms) = used;
    out->moved = p.moves_n;
    out->unmoved = p.stuck_n;
    out->waves = p.waves;
    for (size_t i = 0; i < p.moves_n; i++)
        b->wrong += b->b.generation[p.moves[i].to] == 3 || b->b.generation[p.moves[i].from] != 3;
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
    out->bytes_class = (double)fleet_class_memory(b.f);
    out->bytes_node = ((double)empty - out->bytes_class) / nodes;
    out->bytes_class /= GENERATIONS * FIRMWARES;
    for (size_t i = 0; i < b.ring_n; i++) /* fill, unmeasured; the first ones are checked */
        bench_decide(&b, i < CHECKS / REPLICAS);
    out->bytes_keep = (double)(fleet_memory(b.f) - empty) / (double)fleet_keep_count(b.f);
    for (unsigned i = 0; i < ROUNDS; i++) {
        out->index_s[i] = index_rate(&b, budget_s, &out->wall_s[i], &out->decisions);
        out->scan_s[i] = scan_rate(&b, budget_s);
    }
    latency(&b, out);
    for (size_t i = 0; i < CHECKS / REPLICAS; i++)
        bench_decide(&b, true);
    evacuate_one(&b, false, out);
    evacuate_one(&b, true, out);
    events_measure(&b, out->event_ns);
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
    json_key(j, "bytesPerClass");
    json_double(j, n->bytes_class);
    json_key(j, "bytesPerKeep");
    json_double(j, n->bytes_keep);
    json_key(j, "buildCpuSeconds");
    json_double(j, n->build_s);
    json_key(j, "evacuateMs");
    json_double(j, n->evacuate_ms);
    json_key(j, "evacuateWithDigestMs");
    json_double(j, n->evacuate_digest_ms);
    json_key(j, "evacuateWaves");
    json_uint(j, n->waves);
    json_key(j, "evacuateMoved");
    json_uint(j, n->moved);
    json_key(j, "evacuateUnmoved");
    json_uint(j, n->unmoved);
    json_key(j, "eventNs");
    json_object(j);
    for (unsigned i = 0; i < EVENT_KINDS; i++) {
        json_key(j, event_names[i]);
        json_double(j, n->event_ns[i]);
    }
    json_object_end(j);
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
    printf("         events, ns each:");
    for (unsigned i = 0; i < EVENT_KINDS; i++)
        printf(" %s %.0f", event_names[i], n->event_ns[i]);
    printf("\n");
}

/* How each kind's cost grows from the smallest fleet to the largest: about 1 but for memory's own
 * growing distance; a path that looks at the whole fleet would show as the ratio of the sizes. */
static void print_growth(struct json *j, const struct numbers *first, const struct numbers *last)
{
    json_key(j, "growth");
    json_object(j);
    json_key(j, "nodes");
    json_double(j, (double)last->nodes / first->nodes);
    json_key(j, "decision");
    json_double(j, median(first->index_s, ROUNDS) / median(last->index_s, ROUNDS));
    for (unsigned i = 0; i < EVENT_KINDS; i++) {
        json_key(j, event_names[i]);
        json_double(j, last->event_ns[i] / first->event_ns[i]);
    }
    json_object_end(j);
}

int main(int argc, char **argv)
{
    uint32_t all[] = {1000, 10000, 100000, 1000000};
    size_t sizes_n = 4;
    AUTO_BUF struct buf text = {0};
    struct json j = {.out = &text, .pretty = true};
    bool as_json = false, quick = false;
    double load[2] = {-1, -1}; /* before and after; -1: not known */
    struct numbers first = {0}, last = {0};
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
        if (i == 0)
            first = n;
        last = n;
        wrong += n.wrong;
        if (!as_json)
            print_numbers(&n);
    }
    json_array_end(&j);
    if (sizes_n > 1)
        print_growth(&j, &first, &last);
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
