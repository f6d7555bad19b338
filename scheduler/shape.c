/* shape.c - see shape.h. */
#include "scheduler/shape.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"

#define SHAPES_MAX 4096
#define RECENT 512 /* a power of two */

struct shapes {
    struct map by_key;
    uint64_t births;
    uint8_t *key; /* of the demand at hand */
    size_t key_cap;
    struct shape *recent[RECENT]; /* found without the map */
};

static void shape_free(struct shape *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->texts.n; i++)
        free(s->texts.v[i]);
    for (size_t i = 0; i < SHAPE_AXES; i++)
        map_fini(&s->values[i]);
    map_fini(&s->facets);
    vec_fini(&s->set_first);
    vec_fini(&s->set_member);
    vec_fini(&s->texts);
    vec_fini(&s->cells);
    vec_fini(&s->groups);
    free(s->group_of);
    free(s->key);
    free(s);
}
DEFINE_CLEANUP(shape, struct shape *, shape_free)

static void shapes_clear(struct shapes *s)
{
    struct shape *one;

    for (size_t i = 0; (one = map_next(&s->by_key, &i)) != NULL;)
        shape_free(one);
    map_fini(&s->by_key);
    memset(s->recent, 0, sizeof s->recent);
}

void shapes_free(struct shapes *s)
{
    if (s == NULL)
        return;
    shapes_clear(s);
    free(s->key);
    free(s);
}

size_t shapes_memory(const struct shapes *s)
{
    const struct shape *one;
    size_t n = 0;

    for (size_t i = 0; s != NULL && (one = map_next(&s->by_key, &i)) != NULL;) {
        n += sizeof *one + one->key_n + one->group_of_n * sizeof *one->group_of;
        n += one->cells.cap * sizeof *one->cells.v + one->groups.cap * sizeof *one->groups.v;
    }
    return n;
}

uint32_t share_limit(const struct demand *d, const struct spread *s)
{
    uint64_t most = (uint64_t)d->replicas * s->max_share / 100;

    if (s->max_share == 0)
        return UINT32_MAX;
    return most == 0 ? 1 : (uint32_t)most;
}

bool labels_match(const struct label_set *s, const struct label *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *has = label_set_get(s, want[i].key);

        if (has == NULL || strcmp(has, want[i].value) != 0)
            return false;
    }
    return true;
}

int64_t evidence_cutoff(const struct rules *r, int64_t now_ms)
{
    if (r->max_evidence_age_ms <= 0 || now_ms < INT64_MIN + 2 + r->max_evidence_age_ms)
        return INT64_MIN + 1; /* INT64_MIN is for those that take nothing at all */
    return now_ms - r->max_evidence_age_ms;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;

    return strcmp(*x, *y);
}

static bool words_text(const struct fact_words *w, char *text)
{
    const char *sorted[FACT_CANDIDATES];
    size_t at = 0;

    if (w->n == 0 || w->n > FACT_CANDIDATES)
        return false;
    for (unsigned i = 0; i < w->n; i++)
        sorted[i] = w->word[i];
    qsort(sorted, w->n, sizeof sorted[0], by_text);
    for (unsigned i = 0; i < w->n; i++) {
        size_t n = strlen(sorted[i]);

        if (i > 0)
            text[at++] = '|';
        memcpy(text + at, sorted[i], n);
        at += n;
    }
    text[at] = '\0';
    return true;
}

bool spread_value(const struct fleet *f, const char *over, uint32_t node, char *text)
{
    const struct node *n = fleet_node(f, node);
    const struct facts *facts = f->classes.v[n->class].facts;
    const char *label;

    if (strcmp(over, "vendor") == 0)
        return facts != NULL && words_text(&facts->vendor, text);
    if (strcmp(over, "generation") == 0)
        return facts != NULL && words_text(&facts->generation, text);
    label = label_set_get(n->labels, over);
    return label != NULL && str_copy(text, VALUE_TEXT, label);
}

/* Bytes of a key in the making; beyond cap they are only counted. */
struct key_out {
    uint8_t *p;
    size_t n, cap;
};

static void key_put(struct key_out *k, const void *v, size_t n)
{
    if (k->n + n <= k->cap)
        memcpy(k->p + k->n, v, n);
    k->n += n;
}

static void key_number(struct key_out *k, uint64_t v)
{
    key_put(k, &v, sizeof v);
}

static void key_text(struct key_out *k, const char *s)
{
    key_put(k, s, strlen(s) + 1);
}

static void put_list(struct key_out *k, const struct rule_list *l)
{
    struct rule_list sealed = *l;
    uint64_t v[3];

    if (l->n > 0 && l->print[0] == 0 && l->print[1] == 0)
        rule_list_seal(&sealed);
    v[0] = sealed.n;
    v[1] = sealed.print[0];
    v[2] = sealed.print[1];
    key_put(k, v, sizeof v);
}

static void put_labels(struct key_out *k, const struct label *v, size_t n)
{
    key_number(k, n);
    for (size_t i = 0; i < n; i++) {
        key_text(k, v[i].key);
        key_text(k, v[i].value);
    }
}

static void put_key(struct key_out *k, const struct demand *d)
{
    size_t lists = rules_lists(d->rules);

    key_number(k, (uint64_t)lists << 32 | d->prefer_n);
    for (size_t i = 0; i < lists; i++)
        put_list(k, rules_list(d->rules, i));
    key_number(k, (uint64_t)d->rules->simulated << 32 | demand_axes(d));
    put_labels(k, d->labels, d->labels_n);
    for (size_t i = 0; i < d->prefer_n; i++) {
        put_labels(k, d->prefer[i].labels, d->prefer[i].labels_n);
        key_number(k, (uint32_t)d->prefer[i].weight);
    }
    for (size_t i = 0; i < demand_axes(d); i++)
        key_text(k, demand_axis(d, i));
}

/* The demand's key in the fleet's own memory; false without memory. */
static bool make_key(struct shapes *s, const struct demand *d, struct bytes *out)
{
    struct key_out k = {.p = s->key, .cap = s->key_cap};

    put_key(&k, d);
    if (k.n > k.cap) {
        uint8_t *more = realloc(s->key, k.n * 2);

        if (more == NULL)
            return false;
        s->key = more;
        s->key_cap = k.n * 2;
        k = (struct key_out){.p = more, .cap = s->key_cap};
        put_key(&k, d);
    }
    *out = (struct bytes){k.p, k.n};
    return true;
}

/* For a table that only saves time: whoever makes keys collide gains nothing. */
static size_t recent_slot(struct bytes key)
{
    uint64_t h = key.n, v;
    size_t i = 0;

    for (; i + sizeof v <= key.n; i += sizeof v) {
        memcpy(&v, key.p + i, sizeof v);
        h = (h ^ v) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
    }
    for (; i < key.n; i++)
        h = (h ^ key.p[i]) * 0x9e3779b97f4a7c15ull;
    return (size_t)(h >> 40) & (RECENT - 1);
}

/* NULL without memory. */
static char *text_keep(struct shape *s, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL || !vec_push(&s->texts, copy)) {
        free(copy);
        return NULL;
    }
    return copy;
}

/* The index of a value's text, given one when it is new; UINT32_MAX without memory. */
static uint32_t value_intern(struct shape *s, size_t spread, const char *text)
{
    void *had = map_get(&s->values[spread], bytes_str(text));
    char *copy;

    if (had != NULL)
        return (uint32_t)((uintptr_t)had - 1);
    copy = text_keep(s, text);
    if (copy == NULL ||
        !map_put(&s->values[spread], bytes_str(copy), (void *)((uintptr_t)s->values_n[spread] + 1)))
        return UINT32_MAX;
    return s->values_n[spread]++;
}

/* 0: no memory. */
static uint32_t facet_intern(struct shape *s, const char *advisory)
{
    void *had = map_get(&s->facets, bytes_str(advisory));
    char *copy;

    if (had != NULL)
        return (uint32_t)(uintptr_t)had;
    copy = text_keep(s, advisory);
    if (copy == NULL || !map_put(&s->facets, bytes_str(copy), (void *)(uintptr_t)s->facets_n))
        return 0;
    return s->facets_n++;
}

/* Advisories of nodes outside the shape count, too, where those of a node are unknown. */
static bool intern_all_facets(const struct fleet *f, struct shape *s)
{
    for (size_t c = 1; c < f->classes.n; c++) {
        const struct facts *facts = f->classes.v[c].facts;

        for (unsigned i = 0; facts != NULL && facts->advisories_known && i < facts->advisories_n;
             i++)
            if (facet_intern(s, facts->advisory[i]) == 0)
                return false;
    }
    return true;
}

/* The index of the set of advisories that facts name; UINT32_MAX without memory. */
static uint32_t shape_set(struct shape *s, size_t axis, const struct facts *facts)
{
    AUTO_BUF struct buf text = {0};
    const char *sorted[FACT_ADVISORIES];
    bool known = facts->advisories_known;
    unsigned n = known ? facts->advisories_n : 0;
    uint32_t had = s->values_n[axis], v;

    for (unsigned i = 0; i < n; i++)
        sorted[i] = facts->advisory[i];
    if (n > 1)
        qsort(sorted, n, sizeof sorted[0], by_text);
    buf_puts(&text, known ? "known" : "unknown");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&text, " %s", sorted[i]);
    if (!buf_ok(&text, NULL))
        return UINT32_MAX;
    v = value_intern(s, axis, buf_str(&text));
    if (v == UINT32_MAX || v < had || s->set_first.n > v)
        return v;
    if (!vec_push(&s->set_first, (uint32_t)s->set_member.n))
        return UINT32_MAX;
    if (!known)
        return vec_push(&s->set_member, 0) ? v : UINT32_MAX;
    for (unsigned i = 0; i < n; i++)
        if (!vec_push(&s->set_member, facet_intern(s, sorted[i])))
            return UINT32_MAX;
    return v;
}

/* The last set ends, too. What is unknown is left as facet 0 alone: who counts it, counts all. */
static bool shape_close_sets(struct shape *s)
{
    return vec_push(&s->set_first, (uint32_t)s->set_member.n);
}

struct entry {
    int64_t score;
    uint32_t value[SHAPE_AXES];
    uint32_t cell;
};

static int by_values(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    for (size_t i = 0; i < SHAPE_AXES; i++)
        if (x->value[i] != y->value[i])
            return x->value[i] < y->value[i] ? -1 : 1;
    return x->cell < y->cell ? -1 : x->cell > y->cell;
}

static bool axis_text(const struct fleet *f, const char *over, uint32_t node, char *text)
{
    return over_node(over) || over_advisory(over) || spread_value(f, over, node, text);
}

static int64_t prefer_score(const struct label_set *s, const struct demand *d)
{
    int64_t score = 0;

    for (size_t i = 0; i < d->prefer_n; i++)
        if (labels_match(s, d->prefer[i].labels, d->prefer[i].labels_n))
            score += d->prefer[i].weight;
    return score;
}

/* 1: the cell belongs to the shape, 0: it does not, -1: no memory. */
static int entry_fill(const struct fleet *f, const struct demand *d, struct shape *s, uint32_t cell,
                      struct entry *out)
{
    char text[VALUE_TEXT];
    uint32_t node = f->cells.v.v[cell].node[0]; /* as good as any other of the cell */
    const struct class *class = &f->classes.v[f->cells.v.v[cell].class];

    *out = (struct entry){.cell = cell};
    if (!labels_match(fleet_node(f, node)->labels, d->labels, d->labels_n))
        return 0;
    for (size_t i = 0; i < demand_axes(d); i++)
        if (!axis_text(f, demand_axis(d, i), node, text))
            return 0;
    out->score = prefer_score(fleet_node(f, node)->labels, d);
    for (size_t i = 0; i < demand_axes(d); i++) {
        const char *over = demand_axis(d, i);

        if (over_node(over))
            continue;
        if (over_advisory(over)) {
            out->value[i] = shape_set(s, i, class->facts);
        } else {
            (void)spread_value(f, over, node, text);
            out->value[i] = value_intern(s, i, text);
        }
        if (out->value[i] == UINT32_MAX)
            return -1;
    }
    return 1;
}

static bool group_cells(struct shape *s, struct entry *v, size_t n)
{
    if (n > 1)
        qsort(v, n, sizeof *v, by_values);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || v[i].score != v[i - 1].score ||
            memcmp(v[i].value, v[i - 1].value, sizeof v[i].value) != 0) {
            struct group g = {.score = v[i].score, .first = (uint32_t)i};

            memcpy(g.value, v[i].value, sizeof g.value);
            if (!vec_push(&s->groups, g))
                return false;
        }
        if (!vec_push(&s->cells, v[i].cell))
            return false;
        s->groups.v[s->groups.n - 1].n++;
        s->group_of[v[i].cell] = (uint32_t)s->groups.n - 1;
    }
    return true;
}

static bool shape_fill(const struct fleet *f, const struct demand *d, struct shape *s)
{
    VEC(struct entry) entries = {0};
    size_t cells = f->cells.v.n;
    bool ok = true;

    s->group_of = malloc((cells + 1) * sizeof *s->group_of);
    if (s->group_of == NULL)
        return false;
    s->group_of_n = (uint32_t)cells;
    memset(s->group_of, 0xff, cells * sizeof *s->group_of);
    for (size_t i = 0; ok && i < d->spread_n; i++)
        ok = !over_advisory(d->spread[i].over) || intern_all_facets(f, s);
    for (uint32_t class = 0; ok && class < f->classes.n; class ++) {
        const struct class *c = &f->classes.v[class];

        if (!c->live || c->nodes == 0 ||
            class_judge(f, class, d->rules).verdict != VERDICT_ADMITTED)
            continue;
        for (uint32_t cell = c->first_cell; ok && cell != CELL_NONE;
             cell = f->cells.v.v[cell].next_of_class) {
            struct entry e;
            int got = f->cells.v.v[cell].usable == 0 ? 0 : entry_fill(f, d, s, cell, &e);

            ok = got >= 0 && (got == 0 || vec_push(&entries, e));
        }
    }
    ok = ok && group_cells(s, entries.v, entries.n) && shape_close_sets(s);
    vec_fini(&entries);
    return ok;
}

static struct shape *shape_make(struct fleet *f, const struct demand *d, struct bytes key)
{
    AUTO(shape) struct shape *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    for (size_t i = 0; i < SHAPE_AXES; i++)
        map_init(&s->values[i], f->seed);
    map_init(&s->facets, f->seed);
    s->facets_n = 1; /* unknown */
    s->key_n = key.n;
    s->key = malloc(key.n);
    if (s->key == NULL || !shape_fill(f, d, s))
        return NULL;
    memcpy(s->key, key.p, key.n);
    s->revision = f->cells.revision;
    s->born = ++f->shapes->births;
    s->usable_revision = f->usable_revision - 1; /* not counted yet */
    if (!map_put(&f->shapes->by_key, (struct bytes){s->key, s->key_n}, s))
        return NULL;
    return STEAL(s);
}

static bool is_label(const char *over)
{
    return !over_node(over) && !over_advisory(over) && strcmp(over, "vendor") != 0 &&
           strcmp(over, "generation") != 0;
}

static bool indexed(const struct fleet *f, const char *key)
{
    for (size_t i = 0; i < f->indexed.n; i++)
        if (strcmp(f->indexed.v[i], key) == 0)
            return true;
    return false;
}

/* The demand's label keys that the index does not know. */
static size_t missing_keys(const struct fleet *f, const struct demand *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->labels_n; i++)
        n += !indexed(f, d->labels[i].key);
    for (size_t i = 0; i < d->prefer_n; i++)
        for (size_t k = 0; k < d->prefer[i].labels_n; k++)
            n += !indexed(f, d->prefer[i].labels[k].key);
    for (size_t i = 0; i < demand_axes(d); i++)
        n += is_label(demand_axis(d, i)) && !indexed(f, demand_axis(d, i));
    return n;
}

bool shape_prepare(struct fleet *f, const struct demand *d, struct err *e)
{
    size_t missing = missing_keys(f, d);

    if (missing > 0 && f->indexed.n + missing > INDEXED_LABELS)
        fleet_forget_labels(f);
    for (size_t i = 0; missing > 0 && i < d->labels_n; i++)
        if (!fleet_index_label(f, d->labels[i].key, e))
            return false;
    for (size_t i = 0; missing > 0 && i < d->prefer_n; i++)
        for (size_t k = 0; k < d->prefer[i].labels_n; k++)
            if (!fleet_index_label(f, d->prefer[i].labels[k].key, e))
                return false;
    for (size_t i = 0; missing > 0 && i < demand_axes(d); i++)
        if (is_label(demand_axis(d, i)) && !fleet_index_label(f, demand_axis(d, i), e))
            return false;
    return class_name_platforms(f, d->rules, e);
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a demand");
}

/* One that is not the fleet's of now goes. */
static struct shape *look_up(struct fleet *f, struct bytes key)
{
    struct shape *s = map_get(&f->shapes->by_key, key);

    if (s == NULL || s->revision == f->cells.revision)
        return s;
    (void)map_remove(&f->shapes->by_key, key);
    for (size_t i = 0; i < RECENT; i++)
        if (f->shapes->recent[i] == s)
            f->shapes->recent[i] = NULL;
    shape_free(s);
    return NULL;
}

struct shape *shape_get(struct fleet *f, const struct demand *d, struct err *e)
{
    struct bytes key;
    struct shape *s;
    size_t slot;

    if (f->shapes == NULL) {
        f->shapes = calloc(1, sizeof *f->shapes);
        if (f->shapes == NULL)
            return no_memory(e), NULL;
        map_init(&f->shapes->by_key, f->seed);
    }
    if (!make_key(f->shapes, d, &key))
        return no_memory(e), NULL;
    slot = recent_slot(key);
    s = f->shapes->recent[slot];
    if (s != NULL && s->revision == f->cells.revision && s->key_n == key.n &&
        memcmp(s->key, key.p, key.n) == 0)
        return s;
    if (f->shapes->by_key.n >= SHAPES_MAX) {
        shapes_clear(f->shapes);
        map_init(&f->shapes->by_key, f->seed);
    }
    s = look_up(f, key);
    if (s == NULL) {
        if (!shape_prepare(f, d, e))
            return NULL;
        s = shape_make(f, d, key);
        if (s == NULL)
            return no_memory(e), NULL;
    }
    f->shapes->recent[slot] = s;
    return s;
}

uint64_t shape_usable(const struct fleet *f, struct shape *s)
{
    if (s->usable_revision == f->usable_revision)
        return s->usable;
    s->usable = 0;
    for (size_t i = 0; i < s->cells.n; i++)
        s->usable += f->cells.v.v[s->cells.v[i]].usable;
    s->usable_revision = f->usable_revision;
    return s->usable;
}
