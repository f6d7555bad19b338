/* u64_map.c - see u64_map.h. */
#include "scheduler/u64_map.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY UINT32_MAX

static size_t home(const struct u64_map *m, uint64_t key)
{
    uint64_t h = key ^ m->seed;

    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
    return (size_t)(h ^ h >> 32) & (m->cap - 1);
}

void u64_map_fini(struct u64_map *m)
{
    free(m->keys);
    free(m->values);
    memset(m, 0, sizeof *m);
}

/* The slot of the key, or the empty one where it belongs. cap > n. */
static size_t find(const struct u64_map *m, uint64_t key)
{
    size_t i = home(m, key);

    while (m->values[i] != EMPTY && m->keys[i] != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

uint32_t u64_map_get(const struct u64_map *m, uint64_t key)
{
    return m->cap == 0 ? EMPTY : m->values[find(m, key)];
}

static bool grow(struct u64_map *m)
{
    struct u64_map bigger = {.cap = m->cap == 0 ? 16 : m->cap * 2, .n = m->n, .seed = m->seed};

    bigger.keys = malloc(bigger.cap * sizeof *bigger.keys);
    bigger.values = malloc(bigger.cap * sizeof *bigger.values);
    if (bigger.keys == NULL || bigger.values == NULL) {
        free(bigger.keys);
        free(bigger.values);
        return false;
    }
    for (size_t i = 0; i < bigger.cap; i++)
        bigger.values[i] = EMPTY;
    for (size_t i = 0; i < m->cap; i++) {
        size_t to;

        if (m->values[i] == EMPTY)
            continue;
        to = find(&bigger, m->keys[i]);
        bigger.keys[to] = m->keys[i];
        bigger.values[to] = m->values[i];
    }
    free(m->keys);
    free(m->values);
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
    if (m->values[i] == EMPTY)
        m->n++;
    m->keys[i] = key;
    m->values[i] = value;
    return true;
}

void u64_map_remove(struct u64_map *m, uint64_t key)
{
    size_t mask = m->cap - 1, hole, i;

    if (m->cap == 0)
        return;
    hole = find(m, key);
    if (m->values[hole] == EMPTY)
        return;
    for (i = (hole + 1) & mask; m->values[i] != EMPTY; i = (i + 1) & mask) {
        if (((i - home(m, m->keys[i])) & mask) < ((i - hole) & mask))
            continue; /* it must not move before its home */
        m->keys[hole] = m->keys[i];
        m->values[hole] = m->values[i];
        hole = i;
    }
    m->values[hole] = EMPTY;
    m->n--;
}
