/* u64_map.h - hash map from numbers that the program chose itself to small numbers. 12 bytes an
 * entry at a load of at most 3/4; linear probing, backward-shift deletion. Four numbers in a row
 * have their homes side by side: what was made together is often asked for together. */
#ifndef SCHEDULER_U64_MAP_H
#define SCHEDULER_U64_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct u64_entry {
    uint32_t low, high; /* of the key: no padding */
    uint32_t value;     /* UINT32_MAX: empty */
};

struct u64_map {
    struct u64_entry *v;
    size_t n, cap; /* cap is 0 or a power of two */
    uint64_t seed;
};

void u64_map_fini(struct u64_map *m);
uint32_t u64_map_get(const struct u64_map *m, uint64_t key);  /* UINT32_MAX: absent */
void u64_map_prefetch(const struct u64_map *m, uint64_t key); /* of a get() soon to come */
bool u64_map_reserve(struct u64_map *m);                      /* room for one more, or false */
bool u64_map_put(struct u64_map *m, uint64_t key, uint32_t value);
uint32_t u64_map_remove(struct u64_map *m, uint64_t key); /* its value; UINT32_MAX: absent */

#endif
