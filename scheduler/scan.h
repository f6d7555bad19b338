/* scan.h - a demand judged node by node with none of the index: slow and plain, for explanations
 * and as the yardstick of place(). Private to the scheduler. */
#ifndef SCHEDULER_SCAN_H
#define SCHEDULER_SCAN_H

#include "base/arena.h"
#include "scheduler/fleet_int.h"
#include "scheduler/shape.h"

/* One value of a spread and how it is used. */
struct scan_value {
    const char *text;
    uint32_t keeps;
    bool counts; /* some node with it is admitted and usable */
};

struct scan {
    const struct fleet *f;
    const struct demand *d;
    int64_t cutoff_ms;
    struct arena arena;
    struct map values[SHAPE_AXES];     /* text -> struct scan_value; of advisories: one each */
    uint32_t unknown[PLACE_SPREADS];   /* keeps on nodes whose advisories are not known */
    uint32_t most[PLACE_SPREADS];      /* keeps of the most used advisory */
    uint32_t related[PLACE_RELATIONS]; /* keeps that the relation counts */
    uint32_t least[PLACE_SPREADS];
    uint32_t *keeps; /* of the workload, by node handle */
    uint32_t limit;  /* handles below */
};

NODISCARD bool scan_init(struct scan *s, const struct fleet *f, const struct demand *d,
                         int64_t now_ms, struct err *e);
void scan_fini(struct scan *s);

/* The first thing in the way of one keep more. *spread: which spread, when it is that. */
enum obstacle scan_node(const struct scan *s, uint32_t node, size_t *spread);

/* The node's value of a spread, and its keeps; NULL: unknown. text: VALUE_TEXT bytes. */
const char *scan_value_of(const struct scan *s, size_t spread, uint32_t node, char *text,
                          uint32_t *keeps);

#endif
