/* keeps.h - the keeps of this node: starts a loader for each, listens to it, finds it again after a
 * restart of the agent. One folder a keep: DIR/keeps/<uid>. Loop thread only. */
#ifndef AGENT_KEEPS_H
#define AGENT_KEEPS_H

#include <uv.h>

#include "agent/artifact.h"
#include "agent/epochs.h"
#include "agent/image.h"
#include "agent/lease.h"
#include "agent/revoked.h"
#include "agent/spares.h"
#include "bailey/v1/session.pb-c.h"
#include "base/err.h"
#include "base/vec.h"

struct keep;

struct keeps {
    uv_loop_t *uv;
    struct artifacts *artifacts;
    struct images *images;
    struct epochs *epochs;
    struct revoked *revoked;
    struct lease *lease;
    char dir[512]; /* absolute: DIR/keeps */
    int dir_fd;
    struct spares spares;
    struct sweeper sweeper;
    /* Called at every change, also from within keeps_start() and keeps_stop(). */
    void (*on_report)(void *user, const Bailey__V1__KeepReport *r);
    void *user;
    VEC(struct keep *) all;
};

/* Takes up again what is in the folder: living loaders are listened to, dead ones' keeps ended. */
NODISCARD bool keeps_init(struct keeps *k, uv_loop_t *uv, int data_fd, const char *data,
                          struct err *e);

/* Every command is answered by a report, refusals by one that says ended, with the reason. */
void keeps_start(struct keeps *k, const Bailey__V1__StartKeep *s);
void keeps_stop(struct keeps *k, const Bailey__V1__StopKeep *s);

/* Stops what a revocation of action stop names, without waiting to be told keep by keep. */
void keeps_revoke(struct keeps *k);

/* The lease moved: tells every loader. */
void keeps_renew(struct keeps *k);

/* Closes what listens; the loaders and their keeps go on. */
void keeps_close(struct keeps *k);

size_t keeps_count(const struct keeps *k);
const Bailey__V1__KeepReport *keeps_report(const struct keeps *k, size_t i);

/* For artifact_store.needed: a keep that has not ended runs that file, or waits for it. */
bool keeps_need(void *user, const char *name);

/* The folder of a keep's log, or -1; *ended: nothing will be written any more. */
int keeps_folder(const struct keeps *k, const char *uid, bool *ended);

#endif
