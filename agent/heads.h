/* heads.h - the highest tree head of the audit log that this agent was told, on disk: what shows
 * that a controller works on an older store. */
#ifndef AGENT_HEADS_H
#define AGENT_HEADS_H

#include "bailey/v1/audit.pb-c.h"
#include "base/err.h"

struct heads {
    int dir_fd;                    /* borrowed; the file "tree-head" in it */
    Bailey__V1__TreeHead *highest; /* owned; NULL: none yet */
};

/* Reads the file; none is fine. ERR_INPUT "heads.damaged" for one that cannot be understood. */
NODISCARD bool heads_load(struct heads *h, int dir_fd, struct err *e);
void heads_fini(struct heads *h);

/* Remembers the head; durable on true. ERR_CONFLICT: "heads.lower" when it covers less than the
 * remembered one, "heads.fork" when it says something else about as many entries. */
NODISCARD bool heads_take(struct heads *h, const Bailey__V1__TreeHead *m, struct err *e);

/* An operator accepted that the store was put back. The old head stays beside, in
 * "tree-head.before-rollback", for whoever looks into it. */
NODISCARD bool heads_forget(struct heads *h, struct err *e);

#endif
