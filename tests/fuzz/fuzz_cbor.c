/* Any bytes as CBOR: what passes the check can be walked to its end, item by item, and is never
 * longer than the input; and as COSE_Sign1. */
#include <stdlib.h>

#include "attest/cbor.h"
#include "attest/cose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One item and all in it; depth was bounded by the check. */
static void walk(struct cbor *c, unsigned depth)
{
    struct cbor at = *c;
    struct cbor_item item;

    if (depth > CBOR_DEPTH || !cbor_next(&at, "input", &item, NULL))
        abort();
    if (item.type == CBOR_ARRAY || item.type == CBOR_MAP) {
        struct cbor_list l;

        if (!cbor_enter(c, item.type, "input", &l, NULL))
            abort();
        while (cbor_more(c, &l)) {
            walk(c, depth + 1);
            if (item.type == CBOR_MAP)
                walk(c, depth + 1);
        }
        return;
    }
    *c = at;
    if (item.type == CBOR_TAG)
        walk(c, depth + 1);
    else if (item.string.n > c->all.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct cbor c = {.all = in};
    struct cose_sign1 s;
    struct err e = {0};
    size_t used = 0, skipped;

    if (!cbor_check(in, CBOR_OPEN_ENDED, "input", &used, &e)) {
        if (e.reason[0] == '\0' || e.field[0] == '\0')
            abort();
        /* the looser form passes all that the stricter one does */
        if (cbor_check(in, CBOR_DEFINITE, "input", &used, NULL))
            abort();
        return 0;
    }
    if (used == 0 || used > size)
        abort();
    walk(&c, 0);
    if (c.at != used)
        abort();
    c.at = 0;
    if (!cbor_skip(&c, "input", NULL) || c.at != used)
        abort();
    if (cbor_check(in, CBOR_DEFINITE, "input", &skipped, NULL) && skipped != used)
        abort();
    e = (struct err){0};
    if (!cose_parse((struct bytes){data, used}, "input", &s, &e) && e.reason[0] == '\0')
        abort();
    return 0;
}
