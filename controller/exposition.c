#include "controller/exposition.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LABELS_MOST 8

const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2500000,
};

/* Backslash, quote and line feed are the three that both formats escape. */
static void escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buf_puts(out, "\\n");
        else if (*text == '\\')
            buf_puts(out, "\\\\");
        else if (*text == '"' && quotes)
            buf_puts(out, "\\\"");
        else
            buf_putc(out, *text);
    }
}

static void begin(struct exposition *x, const char *name, const char *type, const char *help)
{
    const char *suffix = strcmp(type, "counter") == 0 && !x->openmetrics ? "_total" : "";

    snprintf(x->family, sizeof x->family, "%s", name);
    x->counter = strcmp(type, "counter") == 0;
    buf_printf(x->out, "# HELP %s%s ", name, suffix);
    escaped(x->out, help, x->openmetrics);
    buf_printf(x->out, "\n# TYPE %s%s %s\n", name, suffix, type);
}

void exposition_gauge(struct exposition *x, const char *name, const char *help)
{
    begin(x, name, "gauge", help);
}

void exposition_counter(struct exposition *x, const char *name, const char *help)
{
    begin(x, name, "counter", help);
}

void exposition_histogram(struct exposition *x, const char *name, const char *help)
{
    begin(x, name, "histogram", help);
}

/* Whole numbers as such; others with all their digits. */
static void number(struct buf *out, double v)
{
    if (isnan(v))
        buf_puts(out, "NaN");
    else if (isinf(v))
        buf_puts(out, v > 0 ? "+Inf" : "-Inf");
    else if (v == floor(v) && fabs(v) < 9e15)
        buf_printf(out, "%.0f", v);
    else
        buf_printf(out, "%.15g", v);
}

void exposition_sample(struct exposition *x, const char *suffix, const struct tag *labels,
                       double value)
{
    const char *between = "{";

    buf_printf(x->out, "%s%s%s", x->family, x->counter ? "_total" : "", suffix);
    for (const struct tag *l = labels; l != NULL && l->name != NULL; l++) {
        buf_printf(x->out, "%s%s=\"", between, l->name);
        escaped(x->out, l->value == NULL ? "" : l->value, true);
        buf_putc(x->out, '"');
        between = ",";
    }
    buf_puts(x->out, *between == ',' ? "} " : " ");
    number(x->out, value);
    buf_putc(x->out, '\n');
}

void exposition_one(struct exposition *x, const char *name, const char *help, double value)
{
    exposition_gauge(x, name, help);
    exposition_sample(x, "", NULL, value);
}

void exposition_end(struct exposition *x)
{
    if (x->openmetrics)
        buf_puts(x->out, "# EOF\n");
}

void histogram_observe(struct histogram *h, uint64_t us)
{
    size_t i = 0;

    while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
        i++;
    h->bucket[i]++;
    h->sum_us += us;
}

void exposition_observations(struct exposition *x, const struct tag *labels,
                             const struct histogram *h)
{
    struct tag with[LABELS_MOST] = {{NULL, NULL}};
    char bound[32];
    size_t n = 0;
    uint64_t count = 0;

    for (; labels != NULL && labels[n].name != NULL && n < LABELS_MOST - 2; n++)
        with[n] = labels[n];
    with[n] = (struct tag){"le", bound};
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += h->bucket[i];
        if (i < HISTOGRAM_BOUNDS)
            snprintf(bound, sizeof bound, "%.9g", (double)histogram_bounds_us[i] / 1e6);
        else
            snprintf(bound, sizeof bound, "+Inf");
        exposition_sample(x, "_bucket", with, (double)count);
    }
    with[n] = (struct tag){NULL, NULL};
    exposition_sample(x, "_sum", with, (double)h->sum_us / 1e6);
    exposition_sample(x, "_count", with, (double)count);
}
