/* logs.h - sends what keeps wrote to whoever asked: the last lines, then, if wanted, what comes. */
#ifndef AGENT_LOGS_H
#define AGENT_LOGS_H

#include <uv.h>

#include "agent/keeps.h"
#include "bailey/v1/session.pb-c.h"
#include "base/vec.h"

#define LOGS_READINGS 64 /* at once */

struct reading;

struct logs {
    uv_loop_t *uv;
    const struct keeps *keeps;
    /* Sends to the controller; false: not now, ask again later (back-pressure) or never (no
     * session). */
    bool (*send)(void *user, const Bailey__V1__AgentMessage *m);
    void *user;
    VEC(struct reading *) all;
};

void logs_read(struct logs *l, const Bailey__V1__ReadLog *r); /* begins, or cancels */
/* There is room again: goes on at once instead of at the next look. */
void logs_writable(struct logs *l);
void logs_drop(struct logs *l); /* the session is over: all of them */

/* One record of a log file (loader/logfile.h); false when the line is none. */
NODISCARD bool log_record_parse(struct bytes line, int64_t *at_ms, bool *is_error,
                                struct bytes *text);
/* Where the last n lines of b begin; 0 lines: all of b. */
size_t log_tail(struct bytes b, uint32_t lines);

#endif
