#include "agent/loader/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

#define ARGS_FD 100 /* what bubblewrap inherits, at fixed places */
#define INFO_FD 101
#define SECCOMP_FD 102

static void opt(struct buf *b, const char *a, const char *x, const char *y)
{
    const char *const words[] = {a, x, y};

    for (size_t i = 0; i < 3 && words[i] != NULL; i++)
        buf_put(b, words[i], strlen(words[i]) + 1);
}

/* /bin, /lib, ... as the host has them: links into /usr, or folders. */
static void add_system(struct buf *b)
{
    static const char *const dirs[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    static const char *const etc[] = {"/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl/certs",
                                      "/etc/localtime"};

    opt(b, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        char target[128];
        ssize_t n = readlink(dirs[i], target, sizeof target - 1);

        if (n > 0) {
            target[n] = '\0';
            opt(b, "--symlink", target, dirs[i]);
        } else {
            opt(b, "--ro-bind-try", dirs[i], dirs[i]);
        }
    }
    for (size_t i = 0; i < sizeof etc / sizeof etc[0]; i++)
        opt(b, "--ro-bind-try", etc[i], etc[i]);
}

static void add_env(struct buf *b, const Bailey__V1__StartKeep *spec)
{
    char replica[16];

    (void)snprintf(replica, sizeof replica, "%" PRIu32, spec->replica);
    opt(b, "--clearenv", NULL, NULL);
    opt(b, "--setenv", "PATH", "/usr/bin:/bin"), opt(b, "--setenv", "HOME", "/tmp");
    for (size_t i = 0; spec->runtime != NULL && i < spec->runtime->n_env; i++) {
        const Bailey__V1__Runtime__EnvEntry *v = spec->runtime->env[i];

        if (v->key[0] != '\0' && strchr(v->key, '=') == NULL)
            opt(b, "--setenv", v->key, v->value);
    }
    opt(b, "--setenv", "BAILEY_KEEP", spec->name);
    opt(b, "--setenv", "BAILEY_KEEP_UID", spec->keep_uid);
    opt(b, "--setenv", "BAILEY_NAMESPACE", spec->namespace_);
    opt(b, "--setenv", "BAILEY_WORKLOAD", spec->workload);
    opt(b, "--setenv", "BAILEY_REPLICA", replica);
}

/* A name that is one harmless path component. */
static const char *program_name(const char *wanted)
{
    size_t n = strspn(wanted, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+");

    return wanted[0] == '\0' || wanted[0] == '.' || wanted[n] != '\0' || n > 100 ? "program"
                                                                                 : wanted;
}

static void add_options(struct buf *b, const Bailey__V1__StartKeep *spec, const char *artifact,
                        const char *program)
{
    static const char *const flags[] = {
        "--unshare-user",   "--unshare-pid",     "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup", "--die-with-parent", "--new-session", "--disable-userns",
    };
    char size[24];
    bool host = spec->runtime != NULL && strcmp(spec->runtime->network, "host") == 0;

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        opt(b, flags[i], NULL, NULL);
    opt(b, "--uid", "65534", NULL), opt(b, "--gid", "65534", NULL);
    opt(b, "--hostname", "keep", NULL), opt(b, "--cap-drop", "ALL", NULL);
    add_system(b);
    if (host) {
        opt(b, "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf");
        opt(b, "--ro-bind-try", "/etc/hosts", "/etc/hosts");
        opt(b, "--ro-bind-try", "/etc/nsswitch.conf", "/etc/nsswitch.conf");
    } else {
        opt(b, "--unshare-net", NULL, NULL);
    }
    opt(b, "--proc", "/proc", NULL), opt(b, "--dev", "/dev", NULL);
    if (spec->limits != NULL && spec->limits->memory_bytes > 0) {
        (void)snprintf(size, sizeof size, "%" PRIu64, spec->limits->memory_bytes);
        opt(b, "--size", size, NULL); /* it is memory, also where no cgroup counts it */
    }
    opt(b, "--tmpfs", "/tmp", NULL), opt(b, "--dir", "/run", NULL), opt(b, "--dir", "/var", NULL);
    opt(b, "--ro-bind", artifact, program), opt(b, "--remount-ro", "/", NULL);
    opt(b, "--chdir", "/tmp", NULL);
    add_env(b, spec);
    opt(b, "--info-fd", "101", NULL), opt(b, "--seccomp", "102", NULL);
}

static bool args_file(struct buf *b, int *out, struct err *e)
{
    int fd;

    if (!buf_ok(b, e))
        return false;
    fd = memfd_create("arguments", MFD_CLOEXEC);
    if (fd < 0 || write(fd, b->p, b->n) != (ssize_t)b->n || lseek(fd, 0, SEEK_SET) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return err_errno(e, errno, "sandbox.arguments", "arguments of the sandbox");
    }
    *out = fd;
    return true;
}

struct child { /* what the child needs, made before the fork */
    int args, seccomp, info, out, err;
    pid_t parent;
    char **argv;
};

/* The child: only calls that are fine between fork and exec. */
static void child_run(const struct child *c, const struct limits *l)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL), (void)signal(SIGHUP, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != c->parent || !limits_enter(l))
        _exit(125);
    if (dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0) < 0 || dup2(c->out, 1) < 0 ||
        dup2(c->err, 2) < 0 || dup2(c->args, ARGS_FD) < 0 || dup2(c->info, INFO_FD) < 0 ||
        dup2(c->seccomp, SECCOMP_FD) < 0)
        _exit(125);
    /* nothing else that whoever started us may have left open */
    (void)close_range(3, ARGS_FD - 1, CLOSE_RANGE_CLOEXEC);
    (void)close_range(SECCOMP_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    execvp(c->argv[0], c->argv);
    _exit(127);
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static bool spawn(struct child *c, const struct limits *l, struct sandbox *s, struct err *e)
{
    int p[6] = {-1, -1, -1, -1, -1, -1};

    if (pipe2(p, O_CLOEXEC) != 0 || pipe2(p + 2, O_CLOEXEC) != 0 || pipe2(p + 4, O_CLOEXEC) != 0) {
        close_all(p, 6);
        return err_errno(e, errno, "sandbox.pipe", "pipes of the sandbox");
    }
    c->out = p[1], c->err = p[3], c->info = p[5], c->parent = getpid();
    s->pid = fork();
    if (s->pid == 0)
        child_run(c, l);
    close_all((int[]){p[1], p[3], p[5]}, 3);
    if (s->pid < 0) {
        close_all((int[]){p[0], p[2], p[4]}, 3);
        return err_errno(e, errno, "sandbox.fork", "process of the sandbox");
    }
    s->out_fd = p[0], s->err_fd = p[2], s->info_fd = p[4], s->inner = 0;
    s->info_n = 0;
    memset(s->info, 0, sizeof s->info);
    for (size_t i = 0; i < 6; i += 2)
        (void)fcntl(p[i], F_SETFL, O_NONBLOCK);
    return true;
}

bool sandbox_start(const Bailey__V1__StartKeep *spec, const char *artifact, const struct limits *l,
                   struct sandbox *s, struct err *e)
{
    AUTO_BUF struct buf options = {0};
    struct child c = {.args = -1, .seccomp = -1};
    size_t n_args = spec->runtime == NULL ? 0 : spec->runtime->n_args;
    char program[128], args_fd[8];
    bool ok;

    (void)snprintf(program, sizeof program, "/app/%s", program_name(spec->artifact_name));
    (void)snprintf(args_fd, sizeof args_fd, "%d", ARGS_FD);
    add_options(&options, spec, artifact, program);
    c.argv = calloc(n_args + 6, sizeof *c.argv);
    if (c.argv == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for the arguments");
    c.argv[0] = (char[]){"bwrap"}, c.argv[1] = (char[]){"--args"}, c.argv[2] = args_fd;
    c.argv[3] = (char[]){"--"}, c.argv[4] = program;
    for (size_t i = 0; i < n_args; i++)
        c.argv[5 + i] = spec->runtime->args[i];
    ok = args_file(&options, &c.args, e) && seccomp_filter(&c.seccomp, e) && spawn(&c, l, s, e);
    close_all((int[]){c.args, c.seccomp}, 2);
    free(c.argv);
    return ok;
}

/* bubblewrap writes this text in pieces and closes the pipe when the sandbox is there. */
bool sandbox_info(struct sandbox *s)
{
    const char *at;
    ssize_t n = read(s->info_fd, s->info + s->info_n, sizeof s->info - 1 - s->info_n);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n > 0) {
        s->info_n += (size_t)n;
        return false;
    }
    at = strstr(s->info, "\"child-pid\":");
    if (at != NULL)
        s->inner = (pid_t)strtol(at + 12, NULL, 10);
    (void)close(s->info_fd);
    s->info_fd = -1;
    return s->inner > 0;
}

/* The program is the child of the sandbox's first process, which as process 1 ignores SIGTERM. */
bool sandbox_term(const struct sandbox *s)
{
    char path[64], pid[16];
    bool told = false;
    FILE *f;

    if (s->inner <= 0) {
        (void)kill(s->pid, SIGKILL);
        return true;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)s->inner, (int)s->inner);
    f = fopen(path, "re");
    while (f != NULL && fscanf(f, "%15s", pid) == 1) {
        (void)kill((pid_t)strtol(pid, NULL, 10), SIGTERM);
        told = true;
    }
    if (f != NULL)
        (void)fclose(f);
    return told;
}

void sandbox_kill(const struct sandbox *s, const struct limits *l)
{
    limits_kill(l);
    if (s->inner > 0)
        (void)kill(s->inner, SIGKILL); /* process 1: its whole namespace goes with it */
    if (s->pid > 0)
        (void)kill(s->pid, SIGKILL);
}

bool sandbox_probe(struct err *e)
{
    Bailey__V1__StartKeep spec = BAILEY__V1__START_KEEP__INIT;
    struct limits none = {0};
    struct sandbox s;
    char text[256] = "";
    ssize_t n;
    int status = -1;

    if (!sandbox_start(&spec, "/bin/true", &none, &s, e))
        return false;
    while (waitpid(s.pid, &status, 0) < 0 && errno == EINTR)
        ;
    n = read(s.err_fd, text, sizeof text - 1);
    close_all((int[]){s.out_fd, s.err_fd, s.info_fd}, 3);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    text[n > 0 ? n : 0] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(e, ERR_UNAVAIL, "sandbox.bwrap-missing", "bwrap is not installed");
    text[strcspn(text, "\n")] = '\0';
    return err_set(e, ERR_UNAVAIL, "sandbox.probe", "a trial run of bwrap failed: %s", text);
}
