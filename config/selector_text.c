#include "config/selector_text.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "config/catalog.h"
#include "config/check.h"

#define TEXT_MAX 2048
#define WORDS_MAX 64

/* How facts are given: the list they are in, or the text they are. */
struct fact {
    const char *name;   /* as in YAML */
    size_t list, count; /* offsets of a list of words and its length; 0: not a list */
    size_t text;        /* offset of a text */
};

#define LIST(name, field)                                                                          \
    {                                                                                              \
        name, offsetof(Bailey__V1__Selector, field), offsetof(Bailey__V1__Selector, n_##field), 0  \
    }
static const struct fact facts[] = {
    LIST("vendor", vendor),
    LIST("technology", technology),
    LIST("generation", generation),
    LIST("productLine", product_line),
    {"firmware", 0, 0, offsetof(Bailey__V1__Selector, firmware)},
    LIST("tcbStatus", tcb_status),
    {"tcbDate", 0, 0, offsetof(Bailey__V1__Selector, tcb_date)},
    LIST("advisory", advisory),
    LIST("platformId", platform_id),
    LIST("assurance", assurance),
    LIST("finding", finding),
};
#define FACTS (sizeof facts / sizeof facts[0])

static bool full(struct err *e)
{
    return err_set(e, ERR_LIMIT, "selector.too-large", "the selector is too large");
}

/* "product-line", "PRODUCT_LINE" and "productLine" are one. */
static bool same_fact(const char *typed, const char *name)
{
    for (;; typed++) {
        if (*typed == '-' || *typed == '_')
            continue;
        if (tolower((unsigned char)*typed) != tolower((unsigned char)*name))
            return false;
        if (*name++ == '\0')
            return true;
    }
}

static bool unknown_fact(const char *typed, struct err *e)
{
    const char *names[FACTS + 1], *near;

    for (size_t i = 0; i < FACTS; i++)
        names[i] = facts[i].name;
    names[FACTS] = "tcb";
    near = str_nearest(typed, names, FACTS + 1);
    err_set(e, ERR_INPUT, "selector.unknown-fact", "there is no fact \"%.60s\"", typed);
    err_found(e, "%.60s", typed);
    err_expected(e,
                 "vendor, technology, generation, productLine, firmware, tcb.COMPONENT, tcbStatus, "
                 "tcbDate, advisory, platformId, assurance or finding");
    if (near != NULL)
        err_mend(e, "did you mean %s?", near);
    return false;
}

/* Two ranges of one fact: both must hold. */
static bool join_range(struct arena *a, char **to, const char *range, struct err *e)
{
    *to = (*to)[0] == '\0' ? arena_strdup(a, range) : arena_printf(a, "%s %s", *to, range);
    return *to != NULL || full(e);
}

static char *trimmed(char *s)
{
    size_t n;

    s += strspn(s, " \t");
    for (n = strlen(s); n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'); n--)
        s[n - 1] = '\0';
    return s;
}

static bool add_words(const struct fact *f, const char *value, struct arena *a,
                      Bailey__V1__Selector *m, struct err *e)
{
    char ***list = (char ***)(void *)((uint8_t *)m + f->list);
    size_t *n = (size_t *)(void *)((uint8_t *)m + f->count);
    char **v = arena_array(a, *n + WORDS_MAX, sizeof *v);
    char *rest = arena_strdup(a, value), *word;

    if (v == NULL || rest == NULL)
        return full(e);
    if (*n > 0)
        memcpy(v, *list, *n * sizeof *v);
    for (size_t added = 0; (word = strsep(&rest, "|,")) != NULL; added++) {
        word = trimmed(word);
        if (word[0] == '\0' || added == WORDS_MAX)
            return err_set(e, ERR_INPUT, "selector.words", "%s: want 1 to %d words", f->name,
                           WORDS_MAX),
                   err_field(e, "%s", f->name), err_found(e, "%.60s", value);
        v[(*n)++] = word;
    }
    *list = v;
    return true;
}

static bool add_tcb(const char *component, const char *range, struct arena *a,
                    Bailey__V1__Selector *m, struct err *e)
{
    Bailey__V1__Selector__TcbEntry **v, *entry;

    for (size_t i = 0; i < m->n_tcb; i++)
        if (strcmp(m->tcb[i]->key, component) == 0)
            return join_range(a, &m->tcb[i]->value, range, e);
    v = arena_array(a, m->n_tcb + 1, sizeof *v);
    entry = arena_alloc(a, sizeof *entry);
    if (v == NULL || entry == NULL)
        return full(e);
    bailey__v1__selector__tcb_entry__init(entry);
    entry->key = arena_strdup(a, component);
    entry->value = arena_strdup(a, range);
    if (entry->key == NULL || entry->value == NULL)
        return full(e);
    if (m->n_tcb > 0)
        memcpy(v, m->tcb, m->n_tcb * sizeof *v);
    v[m->n_tcb++] = entry;
    m->tcb = v;
    return true;
}

/* "microcode<0x54,snp<23" */
static bool add_components(const char *value, struct arena *a, Bailey__V1__Selector *m,
                           struct err *e)
{
    char *rest = arena_strdup(a, value), *one;

    if (rest == NULL)
        return full(e);
    while ((one = strsep(&rest, ",")) != NULL) {
        size_t n = strcspn(one, "=<>! ");
        char name[64];

        if (n == 0 || n >= sizeof name || one[n] == '\0')
            return err_set(e, ERR_INPUT, "selector.tcb", "want COMPONENT and a range"),
                   err_field(e, "tcb"), err_found(e, "%.60s", one),
                   err_expected(e, "microcode<0x54");
        memcpy(name, one, n);
        name[n] = '\0';
        if (!add_tcb(name, one + n + strspn(one + n, " "), a, m, e))
            return false;
    }
    return true;
}

/* How a condition stands: a list of words takes only '='; op is the comparison. */
static bool add(const char *fact, const char *op, const char *value, struct arena *a,
                Bailey__V1__Selector *m, struct err *e)
{
    const char *range = strcmp(op, "=") == 0 ? value : arena_printf(a, "%s%s", op, value);
    const char *component = fact;

    if (range == NULL)
        return full(e);
    for (size_t i = 0; i < FACTS; i++) {
        if (!same_fact(fact, facts[i].name))
            continue;
        if (facts[i].list == 0 && facts[i].count == 0)
            return join_range(a, (char **)(void *)((uint8_t *)m + facts[i].text), range, e);
        if (strcmp(op, "=") != 0)
            return err_set(e, ERR_INPUT, "selector.comparison", "words have no order: %s%s",
                           facts[i].name, op),
                   err_field(e, "%s", facts[i].name), err_found(e, "%s", op), err_expected(e, "="),
                   err_mend(e, "name all that are meant, with | between them");
        return add_words(&facts[i], value, a, m, e);
    }
    if (strncmp(fact, "tcb.", 4) == 0)
        component = fact + 4;
    else if (!catalog_knows("tcb-component", fact))
        return unknown_fact(fact, e);
    return add_tcb(component, range, a, m, e);
}

static bool condition(char *text, struct arena *a, Bailey__V1__Selector *m, struct err *e)
{
    size_t n = strcspn(text, "=<>!");
    char *fact, *value, op[3] = "";
    size_t len;

    if (text[n] == '\0' || n == 0)
        return err_set(e, ERR_INPUT, "selector.condition", "want FACT=VALUE or a comparison"),
               err_found(e, "%.60s", text),
               err_expected(e, "vendor=amd,generation=milan,firmware<1.55.39");
    len = text[n + 1] == '=' && text[n] != '=' ? 2 : 1;
    memcpy(op, text + n, len);
    value = trimmed(text + n + len);
    text[n] = '\0';
    fact = trimmed(text);
    if (strcmp(op, "!") == 0 || value[0] == '\0' || strpbrk(value, "=<>!") != NULL)
        return err_set(e, ERR_INPUT, "selector.condition", "%.60s: want one comparison and a value",
                       fact),
               err_field(e, "%.60s", fact), err_found(e, "%s%.60s", op, value),
               err_expected(e,
                            "=, !=, <, <=, > or >=, then the value; a comma before the next one");
    return add(fact, op, value, a, m, e);
}

bool selector_text_parse(const char *text, struct arena *a, Bailey__V1__Selector *m, struct err *e)
{
    char *copy, *one;

    if (strlen(text) > TEXT_MAX || !utf8_ok(bytes_str(text)))
        return err_set(e, ERR_INPUT, "selector.text", "the conditions are too long or no UTF-8"),
               err_expected(e, "at most %d bytes", TEXT_MAX);
    copy = arena_strdup(a, text);
    if (copy == NULL)
        return full(e);
    while ((one = strsep(&copy, ",")) != NULL)
        if (!condition(trimmed(one), a, m, e))
            return false;
    return message_check(&m->base, e);
}

bool selector_text_add(const char *fact, const char *value, struct arena *a,
                       Bailey__V1__Selector *m, struct err *e)
{
    const char *v = value + strspn(value, " ");

    if (strlen(value) > TEXT_MAX || !utf8_ok(bytes_str(value)) || v[0] == '\0')
        return err_set(e, ERR_INPUT, "selector.text", "%s has no value, or too long a one", fact),
               err_field(e, "%s", fact);
    if (strcmp(fact, "tcb") == 0)
        return add_components(v, a, m, e);
    return add(fact, "=", v, a, m, e);
}
