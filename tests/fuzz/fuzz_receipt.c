/* Any bytes as a receipt, as an entry of the audit log and as a tree head: what is taken has one
 * form, and nothing is verified that nobody signed. */
#include <stddef.h>
#include <stdint.h>

#include "attest/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void entry(struct bytes in, struct arena *a)
{
    AUTO_BUF struct buf again = {0};
    struct audit_entry en;

    if (!audit_entry_parse(in, a, &en, NULL))
        return;
    audit_entry_format(&en, &again);
    BUG_ON(!bytes_equal(buf_bytes(&again), in));
}

static void head(struct bytes in)
{
    AUTO_BUF struct buf again = {0};
    struct tree_head h;

    if (!tree_head_parse(in, &h, NULL))
        return;
    tree_head_format(&h, &again);
    BUG_ON(!bytes_equal(buf_bytes(&again), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct receipt_trust nobody = {0};
    struct receipt r;
    struct err e = {0};
    AUTO_ARENA struct arena a;

    arena_init(&a, 4 << 20);
    entry(in, &a);
    head(in);
    BUG_ON(receipt_verify(in, &nobody, &a, &r, &e));
    BUG_ON(e.reason[0] == '\0');
    return 0;
}
