/* queue.h - demands that wait: in which order they are tried, what wakes them, and how much their
 * namespace may have. Pure; times are the caller's, in milliseconds of one clock that only grows.
 *
 * Order: by priority; among equal ones namespaces take turns, the one that has the smallest part of
 * what is used first (of its dominant resource: Ghodsi et al., "Dominant Resource Fairness", 2011),
 * and within a namespace who waits longest. Waiting raises a demand's priority by one each
 * QUEUE_AGE_MS, so that none waits for ever behind others that keep coming. A demand that cannot be
 * placed holds up none behind it. */
#ifndef SCHEDULER_QUEUE_H
#define SCHEDULER_QUEUE_H

#include "scheduler/place.h"

#define QUEUE_AGE_MS 60000

/* What happened, and what a demand waits for. */
enum queue_cause {
    QUEUE_ROOM = 1 << 0,      /* a keep ended */
    QUEUE_EVIDENCE = 1 << 1,  /* a node's evidence was verified: its class may be another */
    QUEUE_LINK = 1 << 2,      /* a node is connected */
    QUEUE_NEIGHBOUR = 1 << 3, /* a keep got a place: another may have to be beside it */
    QUEUE_QUOTA = 1 << 4,     /* a namespace has more left of its quota */
    QUEUE_NODE = 1 << 5,      /* anything else of a node: it is new, its labels, its capacity */
    QUEUE_ALL = (1 << 6) - 1
};

/* The causes that can remove what stood in the way of this placing. A node needs its first obstacle
 * removed before it can be of use, whatever else is in its way; evenness and neighbours depend on
 * the whole fleet, and so does a gang: anything may help them. */
uint32_t queue_causes(const struct placing *p, bool gang, bool over_quota);

struct queue_wait {  /* zeroed: it does not wait */
    uint32_t causes; /* that it waits for */
    uint32_t tries;  /* in a row without success */
    int64_t since_ms, not_before_ms;
};

/* An attempt failed. Attempts that follow soon have to wait longer and longer, up to QUEUE_MOST_MS;
 * the first QUEUE_FREE of them need not. */
#define QUEUE_FREE 3
#define QUEUE_FIRST_MS 100
#define QUEUE_MOST_MS 10000
void queue_failed(struct queue_wait *w, uint32_t causes, int64_t now_ms);
void queue_done(struct queue_wait *w); /* it waits no more */

enum queue_answer {
    QUEUE_SLEEP, /* this does not help it */
    QUEUE_LATER, /* try at not_before_ms */
    QUEUE_NOW
};
enum queue_answer queue_wake(const struct queue_wait *w, uint32_t causes, int64_t now_ms);

struct queue_use { /* of a namespace: what its keeps hold */
    struct resources used;
    uint64_t keeps;
};

struct queue_entry {
    uint64_t id; /* the caller's; decides between equals */
    int32_t priority;
    uint32_t namespace; /* index */
    int64_t since_ms;   /* it waits since then; 0: it is new */
    struct queue_use asks;
    double turn; /* out: where its namespace stands then */
};

/* Sorts v into the order in which to try. use: of every namespace by index. */
void queue_order(struct queue_entry *v, size_t n, const struct queue_use *use, size_t namespaces,
                 int64_t now_ms);

/* The most that a namespace's keeps may hold together; 0: no limit. */
struct quota {
    struct resources most;
    uint64_t keeps;
};

/* How many of `want` keeps the quota still admits. *what: the resource that it lacks for the next
 * one ("cpu", "memory", "tee slots", "enclave memory", "keeps"); NULL when it admits all. */
uint32_t quota_room(const struct quota *q, const struct queue_use *use,
                    const struct resources *need, uint32_t want, const char **what);

#endif
