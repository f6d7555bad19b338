/* class.c - platform classes: one copy of the facts for all nodes that rules cannot tell apart. */
#include <stdlib.h>
#include <string.h>

#include "scheduler/fleet_int.h"
#include "scheduler/selector_int.h"

bool classes_init(struct fleet *f)
{
    map_init(&f->named, f->seed);
    f->class_by_hash.seed = f->seed[0];
    return vec_push(&f->classes, ((struct class){.live = true, .first_cell = CELL_NONE}));
}

void classes_fini(struct fleet *f)
{
    void *named;

    for (size_t i = 0; i < f->classes.n; i++)
        free(f->classes.v[i].facts);
    vec_fini(&f->classes);
    vec_fini(&f->free_classes);
    u64_map_fini(&f->class_by_hash);
    for (size_t i = 0; (named = map_next(&f->named, &i)) != NULL;)
        free(named);
    map_fini(&f->named);
}

/* The parts of a set or of a list without order are added up, so that the order does not matter:
 * facts of one class must have one hash. */
static uint64_t hash_text(const struct fleet *f, const char *s, uint64_t salt)
{
    return siphash13(f->seed, bytes_str(s)) * (2 * salt + 1);
}

static uint64_t hash_words(const struct fleet *f, const struct fact_words *w, uint64_t salt)
{
    uint64_t h = w->n;

    for (unsigned i = 0; i < w->n; i++)
        h += hash_text(f, w->word[i], salt);
    return h;
}

static uint64_t hash_numbers(const struct fleet *f, const uint64_t *v, size_t n)
{
    return siphash13(f->seed, (struct bytes){(const uint8_t *)v, n * sizeof *v});
}

static uint64_t facts_hash(const struct fleet *f, const struct facts *x,
                           enum class_platform platform)
{
    uint64_t known = x->findings_known, h;
    uint64_t v[10] = {(uint64_t)x->assurance,
                      hash_words(f, &x->vendor, 1),
                      hash_words(f, &x->technology, 2),
                      hash_words(f, &x->generation, 3),
                      hash_words(f, &x->product_line, 4),
                      (uint64_t)x->tcb_date_s,
                      hash_text(f, x->tcb_status, 5),
                      known << 32 | (x->findings_true & known),
                      (uint64_t)platform,
                      0};

    for (unsigned i = 0; i < x->tcb_n; i++)
        v[9] += hash_text(f, x->tcb[i].name, 2 * x->tcb[i].value + 1);
    h = hash_numbers(f, v, 10);
    for (unsigned i = 0; i < 4 && i < x->firmware.n; i++)
        h += (uint64_t)x->firmware.part[i] * (0x9e3779b97f4a7c15ull << i); /* a missing part is 0 */
    if (platform == CLASS_PLATFORM_NAMED)
        h += siphash13(f->seed, (struct bytes){x->platform_id, x->platform_id_n});
    return h;
}

static enum class_platform platform_of(const struct fleet *f, const struct facts *x)
{
    if (x->platform_id_n == 0 || x->platform_id_n > FACT_ID)
        return CLASS_PLATFORM_UNKNOWN;
    if (map_get(&f->named, (struct bytes){x->platform_id, x->platform_id_n}) != NULL)
        return CLASS_PLATFORM_NAMED;
    return CLASS_PLATFORM_OTHER;
}

static bool same_class(const struct class *c, const struct facts *x, enum class_platform platform)
{
    if (c->platform != platform || !facts_same_class(c->facts, x))
        return false;
    return platform != CLASS_PLATFORM_NAMED ||
           (c->facts->platform_id_n == x->platform_id_n &&
            memcmp(c->facts->platform_id, x->platform_id, x->platform_id_n) == 0);
}

static uint32_t class_new(struct fleet *f, const struct facts *x, uint64_t hash,
                          enum class_platform platform)
{
    struct class c = {.hash = hash,
                      .platform = platform,
                      .first_cell = CELL_NONE,
                      .next_same_hash = u64_map_get(&f->class_by_hash, hash),
                      .live = true};
    uint32_t i;

    if (!vec_reserve(&f->classes, 1) || !vec_reserve(&f->free_classes, f->classes.n + 1))
        return CLASS_NONE;
    i = f->free_classes.n > 0 ? f->free_classes.v[f->free_classes.n - 1] : (uint32_t)f->classes.n;
    c.facts = malloc(sizeof *c.facts);
    if (c.facts == NULL || !u64_map_put(&f->class_by_hash, hash, i)) {
        free(c.facts);
        return CLASS_NONE;
    }
    if (f->free_classes.n > 0)
        f->free_classes.n--;
    else
        f->classes.n++;
    *c.facts = *x;
    if (platform != CLASS_PLATFORM_NAMED)
        c.facts->platform_id_n = 0; /* of no one node */
    c.facts->measurement_n = 0;
    c.born = ++f->class_births;
    c.epc = x->technology.n == 1 && strcmp(x->technology.word[0], "sgx") == 0;
    f->heap += heap_cost(sizeof *c.facts);
    f->classes.v[i] = c;
    return i;
}

uint32_t class_intern(struct fleet *f, const struct facts *facts)
{
    enum class_platform platform;
    uint64_t hash;
    uint32_t i;

    if (facts == NULL) {
        f->classes.v[0].nodes++;
        return 0;
    }
    platform = platform_of(f, facts);
    hash = facts_hash(f, facts, platform);
    i = u64_map_get(&f->class_by_hash, hash);
    while (i != CLASS_NONE && !same_class(&f->classes.v[i], facts, platform))
        i = f->classes.v[i].next_same_hash;
    if (i == CLASS_NONE)
        i = class_new(f, facts, hash, platform);
    if (i != CLASS_NONE)
        f->classes.v[i].nodes++;
    return i;
}

void class_release(struct fleet *f, uint32_t class)
{
    struct class *c = &f->classes.v[class];
    uint32_t first;

    if (--c->nodes > 0 || class == 0)
        return;
    first = u64_map_get(&f->class_by_hash, c->hash);
    if (first == class && c->next_same_hash == CLASS_NONE) {
        (void)u64_map_remove(&f->class_by_hash, c->hash);
    } else if (first == class) {
        (void)u64_map_put(&f->class_by_hash, c->hash, c->next_same_hash); /* replaces: no memory */
    } else {
        while (f->classes.v[first].next_same_hash != class)
            first = f->classes.v[first].next_same_hash;
        f->classes.v[first].next_same_hash = c->next_same_hash;
    }
    free(c->facts);
    f->heap -= heap_cost(sizeof *c->facts);
    *c = (struct class){.first_cell = CELL_NONE};
    f->free_classes.v[f->free_classes.n++] = class; /* room was reserved with the class */
}

struct judgement class_judge(const struct fleet *f, uint32_t class, const struct rules *r)
{
    struct class *c = &f->classes.v[class];
    struct judgement j;

    if (c->platform == CLASS_PLATFORM_OTHER)
        c->facts->platform_id_n = PLATFORM_OTHER;
    j = rules_judge(r, c->facts);
    if (c->platform == CLASS_PLATFORM_OTHER)
        c->facts->platform_id_n = 0; /* no one outside meets the mark */
    return j;
}

static bool name_selector(struct fleet *f, const struct selector *s, bool *any_new)
{
    for (size_t k = 0; k < s->platform_n; k++) {
        struct selector_platform *p;

        if (map_get(&f->named, (struct bytes){s->platform[k].id, s->platform[k].n}) != NULL)
            continue;
        p = malloc(sizeof *p);
        if (p == NULL)
            return false;
        *p = s->platform[k];
        if (!map_put(&f->named, (struct bytes){p->id, p->n}, p)) {
            free(p);
            return false;
        }
        f->heap += heap_cost(sizeof *p);
        *any_new = true;
    }
    return true;
}

static bool name_advisory(struct fleet *f, const struct selector_advisory *x, bool *any_new)
{
    bool ok = true;

    for (size_t i = 0; i < x->affected_n; i++)
        ok = name_selector(f, &x->affected[i], any_new) && ok;
    for (size_t i = 0; i < x->fixed_n; i++)
        ok = name_selector(f, x->fixed[i].platforms, any_new) && ok;
    return ok;
}

static bool name_list(struct fleet *f, const struct rule_list *l, bool *any_new)
{
    bool ok = true;

    for (size_t i = 0; i < l->n; i++) {
        const struct selector *s = &l->v[i].selector;

        ok = name_selector(f, s, any_new) && ok;
        for (size_t k = 0; k < s->unless_n; k++)
            ok = name_selector(f, s->unless[k].selector, any_new) && ok;
        for (size_t k = 0; k < s->known_n; k++)
            ok = name_advisory(f, s->known[k], any_new) && ok;
    }
    return ok;
}

/* Moves the node to the class that its facts have now. */
static bool reclass(struct fleet *f, uint32_t node)
{
    struct facts facts;
    uint32_t class;

    if (!fleet_node_facts(f, node, &facts))
        return true;
    class = class_intern(f, &facts);
    if (class == CLASS_NONE)
        return false;
    node_leave(f, node);
    class_release(f, fleet_node(f, node)->class);
    fleet_node(f, node)->class = class;
    return node_enter(f, node);
}

bool class_name_platforms(struct fleet *f, const struct rules *r, struct err *e)
{
    bool any_new = false;
    bool ok = true;

    for (size_t i = 0; i < rules_lists(r); i++)
        ok = name_list(f, rules_list(r, i), &any_new) && ok;
    for (uint32_t i = 0; any_new && i < f->nodes.n; i++) {
        const struct node *n = fleet_node(f, i);

        if (n->name == NULL || n->platform_id_n == 0 ||
            f->classes.v[n->class].platform == CLASS_PLATFORM_NAMED ||
            map_get(&f->named, (struct bytes){node_platform_id(n), n->platform_id_n}) == NULL)
            continue;
        ok = reclass(f, i) && ok;
    }
    return ok || err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for platform classes");
}
