/* cell.c - the index of free room; see cell.h. */
#include "scheduler/cell.h"

#include <stdlib.h>
#include <string.h>

static const struct room no_room = {.verified_at_ms = INT64_MIN};

void cells_init(struct cells *c, const uint64_t seed[2])
{
    memset(c, 0, sizeof *c);
    map_init(&c->by_key, seed);
}

static void cell_fini(struct cell *x)
{
    free(x->key);
    free(x->node);
    for (unsigned i = 0; i < x->levels; i++)
        free(x->level[i]);
    memset(x, 0, sizeof *x);
}

void cells_fini(struct cells *c)
{
    for (size_t i = 0; i < c->v.n; i++)
        cell_fini(&c->v.v[i]);
    vec_fini(&c->v);
    vec_fini(&c->best);
    vec_fini(&c->free);
    map_fini(&c->by_key);
}

static void *as_value(uint32_t handle)
{
    return (void *)((uintptr_t)handle + 1); /* NULL means absent in a map */
}

uint32_t cells_intern(struct cells *c, uint32_t class, struct bytes key, bool *made)
{
    void *had = map_get(&c->by_key, key);
    struct cell x = {.class = class, .key_n = key.n};
    uint32_t i;

    *made = had == NULL;
    if (had != NULL)
        return (uint32_t)((uintptr_t)had - 1);
    x.next_of_class = x.prev_of_class = CELL_NONE;
    x.key = malloc(key.n + 1);
    if (x.key == NULL || !vec_reserve(&c->v, 1) || !vec_reserve(&c->best, 1) ||
        !vec_reserve(&c->free, c->v.n + 1 - c->free.n)) {
        free(x.key);
        return CELL_NONE;
    }
    memcpy(x.key, key.p, key.n);
    i = c->free.n > 0 ? c->free.v[c->free.n - 1] : (uint32_t)c->v.n;
    if (!map_put(&c->by_key, (struct bytes){x.key, x.key_n}, as_value(i))) {
        free(x.key);
        return CELL_NONE;
    }
    if (c->free.n > 0) {
        c->free.n--;
    } else {
        c->v.n++;
        c->best.n++;
    }
    c->v.v[i] = x;
    c->best.v[i] = no_room;
    c->heap += key.n;
    c->revision++;
    return i;
}

static size_t cell_heap(const struct cell *x)
{
    size_t n = x->cap * sizeof *x->node, width = x->cap;

    for (unsigned i = 0; i < x->levels; i++, width = (width + CELL_FANOUT - 1) / CELL_FANOUT)
        n += width * sizeof(struct room);
    return n;
}

void cells_drop(struct cells *c, uint32_t cell)
{
    struct cell *x = &c->v.v[cell];

    (void)map_remove(&c->by_key, (struct bytes){x->key, x->key_n});
    c->heap -= x->key_n + cell_heap(x);
    cell_fini(x);
    c->best.v[cell] = no_room;
    c->free.v[c->free.n++] = cell; /* room was reserved when the cell was made */
    c->revision++;
}

static void room_max(struct room *a, const struct room *b)
{
    if (b->verified_at_ms == INT64_MIN)
        return;
    a->free.cpu_milli =
        a->free.cpu_milli > b->free.cpu_milli ? a->free.cpu_milli : b->free.cpu_milli;
    a->free.memory = a->free.memory > b->free.memory ? a->free.memory : b->free.memory;
    a->free.tee_slots =
        a->free.tee_slots > b->free.tee_slots ? a->free.tee_slots : b->free.tee_slots;
    a->verified_at_ms =
        a->verified_at_ms > b->verified_at_ms ? a->verified_at_ms : b->verified_at_ms;
    a->idle |= b->idle;
}

/* Entries that level i has memory for. */
static uint32_t level_width(const struct cell *x, unsigned level)
{
    uint64_t w = x->cap;

    for (unsigned i = 0; i < level; i++)
        w = (w + CELL_FANOUT - 1) / CELL_FANOUT;
    return (uint32_t)w;
}

static struct room block_best(const struct cell *x, unsigned level, uint32_t block)
{
    uint32_t width = level_width(x, level), i = block * CELL_FANOUT;
    struct room best = no_room;

    for (uint32_t end = i + CELL_FANOUT; i < end && i < width; i++)
        room_max(&best, &x->level[level][i]);
    return best;
}

static bool rooms_equal(const struct room *a, const struct room *b)
{
    return a->free.cpu_milli == b->free.cpu_milli && a->free.memory == b->free.memory &&
           a->free.tee_slots == b->free.tee_slots && a->verified_at_ms == b->verified_at_ms &&
           a->idle == b->idle;
}

/* Carries a changed slot upwards until nothing changes any more. */
static void carry(struct cells *c, uint32_t cell, uint32_t slot)
{
    struct cell *x = &c->v.v[cell];
    uint32_t at = slot;

    for (unsigned i = 1; i < x->levels; i++) {
        struct room best;

        at /= CELL_FANOUT;
        best = block_best(x, i - 1, at);
        if (rooms_equal(&x->level[i][at], &best))
            return;
        x->level[i][at] = best;
    }
    c->best.v[cell] = x->levels == 0 ? no_room : block_best(x, x->levels - 1, 0);
}

static bool level_grow(struct cell *x, unsigned level, uint32_t had)
{
    uint32_t width = level_width(x, level);
    struct room *p = realloc(x->level[level], width * sizeof *p);

    if (p == NULL)
        return false;
    for (uint32_t i = had; i < width; i++)
        p[i] = no_room;
    x->level[level] = p;
    return true;
}

/* An eighth as much room again. Without memory the cell keeps what it has. */
static bool cell_grow(struct cells *c, uint32_t cell)
{
    struct cell *x = &c->v.v[cell];
    uint64_t cap =
        ((uint64_t)x->cap + x->cap / 8 + 2 * CELL_FANOUT - 1) / CELL_FANOUT * CELL_FANOUT;
    uint32_t had[CELL_LEVELS], old_cap = x->cap;
    uint32_t *node;

    if (cap > UINT32_MAX / 2)
        return false;
    node = realloc(x->node, cap * sizeof *node);
    if (node == NULL)
        return false;
    x->node = node;
    for (unsigned i = 0; i < CELL_LEVELS; i++)
        had[i] = i < x->levels ? level_width(x, i) : 0;
    c->heap -= cell_heap(x);
    x->cap = (uint32_t)cap;
    for (unsigned i = 0; i == 0 || level_width(x, i - 1) > CELL_FANOUT; i++) {
        if (!level_grow(x, i, had[i])) {
            x->cap = old_cap; /* levels that grew are only larger than needed */
            c->heap += cell_heap(x);
            return false;
        }
        if (i < x->levels)
            continue;
        x->levels = i + 1;
        for (uint32_t b = 0; i > 0 && b < level_width(x, i); b++)
            x->level[i][b] = block_best(x, i - 1, b);
    }
    c->heap += cell_heap(x);
    return true;
}

uint32_t cell_add(struct cells *c, uint32_t cell, uint32_t node, const struct room *room)
{
    struct cell *x = &c->v.v[cell];

    if (x->n == x->cap && !cell_grow(c, cell))
        return SLOT_NONE;
    x->node[x->n] = node;
    cell_set(c, cell, x->n, room);
    return x->n++;
}

void cell_set(struct cells *c, uint32_t cell, uint32_t slot, const struct room *room)
{
    c->v.v[cell].level[0][slot] = *room;
    carry(c, cell, slot);
}

void cell_take(struct cells *c, uint32_t cell, uint32_t slot, uint32_t *moved)
{
    struct cell *x = &c->v.v[cell];
    uint32_t last = --x->n;

    *moved = NODE_NONE;
    if (slot != last) {
        *moved = x->node[last];
        x->node[slot] = *moved;
        cell_set(c, cell, slot, &x->level[0][last]);
    }
    cell_set(c, cell, last, &no_room);
}

uint32_t cell_find(const struct cells *c, uint32_t cell, uint32_t from, const struct room *want)
{
    const struct cell *x = &c->v.v[cell];
    unsigned level = 0;
    uint64_t i = from;

    if (from >= x->n || !room_fits(&c->best.v[cell], want))
        return SLOT_NONE;
    /* i is the next entry of its level to look at; everything before it was ruled out */
    for (;;) {
        if (i >= level_width(x, level)) {
            if (level + 1 >= x->levels)
                return SLOT_NONE;
            i = (i + CELL_FANOUT - 1) / CELL_FANOUT;
            level++;
        } else if (!room_fits(&x->level[level][i], want)) {
            i++;
            while (i % CELL_FANOUT == 0 && level + 1 < x->levels) {
                i /= CELL_FANOUT;
                level++;
            }
        } else if (level == 0) {
            return (uint32_t)i;
        } else {
            i *= CELL_FANOUT;
            level--;
        }
    }
}

struct widest {
    const struct cell *cell;
    const struct room *want;
    cell_take_slot *take;
    void *context;
};

static uint32_t widest_below(const struct widest *w, unsigned level, uint32_t block)
{
    uint32_t width = level_width(w->cell, level), from = block * CELL_FANOUT;
    const struct room *v = w->cell->level[level];
    unsigned seen = 0;

    for (;;) {
        uint32_t best = SLOT_NONE, found;

        for (uint32_t i = from; i < from + CELL_FANOUT && i < width; i++)
            if ((seen >> (i - from) & 1) == 0 && room_fits(&v[i], w->want) &&
                (best == SLOT_NONE || v[i].free.cpu_milli > v[best].free.cpu_milli))
                best = i;
        if (best == SLOT_NONE)
            return SLOT_NONE;
        seen |= 1u << (best - from);
        if (level == 0)
            found = w->take(w->context, best) ? best : SLOT_NONE;
        else
            found = widest_below(w, level - 1, best);
        if (found != SLOT_NONE)
            return found;
    }
}

uint32_t cell_widest(const struct cells *c, uint32_t cell, const struct room *want,
                     cell_take_slot *take, void *context)
{
    const struct widest w = {&c->v.v[cell], want, take, context};

    if (w.cell->levels == 0 || !room_fits(&c->best.v[cell], want))
        return SLOT_NONE;
    return widest_below(&w, w.cell->levels - 1, 0);
}
