/* arena.h - memory that dies at once, with a limit: what one request or one parse may cost.
 * Every message from a peer is unpacked into one, so that no input can ask for more than its due.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/cleanup.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used;  /* bytes given out, padding included */
    size_t limit; /* never gives out more than this */
    size_t room;  /* left in the newest block */
    char *next;
};

/* limit: bytes, at least 1. Allocates nothing yet. */
void arena_init(struct arena *a, size_t limit);
void arena_fini(struct arena *a); /* fine on a zeroed one */

/* Zeroed memory aligned for any type; NULL when the limit or the memory is reached. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t size); /* checked multiplication */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n); /* copies n bytes, adds a NUL */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define AUTO_ARENA __attribute__((cleanup(arena_fini)))

#endif
