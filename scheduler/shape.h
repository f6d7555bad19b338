/* shape.h - what of a demand depends on neither time nor free room: the cells that its rules and
 * labels admit, grouped by the values that it is spread over. Remembered by the demand's content
 * until a cell comes or goes, so that a decision starts with the groups at hand. */
#ifndef SCHEDULER_SHAPE_H
#define SCHEDULER_SHAPE_H

#include "scheduler/fleet_int.h"
#include "scheduler/place.h"

#define GROUP_NONE UINT32_MAX
#define VALUE_TEXT (FACT_CANDIDATES * FACT_WORD + 320) /* candidates, or a label's value cut */

/* Cells with equal values in every spread but the one over nodes. */
struct group {
    uint32_t value[PLACE_SPREADS]; /* index of the value, by the demand's spread */
    uint32_t first, n;             /* run of shape.cells */
};

struct shape {
    uint8_t *key;
    size_t key_n;
    uint64_t revision;                /* of the cells that it was made from */
    uint64_t usable_revision, usable; /* nodes that may count for a spread over nodes */
    VEC(uint32_t) cells;
    VEC(struct group) groups;
    uint32_t *group_of; /* by cell handle below group_of_n */
    uint32_t group_of_n;
    struct map values[PLACE_SPREADS]; /* text -> index + 1 */
    uint32_t values_n[PLACE_SPREADS];
    VEC(char *) texts; /* owned keys of the maps */
};

/* The demand's shape; owned by the fleet until the next call. It registers labels and platforms
 * that the demand speaks of, hence the fleet may change. NULL: *e is set. */
struct shape *shape_get(struct fleet *f, const struct demand *d, struct err *e);

/* Sum of usable nodes in its cells. */
uint64_t shape_usable(const struct fleet *f, struct shape *s);

/* The value of a property ("vendor", "generation", a label's key) of a node, in text of VALUE_TEXT
 * bytes; false: unknown. Not for "node". */
bool spread_value(const struct fleet *f, const char *over, uint32_t node, char *text);

static inline bool spread_is_node(const struct spread *s)
{
    return strcmp(s->over, "node") == 0;
}

static inline uint32_t shape_group(const struct shape *s, uint32_t cell)
{
    return cell < s->group_of_n ? s->group_of[cell] : GROUP_NONE;
}

/* Whether the node has all labels. */
bool labels_match(const struct label_set *s, const struct label *want, size_t n);

/* The oldest moment of verification that still admits. */
int64_t evidence_cutoff(const struct rules *r, int64_t now_ms);

#endif
