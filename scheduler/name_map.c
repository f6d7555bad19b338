/* name_map.c - see name_map.h. */
#include "scheduler/name_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define EMPTY UINT32_MAX

static size_t home(const struct name_map *m, const char *name)
{
    return (size_t)siphash13(m->seed, bytes_str(name)) & (m->cap - 1);
}

static const char *name_of(const struct name_map *m, uint32_t handle)
{
    return m->name(m->owner, handle);
}

void name_map_fini(struct name_map *m)
{
    free(m->v);
    m->v = NULL;
    m->n = m->cap = 0;
}

uint32_t name_map_get(const struct name_map *m, const char *name)
{
    if (m->cap == 0)
        return EMPTY;
    for (size_t i = home(m, name); m->v[i] != EMPTY; i = (i + 1) & (m->cap - 1))
        if (strcmp(name_of(m, m->v[i]), name) == 0)
            return m->v[i];
    return EMPTY;
}

static void put(struct name_map *m, uint32_t handle)
{
    size_t i = home(m, name_of(m, handle));

    while (m->v[i] != EMPTY)
        i = (i + 1) & (m->cap - 1);
    m->v[i] = handle;
}

bool name_map_reserve(struct name_map *m)
{
    struct name_map bigger = *m;

    if ((m->n + 1) * 4 <= m->cap * 3)
        return true;
    bigger.cap = m->cap == 0 ? 16 : m->cap * 2;
    bigger.v = malloc(bigger.cap * sizeof *bigger.v);
    if (bigger.v == NULL)
        return false;
    memset(bigger.v, 0xff, bigger.cap * sizeof *bigger.v);
    for (size_t i = 0; i < m->cap; i++)
        if (m->v[i] != EMPTY)
            put(&bigger, m->v[i]);
    free(m->v);
    *m = bigger;
    return true;
}

void name_map_put(struct name_map *m, uint32_t handle)
{
    put(m, handle);
    m->n++;
}

void name_map_remove(struct name_map *m, const char *name)
{
    size_t mask = m->cap - 1, hole, i;

    if (m->cap == 0)
        return;
    for (hole = home(m, name); m->v[hole] != EMPTY; hole = (hole + 1) & mask)
        if (strcmp(name_of(m, m->v[hole]), name) == 0)
            break;
    if (m->v[hole] == EMPTY)
        return;
    for (i = (hole + 1) & mask; m->v[i] != EMPTY; i = (i + 1) & mask) {
        if (((i - home(m, name_of(m, m->v[i]))) & mask) < ((i - hole) & mask))
            continue; /* it must not move before its home */
        m->v[hole] = m->v[i];
        hole = i;
    }
    m->v[hole] = EMPTY;
    m->n--;
}
