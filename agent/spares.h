/* spares.h - loaders that were started before there is a keep for them (loader/keep.h): starting a
 * process, its cgroups and the kernel's RCU wait for joining them cost more than a keep may wait
 * for. Loop thread only. */
#ifndef AGENT_SPARES_H
#define AGENT_SPARES_H

#include <uv.h>

#include "agent/loader/limits.h"
#include "agent/sweeper.h"
#include "base/err.h"
#include "base/vec.h"

#define SPARES 2         /* that wait */
#define SPARES_PREFIX 10 /* of the groups' names: 8 hex digits of the data folder, '-', NUL */

struct spare { /* a loader process; freed after its end */
    uv_process_t process;
    int control; /* -1: taken by whoever has the loader */
    char group[LIMITS_NAME];
    void (*on_exit)(void *user); /* may be NULL */
    void *user;
    struct spares *all;      /* NULL: not in the pool any more */
    struct sweeper *sweeper; /* borrowed */
};

struct spares {
    uv_loop_t *uv;
    uv_timer_t timer;
    struct sweeper *sweeper; /* borrowed */
    char loader[512], prefix[SPARES_PREFIX];
    VEC(struct spare *) waiting;
    bool closing;
};

/* What the names of this agent's cgroups begin with. data: the absolute path of its folder. */
void spares_prefix(const char *data, char out[SPARES_PREFIX]);

/* data: the agent's folder; loader: the program. Starts the first ones soon. */
void spares_init(struct spares *s, uv_loop_t *uv, const char *data, const char *loader,
                 struct sweeper *sweeper);
void spares_close(struct spares *s);

/* One that waits, or a new one. The caller takes over control (non-blocking, to send a struct
 * control_begin) and sets on_exit. Closing control before that ends it. */
NODISCARD bool spare_take(struct spares *s, struct spare **out, struct err *e);

#endif
