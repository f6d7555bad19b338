/* status.h - struct err on the wire: the one table between err_code and gRPC status, and the rich
 * details (google.rpc.Status with ErrorInfo, and BadRequest when a field is named) that travel in
 * the trailer grpc-status-details-bin. */
#ifndef RPC_STATUS_H
#define RPC_STATUS_H

#include "base/buf.h"
#include "base/err.h"

#define RPC_STATUS_DETAILS "grpc-status-details-bin"
#define RPC_STATUS_DOMAIN "bailey"

int rpc_status_of(enum err_code code);          /* a grpc_status_code */
enum err_code rpc_status_code(int grpc_status); /* the nearest; ERR_INTERNAL for unknown ones */

/* Appends the trailer's bytes. */
void rpc_status_pack(const struct err *e, struct buf *out);

/* Fills *e from what came; details may be empty or from another system (then reason is "rpc.<status
 * name>"). Never trusts its input. */
void rpc_status_unpack(int grpc_status, const char *message, struct bytes details, struct err *e);

#endif
