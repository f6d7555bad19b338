/* exposition.h - writes metrics as text for programs that scrape: the Prometheus text format 0.0.4,
 * or OpenMetrics 1.0. Both from the same calls; they differ in the names of counters' families and
 * in the last line.
 *
 * Names: base units (seconds, bytes), `_total` for counters, `_info` for facts. A label never takes
 * a value that somebody outside could make up without bound. */
#ifndef CONTROLLER_EXPOSITION_H
#define CONTROLLER_EXPOSITION_H

#include "base/buf.h"

#define EXPOSITION_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSITION_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct exposition {
    struct buf *out;
    bool openmetrics;
    char family[80]; /* of the samples that follow; without "_total" */
    bool counter;
};

struct tag {
    const char *name, *value;
};

/* Begins a family. name without "_total" for counters; help is a sentence. */
void exposition_gauge(struct exposition *x, const char *name, const char *help);
void exposition_counter(struct exposition *x, const char *name, const char *help);
void exposition_histogram(struct exposition *x, const char *name, const char *help);

/* One sample of the family. labels end with a NULL name; NULL: none. A histogram's samples have a
 * suffix: "_bucket", "_sum", "_count"; others "". */
void exposition_sample(struct exposition *x, const char *suffix, const struct tag *labels,
                       double value);

/* A gauge or counter of one sample without labels. */
void exposition_one(struct exposition *x, const char *name, const char *help, double value);

/* What is last: "# EOF" in OpenMetrics. */
void exposition_end(struct exposition *x);

/* Observations in buckets, each up to a bound in microseconds; what is above all of them counts in
 * the last one. Written as seconds. */
#define HISTOGRAM_BOUNDS 12
struct histogram {
    uint64_t bucket[HISTOGRAM_BOUNDS + 1], sum_us;
};
extern const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

void histogram_observe(struct histogram *h, uint64_t us);
/* The samples of one histogram; labels as above, at most six. */
void exposition_observations(struct exposition *x, const struct tag *labels,
                             const struct histogram *h);

#endif
