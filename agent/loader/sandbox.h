/* sandbox.h - the runtime `sandbox`: bubblewrap in namespaces of its own (user, pid, ipc, uts,
 * cgroup, and network unless the workload asks for the host's), the system's /usr read-only, a
 * private /tmp, the program at /app/<name>, no capabilities, no new privileges, and a system call
 * filter. */
#ifndef LOADER_SANDBOX_H
#define LOADER_SANDBOX_H

#include <sys/types.h>

#include "agent/loader/limits.h"
#include "bailey/v1/session.pb-c.h"
#include "base/err.h"

struct sandbox { /* one run of a program */
    pid_t pid;   /* of bubblewrap, our child */
    pid_t inner; /* of the sandbox's first process, as the host sees it; 0: not known yet */
    int info_fd; /* says `inner`; -1 once read */
    int out_fd, err_fd;
    char info[512];
    size_t info_n;
};

/* Starts the artifact. Everything it needs is opened here; the child dies with the caller. */
NODISCARD bool sandbox_start(const Bailey__V1__StartKeep *spec, const char *artifact,
                             const struct limits *l, struct sandbox *s, struct err *e);

/* Reads info_fd when it is readable; true, once, when bubblewrap has set the sandbox up. */
bool sandbox_info(struct sandbox *s);

/* Asks the program to end. False: bubblewrap has not forked it yet, so nobody was there to hear. */
bool sandbox_term(const struct sandbox *s);
void sandbox_kill(const struct sandbox *s, const struct limits *l); /* ends all of it */

/* A descriptor with the filter (struct sock_filter array) for bubblewrap's --seccomp. */
NODISCARD bool seccomp_filter(int *fd, struct err *e);

/* Runs a trivial program in a sandbox once, with everything above: does the runtime work here? */
NODISCARD bool sandbox_probe(struct err *e);

#endif
