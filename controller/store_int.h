/* store_int.h - what implementations of store.h share. */
#ifndef CONTROLLER_STORE_INT_H
#define CONTROLLER_STORE_INT_H

#include "controller/store.h"

struct store_op {
    uint8_t *key, *value; /* owned; one allocation, at key */
    size_t key_n, value_n;
    bool remove;
};

struct store_batch {
    struct store_op *ops;
    size_t n, cap;
    store_done_fn *done;
    void *data;
    struct store_batch *next;
};

/* The first member of every implementation. */
struct store {
    const struct store_type *type;
};

#endif
