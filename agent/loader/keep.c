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
#include "agent/loader/health.h"
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
#define HEALTH_GRACE_MS 5000 /* an unhealthy keep is told to end, then killed */
#define TERM_AGAIN_MS 5      /* nothing tells when bubblewrap forks the program */
#define DRAIN_MS 500         /* output that is still in the pipes after the end */

enum {
    FD_LISTEN,
    FD_SIGNAL,
    FD_DEADLINE,
    FD_TIMER,
    FD_HEALTH,
    FD_OUT,
    FD_ERR,
    FD_INFO,
    FD_STATUS,
    FD_CLIENT
};
#define FDS (FD_CLIENT + CLIENTS)

struct keep {
    struct keep_options options;
    struct arena arena;
    const Bailey__V1__StartKeep *spec;
    struct supervise life;
    struct limits limits;
    const struct runtime *runtime;
    struct run box;
    bool prepared; /* limits and box are, and nothing runs in them yet */
    char group[LIMITS_NAME];
    struct health health;
    struct err failure; /* why the program could not be executed */
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
    r->exit_reason = (char *)(uintptr_t)k->life.exit_reason;
    r->health = k->health.state;
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
    if (only == 0 && !file_replace(k->dir_fd, KEEP_REPORT, buf_bytes(&packed), 0600, &e))
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
    for (size_t i = FD_OUT; i <= FD_STATUS; i++) {
        if (k->fds[i].fd >= 0)
            (void)close(k->fds[i].fd);
        k->fds[i].fd = -1;
    }
}

/* Cgroups, and in them the process that will become the sandbox. */
static bool prepare(struct keep *k, struct err *e)
{
    limits_make(&k->limits, k->group);
    k->prepared = runtime_find("")->prepare(&k->limits, &k->box, e);
    if (!k->prepared)
        limits_remove(&k->limits);
    return k->prepared;
}

static void unprepare(struct keep *k)
{
    if (!k->prepared)
        return;
    run_discard(&k->box);
    limits_remove(&k->limits);
    k->prepared = false;
}

static bool start_run(struct keep *k, struct err *e)
{
    const Bailey__V1__Capacity *c = k->spec->limits;
    struct run_options o = {
        .spec = k->spec, .artifact = k->options.artifact, .folder = k->options.dir};

    if (!k->prepared)
        limits_make(&k->limits, k->group);
    if (k->prepared && (k->runtime->can & RUNTIME_PREPARES) == 0)
        run_discard(&k->box);
    if (!k->prepared)
        k->box = run_none();
    k->prepared = false;
    limits_set(&k->limits, c == NULL ? 0 : c->cpu_milli, c == NULL ? 0 : c->memory_bytes);
    o.as_bytes = k->limits.memory ? 0 : k->limits.memory_bytes;
    if (k->runtime->start(&o, &k->limits, &k->box, e))
        return true;
    limits_remove(&k->limits);
    return false;
}

static void start(struct keep *k)
{
    struct err e = {0};

    k->failure = (struct err){0};
    if (!start_run(k, &e)) {
        log_error("keep's program not started", LOG_ERR(&e));
        step(k, (struct supervise_event){.kind = SUPERVISE_FAILED, .text = e.msg});
        return;
    }
    k->alive = true;
    k->fds[FD_OUT].fd = k->box.out_fd;
    k->fds[FD_ERR].fd = k->box.err_fd;
    k->fds[FD_INFO].fd = k->box.info_fd;
    k->fds[FD_STATUS].fd = k->box.status_fd;
}

static void step(struct keep *k, struct supervise_event ev)
{
    unsigned todo = supervise_step(&k->life, &ev, boottime());

    if ((todo & SUPERVISE_DO_TERM) != 0)
        k->term_owed = !k->runtime->term(&k->box);
    if ((todo & SUPERVISE_DO_KILL) != 0)
        run_kill(&k->box, &k->limits);
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
    k->runtime->info(&k->box);
    k->fds[FD_INFO].fd = k->box.info_fd;
}

static void status_read(struct keep *k)
{
    enum run_news news = k->runtime->status(&k->box, k->options.artifact, &k->failure);
    char text[160];

    k->fds[FD_STATUS].fd = k->box.status_fd;
    if (news != RUN_RUNS)
        return;
    for (int i = 0; i < 4 && k->fds[FD_INFO].fd >= 0; i++)
        info_read(k); /* it came before */
    k->started_wall_ms = wall();
    (void)limits_format(&k->limits, text, sizeof text);
    health_started(&k->health, boottime());
    arm(k->fds[FD_HEALTH].fd, k->health.next_ms);
    step(k, (struct supervise_event){
                .kind = SUPERVISE_SPAWNED,
                .text = k->limits.memory && k->limits.pids && k->limits.cpu ? "" : text});
}

static void health_news(struct keep *k, enum health_news news)
{
    char text[160];

    arm(k->fds[FD_HEALTH].fd, k->health.next_ms);
    if (news == HEALTH_CHANGED)
        report(k, 0);
    if (news != HEALTH_FAILED)
        return;
    (void)snprintf(text, sizeof text, "health check failed: %s", k->health.text);
    step(k, (struct supervise_event){
                .kind = SUPERVISE_UNHEALTHY, .grace_ms = HEALTH_GRACE_MS, .text = text});
}

static bool host_network(const struct keep *k)
{
    return k->spec->runtime != NULL && strcmp(k->spec->runtime->network, "host") == 0;
}

static void ended(struct keep *k, int status)
{
    struct supervise_event ev = {.kind = SUPERVISE_EXITED};
    char text[400];

    for (int i = 0; i < 4 && k->fds[FD_STATUS].fd >= 0; i++)
        status_read(k); /* it began, though we had no time to see it */
    health_stopped(&k->health);
    arm(k->fds[FD_HEALTH].fd, 0);
    limits_kill(&k->limits);
    k->alive = false;
    k->box.pid = 0;
    output_drain(k);
    ev.out_of_memory = limits_out_of_memory(&k->limits);
    limits_remove(&k->limits);
    box_close(k);
    if (WIFSIGNALED(status))
        ev.exit_signal = WTERMSIG(status);
    else if (WEXITSTATUS(status) > 128 && WEXITSTATUS(status) <= 128 + SIGRTMAX)
        ev.exit_signal = WEXITSTATUS(status) - 128; /* how bubblewrap says it */
    else
        ev.exit_code = WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : k->box.code;
    if (k->failure.code != ERR_NONE) {
        (void)snprintf(text, sizeof text, "%s: %.280s", k->failure.reason, k->failure.msg);
        ev = (struct supervise_event){.kind = SUPERVISE_FAILED, .text = text};
    }
    step(k, ev);
}

static void reap(struct keep *k)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (k->health.checker > 0 && pid == k->health.checker)
            health_news(k, health_reaped(&k->health, status, boottime()));
        else if (pid == k->box.pid && k->alive)
            ended(k, status);
        else if (pid == k->box.pid && k->prepared) {
            k->box.pid = 0; /* somebody killed it; the next start makes another */
            unprepare(k);
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
    if (i == FD_HEALTH)
        health_news(k,
                    health_tick(&k->health, k->box.inner, host_network(k), &k->limits, boottime()));
    else
        step(k, (struct supervise_event){.kind =
                                             i == FD_TIMER ? SUPERVISE_TIMER : SUPERVISE_DEADLINE});
}

static void dispatch(struct keep *k, size_t i)
{
    if (i == FD_LISTEN)
        on_listen(k);
    else if (i == FD_SIGNAL)
        on_signal(k);
    else if (i == FD_DEADLINE || i == FD_TIMER || i == FD_HEALTH)
        on_timer(k, i);
    else if (i == FD_OUT || i == FD_ERR)
        (void)output_read(k, i);
    else if (i == FD_INFO)
        info_read(k);
    else if (i == FD_STATUS)
        status_read(k);
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
            k->term_owed = k->alive && !k->runtime->term(&k->box);
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
    k->runtime = runtime_find(k->spec->runtime == NULL ? "" : k->spec->runtime->kind);
    return k->runtime != NULL ||
           err_set(e, ERR_INPUT, "runtime.unknown", "runtime %.40s", k->spec->runtime->kind);
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
    k->fds[FD_HEALTH].fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (k->fds[FD_HEALTH].fd < 0 || k->fds[FD_SIGNAL].fd < 0 || k->fds[FD_DEADLINE].fd < 0 ||
        k->fds[FD_TIMER].fd < 0)
        return err_errno(e, errno, "keep.descriptors", "signals and timers");
    return true;
}

/* Waits for the agent's word; meanwhile the cgroups are made and joined. False without an error: it
 * is not needed. */
static bool spare_wait(struct keep *k, struct control_begin *begin, struct err *e)
{
    struct pollfd fds[2] = {{k->options.control_fd, POLLIN, 0}, {k->fds[FD_SIGNAL].fd, POLLIN, 0}};
    uint8_t packet[CONTROL_BEGIN + 1];
    ssize_t n;

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (fds[0].revents == 0)
        return false; /* a signal: to us, or the prepared child's end */
    n = recv(k->options.control_fd, packet, sizeof packet, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    return control_begin_parse((struct bytes){packet, (size_t)n}, begin, e);
}

static bool folder_open(struct keep *k, struct err *e)
{
    struct bytes group;
    int fd;

    k->dir_fd = open(k->options.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k->dir_fd < 0)
        return err_errno(e, errno, "keep.folder", "%s", k->options.dir);
    if (flock(k->dir_fd, LOCK_EX | LOCK_NB) != 0) /* the agent has given this keep up */
        return err_set(e, ERR_CONFLICT, "keep.locked", "%s is not ours to run", k->options.dir);
    if (k->options.spare) {
        fd = openat(k->dir_fd, KEEP_LOADER_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)dup2(fd, 2), (void)close(fd);
    }
    if (!spec_load(k, e))
        return false;
    if (k->group[0] == '\0')
        (void)str_copy(k->group, sizeof k->group, k->spec->keep_uid);
    group = bytes_str(k->group);
    return file_replace(k->dir_fd, KEEP_GROUP, group, 0600, e) &&
           logfile_open(&k->log, k->dir_fd, LOGFILE_BYTES, e) &&
           control_listen(k->dir_fd, &k->fds[FD_LISTEN].fd, e);
}

static void life_init(struct keep *k)
{
    const Bailey__V1__Restart *restart = k->spec->restart;

    k->life.policy = restart_policy_parse(restart == NULL ? NULL : restart->policy);
    k->life.backoff_ms = duration_or(restart == NULL ? NULL : restart->backoff, 1000);
    k->life.max_backoff_ms = duration_or(restart == NULL ? NULL : restart->max_backoff, 300000);
    k->life.exit_reason = "";
    health_init(&k->health, k->spec->health);
    k->deadline_ms = k->options.deadline_ms;
    arm(k->fds[FD_DEADLINE].fd, k->deadline_ms);
}

/* True when there is a keep to run. */
static bool begin(struct keep *k, struct control_begin *wanted, struct err *e)
{
    if (!descriptors(k, e))
        return false;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (k->options.group != NULL)
        (void)str_copy(k->group, sizeof k->group, k->options.group);
    if (k->options.spare) {
        if (!prepare(k, e) || !spare_wait(k, wanted, e))
            return false;
        k->options.dir = wanted->dir;
        k->options.artifact = wanted->artifact;
        k->options.deadline_ms = wanted->deadline_ms;
    }
    k->fds[FD_CLIENT].fd = k->options.control_fd;
    return folder_open(k, e);
}

bool keep_run(const struct keep_options *o, struct err *e)
{
    static struct keep k; /* large, and there is one */
    static struct control_begin wanted;
    struct err why = {0};

    k = (struct keep){.options = *o, .dir_fd = -1, .log.fd = -1};
    if (!begin(&k, &wanted, &why)) {
        unprepare(&k);
        if (e != NULL)
            *e = why;
        return why.code == ERR_NONE;
    }
    life_init(&k);
    step(&k, (struct supervise_event){.kind = SUPERVISE_BEGIN});
    loop(&k);
    unprepare(&k);
    (void)unlinkat(k.dir_fd, CONTROL_SOCKET, 0);
    logfile_close(&k.log);
    arena_fini(&k.arena);
    (void)close(k.dir_fd);
    return true;
}
