/* scan.c - see scan.h. */
#include "scheduler/scan.h"

#include <stdlib.h>

#include "base/str.h"
#include "scheduler/run.h"
#include "scheduler/tally.h"

void scan_fini(struct scan *s)
{
    for (size_t i = 0; i < SHAPE_AXES; i++)
        map_fini(&s->values[i]);
    arena_fini(&s->arena);
    free(s->keeps);
    s->keeps = NULL;
}

static const struct facts *facts_of(const struct scan *s, uint32_t node)
{
    return s->f->classes.v[fleet_node(s->f, node)->class].facts;
}

/* The most used of the advisories that affect the node. */
static const char *advisory_value(const struct scan *s, size_t spread, uint32_t node, char *text,
                                  uint32_t *keeps)
{
    const struct facts *facts = facts_of(s, node);

    *keeps = s->unknown[spread] + s->most[spread];
    if (facts == NULL || !facts->advisories_known) {
        (void)str_copy(text, VALUE_TEXT, "unknown advisories");
        return text;
    }
    (void)str_copy(text, VALUE_TEXT, "no advisory");
    *keeps = 0;
    for (unsigned i = 0; i < facts->advisories_n; i++) {
        const struct scan_value *v = map_get(&s->values[spread], bytes_str(facts->advisory[i]));
        uint32_t have = s->unknown[spread] + (v == NULL ? 0 : v->keeps);

        if (i > 0 && have <= *keeps)
            continue;
        *keeps = have;
        (void)str_copy(text, VALUE_TEXT, facts->advisory[i]);
    }
    return text;
}

const char *scan_value_of(const struct scan *s, size_t spread, uint32_t node, char *text,
                          uint32_t *keeps)
{
    const struct scan_value *v;

    if (spread_is_node(&s->d->spread[spread])) {
        *keeps = s->keeps[node];
        return fleet_node(s->f, node)->name;
    }
    if (over_advisory(s->d->spread[spread].over))
        return advisory_value(s, spread, node, text, keeps);
    if (!spread_value(s->f, s->d->spread[spread].over, node, text))
        return NULL;
    v = map_get(&s->values[spread], bytes_str(text));
    *keeps = v == NULL ? 0 : v->keeps;
    return text;
}

static struct scan_value *value_intern(struct scan *s, size_t spread, const char *text)
{
    struct scan_value *v = map_get(&s->values[spread], bytes_str(text));

    if (v != NULL)
        return v;
    v = arena_alloc(&s->arena, sizeof *v);
    if (v == NULL || (v->text = arena_strdup(&s->arena, text)) == NULL ||
        !map_put(&s->values[spread], bytes_str(v->text), v))
        return NULL;
    return v;
}

static enum obstacle rule_obstacle(const struct scan *s, uint32_t node)
{
    struct facts facts;
    bool verified = fleet_node_facts(s->f, node, &facts);
    enum obstacle o = verdict_obstacle(rules_judge(s->d->rules, verified ? &facts : NULL).verdict);

    if (o == OBSTACLE_NONE &&
        !labels_match(fleet_node(s->f, node)->labels, s->d->labels, s->d->labels_n))
        return OBSTACLE_LABELS;
    return o;
}

static bool all_values_known(const struct scan *s, uint32_t node)
{
    char text[VALUE_TEXT];
    uint32_t keeps;

    for (size_t i = 0; i < s->d->spread_n; i++)
        if (scan_value_of(s, i, node, text, &keeps) == NULL)
            return false;
    for (size_t i = 0; i < s->d->relations_n; i++)
        if (!over_node(s->d->relations[i].over) &&
            !spread_value(s->f, s->d->relations[i].over, node, text))
            return false;
    return true;
}

static bool add_advisories(struct scan *s, size_t i, uint32_t node, bool counts)
{
    const struct facts *facts = facts_of(s, node);

    if (facts == NULL || !facts->advisories_known) {
        s->unknown[i] += s->keeps[node];
        return true;
    }
    for (unsigned k = 0; k < facts->advisories_n; k++) {
        struct scan_value *v = value_intern(s, i, facts->advisory[k]);

        if (v == NULL)
            return false;
        v->keeps += s->keeps[node];
        v->counts = v->counts || counts;
    }
    return true;
}

/* Counts the node's keeps by its values, and whether its values count. */
static bool add_node(struct scan *s, uint32_t node)
{
    bool counts = s->d->spread_n > 0 && node_usable(fleet_node(s->f, node)) &&
                  rule_obstacle(s, node) == OBSTACLE_NONE && all_values_known(s, node);
    char text[VALUE_TEXT];

    for (size_t i = 0; i < s->d->spread_n; i++) {
        struct scan_value *v;

        if (spread_is_node(&s->d->spread[i])) {
            if (counts && s->keeps[node] < s->least[i])
                s->least[i] = s->keeps[node];
            continue;
        }
        if (over_advisory(s->d->spread[i].over)) {
            if (!add_advisories(s, i, node, counts))
                return false;
            continue;
        }
        if (!spread_value(s->f, s->d->spread[i].over, node, text))
            continue;
        v = value_intern(s, i, text);
        if (v == NULL)
            return false;
        v->keeps += s->keeps[node];
        v->counts = v->counts || counts;
    }
    return true;
}

static void find_least(struct scan *s)
{
    const struct scan_value *v;

    for (size_t k = 0; k < s->d->spread_n; k++)
        for (size_t i = 0; (v = map_next(&s->values[k], &i)) != NULL;) {
            if (v->counts && v->keeps < s->least[k])
                s->least[k] = v->keeps;
            if (v->keeps > s->most[k])
                s->most[k] = v->keeps;
        }
}

/* The node's value on a relation's axis, or NULL: unknown. */
static const char *relation_value(const struct scan *s, size_t k, uint32_t node, char *text)
{
    const char *over = s->d->relations[k].over;

    if (over_node(over))
        return fleet_node(s->f, node)->name;
    return spread_value(s->f, over, node, text) ? text : NULL;
}

static bool add_relation(struct scan *s, size_t k)
{
    const struct relation *x = &s->d->relations[k];
    char text[VALUE_TEXT];

    for (uint32_t i = workload_first_keep(s->f, x->workload); i != KEEP_NONE;
         i = fleet_keep(s->f, i)->next_of_workload) {
        const struct keep *keep = fleet_keep(s->f, i);
        const char *value = relation_value(s, k, keep->node, text);
        struct scan_value *v;

        if (keep->ending && !x->apart)
            continue;
        s->related[k]++;
        if (value == NULL)
            continue;
        v = value_intern(s, PLACE_SPREADS + k, value);
        if (v == NULL)
            return false;
        v->keeps++;
    }
    return true;
}

/* True when the node's neighbours are as no relation forbids. */
static bool related(const struct scan *s, uint32_t node)
{
    char text[VALUE_TEXT];

    for (size_t k = 0; k < s->d->relations_n; k++) {
        const struct relation *x = &s->d->relations[k];
        const char *value = relation_value(s, k, node, text);
        bool has =
            value != NULL && map_get(&s->values[PLACE_SPREADS + k], bytes_str(value)) != NULL;

        if (value == NULL)
            return false;
        if (x->apart ? has : !has && (x->workload != s->d->workload || s->related[k] > 0))
            return false;
    }
    return true;
}

bool scan_init(struct scan *s, const struct fleet *f, const struct demand *d, int64_t now_ms,
               struct err *e)
{
    bool ok;

    *s = (struct scan){.f = f, .d = d, .limit = (uint32_t)f->nodes.n};
    if (!demand_check(d, e))
        return false;
    s->cutoff_ms = evidence_cutoff(d->rules, now_ms);
    arena_init(&s->arena, (size_t)256 << 20);
    s->keeps = calloc((size_t)s->limit + 1, sizeof *s->keeps);
    ok = s->keeps != NULL;
    for (size_t i = 0; i < SHAPE_AXES; i++)
        map_init(&s->values[i], f->seed);
    for (size_t i = 0; i < PLACE_SPREADS; i++)
        s->least[i] = UINT32_MAX;
    for (uint32_t k = workload_first_keep(f, d->workload); ok && k != KEEP_NONE;
         k = fleet_keep(f, k)->next_of_workload)
        s->keeps[fleet_keep(f, k)->node] += fleet_keep(f, k)->ending == 0;
    for (uint32_t i = 0; ok && i < s->limit; i++)
        ok = fleet_node(f, i)->name == NULL || add_node(s, i);
    for (size_t k = 0; ok && k < d->relations_n; k++)
        ok = add_relation(s, k);
    if (ok) {
        find_least(s);
        return true;
    }
    scan_fini(s);
    return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory to look at the nodes");
}

static bool affected_by_nothing(const struct scan *s, const struct spread *x, uint32_t node)
{
    const struct facts *facts = facts_of(s, node);

    return over_advisory(x->over) && facts != NULL && facts->advisories_known &&
           facts->advisories_n == 0;
}

enum obstacle scan_node(const struct scan *s, uint32_t node, size_t *spread)
{
    enum obstacle o = rule_obstacle(s, node);
    char text[VALUE_TEXT];

    if (o == OBSTACLE_NONE)
        o = node_obstacle(fleet_node(s->f, node), s->d, s->cutoff_ms);
    if (o != OBSTACLE_NONE)
        return o;
    if (reserve_bars(s->f, fleet_node(s->f, node)->class, s->d))
        return OBSTACLE_RESERVE;
    if (!related(s, node))
        return OBSTACLE_RELATION;
    for (size_t i = 0; i < s->d->spread_n; i++) {
        const struct spread *x = &s->d->spread[i];
        uint32_t keeps = 0;

        *spread = i;
        if (scan_value_of(s, i, node, text, &keeps) == NULL)
            return OBSTACLE_SPREAD;
        if (x->max_skew > 0 && keeps + 1 > s->least[i] + (uint64_t)x->max_skew)
            return OBSTACLE_SPREAD;
        if (keeps >= share_limit(s->d, x) && !affected_by_nothing(s, x, node))
            return OBSTACLE_SPREAD;
    }
    return OBSTACLE_NONE;
}

bool place_obstacle(struct fleet *f, const struct demand *d, int64_t now_ms, uint32_t node,
                    enum obstacle *out, struct err *e)
{
    struct scan s;
    size_t spread;

    if (node >= f->nodes.n || fleet_node(f, node)->name == NULL)
        return err_set(e, ERR_MISSING, "scheduler.no-node", "there is no such node");
    if (!scan_init(&s, f, d, now_ms, e))
        return false;
    *out = scan_node(&s, node, &spread);
    scan_fini(&s);
    return true;
}
