/* metrics.h - what the controller counts about itself, and all of it as text for /metrics. Loop
 * thread only.
 *
 * Counters stand here from the start of the process on; what can be counted from the state is
 * counted when somebody asks (metrics_state.c), and at most once in so long that the loop spends a
 * fiftieth of its time on it. */
#ifndef CONTROLLER_METRICS_H
#define CONTROLLER_METRICS_H

#include "base/buf.h"
#include "controller/http.h"
#include "controller/state.h"

struct metrics;

struct metrics *metrics_new(void); /* NULL: no memory */
void metrics_free(struct metrics *m);

/* In all of these NULL is fine, and counts nothing. */
void metrics_commit(struct metrics *m, uint64_t us, size_t records); /* a batch is durable */
void metrics_placed(struct metrics *m);                              /* a keep got its node */
/* Evidence was verified; reason is "" or why it was refused. */
void metrics_verdict(struct metrics *m, const char *reason);
/* A call ended; path as in rpc_call_method(), status as gRPC numbers them. A server's observer. */
void metrics_call(void *metrics, const char *path, int status, uint64_t us);

/* All of it, as of now or of a moment ago. */
void metrics_format(struct state *st, bool openmetrics, struct buf *out);

/* /metrics, /healthz and /readyz, for http_server_new() with the state as user. */
extern const struct http_route metrics_routes[];

#endif
