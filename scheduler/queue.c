/* queue.c - see queue.h. */
#include "scheduler/queue.h"

#include <stdlib.h>

uint32_t queue_causes(const struct placing *p, bool gang, bool over_quota)
{
    static const uint32_t removes[OBSTACLES] = {
        [OBSTACLE_UNVERIFIED] = QUEUE_EVIDENCE,
        [OBSTACLE_REVOKED] = QUEUE_EVIDENCE,
        [OBSTACLE_REFUSED] = QUEUE_EVIDENCE,
        [OBSTACLE_NOT_ACCEPTED] = QUEUE_EVIDENCE,
        [OBSTACLE_INELIGIBLE] = QUEUE_EVIDENCE,
        [OBSTACLE_STALE] = QUEUE_EVIDENCE,
        [OBSTACLE_DISCONNECTED] = QUEUE_LINK,
        [OBSTACLE_EXCLUSIVE] = QUEUE_ROOM,
        [OBSTACLE_CPU] = QUEUE_ROOM,
        [OBSTACLE_MEMORY] = QUEUE_ROOM,
        [OBSTACLE_TEE_SLOTS] = QUEUE_ROOM,
        [OBSTACLE_RESERVE] = QUEUE_ROOM,
        [OBSTACLE_NONE] = QUEUE_ALL,
        [OBSTACLE_RELATION] = QUEUE_ALL,
        [OBSTACLE_SPREAD] = QUEUE_ALL,
    };
    uint32_t causes = QUEUE_NODE | (over_quota ? QUEUE_QUOTA : 0);

    for (int i = 0; i < OBSTACLES; i++)
        if (p->tally[i] > 0)
            causes |= removes[i];
    return gang ? QUEUE_ALL : causes;
}

void queue_failed(struct queue_wait *w, uint32_t causes, int64_t now_ms)
{
    int64_t wait = QUEUE_FIRST_MS;

    w->causes = causes;
    if (w->tries == 0)
        w->since_ms = now_ms;
    w->tries += w->tries < UINT32_MAX;
    if (w->tries <= QUEUE_FREE)
        return;
    for (uint32_t i = QUEUE_FREE + 1; i < w->tries && wait < QUEUE_MOST_MS; i++)
        wait *= 2;
    w->not_before_ms = now_ms + (wait < QUEUE_MOST_MS ? wait : QUEUE_MOST_MS);
}

void queue_done(struct queue_wait *w)
{
    *w = (struct queue_wait){0};
}

enum queue_answer queue_wake(const struct queue_wait *w, uint32_t causes, int64_t now_ms)
{
    if ((w->causes & causes) == 0)
        return QUEUE_SLEEP;
    return now_ms < w->not_before_ms ? QUEUE_LATER : QUEUE_NOW;
}

static void add(struct queue_use *a, const struct queue_use *b)
{
    a->used.cpu_milli += b->used.cpu_milli;
    a->used.memory += b->used.memory;
    a->used.tee_slots += b->used.tee_slots;
    a->used.epc += b->used.epc;
    a->keeps += b->keeps;
}

static double part(uint64_t of, uint64_t all)
{
    return all == 0 ? 0 : (double)of / (double)all;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double dominant(const struct queue_use *u, const struct queue_use *all)
{
    double share = part(u->keeps, all->keeps);

    share = larger(share, part(u->used.cpu_milli, all->used.cpu_milli));
    share = larger(share, part(u->used.memory, all->used.memory));
    share = larger(share, part(u->used.tee_slots, all->used.tee_slots));
    return larger(share, part(u->used.epc, all->used.epc));
}

static int by_time(const struct queue_entry *a, const struct queue_entry *b)
{
    int64_t x = a->since_ms == 0 ? INT64_MAX : a->since_ms;
    int64_t y = b->since_ms == 0 ? INT64_MAX : b->since_ms;

    if (x != y)
        return x < y ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_namespace(const void *x, const void *y)
{
    const struct queue_entry *a = x, *b = y;

    if (a->namespace != b->namespace)
        return a->namespace < b->namespace ? -1 : 1;
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return by_time(a, b);
}

static int by_turn(const void *x, const void *y)
{
    const struct queue_entry *a = x, *b = y;

    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->turn < b->turn || b->turn < a->turn)
        return a->turn < b->turn ? -1 : 1;
    return by_time(a, b);
}

static int32_t aged(int64_t waited_ms)
{
    int64_t steps = waited_ms / QUEUE_AGE_MS;

    return steps < INT16_MAX ? (int32_t)steps : INT16_MAX;
}

void queue_order(struct queue_entry *v, size_t n, const struct queue_use *use, size_t namespaces,
                 int64_t now_ms)
{
    struct queue_use all = {0}, sum = {0};

    if (n < 2)
        return;
    for (size_t i = 0; i < namespaces; i++)
        add(&all, &use[i]);
    for (size_t i = 0; i < n; i++) {
        add(&all, &v[i].asks);
        if (v[i].since_ms > 0 && now_ms > v[i].since_ms)
            v[i].priority += aged(now_ms - v[i].since_ms);
    }
    /* what a namespace would have when its turn comes: what it has, and what it was given before */
    qsort(v, n, sizeof *v, by_namespace);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || v[i].namespace != v[i - 1].namespace)
            sum = use[v[i].namespace];
        v[i].turn = dominant(&sum, &all);
        add(&sum, &v[i].asks);
    }
    qsort(v, n, sizeof *v, by_turn);
}

struct limit {
    uint64_t most, used, each;
    const char *name;
};

uint32_t quota_room(const struct quota *q, const struct queue_use *use,
                    const struct resources *need, uint32_t want, const char **what)
{
    const struct limit limits[] = {
        {q->keeps, use->keeps, 1, "keeps"},
        {q->most.cpu_milli, use->used.cpu_milli, need->cpu_milli, "cpu"},
        {q->most.memory, use->used.memory, need->memory, "memory"},
        {q->most.tee_slots, use->used.tee_slots, need->tee_slots, "tee slots"},
        {q->most.epc, use->used.epc, need->epc, "enclave memory"},
    };

    *what = NULL;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const struct limit *l = &limits[i];
        uint64_t left = l->most > l->used ? l->most - l->used : 0;

        if (l->most == 0 || l->each == 0 || left / l->each >= want)
            continue;
        want = (uint32_t)(left / l->each);
        *what = l->name;
    }
    return want;
}
