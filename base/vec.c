#include "base/vec.h"

#include <stdint.h>

/* Any pointer, whatever it points to: how the caller's typed pointer may be read as void *. */
typedef void *any_pointer __attribute__((may_alias));

bool vec_room(void **v, size_t n, size_t *cap, size_t size, size_t more)
{
    any_pointer *at = (any_pointer *)v;
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
    p = realloc(*at, bytes);
    if (p == NULL)
        return false;
    *at = p;
    *cap = want;
    return true;
}
