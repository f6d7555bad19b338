/* sched_events.h - what each kind of event costs the scheduler's index. */
#ifndef BENCH_SCHED_EVENTS_H
#define BENCH_SCHED_EVENTS_H

#include "tests/bench/sched_world.h"

enum event_kind {
    EVENT_JOIN,     /* a new node */
    EVENT_LEAVE,    /* and away again */
    EVENT_FACTS,    /* a node's firmware changes, and with it its class */
    EVENT_CAPACITY, /* a node's capacity changes */
    EVENT_LINK,     /* a node is lost, or back */
    EVENT_VERIFIED, /* fresh evidence, facts as before */
    EVENT_KEEP_PUT,
    EVENT_KEEP_ENDING,
    EVENT_KEEP_REMOVE,
    EVENT_KINDS
};

extern const char *const event_names[EVENT_KINDS];

/* Nanoseconds of CPU time an event, mean over a few thousand random ones. The fleet is afterwards
 * not as before: call it last. */
void events_measure(struct bench *b, double ns[EVENT_KINDS]);

#endif
