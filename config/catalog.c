#include "config/catalog.h"

#include <pthread.h>
#include <strings.h>

#include "base/str.h"
#include "base/vec.h"
#include "config/yaml_int.h"

extern const unsigned char catalog_trust[], catalog_advisories[], catalog_settings[];
extern const unsigned long catalog_trust_size, catalog_advisories_size, catalog_settings_size;

#define ALIASES_MAX 8

struct word {
    const char *name, *about, *vendor;
    const char *alias[ALIASES_MAX];
    size_t aliases;
};

struct vocabulary {
    const char *name;
    struct word *words;
    const char **names; /* of the words, in the same order */
    size_t n;
};

/* Filled once, never changed or freed. */
static struct {
    pthread_once_t once;
    struct arena arena;
    VEC(struct vocabulary) all;
} catalog = {.once = PTHREAD_ONCE_INIT};

static const char *text_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *m = yaml_member(map, key);

    return m == NULL ? "" : m->text;
}

static void add_words(const struct yaml_node *list)
{
    struct vocabulary v = {.name = list->key->text, .n = list->n};
    size_t i = 0;

    v.words = arena_array(&catalog.arena, list->n + 1, sizeof *v.words);
    v.names = arena_array(&catalog.arena, list->n + 1, sizeof *v.names);
    BUG_ON(v.words == NULL || v.names == NULL);
    for (const struct yaml_node *m = list->first; m != NULL; m = m->next, i++) {
        const struct yaml_node *aliases = yaml_member(m, "aliases");
        struct word *w = &v.words[i];

        *w = (struct word){m->key->text, text_of(m, "about"), text_of(m, "vendor"), {NULL}, 0};
        v.names[i] = w->name;
        for (const struct yaml_node *a = aliases == NULL ? NULL : aliases->first; a != NULL;
             a = a->next) {
            BUG_ON(w->aliases == ALIASES_MAX);
            w->alias[w->aliases++] = a->text;
        }
    }
    BUG_ON(!vec_push(&catalog.all, v));
}

/* Our own file: anything wrong in it is a bug, which the catalog's test finds first. */
static void add_file(const char *name, const unsigned char *p, unsigned long n)
{
    struct yaml_errors errors = {.file = name};
    struct yaml_reader r = {.arena = &catalog.arena, .errors = &errors};
    struct yaml_node documents;

    BUG_ON(!yaml_read(&r, (struct bytes){p, n}, &documents) || errors.n > 0 || documents.n != 1);
    for (const struct yaml_node *m = documents.first->first; m != NULL; m = m->next)
        add_words(m);
}

static void load(void)
{
    arena_init(&catalog.arena, (size_t)4 << 20);
    add_file("trust.yaml", catalog_trust, catalog_trust_size);
    add_file("advisories.yaml", catalog_advisories, catalog_advisories_size);
    add_file("settings.yaml", catalog_settings, catalog_settings_size);
}

static const struct vocabulary *vocabulary_find(const char *name)
{
    BUG_ON(pthread_once(&catalog.once, load) != 0);
    for (size_t i = 0; i < catalog.all.n; i++)
        if (strcmp(catalog.all.v[i].name, name) == 0)
            return &catalog.all.v[i];
    return NULL;
}

/* By the word or an alias, in any letter case. */
static const struct word *word_find(const char *vocabulary, const char *word)
{
    const struct vocabulary *v = vocabulary_find(vocabulary);

    for (size_t i = 0; v != NULL && i < v->n; i++) {
        if (strcasecmp(v->words[i].name, word) == 0)
            return &v->words[i];
        for (size_t k = 0; k < v->words[i].aliases; k++)
            if (strcasecmp(v->words[i].alias[k], word) == 0)
                return &v->words[i];
    }
    return NULL;
}

bool catalog_knows(const char *vocabulary, const char *word)
{
    return word_find(vocabulary, word) != NULL;
}

const char *catalog_resolve(const char *vocabulary, const char *word)
{
    const struct word *w = word_find(vocabulary, word);

    return w == NULL ? NULL : w->name;
}

const char *const *catalog_words(const char *vocabulary, size_t *n)
{
    const struct vocabulary *v = vocabulary_find(vocabulary);

    *n = v == NULL ? 0 : v->n;
    return v == NULL ? NULL : v->names;
}

const char *catalog_nearest(const char *vocabulary, const char *word)
{
    const struct vocabulary *v = vocabulary_find(vocabulary);
    const char *near = v == NULL ? NULL : str_nearest(word, v->names, v->n);

    for (size_t i = 0; v != NULL && near == NULL && i < v->n; i++)
        near = str_nearest(word, v->words[i].alias, v->words[i].aliases);
    return near;
}

const char *catalog_about(const char *vocabulary, const char *word)
{
    const struct word *w = word_find(vocabulary, word);

    return w == NULL ? "" : w->about;
}

const char *catalog_vendor(const char *vocabulary, const char *word)
{
    const struct word *w = word_find(vocabulary, word);

    return w == NULL ? "" : w->vendor;
}
