/* epochs.h - the highest numbers this agent ever obeyed, on disk before they are acted on: no old
 * controller, old decision or old instance of a replica is followed again, also after a restart. */
#ifndef AGENT_EPOCHS_H
#define AGENT_EPOCHS_H

#include <stdint.h>

#include "bailey/v1/session.pb-c.h"
#include "base/err.h"
#include "base/vec.h"

struct epoch_entry {
    char *replica; /* owned: "namespace/workload/replica" */
    uint64_t epoch;
    char uid[40];
};

struct epochs {
    int dir_fd; /* borrowed; the file "epochs" in it: a journal, the last line about a thing counts
                 */
    int fd;     /* of the journal, or -1 */
    size_t lines;
    uint64_t controller, policy;
    VEC(struct epoch_entry) keeps;
};

/* Reads the file; none is fine. Every line ends with a checksum. A torn last line, which nobody was
 * told was written, is dropped; any other that cannot be understood is an error: guessing would
 * forget what must never be forgotten. */
NODISCARD bool epochs_load(struct epochs *p, int dir_fd, struct err *e);
void epochs_fini(struct epochs *p);

/* ERR_CONFLICT "epoch.controller-stale" when lower than the highest; durable on true. */
NODISCARD bool epochs_controller(struct epochs *p, uint64_t epoch, struct err *e);
/* Raises the highest policy revision seen; lower ones are fine. */
NODISCARD bool epochs_policy(struct epochs *p, uint64_t revision, struct err *e);

/* May this keep be started? Same uid and epoch again: yes. ERR_CONFLICT "epoch.controller-stale",
 * "epoch.policy-stale", "epoch.keep-stale". Durable on true. */
NODISCARD bool epochs_admit(struct epochs *p, const Bailey__V1__StartKeep *s, struct err *e);

#endif
