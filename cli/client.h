/* client.h - the controller, for a program that does one thing after another. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "bailey/v1/operator.pb-c.h"
#include "cli/command.h"
#include "cli/context.h"
#include "rpc/client.h"

struct client {
    struct context context;
    uv_loop_t uv;
    struct rpc_loop loop;
    struct rpc_client *rpc;
    bool patient;       /* calls wait for a controller that is away, rather than fail */
    struct arena arena; /* answers live here until the program ends */
};

/* Loads the context and makes c->client; connects at the first call. False: c->err is set. */
NODISCARD bool client_open(struct cli *c);
void client_close(struct cli *c); /* fine without client_open() */

/* One call of bailey.v1.Operator; *reply lives until client_close(). False: c->err is set. */
NODISCARD bool client_call(struct cli *c, const char *method, const ProtobufCMessage *req,
                           ProtobufCMessage **reply);

/* The same of another service. */
NODISCARD bool client_call_of(struct cli *c, const ProtobufCServiceDescriptor *service,
                              const char *method, const ProtobufCMessage *req,
                              ProtobufCMessage **reply);

/* Opens a stream of answers and hands each to `take` until that returns false or the stream ends.
 * timeout_ms 0: no end. True when it ended well or `take` had enough; else c->err is set. */
typedef bool (*client_take)(struct cli *c, const ProtobufCMessage *m, void *user);
NODISCARD bool client_stream(struct cli *c, const char *method, const ProtobufCMessage *req,
                             int64_t timeout_ms, client_take take, void *user);

/* Brings a file's bytes into the content store, unless they are there; goes on where an
 * interrupted upload ended. digest: "sha256:<hex>"; fd is read from its beginning. */
NODISCARD bool client_upload(struct cli *c, int fd, const char *digest, uint64_t size,
                             const char *name);

#endif
