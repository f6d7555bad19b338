/* txn.h - how state changes become durable, and what may leave only then.
 *
 * All changes made within one round of the loop form one batch. Memory changes at once; answers,
 * commands and watch events that depend on it are effects, released after the batch is durable, in
 * order. A reader that must not show what could still be lost waits with txn_after(), too. */
#ifndef CONTROLLER_TXN_H
#define CONTROLLER_TXN_H

#include "controller/state.h"

NODISCARD bool txn_init(struct state *st, struct err *e);
/* Flushes; then no more hooks of the loop. */
void txn_fini(struct state *st);

/* The object changed and is to be stored. */
void txn_touch(struct state *st, struct object *o);
/* Only what watchers see of it changed (link, counters). */
void txn_show(struct state *st, struct object *o);
/* Deletes it from store and memory; o is gone when this returns. */
void txn_remove(struct state *st, struct object *o);

void txn_put(struct state *st, const char *key, const ProtobufCMessage *m);
void txn_delete(struct state *st, const char *key);
/* A record that is no message. */
void txn_put_bytes(struct state *st, const char *key, struct bytes value);

/* The revision of the open batch; opens one. */
uint64_t txn_revision(struct state *st);

/* What holds for the whole cluster changes with the open batch: its revision is the policies'. */
void txn_raise_policy_revision(struct state *st);

typedef void txn_effect_fn(struct state *st, void *data);
/* Runs fn once everything changed up to now is durable; at once when it is already. */
void txn_after(struct state *st, txn_effect_fn *fn, void *data);

/* Commits what is open. The loop's hooks call it after every round. */
void txn_flush(struct state *st);
bool txn_idle(const struct state *st); /* nothing open, nothing under way */
/* For how long the newest batch under way has waited for the store, in milliseconds; 0: none is. */
int64_t txn_waits_ms(const struct state *st);

/* True when the object's last change is durable: only then may others hear of it. */
bool txn_settled(const struct state *st, const struct object *o);

/* Makes an event; type "normal" or "warning". about NULL: of the cluster as a whole. */
void event_add(struct state *st, const struct object *about, const char *type, const char *reason,
               const char *actor, const char *fmt, ...) PRINTFLIKE(6, 7);

/* Watchers: told of every change after its commit. view is a Bailey__V1__Object as of the change.
 */
enum change { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_REMOVED };
struct watcher {
    void (*changed)(struct watcher *, enum change, const Bailey__V1__Object *view,
                    uint64_t revision);
    struct watcher *next, **link;
};
void watcher_add(struct state *st, struct watcher *w);
void watcher_remove(struct watcher *w);

#endif
