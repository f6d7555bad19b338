#include "attest/sim/sim.h"

#include "base/str.h"

#define TEXT_MAX 512

enum key {
    KEY_VENDOR,
    KEY_TECHNOLOGY,
    KEY_GENERATION,
    KEY_FIRMWARE,
    KEY_COMMITTED,
    KEY_BOOTLOADER,
    KEY_TEE,
    KEY_SNP,
    KEY_MICROCODE,
    KEY_FMC,
    KEY_CHIP,
    KEY_VERSION,
    KEY_SMT,
    KEY_VLEK,
    KEY_DEFECT,
    KEYS
};

static const char *const keys[KEYS] = {
    "vendor",    "technology", "generation", "firmware", "committed", "bootloader", "tee",    "snp",
    "microcode", "fmc",        "chip",       "version",  "smt",       "vlek",       "defect",
};

static bool bad_value(struct err *e, const char *key, const char *value, const char *expected)
{
    return err_set(e, ERR_INPUT, "sim.bad-value", "%s: got \"%s\", want %s", key, value, expected),
           err_field(e, "%s", key), err_found(e, "%s", value), err_expected(e, "%s", expected);
}

/* The index of a word in a list; on false the error suggests the nearest. */
static bool word_parse(const char *key, const char *value, const char *const *words, size_t n,
                       unsigned *out, struct err *e)
{
    const char *near;

    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], value) == 0)
            return *out = (unsigned)i, true;
    near = str_nearest(value, words, n);
    bad_value(e, key, value, "one of the words the simulator knows");
    return near == NULL ? false : err_mend(e, "did you mean %s?", near);
}

static bool byte_parse(const char *key, const char *value, uint8_t *out, struct err *e)
{
    uint64_t v;

    if (!u64_parse(value, &v) || v > 255)
        return bad_value(e, key, value, "a number from 0 to 255, or 0x00 to 0xff");
    *out = (uint8_t)v;
    return true;
}

static bool tcb_parse(const char *key, const char *value, uint8_t *current, uint8_t *committed,
                      struct err *e)
{
    if (!byte_parse(key, value, current, e))
        return false;
    *committed = *current;
    return true;
}

static bool version_parse(const char *key, const char *value, struct sim_version *out,
                          struct err *e)
{
    uint8_t part[3];
    char text[16];
    char *at = text, *dot;

    if (!str_copy(text, sizeof text, value))
        return bad_value(e, key, value, "major.minor.build");
    for (int i = 0; i < 3; i++) {
        uint64_t v;

        dot = strchr(at, '.');
        if ((dot == NULL) != (i == 2))
            return bad_value(e, key, value, "major.minor.build");
        if (dot != NULL)
            *dot = '\0';
        if (!u64_parse(at, &v) || v > 255)
            return bad_value(e, key, value, "major.minor.build, each at most 255");
        part[i] = (uint8_t)v;
        at = dot == NULL ? at : dot + 1;
    }
    *out = (struct sim_version){part[0], part[1], part[2]};
    return true;
}

static bool switch_parse(const char *key, const char *value, bool *out, struct err *e)
{
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        return bad_value(e, key, value, "on or off");
    *out = value[1] == 'n';
    return true;
}

static bool generation_parse(const char *value, struct sim_platform *p, struct err *e)
{
    const char *words[SIM_GENERATIONS];
    unsigned g;

    for (unsigned i = 0; i < SIM_GENERATIONS; i++)
        words[i] = sim_generation_name((enum sim_generation)i);
    if (!word_parse("generation", value, words, SIM_GENERATIONS, &g, e))
        return false;
    sim_platform_init(p, (enum sim_generation)g);
    return true;
}

static bool defect_parse(const char *value, struct sim_platform *p, struct err *e)
{
    const char *words[SIM_DEFECTS];
    unsigned d;

    for (unsigned i = 0; i < SIM_DEFECTS; i++)
        words[i] = sim_defect_name((enum sim_defect)i);
    if (!word_parse("defect", value, words, SIM_DEFECTS, &d, e))
        return false;
    p->defect = (enum sim_defect)d;
    return true;
}

static bool report_version_parse(const char *value, struct sim_platform *p, struct err *e)
{
    uint8_t v;

    if (!byte_parse("version", value, &v, e))
        return false;
    if (v < 2 || v > 5)
        return bad_value(e, "version", value, "2 to 5");
    p->report_version = v;
    return true;
}

/* Sets what one key says; generation came before. */
static bool apply(struct sim_platform *p, enum key key, const char *v, struct err *e)
{
    static const char *const vendors[] = {"amd"}, *const technologies[] = {"sev-snp"};
    struct sim_tcb *a = &p->current_tcb, *b = &p->committed_tcb;
    const char *name = keys[key];
    unsigned ignored;

    switch (key) {
    case KEY_VENDOR:
        return word_parse(name, v, vendors, 1, &ignored, e);
    case KEY_TECHNOLOGY:
        return word_parse(name, v, technologies, 1, &ignored, e);
    case KEY_FIRMWARE:
        return version_parse(name, v, &p->current, e);
    case KEY_COMMITTED:
        return version_parse(name, v, &p->committed, e);
    case KEY_BOOTLOADER:
        return tcb_parse(name, v, &a->bootloader, &b->bootloader, e);
    case KEY_TEE:
        return tcb_parse(name, v, &a->tee, &b->tee, e);
    case KEY_SNP:
        return tcb_parse(name, v, &a->snp, &b->snp, e);
    case KEY_MICROCODE:
        return tcb_parse(name, v, &a->microcode, &b->microcode, e);
    case KEY_FMC:
        if (p->generation != SIM_TURIN)
            return bad_value(e, name, v, "no such key: only turin has this component");
        return tcb_parse(name, v, &a->fmc, &b->fmc, e);
    case KEY_CHIP:
        return u64_parse(v, &p->chip) || bad_value(e, name, v, "a number");
    case KEY_VERSION:
        return report_version_parse(v, p, e);
    case KEY_SMT:
        return switch_parse(name, v, &p->smt, e);
    case KEY_VLEK:
        return switch_parse(name, v, &p->vlek, e);
    case KEY_DEFECT:
        return defect_parse(v, p, e);
    case KEY_GENERATION:
    case KEYS:
        break;
    }
    return true;
}

/* Cuts the text at its commas and equal signs: value[k] is NULL where a key was not given. */
static bool split(char *text, const char *value[KEYS], struct err *e)
{
    for (char *at = text, *next; at != NULL; at = next) {
        char *equals;
        unsigned key = 0;

        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        equals = strchr(at, '=');
        if (equals == NULL)
            return err_set(e, ERR_INPUT, "sim.syntax", "\"%s\": want key=value", at),
                   err_found(e, "%s", at), err_expected(e, "key=value,key=value");
        *equals = '\0';
        if (!word_parse(at, at, keys, KEYS, &key, NULL)) {
            const char *near = str_nearest(at, keys, KEYS);

            err_set(e, ERR_INPUT, "sim.unknown-key", "unknown key \"%s\"", at);
            err_found(e, "%s", at);
            return near == NULL ? false : err_mend(e, "did you mean %s?", near);
        }
        if (value[key] != NULL)
            return err_set(e, ERR_INPUT, "sim.duplicate-key", "%s: given twice", at),
                   err_field(e, "%s", at);
        value[key] = equals + 1;
    }
    return true;
}

bool sim_platform_parse(const char *text, struct sim_platform *out, struct err *e)
{
    const char *value[KEYS] = {NULL};
    struct sim_platform p;
    char copy[TEXT_MAX];

    if (!str_copy(copy, sizeof copy, text))
        return err_set(e, ERR_LIMIT, "sim.too-long", "got %zu characters, want fewer than %d",
                       strlen(text), TEXT_MAX);
    if (!split(copy, value, e))
        return false;
    if (value[KEY_GENERATION] == NULL)
        return err_set(e, ERR_INPUT, "sim.missing-key", "generation: missing"),
               err_field(e, "generation"), err_expected(e, "milan, genoa, bergamo, siena or turin");
    if (!generation_parse(value[KEY_GENERATION], &p, e))
        return false;
    for (unsigned k = 0; k < KEYS; k++)
        if (value[k] != NULL && !apply(&p, (enum key)k, value[k], e))
            return false;
    if (value[KEY_FIRMWARE] != NULL && value[KEY_COMMITTED] == NULL)
        p.committed = p.current;
    *out = p;
    return true;
}
