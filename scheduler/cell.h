/* cell.h - nodes that no rule about platforms or indexed labels can tell apart, with an index of
 * their free room: a tree of maxima, eight children to an entry, over the nodes' slots. Finding the
 * first slot with enough of everything, and changing one slot, cost about log8(slots). */
#ifndef SCHEDULER_CELL_H
#define SCHEDULER_CELL_H

#include "base/map.h"
#include "base/vec.h"
#include "scheduler/fleet.h"
#include "scheduler/u64_map.h"

#define CELL_FANOUT 8
#define CELL_LEVELS 11 /* 8^11 > 2^32 */
#define CELL_NONE UINT32_MAX
#define SLOT_NONE UINT32_MAX

/* Resources as nodes and keeps store them. */
struct amount {
    uint64_t memory;
    uint32_t cpu_milli, tee_slots;
};

/* What a slot, or the best of several in each dimension, still has. */
struct room {
    struct amount free;
    int64_t verified_at_ms; /* INT64_MIN: takes nothing (not usable) */
    uint64_t idle;          /* 1: no keep is there */
};

struct cell {
    uint8_t *key; /* owned: class and values of the indexed labels; NULL: a free handle */
    size_t key_n;
    uint32_t class, next_of_class, prev_of_class;
    bool epc;                        /* as the class */
    uint32_t n;                      /* nodes; slots 0 to n-1 */
    uint32_t usable;                 /* nodes that are connected, eligible and not cordoned */
    uint32_t cap;                    /* slots that there is memory for, a multiple of CELL_FANOUT */
    uint32_t *node;                  /* of each slot */
    struct room *level[CELL_LEVELS]; /* [0] the slots; unused ones have no room */
    unsigned levels;                 /* the top one has one entry at most CELL_FANOUT wide */
};

struct cells {
    VEC(struct cell) v;
    VEC(struct room) best; /* of each cell, side by side for quick passing over */
    VEC(uint32_t) free;
    struct map by_key; /* -> handle + 1 */
    uint64_t
        revision; /* grows when a cell comes, goes, or gets its first or loses its last usable */
    size_t heap;
};

void cells_init(struct cells *c, const uint64_t seed[2]);
void cells_fini(struct cells *c);

/* The cell of this key, made when there is none (then *made is true); CELL_NONE without memory. */
uint32_t cells_intern(struct cells *c, uint32_t class, struct bytes key, bool *made);
void cells_drop(struct cells *c, uint32_t cell); /* an empty one */

/* Adds a node; its slot, or SLOT_NONE without memory. */
uint32_t cell_add(struct cells *c, uint32_t cell, uint32_t node, const struct room *room);
/* Frees the slot; the last slot's node moves there: *moved is its handle, or NODE_NONE. */
void cell_take(struct cells *c, uint32_t cell, uint32_t slot, uint32_t *moved);
void cell_set(struct cells *c, uint32_t cell, uint32_t slot, const struct room *room);

static inline const struct room *cell_room(const struct cells *c, uint32_t cell, uint32_t slot)
{
    return &c->v.v[cell].level[0][slot];
}

static inline bool room_fits(const struct room *r, const struct room *want)
{
    return r->free.cpu_milli >= want->free.cpu_milli && r->free.memory >= want->free.memory &&
           r->free.tee_slots >= want->free.tee_slots && r->verified_at_ms >= want->verified_at_ms &&
           r->idle >= want->idle;
}

/* The slots that have at least `want` of everything, those with most free cpu first as far as the
 * tree tells; calls `take` for each until it returns true. That slot, or SLOT_NONE. */
typedef bool cell_take_slot(void *context, uint32_t slot);
uint32_t cell_widest(const struct cells *c, uint32_t cell, const struct room *want,
                     cell_take_slot *take, void *context);

/* The first slot at or after `from` that has at least `want` of everything, or SLOT_NONE. */
uint32_t cell_find(const struct cells *c, uint32_t cell, uint32_t from, const struct room *want);

#endif
