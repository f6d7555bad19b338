#include "controller/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "controller/metrics_int.h"
#include "controller/txn.h"

/* A page of a big fleet takes a while to make; it serves again for so many times that while. */
#define PAGE_REUSE 50
#define STUCK_COMMIT_MS 5000

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    buf_fini(&m->page[0]);
    buf_fini(&m->page[1]);
    free(m);
}

void metrics_commit(struct metrics *m, uint64_t us, size_t records)
{
    if (m == NULL)
        return;
    m->records += records;
    histogram_observe(&m->commit, us);
}

void metrics_placed(struct metrics *m)
{
    if (m != NULL)
        m->placed++;
}

void metrics_verdict(struct metrics *m, const char *reason)
{
    size_t i = 0;

    if (m == NULL)
        return;
    if (reason[0] == '\0') {
        m->verified++;
        return;
    }
    while (i < m->n_refused && strcmp(m->refused[i].reason, reason) != 0)
        i++;
    if (i == METRICS_REASONS) { /* reasons are a closed set; this is for the day it grew */
        i--;
        str_copy(m->refused[i].reason, sizeof m->refused[i].reason, "other");
    } else if (i == m->n_refused) {
        str_copy(m->refused[m->n_refused++].reason, sizeof m->refused[i].reason, reason);
    }
    m->refused[i].n++;
}

/* "/bailey.v1.Operator/Apply" is "Operator/Apply"; what is not served at all is "unknown". */
static const char *method_name(const char *path)
{
    static const char own[] = "/bailey.v1.";

    if (path[0] == '\0')
        return "unknown";
    if (strncmp(path, own, sizeof own - 1) == 0)
        return path + sizeof own - 1;
    return path[0] == '/' ? path + 1 : path;
}

void metrics_call(void *metrics, const char *path, int status, uint64_t us)
{
    const char *name = method_name(path);
    struct metrics *m = metrics;
    size_t i = 0;

    if (m == NULL)
        return;
    while (i < m->n_methods && strcmp(m->method[i].name, name) != 0)
        i++;
    if (i == METRICS_METHODS)
        i--;
    else if (i == m->n_methods)
        str_copy(m->method[m->n_methods++].name, sizeof m->method[i].name,
                 i == METRICS_METHODS - 1 ? "other" : name);
    m->method[i].code[status >= 0 && status < METRICS_CODES ? status : 2]++;
    histogram_observe(&m->method[i].took, us);
}

/* The names of gRPC's statuses (its specification, statuscodes.md). */
static const char *const code_names[METRICS_CODES] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

static void format_calls(const struct metrics *m, struct exposition *x)
{
    exposition_counter(x, "bailey_api_calls",
                       "Calls that ended, by method and gRPC status; streams count at their end.");
    for (size_t i = 0; i < m->n_methods; i++)
        for (size_t c = 0; c < METRICS_CODES; c++)
            if (m->method[i].code[c] > 0)
                exposition_sample(x, "",
                                  (const struct tag[]){{"method", m->method[i].name},
                                                       {"code", code_names[c]},
                                                       {NULL, NULL}},
                                  (double)m->method[i].code[c]);
    exposition_histogram(x, "bailey_api_call_seconds",
                         "How long calls took, by method, from arrival to their end.");
    for (size_t i = 0; i < m->n_methods; i++)
        exposition_observations(x,
                                (const struct tag[]){{"method", m->method[i].name}, {NULL, NULL}},
                                &m->method[i].took);
}

static void format_counters(const struct metrics *m, struct exposition *x)
{
    exposition_counter(x, "bailey_placements", "Keeps that were given a node.");
    exposition_sample(x, "", NULL, (double)m->placed);
    exposition_counter(x, "bailey_evidence_verifications",
                       "Evidence that was verified, by verdict and, where refused, by reason.");
    exposition_sample(x, "",
                      (const struct tag[]){{"verdict", "verified"}, {"reason", ""}, {NULL, NULL}},
                      (double)m->verified);
    for (size_t i = 0; i < m->n_refused; i++)
        exposition_sample(x, "",
                          (const struct tag[]){{"verdict", "refused"},
                                               {"reason", m->refused[i].reason},
                                               {NULL, NULL}},
                          (double)m->refused[i].n);
    exposition_histogram(x, "bailey_store_commit_seconds",
                         "From a batch's being handed to the store until it is durable.");
    exposition_observations(x, NULL, &m->commit);
    exposition_counter(x, "bailey_store_records", "Records that were made durable.");
    exposition_sample(x, "", NULL, (double)m->records);
}

static void make_page(struct state *st, bool openmetrics, struct buf *out)
{
    static const struct metrics none;
    struct exposition x = {.out = out, .openmetrics = openmetrics};
    const struct metrics *m = st->metrics == NULL ? &none : st->metrics;

    metrics_state(st, &x);
    metrics_revocations(st, &x);
    format_counters(m, &x);
    format_calls(m, &x);
    exposition_end(&x);
}

void metrics_format(struct state *st, bool openmetrics, struct buf *out)
{
    struct metrics *m = st->metrics;
    int64_t now = state_now_ms(st), took;
    struct buf *page;

    if (m == NULL) {
        make_page(st, openmetrics, out);
        return;
    }
    page = &m->page[openmetrics];
    if (page->n == 0 || now >= m->page_until_ms[openmetrics]) {
        buf_clear(page);
        make_page(st, openmetrics, page);
        took = state_now_ms(st) - now;
        m->page_until_ms[openmetrics] = now + took * PAGE_REUSE;
    }
    buf_put(out, page->p, page->n);
    out->failed = out->failed || page->failed;
}

static void answer_metrics(void *user, const struct http_request *r, struct http_answer *a)
{
    bool openmetrics = http_accepts(r->accept, "application/openmetrics-text");

    a->type = openmetrics ? EXPOSITION_OPENMETRICS : EXPOSITION_PROMETHEUS;
    metrics_format(user, openmetrics, &a->body);
}

/* The loop turned, or there would be no answer. */
static void answer_health(void *user, const struct http_request *r, struct http_answer *a)
{
    (void)user;
    (void)r;
    buf_puts(&a->body, "ok\n");
}

static void answer_ready(void *user, const struct http_request *r, struct http_answer *a)
{
    struct state *st = user;
    int64_t waits = txn_waits_ms(st);

    (void)r;
    if (!st->stopping && waits < STUCK_COMMIT_MS) {
        buf_puts(&a->body, "ready\n");
        return;
    }
    a->status = 503;
    if (st->stopping)
        buf_puts(&a->body, "not ready: the controller stops\n");
    else
        buf_printf(&a->body, "not ready: the store has not committed for %lld ms\n",
                   (long long)waits);
}

const struct http_route metrics_routes[] = {
    {"/metrics", "what is counted, for Prometheus", answer_metrics},
    {"/healthz", "200 while the program works", answer_health},
    {"/readyz", "200 while it serves; 503 while it stops or its store hangs", answer_ready},
    {NULL, NULL, NULL},
};
