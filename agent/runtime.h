/* runtime.h - the ways to run a keep's program, behind one interface: what a runtime can, whether
 * it works on this host, and the run itself. Used by the loader (one run at a time), the inventory
 * and the doctor. */
#ifndef AGENT_RUNTIME_H
#define AGENT_RUNTIME_H

#include <sys/types.h>

#include "agent/loader/limits.h"
#include "bailey/v1/session.pb-c.h"
#include "base/err.h"

enum run_news {
    RUN_NOTHING, /* go on listening */
    RUN_RUNS,    /* the program was executed, or the machine boots */
    RUN_FAILED,  /* it never will be; the process ends by itself */
};

struct run {       /* one run of a program */
    pid_t pid;     /* our child; its end is the end of the run */
    pid_t inner;   /* the sandbox's first process, as the host sees it; 0: not known yet */
    int info_fd;   /* of the driver: call info() when it is readable; -1: nothing more to say */
    int status_fd; /* of the driver: call status() when it is readable; -1: likewise */
    int code;      /* exit code to report where the process' own is 0 */
    int out_fd, err_fd;
    int go_fd, args_fd, argv_fd; /* of the sandbox, until it starts; -1 after */
    char info[512];
    size_t info_n;
    uint8_t status[16];
    size_t status_n;
};

struct run_options {
    const Bailey__V1__StartKeep *spec;
    const char *artifact; /* program, kernel or disk, module; for oci the image's folder. A kernel's
                             initial file system lies beside it, named as artifacts are */
    const char *folder;   /* the keep's own, for what the driver has to write */
    uint64_t as_bytes;    /* see limits_rlimits() */
};

enum runtime_can {                       /* bits */
                   RUNTIME_PREPARES = 1, /* a child can be made before the keep is known */
                   RUNTIME_ENTERS = 2,   /* health checks happen inside the keep */
};

struct runtime {
    const char *name; /* as in workloads */
    unsigned can;
    const char *mend; /* what an operator does when probe() fails */
    /* Tries it once, for at most some seconds: does it work on this host? *what (the caller's, of
     * size n) gets a line about it when it does. */
    bool (*probe)(char *what, size_t n, struct err *e);
    /* RUNTIME_PREPARES: forks the child that will become the run; it joins the cgroups and waits.
     */
    bool (*prepare)(const struct limits *l, struct run *r, struct err *e);
    /* Starts a run, in r as prepared or in run_none(). On false nothing is left of it. */
    bool (*start)(const struct run_options *o, const struct limits *l, struct run *r,
                  struct err *e);
    void (*info)(struct run *r);
    /* On RUN_FAILED *e has the reason. */
    enum run_news (*status)(struct run *r, const char *artifact, struct err *e);
    /* Asks the program to end. False: nobody was there yet to hear; ask again. */
    bool (*term)(struct run *r);
};

/* By the name in a workload ("": sandbox), or NULL. */
const struct runtime *runtime_find(const char *kind);
/* All of them, in a fixed order; NULL after the last. */
const struct runtime *runtime_at(size_t i);

/* A run of nothing. */
struct run run_none(void);
/* term() of runs whose program is the child of `inner`, which as process 1 ignores SIGTERM. */
bool run_term(struct run *r);
/* Ends all of it at once. */
void run_kill(const struct run *r, const struct limits *l);
/* Ends a prepared child that will not be needed, or what start() began, and closes all. */
void run_discard(struct run *r);

#endif
