/* rules_code_judge.c - compiled rules against encoded facts. */
#include <stdlib.h>

#include "scheduler/rules_code_int.h"

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

static enum truth truth_of(bool holds)
{
    return holds ? TRUTH_YES : TRUTH_NO;
}

static enum truth words_truth(uint64_t wanted, uint64_t have)
{
    if (have == 0)
        return TRUTH_UNKNOWN;
    if ((have & wanted) == 0)
        return TRUTH_NO;
    return (have & ~wanted) == 0 ? TRUTH_YES : TRUTH_UNKNOWN;
}

static enum truth firmware_truth(const struct version_range *r, const struct facts_code *f)
{
    for (unsigned i = 0; f->firmware_known && i < r->n; i++) {
        const uint32_t *p = r->bound[i].part;
        uint64_t high = (uint64_t)p[0] << 32 | p[1], low = (uint64_t)p[2] << 32 | p[3];
        bool less = f->firmware[0] < high || (f->firmware[0] == high && f->firmware[1] < low);
        bool same = f->firmware[0] == high && f->firmware[1] == low;
        static const struct {
            bool less, same, more;
        } fine[] = {[COMPARE_EQ] = {.same = true}, [COMPARE_NE] = {.less = true, .more = true},
                    [COMPARE_LT] = {.less = true}, [COMPARE_LE] = {.less = true, .same = true},
                    [COMPARE_GT] = {.more = true}, [COMPARE_GE] = {.same = true, .more = true}};
        unsigned op = (unsigned)r->bound[i].op;

        if (!(less ? fine[op].less : same ? fine[op].same : fine[op].more))
            return TRUTH_NO;
    }
    return f->firmware_known ? TRUTH_YES : TRUTH_UNKNOWN;
}

static enum truth platform_truth(const struct code_selector *s, uint32_t platform)
{
    size_t from = 0, to = s->platform_n;

    if (platform == 0)
        return TRUTH_UNKNOWN;
    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (s->platform[mid] == platform)
            return TRUTH_YES;
        if (s->platform[mid] < platform)
            from = mid + 1;
        else
            to = mid;
    }
    return TRUTH_NO;
}

static enum truth assurance_truth(const struct selector *s, enum assurance a, enum sense sense,
                                  enum simulated simulated)
{
    bool fits;

    if (!s->assurance_named && sense == SENSE_REFUSE)
        return TRUTH_YES;
    if (a == ASSURANCE_UNKNOWN)
        return TRUTH_UNKNOWN;
    if (a == ASSURANCE_HARDWARE)
        return truth_of(!s->assurance_named || s->assurance_hardware);
    fits = s->assurance_named ? s->assurance_simulated : simulated == SIMULATED_DEFAULT;
    return truth_of(fits && (sense == SENSE_REFUSE || simulated != SIMULATED_NEVER));
}

/* All conditions but those on advisories; NO as soon as one is. */
static enum truth plain_truth(const struct code_selector *s, const struct facts_code *f,
                              enum sense sense, enum simulated simulated)
{
    const struct selector *from = s->from;
    enum truth t = assurance_truth(from, f->assurance, sense, simulated);

    for (unsigned key = 0; key < CODE_ADVISORY && t != TRUTH_NO; key++)
        if ((s->has & 1U << key) != 0)
            t = both(t, words_truth(s->word[key], f->word[key]));
    for (unsigned i = 0; i < s->tcb_n && t != TRUTH_NO; i++) {
        const struct code_tcb *c = &s->tcb[i];

        t = both(t, (f->tcb_known & UINT64_C(1) << c->slot) == 0
                        ? TRUTH_UNKNOWN
                        : truth_of(number_range_holds(c->range, f->tcb[c->slot])));
    }
    if (t != TRUTH_NO && from->firmware.n != 0)
        t = both(t, firmware_truth(&from->firmware, f));
    if (t != TRUTH_NO && from->tcb_date.n != 0)
        t = both(t, f->tcb_date_s == 0
                        ? TRUTH_UNKNOWN
                        : truth_of(time_range_holds(&from->tcb_date, f->tcb_date_s)));
    if (t != TRUTH_NO && s->platform_n != 0)
        t = both(t, platform_truth(s, f->platform));
    if (t != TRUTH_NO && from->findings != 0 && (from->findings & f->findings_true) == 0)
        t = both(t, (from->findings & ~f->findings_false) == 0 ? TRUTH_NO : TRUTH_UNKNOWN);
    return t;
}

static enum truth advisory_truth(uint64_t wanted, const struct facts_code *f)
{
    if ((wanted & f->word[CODE_ADVISORY]) != 0)
        return TRUTH_YES;
    return f->advisories_known ? TRUTH_NO : TRUTH_UNKNOWN;
}

static enum truth simple_truth(const struct code_selector *s, const struct facts_code *f)
{
    enum truth t;

    if (s->empty)
        return TRUTH_UNKNOWN;
    t = plain_truth(s, f, SENSE_REFUSE, SIMULATED_DEFAULT);
    if ((s->has & 1U << CODE_ADVISORY) != 0)
        t = both(t, advisory_truth(s->word[CODE_ADVISORY], f));
    return t;
}

static enum truth open_to(const struct code_advisory *a, const struct facts_code *f)
{
    enum truth t = TRUTH_NO;

    for (size_t i = 0; i < a->affected_n; i++)
        t = either(t, simple_truth(&a->affected[i], f));
    for (size_t i = 0; i < a->fixed_n && t != TRUTH_NO; i++)
        if (simple_truth(&a->fixed[2 * i], f) == TRUTH_YES &&
            simple_truth(&a->fixed[2 * i + 1], f) == TRUTH_YES)
            return TRUTH_NO;
    return t;
}

/* See advisories_eval(): what collateral says, and what Advisory objects say. */
static enum truth advisories_truth(const struct code_selector *s, const struct facts_code *f)
{
    uint64_t others = s->word[CODE_ADVISORY] & ~s->known_bits;
    enum truth t = others == 0 ? TRUTH_NO : advisory_truth(others, f);

    for (size_t i = 0; i < s->known_n; i++) {
        enum truth said = advisory_truth(s->known[i].bit, f), open;

        if ((s->word[CODE_ADVISORY] & s->known[i].bit) == 0)
            continue;
        open = open_to(&s->known[i], f);
        t = either(t, said == TRUTH_UNKNOWN ? open : either(said, open));
    }
    return t;
}

static enum truth rule_truth(const struct code_selector *s, const struct facts_code *f,
                             enum sense sense, enum simulated simulated)
{
    enum truth t;

    if (s->empty)
        return TRUTH_UNKNOWN;
    t = plain_truth(s, f, sense, simulated);
    if (t != TRUTH_NO && (s->has & 1U << CODE_ADVISORY) != 0)
        t = both(t, advisories_truth(s, f));
    for (size_t i = 0; i < s->unless_n && t != TRUTH_NO && sense == SENSE_REFUSE; i++)
        if (simple_truth(&s->unless[i], f) == TRUTH_YES)
            t = TRUTH_NO;
    return t;
}

static const struct rule *refusing(const struct rules_code *c, const struct rule_list *l, size_t at,
                                   const struct facts_code *f, enum truth *truth)
{
    for (size_t i = 0; i < l->n; i++) {
        enum truth t = rule_truth(&c->v[at + i], f, SENSE_REFUSE, c->rules->simulated);

        if (!truth_matches(t, SENSE_REFUSE))
            continue;
        *truth = t;
        return &l->v[i];
    }
    return NULL;
}

static struct judgement accepting(const struct rules_code *c, const struct rule_list *l, size_t at,
                                  const struct facts_code *f)
{
    struct judgement j = {VERDICT_NOT_ACCEPTED, NULL, TRUTH_NO};

    for (size_t i = 0; i < l->n; i++) {
        enum truth t = rule_truth(&c->v[at + i], f, SENSE_ACCEPT, c->rules->simulated);

        if (t == TRUTH_YES)
            return (struct judgement){VERDICT_ADMITTED, &l->v[i], t};
        if (t == TRUTH_UNKNOWN)
            j.truth = t;
    }
    return j;
}

/* The demands of policies, then the workload's own list. */
static struct judgement accept_all(const struct rules_code *c, const struct facts_code *f)
{
    const struct rules *r = c->rules;
    size_t own = r->cluster.n + r->refuse.n + r->hold.n, at = own + r->accept.n;
    struct judgement j = {VERDICT_ADMITTED, NULL, TRUTH_YES};

    if (r->accept.n == 0 && r->demands_n == 0 && f->assurance == ASSURANCE_SIMULATED &&
        r->simulated != SIMULATED_DEFAULT)
        return (struct judgement){VERDICT_UNVERIFIED, NULL, TRUTH_NO};
    for (size_t i = 0; i < r->demands_n && j.verdict == VERDICT_ADMITTED; i++) {
        j = accepting(c, &r->demands[i], at, f);
        at += r->demands[i].n;
    }
    if (r->accept.n > 0 && j.verdict == VERDICT_ADMITTED)
        j = accepting(c, &r->accept, own, f);
    return j;
}

struct judgement rules_code_judge(const struct rules_code *c, const struct facts_code *f)
{
    const struct rules *r = c->rules;
    struct judgement j = {VERDICT_UNVERIFIED, NULL, TRUTH_UNKNOWN};
    const struct rule *hold;
    enum truth truth = TRUTH_UNKNOWN;

    if (f->assurance == ASSURANCE_UNKNOWN)
        return j;
    j.rule = refusing(c, &r->cluster, 0, f, &j.truth);
    if (j.rule != NULL) {
        j.verdict = VERDICT_REVOKED;
        return j;
    }
    j.rule = refusing(c, &r->refuse, r->cluster.n, f, &j.truth);
    if (j.rule != NULL) {
        j.verdict = VERDICT_REFUSED;
        return j;
    }
    j = accept_all(c, f);
    if (j.verdict != VERDICT_ADMITTED || r->hold.n == 0)
        return j;
    hold = refusing(c, &r->hold, r->cluster.n + r->refuse.n, f, &truth);
    return hold == NULL ? j : (struct judgement){VERDICT_HELD, hold, truth};
}
