/* selector.c - selectors against facts. */
#include "scheduler/selector.h"

#include <string.h>

#include "scheduler/selector_int.h"

const char *truth_name(enum truth t)
{
    switch (t) {
    case TRUTH_NO:
        return "false";
    case TRUTH_YES:
        return "true";
    case TRUTH_UNKNOWN:
        break;
    }
    return "unknown";
}

static bool words_have(const struct selector_words *w, const char *word)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->v[i], word) == 0)
            return true;
    return false;
}

/* The platform is one of the candidates: surely inside when all are, surely outside when none is.
 */
enum truth words_eval(const struct selector_words *w, const struct fact_words *f)
{
    unsigned inside = 0;

    for (unsigned i = 0; i < f->n; i++)
        inside += words_have(w, f->word[i]);
    if (f->n == 0 || (inside != 0 && inside != f->n))
        return TRUTH_UNKNOWN;
    return inside == 0 ? TRUTH_NO : TRUTH_YES;
}

enum truth version_eval(const struct version_range *r, const struct fact_version *v)
{
    uint32_t part[4] = {0};

    if (v->n == 0 || v->n > 4)
        return TRUTH_UNKNOWN;
    memcpy(part, v->part, v->n * sizeof part[0]);
    return version_range_holds(r, part) ? TRUTH_YES : TRUTH_NO;
}

const struct fact_svn *svn_find(const struct facts *f, const char *component)
{
    for (unsigned i = 0; i < f->tcb_n; i++)
        if (strcmp(f->tcb[i].name, component) == 0)
            return &f->tcb[i];
    return NULL;
}

enum truth tcb_eval(const struct selector_tcb *t, const struct facts *f)
{
    const struct fact_svn *svn = svn_find(f, t->component);

    if (svn == NULL)
        return TRUTH_UNKNOWN;
    return number_range_holds(&t->range, svn->value) ? TRUTH_YES : TRUTH_NO;
}

enum truth tcb_status_eval(const struct selector_words *w, const struct facts *f)
{
    if (f->tcb_status[0] == '\0')
        return TRUTH_UNKNOWN;
    return words_have(w, f->tcb_status) ? TRUTH_YES : TRUTH_NO;
}

enum truth tcb_date_eval(const struct time_range *r, const struct facts *f)
{
    if (f->tcb_date_s == 0)
        return TRUTH_UNKNOWN;
    return time_range_holds(r, f->tcb_date_s) ? TRUTH_YES : TRUTH_NO;
}

enum truth advisory_eval(const struct selector_words *w, const struct facts *f)
{
    for (unsigned i = 0; i < f->advisories_n; i++)
        if (words_have(w, f->advisory[i]))
            return TRUTH_YES;
    return f->advisories_known ? TRUTH_NO : TRUTH_UNKNOWN;
}

enum truth platform_eval(const struct selector *s, const struct facts *f)
{
    if (f->platform_id_n == 0)
        return TRUTH_UNKNOWN;
    for (size_t i = 0; i < s->platform_n; i++)
        if (s->platform[i].n == f->platform_id_n && f->platform_id_n <= FACT_ID &&
            memcmp(s->platform[i].id, f->platform_id, f->platform_id_n) == 0)
            return TRUTH_YES;
    return TRUTH_NO;
}

enum truth assurance_eval(const struct selector *s, const struct facts *f, enum sense sense,
                          enum simulated simulated)
{
    bool fits = true;

    if (!s->assurance_named && sense == SENSE_REFUSE)
        return TRUTH_YES; /* no condition */
    switch (f->assurance) {
    case ASSURANCE_HARDWARE:
        fits = !s->assurance_named || s->assurance_hardware;
        break;
    case ASSURANCE_SIMULATED:
        fits = s->assurance_named ? s->assurance_simulated : simulated == SIMULATED_DEFAULT;
        if (sense == SENSE_ACCEPT && simulated == SIMULATED_NEVER)
            fits = false;
        break;
    case ASSURANCE_UNKNOWN:
        return TRUTH_UNKNOWN;
    }
    return fits ? TRUTH_YES : TRUTH_NO;
}

/* Any of the findings: true when one is known true, false when all are known false. */
enum truth finding_eval(uint32_t findings, const struct facts *f)
{
    uint32_t known_true = f->findings_true & f->findings_known;

    if ((findings & known_true) != 0)
        return TRUTH_YES;
    return (findings & ~f->findings_known) == 0 ? TRUTH_NO : TRUTH_UNKNOWN;
}

bool selector_empty(const struct selector *s)
{
    return s->vendor.n == 0 && s->technology.n == 0 && s->generation.n == 0 &&
           s->product_line.n == 0 && s->firmware.n == 0 && s->tcb_n == 0 && s->tcb_status.n == 0 &&
           s->tcb_date.n == 0 && s->advisory.n == 0 && s->platform_n == 0 && !s->assurance_named &&
           s->findings == 0;
}

static enum truth both(enum truth a, enum truth b)
{
    if (a == TRUTH_NO || b == TRUTH_NO)
        return TRUTH_NO;
    return a == TRUTH_YES ? b : TRUTH_UNKNOWN;
}

static enum truth either(enum truth a, enum truth b)
{
    if (a == TRUTH_YES || b == TRUTH_YES)
        return TRUTH_YES;
    return a == TRUTH_NO ? b : TRUTH_UNKNOWN;
}

/* All conditions but those on advisories. */
static enum truth plain_eval(const struct selector *s, const struct facts *f, enum sense sense,
                             enum simulated simulated)
{
    enum truth t = assurance_eval(s, f, sense, simulated);

    if (s->vendor.n != 0)
        t = both(t, words_eval(&s->vendor, &f->vendor));
    if (s->technology.n != 0)
        t = both(t, words_eval(&s->technology, &f->technology));
    if (s->generation.n != 0)
        t = both(t, words_eval(&s->generation, &f->generation));
    if (s->product_line.n != 0)
        t = both(t, words_eval(&s->product_line, &f->product_line));
    if (s->firmware.n != 0)
        t = both(t, version_eval(&s->firmware, &f->firmware));
    for (size_t i = 0; i < s->tcb_n; i++)
        t = both(t, tcb_eval(&s->tcb[i], f));
    if (s->tcb_status.n != 0)
        t = both(t, tcb_status_eval(&s->tcb_status, f));
    if (s->tcb_date.n != 0)
        t = both(t, tcb_date_eval(&s->tcb_date, f));
    if (s->platform_n != 0)
        t = both(t, platform_eval(s, f));
    if (s->findings != 0)
        t = both(t, finding_eval(s->findings, f));
    return t;
}

/* A selector of an advisory, a floor's minimum or an exception: a plain question about facts. */
static enum truth simple_eval(const struct selector *s, const struct facts *f)
{
    enum truth t = plain_eval(s, f, SENSE_REFUSE, SIMULATED_DEFAULT);

    if (selector_empty(s))
        return TRUTH_UNKNOWN;
    return s->advisory.n == 0 ? t : both(t, advisory_eval(&s->advisory, f));
}

/* Affected, and not surely mended. */
static enum truth open_to(const struct selector_advisory *a, const struct facts *f)
{
    enum truth t = TRUTH_NO;

    for (size_t i = 0; i < a->affected_n; i++)
        t = either(t, simple_eval(&a->affected[i], f));
    for (size_t i = 0; i < a->fixed_n && t != TRUTH_NO; i++)
        if (simple_eval(a->fixed[i].platforms, f) == TRUTH_YES &&
            simple_eval(a->fixed[i].minimum, f) == TRUTH_YES)
            return TRUTH_NO;
    return t;
}

/* One advisory by its id: what collateral says and what an Advisory says. Collateral that does not
 * speak of advisories leaves the word to the object. */
static enum truth one_advisory(const struct selector *s, const char *const *id,
                               const struct facts *f)
{
    enum truth t = advisory_eval(&(struct selector_words){id, 1}, f);

    for (size_t i = 0; i < s->known_n; i++)
        if (strcmp(s->known[i]->id, *id) == 0)
            return f->advisories_known || t == TRUTH_YES ? either(t, open_to(s->known[i], f))
                                                         : open_to(s->known[i], f);
    return t;
}

enum truth advisories_eval(const struct selector *s, const struct facts *f)
{
    enum truth t = TRUTH_NO;

    if (s->known_n == 0)
        return advisory_eval(&s->advisory, f);
    for (size_t i = 0; i < s->advisory.n; i++)
        t = either(t, one_advisory(s, &s->advisory.v[i], f));
    return t;
}

const struct selector_unless *selector_passed(const struct selector *s, const struct facts *f)
{
    for (size_t i = 0; i < s->unless_n; i++)
        if (simple_eval(s->unless[i].selector, f) == TRUTH_YES)
            return &s->unless[i];
    return NULL;
}

enum truth selector_eval(const struct selector *s, const struct facts *f, enum sense sense,
                         enum simulated simulated)
{
    enum truth t;

    if (selector_empty(s))
        return TRUTH_UNKNOWN; /* a mistake that slipped in: admits nothing */
    t = plain_eval(s, f, sense, simulated);
    if (s->advisory.n != 0)
        t = both(t, advisories_eval(s, f));
    if (t != TRUTH_NO && sense == SENSE_REFUSE && selector_passed(s, f) != NULL)
        t = TRUTH_NO;
    return t;
}
