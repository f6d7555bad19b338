/* shape.h - what of a demand depends on neither time nor free room: the cells that its rules and
 * labels admit, grouped by preference and by the values that it is spread over or related by.
 * Remembered by the demand's content until a cell comes or goes, so that a decision starts with the
 * groups at hand. */
#ifndef SCHEDULER_SHAPE_H
#define SCHEDULER_SHAPE_H

#include "scheduler/fleet_int.h"
#include "scheduler/place.h"

#define GROUP_NONE UINT32_MAX
#define VALUE_TEXT (FACT_CANDIDATES * FACT_WORD + 320) /* candidates, or a label's value cut */

/* The demand's spreads, then its relations. Those over nodes have no values here. */
#define SHAPE_AXES (PLACE_SPREADS + PLACE_RELATIONS)

/* Cells that are equally preferred, with equal values on every axis but nodes. */
struct group {
    int64_t score;
    uint32_t value[SHAPE_AXES]; /* index of the value, by axis */
    uint32_t first, n;          /* run of shape.cells */
};

struct shape {
    uint8_t *key;
    size_t key_n;
    uint64_t born;                    /* no two shapes of a fleet have the same */
    uint64_t revision;                /* of the cells that it was made from */
    uint64_t usable_revision, usable; /* nodes that may count for a spread over nodes */
    VEC(uint32_t) cells;
    VEC(struct group) groups; /* most preferred first */
    uint32_t *group_of;       /* by cell handle below group_of_n */
    uint32_t group_of_n;
    struct map values[SHAPE_AXES]; /* text -> index + 1; of advisories: the set's text */
    uint32_t values_n[SHAPE_AXES];
    /* The advisories of an axis over them: facet 0 stands for "unknown", which is in every set that
     * is not known. Members of the set that is value v: set_member[set_first[v]..set_first[v+1]).
     */
    struct map facets; /* text -> index */
    uint32_t facets_n;
    VEC(uint32_t) set_first, set_member;
    VEC(char *) texts; /* owned keys of the maps */
};

/* The demand's shape; owned by the fleet until the next call. It registers labels and platforms
 * that the demand speaks of, hence the fleet may change. NULL: *e is set. */
struct shape *shape_get(struct fleet *f, const struct demand *d, struct err *e);

/* Only registers what the demand speaks of: nodes may change their order in the index, on which the
 * choice among equally good nodes depends. */
NODISCARD bool shape_prepare(struct fleet *f, const struct demand *d, struct err *e);

/* Sum of usable nodes in its cells. */
uint64_t shape_usable(const struct fleet *f, struct shape *s);

/* The value of a property ("vendor", "generation", a label's key) of a node, in text of VALUE_TEXT
 * bytes; false: unknown. Not for "node" and "advisory". */
bool spread_value(const struct fleet *f, const char *over, uint32_t node, char *text);

static inline bool over_node(const char *over)
{
    return strcmp(over, "node") == 0;
}

static inline bool over_advisory(const char *over)
{
    return strcmp(over, "advisory") == 0;
}

static inline bool spread_is_node(const struct spread *s)
{
    return over_node(s->over);
}

static inline size_t demand_axes(const struct demand *d)
{
    return d->spread_n + d->relations_n;
}

static inline const char *demand_axis(const struct demand *d, size_t i)
{
    return i < d->spread_n ? d->spread[i].over : d->relations[i - d->spread_n].over;
}

static inline uint32_t shape_group(const struct shape *s, uint32_t cell)
{
    return cell < s->group_of_n ? s->group_of[cell] : GROUP_NONE;
}

/* Whether the node has all labels. */
bool labels_match(const struct label_set *s, const struct label *want, size_t n);

/* The oldest moment of verification that still admits. */
int64_t evidence_cutoff(const struct rules *r, int64_t now_ms);

/* The most keeps that one value may have under the spread's share; UINT32_MAX: no limit. */
uint32_t share_limit(const struct demand *d, const struct spread *s);

#endif
