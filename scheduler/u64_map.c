/* u64_map.c - see u64_map.h. */
#include "scheduler/u64_map.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY UINT32_MAX

static size_t home(const struct u64_map *m, uint64_t key)
{
    uint64_t h = (key >> 2) ^ m->seed;

    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
    return (size_t)((h ^ h >> 32) << 2 | (key & 3)) & (m->cap - 1);
}

static uint64_t key_of(const struct u64_entry *x)
{
    return (uint64_t)x->high << 32 | x->low;
}

void u64_map_fini(struct u64_map *m)
{
    free(m->v);
    memset(m, 0, sizeof *m);
}

/* The slot of the key, or the empty one where it belongs. cap > n. */
static size_t find(const struct u64_map *m, uint64_t key)
{
    size_t i = home(m, key);

    while (m->v[i].value != EMPTY && key_of(&m->v[i]) != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

uint32_t u64_map_get(const struct u64_map *m, uint64_t key)
{
    return m->cap == 0 ? EMPTY : m->v[find(m, key)].value;
}

void u64_map_prefetch(const struct u64_map *m, uint64_t key)
{
    if (m->cap > 0)
        __builtin_prefetch(&m->v[home(m, key)]);
}

static bool grow(struct u64_map *m)
{
    struct u64_map bigger = {.cap = m->cap == 0 ? 16 : m->cap * 2, .n = m->n, .seed = m->seed};

    bigger.v = malloc(bigger.cap * sizeof *bigger.v);
    if (bigger.v == NULL)
        return false;
    for (size_t i = 0; i < bigger.cap; i++)
        bigger.v[i].value = EMPTY;
    for (size_t i = 0; i < m->cap; i++)
        if (m->v[i].value != EMPTY)
            bigger.v[find(&bigger, key_of(&m->v[i]))] = m->v[i];
    free(m->v);
    *m = bigger;
    return true;
}

bool u64_map_reserve(struct u64_map *m)
{
    return (m->n + 1) * 4 <= m->cap * 3 || grow(m);
}

bool u64_map_put(struct u64_map *m, uint64_t key, uint32_t value)
{
    size_t i;

    if (!u64_map_reserve(m))
        return false;
    i = find(m, key);
    if (m->v[i].value == EMPTY)
        m->n++;
    m->v[i] = (struct u64_entry){(uint32_t)key, (uint32_t)(key >> 32), value};
    return true;
}

uint32_t u64_map_remove(struct u64_map *m, uint64_t key)
{
    size_t mask = m->cap - 1, hole, i;
    uint32_t value;

    if (m->cap == 0)
        return EMPTY;
    hole = find(m, key);
    value = m->v[hole].value;
    if (value == EMPTY)
        return EMPTY;
    for (i = (hole + 1) & mask; m->v[i].value != EMPTY; i = (i + 1) & mask) {
        if (((i - home(m, key_of(&m->v[i]))) & mask) < ((i - hole) & mask))
            continue; /* it must not move before its home */
        m->v[hole] = m->v[i];
        hole = i;
    }
    m->v[hole].value = EMPTY;
    m->n--;
    return value;
}
