/* rpc_world.h - for tests: a server and clients in one process on one loop, with certificates in a
 * fresh directory. Listener 0 wants client certificates; listener 1 serves Enrolment without.
 *
 * Operator.Get is the unary method; its kind says what happens: "echo" answers with revision
 * strlen(name), "fail" fails with every text of struct err set, "later" answers from a timer,
 * "never" only when cancelled, "big" with a message of 5 MB.
 * NodeSession.Connect acknowledges heartbeats; number 13 ends the stream with an error, 99 asks for
 * a flood of 64 KB messages until `flood_stop`. Enrolment.Join says "welcome". */
#ifndef TESTS_RPC_WORLD_H
#define TESTS_RPC_WORLD_H

#include "bailey/v1/enrolment.pb-c.h"
#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "rpc/client.h"
#include "rpc/server.h"

struct world {
    uv_loop_t uv;
    struct rpc_loop loop;
    struct rpc_server *server;
    char dir[64];
    int port, enrol_port;
    char target[64], enrol_target[64];
    struct rpc_peer last_peer; /* of the last call that was authorized */
    unsigned opened, half_closed, closed, closed_cancelled, unary_cancelled, messages;
    size_t flood_sent, flood_pending_max;
    bool server_stopped, loop_closed;
    int64_t left_ms; /* deadline that the last unary call had */
    uv_timer_t later, guard;
    struct rpc_call *waiting; /* of "later" and "never" */
};

void world_start(struct world *w, const struct rpc_limits *limits);
void world_stop(struct world *w); /* everything, and checks that it ends */

void world_server_start(struct world *w, const struct rpc_limits *limits, int port);
void world_server_stop(struct world *w, int64_t grace_ms); /* waits for its end */

/* A client of listener 0 as certificate `name` ("operator"), of the CA `ca` ("ca"). */
struct rpc_client *world_client(struct world *w, const char *ca, const char *name);

/* Runs the loop until *flag; fails the test after 20 s. */
void world_wait(struct world *w, const bool *flag);
/* Runs the loop for that long. */
void world_run_ms(struct world *w, uint64_t ms);

/* One Operator.Get; true when it was answered. */
bool world_get(struct rpc_client *cl, const char *kind, const char *name, int64_t deadline_ms,
               uint64_t *revision, struct err *e);

#endif
