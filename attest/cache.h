/* cache.h - what a verifier may remember from one piece of evidence to the next, so that a fleet's
 * thousandth report costs its own signature and not the vendor's chain again.
 *
 * Remembered are facts that time cannot change: "these bytes parse to this object" and "this key
 * signed these bytes". Never remembered are validity, revocation and anything that depends on `now`
 * or on options: they are judged anew each time. An entry is found by SHA-256 over a label and the
 * bytes, so nothing a host sends can be taken for something else; the table has a fixed number of
 * entries, and the oldest of four places makes room, so that nobody can make it grow.
 *
 * Pure: no clock, no locks. One cache per thread, or a lock around the whole verification. A NULL
 * cache is fine everywhere: nothing is remembered. */
#ifndef ATTEST_CACHE_H
#define ATTEST_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define CACHE_ID 32
#define CACHE_OBJECT_MAX 65536 /* an object made of more bytes is not kept */

struct evidence_cache;

struct cache_counts {
    uint64_t hits, misses;
};

/* entries: about how many to keep, 16 to 65536; memory is at most entries * CACHE_OBJECT_MAX times
 * what parsing multiplies it by. A fleet needs about 4 per chip and 16 per vendor. NULL: no memory.
 */
struct evidence_cache *evidence_cache_new(unsigned entries);
void evidence_cache_free(struct evidence_cache *c);
struct cache_counts evidence_cache_counts(const struct evidence_cache *c);

/* id = SHA-256(label, NUL, length of a, a, b): the name of an entry. Labels keep kinds apart:
 * "certificate", "crl", "signed". */
void cache_id(const char *label, struct bytes a, struct bytes b, uint8_t id[CACHE_ID]);

/* Plain knowledge: "this was verified". */
bool cache_knows(struct evidence_cache *c, const uint8_t id[CACHE_ID]);
void cache_learn(struct evidence_cache *c, const uint8_t id[CACHE_ID]);

/* Objects. cache_object() lends what was kept under the id, or NULL; it stays good until the next
 * cache_keep(), unless the caller takes a reference of its own. cache_keep() takes `object` over
 * and frees it with `destroy` when it makes room; bytes: what it was made from. False: not kept,
 * the object is still the caller's. */
void *cache_object(struct evidence_cache *c, const uint8_t id[CACHE_ID]);
bool cache_keep(struct evidence_cache *c, const uint8_t id[CACHE_ID], size_t bytes, void *object,
                void (*destroy)(void *object));

#endif
