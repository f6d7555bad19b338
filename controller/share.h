/* share.h - what each namespace's keeps hold, how much it may (ClusterSettings.quotas), and the
 * cluster's wishes for placing (ClusterSettings.placement). */
#ifndef CONTROLLER_SHARE_H
#define CONTROLLER_SHARE_H

#include "controller/state.h"
#include "scheduler/queue.h"

#define QUOTAS_MAX 256

struct shares; /* in struct state */

NODISCARD bool share_init(struct state *st, struct err *e);
void share_fini(struct state *st);

/* The keep holds its limits from now on, or no longer. Idempotent. */
void share_count(struct state *st, struct keep *k, bool holds);

/* A namespace's index into what share_use() returns: as many as *n. */
uint32_t share_of(struct state *st, const struct workload *w);
const struct queue_use *share_use(const struct state *st, size_t *n);

/* How many more keeps of the workload its namespace's quota admits, at most `want`. *what: as
 * quota_room(). */
uint32_t share_room(struct state *st, const struct workload *w, uint32_t want, const char **what);

/* Why replicas wait: the quota, and what is in the way on the nodes. Returns out. */
const char *share_pending(const struct workload *w, char *out, size_t size);

NODISCARD bool share_settings_check(const Bailey__V1__ClusterSettings *s, struct err *e);
/* The settings were loaded or changed. */
void share_settings_changed(struct state *st);

/* Says so, when a class keeps less free than the settings ask for, and when that is over. */
void share_reserve_watch(struct state *st);
/* "amd sev-snp genoa: 3 slots are free, the reserve is 10", a line a class; in memory of `a`. */
NODISCARD bool share_reserve_lines(const struct state *st, struct arena *a, char ***out, size_t *n);

#endif
