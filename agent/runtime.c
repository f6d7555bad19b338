#include "agent/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/loader/enarx.h"
#include "agent/loader/oci.h"
#include "agent/loader/sandbox.h"
#include "agent/loader/vm.h"

static const struct runtime *const all[] = {&runtime_sandbox, &runtime_oci, &runtime_vm,
                                            &runtime_enarx};

const struct runtime *runtime_at(size_t i)
{
    return i < sizeof all / sizeof all[0] ? all[i] : NULL;
}

const struct runtime *runtime_find(const char *kind)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(kind[0] == '\0' ? "sandbox" : kind, all[i]->name) == 0)
            return all[i];
    return NULL;
}

struct run run_none(void)
{
    return (struct run){.info_fd = -1,
                        .status_fd = -1,
                        .out_fd = -1,
                        .err_fd = -1,
                        .go_fd = -1,
                        .args_fd = -1,
                        .argv_fd = -1};
}

/* The program is the child of the first process, which as process 1 ignores SIGTERM. */
bool run_term(struct run *r)
{
    char path[64], pid[16];
    bool told = false;
    FILE *f;

    if (r->inner <= 0) {
        (void)kill(r->pid, SIGKILL);
        return true;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)r->inner, (int)r->inner);
    f = fopen(path, "re");
    while (f != NULL && fscanf(f, "%15s", pid) == 1) {
        (void)kill((pid_t)strtol(pid, NULL, 10), SIGTERM);
        told = true;
    }
    if (f != NULL)
        (void)fclose(f);
    return told;
}

void run_kill(const struct run *r, const struct limits *l)
{
    limits_kill(l);
    if (r->inner > 0)
        (void)kill(r->inner, SIGKILL); /* process 1: its whole namespace goes with it */
    if (r->pid > 0)
        (void)kill(r->pid, SIGKILL);
}

void run_discard(struct run *r)
{
    int *const fds[] = {&r->go_fd,     &r->args_fd, &r->argv_fd, &r->info_fd,
                        &r->status_fd, &r->out_fd,  &r->err_fd};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    r->pid = 0;
}
