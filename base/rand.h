/* rand.h - random bytes of the kernel, and a seeded generator for tests and simulations. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* Cryptographic randomness (getrandom(2)); a kernel that has none ends the process. */
void rand_bytes(void *p, size_t n);

/* A version 4 UUID, RFC 9562 text form: 36 characters and a NUL. */
#define UUID_TEXT 37
void rand_uuid(char out[UUID_TEXT]);

/* xoshiro256**: fast, seedable, NOT for keys. Same seed, same sequence on every machine. */
struct prng {
    uint64_t s[4];
};
void prng_seed(struct prng *r, uint64_t seed);
uint64_t prng_u64(struct prng *r);
uint64_t prng_below(struct prng *r, uint64_t n); /* 0 to n-1 without bias; n >= 1 */

#endif
