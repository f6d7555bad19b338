#define OPENSSL_SUPPRESS_DEPRECATED /* see sha.h */

#include "attest/sha.h"

#include <openssl/sha.h>

void sha(enum sha which, const struct bytes *part, size_t parts, uint8_t *out)
{
    SHA256_CTX small;
    SHA512_CTX large;

    if (which == SHA_256) {
        SHA256_Init(&small);
        for (size_t i = 0; i < parts; i++)
            SHA256_Update(&small, part[i].p, part[i].n);
        SHA256_Final(out, &small);
        return;
    }
    if (which == SHA_384)
        SHA384_Init(&large);
    else
        SHA512_Init(&large);
    for (size_t i = 0; i < parts; i++)
        SHA512_Update(&large, part[i].p, part[i].n); /* SHA-384 is SHA-512 begun otherwise */
    if (which == SHA_384)
        SHA384_Final(out, &large);
    else
        SHA512_Final(out, &large);
}
