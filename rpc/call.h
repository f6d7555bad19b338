/* call.h - one call, on either side. Servers get theirs in handlers (server.h), clients make theirs
 * (client.h); from there on both use the functions below, on the loop's thread only.
 *
 * How long a `struct rpc_call *` may be used:
 * - server, unary: from the handler until rpc_reply() or rpc_fail(), exactly one of which must
 * come, now or later, also after the caller has gone (then nothing is sent);
 * - stream, either side: from on_open (client: from rpc_stream_open()) until on_closed returns.
 *   on_closed always comes, exactly once, and last;
 * - rpc_call_ref() lengthens the memory, not the call: after the end the functions do nothing.
 * A message given to a callback lives until the callback returns; rpc_call_arena() is where to
 * copy what a call must keep. */
#ifndef RPC_CALL_H
#define RPC_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "rpc/tls.h"

struct rpc_call;

/* What happens on a stream. Any may be NULL.
 * on_half_close (server): the client sends no more. A cancel that follows by more than 2 ms can
 * look like this first, so whoever must know that all came says how much that is. on_writable:
 * something went out, and rpc_pending() < RPC_LOW_WATER. on_closed: the last one; a client asks
 * rpc_call_status() how it ended. */
struct rpc_stream {
    void (*on_open)(struct rpc_call *, void *user);
    void (*on_message)(struct rpc_call *, const ProtobufCMessage *, void *user);
    void (*on_half_close)(struct rpc_call *, void *user);
    void (*on_writable)(struct rpc_call *, void *user);
    void (*on_closed)(struct rpc_call *, bool cancelled, void *user);
};

#define RPC_LOW_WATER (64u << 10)

/* Queues a message (packed at once: it may go when this returns). False when the call is over or
 * finishing, or when the other end takes so little that more than the queue limit (16 MiB) waits:
 * then the call is cancelled. */
bool rpc_send(struct rpc_call *c, const ProtobufCMessage *m);
size_t rpc_pending(const struct rpc_call *c); /* bytes not yet handed to the transport */

/* Pause: at most one more message arrives; what follows stays with the sender. */
void rpc_read_pause(struct rpc_call *c);
void rpc_read_resume(struct rpc_call *c);

/* Server, unary: the answer. */
void rpc_reply(struct rpc_call *c, const ProtobufCMessage *m);
void rpc_fail(struct rpc_call *c, const struct err *e);

/* Server, stream: ends it after all queued messages; e NULL: OK. */
void rpc_finish(struct rpc_call *c, const struct err *e);

/* Client: no more messages from here; the stream goes on until the server ends it. */
void rpc_half_close(struct rpc_call *c);

/* Ends the call now, queued messages are lost; on_closed follows with cancelled true. */
void rpc_cancel(struct rpc_call *c);

bool rpc_call_cancelled(const struct rpc_call *c); /* known to be over without a proper end */

/* In on_closed of a client: true when the server ended the stream with OK; else *e is its error. */
bool rpc_call_status(const struct rpc_call *c, struct err *e);

/* Milliseconds left until the caller's deadline; INT64_MAX: it has none. */
int64_t rpc_call_left_ms(const struct rpc_call *c);

void *rpc_call_user(const struct rpc_call *c); /* NULL until set */
void rpc_call_set_user(struct rpc_call *c, void *user);
const struct rpc_peer *rpc_call_peer(struct rpc_call *c); /* lives as long as the call */
const char *rpc_call_address(struct rpc_call *c);         /* "ipv4:10.0.0.7:4711", for logs */
const char *rpc_call_method(const struct rpc_call *c);    /* "/bailey.v1.Operator/Get" */

/* Memory that lives as long as the call, at most the server's max_arena_bytes. */
struct arena *rpc_call_arena(struct rpc_call *c);

struct rpc_call *rpc_call_ref(struct rpc_call *c);
void rpc_call_unref(struct rpc_call *c);

#endif
