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

#include "agent/loader/entry.h"
#include "agent/loader/exec_error.h"
#include "base/buf.h"
#include "base/str.h"

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

struct go { /* through go_fd, once */
    uint64_t as_bytes;
    uint64_t argv_bytes; /* in the file argv_fd: texts with their NULs */
};

#define ARGV_MAX (2u << 20)
#define WORDS_MAX 65536

static void child_exec(char *texts, size_t n)
{
    static char *argv[WORDS_MAX + 8];
    size_t words = 0;

    argv[words++] = (char[]){"bwrap"}, argv[words++] = (char[]){"--args"};
    argv[words++] = (char[]){"100"}, argv[words++] = (char[]){"--"};
    argv[words++] = (char[]){ENTRY_SELF_PATH};
    for (char *p = texts; p < texts + n && words < WORDS_MAX; p += strlen(p) + 1)
        argv[words++] = p;
    execvp(argv[0], argv);
    _exit(127);
}

struct child { /* what the child needs, made before the fork */
    int go, args, argv, seccomp, info, status, entry, out, err, null;
    pid_t parent;
};

/* Descriptors to the places where bubblewrap and the entry look for them. */
static bool child_descriptors(const struct child *c)
{
    const int from[] = {c->null, c->out, c->err, c->args, c->info, c->seccomp, c->status, c->entry};
    const int to[] = {0, 1, 2, ARGS_FD, INFO_FD, SECCOMP_FD, ENTRY_STATUS_FD, ENTRY_SELF_FD};

    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
        if (dup2(from[i], to[i]) < 0)
            return false;
    /* nothing else that whoever started us may have left open */
    return close_range(3, ARGS_FD - 1, CLOSE_RANGE_CLOEXEC) == 0 &&
           close_range(ENTRY_SELF_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

/* The child, a copy of a process with one thread. */
static void child_run(const struct child *c, const struct limits *l)
{
    struct go go;
    sigset_t none;
    ssize_t n;
    void *texts;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_DFL), (void)signal(SIGHUP, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != c->parent || !limits_enter(l) || !child_descriptors(c))
        _exit(125);
    while ((n = read(c->go, &go, sizeof go)) < 0 && errno == EINTR)
        ;
    if (n != (ssize_t)sizeof go || go.argv_bytes > ARGV_MAX)
        _exit(125); /* not wanted any more */
    texts = mmap(NULL, go.argv_bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, c->argv, 0);
    if (texts == MAP_FAILED)
        _exit(125);
    limits_rlimits(go.as_bytes);
    child_exec(texts, go.argv_bytes);
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

/* The static program: beside ours, or in bin/ beside our folder, as it is for tests. */
static int entry_open(void)
{
    static const char *const places[] = {"", "../bin/"};
    char self[480], path[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    int fd = -1;

    self[n > 0 ? n : 0] = '\0';
    n = strrchr(self, '/') == NULL ? 0 : strrchr(self, '/') - self;
    for (size_t i = 0; fd < 0 && i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(path, sizeof path, "%.*s/%sbailey-entry", (int)n, self, places[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

static bool child_make(struct child *c, struct err *e)
{
    if (!seccomp_filter(&c->seccomp, e))
        return false;
    c->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    c->args = memfd_create("arguments", MFD_CLOEXEC);
    c->argv = memfd_create("words", MFD_CLOEXEC);
    if (c->null < 0 || c->args < 0 || c->argv < 0)
        return err_errno(e, errno, "sandbox.files", "files of the sandbox");
    c->entry = entry_open();
    return c->entry >= 0 || err_errno(e, errno, "sandbox.entry-missing", "bailey-entry");
}

static bool spawn(struct child *c, const struct limits *l, struct run *s, struct err *e)
{
    int p[10] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

    for (size_t i = 0; i < 10; i += 2)
        if (pipe2(p + i, O_CLOEXEC) != 0) {
            close_all(p, 10);
            return err_errno(e, errno, "sandbox.pipe", "pipes of the sandbox");
        }
    c->out = p[1], c->err = p[3], c->info = p[5], c->status = p[7], c->go = p[8];
    c->parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
        (void)close(p[9]); /* or our waiting would never see the loader's end of it close */
        child_run(c, l);
    }
    close_all((int[]){p[1], p[3], p[5], p[7], p[8]}, 5);
    if (s->pid < 0) {
        close_all((int[]){p[0], p[2], p[4], p[6], p[9]}, 5);
        return err_errno(e, errno, "sandbox.fork", "process of the sandbox");
    }
    s->out_fd = p[0], s->err_fd = p[2], s->info_fd = p[4], s->status_fd = p[6], s->go_fd = p[9];
    for (size_t i = 0; i < 8; i += 2)
        (void)fcntl(p[i], F_SETFL, O_NONBLOCK);
    return true;
}

static bool prepare(const struct limits *l, struct run *s, struct err *e)
{
    struct child c = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0};
    bool ok;

    *s = run_none();
    ok = child_make(&c, e) && spawn(&c, l, s, e);
    close_all((int[]){c.seccomp, c.null, c.entry}, 3);
    if (ok)
        s->args_fd = c.args, s->argv_fd = c.argv;
    else
        close_all((int[]){c.args, c.argv}, 2);
    return ok;
}

static void unprepare(struct run *s)
{
    close_all((int[]){s->go_fd, s->args_fd, s->argv_fd}, 3);
    s->go_fd = s->args_fd = s->argv_fd = -1;
}

/* pwrite: the child reads from the shared offset, which stays at 0. */
static bool file_fill(int fd, struct buf *b, struct err *e)
{
    if (!buf_ok(b, e))
        return false;
    return pwrite(fd, b->p, b->n, 0) == (ssize_t)b->n ||
           err_errno(e, errno, "sandbox.arguments", "arguments of the sandbox");
}

static bool release(const Bailey__V1__StartKeep *spec, const char *artifact, uint64_t as_bytes,
                    struct run *s, struct err *e)
{
    AUTO_BUF struct buf options = {0}, words = {.limit = ARGV_MAX};
    size_t n_args = spec->runtime == NULL ? 0 : spec->runtime->n_args;
    char program[128];
    struct go go = {.as_bytes = as_bytes};

    (void)snprintf(program, sizeof program, "/app/%s", program_name(spec->artifact_name));
    add_options(&options, spec, artifact, program);
    opt(&words, program, NULL, NULL);
    for (size_t i = 0; i < n_args; i++)
        opt(&words, spec->runtime->args[i], NULL, NULL);
    if (n_args > WORDS_MAX - 8)
        return err_set(e, ERR_LIMIT, "sandbox.arguments", "more than %d arguments", WORDS_MAX - 8);
    if (!file_fill(s->args_fd, &options, e) || !file_fill(s->argv_fd, &words, e))
        return false;
    go.argv_bytes = words.n;
    return write(s->go_fd, &go, sizeof go) == (ssize_t)sizeof go ||
           err_errno(e, errno, "sandbox.go", "the sandbox's process is not there any more");
}

static bool start(const struct run_options *o, const struct limits *l, struct run *s, struct err *e)
{
    if (s->pid == 0 && !prepare(l, s, e))
        return false;
    if (release(o->spec, o->artifact, o->as_bytes, s, e)) {
        unprepare(s);
        return true;
    }
    run_discard(s);
    return false;
}

/* bubblewrap writes this text in pieces and closes the pipe. */
static void info(struct run *s)
{
    const char *at;
    ssize_t n = read(s->info_fd, s->info + s->info_n, sizeof s->info - 1 - s->info_n);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        s->info_n += (size_t)n;
        return;
    }
    at = strstr(s->info, "\"child-pid\":");
    if (at != NULL)
        s->inner = (pid_t)strtol(at + 12, NULL, 10);
    (void)close(s->info_fd);
    s->info_fd = -1;
}

static enum run_news status(struct run *s, const char *artifact, struct err *e)
{
    struct entry_failure f;
    ssize_t n = read(s->status_fd, s->status + s->status_n, sizeof s->status - s->status_n);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return RUN_NOTHING;
    if (n > 0) {
        s->status_n += (size_t)n;
        return RUN_NOTHING;
    }
    (void)close(s->status_fd);
    s->status_fd = -1;
    if (s->status_n == 1 && s->status[0] == ENTRY_READY)
        return RUN_RUNS;
    if (s->status_n == 1 + sizeof f && s->status[0] == ENTRY_READY) {
        memcpy(&f, s->status + 1, sizeof f);
        (void)exec_error(f.error, artifact, e);
    } else {
        (void)err_set(e, ERR_UNAVAIL, "sandbox.setup",
                      "the sandbox was not set up; its last words are in the keep's log");
    }
    return RUN_FAILED;
}

static bool probe(char *what, size_t size, struct err *e)
{
    Bailey__V1__StartKeep spec = BAILEY__V1__START_KEEP__INIT;
    const struct run_options o = {.spec = &spec, .artifact = "/bin/true"};
    struct limits none = {0};
    struct run s = run_none();
    char text[256] = "";
    ssize_t n;
    int code = -1;

    if (!start(&o, &none, &s, e))
        return false;
    while (waitpid(s.pid, &code, 0) < 0 && errno == EINTR)
        ;
    s.pid = 0;
    n = read(s.err_fd, text, sizeof text - 1);
    run_discard(&s);
    if (WIFEXITED(code) && WEXITSTATUS(code) == 0)
        return str_copy(what, size, "a trial run succeeded");
    text[n > 0 ? n : 0] = '\0';
    if (WIFEXITED(code) && WEXITSTATUS(code) == 127)
        return err_set(e, ERR_UNAVAIL, "sandbox.bwrap-missing", "bwrap is not installed");
    text[strcspn(text, "\n")] = '\0';
    return err_set(e, ERR_UNAVAIL, "sandbox.probe", "a trial run of bwrap failed: %s", text);
}

const struct runtime runtime_sandbox = {
    .name = "sandbox",
    .can = RUNTIME_PREPARES | RUNTIME_ENTERS,
    .mend = "install bubblewrap and allow user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces)",
    .probe = probe,
    .prepare = prepare,
    .start = start,
    .info = info,
    .status = status,
    .term = run_term,
};
