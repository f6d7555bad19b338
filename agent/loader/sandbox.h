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

enum sandbox_news {
    SANDBOX_NOTHING, /* go on listening */
    SANDBOX_RUNS,    /* the program was executed */
    SANDBOX_FAILED,  /* it never will be; the process ends by itself */
};

struct sandbox {   /* one run of a program */
    pid_t pid;     /* of bubblewrap, our child */
    pid_t inner;   /* of the sandbox's first process, as the host sees it; 0: not known yet */
    int info_fd;   /* says `inner`; -1 once read */
    int status_fd; /* says how far the program is; -1 once read */
    int out_fd, err_fd;
    int go_fd, args_fd, argv_fd; /* until sandbox_start(); -1 after */
    char info[512];
    size_t info_n;
    uint8_t status[16];
    size_t status_n;
};

/* Forks the child that will become the sandbox: it joins the cgroups at once and waits, before it
 * is known what it will run. It dies with the caller. */
NODISCARD bool sandbox_prepare(const struct limits *l, struct sandbox *s, struct err *e);

/* Lets the prepared child go on: the artifact, in a sandbox, as spec says. On false the child is
 * gone. as_bytes: see limits_rlimits(). */
NODISCARD bool sandbox_start(const Bailey__V1__StartKeep *spec, const char *artifact,
                             uint64_t as_bytes, struct sandbox *s, struct err *e);

/* Ends a prepared child that will not be needed, or what sandbox_start() began, and closes all. */
void sandbox_discard(struct sandbox *s);

/* Reads info_fd when it is readable. */
void sandbox_info(struct sandbox *s);

/* Reads status_fd when it is readable. On SANDBOX_FAILED *e has the reason: "sandbox.setup" or one
 * of exec_error.h. */
enum sandbox_news sandbox_status(struct sandbox *s, const char *artifact, struct err *e);

/* Asks the program to end. False: bubblewrap has not forked it yet, so nobody was there to hear. */
bool sandbox_term(const struct sandbox *s);
void sandbox_kill(const struct sandbox *s, const struct limits *l); /* ends all of it */

/* A descriptor with the filter (struct sock_filter array) for bubblewrap's --seccomp. */
NODISCARD bool seccomp_filter(int *fd, struct err *e);

/* Runs a trivial program in a sandbox once, with everything above: does the runtime work here? */
NODISCARD bool sandbox_probe(struct err *e);

#endif
