/* client_int.h - private to rpc/: a channel outlives the client that replaced it until its last
 * call is over. */
#ifndef RPC_CLIENT_INT_H
#define RPC_CLIENT_INT_H

#include "rpc/call_int.h"
#include "rpc/client.h"

struct rpc_channel {
    grpc_channel *core;
    unsigned refs; /* the client, and each call */
};

struct rpc_client {
    struct rpc_loop *loop;
    struct rpc_client_options o; /* texts owned */
    struct rpc_channel *channel;
    struct rpc_call *live;
};

void rpc_channel_unref(struct rpc_channel *ch);

#endif
