/* limits.h - what a keep may use, enforced by cgroups (v2, or v1 hierarchies) where they can be
 * written, by rlimits otherwise; and the one kill that nothing of a keep escapes. */
#ifndef LOADER_LIMITS_H
#define LOADER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LIMITS_GROUPS 4
#define LIMITS_NAME 40 /* the most a cgroup's name has, with its NUL */

struct limits {
    char path[LIMITS_GROUPS][160]; /* cgroup folders */
    unsigned n;
    bool v2;
    bool memory, pids, cpu, kill; /* what cgroups enforce; kill: cgroup.kill is there */
    uint64_t memory_bytes;
};

#define LIMITS_PIDS 512

/* Makes the cgroups `name` below each hierarchy's "bailey", without limits. Never fails: what could
 * not be made is not in *l. */
void limits_make(struct limits *l, const char *name);

/* Writes the limits; what is not enforced then is false in *l. May come after limits_enter(). */
void limits_set(struct limits *l, uint64_t cpu_milli, uint64_t memory_bytes);

/* The calling process joins the cgroups. In v1 hierarchies the kernel waits for an RCU grace period
 * here, about 10 ms on an idle machine, so do it early. False: could not join. */
bool limits_enter(const struct limits *l);

/* In the child, before exec: rlimits for what cgroups do not enforce. as_bytes 0: no such limit. */
void limits_rlimits(uint64_t as_bytes);

void limits_kill(const struct limits *l);          /* SIGKILL to all in the cgroup, where it can */
bool limits_out_of_memory(const struct limits *l); /* the kernel ended something for memory */
void limits_remove(const struct limits *l);
/* What a loader that died left behind in the cgroups `name`: ends and removes it, without waiting.
 * False: something is on its way out there; try again. */
NODISCARD bool limits_sweep(const char *name);
/* Whether a process is in one of the cgroups `name`. */
bool limits_populated(const char *name);
/* Calls each(user, name) for every cgroup below "bailey" whose name begins with prefix; a name that
 * stands in several hierarchies comes several times. */
void limits_each(const char *prefix, void (*each)(void *user, const char *name), void *user);

/* "memory, pids and cpu by cgroup" or what is true instead. Returns out. */
const char *limits_format(const struct limits *l, char *out, size_t size);

#endif
