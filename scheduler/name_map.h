/* name_map.h - from the names of nodes to their handles in four bytes an entry: the names stay with
 * the nodes. Open addressing, linear probing, backward-shift deletion, keyed hash (names come from
 * outside). Private to the scheduler. */
#ifndef SCHEDULER_NAME_MAP_H
#define SCHEDULER_NAME_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct name_map {
    uint32_t *v; /* UINT32_MAX: empty */
    size_t n, cap;
    uint64_t seed[2];
    /* The name of a handle in the map, from its owner. */
    const char *(*name)(const void *owner, uint32_t handle);
    const void *owner;
};

void name_map_fini(struct name_map *m);
uint32_t name_map_get(const struct name_map *m, const char *name); /* UINT32_MAX: absent */
bool name_map_reserve(struct name_map *m);                         /* room for one more, or false */
/* Of a handle whose name is not in the map; room was reserved. */
void name_map_put(struct name_map *m, uint32_t handle);
void name_map_remove(struct name_map *m, const char *name); /* its owner still knows the name */

#endif
