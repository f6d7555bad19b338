/* sha.h - SHA-2 (FIPS 180-4) of bytes that lie in pieces. No allocation, nothing to fail:
 * libcrypto's SHA256_Init() and its like, whose compression functions are those of EVP without
 * looking up a provider each time. */
#ifndef ATTEST_SHA_H
#define ATTEST_SHA_H

#include "base/bytes.h"

enum sha { SHA_256, SHA_384, SHA_512 };

#define SHA_MAX 64

static inline size_t sha_size(enum sha which)
{
    return which == SHA_256 ? 32 : which == SHA_384 ? 48 : 64;
}

/* Writes sha_size() bytes. */
void sha(enum sha which, const struct bytes *part, size_t parts, uint8_t *out);

#endif
