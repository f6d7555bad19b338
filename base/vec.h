/* vec.h - a growable array of one type: `VEC(struct node *) nodes = {0};`
 * v[0..n-1] are the items; the owner frees v with vec_fini(). */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *v;                                                                                      \
        size_t n, cap;                                                                             \
    }

/* Appends item; false when there is no memory (the vector is unchanged). */
#define vec_push(vec, item)                                                                        \
    (vec_room((void **)&(vec)->v, (vec)->n, &(vec)->cap, sizeof *(vec)->v, 1)                      \
         ? ((vec)->v[(vec)->n++] = (item), true)                                                   \
         : false)

/* Makes room for `more` items beyond n. */
#define vec_reserve(vec, more)                                                                     \
    vec_room((void **)&(vec)->v, (vec)->n, &(vec)->cap, sizeof *(vec)->v, (more))

/* Removes item i; the last takes its place (order is not kept). */
#define vec_swap_out(vec, i) ((vec)->v[i] = (vec)->v[(vec)->n - 1], (void)(vec)->n--)

#define vec_fini(vec) (free((vec)->v), (vec)->v = NULL, (vec)->n = 0, (void)((vec)->cap = 0))

bool vec_room(void **v, size_t n, size_t *cap, size_t size, size_t more);

#endif
