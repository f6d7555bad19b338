/* pages.c - see pages.h. */
#include "scheduler/pages.h"

#include <string.h>

bool pages_grow(void ***page, size_t *pages, size_t *cap, size_t item)
{
    void **v;

    memcpy(&v, page, sizeof v); /* reads the caller's pointer whatever it points to */
    if (*pages == *cap) {
        size_t more = *cap == 0 ? 8 : *cap * 2;

        v = realloc(v, more * sizeof *v);
        if (v == NULL)
            return false;
        memcpy(page, &v, sizeof v);
        *cap = more;
    }
    v[*pages] = calloc(PAGE_ITEMS, item);
    if (v[*pages] == NULL)
        return false;
    (*pages)++;
    return true;
}

void pages_free(void **page, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        free(page[i]);
    free(page);
}
