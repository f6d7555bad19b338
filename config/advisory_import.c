#include "config/advisory_import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config/catalog.h"
#include "config/check.h"
#include "config/yaml_int.h"

#define WORDS_MOST 16

struct import {
    struct yaml_reader r;
    struct advisory_found *v;
    size_t n;
};

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *m = map->shape == YAML_MAP ? yaml_member(map, key) : NULL;

    return m == NULL || m->shape != YAML_SCALAR ? "" : m->text;
}

static const char *format(struct import *x, const char *fmt, ...) PRINTFLIKE(2, 3);
static const char *format(struct import *x, const char *fmt, ...)
{
    char line[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    return arena_strdup(x->r.arena, line);
}

/* "amd-sb-3045": what an object of this id is called. */
static const char *name_of(struct import *x, const char *prefix, const char *id)
{
    char name[NAME_MAX_LEN + 1];
    size_t n = (size_t)snprintf(name, sizeof name, "%s", prefix);

    for (; *id != '\0' && n + 1 < sizeof name; id++) {
        char c = *id >= 'A' && *id <= 'Z' ? (char)(*id - 'A' + 'a') : *id;

        name[n++] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
    }
    name[n] = '\0';
    return arena_strdup(x->r.arena, name);
}

static Bailey__V1__Metadata *metadata(struct import *x, const struct yaml_node *at,
                                      const char *name)
{
    Bailey__V1__Metadata *m = yaml_need(&x->r, at, arena_alloc(x->r.arena, sizeof *m));

    if (m == NULL || name == NULL)
        return NULL;
    bailey__v1__metadata__init(m);
    m->name = text(name);
    return m;
}

static bool words(struct import *x, const char *word, char ***v, size_t *n)
{
    *n = word[0] != '\0';
    *v = arena_array(x->r.arena, 1, sizeof **v);
    if (*v != NULL)
        (*v)[0] = text(word);
    return *v != NULL;
}

/* {vendor, technology, generation, advisory}, of which "" are left out. */
static Bailey__V1__Selector *platforms(struct import *x, const char *vendor, const char *technology,
                                       const char *generation, const char *advisory)
{
    Bailey__V1__Selector *s = arena_alloc(x->r.arena, sizeof *s);

    if (s == NULL)
        return NULL;
    bailey__v1__selector__init(s);
    if (!words(x, vendor, &s->vendor, &s->n_vendor) ||
        !words(x, technology, &s->technology, &s->n_technology) ||
        !words(x, generation, &s->generation, &s->n_generation) ||
        !words(x, advisory, &s->advisory, &s->n_advisory))
        return NULL;
    return s;
}

static Bailey__V1__Revocation *proposal(struct import *x, const struct yaml_node *at,
                                        const char *name, const char *because, const char *id)
{
    Bailey__V1__Revocation *r = arena_alloc(x->r.arena, sizeof *r);
    Bailey__V1__RevocationSpec *s = arena_alloc(x->r.arena, sizeof *s);

    if (yaml_need(&x->r, at, r) == NULL || yaml_need(&x->r, at, s) == NULL)
        return NULL;
    bailey__v1__revocation__init(r);
    bailey__v1__revocation_spec__init(s);
    r->metadata = metadata(x, at, name);
    s->because = text(because);
    s->proposed = true;
    r->spec = s;
    return r->metadata == NULL || !words(x, id, &s->references, &s->n_references) ? NULL : r;
}

static struct advisory_found *found(struct import *x, const struct yaml_node *at, const char *id)
{
    struct advisory_found *f = &x->v[x->n];

    if (x->n == ADVISORIES_MOST) {
        yaml_fail(&x->r, at, "advisory.many", "more than %d advisories", ADVISORIES_MOST);
        return NULL;
    }
    *f = (struct advisory_found){.id = id, .note = ""};
    x->n++;
    return f;
}

/* --- the catalog's form ----------------------------------------------------------------------- */

static bool is_false(const char *s)
{
    return strcmp(s, "false") == 0;
}

/* The row's floor goes to the fix of its generation. */
static bool add_floor(struct import *x, const struct yaml_node *row, const char *vendor,
                      Bailey__V1__AdvisorySpec *spec)
{
    const char *generation = text_of(row, "generation"), *component = text_of(row, "component"),
               *least = text_of(row, "at-least");
    Bailey__V1__FixedVersion *f = NULL;
    Bailey__V1__Minimum__TcbEntry *floor = arena_alloc(x->r.arena, sizeof *floor);
    uint64_t number;

    if (!catalog_knows("generation", generation) || !catalog_knows("tcb-component", component) ||
        !u64_parse(least, &number))
        return yaml_fail(&x->r, row, "advisory.floor",
                         "want a generation, a TCB component and a number in at-least");
    for (size_t i = 0; i < spec->n_fixed; i++)
        if (strcmp(spec->fixed[i]->platforms->generation[0], generation) == 0)
            f = spec->fixed[i];
    if (f == NULL) {
        f = arena_alloc(x->r.arena, sizeof *f);
        if (f == NULL || spec->n_fixed == WORDS_MOST)
            return yaml_fail(&x->r, row, "advisory.many", "too many floors");
        bailey__v1__fixed_version__init(f);
        f->platforms = platforms(x, vendor, "", generation, "");
        f->minimum = arena_alloc(x->r.arena, sizeof *f->minimum);
        if (f->platforms == NULL || f->minimum == NULL)
            return yaml_need(&x->r, row, NULL) != NULL;
        bailey__v1__minimum__init(f->minimum);
        f->minimum->tcb = arena_array(x->r.arena, WORDS_MOST, sizeof(void *));
        spec->fixed[spec->n_fixed++] = f;
    }
    if (floor == NULL || f->minimum->tcb == NULL || f->minimum->n_tcb == WORDS_MOST)
        return yaml_fail(&x->r, row, "advisory.many", "too many floors");
    bailey__v1__minimum__tcb_entry__init(floor);
    floor->key = text(component);
    floor->value = text(least);
    f->minimum->tcb[f->minimum->n_tcb++] = floor;
    return true;
}

static bool affected(struct import *x, const struct yaml_node *list, const char *vendor,
                     Bailey__V1__AdvisorySpec *spec)
{
    spec->affected = arena_array(x->r.arena, list->n + 1, sizeof(void *));
    if (yaml_need(&x->r, list, spec->affected) == NULL)
        return false;
    for (const struct yaml_node *m = list->first; m != NULL; m = m->next) {
        if (m->shape != YAML_SCALAR || !catalog_knows("generation", m->text))
            return yaml_fail(&x->r, m, "advisory.generation", "want a generation"),
                   yaml_suggest(&x->r, m->shape == YAML_SCALAR
                                           ? catalog_nearest("generation", m->text)
                                           : NULL),
                   false;
        spec->affected[spec->n_affected] = platforms(x, vendor, "", m->text, "");
        if (yaml_need(&x->r, m, spec->affected[spec->n_affected++]) == NULL)
            return false;
    }
    return true;
}

static Bailey__V1__Advisory *advisory_new(struct import *x, const struct yaml_node *at,
                                          const char *id, const char *title)
{
    Bailey__V1__Advisory *m = arena_alloc(x->r.arena, sizeof *m);
    Bailey__V1__AdvisorySpec *spec = arena_alloc(x->r.arena, sizeof *spec);

    if (yaml_need(&x->r, at, m) == NULL || yaml_need(&x->r, at, spec) == NULL)
        return NULL;
    bailey__v1__advisory__init(m);
    bailey__v1__advisory_spec__init(spec);
    m->metadata = metadata(x, at, name_of(x, "", id));
    m->spec = spec;
    spec->id = text(id);
    spec->title = text(title);
    spec->fixed = arena_array(x->r.arena, WORDS_MOST, sizeof(void *));
    return m->metadata == NULL || yaml_need(&x->r, at, spec->fixed) == NULL ? NULL : m;
}

/* Platforms that have no fix are named themselves; where there is one, the advisory says it. */
static bool propose(struct import *x, const struct yaml_node *at, struct advisory_found *f)
{
    const Bailey__V1__AdvisorySpec *spec = f->advisory->spec;
    const char *title = spec->title[0] == '\0' ? f->id : spec->title;
    Bailey__V1__RevocationSpec *to;

    f->proposal = proposal(x, at, f->advisory->metadata->name, title, f->id);
    if (f->proposal == NULL)
        return false;
    to = f->proposal->spec;
    to->platforms = spec->affected;
    to->n_platforms = spec->n_affected;
    if (spec->n_fixed == 0)
        return true;
    to->platforms = arena_array(x->r.arena, 1, sizeof(void *));
    if (yaml_need(&x->r, at, to->platforms) == NULL)
        return false;
    to->platforms[0] = platforms(x, "", "", "", f->id);
    to->n_platforms = 1;
    return yaml_need(&x->r, at, to->platforms[0]) != NULL;
}

static bool catalog_entry(struct import *x, const struct yaml_node *m)
{
    const struct yaml_node *affects = m->shape == YAML_MAP ? yaml_member(m, "affects") : NULL,
                           *fixed = m->shape == YAML_MAP ? yaml_member(m, "fixed") : NULL;
    struct advisory_found *f = found(x, m, m->key->text);
    const char *vendor = text_of(m, "vendor"), *shows = text_of(m, "shows");

    if (f == NULL)
        return false;
    if (m->shape != YAML_MAP || !catalog_knows("vendor", vendor))
        return yaml_fail(&x->r, m, "advisory.vendor", "want a map with a vendor"), false;
    if (affects == NULL || affects->n == 0) {
        f->note = "the file does not say what it affects";
        return true;
    }
    if (fixed != NULL && is_false(text_of(m, "confirmed"))) {
        f->note = "its floors are not confirmed: read them in the vendor's text, then say "
                  "confirmed: true";
        f->mends = true;
        return true;
    }
    if (fixed == NULL && strcmp(shows, "nothing") != 0) {
        f->note = format(x, "the file does not say which versions mend it (%s)",
                         shows[0] == '\0' ? "no shows" : shows);
        return f->note != NULL;
    }
    f->advisory = advisory_new(x, m, f->id, text_of(m, "about"));
    if (f->advisory == NULL || !affected(x, affects, vendor, f->advisory->spec))
        return false;
    for (const struct yaml_node *row = fixed == NULL ? NULL : fixed->first; row != NULL;
         row = row->next)
        if (row->shape != YAML_MAP || !add_floor(x, row, vendor, f->advisory->spec))
            return x->r.errors->n > 0 ? false
                                      : yaml_fail(&x->r, row, "advisory.floor", "want a map");
    return propose(x, m, f);
}

/* --- Intel's TCB info ------------------------------------------------------------------------- */

static const struct advisory_found *known(const struct import *x, const char *id)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->v[i].id, id) == 0)
            return &x->v[i];
    return NULL;
}

static bool intel_proposal(struct import *x, const struct yaml_node *at, const char *technology,
                           const char *id, const char *because)
{
    struct advisory_found *f = found(x, at, id);
    Bailey__V1__RevocationSpec *spec;

    if (f == NULL)
        return false;
    f->proposal = proposal(x, at, name_of(x, "", id), because, id);
    if (f->proposal == NULL)
        return false;
    spec = f->proposal->spec;
    spec->platforms = arena_array(x->r.arena, 1, sizeof(void *));
    if (yaml_need(&x->r, at, spec->platforms) == NULL)
        return false;
    spec->platforms[0] = platforms(x, "intel", technology, "", id);
    spec->n_platforms = 1;
    return yaml_need(&x->r, at, spec->platforms[0]) != NULL;
}

/* Levels come from the newest on: the first that names an advisory is the last one open to it. */
static bool tcb_level(struct import *x, const struct yaml_node *level, const char *technology,
                      const char *fmspc)
{
    const struct yaml_node *ids = yaml_member(level, "advisoryIDs");
    const char *date = text_of(level, "tcbDate"), *status = text_of(level, "tcbStatus");

    for (const struct yaml_node *m = ids == NULL ? NULL : ids->first; m != NULL; m = m->next) {
        const char *because;

        if (m->shape != YAML_SCALAR)
            return yaml_wrong_type(&x->r, m, "an advisory's id");
        if (known(x, m->text) != NULL)
            continue;
        if (!catalog_knows("advisory", m->text)) {
            struct advisory_found *f = found(x, m, m->text);

            if (f == NULL)
                return false;
            f->note = "this version of Bailey does not know it";
            continue;
        }
        because = format(x, "Intel's TCB info of %s names it at TCB levels up to %.10s (%s)", fmspc,
                         date, status);
        if (yaml_need(&x->r, m, text(because)) == NULL ||
            !intel_proposal(x, m, technology, m->text, because))
            return false;
    }
    return true;
}

static bool tcb_info(struct import *x, const struct yaml_node *info)
{
    const struct yaml_node *levels =
        info->shape == YAML_MAP ? yaml_member(info, "tcbLevels") : NULL;
    const char *technology = strcmp(text_of(info, "id"), "TDX") == 0 ? "tdx" : "sgx";

    if (levels == NULL || levels->shape != YAML_LIST)
        return yaml_fail(&x->r, info, "advisory.tcb-info", "TCB info without tcbLevels");
    for (const struct yaml_node *m = levels->first; m != NULL; m = m->next)
        if (m->shape != YAML_MAP || !tcb_level(x, m, technology, text_of(info, "fmspc")))
            return x->r.errors->n > 0 ? false : yaml_wrong_type(&x->r, m, "a TCB level");
    return true;
}

/* --- documents of our own --------------------------------------------------------------------- */

static bool documents(struct import *x, struct bytes in, const struct yaml_node *at)
{
    Bailey__V1__Object **objects;
    size_t n;

    if (!yaml_objects(in, x->r.errors->file, x->r.arena, &objects, &n, x->r.errors))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct advisory_found *f;

        if (objects[i]->kind_case != BAILEY__V1__OBJECT__KIND_ADVISORY)
            return yaml_fail(&x->r, at, "advisory.kind", "want documents with kind: Advisory");
        f = found(x, at, objects[i]->advisory->spec->id);
        if (f == NULL)
            return false;
        f->advisory = objects[i]->advisory;
        if (!propose(x, at, f))
            return false;
    }
    return true;
}

static bool import(struct import *x, struct bytes in, const struct yaml_node *top)
{
    const struct yaml_node *list = top->shape == YAML_MAP ? yaml_member(top, "advisory") : NULL,
                           *info = top->shape == YAML_MAP ? yaml_member(top, "tcbInfo") : NULL;

    if (info != NULL)
        return tcb_info(x, info);
    if (top->shape == YAML_MAP && yaml_member(top, "tcbLevels") != NULL)
        return tcb_info(x, top);
    if (list != NULL && list->shape == YAML_MAP) {
        for (const struct yaml_node *m = list->first; m != NULL; m = m->next)
            if (!catalog_entry(x, m))
                return false;
        return true;
    }
    if (top->shape == YAML_MAP && yaml_member(top, "kind") != NULL)
        return documents(x, in, top);
    return yaml_fail(&x->r, top, "advisory.form", "nothing known here"),
           yaml_mend(&x->r,
                     "want the catalog's `advisory:`, Intel's TCB info as JSON, or documents "
                     "with `kind: Advisory`"),
           false;
}

bool advisory_import(struct bytes in, const char *file, struct arena *a,
                     struct advisory_found **out, size_t *n, struct yaml_errors *errors)
{
    struct import x = {.r = {.arena = a, .errors = errors}};
    struct yaml_node top;

    errors->file = file;
    errors->text = in;
    x.v = arena_array(a, ADVISORIES_MOST, sizeof *x.v);
    if (!yaml_read(&x.r, in, &top) || errors->n > 0)
        return false;
    if (yaml_need(&x.r, &top, x.v) == NULL)
        return false;
    if (top.first == NULL)
        return yaml_fail(&x.r, &top, "advisory.form", "the file is empty");
    if (!import(&x, in, top.first) || errors->n > 0)
        return false;
    *out = x.v;
    *n = x.n;
    return true;
}
