/* why_int.h - parts of an explanation; private to the scheduler. */
#ifndef SCHEDULER_WHY_INT_H
#define SCHEDULER_WHY_INT_H

#include "base/buf.h"
#include "base/vec.h"
#include "scheduler/scan.h"
#include "scheduler/why.h"

struct teller {
    struct fleet *f;
    const struct demand *d;
    const struct why_options *o;
    struct scan scan;
    struct arena *a;
    int64_t now_ms;
    bool failed;       /* the arena is full */
    uint32_t eligible; /* nodes that would take a keep now */
    uint32_t tally[OBSTACLES];
    VEC(struct why_near_miss) near;
};

/* The buffer's text in the arena; the buffer is empty afterwards. Never NULL. */
const char *told(struct teller *t, struct buf *b);
const char *told_text(struct teller *t, const char *s);
void *told_array(struct teller *t, size_t n, size_t size); /* NULL: the arena is full */

/* why_near.c: what would help a class that is not admitted, or a node with this obstacle; then the
 * texts of all. */
void near_class(struct teller *t, uint32_t class, const struct why_class *c);
void near_node(struct teller *t, uint32_t node, enum obstacle o);
void near_finish(struct teller *t, struct why *out);
bool fact_may_change(const char *fact);

/* why_node.c: one node of a class whose verdict is known. class_text: why the class is not
 * admitted, or "". */
void tell_node(struct teller *t, uint32_t node, enum obstacle class_obstacle,
               const char *class_text, struct why_node *out);

#endif
