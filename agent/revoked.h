/* revoked.h - the revocations that name this host's platform, as the controller said last; on disk
 * before they are confirmed. What they refuse is refused whoever asks for it, also after a restart
 * without a controller. Loop thread only. */
#ifndef AGENT_REVOKED_H
#define AGENT_REVOKED_H

#include "agent/epochs.h"
#include "base/arena.h"

struct keeps;

struct revoked {
    int dir_fd; /* borrowed; the file "revocations" in it */
    struct arena arena;
    const Bailey__V1__NodeRevocations *now; /* never NULL */
};

/* Reads the file; none is fine. One that cannot be read is an error: guessing would forget what
 * must not be forgotten. */
NODISCARD bool revoked_load(struct revoked *r, int dir_fd, struct err *e);
void revoked_fini(struct revoked *r);

/* Takes the controller's set in place of the one that is there; durable on true. A set of an older
 * policy revision is left alone (true). ERR_LIMIT when it is too large. */
NODISCARD bool revoked_take(struct revoked *r, const Bailey__V1__NodeRevocations *m, struct err *e);

/* ERR_DENIED "keep.revoked" where a revocation refuses the start. */
NODISCARD bool revoked_admits(const struct revoked *r, const Bailey__V1__StartKeep *s,
                              struct err *e);

/* Name of the first revocation that says that the workload's keeps are to be stopped; NULL: none
 * does. */
const char *revoked_stops(const struct revoked *r, const char *ns, const char *workload);

#endif
