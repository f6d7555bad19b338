#include "agent/loader/vm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/loader/tool.h"
#include "agent/loader/vm_command.h"
#include "base/str.h"

#define QMP_FD 105 /* what QEMU inherits, at fixed places */
#define ARTIFACT_FD 106
#define INITRD_FD 107
#define NOBODY 65534
#define FIRMWARE "/usr/share/ovmf/OVMF.fd"
#define WORDS_MAX 128

/* bailey.v1.KeepStatus tells of a machine that stopped by itself as of a program with exit code 0;
 * one that reset itself (a kernel's panic) failed. */
#define CODE_RESET 1

enum { QMP_GREETING, QMP_WAITING, QMP_READY }; /* in run.status[0] */

static bool kind_of(int fd, bool *kernel, struct err *e)
{
    uint8_t b[520];

    if (pread(fd, b, sizeof b, 0) != (ssize_t)sizeof b)
        return err_set(e, ERR_INPUT, "vm.format", "the artifact is too short for a machine");
    *kernel = memcmp(b + 0x202, "HdrS", 4) == 0; /* Linux, x86/boot.rst */
    if (!*kernel && (b[510] != 0x55 || b[511] != 0xaa))
        return err_set(e, ERR_INPUT, "vm.format",
                       "the artifact is neither a Linux kernel (bzImage) nor a raw disk to boot");
    return true;
}

/* Whether QEMU knows this kind of object. */
static bool object_known(const char *name)
{
    const char *const argv[] = {VM_PROGRAM, "-object", "help", NULL};
    AUTO_BUF struct buf said = {.limit = 65536};

    return tool_output(argv, &said) && strstr(buf_str(&said), name) != NULL;
}

static bool guard_choose(struct vm_command *c, struct err *e)
{
    unsigned a = 0, b = 0, x = 0, d = 0;

    if (c->kvm && access("/dev/sev", F_OK) == 0 && object_known("sev-snp-guest"))
        c->guard = VM_SNP;
    else if (c->kvm && access("/sys/module/kvm_intel/parameters/tdx", F_OK) == 0 &&
             object_known("tdx-guest"))
        c->guard = VM_TDX;
    else
        return err_set(e, ERR_UNAVAIL, "vm.not-confidential",
                       "this QEMU on this host makes no confidential guests");
    c->firmware = FIRMWARE;
    if (__get_cpuid_count(0x8000001f, 0, &a, &b, &x, &d) != 0)
        c->cbit = b & 63;
    return true;
}

struct child {
    const struct limits *limits;
    const struct buf *words;
    int out, err, qmp, artifact, initrd;
    bool kvm;
    pid_t parent;
};

static bool drop_root(bool kvm)
{
    struct stat st;
    gid_t group = kvm && stat("/dev/kvm", &st) == 0 ? st.st_gid : NOBODY;

    return geteuid() != 0 || (setgroups(0, NULL) == 0 && setgid(group) == 0 && setuid(NOBODY) == 0);
}

static void child_run(const struct child *c)
{
    const int from[] = {c->out, c->err, c->qmp, c->artifact, c->initrd};
    const int to[] = {1, 2, QMP_FD, ARTIFACT_FD, INITRD_FD};
    char *argv[WORDS_MAX + 1] = {NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    sigset_t none;

    (void)signal(SIGPIPE, SIG_DFL), (void)signal(SIGHUP, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (!limits_enter(c->limits) || null < 0 || dup2(null, 0) < 0)
        _exit(125);
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
        if (from[i] >= 0 && dup2(from[i], to[i]) < 0)
            _exit(125);
    limits_rlimits(0);
    if (close_range(3, QMP_FD - 1, CLOSE_RANGE_CLOEXEC) != 0 ||
        close_range(INITRD_FD + (c->initrd < 0 ? 0 : 1), ~0u, CLOSE_RANGE_CLOEXEC) != 0 ||
        !drop_root(c->kvm) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        _exit(125);
    /* last: changing the user takes it back */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != c->parent)
        _exit(125);
    for (char *p = (char *)c->words->p; p < (char *)c->words->p + c->words->n && n < WORDS_MAX;
         p += strlen(p) + 1)
        argv[n++] = p;
    execvp(argv[0], argv);
    _exit(127);
}

static bool spawn(struct child *c, struct run *r, struct err *e)
{
    int p[4] = {-1, -1, -1, -1}, q[2] = {-1, -1};

    c->parent = getpid();
    if (pipe2(p, O_CLOEXEC) == 0 && pipe2(p + 2, O_CLOEXEC) == 0 &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, q) == 0) {
        c->out = p[1], c->err = p[3], c->qmp = q[1];
        r->pid = fork();
        if (r->pid == 0)
            child_run(c);
    }
    for (size_t i = 0; i < 2; i++)
        if (p[2 * i + 1] >= 0)
            (void)close(p[2 * i + 1]);
    if (q[1] >= 0)
        (void)close(q[1]);
    r->out_fd = p[0], r->err_fd = p[2], r->status_fd = q[0];
    if (r->pid <= 0) {
        r->pid = 0;
        return err_errno(e, errno, "vm.spawn", "process of the machine");
    }
    (void)fcntl(p[0], F_SETFL, O_NONBLOCK), (void)fcntl(p[2], F_SETFL, O_NONBLOCK);
    (void)fcntl(q[0], F_SETFL, O_NONBLOCK);
    return true;
}

/* It lies beside the artifact: both are in the agent's store. */
static int initrd_open(const struct run_options *o)
{
    const Bailey__V1__Artifact *a = o->spec->runtime == NULL ? NULL : o->spec->runtime->initrd;
    const char *slash = strrchr(o->artifact, '/');
    char path[700];

    if (a == NULL || strlen(a->digest) != 71 || slash == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%.*s/sha256-%s", (int)(slash - o->artifact), o->artifact,
                   a->digest + 7);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool command(const struct run_options *o, struct child *x, struct buf *words, struct err *e)
{
    const Bailey__V1__Runtime *rt = o->spec->runtime;
    const Bailey__V1__Capacity *l = o->spec->limits;
    const char *kvm = getenv("BAILEY_VM_KVM");
    struct vm_command c = {.qmp_fd = QMP_FD,
                           .kvm = kvm != NULL && strcmp(kvm, "1") == 0,
                           .memory_bytes = l == NULL ? 0 : l->memory_bytes,
                           .cpu_milli = l == NULL ? 0 : l->cpu_milli,
                           .network = rt != NULL && strcmp(rt->network, "host") == 0,
                           .digest = o->spec->artifact_digest + 7};
    bool kernel = false;

    if (!kind_of(x->artifact, &kernel, e) ||
        (l != NULL && l->tee_slots > 0 && !guard_choose(&c, e)))
        return false;
    if (rt != NULL && rt->initrd != NULL && x->initrd < 0)
        return err_errno(e, errno, "vm.initrd", "the initial file system");
    x->kvm = c.kvm;
    c.kernel = kernel ? "/proc/self/fd/106" : NULL;
    c.disk = kernel ? NULL : "/proc/self/fd/106";
    c.initrd = x->initrd >= 0 ? "/proc/self/fd/107" : NULL;
    c.words = rt == NULL ? NULL : rt->args;
    c.words_n = rt == NULL ? 0 : rt->n_args;
    return vm_command(&c, words, e);
}

static bool start(const struct run_options *o, const struct limits *l, struct run *r, struct err *e)
{
    AUTO_BUF struct buf words = {.limit = 65536};
    struct child c = {.limits = l, .words = &words, .out = -1, .err = -1, .qmp = -1};
    bool ok;

    c.artifact = open(o->artifact, O_RDONLY | O_CLOEXEC);
    c.initrd = initrd_open(o);
    if (c.artifact < 0)
        ok = err_errno(e, errno, "vm.artifact", "%s", o->artifact);
    else
        ok = command(o, &c, &words, e) && spawn(&c, r, e);
    if (c.artifact >= 0)
        (void)close(c.artifact);
    if (c.initrd >= 0)
        (void)close(c.initrd);
    if (!ok)
        run_discard(r);
    return ok;
}

static bool say(const struct run *r, const char *what)
{
    char line[96];
    int n = snprintf(line, sizeof line, "{\"execute\": \"%s\"}\n", what);

    return send(r->status_fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n;
}

/* One line of QMP (QEMU, interop/qmp-spec.rst). The peer is QEMU; a guest cannot write here. */
static enum run_news heard(struct run *r, const char *line)
{
    if (strstr(line, "\"event\": \"SHUTDOWN\"") != NULL && strstr(line, "guest-reset") != NULL)
        r->code = CODE_RESET;
    if (strstr(line, "\"event\": \"GUEST_PANICKED\"") != NULL)
        r->code = CODE_RESET;
    if (r->status[0] == QMP_GREETING && strstr(line, "\"QMP\"") != NULL) {
        r->status[0] = QMP_WAITING;
        (void)!say(r, "qmp_capabilities");
    } else if (r->status[0] == QMP_WAITING && strstr(line, "\"return\"") != NULL) {
        r->status[0] = QMP_READY;
        return RUN_RUNS;
    }
    return RUN_NOTHING;
}

static enum run_news status(struct run *r, const char *artifact, struct err *e)
{
    ssize_t n = read(r->status_fd, r->info + r->info_n, sizeof r->info - 1 - r->info_n);
    enum run_news news = RUN_NOTHING;
    char *end;

    (void)artifact;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return RUN_NOTHING;
    if (n <= 0) {
        (void)close(r->status_fd);
        r->status_fd = -1;
        if (r->status[0] == QMP_READY)
            return RUN_NOTHING;
        (void)err_set(e, ERR_UNAVAIL, "vm.not-started",
                      "QEMU did not start the machine; its last words are in the keep's log");
        return RUN_FAILED;
    }
    r->info_n += (size_t)n;
    r->info[r->info_n] = '\0';
    while ((end = strchr(r->info, '\n')) != NULL) {
        *end = '\0';
        if (heard(r, r->info) == RUN_RUNS)
            news = RUN_RUNS;
        r->info_n -= (size_t)(end + 1 - r->info);
        memmove(r->info, end + 1, r->info_n + 1);
    }
    if (r->info_n == sizeof r->info - 1)
        r->info_n = 0; /* a line that is longer says nothing that is wanted here */
    return news;
}

/* The power button: what the guest makes of it is its own affair; the grace ends the rest. */
static bool term(struct run *r)
{
    return r->status[0] == QMP_READY && say(r, "system_powerdown");
}

static void info(struct run *r)
{
    (void)r; /* nothing comes there */
}

static bool probe(char *what, size_t size, struct err *e)
{
    const char *const argv[] = {VM_PROGRAM, "--version", NULL};
    AUTO_BUF struct buf said = {.limit = 4096};
    char line[128];
    bool kvm;

    if (!tool_output(argv, &said))
        return err_set(e, ERR_MISSING, "vm.qemu-missing", VM_PROGRAM " is not installed");
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(buf_str(&said), "\n("), buf_str(&said));
    kvm = vm_kvm_works(line);
    (void)setenv("BAILEY_VM_KVM", kvm ? "1" : "0", 1); /* for the loaders */
    (void)snprintf(what, size, "%swith %s; confidential guests: %s", line,
                   kvm ? "KVM" : "TCG (slow; KVM boots no 64-bit guest here)",
                   object_known("sev-snp-guest") ? "SNP"
                   : object_known("tdx-guest")   ? "TDX"
                                                 : "not with this QEMU");
    return true;
}

const struct runtime runtime_vm = {
    .name = "vm",
    .can = 0,
    .mend = "install qemu-system-x86",
    .probe = probe,
    .start = start,
    .info = info,
    .status = status,
    .term = term,
};
