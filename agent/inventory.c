#include "agent/inventory.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/runtime.h"
#include "base/log.h"

#define VERSION "0.1.0"

/* "AMD EPYC 7763 64-Core Processor", or "". */
static char *cpu_model(struct arena *a)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256], *colon = NULL, *out;

    while (f != NULL && colon == NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "model name", 10) == 0)
            colon = strchr(line, ':');
    if (f != NULL)
        (void)fclose(f);
    if (colon == NULL)
        return arena_strdup(a, "");
    colon += strspn(colon, ": \t");
    colon[strcspn(colon, "\n")] = '\0';
    out = arena_strdup(a, colon);
    return out;
}

static Bailey__V1__Capacity *capacity(const struct inventory_options *o, struct arena *a)
{
    Bailey__V1__Capacity *c = arena_alloc(a, sizeof *c);

    if (c == NULL)
        return NULL;
    bailey__v1__capacity__init(c);
    c->cpu_milli =
        o->cpu_milli != 0 ? o->cpu_milli : (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000;
    c->memory_bytes = o->memory_bytes != 0
                          ? o->memory_bytes
                          : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    c->tee_slots = o->tee_slots;
    c->epc_bytes = o->epc_bytes;
    return c;
}

static bool labels(const struct inventory_options *o, struct arena *a, Bailey__V1__Declared *d,
                   struct err *e)
{
    d->labels = arena_array(a, o->labels_n + 1, sizeof *d->labels);
    for (size_t i = 0; d->labels != NULL && i < o->labels_n; i++) {
        Bailey__V1__Declared__LabelsEntry *l = arena_alloc(a, sizeof *l);
        const char *equals = strchr(o->labels[i], '=');

        if (equals == NULL || equals == o->labels[i])
            return err_set(e, ERR_INPUT, "agent.label", "--label %s: want key=value", o->labels[i]);
        if (l == NULL)
            break;
        bailey__v1__declared__labels_entry__init(l);
        l->key = arena_strndup(a, o->labels[i], (size_t)(equals - o->labels[i]));
        l->value = arena_strdup(a, equals + 1);
        d->labels[d->n_labels++] = l;
    }
    return true;
}

/* The source that works, and why others do not. */
static bool sources(const struct inventory_options *o, struct arena *a, Bailey__V1__Declared *d)
{
    const char *source = "none";

    d->evidence_sources = arena_array(a, o->sources_n + 1, sizeof *d->evidence_sources);
    for (unsigned i = 0; d->evidence_sources != NULL && i < o->sources_n; i++) {
        const struct source_finding *f = &o->sources[i];
        Bailey__V1__Declared__EvidenceSourcesEntry *s = arena_alloc(a, sizeof *s);

        if (s == NULL)
            return false;
        bailey__v1__declared__evidence_sources_entry__init(s);
        s->key = arena_strdup(a, f->kind->word);
        s->value = arena_strdup(a, f->works ? "works" : f->why.msg);
        if (s->key == NULL || s->value == NULL)
            return false;
        d->evidence_sources[d->n_evidence_sources++] = s;
        if (f->works)
            source = f->name;
    }
    d->evidence_source = arena_strdup(a, source);
    return d->evidence_source != NULL && d->evidence_sources != NULL;
}

static void runtimes(struct arena *a, Bailey__V1__Declared *d)
{
    const struct runtime *r;
    size_t n = 0;

    while (runtime_at(n) != NULL)
        n++;
    d->runtimes = arena_array(a, n, sizeof *d->runtimes);
    for (size_t i = 0; d->runtimes != NULL && (r = runtime_at(i)) != NULL; i++) {
        char what[160];
        struct err e = {0};

        if (r->probe(what, sizeof what, &e))
            d->runtimes[d->n_runtimes++] = arena_strdup(a, r->name);
        else if (i == 0)
            log_warn("runtime sandbox does not work here", LOG_ERR(&e));
        else
            log_info("runtime not offered", LOG_STR("runtime", r->name), LOG_ERR(&e));
    }
}

bool inventory(const struct inventory_options *o, struct arena *a, Bailey__V1__Declared **out,
               struct err *e)
{
    Bailey__V1__Declared *d = arena_alloc(a, sizeof *d);
    struct utsname u = {0};
    char host[256] = "";

    if (d == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for the inventory");
    bailey__v1__declared__init(d);
    (void)uname(&u);
    (void)gethostname(host, sizeof host - 1);
    d->hostname = arena_strdup(a, host);
    d->kernel = arena_strdup(a, u.release);
    d->cpu_model = cpu_model(a);
    d->agent_version = arena_strdup(a, VERSION);
    if (!sources(o, a, d))
        return err_set(e, ERR_NOMEM, "memory", "no memory for the inventory");
    d->capacity = capacity(o, a);
    if (!labels(o, a, d, e))
        return false;
    runtimes(a, d);
    *out = d;
    return true;
}
