/* rules.c - the verdict of rules on facts. */
#include "scheduler/rules.h"

#include "base/buf.h"
#include "base/map.h"

const char *verdict_name(enum verdict v)
{
    static const char *const names[VERDICTS] = {"admitted",     "revoked",    "refused",
                                                "not-accepted", "unverified", "held"};

    return (unsigned)v < VERDICTS ? names[v] : "unknown";
}

const struct rule *rules_refusing(const struct rule_list *l, const struct facts *facts,
                                  enum simulated simulated, enum truth *truth)
{
    for (size_t i = 0; i < l->n; i++) {
        enum truth t = selector_eval(&l->v[i].selector, facts, SENSE_REFUSE, simulated);

        if (!truth_matches(t, SENSE_REFUSE))
            continue;
        if (truth != NULL)
            *truth = t;
        return &l->v[i];
    }
    return NULL;
}

size_t rules_lists(const struct rules *r)
{
    return 4 + r->demands_n;
}

const struct rule_list *rules_list(const struct rules *r, size_t i)
{
    const struct rule_list *const own[] = {&r->cluster, &r->refuse, &r->hold, &r->accept};

    return i < 4 ? own[i] : &r->demands[i - 4];
}

/* One list of accept rules. */
static struct judgement list_judge(const struct rules *r, const struct rule_list *l,
                                   const struct facts *facts)
{
    struct judgement j = {VERDICT_NOT_ACCEPTED, NULL, TRUTH_NO};

    for (size_t i = 0; i < l->n; i++) {
        const struct rule *rule = &l->v[i];
        enum truth t = selector_eval(&rule->selector, facts, SENSE_ACCEPT, r->simulated);

        if (t == TRUTH_YES)
            return (struct judgement){VERDICT_ADMITTED, rule, t};
        if (t == TRUTH_UNKNOWN)
            j.truth = t;
    }
    return j;
}

static struct judgement accept_judge(const struct rules *r, const struct facts *facts)
{
    struct judgement j = {VERDICT_ADMITTED, NULL, TRUTH_YES};

    if (r->accept.n == 0 && r->demands_n == 0 && facts->assurance == ASSURANCE_SIMULATED &&
        r->simulated != SIMULATED_DEFAULT)
        return (struct judgement){VERDICT_UNVERIFIED, NULL, TRUTH_NO};
    for (size_t i = 0; i < r->demands_n && j.verdict == VERDICT_ADMITTED; i++)
        j = list_judge(r, &r->demands[i], facts);
    if (r->accept.n > 0 && j.verdict == VERDICT_ADMITTED)
        j = list_judge(r, &r->accept, facts);
    return j;
}

struct judgement rules_judge(const struct rules *r, const struct facts *facts)
{
    struct judgement j = {VERDICT_UNVERIFIED, NULL, TRUTH_UNKNOWN};

    if (facts == NULL || facts->assurance == ASSURANCE_UNKNOWN)
        return j;
    j.rule = rules_refusing(&r->cluster, facts, r->simulated, &j.truth);
    if (j.rule != NULL) {
        j.verdict = VERDICT_REVOKED;
        return j;
    }
    j.rule = rules_refusing(&r->refuse, facts, r->simulated, &j.truth);
    if (j.rule != NULL) {
        j.verdict = VERDICT_REFUSED;
        return j;
    }
    j = accept_judge(r, facts);
    if (j.verdict == VERDICT_ADMITTED && r->hold.n > 0) {
        enum truth truth = TRUTH_UNKNOWN;
        const struct rule *rule = rules_refusing(&r->hold, facts, r->simulated, &truth);

        if (rule != NULL)
            return (struct judgement){VERDICT_HELD, rule, truth};
    }
    return j;
}

static void put_words(struct buf *b, const struct selector_words *w)
{
    buf_le(b, w->n, 4);
    for (size_t i = 0; i < w->n; i++)
        buf_put(b, w->v[i], strlen(w->v[i]) + 1);
}

static void put_numbers(struct buf *b, const struct number_range *r)
{
    buf_le(b, r->n, 1);
    for (unsigned i = 0; i < r->n; i++) {
        buf_le(b, (uint64_t)r->bound[i].op, 1);
        buf_le(b, r->bound[i].value, 8);
    }
}

/* Everything that an outcome depends on, in an injective form. */
static void put_plain(struct buf *b, const struct selector *s)
{
    put_words(b, &s->vendor);
    put_words(b, &s->technology);
    put_words(b, &s->generation);
    put_words(b, &s->product_line);
    put_words(b, &s->tcb_status);
    put_words(b, &s->advisory);
    buf_le(b, s->firmware.n, 1);
    for (unsigned i = 0; i < s->firmware.n; i++) {
        buf_le(b, (uint64_t)s->firmware.bound[i].op, 1);
        for (unsigned k = 0; k < 4; k++)
            buf_le(b, s->firmware.bound[i].part[k], 4);
    }
    buf_le(b, s->tcb_n, 4);
    for (size_t i = 0; i < s->tcb_n; i++) {
        buf_put(b, s->tcb[i].component, strlen(s->tcb[i].component) + 1);
        put_numbers(b, &s->tcb[i].range);
    }
    buf_le(b, s->tcb_date.n, 1);
    for (unsigned i = 0; i < s->tcb_date.n; i++) {
        buf_le(b, (uint64_t)s->tcb_date.bound[i].op, 1);
        buf_le(b, (uint64_t)s->tcb_date.bound[i].wall_s, 8);
    }
    buf_le(b, s->platform_n, 4);
    for (size_t i = 0; i < s->platform_n; i++) {
        buf_le(b, s->platform[i].n, 1);
        buf_put(b, s->platform[i].id, s->platform[i].n);
    }
    buf_le(b, s->findings, 4);
    buf_le(b,
           (uint64_t)s->assurance_named << 2 | (uint64_t)s->assurance_hardware << 1 |
               (uint64_t)s->assurance_simulated,
           1);
}

static void put_selector(struct buf *b, const struct selector *s)
{
    put_plain(b, s);
    buf_le(b, s->unless_n, 4);
    for (size_t i = 0; i < s->unless_n; i++)
        put_plain(b, s->unless[i].selector);
    buf_le(b, s->known_n, 4);
    for (size_t i = 0; i < s->known_n; i++) {
        const struct selector_advisory *a = s->known[i];

        buf_put(b, a->id, strlen(a->id) + 1);
        buf_le(b, a->affected_n, 4);
        for (size_t k = 0; k < a->affected_n; k++)
            put_plain(b, &a->affected[k]);
        buf_le(b, a->fixed_n, 4);
        for (size_t k = 0; k < a->fixed_n; k++) {
            put_plain(b, a->fixed[k].platforms);
            put_plain(b, a->fixed[k].minimum);
        }
    }
}

void rule_list_seal(struct rule_list *l)
{
    static const uint64_t seeds[2][2] = {{0x6261696c65792d31, 0x72756c6573}, {~0ull, 0x7365616c}};
    AUTO_BUF struct buf b = {0};

    buf_le(&b, l->n, 8);
    for (size_t i = 0; i < l->n; i++)
        put_selector(&b, &l->v[i].selector);
    l->print[0] = l->print[1] = 0;
    if (!buf_ok(&b, NULL))
        return; /* stays unsealed: right but slow */
    l->print[0] = siphash13(seeds[0], buf_bytes(&b));
    l->print[1] = siphash13(seeds[1], buf_bytes(&b)) | 1;
}
