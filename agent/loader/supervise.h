/* supervise.h - the life of one keep as a pure step: (state, event, now) -> actions.
 *
 *   starting --SPAWNED--> running --EXITED--> waiting --TIMER--> starting ...
 *      any of these --STOP--> stopping --EXITED--> ended
 *      any of these --DEADLINE--> stopping (killed at once) --EXITED--> ended
 *   running --UNHEALTHY--> running, told to end --EXITED--> waiting
 *   running --EXITED--> ended, where the restart policy says so
 *
 * Times are CLOCK_BOOTTIME milliseconds given by the caller. */
#ifndef LOADER_SUPERVISE_H
#define LOADER_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

enum supervise_state {
    SUPERVISE_STARTING,
    SUPERVISE_RUNNING,
    SUPERVISE_WAITING,  /* for the next start */
    SUPERVISE_STOPPING, /* asked or killed; not over yet */
    SUPERVISE_ENDED,
};

enum supervise_event_kind {
    SUPERVISE_BEGIN,     /* once, first */
    SUPERVISE_SPAWNED,   /* the program runs */
    SUPERVISE_FAILED,    /* it could not be started; text says why */
    SUPERVISE_EXITED,    /* nothing of it is left */
    SUPERVISE_STOP,      /* asked to; grace_ms, text */
    SUPERVISE_DEADLINE,  /* the lease ended */
    SUPERVISE_UNHEALTHY, /* its health check failed too often; grace_ms, text */
    SUPERVISE_TIMER,     /* timer_ms is reached */
};

struct supervise_event {
    enum supervise_event_kind kind;
    int exit_code, exit_signal;
    bool out_of_memory;
    int64_t grace_ms;
    const char *text; /* borrowed */
};

enum supervise_action { /* bits */
                        SUPERVISE_DO_SPAWN = 1,
                        SUPERVISE_DO_TERM = 2, /* SIGTERM to the program */
                        SUPERVISE_DO_KILL = 4, /* everything of it, now */
                        SUPERVISE_DO_REPORT = 8,
                        SUPERVISE_DO_END = 16, /* the loader's work is done */
};

struct supervise {
    enum restart_policy policy;
    int64_t backoff_ms, max_backoff_ms;
    enum supervise_state state;
    int64_t timer_ms; /* when to send SUPERVISE_TIMER; 0: never */
    int64_t running_since_ms;
    unsigned restarts, failures; /* failures: in a row, for the back-off */
    int exit_code, exit_signal;
    bool unhealthy;          /* it was told to end for that, and runs still */
    const char *exit_reason; /* of the last end, as KeepStatus.exit_reason says; "": none yet */
    char reason[160];
};

/* A keep that ran this long starts its back-off anew. */
#define SUPERVISE_SETTLED_MS (10 * 60 * 1000)

/* Returns the actions to take, in the order of the bits' values. */
unsigned supervise_step(struct supervise *s, const struct supervise_event *ev, int64_t now_ms);

/* "always", "on-failure", "never"; an unknown or empty word is "always", the schema's default. */
enum restart_policy restart_policy_parse(const char *s);

#endif
