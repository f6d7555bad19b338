/* sched_events.c - see sched_events.h. */
#include "tests/bench/sched_events.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENTS 4000

const char *const event_names[EVENT_KINDS] = {"join",     "leave",      "facts",
                                              "capacity", "link",       "verified",
                                              "keepPut",  "keepEnding", "keepRemove"};

static void must_put(struct bench *b, const struct node_spec *s)
{
    struct err e = {0};

    if (!fleet_node_put(b->f, s, NULL, &e)) {
        fprintf(stderr, "scheduler bench: %s\n", e.msg);
        exit(1);
    }
}

static void keep_event(struct bench *b, enum event_kind kind, uint32_t i, uint32_t node)
{
    uint64_t id = UINT64_MAX - 1 - i;

    if (kind == EVENT_KEEP_ENDING)
        (void)fleet_keep_ending(b->f, id, true);
    else if (kind == EVENT_KEEP_REMOVE)
        (void)fleet_keep_remove(b->f, id);
    else if (!fleet_keep_put(b->f,
                             &(struct keep_spec){
                                 .id = id, .workload = id, .node = node, .need = bench_sizes[0]},
                             NULL))
        exit(1);
}

/* Events are made before the clock runs: random numbers and texts are not the scheduler's. */
static double one_kind(struct bench *b, enum event_kind kind)
{
    struct bench_node *x = must(calloc(EVENTS, sizeof *x));
    uint32_t *node = must(calloc(EVENTS, sizeof *node));
    double from;

    for (uint32_t i = 0; i < EVENTS; i++) {
        bool joins = kind == EVENT_JOIN || kind == EVENT_LEAVE;

        node[i] = (uint32_t)(((uint64_t)i * b->b.nodes) / EVENTS);
        bench_node(b, joins ? b->b.nodes + i : node[i], &x[i]);
        x[i].spec.name = x[i].name; /* the array did not move: pointers hold */
        if (kind == EVENT_CAPACITY && !fleet_node_facts(b->f, node[i], &x[i].facts))
            exit(1);
    }
    from = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < EVENTS; i++)
        switch (kind) {
        case EVENT_JOIN:
        case EVENT_FACTS:
        case EVENT_CAPACITY:
            must_put(b, &x[i].spec);
            break;
        case EVENT_LEAVE:
            fleet_node_remove(b->f, fleet_node_find(b->f, x[i].name));
            break;
        case EVENT_LINK:
            fleet_node_connected(b->f, node[i], i % 2 == 0);
            break;
        case EVENT_VERIFIED:
            fleet_node_verified(b->f, node[i], NOW_MS + i);
            break;
        case EVENT_KEEP_PUT:
        case EVENT_KEEP_ENDING:
        case EVENT_KEEP_REMOVE:
        case EVENT_KINDS:
            keep_event(b, kind, i, node[i]);
            break;
        }
    from = seconds(CLOCK_PROCESS_CPUTIME_ID) - from;
    free(x);
    free(node);
    return from * 1e9 / EVENTS;
}

void events_measure(struct bench *b, double ns[EVENT_KINDS])
{
    for (unsigned i = 0; i < EVENT_KINDS; i++)
        ns[i] = one_kind(b, (enum event_kind)i);
}
