/* metrics_int.h - private to controller/metrics*.c: the counters. */
#ifndef CONTROLLER_METRICS_INT_H
#define CONTROLLER_METRICS_INT_H

#include "controller/exposition.h"
#include "controller/metrics.h"

#define METRICS_METHODS 64 /* further ones count as "other" */
#define METRICS_REASONS 96
#define METRICS_CODES 17 /* of gRPC: 0 to 16 */

struct method_count {
    char name[48]; /* "Operator/Apply" */
    uint64_t code[METRICS_CODES];
    struct histogram took;
};

struct reason_count {
    char reason[64];
    uint64_t n;
};

struct metrics {
    uint64_t placed, verified, records;
    struct histogram commit;
    struct method_count method[METRICS_METHODS];
    struct reason_count refused[METRICS_REASONS];
    size_t n_methods, n_refused;
    /* the last page of each format, and until when it serves; boottime */
    struct buf page[2];
    int64_t page_until_ms[2];
};

/* metrics_state.c */
void metrics_state(struct state *st, struct exposition *x);
/* metrics_revocation.c */
void metrics_revocations(struct state *st, struct exposition *x);

#endif
