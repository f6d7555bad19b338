/* failpoint.h - places where a test can kill the controller: BAILEY_FAILPOINT=NAME:COUNT in the
 * environment ends the process with SIGKILL when it comes to the place NAME for the COUNT-th time.
 * The table is the one list of them; `bailey-controller --failpoints` prints it. They cost one
 * comparison where none is set. */
#ifndef CONTROLLER_FAILPOINT_H
#define CONTROLLER_FAILPOINT_H

#include <stdbool.h>
#include <stdio.h>

/* In the order in which a revocation comes by. */
#define FAILPOINTS(X)                                                                              \
    X(FAIL_PLANNED, "plan.made")                                                                   \
    X(FAIL_CHECKED, "revoke.checked")                                                              \
    X(FAIL_ENTERED, "revoke.entered")                                                              \
    X(FAIL_BEGUN, "revoke.begun")                                                                  \
    X(FAIL_FLUSHED, "revoke.flushed")                                                              \
    X(FAIL_DURABLE, "revoke.durable")                                                              \
    X(FAIL_TOLD_FIRST, "fence.first-told")                                                         \
    X(FAIL_TOLD_ALL, "fence.all-told")                                                             \
    X(FAIL_KEPT_FIRST, "fence.first-kept")                                                         \
    X(FAIL_FENCED, "fence.closed")                                                                 \
    X(FAIL_DECIDED, "move.decided")                                                                \
    X(FAIL_REPLACED, "move.replacement-bound")                                                     \
    X(FAIL_START_DURABLE, "move.replacement-durable")                                              \
    X(FAIL_START_SENT, "move.replacement-sent")                                                    \
    X(FAIL_STARTING, "move.replacement-reported")                                                  \
    X(FAIL_RUNNING, "move.replacement-running")                                                    \
    X(FAIL_STOP_DECIDED, "move.stop-decided")                                                      \
    X(FAIL_STOP_SENT, "move.stop-sent")                                                            \
    X(FAIL_ENDED, "move.old-ended")                                                                \
    X(FAIL_COUNTED, "report.counted")                                                              \
    X(FAIL_HALF, "report.half")                                                                    \
    X(FAIL_ZERO, "report.zero")                                                                    \
    X(FAIL_REPORTED, "report.last-batch")                                                          \
    X(FAIL_LIFTING, "lift.begun")                                                                  \
    X(FAIL_LIFTED, "lift.durable")

enum failpoint {
#define X(id, name) id,
    FAILPOINTS(X)
#undef X
        FAILPOINT_COUNT
};

/* Reads the environment; false: it names no place. */
bool failpoint_arm(void);
void failpoint_list(FILE *to);

extern unsigned failpoint_left[FAILPOINT_COUNT]; /* 0: not armed */
void failpoint_hit(enum failpoint at);

static inline void failpoint(enum failpoint at)
{
    if (__builtin_expect(failpoint_left[at] != 0, 0))
        failpoint_hit(at);
}

#endif
