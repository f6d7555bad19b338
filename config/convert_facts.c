#include "config/convert_facts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"

/* Lists and maps under way; the first "no" of the arena makes the whole conversion fail. */
struct building {
    struct arena *a;
    Bailey__V1__Facts *m;
    bool full;
};

static char *copy(struct building *b, const char *s)
{
    char *p = arena_strdup(b->a, s);

    b->full = b->full || p == NULL;
    return p;
}

static void *list(struct building *b, size_t n)
{
    void *p = arena_array(b->a, n, sizeof(void *));

    b->full = b->full || p == NULL;
    return p;
}

static void add_source(struct building *b, const char *fact, const char *source)
{
    Bailey__V1__Facts__SourcesEntry *e;

    if (source[0] == '\0' || b->full)
        return;
    e = arena_alloc(b->a, sizeof *e);
    b->full = e == NULL;
    if (e == NULL)
        return;
    bailey__v1__facts__sources_entry__init(e);
    e->key = copy(b, fact);
    e->value = copy(b, source);
    b->m->sources[b->m->n_sources++] = e;
}

static void words_put(struct building *b, const char *fact, const struct fact_words *w, char ***to,
                      size_t *n)
{
    char **v = list(b, w->n);

    for (unsigned i = 0; i < w->n && !b->full; i++)
        v[i] = copy(b, w->word[i]);
    if (b->full)
        return;
    *to = v;
    *n = w->n;
    if (w->n > 0)
        add_source(b, fact, w->source);
}

static void tcb_put(struct building *b, const struct facts *f)
{
    Bailey__V1__Facts__TcbEntry **v = list(b, f->tcb_n);

    for (unsigned i = 0; i < f->tcb_n && !b->full; i++) {
        char fact[FACT_WORD + 8];

        v[i] = arena_alloc(b->a, sizeof **v);
        b->full = v[i] == NULL;
        if (b->full)
            return;
        bailey__v1__facts__tcb_entry__init(v[i]);
        v[i]->key = copy(b, f->tcb[i].name);
        v[i]->value = f->tcb[i].value;
        (void)snprintf(fact, sizeof fact, "tcb.%s", f->tcb[i].name);
        add_source(b, fact, f->tcb[i].source);
    }
    b->m->tcb = v;
    b->m->n_tcb = b->full ? 0 : f->tcb_n;
}

static void firmware_put(struct building *b, const struct fact_version *v)
{
    char text[64];
    int at = 0;

    if (v->n == 0)
        return;
    for (unsigned i = 0; i < v->n && i < 4; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%" PRIu32, i == 0 ? "" : ".",
                       v->part[i]);
    b->m->firmware = copy(b, text);
    add_source(b, "firmware", v->source);
}

static void findings_put(struct building *b, const struct facts *f)
{
    b->m->findings = list(b, FINDINGS);
    b->m->absent_findings = list(b, FINDINGS);
    for (int i = 0; i < FINDINGS && !b->full; i++) {
        if ((f->findings_known >> i & 1) == 0)
            continue;
        if ((f->findings_true >> i & 1) != 0)
            b->m->findings[b->m->n_findings++] = copy(b, finding_name((enum finding)i));
        else
            b->m->absent_findings[b->m->n_absent_findings++] =
                copy(b, finding_name((enum finding)i));
    }
}

static char *hex_put(struct building *b, const uint8_t *p, unsigned n)
{
    char *out = arena_alloc(b->a, (size_t)n * 2 + 1);

    b->full = b->full || out == NULL;
    if (out != NULL)
        hex_format((struct bytes){p, n}, out);
    return out;
}

Bailey__V1__Facts *facts_to_message(const struct facts *f, struct arena *a)
{
    struct building b = {a, arena_alloc(a, sizeof(Bailey__V1__Facts)), false};
    Bailey__V1__Facts *m = b.m;
    char date[TIME_TEXT];

    if (m == NULL)
        return NULL;
    bailey__v1__facts__init(m);
    m->sources = list(&b, FACT_TCB_PARTS + 8);
    if (b.full)
        return NULL;
    if (f->assurance != ASSURANCE_UNKNOWN)
        m->assurance = copy(&b, assurance_name(f->assurance));
    words_put(&b, "vendor", &f->vendor, &m->vendor, &m->n_vendor);
    words_put(&b, "technology", &f->technology, &m->technology, &m->n_technology);
    words_put(&b, "generation", &f->generation, &m->generation, &m->n_generation);
    words_put(&b, "productLine", &f->product_line, &m->product_line, &m->n_product_line);
    firmware_put(&b, &f->firmware);
    tcb_put(&b, f);
    m->tcb_status = copy(&b, f->tcb_status);
    if (f->tcb_date_s != 0)
        m->tcb_date = copy(&b, time_format(f->tcb_date_s, date));
    m->advisories_known = f->advisories_known;
    m->advisories = list(&b, f->advisories_n);
    for (unsigned i = 0; i < f->advisories_n && !b.full; i++)
        m->advisories[m->n_advisories++] = copy(&b, f->advisory[i]);
    findings_put(&b, f);
    m->platform_id = hex_put(&b, f->platform_id, f->platform_id_n);
    if (f->platform_id_n > 0)
        add_source(&b, "platformId", f->platform_id_source);
    m->measurement = hex_put(&b, f->measurement, f->measurement_n);
    return b.full ? NULL : m;
}

static bool misfit(struct err *e, const char *field)
{
    return err_set(e, ERR_INPUT, "facts.format", "%s: not what facts can hold", field),
           err_field(e, "%s", field);
}

static const char *source_of(const Bailey__V1__Facts *m, const char *fact)
{
    for (size_t i = 0; i < m->n_sources; i++)
        if (strcmp(m->sources[i]->key, fact) == 0)
            return m->sources[i]->value;
    return "";
}

static bool words_get(const Bailey__V1__Facts *m, const char *fact, size_t n, char *const *from,
                      struct fact_words *w, struct err *e)
{
    if (n > FACT_CANDIDATES)
        return misfit(e, fact);
    for (size_t i = 0; i < n; i++)
        if (!str_copy(w->word[i], sizeof w->word[i], from[i]))
            return misfit(e, fact);
    w->n = (unsigned)n;
    return str_copy(w->source, sizeof w->source, source_of(m, fact)) || misfit(e, "sources");
}

static bool firmware_get(const Bailey__V1__Facts *m, struct fact_version *v, struct err *e)
{
    const char *p = m->firmware;

    while (*p != '\0') {
        size_t n = strcspn(p, ".");
        char part[12];
        uint64_t value;

        if (v->n == 4 || n == 0 || n >= sizeof part)
            return misfit(e, "firmware");
        memcpy(part, p, n);
        part[n] = '\0';
        if (!u64_parse(part, &value) || value > UINT32_MAX)
            return misfit(e, "firmware");
        v->part[v->n++] = (uint32_t)value;
        p += n + (p[n] == '.');
    }
    return str_copy(v->source, sizeof v->source, source_of(m, "firmware")) || misfit(e, "sources");
}

static bool tcb_get(const Bailey__V1__Facts *m, struct facts *f, struct err *e)
{
    if (m->n_tcb > FACT_TCB_PARTS)
        return misfit(e, "tcb");
    for (size_t i = 0; i < m->n_tcb; i++) {
        struct fact_svn *s = &f->tcb[i];
        char fact[FACT_WORD + 8];

        (void)snprintf(fact, sizeof fact, "tcb.%.*s", FACT_WORD, m->tcb[i]->key);
        if (!str_copy(s->name, sizeof s->name, m->tcb[i]->key) ||
            !str_copy(s->source, sizeof s->source, source_of(m, fact)))
            return misfit(e, "tcb");
        s->value = m->tcb[i]->value;
    }
    f->tcb_n = (unsigned)m->n_tcb;
    return true;
}

static bool findings_get(size_t n, char *const *names, bool present, struct facts *f, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        enum finding which = finding_parse(names[i]);

        if (which == FINDINGS)
            return misfit(e, "findings");
        f->findings_known |= 1U << which;
        if (present)
            f->findings_true |= 1U << which;
    }
    return true;
}

static bool advisories_get(const Bailey__V1__Facts *m, struct facts *f, struct err *e)
{
    if (m->n_advisories > FACT_ADVISORIES)
        return misfit(e, "advisories");
    for (size_t i = 0; i < m->n_advisories; i++)
        if (!str_copy(f->advisory[i], sizeof f->advisory[i], m->advisories[i]))
            return misfit(e, "advisories");
    f->advisories_n = (unsigned)m->n_advisories;
    f->advisories_known = m->advisories_known;
    return true;
}

static bool hex_get(const char *text, uint8_t *out, size_t cap, unsigned *n, const char *field,
                    struct err *e)
{
    size_t len = 0;

    if (text[0] != '\0' && !hex_parse(text, out, cap, &len, NULL))
        return misfit(e, field);
    *n = (unsigned)len;
    return true;
}

static bool platform_get(const Bailey__V1__Facts *m, struct facts *f, struct err *e)
{
    return hex_get(m->platform_id, f->platform_id, sizeof f->platform_id, &f->platform_id_n,
                   "platformId", e) &&
           hex_get(m->measurement, f->measurement, sizeof f->measurement, &f->measurement_n,
                   "measurement", e) &&
           (str_copy(f->platform_id_source, sizeof f->platform_id_source,
                     source_of(m, "platformId")) ||
            misfit(e, "sources"));
}

static bool assurance_get(const char *word, enum assurance *out, struct err *e)
{
    *out = ASSURANCE_UNKNOWN;
    for (int i = ASSURANCE_HARDWARE; i <= ASSURANCE_SIMULATED; i++)
        if (strcmp(word, assurance_name((enum assurance)i)) == 0)
            *out = (enum assurance)i;
    return word[0] == '\0' || *out != ASSURANCE_UNKNOWN || misfit(e, "assurance");
}

bool facts_from_message(const Bailey__V1__Facts *m, struct facts *out, struct err *e)
{
    struct facts f = {0};

    if (!assurance_get(m->assurance, &f.assurance, e) ||
        !words_get(m, "vendor", m->n_vendor, m->vendor, &f.vendor, e) ||
        !words_get(m, "technology", m->n_technology, m->technology, &f.technology, e) ||
        !words_get(m, "generation", m->n_generation, m->generation, &f.generation, e) ||
        !words_get(m, "productLine", m->n_product_line, m->product_line, &f.product_line, e) ||
        !firmware_get(m, &f.firmware, e) || !tcb_get(m, &f, e) || !advisories_get(m, &f, e) ||
        !findings_get(m->n_findings, m->findings, true, &f, e) ||
        !findings_get(m->n_absent_findings, m->absent_findings, false, &f, e) ||
        !platform_get(m, &f, e))
        return false;
    if (!str_copy(f.tcb_status, sizeof f.tcb_status, m->tcb_status))
        return misfit(e, "tcbStatus");
    if (m->tcb_date[0] != '\0' && !time_parse(m->tcb_date, &f.tcb_date_s, NULL))
        return misfit(e, "tcbDate");
    *out = f;
    return true;
}
