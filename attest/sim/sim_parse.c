#include <string.h>

#include "attest/sim/sim.h"
#include "attest/sim/sim_kind.h"
#include "base/str.h"

#define TEXT_MAX 512
#define WORDS_MAX 64

enum key { KEY_VENDOR, KEY_TECHNOLOGY, KEY_GENERATION, KEY_CHIP, KEY_DEFECT, KEYS };
static const char *const keys[KEYS] = {"vendor", "technology", "generation", "chip", "defect"};

/* The text cut at its commas and equal signs. */
struct pairs {
    unsigned n;
    struct {
        const char *key, *value;
    } at[TEXT_MAX / 2];
};

bool sim_bad_value(struct err *e, const char *key, const char *value, const char *expected)
{
    return err_set(e, ERR_INPUT, "sim.bad-value", "%s: got \"%s\", want %s", key, value, expected),
           err_field(e, "%s", key), err_found(e, "%s", value), err_expected(e, "%s", expected);
}

bool sim_word(const char *key, const char *value, const char *const *words, size_t n, unsigned *out,
              struct err *e)
{
    const char *near;

    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], value) == 0)
            return *out = (unsigned)i, true;
    near = str_nearest(value, words, n);
    sim_bad_value(e, key, value, "one of the words the simulator knows");
    return near == NULL ? false : err_mend(e, "did you mean %s?", near);
}

bool sim_number(const char *key, const char *value, uint64_t max, uint64_t *out, struct err *e)
{
    uint64_t v;

    if (!u64_parse(value, &v))
        return sim_bad_value(e, key, value, "a number, decimal or 0x and hexadecimal");
    if (v > max)
        return sim_bad_value(e, key, value, "a smaller number");
    *out = v;
    return true;
}

bool sim_byte(const char *key, const char *value, uint8_t *out, struct err *e)
{
    uint64_t v;

    if (!u64_parse(value, &v) || v > 255)
        return sim_bad_value(e, key, value, "a number from 0 to 255, or 0x00 to 0xff");
    *out = (uint8_t)v;
    return true;
}

bool sim_switch(const char *key, const char *value, bool *out, struct err *e)
{
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        return sim_bad_value(e, key, value, "on or off");
    *out = value[1] == 'n';
    return true;
}

bool sim_dotted(const char *key, const char *value, uint8_t part[3], struct err *e)
{
    uint8_t got[3];
    char text[16];
    char *at = text, *dot;

    if (!str_copy(text, sizeof text, value))
        return sim_bad_value(e, key, value, "three numbers with dots");
    for (int i = 0; i < 3; i++) {
        uint64_t v;

        dot = strchr(at, '.');
        if ((dot == NULL) != (i == 2))
            return sim_bad_value(e, key, value, "three numbers with dots");
        if (dot != NULL)
            *dot = '\0';
        if (!u64_parse(at, &v) || v > 255)
            return sim_bad_value(e, key, value, "three numbers with dots, each at most 255");
        got[i] = (uint8_t)v;
        at = dot == NULL ? at : dot + 1;
    }
    memcpy(part, got, 3);
    return true;
}

static bool split(char *text, struct pairs *out, struct err *e)
{
    out->n = 0;
    for (char *at = text, *next; at != NULL; at = next) {
        char *equals;

        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        equals = strchr(at, '=');
        if (equals == NULL)
            return err_set(e, ERR_INPUT, "sim.syntax", "\"%s\": want key=value", at),
                   err_found(e, "%s", at), err_expected(e, "key=value,key=value");
        *equals = '\0';
        for (unsigned i = 0; i < out->n; i++)
            if (strcmp(out->at[i].key, at) == 0)
                return err_set(e, ERR_INPUT, "sim.duplicate-key", "%s: given twice", at),
                       err_field(e, "%s", at);
        out->at[out->n].key = at;
        out->at[out->n++].value = equals + 1;
    }
    return true;
}

static const char *value_of(const struct pairs *p, enum key key)
{
    for (unsigned i = 0; i < p->n; i++)
        if (strcmp(p->at[i].key, keys[key]) == 0)
            return p->at[i].value;
    return NULL;
}

static bool vendor_known(const char *vendor, struct err *e)
{
    const char *words[WORDS_MAX];
    unsigned ignored;

    for (unsigned i = 0; i < sim_kinds_n && i < WORDS_MAX; i++)
        words[i] = sim_kinds[i]->vendor;
    return vendor == NULL || sim_word(keys[KEY_VENDOR], vendor, words, sim_kinds_n, &ignored, e);
}

static bool technology_known(const char *technology, struct err *e)
{
    const char *words[WORDS_MAX];
    unsigned ignored;

    for (unsigned i = 0; i < sim_kinds_n && i < WORDS_MAX; i++)
        words[i] = sim_kinds[i]->technology;
    return technology == NULL ||
           sim_word(keys[KEY_TECHNOLOGY], technology, words, sim_kinds_n, &ignored, e);
}

/* The index of a generation's word or alias, or generations_n. */
static unsigned generation_find(const struct sim_kind *k, const char *word)
{
    unsigned i = 0;

    while (i < k->generations_n && strcmp(k->generations[i], word) != 0 &&
           (k->aliases == NULL || k->aliases[i] == NULL || strcmp(k->aliases[i], word) != 0))
        i++;
    return i;
}

/* The first row with that vendor, technology and generation, as far as they are said. */
static const struct sim_kind *kind_choose(const struct pairs *p, struct err *e)
{
    const char *vendor = value_of(p, KEY_VENDOR), *technology = value_of(p, KEY_TECHNOLOGY);
    const char *generation = value_of(p, KEY_GENERATION), *words[WORDS_MAX];
    bool fits = false;
    unsigned n = 0;

    if (!vendor_known(vendor, e) || !technology_known(technology, e))
        return NULL;
    for (unsigned i = 0; i < sim_kinds_n; i++) {
        const struct sim_kind *k = sim_kinds[i];

        if ((vendor != NULL && strcmp(k->vendor, vendor) != 0) ||
            (technology != NULL && strcmp(k->technology, technology) != 0))
            continue;
        if (generation == NULL ? vendor != NULL || technology != NULL
                               : generation_find(k, generation) < k->generations_n)
            return k;
        fits = true;
        for (unsigned g = 0; g < k->generations_n && n < WORDS_MAX; g++)
            words[n++] = k->generations[g];
    }
    if (!fits) {
        sim_bad_value(e, keys[KEY_TECHNOLOGY], technology, "a technology of that vendor");
    } else if (generation == NULL) {
        err_set(e, ERR_INPUT, "sim.missing-key", "generation: missing"), err_field(e, "generation");
    } else {
        const char *near = str_nearest(generation, words, n);

        sim_bad_value(e, keys[KEY_GENERATION], generation,
                      "a generation that the simulator knows of that vendor and technology");
        if (near != NULL)
            err_mend(e, "did you mean %s?", near);
    }
    return NULL;
}

/* The five keys of every technology but chip and defect are chosen already. */
static bool common_set(const struct pairs *p, struct sim_platform *out, struct err *e)
{
    const struct sim_kind *k = out->kind;
    const char *chip = value_of(p, KEY_CHIP), *defect = value_of(p, KEY_DEFECT);

    return (chip == NULL || sim_number(keys[KEY_CHIP], chip, UINT64_MAX, &out->chip, e)) &&
           (defect == NULL ||
            sim_word(keys[KEY_DEFECT], defect, k->defects, k->defects_n, &out->defect, e));
}

/* Every key is one of the common five or of the technology's own. */
static bool keys_check(const struct pairs *p, const struct sim_kind *k, struct err *e)
{
    const char *words[WORDS_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < KEYS; i++)
        words[n++] = keys[i];
    for (unsigned i = 0; i < k->keys_n && n < WORDS_MAX; i++)
        words[n++] = k->keys[i];
    for (unsigned i = 0; i < p->n; i++) {
        const char *key = p->at[i].key, *near;
        unsigned at;

        if (sim_word(key, key, words, n, &at, NULL))
            continue;
        near = str_nearest(key, words, n);
        err_set(e, ERR_INPUT, "sim.unknown-key", "%s has no key \"%s\"", k->technology, key);
        err_found(e, "%s", key);
        return near == NULL ? false : err_mend(e, "did you mean %s?", near);
    }
    return true;
}

/* In the order of the technology's own list, whatever the order of the text. */
static bool own_set(const struct pairs *p, struct sim_platform *out, struct err *e)
{
    const struct sim_kind *k = out->kind;

    for (unsigned key = 0; key < k->keys_n; key++)
        for (unsigned i = 0; i < p->n; i++)
            if (strcmp(p->at[i].key, k->keys[key]) == 0 && !k->set(out, key, p->at[i].value, e))
                return false;
    return true;
}

bool sim_platform_parse(const char *text, struct sim_platform *out, struct err *e)
{
    const struct sim_kind *kind;
    const char *generation;
    struct sim_platform p;
    struct pairs pairs;
    unsigned g = 0;
    char copy[TEXT_MAX];

    if (!str_copy(copy, sizeof copy, text))
        return err_set(e, ERR_LIMIT, "sim.too-long", "got %zu characters, want fewer than %d",
                       strlen(text), TEXT_MAX);
    if (!split(copy, &pairs, e))
        return false;
    kind = kind_choose(&pairs, e);
    if (kind == NULL)
        return false;
    generation = value_of(&pairs, KEY_GENERATION);
    if (generation == NULL && kind->generations_n > 0)
        return err_set(e, ERR_INPUT, "sim.missing-key", "generation: missing"),
               err_field(e, "generation"),
               err_expected(e, "a generation of %s: %s, ...", kind->technology,
                            kind->generations[0]);
    if (generation != NULL)
        g = generation_find(kind, generation);
    sim_platform_init(&p, kind, g);
    if (!keys_check(&pairs, kind, e) || !common_set(&pairs, &p, e) || !own_set(&pairs, &p, e))
        return false;
    *out = p;
    return true;
}
