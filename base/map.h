/* map.h - hash map from byte strings to pointers, keyed SipHash-1-3: peers choose keys, so they
 * must not be able to choose collisions. Open addressing, linear probing, backward-shift deletion.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"

struct map_slot {
    struct bytes key; /* borrowed from the value's owner; lives as long as the entry */
    void *value;      /* NULL: empty slot */
    uint64_t hash;
};

struct map {
    struct map_slot *slots;
    size_t n, cap; /* cap is 0 or a power of two */
    uint64_t seed[2];
};

/* seed: 16 random bytes in servers, anything fixed in tests. Allocates nothing yet. */
void map_init(struct map *m, const uint64_t seed[2]);
void map_fini(struct map *m); /* frees the table, not keys or values */

void *map_get(const struct map *m, struct bytes key); /* NULL: absent */

/* Sets key to value (not NULL) and returns true; false when there is no memory. The key's bytes are
 * borrowed until the entry is removed; on replacement the new key's bytes are the ones kept. */
bool map_put(struct map *m, struct bytes key, void *value);
void *map_remove(struct map *m, struct bytes key); /* the value that was there, or NULL */

/* Walks all entries in no order: `for (size_t i = 0; (v = map_next(m, &i)) != NULL;)`.
 * The map must not change on the way. */
void *map_next(const struct map *m, size_t *i);

uint64_t siphash13(const uint64_t seed[2], struct bytes in);

#endif
