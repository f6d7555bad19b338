/* The loader for real: bailey-loader, bubblewrap, /bin/sh as the artifact. Skipped where bubblewrap
 * does not work. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/file.h"
#include "agent/loader/control.h"
#include "agent/loader/keep.h"
#include "agent/loader/logfile.h"
#include "agent/loader/sandbox.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/rand.h"
#include "proto/unpack.h"

#define UP BAILEY__V1__KEEP_STATUS__STATE__running
#define OVER BAILEY__V1__KEEP_STATUS__STATE__ended

static char loader_path[512];

struct world {
    char dir[256], uid[UUID_TEXT];
    int dir_fd, control;
    pid_t loader;
    struct arena arena;
    const Bailey__V1__KeepReport *last;
};

static int64_t boot_ms(void)
{
    return clock_system.boottime_ms(&clock_system);
}

static void nap(long ms)
{
    (void)usleep((useconds_t)ms * 1000);
}

static void world_init(struct world *w)
{
    *w = (struct world){.control = -1};
    rand_uuid(w->uid);
    /* longer than a socket's address may be */
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/bailey-test-loader-%d-%0120d", (int)getpid(), 7);
    arena_init(&w->arena, 1u << 20);
    assert_true(file_dir(AT_FDCWD, w->dir, &w->dir_fd, NULL));
}

static void world_fini(struct world *w)
{
    char command[512];

    if (w->control >= 0)
        (void)close(w->control);
    if (w->loader > 0) {
        (void)kill(w->loader, SIGKILL);
        (void)waitpid(w->loader, NULL, 0);
    }
    (void)close(w->dir_fd);
    while (!limits_sweep(w->uid)) /* the kernel lets go of the last process a moment later */
        sched_yield();
    arena_fini(&w->arena);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
}

static void spec_write(struct world *w, const char *script, const char *policy, const char *network)
{
    AUTO_BUF struct buf packed = {0};
    Bailey__V1__StartKeep spec = BAILEY__V1__START_KEEP__INIT;
    Bailey__V1__Runtime runtime = BAILEY__V1__RUNTIME__INIT;
    Bailey__V1__Restart restart = BAILEY__V1__RESTART__INIT;
    Bailey__V1__Capacity limits = BAILEY__V1__CAPACITY__INIT;
    char *args[] = {(char[]){"-c"}, (char *)(uintptr_t)script};

    limits.cpu_milli = 1000, limits.memory_bytes = 64u << 20;
    runtime.args = args, runtime.n_args = 2, runtime.network = (char *)(uintptr_t)network;
    restart.policy = (char *)(uintptr_t)policy;
    restart.backoff = (char[]){"200ms"}, restart.max_backoff = (char[]){"300ms"};
    spec.keep_uid = w->uid, spec.epoch = 4, spec.name = (char[]){"test-0"};
    spec.artifact_name = (char[]){"shell"};
    spec.runtime = &runtime, spec.restart = &restart, spec.limits = &limits;
    proto_pack(&spec.base, &packed);
    assert_true(file_write(w->dir_fd, KEEP_SPEC, buf_bytes(&packed), 0600, NULL));
}

/* As an orphan's parent would: in between stands a process that may die. */
static void launch(struct world *w, int64_t deadline_ms)
{
    char deadline[32];

    (void)snprintf(deadline, sizeof deadline, "%lld", (long long)deadline_ms);
    w->loader = fork();
    if (w->loader == 0) {
        (void)setsid();
        execl(loader_path, loader_path, "--keep", w->dir, "--artifact", "/bin/sh", "--deadline-ms",
              deadline, "--log-level", "warn", (char *)NULL);
        _exit(127);
    }
}

static bool adopt(struct world *w)
{
    for (int i = 0; i < 100; i++, nap(10))
        if (control_connect(w->dir_fd, &w->control, NULL))
            return true;
    return false;
}

/* Of a loader that was quicker than we: from its folder. */
static bool read_report(struct world *w)
{
    AUTO_BUF struct buf b = {0};
    ProtobufCMessage *m;

    if (!file_read(w->dir_fd, KEEP_REPORT, &b, NULL) ||
        !proto_unpack(&bailey__v1__keep_report__descriptor, buf_bytes(&b), &w->arena, &m, NULL))
        return false;
    w->last = (const Bailey__V1__KeepReport *)m;
    return true;
}

static bool hear(struct world *w)
{
    uint8_t packet[CONTROL_REPORT];
    ProtobufCMessage *m;

    if (w->control < 0)
        return read_report(w);

    for (int i = 0; i < 500; i++, nap(10)) {
        ssize_t n = recv(w->control, packet, sizeof packet, 0);

        if (n < 0 && errno == EAGAIN)
            continue;
        if (n <= 0)
            return read_report(w);
        assert_true(proto_unpack(&bailey__v1__keep_report__descriptor,
                                 (struct bytes){packet, (size_t)n}, &w->arena, &m, NULL));
        w->last = (const Bailey__V1__KeepReport *)m;
        return true;
    }
    return false;
}

static void until(struct world *w, Bailey__V1__KeepStatus__State state)
{
    do
        assert_true(hear(w));
    while (w->last->state != state);
    assert_string_equal(w->last->keep_uid, w->uid);
    assert_int_equal(w->last->epoch, 4);
}

static bool log_has(struct world *w, const char *text)
{
    for (int i = 0; i < 100; i++, nap(20)) {
        AUTO_BUF struct buf b = {0};

        if (file_read(w->dir_fd, LOGFILE_NAME, &b, NULL) && strstr(buf_str(&b), text) != NULL)
            return true;
    }
    return false;
}

static void run_to_end(struct world *w, const char *script)
{
    spec_write(w, script, "never", "none");
    launch(w, 0);
    (void)adopt(w);
    until(w, OVER);
}

static void test_exit_code_and_log(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    run_to_end(&w, "echo out-line; echo err-line >&2; printf unfinished; exit 7");
    assert_int_equal(w.last->exit_code, 7);
    assert_int_equal(w.last->exit_signal, 0);
    assert_true(w.last->started_at_ms > 0 && w.last->ended_at_ms >= w.last->started_at_ms);
    assert_true(log_has(&w, " o out-line\n"));
    assert_true(log_has(&w, " e err-line\n"));
    assert_true(log_has(&w, " o unfinished\n"));
    world_fini(&w);
}

static void test_signal_and_memory(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    run_to_end(&w, "kill -SEGV $$");
    assert_int_equal(w.last->exit_signal, SIGSEGV);
    world_fini(&w);
    world_init(&w);
    run_to_end(&w, "head -c 300000000 /dev/zero | tail -c 290000000 > /tmp/x; exit 3");
    print_message("memory: code %d signal %d %s\n", w.last->exit_code, w.last->exit_signal,
                  w.last->reason);
    assert_true(w.last->exit_code != 0 || w.last->exit_signal != 0);
    world_fini(&w);
}

static void test_walls(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    run_to_end(&w, "id -u; echo $$; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status;"
                   "cat /etc/shadow || echo no-shadow; touch /usr/x || echo no-write;"
                   "unshare -U true || echo no-unshare; mount -t tmpfs x /tmp || echo no-mount;"
                   "ls /sys/class/net 2>/dev/null; cat /proc/net/dev | grep -c : ; echo $0;"
                   "ls /proc/self/fd | tr '\\n' ' '; echo fds;"
                   "test -e /home -o -e /root -o -e /work || echo no-home; env");
    assert_true(log_has(&w, " o 65534\n"));
    assert_true(log_has(&w, "CapEff:\t0000000000000000\n"));
    assert_true(log_has(&w, "NoNewPrivs:\t1\n"));
    assert_true(log_has(&w, "Seccomp:\t2\n"));
    assert_true(log_has(&w, "no-shadow\n"));
    assert_true(log_has(&w, "no-write\n"));
    assert_true(log_has(&w, "no-unshare\n"));
    assert_true(log_has(&w, "no-mount\n"));
    assert_true(log_has(&w, "no-home\n"));
    assert_true(log_has(&w, " o 0 1 2 3 fds\n")); /* 3 is ls's own */
    assert_true(log_has(&w, " o 1\n"));           /* the loopback only */
    assert_true(log_has(&w, "BAILEY_KEEP=test-0\n"));
    world_fini(&w);
}

static void test_restart_with_backoff(void **state)
{
    struct world w;
    int64_t begun = boot_ms();

    (void)state;
    world_init(&w);
    spec_write(&w, "echo once; exit 1", "always", "none");
    launch(&w, 0);
    assert_true(adopt(&w));
    do
        until(&w, UP);
    while (w.last->restarts < 3);
    assert_true(boot_ms() - begun >= 200 + 300 + 300);
    assert_true(control_send(
        w.control, &(struct control){.kind = CONTROL_STOP, .value = 100, .text = "enough"}, NULL));
    until(&w, OVER);
    assert_true(w.last->restarts >= 3);
    world_fini(&w);
}

static void test_stop_with_grace(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    spec_write(&w, "trap 'echo going; exit 0' TERM; while :; do sleep 0.05; done", "always",
               "none");
    launch(&w, 0);
    assert_true(adopt(&w));
    until(&w, UP);
    nap(150);
    assert_true(control_send(
        w.control, &(struct control){.kind = CONTROL_STOP, .value = 5000, .text = "drained"},
        NULL));
    until(&w, OVER);
    assert_int_equal(w.last->exit_code, 0);
    assert_string_equal(w.last->reason, "drained");
    assert_true(log_has(&w, "going"));
    world_fini(&w);
}

static void test_stop_of_the_stubborn(void **state)
{
    struct world w;
    int64_t begun;

    (void)state;
    world_init(&w);
    spec_write(&w, "trap '' TERM; while :; do sleep 1; done", "always", "none");
    launch(&w, 0);
    assert_true(adopt(&w));
    until(&w, UP);
    nap(100);
    begun = boot_ms();
    assert_true(control_send(
        w.control, &(struct control){.kind = CONTROL_STOP, .value = 300, .text = "now"}, NULL));
    until(&w, OVER);
    assert_int_equal(w.last->exit_signal, SIGKILL);
    assert_true(boot_ms() - begun >= 300 && boot_ms() - begun < 3000);
    assert_true(kill((pid_t)w.last->pid, 0) != 0 || w.last->pid == 0);
    world_fini(&w);
}

/* The lease ends while nobody is there: no agent, no connection. */
static void test_deadline_without_agent(void **state)
{
    struct world w;
    int64_t begun = boot_ms(), deadline = begun + 1500;
    pid_t inner;

    (void)state;
    world_init(&w);
    spec_write(&w, "trap '' TERM; sleep 1000 & sleep 1000", "always", "none");
    launch(&w, begun + 500);
    assert_true(adopt(&w));
    until(&w, UP);
    inner = (pid_t)w.last->pid;
    assert_true(control_send(w.control,
                             &(struct control){.kind = CONTROL_DEADLINE, .value = deadline}, NULL));
    (void)close(w.control); /* the agent dies */
    w.control = -1;
    nap(deadline - boot_ms() - 300);
    assert_int_equal(kill(inner, 0), 0); /* the later deadline counted */
    assert_true(adopt(&w));              /* the agent is back, and sees it */
    assert_true(hear(&w) && w.last->state == UP && w.last->pid == (uint32_t)inner);
    until(&w, OVER);
    assert_true(boot_ms() >= deadline && boot_ms() < deadline + 1000);
    assert_string_equal(w.last->reason, "lease.expired");
    assert_int_not_equal(kill(inner, 0), 0);
    world_fini(&w);
}

/* kill -9 of the loader takes the sandbox with it. */
static void test_no_keep_without_loader(void **state)
{
    struct world w;
    pid_t inner;

    (void)state;
    world_init(&w);
    spec_write(&w, "sleep 1000", "always", "none");
    launch(&w, 0);
    assert_true(adopt(&w));
    until(&w, UP);
    inner = (pid_t)w.last->pid;
    nap(300); /* bubblewrap ties itself to its parent a moment after it says that it is there; what
                 dies in that moment is swept by the agent, through the cgroup */
    assert_int_equal(kill(inner, 0), 0);
    assert_int_equal(kill(w.loader, SIGKILL), 0);
    for (int i = 0; i < 100 && kill(inner, 0) == 0; i++)
        nap(20);
    assert_int_not_equal(kill(inner, 0), 0);

    world_fini(&w);
}

/* Whoever holds the folder's lock has given the keep up: it is not started late. */
static void test_locked_folder_is_not_run(void **state)
{
    struct world w;
    int status = 0;

    (void)state;
    world_init(&w);
    spec_write(&w, "echo ran", "never", "none");
    assert_int_equal(flock(w.dir_fd, LOCK_EX | LOCK_NB), 0);
    launch(&w, 0);
    assert_int_equal(waitpid(w.loader, &status, 0), w.loader);
    w.loader = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_int_not_equal(faccessat(w.dir_fd, KEEP_REPORT, F_OK, 0), 0);
    world_fini(&w);
}

static void test_host_network(void **state)
{
    struct world w;
    char command[64] = "";
    FILE *f = popen("grep -c : /proc/net/dev", "r");
    int n = 0;

    (void)state;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &n), 1);
    (void)pclose(f);
    world_init(&w);
    spec_write(&w, "echo nets $(grep -c : /proc/net/dev)", "never", "host");
    launch(&w, 0);
    (void)adopt(&w);
    until(&w, OVER);
    (void)snprintf(command, sizeof command, " o nets %d\n", n);
    assert_true(log_has(&w, command));
    world_fini(&w);
}

static void test_control_refuses_garbage(void **state)
{
    uint8_t packet[CONTROL_REQUEST];
    struct control c = {.kind = CONTROL_STOP, .value = -5, .text = "why"}, back;

    (void)state;
    control_pack(&c, packet);
    assert_true(control_parse(BYTES_OF(packet), &back, NULL));
    assert_true(back.kind == c.kind && back.value == -5 && strcmp(back.text, "why") == 0);
    for (size_t n = 0; n < sizeof packet; n++)
        assert_false(control_parse((struct bytes){packet, n}, &back, NULL));
    packet[4] = 9;
    assert_false(control_parse(BYTES_OF(packet), &back, NULL));
    packet[4] = 2;
    memset(packet + 16, 'x', CONTROL_TEXT);
    assert_false(control_parse(BYTES_OF(packet), &back, NULL));
}

static void test_logfile_rotates(void **state)
{
    struct world w;
    static struct logfile f;
    AUTO_BUF struct buf old = {0}, now = {0};

    (void)state;
    world_init(&w);
    assert_true(logfile_open(&f, w.dir_fd, 200, NULL));
    for (int i = 0; i < 30; i++)
        logfile_put(&f, 0, BYTES_LIT("0123456789\n"), 1000 + i);
    logfile_close(&f);
    assert_true(file_read(w.dir_fd, LOGFILE_OLD, &old, NULL));
    assert_true(file_read(w.dir_fd, LOGFILE_NAME, &now, NULL));
    assert_true(old.n > 0 && old.n <= 200 && now.n <= 200);
    assert_non_null(strstr(buf_str(&now), "1029 o 0123456789\n"));
    world_fini(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_control_refuses_garbage),
        cmocka_unit_test(test_logfile_rotates),
        cmocka_unit_test(test_exit_code_and_log),
        cmocka_unit_test(test_signal_and_memory),
        cmocka_unit_test(test_walls),
        cmocka_unit_test(test_restart_with_backoff),
        cmocka_unit_test(test_stop_with_grace),
        cmocka_unit_test(test_stop_of_the_stubborn),
        cmocka_unit_test(test_deadline_without_agent),
        cmocka_unit_test(test_no_keep_without_loader),
        cmocka_unit_test(test_locked_folder_is_not_run),
        cmocka_unit_test(test_host_network),
    };
    const char *slash = strrchr(argv[0], '/');
    char what[160];
    struct err e;

    (void)argc;
    (void)snprintf(loader_path, sizeof loader_path, "%.*s../bin/bailey-loader",
                   slash == NULL ? 0 : (int)(slash - argv[0] + 1), argv[0]);
    if (!runtime_sandbox.probe(what, sizeof what, &e))
        return (void)printf("SKIP: %s\n", e.msg), 77;
    return cmocka_run_group_tests(all, NULL, NULL);
}
