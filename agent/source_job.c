#include "agent/source_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Belongs to the thread between uv_queue_work() and after_work(), to the loop before and after. */
struct source_attempt {
    uv_work_t work;
    struct source_job *job; /* NULL: closed meanwhile; touched by the loop alone */
    const struct source *source;
    uint64_t question;
    uint8_t report_data[SOURCE_REPORT_DATA];
    bool good;
    struct source_evidence evidence;
    struct err e;
};

static void attempt(struct source_job *j);

static void work(uv_work_t *w)
{
    struct source_attempt *a = w->data;

    a->good = a->source->kind->collect(a->source, a->report_data, &a->evidence, &a->e);
}

static void attempt_free(struct source_attempt *a)
{
    source_evidence_fini(&a->evidence);
    free(a);
}

static void finish(struct source_job *j, const struct source_evidence *evidence,
                   const struct err *e)
{
    j->wanted = false;
    (void)uv_timer_stop(&j->pause), (void)uv_timer_stop(&j->deadline);
    j->done(j->user, evidence, e);
}

static void on_pause(uv_timer_t *t)
{
    attempt(t->data);
}

static void after_work(uv_work_t *w, int status)
{
    struct source_attempt *a = w->data;
    struct source_job *j = a->job;

    (void)status; /* never cancelled */
    if (j == NULL) {
        attempt_free(a);
        return;
    }
    j->at_work = NULL;
    if (!j->wanted) {
    } else if (a->question != j->question) {
        attempt(j);
    } else if (a->good) {
        finish(j, &a->evidence, NULL);
    } else if (!source_again(&a->e)) {
        finish(j, NULL, &a->e);
    } else {
        j->last = a->e;
        log_debug("evidence is asked for again", LOG_ERR(&a->e), LOG_INT("tries", j->tries));
        (void)uv_timer_start(&j->pause, on_pause, source_backoff_ms(j->tries++), 0);
    }
    attempt_free(a);
}

static void attempt(struct source_job *j)
{
    struct source_attempt *a = calloc(1, sizeof *a);
    struct err e = {0};

    if (a == NULL) {
        err_set(&e, ERR_NOMEM, "memory", "no memory for evidence");
        finish(j, NULL, &e);
        return;
    }
    a->work.data = a;
    a->job = j;
    a->source = j->source;
    a->question = j->question;
    memcpy(a->report_data, j->report_data, sizeof a->report_data);
    j->at_work = a;
    BUG_ON(uv_queue_work(j->uv, &a->work, work, after_work) != 0);
}

static void on_deadline(uv_timer_t *t)
{
    struct source_job *j = t->data;
    struct err e = {0};

    err_set(&e, ERR_TIMEOUT, "source.timeout", "no evidence in time%s%s",
            j->last.code == ERR_NONE ? "" : "; the last try: ", j->last.msg);
    finish(j, NULL, &e);
}

void source_job_init(struct source_job *j, uv_loop_t *uv, const struct source *s, source_done *done,
                     void *user)
{
    *j = (struct source_job){.uv = uv, .source = s, .done = done, .user = user};
    (void)uv_timer_init(uv, &j->pause), j->pause.data = j;
    (void)uv_timer_init(uv, &j->deadline), j->deadline.data = j;
}

void source_job_ask(struct source_job *j, const uint8_t report_data[SOURCE_REPORT_DATA],
                    uint32_t limit_ms)
{
    source_job_drop(j);
    j->wanted = true;
    j->question++;
    j->tries = 0;
    j->last = (struct err){0};
    memcpy(j->report_data, report_data, sizeof j->report_data);
    (void)uv_timer_start(&j->deadline, on_deadline, limit_ms, 0);
    if (j->at_work == NULL)
        attempt(j);
}

void source_job_drop(struct source_job *j)
{
    j->wanted = false;
    (void)uv_timer_stop(&j->pause), (void)uv_timer_stop(&j->deadline);
}

void source_job_close(struct source_job *j)
{
    source_job_drop(j);
    if (j->at_work != NULL)
        j->at_work->job = NULL;
    j->at_work = NULL;
    uv_close((uv_handle_t *)&j->pause, NULL);
    uv_close((uv_handle_t *)&j->deadline, NULL);
}
