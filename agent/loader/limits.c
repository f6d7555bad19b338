#include "agent/loader/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
#define PERIOD_US 100000

static bool put(const char *dir, const char *file, const char *text)
{
    char path[256];
    size_t n = strlen(text);
    bool ok;
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ok = write(fd, text, n) == (ssize_t)n;
    (void)close(fd);
    return ok;
}

static bool put_num(const char *dir, const char *file, uint64_t v)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRIu64, v);
    return put(dir, file, text);
}

/* The keep's folder under one hierarchy; NULL where it cannot be made. */
static const char *group(struct limits *l, const char *hierarchy, const char *uid)
{
    char base[160];
    char *path = l->path[l->n];

    (void)snprintf(base, sizeof base, "%s/bailey", hierarchy);
    if (mkdir(base, 0755) != 0 && errno != EEXIST)
        return NULL;
    (void)snprintf(path, sizeof l->path[0], "%s/bailey/%.40s", hierarchy, uid);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return path[0] = '\0', NULL;
    l->n++;
    return path;
}

static void make_v2(struct limits *l, const char *uid, uint64_t cpu_milli, uint64_t memory_bytes)
{
    char text[64];
    const char *dir;

    (void)put(ROOT, "cgroup.subtree_control", "+memory +pids +cpu");
    (void)mkdir(ROOT "/bailey", 0755);
    (void)put(ROOT "/bailey", "cgroup.subtree_control", "+memory +pids +cpu");
    dir = group(l, ROOT, uid);
    if (dir == NULL)
        return;
    l->kill = true;
    l->pids = put_num(dir, "pids.max", LIMITS_PIDS);
    l->memory = memory_bytes > 0 && put_num(dir, "memory.max", memory_bytes);
    (void)put(dir, "memory.swap.max", "0");
    (void)snprintf(text, sizeof text, "%" PRIu64 " %d", cpu_milli * PERIOD_US / 1000, PERIOD_US);
    l->cpu = cpu_milli > 0 && put(dir, "cpu.max", text);
}

static void make_v1(struct limits *l, const char *uid, uint64_t cpu_milli, uint64_t memory_bytes)
{
    const char *dir;

    if (memory_bytes > 0 && (dir = group(l, ROOT "/memory", uid)) != NULL) {
        l->memory = put_num(dir, "memory.limit_in_bytes", memory_bytes);
        (void)put_num(dir, "memory.memsw.limit_in_bytes", memory_bytes);
    }
    if ((dir = group(l, ROOT "/pids", uid)) != NULL)
        l->pids = put_num(dir, "pids.max", LIMITS_PIDS);
    if (cpu_milli > 0 && (dir = group(l, ROOT "/cpu", uid)) != NULL)
        l->cpu = put_num(dir, "cpu.cfs_period_us", PERIOD_US) &&
                 put_num(dir, "cpu.cfs_quota_us", cpu_milli * PERIOD_US / 1000);
    if (access(ROOT "/unified/cgroup.procs", W_OK) == 0 &&
        (dir = group(l, ROOT "/unified", uid)) != NULL) {
        char path[256];

        (void)snprintf(path, sizeof path, "%s/cgroup.kill", dir);
        l->kill = access(path, W_OK) == 0;
    }
}

void limits_make(struct limits *l, const char *uid, uint64_t cpu_milli, uint64_t memory_bytes)
{
    *l = (struct limits){.memory_bytes = memory_bytes};
    if (access(ROOT "/cgroup.controllers", F_OK) == 0)
        make_v2(l, uid, cpu_milli, memory_bytes);
    else
        make_v1(l, uid, cpu_milli, memory_bytes);
}

bool limits_enter(const struct limits *l)
{
    const struct rlimit none = {0, 0};

    for (unsigned i = 0; i < l->n; i++)
        if (!put_num(l->path[i], "cgroup.procs", (uint64_t)getpid()))
            return false;
    (void)setrlimit(RLIMIT_CORE, &none); /* a core file would hold the keep's memory */
    if (!l->memory && l->memory_bytes > 0) {
        struct rlimit space = {l->memory_bytes, l->memory_bytes};

        (void)setrlimit(RLIMIT_AS, &space);
    }
    return true;
}

void limits_kill(const struct limits *l)
{
    for (unsigned i = 0; i < l->n; i++)
        (void)put(l->path[i], "cgroup.kill", "1");
}

bool limits_out_of_memory(const struct limits *l)
{
    static const char *const files[] = {"memory.events", "memory.oom_control"};

    for (unsigned i = 0; i < l->n * 2; i++) {
        char path[256], line[128];
        unsigned long count = 0;
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/%s", l->path[i / 2], files[i % 2]);
        f = fopen(path, "re");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
            if (strncmp(line, "oom_kill ", 9) == 0)
                count = strtoul(line + 9, NULL, 10);
        if (f != NULL)
            (void)fclose(f);
        if (count > 0)
            return true;
    }
    return false;
}

void limits_remove(const struct limits *l)
{
    for (unsigned i = 0; i < l->n; i++)
        /* the kernel lets go of the last process a moment after it was reaped */
        for (int tries = 0; rmdir(l->path[i]) != 0 && errno == EBUSY && tries < 50; tries++)
            (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

void limits_sweep(const char *uid)
{
    static const char *const roots[] = {ROOT "/unified", ROOT, ROOT "/memory", ROOT "/pids",
                                        ROOT "/cpu"};

    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        struct limits l = {.n = 1};

        (void)snprintf(l.path[0], sizeof l.path[0], "%s/bailey/%.40s", roots[i], uid);
        if (access(l.path[0], F_OK) != 0)
            continue;
        limits_kill(&l);
        limits_remove(&l);
    }
}

const char *limits_format(const struct limits *l, char *out, size_t size)
{
    (void)snprintf(out, size, "memory by %s, pids by %s, cpu by %s",
                   l->memory             ? "cgroup"
                   : l->memory_bytes > 0 ? "rlimit"
                                         : "nothing",
                   l->pids ? "cgroup" : "nothing", l->cpu ? "cgroup" : "nothing");
    return out;
}
