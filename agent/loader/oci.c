#include "agent/loader/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/loader/entry.h"
#include "agent/loader/oci_config.h"
#include "agent/loader/tool.h"
#include "base/buf.h"
#include "base/str.h"

#define WORK "/tmp/" /* a file system in memory, in the runtime's mount namespace */
#define CONFIG_MAX (1u << 20)

struct start { /* what the new process needs */
    const struct limits *limits;
    struct bytes config;
    const char *rootfs; /* path */
    int out, err, info, status;
};

/* Its last word: why nothing runs. */
static void fail(const struct start *s, const char *what)
{
    (void)dprintf(s->info, "%s: %s", what, strerror(errno));
    _exit(125);
}

static bool file_put(const char *path, struct bytes b)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* Mounts that nobody else sees. The root file system is bound where a user of the container can
 * reach it: the agent's folder is closed to them. */
static void place_make(const struct start *s)
{
    struct mount_attr still = {.attr_set = MOUNT_ATTR_RDONLY};
    int fd = open(s->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC); /* it may be in /tmp */
    char rootfs[64];

    (void)snprintf(rootfs, sizeof rootfs, "/proc/self/fd/%d", fd);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=16m") != 0 ||
        mkdir(WORK "bundle", 0700) != 0 || mkdir(WORK "rootfs", 0711) != 0 ||
        mount(rootfs, WORK "rootfs", NULL, MS_BIND, NULL) != 0)
        fail(s, "the image's files");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        fail(s, "/proc");
    if (mount_setattr(AT_FDCWD, "/sys/fs/cgroup", AT_RECURSIVE, &still, sizeof still) != 0)
        fail(s, "cgroups");
    if (!file_put(WORK "bundle/config.json", s->config))
        fail(s, "the container's configuration");
}

static void runc_exec(const struct start *s)
{
    char *const argv[] = {(char[]){"runc"},
                          (char[]){"--root"},
                          (char[]){WORK "state"},
                          (char[]){"--rootless"},
                          (char[]){"true"},
                          (char[]){"run"},
                          (char[]){"--detach"},
                          (char[]){"--bundle"},
                          (char[]){WORK "bundle"},
                          (char[]){"--pid-file"},
                          (char[]){WORK "pid"},
                          (char[]){"keep"},
                          NULL};

    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)signal(SIGPIPE, SIG_DFL), (void)signal(SIGHUP, SIG_DFL);
    if (null < 0 || dup2(null, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0 ||
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
        _exit(126);
    execvp(argv[0], argv);
    _exit(127);
}

/* The number in runc's file: the container's first process, as this namespace sees it. */
static pid_t container_pid(void)
{
    AUTO_BUF struct buf b = {.limit = 32};

    return file_read(AT_FDCWD, WORK "pid", &b, NULL) ? (pid_t)strtol(buf_str(&b), NULL, 10) : 0;
}

/* The first process of the namespace: starts the container, then only waits for it. It inherits
 * whatever is orphaned there. */
static void first_process(const struct start *s)
{
    const char ready = ENTRY_READY;
    pid_t runc, container, pid;
    int status = 0;
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (!limits_enter(s->limits))
        fail(s, "the keep's cgroups cannot be joined");
    place_make(s);
    runc = fork();
    if (runc == 0)
        runc_exec(s);
    while ((pid = waitpid(runc, &status, 0)) < 0 && errno == EINTR)
        ;
    if (pid != runc || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        errno = WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ENOENT : ECHILD;
        fail(s, "runc started no container; its last words are in the keep's log");
    }
    container = container_pid();
    if (container <= 0 || write(s->status, &ready, 1) != 1)
        fail(s, "runc named no process");
    (void)close_range(0, ~0u, 0); /* the pipes end with the container */
    while ((pid = waitpid(-1, &status, 0)) != container)
        if (pid < 0 && errno != EINTR)
            _exit(125);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static bool spawn(struct start *s, struct run *r, struct err *e)
{
    int p[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    bool ok = true;

    for (size_t i = 0; i < 8; i += 2)
        ok = ok && pipe2(p + i, O_CLOEXEC) == 0;
    s->out = p[1], s->err = p[3], s->info = p[5], s->status = p[7];
    r->pid = !ok ? -1
                 : (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL,
                                  NULL);
    if (r->pid == 0)
        first_process(s);
    for (size_t i = 0; i < 8; i++) {
        if (p[i] >= 0 && (i % 2 == 1 || r->pid < 0))
            (void)close(p[i]);
        else if (p[i] >= 0)
            (void)fcntl(p[i], F_SETFL, O_NONBLOCK);
    }
    if (r->pid < 0) {
        r->pid = 0;
        return err_errno(e, errno, "oci.spawn", "process of the container");
    }
    r->out_fd = p[0], r->err_fd = p[2], r->info_fd = p[4], r->status_fd = p[6];
    return true;
}

static bool start(const struct run_options *o, const struct limits *l, struct run *r, struct err *e)
{
    AUTO_BUF struct buf translated = {.limit = CONFIG_MAX}, image = {.limit = CONFIG_MAX};
    AUTO_BUF struct buf config = {.limit = 2 * CONFIG_MAX};
    char rootfs[640];
    int folder = open(o->artifact, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct start s = {.limits = l, .rootfs = rootfs};
    struct oci_config c = {.spec = o->spec, .rootfs = WORK "rootfs", .as_bytes = o->as_bytes};
    bool ok;

    if (folder < 0)
        return err_errno(e, errno, "oci.image", "%s", o->artifact);
    ok = file_read(folder, OCI_TRANSLATED, &translated, e) &&
         file_read(folder, OCI_IMAGE, &image, e);
    c.translated = buf_bytes(&translated), c.image = buf_bytes(&image);
    ok = ok && oci_config(&c, &config, e);
    s.config = buf_bytes(&config);
    (void)snprintf(rootfs, sizeof rootfs, "%s/" OCI_ROOTFS, o->artifact);
    ok = ok && spawn(&s, r, e);
    (void)close(folder);
    return ok;
}

/* Why nothing runs, when nothing does. */
static void info(struct run *r)
{
    ssize_t n = read(r->info_fd, r->info + r->info_n, sizeof r->info - 1 - r->info_n);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        r->info_n += (size_t)n;
        return;
    }
    (void)close(r->info_fd);
    r->info_fd = -1;
}

static enum run_news status(struct run *r, const char *artifact, struct err *e)
{
    ssize_t n = read(r->status_fd, r->status, 1);

    (void)artifact;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return RUN_NOTHING;
    (void)close(r->status_fd);
    r->status_fd = -1;
    if (n == 1 && r->status[0] == ENTRY_READY) {
        r->inner = r->pid; /* its only child is the container's first process */
        return RUN_RUNS;
    }
    for (int i = 0; i < 4 && r->info_fd >= 0; i++)
        info(r);
    (void)err_set(e, ERR_UNAVAIL, "oci.not-started", "%.200s",
                  r->info_n > 0 ? r->info : "the container's process ended early");
    return RUN_FAILED;
}

static bool probe(char *what, size_t size, struct err *e)
{
    static const char *const tools[] = {"runc", "skopeo", "umoci"};

    if (geteuid() != 0)
        return err_set(e, ERR_UNAVAIL, "oci.not-root",
                       "containers need root, to give each its own users");
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        const char *const argv[] = {tools[i], "--version", NULL};
        AUTO_BUF struct buf said = {.limit = 4096};

        if (!tool_output(argv, &said))
            return err_set(e, ERR_MISSING, "oci.tool-missing", "%s is not installed", tools[i]);
        if (i == 0)
            (void)snprintf(what, size, "%.*s", (int)strcspn(buf_str(&said), "\n"), buf_str(&said));
    }
    if (access("/proc/self/ns/user", F_OK) != 0)
        return err_set(e, ERR_UNAVAIL, "oci.namespaces", "the kernel has no user namespaces");
    return true;
}

const struct runtime runtime_oci = {
    .name = "oci",
    .can = RUNTIME_ENTERS,
    .mend = "run the agent as root, with runc, skopeo and umoci installed",
    .probe = probe,
    .start = start,
    .info = info,
    .status = status,
    .term = run_term,
};
