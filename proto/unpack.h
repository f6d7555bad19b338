/* unpack.h - protobuf bytes from outside to messages, within limits.
 *
 * protobuf-c by itself accepts invalid UTF-8 and embedded NULs in strings and lets one megabyte of
 * input ask for forty of memory. Everything that comes from a peer goes through proto_unpack(). */
#ifndef PROTO_UNPACK_H
#define PROTO_UNPACK_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Messages in messages. Ours are not recursive and nest far less; protobuf-c itself has no bound.
 */
#define PROTO_DEPTH_MAX 32

/* Unpacks exactly `in` into memory of `a`; the message dies with the arena (never free_unpacked()).
 * Refuses bad wire format (proto.malformed), a message that needs more than the arena's limit
 * (proto.too-large) or nests too deep (proto.too-deep), and strings that are not UTF-8 or hold a
 * NUL (proto.text, field path set). */
NODISCARD bool proto_unpack(const ProtobufCMessageDescriptor *type, struct bytes in,
                            struct arena *a, ProtobufCMessage **out, struct err *e);

/* Appends the message's bytes to `out`. */
void proto_pack(const ProtobufCMessage *m, struct buf *out);

/* A deep copy in memory of `a`, NULL when the arena is full. */
ProtobufCMessage *proto_copy(const ProtobufCMessage *m, struct arena *a);

#endif
