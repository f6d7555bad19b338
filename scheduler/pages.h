/* pages.h - a growing array that never moves: items live in pages of PAGE_ITEMS, so that growing
 * costs no copy and wastes at most one page. Private to the scheduler. */
#ifndef SCHEDULER_PAGES_H
#define SCHEDULER_PAGES_H

#include <stdbool.h>
#include <stdlib.h>

#define PAGE_BITS 8
#define PAGE_ITEMS ((size_t)1 << PAGE_BITS)

/* n: items in use; the owner raises it after pages_reserve(). */
#define PAGES(T)                                                                                   \
    struct {                                                                                       \
        T **page;                                                                                  \
        size_t n, pages, cap;                                                                      \
    }
#define pages_at(p, i) (&(p)->page[(i) >> PAGE_BITS][(i) & (PAGE_ITEMS - 1)])

/* Room for one item more; false without memory. */
#define pages_reserve(p)                                                                           \
    ((p)->n < (p)->pages * PAGE_ITEMS ||                                                           \
     pages_grow((void ***)&(p)->page, &(p)->pages, &(p)->cap, sizeof **(p)->page))
#define pages_fini(p)                                                                              \
    (pages_free((void **)(p)->page, (p)->pages), (p)->page = NULL, (p)->n = 0,                     \
     (void)((p)->pages = (p)->cap = 0))
#define pages_memory(p)                                                                            \
    ((p)->cap * sizeof *(p)->page + (p)->pages * PAGE_ITEMS * sizeof **(p)->page)

bool pages_grow(void ***page, size_t *pages, size_t *cap, size_t item);
void pages_free(void **page, size_t pages);

#endif
