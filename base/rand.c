#include "base/rand.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/err.h"

void rand_bytes(void *p, size_t n)
{
    uint8_t *to = p;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        BUG_ON(got < 0 && errno != EINTR);
        if (got > 0) {
            to += got;
            n -= (size_t)got;
        }
    }
}

void rand_uuid(char out[UUID_TEXT])
{
    uint8_t b[16];
    size_t o = 0;

    rand_bytes(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[o++] = '-';
        (void)snprintf(out + o, UUID_TEXT - o, "%02x", b[i]);
        o += 2;
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

void prng_seed(struct prng *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++) { /* splitmix64, as the generator's authors recommend */
        uint64_t z = seed += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t prng_u64(struct prng *r)
{
    uint64_t out = rotl(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return out;
}

uint64_t prng_below(struct prng *r, uint64_t n)
{
    uint64_t cut = -n % n, v; /* values below 2^64 mod n would favour small results */

    do
        v = prng_u64(r);
    while (v < cut);
    return v % n;
}
