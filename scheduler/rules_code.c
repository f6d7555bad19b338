#include "scheduler/rules_code.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/rules_code_int.h"
#include "scheduler/selector_int.h"

/* Sticky: failed once the arena is full or there are too many words. */
struct compiler {
    struct rules_code *out;
    struct arena *a;
    bool full, words_over;
};

static void *room(struct compiler *c, size_t n, size_t size)
{
    void *p = arena_array(c->a, n == 0 ? 1 : n, size);

    if (p == NULL)
        c->full = true;
    return p;
}

static unsigned intern(struct compiler *c, const char **words, unsigned *n, unsigned most,
                       const char *word)
{
    for (unsigned i = 0; i < *n; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    if (*n == most) {
        c->words_over = true;
        return 0;
    }
    words[*n] = word;
    return (*n)++;
}

static void put_words(struct compiler *c, enum code_key key, const struct selector_words *w,
                      struct code_selector *to)
{
    for (size_t i = 0; i < w->n; i++)
        to->word[key] |= UINT64_C(1)
                         << intern(c, c->out->word[key], &c->out->words[key], CODE_WORDS, w->v[i]);
    if (w->n > 0)
        to->has |= 1U << key;
}

static void put_tcb(struct compiler *c, const struct selector *s, struct code_selector *to)
{
    struct code_tcb *v = room(c, s->tcb_n, sizeof *v);

    for (size_t i = 0; v != NULL && i < s->tcb_n; i++) {
        v[i].slot = intern(c, c->out->tcb, &c->out->tcb_n, CODE_TCB, s->tcb[i].component);
        v[i].range = &s->tcb[i].range;
    }
    to->tcb = v;
    to->tcb_n = (unsigned)s->tcb_n;
}

static int platform_order(const void *a, const void *b)
{
    const struct selector_platform *x = *(const struct selector_platform *const *)a,
                                   *y = *(const struct selector_platform *const *)b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return memcmp(x->id, y->id, x->n);
}

/* 1 + the index among the platforms that rules name; 0: none. */
static uint32_t platform_find(const struct rules_code *c, const uint8_t *id, unsigned n)
{
    struct selector_platform key = {.n = n};
    const struct selector_platform *one = &key, **at;

    memcpy(key.id, id, n);
    at = c->platform_n == 0
             ? NULL
             : bsearch(&one, c->platform, c->platform_n, sizeof *c->platform, platform_order);
    return at == NULL ? 0 : (uint32_t)(at - c->platform) + 1;
}

static int u32_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void put_platforms(struct compiler *c, const struct selector *s, struct code_selector *to)
{
    uint32_t *v = room(c, s->platform_n, sizeof *v);

    if (v == NULL)
        return;
    for (size_t i = 0; i < s->platform_n; i++)
        v[i] = platform_find(c->out, s->platform[i].id, s->platform[i].n);
    if (s->platform_n > 1)
        qsort(v, s->platform_n, sizeof *v, u32_order);
    to->platform = v;
    to->platform_n = (uint32_t)s->platform_n;
}

/* All but `unless` and `known`. */
static void put_plain(struct compiler *c, const struct selector *s, struct code_selector *to)
{
    *to = (struct code_selector){.from = s, .empty = selector_empty(s)};
    put_words(c, CODE_VENDOR, &s->vendor, to);
    put_words(c, CODE_TECHNOLOGY, &s->technology, to);
    put_words(c, CODE_GENERATION, &s->generation, to);
    put_words(c, CODE_PRODUCT_LINE, &s->product_line, to);
    put_words(c, CODE_TCB_STATUS, &s->tcb_status, to);
    put_words(c, CODE_ADVISORY, &s->advisory, to);
    put_tcb(c, s, to);
    put_platforms(c, s, to);
}

static struct code_selector *put_all_plain(struct compiler *c, const struct selector *from,
                                           size_t n)
{
    struct code_selector *v = room(c, n, sizeof *v);

    for (size_t i = 0; v != NULL && i < n; i++)
        put_plain(c, &from[i], &v[i]);
    return v;
}

static void put_known(struct compiler *c, const struct selector *s, struct code_selector *to)
{
    struct code_advisory *v = room(c, s->known_n, sizeof *v);

    for (size_t i = 0; v != NULL && i < s->known_n; i++) {
        const struct selector_advisory *x = s->known[i];

        v[i].bit = UINT64_C(1) << intern(c, c->out->word[CODE_ADVISORY],
                                         &c->out->words[CODE_ADVISORY], CODE_WORDS, x->id);
        v[i].affected = put_all_plain(c, x->affected, x->affected_n);
        v[i].affected_n = x->affected_n;
        v[i].fixed = room(c, 2 * x->fixed_n, sizeof *v[i].fixed);
        v[i].fixed_n = x->fixed_n;
        for (size_t k = 0; v[i].fixed != NULL && k < x->fixed_n; k++) {
            put_plain(c, x->fixed[k].platforms, &v[i].fixed[2 * k]);
            put_plain(c, x->fixed[k].minimum, &v[i].fixed[2 * k + 1]);
        }
        to->known_bits |= v[i].bit;
    }
    to->known = v;
    to->known_n = s->known_n;
}

static void put_rule(struct compiler *c, const struct selector *s, struct code_selector *to)
{
    put_plain(c, s, to);
    if (s->known_n > 0)
        put_known(c, s, to);
    if (s->unless_n > 0) {
        to->unless = room(c, s->unless_n, sizeof *to->unless);
        for (size_t i = 0; to->unless != NULL && i < s->unless_n; i++)
            put_plain(c, s->unless[i].selector, &to->unless[i]);
        to->unless_n = s->unless_n;
    }
}

typedef void (*visit)(void *user, const struct selector *s);

/* Every selector of a rule, those within it as well. */
static void visit_rule(const struct selector *s, visit f, void *user)
{
    f(user, s);
    for (size_t i = 0; i < s->unless_n; i++)
        f(user, s->unless[i].selector);
    for (size_t i = 0; i < s->known_n; i++) {
        for (size_t k = 0; k < s->known[i]->affected_n; k++)
            f(user, &s->known[i]->affected[k]);
        for (size_t k = 0; k < s->known[i]->fixed_n; k++) {
            f(user, s->known[i]->fixed[k].platforms);
            f(user, s->known[i]->fixed[k].minimum);
        }
    }
}

static void visit_all(const struct rules *r, visit f, void *user)
{
    for (size_t i = 0; i < rules_lists(r); i++)
        for (size_t k = 0; k < rules_list(r, i)->n; k++)
            visit_rule(&rules_list(r, i)->v[k].selector, f, user);
}

static void count_platforms(void *user, const struct selector *s)
{
    *(size_t *)user += s->platform_n;
}

static void add_platforms(void *user, const struct selector *s)
{
    struct rules_code *c = user;

    for (size_t i = 0; i < s->platform_n; i++)
        c->platform[c->platform_n++] = &s->platform[i];
}

/* The table of platform ids first: the rules hold indexes into it. */
static void name_platforms(struct compiler *c, const struct rules *r)
{
    struct rules_code *out = c->out;
    size_t n = 0, kept = 0;

    visit_all(r, count_platforms, &n);
    out->platform = room(c, n, sizeof *out->platform);
    if (out->platform == NULL)
        return;
    visit_all(r, add_platforms, out);
    if (n > 1)
        qsort(out->platform, n, sizeof *out->platform, platform_order);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || platform_order(&out->platform[kept - 1], &out->platform[i]) != 0)
            out->platform[kept++] = out->platform[i];
    out->platform_n = kept;
}

bool rules_compile(const struct rules *r, struct arena *a, struct rules_code *out, struct err *e)
{
    struct rules_code code = {.rules = r};
    struct compiler c = {.out = &code, .a = a};
    size_t n = 0;

    name_platforms(&c, r);
    for (size_t i = 0; i < rules_lists(r); i++)
        n += rules_list(r, i)->n;
    code.v = room(&c, n, sizeof *code.v);
    for (size_t i = 0; i < rules_lists(r) && !c.full; i++)
        for (size_t k = 0; k < rules_list(r, i)->n && !c.full; k++)
            put_rule(&c, &rules_list(r, i)->v[k].selector, &code.v[code.n++]);
    if (c.full)
        return err_set(e, ERR_LIMIT, "rules.too-large", "the rules need too much memory");
    if (c.words_over)
        return err_set(e, ERR_LIMIT, "rules.too-many-words", "the rules name too many words");
    *out = code;
    return true;
}

static uint64_t word_bit(const struct rules_code *c, enum code_key key, const char *word)
{
    for (unsigned i = 0; i < c->words[key]; i++)
        if (strcmp(c->word[key][i], word) == 0)
            return UINT64_C(1) << i;
    return UINT64_C(1) << CODE_WORDS;
}

static uint64_t words_bits(const struct rules_code *c, enum code_key key,
                           const struct fact_words *w)
{
    uint64_t bits = 0;

    if (c->words[key] == 0)
        return w->n > 0 ? UINT64_C(1) << CODE_WORDS : 0; /* no rule asks */
    for (unsigned i = 0; i < w->n; i++)
        bits |= word_bit(c, key, w->word[i]);
    return bits;
}

static void encode_numbers(const struct rules_code *c, const struct facts *f,
                           struct facts_code *out)
{
    uint32_t part[4] = {0};

    for (unsigned i = 0; i < c->tcb_n; i++) {
        const struct fact_svn *svn = svn_find(f, c->tcb[i]);

        if (svn != NULL) {
            out->tcb[i] = svn->value;
            out->tcb_known |= UINT64_C(1) << i;
        }
    }
    out->firmware_known = f->firmware.n > 0 && f->firmware.n <= 4;
    if (out->firmware_known)
        memcpy(part, f->firmware.part, f->firmware.n * sizeof part[0]);
    out->firmware[0] = (uint64_t)part[0] << 32 | part[1];
    out->firmware[1] = (uint64_t)part[2] << 32 | part[3];
    out->tcb_date_s = f->tcb_date_s;
}

void facts_encode(const struct rules_code *c, const struct facts *f, struct facts_code *out)
{
    *out = (struct facts_code){.assurance = ASSURANCE_UNKNOWN};
    if (f == NULL)
        return;
    out->assurance = f->assurance;
    out->word[CODE_VENDOR] = words_bits(c, CODE_VENDOR, &f->vendor);
    out->word[CODE_TECHNOLOGY] = words_bits(c, CODE_TECHNOLOGY, &f->technology);
    out->word[CODE_GENERATION] = words_bits(c, CODE_GENERATION, &f->generation);
    out->word[CODE_PRODUCT_LINE] = words_bits(c, CODE_PRODUCT_LINE, &f->product_line);
    if (f->tcb_status[0] != '\0')
        out->word[CODE_TCB_STATUS] = word_bit(c, CODE_TCB_STATUS, f->tcb_status);
    for (unsigned i = 0; i < f->advisories_n && c->words[CODE_ADVISORY] > 0; i++)
        out->word[CODE_ADVISORY] |= word_bit(c, CODE_ADVISORY, f->advisory[i]);
    out->advisories_known = f->advisories_known;
    encode_numbers(c, f, out);
    out->findings_true = f->findings_true & f->findings_known;
    out->findings_false = f->findings_known & ~f->findings_true;
    if (f->platform_id_n > 0 && f->platform_id_n <= FACT_ID)
        out->platform = platform_find(c, f->platform_id, f->platform_id_n);
    if (f->platform_id_n > 0 && out->platform == 0)
        out->platform = UINT32_MAX;
}
