#include "config/convert_rules.h"

#include "base/clock.h"
#include "base/str.h"
#include "config/catalog.h"
#include "config/check.h"

static bool full(struct err *e)
{
    return err_set(e, ERR_LIMIT, "rules.too-large", "the rules need too much memory");
}

static bool words_take(const char *vocabulary, size_t n, char *const *from, struct arena *a,
                       struct selector_words *to, struct err *e)
{
    const char **v = arena_array(a, n, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < n; i++) {
        v[i] = catalog_resolve(vocabulary, from[i]);
        if (v[i] == NULL)
            return err_set(e, ERR_INPUT, "check.unknown-word", "unknown %s \"%.40s\"", vocabulary,
                           from[i]);
    }
    *to = (struct selector_words){v, n};
    return true;
}

static bool words_all(const Bailey__V1__Selector *m, struct arena *a, struct selector *out,
                      struct err *e)
{
    return words_take("vendor", m->n_vendor, m->vendor, a, &out->vendor, e) &&
           words_take("technology", m->n_technology, m->technology, a, &out->technology, e) &&
           words_take("generation", m->n_generation, m->generation, a, &out->generation, e) &&
           words_take("product-line", m->n_product_line, m->product_line, a, &out->product_line,
                      e) &&
           words_take("tcb-status", m->n_tcb_status, m->tcb_status, a, &out->tcb_status, e) &&
           words_take("advisory", m->n_advisory, m->advisory, a, &out->advisory, e);
}

static bool tcb_take(const Bailey__V1__Selector *m, struct arena *a, struct selector *out,
                     struct err *e)
{
    struct selector_tcb *v = arena_array(a, m->n_tcb, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < m->n_tcb; i++) {
        v[i].component = catalog_resolve("tcb-component", m->tcb[i]->key);
        if (v[i].component == NULL)
            return err_set(e, ERR_INPUT, "check.unknown-word", "unknown tcb-component \"%.40s\"",
                           m->tcb[i]->key);
        if (!number_range_parse(m->tcb[i]->value, &v[i].range, e))
            return err_field(e, "tcb.%s", v[i].component);
    }
    out->tcb = v;
    out->tcb_n = m->n_tcb;
    return true;
}

static bool platforms_take(const Bailey__V1__Selector *m, struct arena *a, struct selector *out,
                           struct err *e)
{
    struct selector_platform *v = arena_array(a, m->n_platform_id, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < m->n_platform_id; i++) {
        size_t n = 0;

        if (!hex_parse(m->platform_id[i], v[i].id, sizeof v[i].id, &n, e))
            return err_field(e, "platformId[%zu]", i);
        v[i].n = (unsigned)n;
    }
    out->platform = v;
    out->platform_n = m->n_platform_id;
    return true;
}

static bool flags_take(const Bailey__V1__Selector *m, struct selector *out, struct err *e)
{
    for (size_t i = 0; i < m->n_assurance; i++) {
        const char *word = catalog_resolve("assurance", m->assurance[i]);

        out->assurance_named = true;
        out->assurance_hardware |= word != NULL && strcmp(word, "hardware") == 0;
        out->assurance_simulated |= word != NULL && strcmp(word, "simulated") == 0;
    }
    for (size_t i = 0; i < m->n_finding; i++) {
        const char *word = catalog_resolve("finding", m->finding[i]);
        enum finding f = word == NULL ? FINDINGS : finding_parse(word);

        if (f == FINDINGS)
            return err_set(e, ERR_INPUT, "check.unknown-word", "unknown finding \"%.40s\"",
                           m->finding[i]);
        out->findings |= 1U << f;
    }
    return true;
}

bool selector_from_message(const Bailey__V1__Selector *m, struct arena *a, struct selector *out,
                           struct err *e)
{
    struct selector s = {.because = m->because};

    if (!message_check(&m->base, e) || !words_all(m, a, &s, e) || !tcb_take(m, a, &s, e) ||
        !platforms_take(m, a, &s, e) || !flags_take(m, &s, e))
        return false;
    if (m->firmware[0] != '\0' && !version_range_parse(m->firmware, &s.firmware, e))
        return err_field(e, "firmware");
    if (m->tcb_date[0] != '\0' && !time_range_parse(m->tcb_date, &s.tcb_date, e))
        return err_field(e, "tcbDate");
    *out = s;
    return true;
}

static bool list_take(const char *name, size_t n, Bailey__V1__Selector *const *from,
                      struct arena *a, struct selector **to, struct err *e)
{
    struct selector *v = arena_array(a, n, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < n; i++)
        if (!selector_from_message(from[i], a, &v[i], e))
            return err_field(e, "%s[%zu]", name, i);
    *to = v;
    return true;
}

bool trust_from_message(const Bailey__V1__Trust *m, struct arena *a, struct trust_rules *out,
                        struct err *e)
{
    struct trust_rules t = {.max_evidence_age_ms = EVIDENCE_AGE_DEFAULT_MS};

    if (m != NULL) {
        if (!list_take("accept", m->n_accept, m->accept, a, &t.accept, e) ||
            !list_take("refuse", m->n_refuse, m->refuse, a, &t.refuse, e))
            return false;
        if (m->max_evidence_age[0] != '\0' &&
            !duration_parse(m->max_evidence_age, &t.max_evidence_age_ms, e))
            return err_field(e, "maxEvidenceAge");
        t.accept_n = m->n_accept;
        t.refuse_n = m->n_refuse;
    }
    *out = t;
    return true;
}
