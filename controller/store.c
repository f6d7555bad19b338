#include "controller/store.h"

#include <stdlib.h>

#include "controller/store_int.h"

struct store_batch *store_batch_new(void)
{
    return calloc(1, sizeof(struct store_batch));
}

void store_batch_free(struct store_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n; i++)
        free(b->ops[i].key);
    free(b->ops);
    free(b);
}

size_t store_batch_count(const struct store_batch *b)
{
    return b->n;
}

static bool batch_add(struct store_batch *b, struct bytes key, struct bytes value, bool remove)
{
    struct store_op *op;
    uint8_t *p;

    BUG_ON(key.n == 0 || key.n > 512);
    if (b->n == b->cap) {
        size_t cap = b->cap == 0 ? 8 : b->cap * 2;
        struct store_op *ops = reallocarray(b->ops, cap, sizeof *ops);

        if (ops == NULL)
            return false;
        b->ops = ops;
        b->cap = cap;
    }
    p = malloc(key.n + value.n);
    if (p == NULL)
        return false;
    memcpy(p, key.p, key.n);
    if (value.n != 0)
        memcpy(p + key.n, value.p, value.n);
    op = &b->ops[b->n++];
    *op = (struct store_op){p, p + key.n, key.n, value.n, remove};
    return true;
}

bool store_batch_put(struct store_batch *b, struct bytes key, struct bytes value)
{
    return batch_add(b, key, value, false);
}

bool store_batch_delete(struct store_batch *b, struct bytes key)
{
    return batch_add(b, key, (struct bytes){NULL, 0}, true);
}

void store_commit(struct store *s, struct store_batch *b, store_done_fn *done, void *data)
{
    b->done = done;
    b->data = data;
    s->type->commit(s, b);
}

bool store_each(struct store *s, struct bytes prefix, store_each_fn *fn, void *data, struct err *e)
{
    return s->type->each(s, prefix, prefix, fn, data, e);
}

bool store_each_from(struct store *s, struct bytes prefix, struct bytes from, store_each_fn *fn,
                     void *data, struct err *e)
{
    return s->type->each(s, prefix, from, fn, data, e);
}

struct getting {
    struct bytes key;
    struct buf *out;
    bool found;
};

/* Sees the first record at or after the key, and no other. */
static bool take_first(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct getting *g = data;

    g->found = bytes_equal(key, g->key);
    if (g->found)
        buf_put(g->out, value.p, value.n);
    return err_set(e, ERR_MISSING, "store.no-record", "no such record");
}

bool store_get(struct store *s, struct bytes key, struct buf *out, struct err *e)
{
    struct getting g = {key, out, false};
    struct err seen = {0};

    if (!s->type->each(s, key, key, take_first, &g, &seen) && !g.found) {
        if (e != NULL)
            *e = seen;
        return false;
    }
    if (!g.found)
        return err_set(e, ERR_MISSING, "store.no-record", "no such record");
    return buf_ok(out, e);
}

void store_close(struct store *s)
{
    if (s != NULL)
        s->type->close(s);
}
