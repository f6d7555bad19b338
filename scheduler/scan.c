/* scan.c - see scan.h. */
#include "scheduler/scan.h"

#include <stdlib.h>

#include "scheduler/shape.h"
#include "scheduler/tally.h"

void scan_fini(struct scan *s)
{
    for (size_t i = 0; i < PLACE_SPREADS; i++)
        map_fini(&s->values[i]);
    arena_fini(&s->arena);
    free(s->keeps);
    s->keeps = NULL;
}

const char *scan_value_of(const struct scan *s, size_t spread, uint32_t node, char *text,
                          uint32_t *keeps)
{
    const struct scan_value *v;

    if (spread_is_node(&s->d->spread[spread])) {
        *keeps = s->keeps[node];
        return fleet_node(s->f, node)->name;
    }
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
        for (size_t i = 0; (v = map_next(&s->values[k], &i)) != NULL;)
            if (v->counts && v->keeps < s->least[k])
                s->least[k] = v->keeps;
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
    for (size_t i = 0; i < PLACE_SPREADS; i++) {
        map_init(&s->values[i], f->seed);
        s->least[i] = UINT32_MAX;
    }
    for (uint32_t k = workload_first_keep(f, d->workload); ok && k != KEEP_NONE;
         k = f->keeps.v[k].next_of_workload)
        s->keeps[f->keeps.v[k].node] += !f->keeps.v[k].ending;
    for (uint32_t i = 0; ok && i < s->limit; i++)
        ok = fleet_node(f, i)->name == NULL || add_node(s, i);
    if (ok) {
        find_least(s);
        return true;
    }
    scan_fini(s);
    return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory to look at the nodes");
}

enum obstacle scan_node(const struct scan *s, uint32_t node, size_t *spread)
{
    enum obstacle o = rule_obstacle(s, node);
    char text[VALUE_TEXT];

    if (o == OBSTACLE_NONE)
        o = node_obstacle(fleet_node(s->f, node), s->d, s->cutoff_ms);
    if (o != OBSTACLE_NONE)
        return o;
    for (size_t i = 0; i < s->d->spread_n; i++) {
        uint32_t keeps = 0;

        *spread = i;
        if (scan_value_of(s, i, node, text, &keeps) == NULL)
            return OBSTACLE_SPREAD;
        if (keeps + 1 > s->least[i] + (uint64_t)s->d->spread[i].max_skew)
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
