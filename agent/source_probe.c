/* A host that runs keeps as confidential guests is none itself: a guest of its own answers for it.
 * Its kernel and initrd (deploy/probe-initrd: bailey-probe and nothing else) are given by name;
 * their measurement stands in the report, so that a rule can ask for exactly this guest. The
 * question and the answer go over one virtio port (probe_wire.h); no disk, no network, no console.
 */
#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/probe_wire.h"
#include "agent/source_probe.h"
#include "base/clock.h"
#include "base/str.h"

#define QEMU "qemu-system-x86_64"
#define PATIENCE_MS 50000 /* a challenge lives 60 s */
#define GUEST_FD 3        /* the guest's end of the port, in QEMU */

extern char **environ;

static void add(struct probe_command *c, const char *option, const char *value)
{
    BUG_ON(c->n + 3 > PROBE_ARGUMENTS);
    c->argument[c->n++] = option;
    if (value != NULL)
        c->argument[c->n++] = value;
    c->argument[c->n] = NULL;
}

/* Where the encryption bit of a page table entry is, and what it costs of the address
 * (CPUID Fn8000_001F EBX, AMD 24594). */
static void cbit(unsigned *position, unsigned *reduction)
{
    unsigned a, b = 51 | 1u << 6, c, d;

    (void)__get_cpuid_count(0x8000001f, 0, &a, &b, &c, &d);
    *position = b & 0x3f;
    *reduction = b >> 6 & 0x3f;
}

static void machine(const struct source_options *o, struct probe_command *c)
{
    unsigned position, reduction;

    if (strcmp(o->probe_machine, "snp") == 0) {
        cbit(&position, &reduction);
        (void)snprintf(c->tee, sizeof c->tee,
                       "sev-snp-guest,id=tee,cbitpos=%u,reduced-phys-bits=%u,kernel-hashes=on",
                       position, reduction);
        add(c, "-machine", "q35,confidential-guest-support=tee,memory-backend=ram");
        add(c, "-cpu", "EPYC-v4");
    } else if (strcmp(o->probe_machine, "tdx") == 0) {
        (void)str_copy(c->tee, sizeof c->tee, "tdx-guest,id=tee");
        add(c, "-machine",
            "q35,kernel-irqchip=split,confidential-guest-support=tee,memory-backend=ram");
        add(c, "-cpu", "host");
    } else {
        add(c, "-machine", "q35");
        add(c, "-accel", "tcg");
        add(c, "-cpu", "max");
        return;
    }
    add(c, "-accel", "kvm");
    add(c, "-object", "memory-backend-memfd,id=ram,size=256M,share=on");
    add(c, "-object", c->tee);
    add(c, "-bios", o->probe_firmware == NULL ? "OVMF.fd" : o->probe_firmware);
}

void probe_command(const struct source_options *o, struct probe_command *c)
{
    *c = (struct probe_command){0};
    /* an emulated timer may miss its test when the host is busy, and the kernel would panic */
    (void)snprintf(c->append, sizeof c->append, "console=ttyS0 quiet panic=-1 no_timer_check%s%s",
                   o->probe_append == NULL ? "" : " ",
                   o->probe_append == NULL ? "" : o->probe_append);
    add(c, o->probe_qemu == NULL ? QEMU : o->probe_qemu, NULL);
    add(c, "-nodefaults", "-no-user-config");
    add(c, "-nographic", "-no-reboot");
    machine(o, c);
    add(c, "-m", "256M");
    add(c, "-kernel", o->probe_kernel);
    add(c, "-initrd", o->probe_initrd);
    add(c, "-append", c->append);
    add(c, "-chardev", "socket,id=probe,fd=3");
    add(c, "-device", "virtio-serial-pci");
    add(c, "-device", "virtserialport,chardev=probe,name=" PROBE_PORT);
    add(c, "-monitor", "none");
    add(c, "-serial", "none");
}

/* A guest at work. */
struct guest {
    pid_t pid; /* 0: none */
    int fd;    /* our end of its port; -1: not open */
};

static void guest_end(struct guest *g)
{
    int status;

    if (g->fd >= 0)
        (void)close(g->fd);
    if (g->pid > 0) {
        (void)kill(g->pid, SIGKILL);
        while (waitpid(g->pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
}
#define AUTO_GUEST __attribute__((cleanup(guest_end)))

static int spawn(const struct source_options *o, int end, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    struct probe_command c;
    sigset_t none, all;
    int error;

    probe_command(o, &c);
    (void)sigemptyset(&none), (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, end, GUEST_FD);
    error = posix_spawnp(pid, c.argument[0], &actions, &attributes,
                         (char *const *)(uintptr_t)c.argument, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return error;
}

static bool guest_begin(const struct source_options *o, struct guest *g, struct err *e)
{
    int pair[2], error;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_errno(e, errno, "probe.io", "a port for the guest");
    g->fd = pair[0];
    if (pair[1] == GUEST_FD) { /* dup2 to itself would leave it close-on-exec in old libraries */
        int moved = dup(pair[1]);

        (void)close(pair[1]);
        pair[1] = moved;
    }
    error = spawn(o, pair[1], &g->pid);
    (void)close(pair[1]);
    if (error == 0)
        return true;
    g->pid = 0;
    return err_errno(e, error, "probe.not-started", "%.100s",
                     o->probe_qemu == NULL ? QEMU : o->probe_qemu),
           err_mend(e, "install QEMU, or name it with --probe-qemu");
}

/* errno of the port: a guest that ended is told from a port that failed. */
static bool port_failed(struct err *e, int error)
{
    if (error != 0 && error != EPIPE && error != ECONNRESET)
        return err_errno(e, error, "probe.io", "the guest's port");
    return err_set(e, ERR_UNAVAIL, "probe.ended", "the guest ended without an answer"),
           err_mend(e, "does its kernel have virtio ports? see docs/operate.md");
}

/* Exactly n bytes before the end. */
static bool read_all(int fd, uint8_t *to, size_t n, int64_t end, struct err *e)
{
    while (n > 0) {
        int64_t left = end - clock_system.mono_ms(&clock_system);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return err_set(e, ERR_TIMEOUT, "probe.timeout", "the guest did not answer in time");
        got = recv(fd, to, n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return port_failed(e, got == 0 ? 0 : errno);
        if (got > 0) {
            to += got;
            n -= (size_t)got;
        }
    }
    return true;
}

/* One guest, one question, one answer. */
static bool ask(const struct source_options *o, const uint8_t report_data[SOURCE_REPORT_DATA],
                char source[64], struct source_evidence *out, struct err *e)
{
    AUTO_GUEST struct guest g = {.fd = -1};
    AUTO_BUF struct buf question = {0}, answer = {.limit = PROBE_ANSWER_MAX};
    struct probe_question q = {.privlevel = o->privlevel};
    int64_t end = clock_system.mono_ms(&clock_system) + PATIENCE_MS;
    uint8_t head[PROBE_HEAD];
    size_t size;

    memcpy(q.report_data, report_data, sizeof q.report_data);
    probe_question_put(&q, &question);
    if (!buf_ok(&question, e) || !guest_begin(o, &g, e))
        return false;
    if (send(g.fd, question.p, question.n, MSG_NOSIGNAL) != (ssize_t)question.n)
        return port_failed(e, errno);
    if (!read_all(g.fd, head, sizeof head, end, e) || !probe_answer_size(head, &size, e))
        return false;
    buf_put(&answer, head, sizeof head);
    buf_zero(&answer, size - sizeof head);
    return buf_ok(&answer, e) &&
           read_all(g.fd, answer.p + sizeof head, size - sizeof head, end, e) &&
           probe_answer_parse(buf_bytes(&answer), source, out, e);
}

static bool collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e)
{
    char source[64];

    return ask(&s->o, report_data, source, out, e);
}

static const char *machine_of(const char *word)
{
    static const char *const words[] = {"plain", "snp", "tdx"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], word == NULL ? "snp" : word) == 0)
            return words[i];
    return NULL;
}

/* Starts a guest and asks it: what it answers with stands behind the name. */
static bool probe(struct source *s, struct err *e)
{
    const uint8_t nothing[SOURCE_REPORT_DATA] = {0};
    AUTO_SOURCE_EVIDENCE struct source_evidence trial = {0};
    char source[64];

    if (s->o.probe_kernel == NULL || s->o.probe_initrd == NULL)
        return err_set(e, ERR_MISSING, "source.not-asked", "nobody said which guest to start"),
               err_mend(e, "--probe-kernel FILE --probe-initrd FILE");
    s->o.probe_machine = machine_of(s->o.probe_machine);
    if (s->o.probe_machine == NULL)
        return err_set(e, ERR_INPUT, "probe.machine", "--probe-machine: want snp, tdx or plain");
    if (access(s->o.probe_kernel, R_OK) != 0 || access(s->o.probe_initrd, R_OK) != 0)
        return err_errno(e, errno, "probe.files", "the guest's kernel or initrd");
    if (!ask(&s->o, nothing, source, &trial, e) &&
        (!source_again(e) || !ask(&s->o, nothing, source, &trial, e)))
        return false;
    (void)str_copy(s->detail, sizeof s->detail, source);
    return true;
}

const struct source_kind source_probe = {"probe", "probe guest", probe, collect};
