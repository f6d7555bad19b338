/* sandbox.h - the runtime `sandbox`: bubblewrap in namespaces of its own (user, pid, ipc, uts,
 * cgroup, and network unless the workload asks for the host's), the system's /usr read-only, a
 * private /tmp, the program at /app/<name>, no capabilities, no new privileges, and a system call
 * filter. */
#ifndef LOADER_SANDBOX_H
#define LOADER_SANDBOX_H

#include "agent/runtime.h"

extern const struct runtime runtime_sandbox;

/* A descriptor with the filter (struct sock_filter array) for bubblewrap's --seccomp. */
NODISCARD bool seccomp_filter(int *fd, struct err *e);

/* The system calls that the filter refuses whatever their arguments; NULL after the last. */
const char *seccomp_denied(size_t i);

#endif
