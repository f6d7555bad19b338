/* session_rpc.h - the agent's one stream to the controller: keeps it open, answers what comes. */
#ifndef AGENT_SESSION_RPC_H
#define AGENT_SESSION_RPC_H

#include <uv.h>

#include "agent/epochs.h"
#include "agent/heads.h"
#include "agent/identity.h"
#include "agent/keeps.h"
#include "agent/lease.h"
#include "agent/logs.h"
#include "agent/source_job.h"
#include "attest/binding.h"
#include "base/rand.h"
#include "rpc/client.h"

struct session {
    /* set before session_begin(); borrowed */
    uv_loop_t *uv;
    struct rpc_client *client;
    const char *node;
    const Bailey__V1__Declared *declared;
    const struct source *source; /* NULL: this host has no evidence to give */
    struct identity *identity;
    struct epochs *epochs;
    struct revoked *revoked;
    struct heads *heads;
    struct lease *lease;
    struct keeps *keeps;
    struct logs *logs;
    /* its own */
    char boot_id[UUID_TEXT];
    struct source_job job;
    uint8_t nonce[BINDING_NONCE_SIZE]; /* of the newest challenge */
    struct rpc_call *call;             /* NULL: not open */
    bool welcomed, ending;
    bool renew_soon; /* the authority that signed the certificate is on its way out */
    int64_t lease_ms, backoff_ms;
    uv_timer_t beat, retry, renewal;
};

NODISCARD bool session_begin(struct session *s, struct err *e);
void session_close(struct session *s); /* ends the stream and its timers */

#endif
