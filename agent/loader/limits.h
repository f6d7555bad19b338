/* limits.h - what a keep may use, enforced by cgroups (v2, or v1 hierarchies) where they can be
 * written, by rlimits otherwise; and the one kill that nothing of a keep escapes. */
#ifndef LOADER_LIMITS_H
#define LOADER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_GROUPS 4

struct limits {
    char path[LIMITS_GROUPS][160]; /* cgroup folders; "" unused */
    unsigned n;
    bool memory, pids, cpu, kill; /* what cgroups enforce; kill: cgroup.kill is there */
    uint64_t memory_bytes;
};

#define LIMITS_PIDS 512

/* Makes the keep's cgroups. Never fails: what could not be enforced is false in *l. */
void limits_make(struct limits *l, const char *uid, uint64_t cpu_milli, uint64_t memory_bytes);

/* In the child, before exec: joins the cgroups, sets rlimits for the rest. False: could not join.
 */
bool limits_enter(const struct limits *l);

void limits_kill(const struct limits *l);          /* SIGKILL to all in the cgroup, where it can */
bool limits_out_of_memory(const struct limits *l); /* the kernel ended something for memory */
void limits_remove(const struct limits *l);
/* What a loader that died left behind. */
void limits_sweep(const char *uid);

/* "memory, pids and cpu by cgroup" or what is true instead. Returns out. */
const char *limits_format(const struct limits *l, char *out, size_t size);

#endif
