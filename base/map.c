#include "base/map.h"

#include <stdlib.h>

static uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash (Aumasson, Bernstein 2012) with one compression and three finalisation rounds. */
uint64_t siphash13(const uint64_t seed[2], struct bytes in)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    size_t whole = in.n / 8 * 8;
    uint64_t last = (uint64_t)in.n << 56;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t w = 0;

        for (size_t k = 8; k > 0; k--)
            w = w << 8 | in.p[i + k - 1];
        v[3] ^= w;
        sip_round(v);
        v[0] ^= w;
    }
    for (size_t i = whole; i < in.n; i++)
        last |= (uint64_t)in.p[i] << (8 * (i - whole));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, const uint64_t seed[2])
{
    memset(m, 0, sizeof *m);
    m->seed[0] = seed[0];
    m->seed[1] = seed[1];
}

void map_fini(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->n = m->cap = 0;
}

/* The slot that holds key, or the empty one where it would go. cap must not be 0. */
static size_t slot_of(const struct map *m, struct bytes key, uint64_t hash)
{
    size_t i = (size_t)hash & (m->cap - 1);

    while (m->slots[i].value != NULL &&
           (m->slots[i].hash != hash || !bytes_equal(m->slots[i].key, key)))
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *map_get(const struct map *m, struct bytes key)
{
    if (m->cap == 0)
        return NULL;
    return m->slots[slot_of(m, key, siphash13(m->seed, key))].value;
}

static bool grow(struct map *m)
{
    struct map old = *m;

    m->cap = old.cap == 0 ? 16 : old.cap * 2;
    m->slots = calloc(m->cap, sizeof *m->slots);
    if (m->slots == NULL) {
        *m = old;
        return false;
    }
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value != NULL)
            m->slots[slot_of(m, old.slots[i].key, old.slots[i].hash)] = old.slots[i];
    free(old.slots);
    return true;
}

bool map_put(struct map *m, struct bytes key, void *value)
{
    uint64_t hash = siphash13(m->seed, key);
    size_t i;

    if (m->n + m->n / 2 >= m->cap && !grow(m)) /* at most two thirds full */
        return false;
    i = slot_of(m, key, hash);
    if (m->slots[i].value == NULL)
        m->n++;
    m->slots[i] = (struct map_slot){.key = key, .value = value, .hash = hash};
    return true;
}

void *map_remove(struct map *m, struct bytes key)
{
    size_t i, k;
    void *value;

    if (m->cap == 0)
        return NULL;
    i = slot_of(m, key, siphash13(m->seed, key));
    value = m->slots[i].value;
    if (value == NULL)
        return NULL;
    m->n--;
    /* move later entries of the same run back, so that no probe stops too early */
    for (k = (i + 1) & (m->cap - 1); m->slots[k].value != NULL; k = (k + 1) & (m->cap - 1)) {
        size_t home = (size_t)m->slots[k].hash & (m->cap - 1);

        if (((k - home) & (m->cap - 1)) >= ((k - i) & (m->cap - 1))) {
            m->slots[i] = m->slots[k];
            i = k;
        }
    }
    m->slots[i] = (struct map_slot){0};
    return value;
}

void *map_next(const struct map *m, size_t *i)
{
    while (*i < m->cap) {
        void *value = m->slots[(*i)++].value;

        if (value != NULL)
            return value;
    }
    return NULL;
}
