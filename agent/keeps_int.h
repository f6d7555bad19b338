/* keeps_int.h - what keeps.c and keeps_adopt.c share. */
#ifndef AGENT_KEEPS_INT_H
#define AGENT_KEEPS_INT_H

#include "agent/keeps.h"
#include "agent/loader/control.h"
#include "base/arena.h"

#define KEEP_CONNECT_MS 50 /* between tries to reach a new loader */

struct keep {
    struct keeps *all;
    struct arena arena; /* spec */
    const Bailey__V1__StartKeep *spec;
    Bailey__V1__KeepReport report; /* its texts are the two below */
    char reason[256], exit_reason[32];
    const char *lost_reason; /* a literal */
    int dir_fd, control;     /* -1 */
    uv_poll_t poll;          /* on control */
    uv_timer_t timer;        /* until control is there */
    unsigned tries, lost_looks, handles;
    struct spare *loader; /* its process, while it is our child */
    char group[LIMITS_NAME];
    bool ended, closing, stop_wanted;
    bool lost;  /* its loader died; it is over once nothing of it lives */
    bool quiet; /* the controller need not hear yet that it is starting */
    struct control stop;
};

bool keep_uid_ok(const char *uid);
/* A keep in all->all, in no state yet. */
struct keep *keep_new(struct keeps *all, const Bailey__V1__StartKeep *s);
/* Takes what the loader wrote last; false: nothing that can be read. */
bool keep_report_load(struct keep *k);
/* Whether a loader has the keep's folder. */
bool keep_loader_lives(struct keep *k);
/* Connects to a loader that runs already. */
bool keep_listen(struct keep *k);
void keep_on_connect_timer(uv_timer_t *t); /* tries that again */
/* Its loader died, and the keep with it, but not in the same instant: "ended" is said once nothing
 * of it lives, for the controller may then start it elsewhere. */
void keep_lost(struct keep *k, const char *reason);
/* keeps_fetch.c: gets what the keep needs, then calls keep_artifact(), at once when it cannot. */
void keep_fetch(struct keep *k);
/* The artifact is at path, or will not come: *why. The keep may be gone. */
void keep_artifact(struct keeps *all, const char *uid, const char *path, const struct err *why);
/* Ended by our own word, not the loader's. exit: see KeepStatus.exit_reason. */
void keep_end(struct keep *k, const char *exit, const char *reason);

#endif
