#include "base/vec.h"

#include <stdint.h>
#include <string.h>

bool vec_room(void **v, size_t n, size_t *cap, size_t size, size_t more)
{
    size_t want, bytes;
    void *p;

    if (__builtin_add_overflow(n, more, &want))
        return false;
    if (want <= *cap)
        return true;
    if (*cap <= SIZE_MAX / 2 && want < *cap * 2)
        want = *cap * 2;
    if (want < 8)
        want = 8;
    if (__builtin_mul_overflow(want, size, &bytes))
        return false;
    /* memcpy reads the caller's pointer whatever its pointed-to type is */
    memcpy(&p, v, sizeof p);
    p = realloc(p, bytes);
    if (p == NULL)
        return false;
    memcpy(v, &p, sizeof p);
    *cap = want;
    return true;
}
