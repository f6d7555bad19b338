/* health.h - whether a running keep does its work: when to check (pure), and the check itself in a
 * process of its own, inside the keep's namespaces.
 *
 *   health_started -> (interval) -> check -> success: healthy
 *                                         -> failure: after `threshold` in a row unhealthy
 *
 * Times are CLOCK_BOOTTIME milliseconds given by the caller. */
#ifndef LOADER_HEALTH_H
#define LOADER_HEALTH_H

#include <sys/types.h>

#include "agent/loader/limits.h"
#include "bailey/v1/session.pb-c.h"
#include "base/err.h"

#define HEALTH_TEXT 120

struct health {
    const Bailey__V1__Health *spec; /* borrowed; NULL: nothing is checked */
    int64_t interval_ms, timeout_ms, start_period_ms;
    unsigned threshold;
    Bailey__V1__KeepStatus__Health state;
    unsigned failures;      /* in a row */
    int64_t grace_ms;       /* failures do not count until then; 0: they count */
    int64_t next_ms;        /* of the next check, or of the running one's timeout; 0: none */
    pid_t checker;          /* 0: no check runs */
    int out_fd;             /* what the checker says; -1 */
    char text[HEALTH_TEXT]; /* of the last failure */
};

enum health_news {
    HEALTH_SAME,
    HEALTH_CHANGED, /* state is another: report it */
    HEALTH_FAILED,  /* unhealthy since now: the keep is to be ended */
};

void health_init(struct health *h, const Bailey__V1__Health *spec);
void health_started(struct health *h, int64_t now_ms);
/* The program is over: ends a check that runs. */
void health_stopped(struct health *h);
/* One check's outcome; text says why it failed. */
enum health_news health_result(struct health *h, bool good, const char *text, int64_t now_ms);

/* next_ms is reached: starts the check, or ends one that takes too long. pid: the sandbox's first
 * process; host_network: the keep has the host's network. */
enum health_news health_tick(struct health *h, pid_t pid, bool host_network, const struct limits *l,
                             int64_t now_ms);
/* The checker was reaped with this wait status. */
enum health_news health_reaped(struct health *h, int status, int64_t now_ms);

/* health_check.c: forks the process that checks. */
NODISCARD bool health_check(const Bailey__V1__Health *spec, pid_t pid, bool host_network,
                            const struct limits *l, pid_t *checker, int *out_fd, struct err *e);

#endif
