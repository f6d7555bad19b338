#include "attest/cache.h"

#include <stdlib.h>
#include <string.h>

#include "attest/sha.h"

#define WAYS 4 /* places that one id may stand in */

struct entry {
    uint64_t used; /* 0: empty; otherwise when it was last of use, in lookups */
    uint8_t id[CACHE_ID];
    void (*destroy)(void *);
};

struct evidence_cache {
    struct entry *entries;
    void **objects; /* apart from the entries, so that looking for one reads little memory */
    unsigned sets;
    uint64_t turn;
    struct cache_counts counts;
};

struct evidence_cache *evidence_cache_new(unsigned entries)
{
    struct evidence_cache *c = calloc(1, sizeof *c);
    unsigned sets = 4;

    if (c == NULL)
        return NULL;
    while (sets * WAYS < entries && sets < 65536 / WAYS)
        sets *= 2;
    c->sets = sets;
    c->entries = calloc((size_t)sets * WAYS, sizeof *c->entries);
    c->objects = calloc((size_t)sets * WAYS, sizeof(void *));
    if (c->entries != NULL && c->objects != NULL)
        return c;
    evidence_cache_free(c);
    return NULL;
}

static void entry_clear(struct evidence_cache *c, size_t i)
{
    if (c->objects[i] != NULL)
        c->entries[i].destroy(c->objects[i]);
    c->objects[i] = NULL;
    c->entries[i] = (struct entry){0};
}

void evidence_cache_free(struct evidence_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; c->entries != NULL && c->objects != NULL && i < (size_t)c->sets * WAYS; i++)
        entry_clear(c, i);
    free(c->entries);
    free(c->objects);
    free(c);
}

struct cache_counts evidence_cache_counts(const struct evidence_cache *c)
{
    return c == NULL ? (struct cache_counts){0} : c->counts;
}

void cache_id(const char *label, struct bytes a, struct bytes b, uint8_t id[CACHE_ID])
{
    uint8_t length[8];
    const struct bytes all[] = {
        {(const uint8_t *)label, strlen(label) + 1}, BYTES_OF(length), a, b};

    for (unsigned i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)((uint64_t)a.n >> (8 * i));
    sha(SHA_256, all, sizeof all / sizeof all[0], id);
}

/* The first place of the id's set. Ids are digests: any of their bytes will do. */
static size_t set_of(const struct evidence_cache *c, const uint8_t id[CACHE_ID])
{
    uint32_t n = (uint32_t)id[0] | (uint32_t)id[1] << 8 | (uint32_t)id[2] << 16;

    return (size_t)(n & (c->sets - 1)) * WAYS;
}

static bool find(struct evidence_cache *c, const uint8_t id[CACHE_ID], size_t *at)
{
    if (c == NULL)
        return false;
    for (size_t i = set_of(c, id), end = i + WAYS; i < end; i++) {
        if (c->entries[i].used == 0 || memcmp(c->entries[i].id, id, CACHE_ID) != 0)
            continue;
        c->entries[i].used = ++c->turn;
        c->counts.hits++;
        *at = i;
        return true;
    }
    c->counts.misses++;
    return false;
}

/* Where a new entry goes: its own old place, or the place of the set that was of no use longest. */
static size_t place(struct evidence_cache *c, const uint8_t id[CACHE_ID])
{
    size_t first = set_of(c, id), oldest = first;

    for (size_t i = first; i < first + WAYS; i++) {
        if (c->entries[i].used != 0 && memcmp(c->entries[i].id, id, CACHE_ID) == 0)
            return i;
        if (c->entries[i].used < c->entries[oldest].used)
            oldest = i;
    }
    return oldest;
}

static void put(struct evidence_cache *c, const uint8_t id[CACHE_ID], void *object,
                void (*destroy)(void *))
{
    size_t i = place(c, id);

    entry_clear(c, i);
    c->entries[i].used = ++c->turn;
    c->entries[i].destroy = destroy;
    memcpy(c->entries[i].id, id, CACHE_ID);
    c->objects[i] = object;
}

bool cache_knows(struct evidence_cache *c, const uint8_t id[CACHE_ID])
{
    size_t i;

    return find(c, id, &i);
}

void cache_learn(struct evidence_cache *c, const uint8_t id[CACHE_ID])
{
    if (c != NULL)
        put(c, id, NULL, NULL);
}

void *cache_object(struct evidence_cache *c, const uint8_t id[CACHE_ID])
{
    size_t i;

    return find(c, id, &i) ? c->objects[i] : NULL;
}

bool cache_keep(struct evidence_cache *c, const uint8_t id[CACHE_ID], size_t bytes, void *object,
                void (*destroy)(void *object))
{
    if (c == NULL || bytes > CACHE_OBJECT_MAX)
        return false;
    put(c, id, object, destroy);
    return true;
}
