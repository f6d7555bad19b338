#include "agent/loader/limits.h"

#include <dirent.h>
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

static const char *const v1_hierarchies[] = {ROOT "/memory", ROOT "/pids", ROOT "/cpu",
                                             ROOT "/unified"};

/* The keep's folder under one hierarchy, where it can be made. */
static void group(struct limits *l, const char *hierarchy, const char *name)
{
    char path[160];

    (void)snprintf(path, sizeof path, "%s/bailey", hierarchy);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return;
    if (l->v2)
        (void)put(path, "cgroup.subtree_control", "+memory +pids +cpu");
    (void)snprintf(path, sizeof path, "%s/bailey/%.*s", hierarchy, LIMITS_NAME - 1, name);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return;
    memcpy(l->path[l->n++], path, sizeof path);
    (void)snprintf(path, sizeof path, "%s/cgroup.kill", l->path[l->n - 1]);
    l->kill = l->kill || access(path, W_OK) == 0;
}

void limits_make(struct limits *l, const char *name)
{
    *l = (struct limits){.v2 = access(ROOT "/cgroup.controllers", F_OK) == 0};
    if (l->v2) {
        (void)put(ROOT, "cgroup.subtree_control", "+memory +pids +cpu");
        group(l, ROOT, name);
        return;
    }
    for (size_t i = 0; i < sizeof v1_hierarchies / sizeof v1_hierarchies[0]; i++)
        if (access(v1_hierarchies[i], W_OK) == 0 && l->n < LIMITS_GROUPS)
            group(l, v1_hierarchies[i], name);
}

static void set_v2(struct limits *l, const char *dir, uint64_t cpu_milli)
{
    char text[64];

    l->pids = put_num(dir, "pids.max", LIMITS_PIDS);
    l->memory = l->memory_bytes > 0 && put_num(dir, "memory.max", l->memory_bytes);
    (void)put(dir, "memory.swap.max", "0");
    (void)put(dir, "memory.oom.group", "1");
    (void)snprintf(text, sizeof text, "%" PRIu64 " %d", cpu_milli * PERIOD_US / 1000, PERIOD_US);
    l->cpu = cpu_milli > 0 && put(dir, "cpu.max", text);
}

/* Each hierarchy has its own files only, so a write into another's folder just fails. */
static void set_v1(struct limits *l, const char *dir, uint64_t cpu_milli)
{
    if (put_num(dir, "pids.max", LIMITS_PIDS))
        l->pids = true;
    if (l->memory_bytes > 0 && put_num(dir, "memory.limit_in_bytes", l->memory_bytes)) {
        l->memory = true;
        (void)put_num(dir, "memory.memsw.limit_in_bytes", l->memory_bytes);
    }
    if (cpu_milli > 0 && put_num(dir, "cpu.cfs_period_us", PERIOD_US) &&
        put_num(dir, "cpu.cfs_quota_us", cpu_milli * PERIOD_US / 1000))
        l->cpu = true;
}

void limits_set(struct limits *l, uint64_t cpu_milli, uint64_t memory_bytes)
{
    l->memory_bytes = memory_bytes;
    l->memory = l->pids = l->cpu = false;
    for (unsigned i = 0; i < l->n; i++)
        if (l->v2)
            set_v2(l, l->path[i], cpu_milli);
        else
            set_v1(l, l->path[i], cpu_milli);
}

bool limits_enter(const struct limits *l)
{
    for (unsigned i = 0; i < l->n; i++)
        if (!put_num(l->path[i], "cgroup.procs", (uint64_t)getpid()))
            return false;
    return true;
}

void limits_rlimits(uint64_t as_bytes)
{
    const struct rlimit none = {0, 0}, space = {as_bytes, as_bytes};

    (void)setrlimit(RLIMIT_CORE, &none); /* a core file would hold the keep's memory */
    if (as_bytes > 0)
        (void)setrlimit(RLIMIT_AS, &space);
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

static const char *const all_hierarchies[] = {ROOT "/unified", ROOT, ROOT "/memory", ROOT "/pids",
                                              ROOT "/cpu"};
#define HIERARCHIES (sizeof all_hierarchies / sizeof all_hierarchies[0])

bool limits_sweep(const char *name)
{
    bool gone = true;

    BUG_ON(name[0] == '\0'); /* that would be the cgroup above all keeps */
    for (size_t i = 0; i < HIERARCHIES; i++) {
        struct limits l = {.n = 1};

        (void)snprintf(l.path[0], sizeof l.path[0], "%s/bailey/%.*s", all_hierarchies[i],
                       LIMITS_NAME - 1, name);
        if (access(l.path[0], F_OK) != 0)
            continue;
        limits_kill(&l);
        if (rmdir(l.path[0]) != 0 && errno == EBUSY)
            gone = false;
    }
    return gone;
}

bool limits_populated(const char *name)
{
    bool found = false;

    for (size_t i = 0; i < HIERARCHIES && !found; i++) {
        char path[256];
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/bailey/%.*s/cgroup.procs", all_hierarchies[i],
                       LIMITS_NAME - 1, name);
        f = fopen(path, "re");
        found = f != NULL && fgetc(f) != EOF;
        if (f != NULL)
            (void)fclose(f);
    }
    return found;
}

void limits_each(const char *prefix, void (*each)(void *user, const char *name), void *user)
{
    for (size_t i = 0; i < HIERARCHIES; i++) {
        char path[160];
        struct dirent *d;
        DIR *dir;

        (void)snprintf(path, sizeof path, "%s/bailey", all_hierarchies[i]);
        dir = opendir(path);
        while (dir != NULL && (d = readdir(dir)) != NULL)
            if (d->d_type == DT_DIR && d->d_name[0] != '.' &&
                strncmp(d->d_name, prefix, strlen(prefix)) == 0)
                each(user, d->d_name);
        if (dir != NULL)
            (void)closedir(dir);
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
