#include "agent/loader/health.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define INTERVAL_MS 10000 /* the schema's defaults */
#define TIMEOUT_MS 2000
#define THRESHOLD 3

static int64_t duration_or(const char *s, int64_t fallback)
{
    struct err ignored;
    int64_t ms;

    return s[0] != '\0' && duration_parse(s, &ms, &ignored) && ms > 0 ? ms : fallback;
}

void health_init(struct health *h, const Bailey__V1__Health *spec)
{
    *h = (struct health){.spec = spec, .out_fd = -1};
    if (spec == NULL)
        return;
    h->interval_ms = duration_or(spec->interval, INTERVAL_MS);
    h->timeout_ms = duration_or(spec->timeout, TIMEOUT_MS);
    h->start_period_ms = duration_or(spec->start_period, 0);
    h->threshold = spec->threshold == 0 ? THRESHOLD : spec->threshold;
}

void health_started(struct health *h, int64_t now_ms)
{
    h->state = BAILEY__V1__KEEP_STATUS__HEALTH__unchecked;
    h->failures = 0;
    h->text[0] = '\0';
    h->next_ms = h->spec == NULL ? 0 : now_ms + h->interval_ms;
    h->grace_ms = h->start_period_ms == 0 ? 0 : now_ms + h->start_period_ms;
}

static void checker_forget(struct health *h)
{
    if (h->out_fd >= 0)
        (void)close(h->out_fd);
    h->out_fd = -1;
    h->checker = 0;
}

void health_stopped(struct health *h)
{
    if (h->checker > 0)
        (void)kill(h->checker, SIGKILL); /* reaped with all others */
    checker_forget(h);
    h->next_ms = 0;
    h->state = BAILEY__V1__KEEP_STATUS__HEALTH__unchecked;
}

enum health_news health_result(struct health *h, bool good, const char *text, int64_t now_ms)
{
    Bailey__V1__KeepStatus__Health before = h->state;

    h->next_ms = now_ms + h->interval_ms;
    if (good) {
        h->failures = 0;
        h->grace_ms = 0;
        h->state = BAILEY__V1__KEEP_STATUS__HEALTH__healthy;
        return before == h->state ? HEALTH_SAME : HEALTH_CHANGED;
    }
    (void)str_copy(h->text, sizeof h->text, text);
    if (now_ms < h->grace_ms || ++h->failures < h->threshold)
        return HEALTH_SAME;
    h->state = BAILEY__V1__KEEP_STATUS__HEALTH__unhealthy;
    return before == h->state ? HEALTH_SAME : HEALTH_FAILED;
}

enum health_news health_tick(struct health *h, pid_t pid, bool host_network, const struct limits *l,
                             int64_t now_ms)
{
    char text[HEALTH_TEXT];
    struct err e = {0};

    if (h->next_ms == 0 || now_ms < h->next_ms)
        return HEALTH_SAME;
    if (h->checker > 0) {
        (void)kill(h->checker, SIGKILL);
        checker_forget(h);
        (void)snprintf(text, sizeof text, "no answer within %lld ms", (long long)h->timeout_ms);
        return health_result(h, false, text, now_ms);
    }
    if (!health_check(h->spec, pid, host_network, l, &h->checker, &h->out_fd, &e))
        return health_result(h, false, e.msg, now_ms);
    h->next_ms = now_ms + h->timeout_ms;
    return HEALTH_SAME;
}

enum health_news health_reaped(struct health *h, int status, int64_t now_ms)
{
    char text[HEALTH_TEXT] = "the check was killed";
    ssize_t n;

    if (WIFEXITED(status)) {
        n = read(h->out_fd, text, sizeof text - 1);
        if (n > 0)
            text[n] = '\0';
        else
            (void)snprintf(text, sizeof text, "exited with code %d", WEXITSTATUS(status));
    }
    checker_forget(h);
    return health_result(h, WIFEXITED(status) && WEXITSTATUS(status) == 0, text, now_ms);
}
