#include "attest/anchors.h"

#include <string.h>

#include "attest/sha.h"

/* The rows of config/catalog/anchors.yaml, which says where each comes from. Arm has no root:
 * platforms' CPAKs are imported by operators, so only those are here whose private keys are public.
 */
const struct anchor anchors_builtin[] = {
#include "attest/anchors_table.h"
};
const size_t anchors_builtin_n = sizeof anchors_builtin / sizeof anchors_builtin[0];

const struct anchor *anchor_find(const struct anchor *a, size_t n, const char *kind,
                                 struct bytes der)
{
    uint8_t sum[32];

    sha(SHA_256, &der, 1, sum);
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i].kind, kind) == 0 && memcmp(a[i].sha256, sum, sizeof sum) == 0)
            return &a[i];
    return NULL;
}
