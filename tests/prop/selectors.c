/* Selectors and rules against a naive interpreter, and the laws that rules obey, over random facts,
 * candidate sets and rules.
 *
 *   prop/selectors [--seed N] [--cases N]
 *
 * The interpreter knows possible worlds: what a condition can still be, given what is known. A
 * condition can be true, can be false, or both. It is written from DESIGN's words ("a fact is a set
 * of candidates; an accept condition needs every candidate, a refuse condition any one") and shares
 * no code with the scheduler. Every case is one set of rules on one platform, judged three times:
 * by the interpreter, by rules_judge() and by compiled rules. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "scheduler/rules_code.h"

#define KEYS 4
#define WORDS 5
#define RANGES 48
#define RULES 12
#define PLATFORMS 6

/* What a condition can be in the worlds that the facts leave open. */
struct can {
    bool be_true, be_false;
};

enum kind { KIND_VERSION, KIND_NUMBER, KIND_TIME };

/* A range as it was drawn, beside what the parser made of its text. */
struct drawn_range {
    enum kind kind;
    unsigned n;
    enum compare op[3];
    uint64_t value[3];
    char text[96];
    struct version_range version;
    struct number_range number;
    struct time_range time;
};

/* A selector as it was drawn. Words are numbers; the platform's have the same numbers. */
struct drawn {
    uint8_t words[KEYS], status, advisories; /* bit sets; 0: no condition */
    int firmware, date, tcb[2];              /* index of a range, -1: none */
    uint8_t platforms;                       /* bit set */
    uint8_t assurance;                       /* 1 hardware, 2 simulated; 0: none */
    uint32_t findings;
    int unless, known; /* index of a drawn selector / advisory; -1 none */
    struct selector made;
    const char *list[KEYS + 2][8];
    struct selector_tcb parts[2];
    struct selector_platform ids[PLATFORMS];
    struct selector_unless excuse;
    const struct selector_advisory *told[1];
};

struct advisory {
    struct drawn affected[2], where, minimum;
    struct selector made_affected[2];
    struct selector_fix fix;
    struct selector_advisory made;
    unsigned id; /* which advisory word */
    bool fixed;
};

/* A platform as it was drawn. */
struct world {
    uint8_t words[KEYS]; /* candidates; 0 unknown; bit 7: a word that no rule names */
    uint8_t status;      /* 0 unknown, else 1 + word, 8: another */
    uint8_t advisories;
    bool advisories_known;
    int64_t firmware, date, tcb[2]; /* -1 unknown */
    int platform;                   /* -1 unknown, PLATFORMS: another */
    enum assurance assurance;
    uint32_t findings_true, findings_known;
};

static const char *const key_words[KEYS + 2][WORDS + 1] = {
    {"amd", "intel", "arm", "aws", "v5", "v-other"},
    {"sev-snp", "tdx", "sgx", "cca", "nitro", "t-other"},
    {"milan", "genoa", "bergamo", "siena", "turin", "g-other"},
    {"SEV-Milan", "SEV-Genoa", "SEV-Turin", "p4", "p5", "p-other"},
    {"UpToDate", "OutOfDate", "Revoked", "SWHardeningNeeded", "s5", "s-other"},
    {"A-1", "A-2", "A-3", "A-4", "A-5", "A-other"}};
static const char *const parts[2] = {"microcode", "snp"};

static struct prng rnd;
static struct drawn_range ranges[3 * RANGES];
static struct drawn pool[24];
static struct advisory advisories[6];

static unsigned below(unsigned n)
{
    return (unsigned)prng_below(&rnd, n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

/* ---- the interpreter ---- */

static bool compare(enum compare op, uint64_t a, uint64_t b)
{
    return op == COMPARE_EQ   ? a == b
           : op == COMPARE_NE ? a != b
           : op == COMPARE_LT ? a < b
           : op == COMPARE_LE ? a <= b
           : op == COMPARE_GT ? a > b
                              : a >= b;
}

static struct can open_question(void)
{
    return (struct can){true, true};
}

static struct can surely(bool yes)
{
    return (struct can){yes, !yes};
}

static struct can in_range(int range, int64_t value)
{
    const struct drawn_range *r = &ranges[range];

    if (value < 0)
        return open_question();
    for (unsigned i = 0; i < r->n; i++)
        if (!compare(r->op[i], (uint64_t)value, r->value[i]))
            return surely(false);
    return surely(true);
}

static void and (struct can * all, struct can one)
{
    all->be_true = all->be_true && one.be_true;
    all->be_false = all->be_false || one.be_false;
}

static struct can advisory_can(const struct drawn *s, const struct world *w);

/* All conditions; objects that describe advisories count where `told`. */
static struct can selector_can(const struct drawn *s, const struct world *w, bool told)
{
    struct can all = {true, false};

    for (unsigned k = 0; k < KEYS; k++) {
        struct can one = {false, false};

        for (unsigned i = 0; i < 8 && s->words[k] != 0; i++)
            if ((w->words[k] >> i & 1) != 0) {
                bool wanted = i < 7 && (s->words[k] >> i & 1) != 0;

                one.be_true = one.be_true || wanted;
                one.be_false = one.be_false || !wanted;
            }
        if (s->words[k] != 0)
            and(&all, w->words[k] == 0 ? open_question() : one);
    }
    if (s->status != 0)
        and(&all, w->status == 0
                      ? open_question()
                      : surely(w->status < 8 && (s->status >> (w->status - 1) & 1) != 0));
    for (unsigned i = 0; i < 2; i++)
        if (s->tcb[i] >= 0)
            and(&all, in_range(s->tcb[i], w->tcb[i]));
    if (s->firmware >= 0)
        and(&all, in_range(s->firmware, w->firmware));
    if (s->date >= 0)
        and(&all, in_range(s->date, w->date));
    if (s->platforms != 0)
        and(&all, w->platform < 0
                      ? open_question()
                      : surely(w->platform < PLATFORMS && (s->platforms >> w->platform & 1) != 0));
    if (s->findings != 0) {
        struct can one = {false, true};

        for (unsigned i = 0; i < FINDINGS; i++)
            if ((s->findings >> i & 1) != 0) {
                bool known = (w->findings_known >> i & 1) != 0;
                bool yes = known && (w->findings_true >> i & 1) != 0;

                one.be_true = one.be_true || !known || yes;
                one.be_false = one.be_false && !yes;
            }
        and(&all, one);
    }
    if (s->advisories != 0 && told)
        and(&all, advisory_can(s, w));
    else if (s->advisories != 0)
        and(&all, (s->advisories & w->advisories) != 0 ? surely(true)
                  : w->advisories_known                ? surely(false)
                                                       : open_question());
    return all;
}

static bool no_condition(const struct drawn *s)
{
    return s->words[0] == 0 && s->words[1] == 0 && s->words[2] == 0 && s->words[3] == 0 &&
           s->status == 0 && s->tcb[0] < 0 && s->tcb[1] < 0 && s->firmware < 0 && s->date < 0 &&
           s->platforms == 0 && s->findings == 0 && s->advisories == 0 && s->assurance == 0;
}

/* With its assurance, as a plain question: none named is no condition. */
static struct can question_can(const struct drawn *s, const struct world *w)
{
    struct can all = selector_can(s, w, false);

    if (s->assurance != 0)
        and(&all, surely((w->assurance == ASSURANCE_HARDWARE ? 1 : 2) & s->assurance));
    return no_condition(s) ? open_question() : all;
}

/* Open to one of the advisories: what collateral says, or what an object says, is enough. */
static struct can advisory_can(const struct drawn *s, const struct world *w)
{
    struct can any = {false, true};

    for (unsigned i = 0; i < WORDS; i++) {
        struct can one = (w->advisories >> i & 1) != 0 ? surely(true)
                         : w->advisories_known         ? surely(false)
                                                       : open_question();

        if ((s->advisories >> i & 1) == 0)
            continue;
        if (s->known >= 0 && advisories[s->known].id == i) {
            const struct advisory *a = &advisories[s->known];
            struct can hit = {false, true}, here, new;

            for (unsigned k = 0; k < 2; k++) {
                here = question_can(&a->affected[k], w);
                hit.be_true = hit.be_true || here.be_true;
                hit.be_false = hit.be_false && here.be_false;
            }
            here = question_can(&a->where, w);
            new = question_can(&a->minimum, w);
            if (a->fixed && !here.be_false && !new.be_false)
                hit = surely(false);
            if (one.be_true && one.be_false) {
                one = hit; /* collateral is silent */
            } else {
                one.be_true = one.be_true || hit.be_true;
                one.be_false = one.be_false && hit.be_false;
            }
        }
        any.be_true = any.be_true || one.be_true;
        any.be_false = any.be_false && one.be_false;
    }
    return any;
}

static bool refuses(const struct drawn *s, const struct world *w)
{
    struct can c = selector_can(s, w, true);

    if (no_condition(s))
        return true;
    if (s->assurance != 0)
        and(&c, surely((w->assurance == ASSURANCE_HARDWARE ? 1 : 2) & s->assurance));
    if (s->unless >= 0 && !question_can(&pool[s->unless], w).be_false)
        return false;
    return c.be_true;
}

static bool accepts(const struct drawn *s, const struct world *w, enum simulated simulated)
{
    bool hardware = w->assurance == ASSURANCE_HARDWARE;

    if (no_condition(s) || selector_can(s, w, true).be_false)
        return false;
    if (s->assurance != 0 && ((hardware ? 1 : 2) & s->assurance) == 0)
        return false;
    if (!hardware && simulated == SIMULATED_NEVER)
        return false;
    return hardware || s->assurance != 0 || simulated == SIMULATED_DEFAULT;
}

/* ---- a case: rules, as drawn and as made ---- */

enum { CLUSTER, REFUSE, HOLD, ACCEPT, DEMAND_1, DEMAND_2, LISTS };

struct scene {
    struct drawn drawn[LISTS][RULES];
    struct rule rule[LISTS][RULES];
    size_t n[LISTS];
    struct rule_list demand[2];
    struct rules rules;
};

static enum verdict naive(const struct scene *s, const struct world *w, int *decides)
{
    static const enum verdict refused[2] = {VERDICT_REVOKED, VERDICT_REFUSED};
    bool lists = s->n[ACCEPT] + s->n[DEMAND_1] + s->n[DEMAND_2] > 0;

    *decides = -1;
    for (unsigned l = CLUSTER; l <= REFUSE; l++)
        for (size_t i = 0; i < s->n[l]; i++)
            if (refuses(&s->drawn[l][i], w)) {
                *decides = (int)(l * RULES + i);
                return refused[l];
            }
    if (!lists && w->assurance == ASSURANCE_SIMULATED && s->rules.simulated != SIMULATED_DEFAULT)
        return VERDICT_UNVERIFIED;
    for (unsigned l = ACCEPT; l < LISTS; l++) {
        bool any = s->n[l] == 0;

        for (size_t i = 0; i < s->n[l]; i++)
            any = any || accepts(&s->drawn[l][i], w, s->rules.simulated);
        if (!any)
            return VERDICT_NOT_ACCEPTED;
    }
    for (size_t i = 0; i < s->n[HOLD]; i++)
        if (refuses(&s->drawn[HOLD][i], w)) {
            *decides = (int)(HOLD * RULES + i);
            return VERDICT_HELD;
        }
    return VERDICT_ADMITTED;
}

/* ---- drawing ---- */

static void put_value(const struct drawn_range *r, unsigned i, char *out, size_t size)
{
    uint64_t v = r->value[i];

    if (r->kind == KIND_VERSION)
        (void)snprintf(out, size, "%u.%u.%u", (unsigned)(v / 100), (unsigned)(v / 10 % 10),
                       (unsigned)(v % 10));
    else if (r->kind == KIND_NUMBER)
        (void)snprintf(out, size, chance(50) ? "%" PRIu64 : "0x%" PRIx64, v);
    else
        (void)snprintf(out, size, "2025-01-01T00:%02u:%02uZ", (unsigned)(v / 60),
                       (unsigned)(v % 60));
}

static bool range_parse(struct drawn_range *r)
{
    switch (r->kind) {
    case KIND_VERSION:
        return version_range_parse(r->text, &r->version, NULL);
    case KIND_NUMBER:
        return number_range_parse(r->text, &r->number, NULL);
    case KIND_TIME:
    default:
        return time_range_parse(r->text, &r->time, NULL);
    }
}

/* The values are small, so that bounds and facts meet; a range that nothing satisfies is refused by
 * the parser, and no small value may satisfy it then. */
static void draw_range(struct drawn_range *r, enum kind kind)
{
    static const char *const ops[] = {"=", "!=", "<", "<=", ">", ">="};

    do {
        size_t at = 0;

        *r = (struct drawn_range){.kind = kind, .n = 1 + below(3)};
        for (unsigned i = 0; i < r->n; i++) {
            char value[40];

            r->op[i] = (enum compare)below(6);
            r->value[i] = 200 + below(kind == KIND_VERSION ? 40 : 20);
            put_value(r, i, value, sizeof value);
            at += (size_t)snprintf(r->text + at, sizeof r->text - at, "%s%s%s",
                                   i == 0       ? ""
                                   : chance(50) ? ", "
                                                : " ",
                                   ops[r->op[i]], value);
        }
    } while (!range_parse(r));
}

static uint8_t draw_set(void)
{
    uint8_t v = 0;

    do
        v |= (uint8_t)(1U << below(WORDS));
    while (chance(35));
    return v;
}

static void make_words(struct drawn *s, unsigned key, uint8_t set, struct selector_words *to)
{
    size_t n = 0;

    for (unsigned i = 0; i < WORDS; i++)
        if ((set >> i & 1) != 0)
            s->list[key][n++] = key_words[key][i];
    if (n > 1 && chance(50)) {
        const char *first = s->list[key][0];

        s->list[key][0] = s->list[key][n - 1];
        s->list[key][n - 1] = first;
    }
    *to = (struct selector_words){s->list[key], n};
}

static void id_make(unsigned i, uint8_t id[FACT_ID], unsigned *n)
{
    *n = i % 2 == 0 ? 16 : 64;
    memset(id, (int)(17 * i + 1), *n);
}

/* The selector of the drawing; its pointers are into s. */
static void make(struct drawn *s)
{
    struct selector *m = &s->made;

    *m = (struct selector){.findings = s->findings,
                           .assurance_named = s->assurance != 0,
                           .assurance_hardware = (s->assurance & 1) != 0,
                           .assurance_simulated = (s->assurance & 2) != 0,
                           .tcb = s->parts,
                           .platform = s->ids};
    make_words(s, 0, s->words[0], &m->vendor);
    make_words(s, 1, s->words[1], &m->technology);
    make_words(s, 2, s->words[2], &m->generation);
    make_words(s, 3, s->words[3], &m->product_line);
    make_words(s, 4, s->status, &m->tcb_status);
    make_words(s, 5, s->advisories, &m->advisory);
    if (s->firmware >= 0)
        m->firmware = ranges[s->firmware].version;
    if (s->date >= 0)
        m->tcb_date = ranges[s->date].time;
    for (unsigned i = 0; i < 2; i++)
        if (s->tcb[i] >= 0)
            s->parts[m->tcb_n++] = (struct selector_tcb){parts[i], ranges[s->tcb[i]].number};
    for (unsigned i = 0; i < PLATFORMS; i++)
        if ((s->platforms >> i & 1) != 0) {
            id_make(i, s->ids[m->platform_n].id, &s->ids[m->platform_n].n);
            m->platform_n++;
        }
    if (s->unless >= 0) {
        s->excuse = (struct selector_unless){&pool[s->unless].made, "unless", true};
        m->unless = &s->excuse;
        m->unless_n = 1;
    }
    if (s->known >= 0) {
        s->told[0] = &advisories[s->known].made;
        m->known = s->told;
        m->known_n = 1;
    }
}

static void draw_selector(struct drawn *s, bool plain)
{
    unsigned density = 8 + below(25);

    memset(s, 0, sizeof *s);
    s->firmware = s->date = s->tcb[0] = s->tcb[1] = s->unless = s->known = -1;
    for (unsigned k = 0; k < KEYS; k++)
        s->words[k] = chance(density) ? draw_set() : 0;
    s->status = chance(density / 2) ? draw_set() : 0;
    s->advisories = chance(density / 2) ? draw_set() : 0;
    if (chance(density))
        s->firmware = (int)(KIND_VERSION * RANGES + below(RANGES));
    if (chance(density / 2))
        s->date = (int)(KIND_TIME * RANGES + below(RANGES));
    for (unsigned i = 0; i < 2; i++)
        if (chance(density))
            s->tcb[i] = (int)(KIND_NUMBER * RANGES + below(RANGES));
    s->platforms = chance(density / 3) ? (uint8_t)(1 + below((1U << PLATFORMS) - 1)) : 0;
    s->assurance = chance(10) ? (uint8_t)(1 + below(3)) : 0;
    s->findings = chance(density / 3) ? 1 + below((1U << FINDINGS) - 1) : 0;
    if (!plain && chance(20))
        s->unless = (int)below(sizeof pool / sizeof pool[0]);
    if (!plain && s->advisories != 0 && chance(60))
        s->known = (int)below(sizeof advisories / sizeof advisories[0]);
    make(s);
}

static void draw_advisory(struct advisory *a)
{
    for (unsigned i = 0; i < 2; i++) {
        draw_selector(&a->affected[i], true);
        a->made_affected[i] = a->affected[i].made;
    }
    draw_selector(&a->where, true);
    draw_selector(&a->minimum, true);
    a->id = below(WORDS);
    a->fixed = chance(70);
    a->fix = (struct selector_fix){&a->where.made, &a->minimum.made};
    a->made = (struct selector_advisory){key_words[5][a->id], a->made_affected, 2, &a->fix,
                                         a->fixed ? 1 : 0};
}

static void draw_world(struct world *w)
{
    memset(w, 0, sizeof *w);
    for (unsigned k = 0; k < KEYS; k++)
        if (!chance(15)) {
            do
                w->words[k] |= (uint8_t)(chance(8) ? 128 : 1U << below(WORDS));
            while (chance(20));
        }
    w->status = chance(60) ? (uint8_t)(chance(8) ? 8 : 1 + below(WORDS)) : 0;
    w->advisories = chance(40) ? (uint8_t)below(1U << WORDS) : 0;
    w->advisories_known = chance(50);
    w->firmware = chance(80) ? (int64_t)(200 + below(40)) : -1;
    w->date = chance(60) ? (int64_t)(200 + below(20)) : -1;
    for (unsigned i = 0; i < 2; i++)
        w->tcb[i] = chance(80) ? (int64_t)(200 + below(20)) : -1;
    w->platform = (int)below(PLATFORMS + 2) - 1;
    w->assurance = chance(85) ? ASSURANCE_HARDWARE : ASSURANCE_SIMULATED;
    w->findings_known = below(1U << FINDINGS) | (chance(30) ? (1U << FINDINGS) - 1 : 0);
    w->findings_true = below(1U << FINDINGS) & below(1U << FINDINGS);
}

static void put_word(struct fact_words *to, const char *s)
{
    (void)snprintf(to->word[to->n++], FACT_WORD, "%s", s);
}

static void make_facts(const struct world *w, struct facts *f)
{
    struct fact_words *const words[KEYS] = {&f->vendor, &f->technology, &f->generation,
                                            &f->product_line};

    *f = (struct facts){.assurance = w->assurance,
                        .advisories_known = w->advisories_known,
                        .findings_known = w->findings_known,
                        .findings_true = w->findings_true};
    for (unsigned k = 0; k < KEYS; k++)
        for (unsigned i = 0; i < 8; i++)
            if ((w->words[k] >> i & 1) != 0 && words[k]->n < FACT_CANDIDATES)
                put_word(words[k], key_words[k][i == 7 ? WORDS : i]);
    if (w->status != 0)
        (void)snprintf(f->tcb_status, sizeof f->tcb_status, "%s",
                       key_words[4][w->status == 8 ? WORDS : w->status - 1]);
    for (unsigned i = 0; i < WORDS; i++)
        if ((w->advisories >> i & 1) != 0)
            (void)snprintf(f->advisory[f->advisories_n++], FACT_WORD, "%s", key_words[5][i]);
    if (w->firmware >= 0) {
        f->firmware.n = 3;
        f->firmware.part[0] = (uint32_t)(w->firmware / 100);
        f->firmware.part[1] = (uint32_t)(w->firmware / 10 % 10);
        f->firmware.part[2] = (uint32_t)(w->firmware % 10);
    }
    if (w->date >= 0)
        f->tcb_date_s = INT64_C(1735689600) + w->date; /* 2025-01-01 */
    for (unsigned i = 0; i < 2; i++)
        if (w->tcb[i] >= 0) {
            (void)snprintf(f->tcb[f->tcb_n].name, FACT_WORD, "%s", parts[i]);
            f->tcb[f->tcb_n++].value = (uint64_t)w->tcb[i];
        }
    if (w->platform >= 0)
        id_make((unsigned)w->platform, f->platform_id, &f->platform_id_n);
}

static void bind(struct scene *s)
{
    struct rule_list *const lists[] = {&s->rules.cluster, &s->rules.refuse, &s->rules.hold,
                                       &s->rules.accept,  &s->demand[0],    &s->demand[1]};

    if (s->n[DEMAND_1] == 0)
        s->n[DEMAND_2] = 0;
    s->rules.demands = s->demand;
    for (unsigned l = 0; l < LISTS; l++) {
        for (size_t i = 0; i < s->n[l]; i++) {
            make(&s->drawn[l][i]); /* its pointers are into itself */
            s->rule[l][i] = (struct rule){.selector = s->drawn[l][i].made, .name = "rule"};
        }
        *lists[l] = (struct rule_list){.v = s->rule[l], .n = s->n[l]};
    }
    s->rules.demands_n = s->n[DEMAND_1] == 0 ? 0 : s->n[DEMAND_2] == 0 ? 1 : 2;
}

static void draw_scene(struct scene *s)
{
    s->rules = (struct rules){.simulated = (enum simulated)below(3)};
    for (unsigned l = 0; l < LISTS; l++) {
        s->n[l] = chance(l >= DEMAND_1 ? 20 : 50) ? 1 + below(3) : 0;
        for (size_t i = 0; i < s->n[l]; i++)
            draw_selector(&s->drawn[l][i], l >= ACCEPT && chance(50));
    }
    bind(s);
}

/* ---- judging ---- */

static uint64_t seed = 1, cases = 300000, done, verdicts[VERDICTS];

static void wrong(const struct scene *s, const struct world *w, const char *what, int want, int got)
{
    struct facts f;
    char line[512];

    make_facts(w, &f);
    fprintf(stderr, "case %" PRIu64 " of seed %" PRIu64 ": %s: want %d, got %d\n", done, seed, what,
            want, got);
    fprintf(stderr, "  facts: %s; rules %zu %zu %zu %zu %zu %zu\n",
            facts_format(&f, line, sizeof line), s->n[0], s->n[1], s->n[2], s->n[3], s->n[4],
            s->n[5]);
    exit(1);
}

static int rule_number(const struct scene *s, const struct rule *rule)
{
    const struct rule *all = &s->rule[0][0];

    return rule == NULL ? -1 : (int)(rule - all);
}

static enum verdict judge(const struct scene *s, const struct world *w, const struct facts *f)
{
    int decides;
    enum verdict want = naive(s, w, &decides);
    struct judgement j = rules_judge(&s->rules, f);

    if (j.verdict != want)
        wrong(s, w, "verdict", (int)want, (int)j.verdict);
    if (want != VERDICT_ADMITTED && rule_number(s, j.rule) != decides)
        wrong(s, w, "deciding rule", decides, rule_number(s, j.rule));
    return want;
}

static void judge_code(const struct scene *s, const struct rules_code *code, const struct world *w,
                       const struct facts *f)
{
    struct judgement j = rules_judge(&s->rules, f), c;
    struct facts_code encoded;

    facts_encode(code, f, &encoded);
    c = rules_code_judge(code, &encoded);
    if (c.verdict != j.verdict || c.rule != j.rule || c.truth != j.truth)
        wrong(s, w, "compiled rules", (int)j.verdict, (int)c.verdict);
}

static bool welcome(enum verdict v)
{
    return v == VERDICT_ADMITTED;
}

/* The same platform with less known of it, never more. */
static void forget(struct world *w)
{
    switch (below(8)) {
    case 0:
        w->words[below(KEYS)] = 0;
        break;
    case 1: { /* one more candidate */
        unsigned k = below(KEYS);

        if (w->words[k] != 0)
            w->words[k] |= (uint8_t)(1U << below(WORDS));
        break;
    }
    case 2:
        w->firmware = -1;
        break;
    case 3:
        w->tcb[below(2)] = -1;
        break;
    case 4:
        w->status = 0;
        break;
    case 5:
        w->platform = -1;
        break;
    case 6:
        w->findings_known &= below(1U << FINDINGS);
        break;
    default:
        w->date = -1;
        break;
    }
}

static void shuffle(struct scene *s)
{
    for (unsigned l = 0; l < LISTS; l++)
        for (size_t i = s->n[l]; i > 1; i--) {
            size_t k = below((unsigned)i);
            struct drawn t = s->drawn[l][i - 1];

            s->drawn[l][i - 1] = s->drawn[l][k];
            s->drawn[l][k] = t;
        }
    bind(s);
}

static void laws(const struct scene *s, const struct world *w, enum verdict v)
{
    static struct scene other; /* large */
    struct world less = *w;
    enum verdict now;
    struct facts f;
    int decides;

    for (size_t i = 0; i < s->n[REFUSE] && welcome(v); i++)
        if (refuses(&s->drawn[REFUSE][i], w))
            wrong(s, w, "refuse wins", 0, (int)v);
    forget(&less);
    make_facts(&less, &f);
    now = rules_judge(&s->rules, &f).verdict;
    if (welcome(now) && !welcome(v))
        wrong(s, w, "unknown never helps", (int)v, (int)now);
    other = *s;
    shuffle(&other);
    make_facts(w, &f);
    now = rules_judge(&other.rules, &f).verdict;
    if (now != v)
        wrong(s, w, "order does not matter", (int)v, (int)now);
    other.n[REFUSE]++;
    draw_selector(&other.drawn[REFUSE][other.n[REFUSE] - 1], false);
    bind(&other);
    now = rules_judge(&other.rules, &f).verdict;
    if (welcome(now) && !welcome(v))
        wrong(s, w, "a refuse never admits", (int)v, (int)now);
    if (now != naive(&other, w, &decides))
        wrong(&other, w, "with one more refuse", (int)naive(&other, w, &decides), (int)now);
}

static void draw_pools(void)
{
    for (unsigned i = 0; i < 3 * RANGES; i++)
        draw_range(&ranges[i], (enum kind)(i / RANGES));
    for (unsigned i = 0; i < sizeof pool / sizeof pool[0]; i++)
        draw_selector(&pool[i], true);
    for (unsigned i = 0; i < sizeof advisories / sizeof advisories[0]; i++)
        draw_advisory(&advisories[i]);
}

static void run_scene(struct scene *s)
{
    AUTO_ARENA struct arena a;
    struct rules_code code;

    arena_init(&a, 1 << 20);
    draw_scene(s);
    if (!rules_compile(&s->rules, &a, &code, NULL)) {
        fprintf(stderr, "rules that do not compile, seed %" PRIu64 "\n", seed);
        exit(1);
    }
    for (unsigned i = 0; i < 16 && done < cases; i++, done++) {
        struct world w;
        struct facts f;
        enum verdict v;

        draw_world(&w);
        make_facts(&w, &f);
        v = judge(s, &w, &f);
        judge_code(s, &code, &w, &f);
        verdicts[v]++;
        if (i % 4 == 0)
            laws(s, &w, v);
    }
}

int main(int argc, char **argv)
{
    static struct scene s;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--cases") == 0)
            cases = strtoull(argv[i + 1], NULL, 0);
        else
            return fprintf(stderr, "usage: selectors [--seed N] [--cases N]\n"), 2;
    }
    prng_seed(&rnd, seed);
    for (unsigned round = 0; done < cases; round++) {
        if (round % 1000 == 0)
            draw_pools();
        run_scene(&s);
    }
    printf("seed %" PRIu64 ", %" PRIu64 " cases:", seed, done);
    for (unsigned v = 0; v < VERDICTS; v++) {
        printf(" %" PRIu64 " %s", verdicts[v], verdict_name((enum verdict)v));
        if (verdicts[v] == 0 && cases >= 10000)
            return printf("\na verdict that never came up\n"), 1;
    }
    printf("\n");
    return 0;
}
