/* store.h - where the controller's state survives: records of bytes under byte keys, changed in
 * batches that happen wholly or not at all.
 *
 * Batches are committed in the order they were given, on a thread of the store's own, several in
 * one go when they pile up (one fsync for all). A batch's done function runs on the loop thread
 * after the batch is durable. There is no failed commit: when the store cannot make a batch durable
 * the process ends at once, so that nothing is acknowledged which may be lost (DESIGN 6).
 *
 * All functions belong to the loop thread. */
#ifndef CONTROLLER_STORE_H
#define CONTROLLER_STORE_H

#include <uv.h>

#include "base/buf.h"

struct store;
struct store_batch;

/* Opens or makes the SQLite file `path`, held against a second process, and brings an older version
 * up to date. store.busy: another process has it; store.format: not ours; store.newer: of a newer
 * version; store.corrupt: pages are damaged. */
NODISCARD bool store_open_sqlite(uv_loop_t *loop, const char *path, struct store **out,
                                 struct err *e);

/* Waits until all batches are durable, runs their done functions, frees the store. */
void store_close(struct store *s);

/* NULL: no memory. A batch is given away by store_commit() or freed by store_batch_free(). */
struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *b);
size_t store_batch_count(const struct store_batch *b);

/* Copies key (1 to 512 bytes) and value. The last word on a key within a batch holds. False: no
 * memory, and the batch is worth nothing any more. */
NODISCARD bool store_batch_put(struct store_batch *b, struct bytes key, struct bytes value);
NODISCARD bool store_batch_delete(struct store_batch *b, struct bytes key);

typedef void store_done_fn(void *data);

/* Takes the batch. done runs later, never from within this call; batches are done in their order.
 */
void store_commit(struct store *s, struct store_batch *b, store_done_fn *done, void *data);

/* Calls fn for every record whose key begins with prefix, in order of keys, as of the last durable
 * batch; ends early with fn's error when fn returns false. Key and value are borrowed for the call.
 */
typedef bool store_each_fn(void *data, struct bytes key, struct bytes value, struct err *e);
NODISCARD bool store_each(struct store *s, struct bytes prefix, store_each_fn *fn, void *data,
                          struct err *e);

/* The same from the key `from` on, which begins with prefix. */
NODISCARD bool store_each_from(struct store *s, struct bytes prefix, struct bytes from,
                               store_each_fn *fn, void *data, struct err *e);

/* Appends a record's value; ERR_MISSING "store.no-record" when there is none. */
NODISCARD bool store_get(struct store *s, struct bytes key, struct buf *out, struct err *e);

/* What one implementation provides; store_commit() and store_each() go through it. */
struct store_type {
    void (*commit)(struct store *s, struct store_batch *b);
    bool (*each)(struct store *s, struct bytes prefix, struct bytes from, store_each_fn *fn,
                 void *data, struct err *e);
    void (*close)(struct store *s);
};

#endif
