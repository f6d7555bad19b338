#include "agent/loader/supervise.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

enum restart_policy restart_policy_parse(const char *s)
{
    if (s != NULL && strcmp(s, "on-failure") == 0)
        return RESTART_ON_FAILURE;
    if (s != NULL && strcmp(s, "never") == 0)
        return RESTART_NEVER;
    return RESTART_ALWAYS;
}

static void say(struct supervise *s, const char *text)
{
    (void)str_copy(s->reason, sizeof s->reason, text == NULL ? "" : text);
}

static unsigned end(struct supervise *s)
{
    s->state = SUPERVISE_ENDED;
    s->timer_ms = 0;
    return SUPERVISE_DO_REPORT | SUPERVISE_DO_END;
}

static int64_t next_wait(const struct supervise *s)
{
    int64_t wait = s->backoff_ms;

    for (unsigned i = 1; i < s->failures && wait < s->max_backoff_ms; i++)
        wait *= 2;
    return wait > s->max_backoff_ms ? s->max_backoff_ms : wait;
}

/* The program is over without having been asked: start again, later, or not. */
static unsigned again(struct supervise *s, bool failed, int64_t now_ms)
{
    if (s->policy == RESTART_NEVER || (s->policy == RESTART_ON_FAILURE && !failed))
        return end(s);
    if (s->running_since_ms != 0 && now_ms - s->running_since_ms >= SUPERVISE_SETTLED_MS)
        s->failures = 0;
    s->failures++;
    s->running_since_ms = 0;
    s->state = SUPERVISE_WAITING;
    s->timer_ms = now_ms + next_wait(s);
    return SUPERVISE_DO_REPORT;
}

static unsigned exited(struct supervise *s, const struct supervise_event *ev, int64_t now_ms)
{
    bool unhealthy = s->unhealthy;

    s->exit_code = ev->exit_code;
    s->exit_signal = ev->exit_signal;
    s->unhealthy = false;
    if (s->state == SUPERVISE_STOPPING)
        return end(s);
    s->exit_reason = unhealthy              ? "unhealthy"
                     : ev->out_of_memory    ? "out-of-memory"
                     : ev->exit_signal != 0 ? "signal"
                                            : "exited";
    if (unhealthy) /* the reason stands already */
        return again(s, true, now_ms);
    if (ev->out_of_memory)
        say(s, "memory limit reached");
    else if (ev->exit_signal != 0)
        (void)snprintf(s->reason, sizeof s->reason, "ended by signal %d", ev->exit_signal);
    else
        (void)snprintf(s->reason, sizeof s->reason, "exited with code %d", ev->exit_code);
    return again(s, ev->out_of_memory || ev->exit_code != 0 || ev->exit_signal != 0, now_ms);
}

static unsigned unhealthy(struct supervise *s, const struct supervise_event *ev, int64_t now_ms)
{
    if (s->state != SUPERVISE_RUNNING || s->unhealthy)
        return 0;
    s->unhealthy = true;
    s->timer_ms = now_ms + ev->grace_ms;
    say(s, ev->text);
    return SUPERVISE_DO_TERM | SUPERVISE_DO_REPORT;
}

static unsigned stop(struct supervise *s, const struct supervise_event *ev, int64_t now_ms)
{
    enum supervise_state before = s->state;
    bool now = ev->kind == SUPERVISE_DEADLINE || ev->grace_ms <= 0;

    if (before == SUPERVISE_ENDED)
        return 0;
    if (before != SUPERVISE_STOPPING) {
        say(s, ev->kind == SUPERVISE_DEADLINE ? "lease.expired" : ev->text);
        s->exit_reason = ev->kind == SUPERVISE_DEADLINE ? "lease-expired" : "stopped";
    }
    if (before == SUPERVISE_WAITING)
        return end(s);
    if (before == SUPERVISE_STOPPING &&
        !now) /* a second, shorter grace counts; a longer does not */
        return s->timer_ms == 0 || now_ms + ev->grace_ms >= s->timer_ms
                   ? 0
                   : (s->timer_ms = now_ms + ev->grace_ms, 0u);
    s->state = SUPERVISE_STOPPING;
    s->timer_ms = now ? 0 : now_ms + ev->grace_ms;
    return (now ? SUPERVISE_DO_KILL : SUPERVISE_DO_TERM) | SUPERVISE_DO_REPORT;
}

static unsigned timer(struct supervise *s)
{
    s->timer_ms = 0;
    if (s->state == SUPERVISE_STOPPING || s->unhealthy)
        return SUPERVISE_DO_KILL;
    if (s->state != SUPERVISE_WAITING)
        return 0;
    s->state = SUPERVISE_STARTING;
    s->restarts++;
    return SUPERVISE_DO_SPAWN | SUPERVISE_DO_REPORT;
}

unsigned supervise_step(struct supervise *s, const struct supervise_event *ev, int64_t now_ms)
{
    switch (ev->kind) {
    case SUPERVISE_BEGIN:
        s->exit_reason = "";
        s->state = SUPERVISE_STARTING;
        return SUPERVISE_DO_SPAWN | SUPERVISE_DO_REPORT;
    case SUPERVISE_SPAWNED:
        if (s->state != SUPERVISE_STARTING)
            return 0;
        s->state = SUPERVISE_RUNNING;
        s->running_since_ms = now_ms;
        say(s, ev->text);
        return SUPERVISE_DO_REPORT;
    case SUPERVISE_FAILED:
        say(s, ev->text);
        s->exit_code = -1;
        if (s->state == SUPERVISE_STOPPING)
            return end(s);
        s->exit_reason = "not-started";
        return again(s, true, now_ms);
    case SUPERVISE_UNHEALTHY:
        return unhealthy(s, ev, now_ms);
    case SUPERVISE_EXITED:
        return exited(s, ev, now_ms);
    case SUPERVISE_STOP:
    case SUPERVISE_DEADLINE:
        return stop(s, ev, now_ms);
    case SUPERVISE_TIMER:
        return timer(s);
    default:
        return 0;
    }
}
