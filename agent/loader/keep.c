#include "agent/loader/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/loader/control.h"
#include "agent/loader/limits.h"
#include "agent/loader/logfile.h"
#include "agent/loader/sandbox.h"
#include "agent/loader/supervise.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "proto/unpack.h"

#define CLIENTS 8
#define TERM_AGAIN_MS 5 /* nothing tells when bubblewrap forks the program */
#define DRAIN_MS 500    /* output that is still in the pipes after the end */

enum { FD_LISTEN, FD_SIGNAL, FD_DEADLINE, FD_TIMER, FD_OUT, FD_ERR, FD_INFO, FD_CLIENT };
#define FDS (FD_CLIENT + CLIENTS)

struct keep {
    const struct keep_options *options;
    struct arena arena;
    const Bailey__V1__StartKeep *spec;
    struct supervise life;
    struct limits limits;
    struct sandbox box;
    struct logfile log;
    int dir_fd;
    struct pollfd fds[FDS];
    int64_t deadline_ms, started_wall_ms, ended_wall_ms;
    bool alive, done; /* alive: a sandbox process is there */
    bool term_owed;   /* SIGTERM is due, and the program was not there yet */
};

static int64_t boottime(void)
{
    return clock_system.boottime_ms(&clock_system);
}

static int64_t wall(void)
{
    return clock_system.wall_ms(&clock_system);
}

static void report_fill(const struct keep *k, Bailey__V1__KeepReport *r)
{
    static const Bailey__V1__KeepStatus__State states[] = {
        [SUPERVISE_STARTING] = BAILEY__V1__KEEP_STATUS__STATE__starting,
        [SUPERVISE_RUNNING] = BAILEY__V1__KEEP_STATUS__STATE__running,
        [SUPERVISE_WAITING] = BAILEY__V1__KEEP_STATUS__STATE__starting,
        [SUPERVISE_STOPPING] = BAILEY__V1__KEEP_STATUS__STATE__stopping,
        [SUPERVISE_ENDED] = BAILEY__V1__KEEP_STATUS__STATE__ended,
    };

    bailey__v1__keep_report__init(r);
    r->keep_uid = k->spec->keep_uid;
    r->epoch = k->spec->epoch;
    r->state = states[k->life.state];
    r->reason = (char *)(uintptr_t)k->life.reason;
    r->pid = k->alive ? (uint32_t)(k->box.inner > 0 ? k->box.inner : k->box.pid) : 0;
    r->restarts = k->life.restarts;
    r->exit_code = k->life.exit_code;
    r->exit_signal = k->life.exit_signal;
    r->started_at_ms = k->started_wall_ms;
    r->ended_at_ms = k->ended_wall_ms;
    if (k->life.state == SUPERVISE_WAITING)
        r->next_start_at_ms = wall() + k->life.timer_ms - boottime();
}

static void client_close(struct keep *k, size_t i)
{
    (void)close(k->fds[i].fd);
    k->fds[i].fd = -1;
}

/* One client's: i; everybody's: 0. */
static void report_send(struct keep *k, struct buf *packed, size_t only)
{
    for (size_t i = FD_CLIENT; i < FDS; i++)
        if (k->fds[i].fd >= 0 && (only == 0 || only == i) &&
            send(k->fds[i].fd, packed->p, packed->n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            client_close(k, i); /* it connects again and asks */
}

static void report(struct keep *k, size_t only)
{
    AUTO_BUF struct buf packed = {0};
    Bailey__V1__KeepReport r;
    struct err e;

    report_fill(k, &r);
    proto_pack(&r.base, &packed);
    if (only == 0 && !file_write(k->dir_fd, KEEP_REPORT, buf_bytes(&packed), 0600, &e))
        log_error("state not written", LOG_ERR(&e));
    report_send(k, &packed, only);
}

static void arm(int fd, int64_t at_ms)
{
    struct itimerspec t = {0};

    if (at_ms > 0) {
        t.it_value.tv_sec = at_ms / 1000;
        t.it_value.tv_nsec = at_ms % 1000 * 1000000;
    }
    (void)timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void step(struct keep *k, struct supervise_event ev);

static void box_close(struct keep *k)
{
    for (size_t i = FD_OUT; i <= FD_INFO; i++) {
        if (k->fds[i].fd >= 0)
            (void)close(k->fds[i].fd);
        k->fds[i].fd = -1;
    }
}

static void start(struct keep *k)
{
    struct err e = {0};

    limits_make(&k->limits, k->spec->keep_uid,
                k->spec->limits == NULL ? 0 : k->spec->limits->cpu_milli,
                k->spec->limits == NULL ? 0 : k->spec->limits->memory_bytes);
    if (!sandbox_start(k->spec, k->options->artifact, &k->limits, &k->box, &e)) {
        log_error("sandbox not started", LOG_ERR(&e));
        limits_remove(&k->limits);
        step(k, (struct supervise_event){.kind = SUPERVISE_FAILED, .text = e.msg});
        return;
    }
    k->alive = true;
    k->fds[FD_OUT].fd = k->box.out_fd;
    k->fds[FD_ERR].fd = k->box.err_fd;
    k->fds[FD_INFO].fd = k->box.info_fd;
}

static void step(struct keep *k, struct supervise_event ev)
{
    unsigned todo = supervise_step(&k->life, &ev, boottime());

    if ((todo & SUPERVISE_DO_TERM) != 0)
        k->term_owed = !sandbox_term(&k->box);
    if ((todo & SUPERVISE_DO_KILL) != 0)
        sandbox_kill(&k->box, &k->limits);
    if ((todo & SUPERVISE_DO_END) != 0) {
        k->ended_wall_ms = wall();
        k->done = true;
    }
    if ((todo & SUPERVISE_DO_REPORT) != 0)
        report(k, 0);
    arm(k->fds[FD_TIMER].fd, k->life.timer_ms);
    if ((todo & SUPERVISE_DO_SPAWN) != 0)
        start(k); /* last: it may step again */
}

static bool output_read(struct keep *k, size_t i)
{
    uint8_t chunk[16384];
    ssize_t n = read(k->fds[i].fd, chunk, sizeof chunk);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        (void)close(k->fds[i].fd);
        k->fds[i].fd = -1;
        return false;
    }
    logfile_put(&k->log, i == FD_OUT ? 0 : 1, (struct bytes){chunk, (size_t)n}, wall());
    return true;
}

/* All that the dead program wrote, but never waiting long for a stray holder of the pipe. */
static void output_drain(struct keep *k)
{
    int64_t until = boottime() + DRAIN_MS;

    for (size_t i = FD_OUT; i <= FD_ERR; i++)
        while (k->fds[i].fd >= 0 && boottime() < until && output_read(k, i))
            ;
    logfile_flush(&k->log, wall());
}

static void info_read(struct keep *k)
{
    char text[160];

    if (sandbox_info(&k->box)) {
        k->started_wall_ms = wall();
        (void)limits_format(&k->limits, text, sizeof text);
        step(k, (struct supervise_event){
                    .kind = SUPERVISE_SPAWNED,
                    .text = k->limits.memory && k->limits.pids && k->limits.cpu ? "" : text});
    }
    k->fds[FD_INFO].fd = k->box.info_fd;
}

static void reap(struct keep *k)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct supervise_event ev = {.kind = SUPERVISE_EXITED};

        if (pid != k->box.pid || !k->alive)
            continue;
        for (int i = 0; i < 3 && k->fds[FD_INFO].fd >= 0; i++)
            info_read(k); /* it began, though we had no time to see it */
        limits_kill(&k->limits);
        k->alive = false;
        output_drain(k);
        ev.out_of_memory = limits_out_of_memory(&k->limits);
        limits_remove(&k->limits);
        box_close(k);
        if (WIFSIGNALED(status))
            ev.exit_signal = WTERMSIG(status);
        else if (WEXITSTATUS(status) > 128 && WEXITSTATUS(status) <= 128 + SIGRTMAX)
            ev.exit_signal = WEXITSTATUS(status) - 128; /* how bubblewrap says it */
        else
            ev.exit_code = WEXITSTATUS(status);
        step(k, ev);
    }
}

static void on_signal(struct keep *k)
{
    struct signalfd_siginfo s;

    while (read(k->fds[FD_SIGNAL].fd, &s, sizeof s) == (ssize_t)sizeof s)
        if (s.ssi_signo != SIGCHLD)
            step(k, (struct supervise_event){.kind = SUPERVISE_STOP,
                                             .grace_ms = 5000,
                                             .text = "the loader was told to end"});
    reap(k);
}

static void on_client(struct keep *k, size_t i)
{
    uint8_t packet[CONTROL_REQUEST + 1];
    ssize_t n = recv(k->fds[i].fd, packet, sizeof packet, MSG_DONTWAIT);
    struct control c;
    struct err e;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !control_parse((struct bytes){packet, (size_t)n}, &c, &e)) {
        client_close(k, i);
        return;
    }
    if (c.kind == CONTROL_INFO)
        report(k, i);
    else if (c.kind == CONTROL_STOP)
        step(k,
             (struct supervise_event){.kind = SUPERVISE_STOP, .grace_ms = c.value, .text = c.text});
    else if (c.value > k->deadline_ms)
        arm(k->fds[FD_DEADLINE].fd, k->deadline_ms = c.value);
}

static void on_listen(struct keep *k)
{
    int fd = accept4(k->fds[FD_LISTEN].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (size_t i = FD_CLIENT; fd >= 0 && i < FDS; i++) {
        if (k->fds[i].fd >= 0)
            continue;
        k->fds[i].fd = fd;
        report(k, i);
        return;
    }
    if (fd >= 0)
        (void)close(fd);
}

static void on_timer(struct keep *k, size_t i)
{
    uint64_t count;

    if (read(k->fds[i].fd, &count, sizeof count) != (ssize_t)sizeof count)
        return;
    step(k, (struct supervise_event){.kind = i == FD_TIMER ? SUPERVISE_TIMER : SUPERVISE_DEADLINE});
}

static void dispatch(struct keep *k, size_t i)
{
    if (i == FD_LISTEN)
        on_listen(k);
    else if (i == FD_SIGNAL)
        on_signal(k);
    else if (i == FD_DEADLINE || i == FD_TIMER)
        on_timer(k, i);
    else if (i == FD_OUT || i == FD_ERR)
        (void)output_read(k, i);
    else if (i == FD_INFO)
        info_read(k);
    else
        on_client(k, i);
}

static void loop(struct keep *k)
{
    while (!k->done) {
        int n = poll(k->fds, FDS, k->term_owed ? TERM_AGAIN_MS : -1);

        if (n < 0 && errno != EINTR)
            return;
        if (k->term_owed)
            k->term_owed = k->alive && !sandbox_term(&k->box);
        /* the lease first: nothing may be served before it */
        if (n > 0 && k->fds[FD_DEADLINE].revents != 0)
            dispatch(k, FD_DEADLINE);
        for (size_t i = 0; n > 0 && i < FDS && !k->done; i++)
            if (k->fds[i].fd >= 0 && i != FD_DEADLINE && k->fds[i].revents != 0)
                dispatch(k, i);
    }
}

static bool spec_load(struct keep *k, struct err *e)
{
    AUTO_BUF struct buf packed = {.limit = 1u << 20};
    ProtobufCMessage *m;

    arena_init(&k->arena, 4u << 20);
    if (!file_read(k->dir_fd, KEEP_SPEC, &packed, e) ||
        !proto_unpack(&bailey__v1__start_keep__descriptor, buf_bytes(&packed), &k->arena, &m, e))
        return err_wrap(e, "spec");
    k->spec = (const Bailey__V1__StartKeep *)m;
    return true;
}

/* The duration, or the schema's default where it is absent or wrong. */
static int64_t duration_or(const char *s, int64_t fallback)
{
    struct err ignored;
    int64_t ms;

    return s != NULL && s[0] != '\0' && duration_parse(s, &ms, &ignored) && ms > 0 ? ms : fallback;
}

static bool descriptors(struct keep *k, struct err *e)
{
    sigset_t set;

    for (size_t i = 0; i < FDS; i++)
        k->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD), (void)sigaddset(&set, SIGTERM), (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN), (void)signal(SIGHUP, SIG_IGN);
    k->fds[FD_SIGNAL].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    k->fds[FD_DEADLINE].fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    k->fds[FD_TIMER].fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (k->fds[FD_SIGNAL].fd < 0 || k->fds[FD_DEADLINE].fd < 0 || k->fds[FD_TIMER].fd < 0)
        return err_errno(e, errno, "keep.descriptors", "signals and timers");
    return control_listen(k->dir_fd, &k->fds[FD_LISTEN].fd, e);
}

bool keep_run(const struct keep_options *o, struct err *e)
{
    static struct keep k; /* large, and there is one */
    const Bailey__V1__Restart *restart;

    k.options = o;
    k.dir_fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k.dir_fd < 0)
        return err_errno(e, errno, "keep.folder", "%s", o->dir);
    if (flock(k.dir_fd, LOCK_EX | LOCK_NB) != 0) /* the agent has given this keep up */
        return err_set(e, ERR_CONFLICT, "keep.locked", "%s is not ours to run", o->dir);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!spec_load(&k, e) || !logfile_open(&k.log, k.dir_fd, LOGFILE_BYTES, e) ||
        !descriptors(&k, e))
        return false;
    restart = k.spec->restart;
    k.life.policy = restart_policy_parse(restart == NULL ? NULL : restart->policy);
    k.life.backoff_ms = duration_or(restart == NULL ? NULL : restart->backoff, 1000);
    k.life.max_backoff_ms = duration_or(restart == NULL ? NULL : restart->max_backoff, 300000);
    k.deadline_ms = o->deadline_ms;
    arm(k.fds[FD_DEADLINE].fd, k.deadline_ms);
    step(&k, (struct supervise_event){.kind = SUPERVISE_BEGIN});
    loop(&k);
    (void)unlinkat(k.dir_fd, CONTROL_SOCKET, 0);
    logfile_close(&k.log);
    arena_fini(&k.arena);
    (void)close(k.dir_fd);
    return true;
}
