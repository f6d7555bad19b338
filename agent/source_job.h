/* source_job.h - one question to a source from a loop: asked on a thread, tried again after a
 * growing pause while the reason is a passing one, and over at its deadline. A thread that firmware
 * holds longer is waited for by nobody; the next question begins when it is back. */
#ifndef AGENT_SOURCE_JOB_H
#define AGENT_SOURCE_JOB_H

#include <uv.h>

#include "agent/source.h"

/* On the loop's thread; evidence is NULL when e says why there is none, and borrowed otherwise. */
typedef void source_done(void *user, const struct source_evidence *evidence, const struct err *e);

struct source_attempt;

struct source_job {
    uv_loop_t *uv; /* borrowed, as the source */
    const struct source *source;
    source_done *done;
    void *user;
    /* its own */
    uv_timer_t pause, deadline;
    struct source_attempt *at_work; /* a thread has it; NULL: none */
    bool wanted;                    /* an answer is owed */
    uint64_t question;              /* counts them */
    unsigned tries;
    uint8_t report_data[SOURCE_REPORT_DATA];
    struct err last; /* of the last try */
};

void source_job_init(struct source_job *j, uv_loop_t *uv, const struct source *s, source_done *done,
                     void *user);

/* Asks. A question that is open already is forgotten without an answer. source.timeout after
 * limit_ms (with the last try's reason in the message). */
void source_job_ask(struct source_job *j, const uint8_t report_data[SOURCE_REPORT_DATA],
                    uint32_t limit_ms);

/* The open question is forgotten. */
void source_job_drop(struct source_job *j);

/* Ends it; a thread at work goes on without it. The memory of j is needed until the loop has run.
 */
void source_job_close(struct source_job *j);

#endif
