/* From submit to running on an idle cluster: a real controller and a real agent of the same build,
 * one workload at a time, from the call of Apply to the watch that says "running", which means that
 * the program was executed. Beside it, in turns in the same run, what no agent can be faster than:
 * bubblewrap alone with the same namespaces up to the same point, and one durable write, of which
 * the way has three (the controller's commit of the workload and its placement, the agent's epochs,
 * the controller's commit of "running"). And what the agent has done before the keep comes: joining
 * new cgroups.
 *
 * submit [--count N] [--json]    needs root or user namespaces, and bubblewrap */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/loader/entry.h"
#include "agent/loader/limits.h"
#include "bailey/v1/operator.pb-c.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "rpc/client.h"

#define CALL_MS 30000
#define SERVICE (&bailey__v1__operator__descriptor)
#define COUNT_MAX 10000
#define DURABLE_WRITES 3

extern char **environ;

static struct {
    char dir[64], bin[PATH_MAX / 2];
    pid_t controller, agent;
    uv_loop_t uv;
    struct rpc_loop loop;
    struct rpc_client *cl;
    struct arena arena;
    uint64_t running_at; /* nanoseconds; 0: the keep waited for does not run yet */
    const char *waiting; /* for a keep of this workload */
    bool synced;
    char digest[80];
} bench;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void end(void)
{
    if (bench.agent > 0)
        (void)kill(bench.agent, SIGTERM), (void)waitpid(bench.agent, NULL, 0);
    if (bench.controller > 0)
        (void)kill(bench.controller, SIGTERM), (void)waitpid(bench.controller, NULL, 0);
    if (bench.dir[0] != '\0')
        (void)nftw(bench.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "submit: %s: %s\n", what, why);
    exit(1);
}

/* protobuf-c and exec take texts they do not write to as char *. */
static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static char *const *words(const char *const *argv)
{
    return (char *const *)(uintptr_t)argv;
}

static pid_t program(const char *name, const char *const argv[], int keep_fd)
{
    char path[PATH_MAX], log[128];
    posix_spawn_file_actions_t fa;
    pid_t pid;
    int error;

    (void)snprintf(path, sizeof path, "%s/%s", bench.bin, name);
    (void)snprintf(log, sizeof log, "%s/%s.log", bench.dir, name);
    (void)posix_spawn_file_actions_init(&fa);
    (void)posix_spawn_file_actions_addopen(&fa, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (keep_fd >= 0)
        (void)posix_spawn_file_actions_adddup2(&fa, keep_fd, 9);
    error = posix_spawn(&pid, path, &fa, NULL, words(argv), environ);
    (void)posix_spawn_file_actions_destroy(&fa);
    if (error != 0)
        die(path, strerror(error));
    return pid;
}

static void text_of(const char *name, char *out, size_t size)
{
    char path[160];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%s/controller/%s", bench.dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, out, size - 1);
    if (n < 0)
        die(path, strerror(errno));
    (void)close(fd);
    out[n] = '\0';
}

/* A temporary folder, the controller, and when it serves. */
static void controller_start(void)
{
    char data[80], ready[8];
    const char *argv[] = {"bailey-controller",
                          "--data",
                          data,
                          "--listen",
                          "127.0.0.1:0",
                          "--enrol-listen",
                          "127.0.0.1:0",
                          "--allow-simulated",
                          "--ready-fd",
                          "9",
                          NULL};
    int fds[2];

    (void)str_copy(bench.dir, sizeof bench.dir, "/tmp/bailey-submit.XXXXXX");
    if (mkdtemp(bench.dir) == NULL || pipe2(fds, O_CLOEXEC) != 0)
        die("temporary folder", strerror(errno));
    (void)atexit(end);
    (void)snprintf(data, sizeof data, "%s/controller", bench.dir);
    bench.controller = program("bailey-controller", argv, fds[1]);
    (void)close(fds[1]);
    if (read(fds[0], ready, sizeof ready) <= 0)
        die("controller", "did not start; try bailey-controller by hand");
    (void)close(fds[0]);
}

static ProtobufCMessage *call(const char *method, const ProtobufCMessage *req)
{
    struct rpc_call_options o = {.deadline_ms = CALL_MS, .wait_for_ready = true};
    ProtobufCMessage *reply;
    struct err e = {0};

    arena_fini(&bench.arena);
    arena_init(&bench.arena, (size_t)64 << 20);
    if (!rpc_client_call_wait(bench.cl, SERVICE, method, req, &o, &bench.arena, &reply, &e))
        die(method, e.msg);
    return reply;
}

static void client_start(const char *api)
{
    char ca[96], cert[96], key[96];
    struct rpc_client_options o = {.target = api, .tls = {ca, cert, key}};
    struct err e = {0};

    (void)snprintf(ca, sizeof ca, "%s/controller/admin/ca.pem", bench.dir);
    (void)snprintf(cert, sizeof cert, "%s/controller/admin/client.pem", bench.dir);
    (void)snprintf(key, sizeof key, "%s/controller/admin/client.key", bench.dir);
    if (uv_loop_init(&bench.uv) != 0 || !rpc_loop_init(&bench.loop, &bench.uv, &e) ||
        !rpc_client_new(&bench.loop, &o, &bench.cl, &e))
        die("client", e.msg);
}

static void agent_start(char *api, char *enrol)
{
    Bailey__V1__CreateTokenRequest req = BAILEY__V1__CREATE_TOKEN_REQUEST__INIT;
    Bailey__V1__CreateTokenResponse *r;
    char data[80], token[160];
    const char *argv[] = {"bailey-agent",
                          "--data",
                          data,
                          "--controller",
                          api,
                          "--enrol",
                          enrol,
                          "--token",
                          token,
                          "--name",
                          "bench-1",
                          "--simulate",
                          "vendor=amd,generation=genoa,firmware=1.55.39",
                          "--cpu",
                          "64",
                          "--memory",
                          "64Gi",
                          "--tee-slots",
                          "500",
                          NULL};

    r = (Bailey__V1__CreateTokenResponse *)call("CreateToken", &req.base);
    (void)str_copy(token, sizeof token, r->token);
    (void)snprintf(data, sizeof data, "%s/agent", bench.dir);
    bench.agent = program("bailey-agent", argv, -1);
}

static void on_node(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *w = (const Bailey__V1__WatchResponse *)m;

    (void)user;
    if (w->object != NULL && w->object->kind_case == BAILEY__V1__OBJECT__KIND_NODE &&
        w->object->node->status != NULL &&
        w->object->node->status->trust == BAILEY__V1__NODE_STATUS__TRUST_STATE__verified)
        rpc_cancel(c);
}

static void on_end(struct rpc_call *c, bool cancelled, void *user)
{
    (void)c, (void)cancelled;
    *(bool *)user = true;
}

static void tick(uv_timer_t *t)
{
    die(t->data, "took longer than 60 s");
}

/* Runs the loop until *flag, at most a minute. */
static void run_until(const bool *flag, const char *what)
{
    static uv_timer_t limit;

    (void)uv_timer_init(&bench.uv, &limit);
    limit.data = (void *)(uintptr_t)what;
    (void)uv_timer_start(&limit, tick, 60000, 0);
    while (!*flag)
        (void)uv_run(&bench.uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&limit, NULL);
    (void)uv_run(&bench.uv, UV_RUN_NOWAIT);
}

static struct rpc_call *watch(const char *kind, const struct rpc_stream *callbacks, bool *over)
{
    Bailey__V1__WatchRequest req = BAILEY__V1__WATCH_REQUEST__INIT;
    struct rpc_call_options o = {.wait_for_ready = true};
    struct rpc_call *c;

    req.kind = text(kind);
    req.include_ended = true;
    c = rpc_stream_open(bench.cl, SERVICE, "Watch", &o, callbacks, over);
    if (c == NULL || !rpc_send(c, &req.base))
        die("watch", "no memory");
    rpc_half_close(c);
    return c;
}

static void node_wait(void)
{
    static const struct rpc_stream callbacks = {.on_message = on_node, .on_closed = on_end};
    bool over = false;

    (void)watch("Node", &callbacks, &over);
    run_until(&over, "the node's evidence");
}

static void on_keep(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *w = (const Bailey__V1__WatchResponse *)m;

    (void)c, (void)user;
    if (w->type == BAILEY__V1__WATCH_RESPONSE__TYPE__synced)
        bench.synced = true;
    if (w->object == NULL || w->object->kind_case != BAILEY__V1__OBJECT__KIND_KEEP ||
        bench.waiting == NULL || strcmp(w->object->keep->spec->workload, bench.waiting) != 0)
        return;
    if (w->object->keep->status->state == BAILEY__V1__KEEP_STATUS__STATE__running &&
        bench.running_at == 0)
        bench.running_at = uv_hrtime();
    if (w->object->keep->status->state == BAILEY__V1__KEEP_STATUS__STATE__ended)
        bench.waiting = NULL;
}

/* A program that only waits: the host's sleep, which the sandbox's /usr can run. */
static void upload(void)
{
    Bailey__V1__PutArtifactRequest req = BAILEY__V1__PUT_ARTIFACT_REQUEST__INIT;
    static const char script[] = "#!/bin/sh\nexec sleep 100000\n";
    struct rpc_call_options o = {.deadline_ms = CALL_MS};
    uint8_t md[32];
    char hex[65];
    bool over = false;
    struct rpc_call *c;
    static const struct rpc_stream callbacks = {.on_closed = on_end};

    if (EVP_Digest(script, sizeof script - 1, md, NULL, EVP_sha256(), NULL) != 1)
        die("digest", "OpenSSL");
    hex_format(BYTES_OF(md), hex);
    (void)snprintf(bench.digest, sizeof bench.digest, "sha256:%s", hex);
    req.digest = bench.digest;
    req.size = sizeof script - 1;
    req.data.data = (uint8_t *)(uintptr_t)script;
    req.data.len = sizeof script - 1;
    c = rpc_stream_open(bench.cl, SERVICE, "PutArtifact", &o, &callbacks, &over);
    if (c == NULL || !rpc_send(c, &req.base))
        die("upload", "no memory");
    rpc_half_close(c);
    run_until(&over, "the upload");
}

static double submit_once(unsigned i)
{
    Bailey__V1__Workload w = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__WorkloadSpec spec = BAILEY__V1__WORKLOAD_SPEC__INIT;
    Bailey__V1__Artifact artifact = BAILEY__V1__ARTIFACT__INIT;
    Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT, *objects[] = {&object};
    Bailey__V1__ApplyRequest req = BAILEY__V1__APPLY_REQUEST__INIT;
    Bailey__V1__DeleteRequest gone = BAILEY__V1__DELETE_REQUEST__INIT;
    char name[32];
    uint64_t begun;

    (void)snprintf(name, sizeof name, "bench-%u", i);
    meta.name = name;
    meta.namespace_ = text("default");
    artifact.digest = bench.digest;
    artifact.name = text("waiter");
    spec.replicas = 1;
    spec.artifact = &artifact;
    w.api_version = text("bailey/v1");
    w.kind = text("Workload");
    w.metadata = &meta;
    w.spec = &spec;
    object.kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    object.workload = &w;
    req.n_objects = 1;
    req.objects = objects;
    bench.running_at = 0;
    bench.waiting = name;
    begun = uv_hrtime();
    (void)call("Apply", &req.base);
    while (bench.running_at == 0)
        (void)uv_run(&bench.uv, UV_RUN_ONCE);
    gone.kind = text("Workload");
    gone.namespace_ = text("default");
    gone.name = name;
    (void)call("Delete", &gone.base);
    while (bench.waiting != NULL)
        (void)uv_run(&bench.uv, UV_RUN_ONCE);
    return (double)(bench.running_at - begun) / 1e6;
}

/* bubblewrap with the same namespaces, until its program was executed: bailey-entry says so, as it
 * does to the loader. */
static double bare_once(void)
{
    char entry[PATH_MAX];
    const char *argv[] = {"bwrap",
                          "--unshare-user",
                          "--unshare-pid",
                          "--unshare-ipc",
                          "--unshare-uts",
                          "--unshare-net",
                          "--unshare-cgroup",
                          "--die-with-parent",
                          "--new-session",
                          "--cap-drop",
                          "ALL",
                          "--ro-bind",
                          "/",
                          "/",
                          "--proc",
                          "/proc",
                          "--dev",
                          "/dev",
                          entry,
                          "/bin/true",
                          NULL};
    posix_spawn_file_actions_t fa;
    uint64_t begun = uv_hrtime(), said;
    char byte = 0;
    int fds[2], status;
    pid_t pid;

    (void)snprintf(entry, sizeof entry, "%s/bailey-entry", bench.bin);
    if (pipe2(fds, O_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    (void)posix_spawn_file_actions_init(&fa);
    (void)posix_spawn_file_actions_adddup2(&fa, fds[1], ENTRY_STATUS_FD);
    if (posix_spawnp(&pid, "bwrap", &fa, NULL, words(argv), environ) != 0)
        die("bwrap", "cannot be started");
    (void)close(fds[1]);
    if (read(fds[0], &byte, 1) != 1 || byte != ENTRY_READY || read(fds[0], &byte, 1) != 0)
        die("bwrap", "its program was not executed");
    said = uv_hrtime();
    (void)close(fds[0]);
    (void)posix_spawn_file_actions_destroy(&fa);
    if (waitpid(pid, &status, 0) != pid)
        die("bwrap", strerror(errno));
    return (double)(said - begun) / 1e6;
}

/* A new process joins new cgroups, as each keep's first process does. */
static double attach_once(unsigned i)
{
    struct limits l;
    char name[LIMITS_NAME];
    uint64_t took = 0;
    int fds[2];
    pid_t pid;

    (void)snprintf(name, sizeof name, "bench-%d-%u", (int)getpid(), i);
    limits_make(&l, name);
    if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        uint64_t begun = uv_hrtime();

        if (!limits_enter(&l))
            _exit(1);
        took = uv_hrtime() - begun;
        _exit(write(fds[1], &took, sizeof took) != (ssize_t)sizeof took);
    }
    (void)close(fds[1]);
    if (read(fds[0], &took, sizeof took) != (ssize_t)sizeof took)
        die("cgroups", "cannot be joined here");
    (void)close(fds[0]);
    (void)waitpid(pid, NULL, 0);
    limits_remove(&l);
    return (double)took / 1e6;
}

/* 4 KiB appended to a file beside the programs' own, and on disk. */
static double durable_once(void)
{
    static const char block[4096];
    static int fd = -1;
    char path[96];
    uint64_t begun;

    (void)snprintf(path, sizeof path, "%s/durable", bench.dir);
    if (fd < 0)
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    begun = uv_hrtime();
    if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) != 0)
        die(path, strerror(errno));
    return (double)(uv_hrtime() - begun) / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void report(struct json *j, const char *name, double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_size);
    json_key(j, name);
    json_object(j);
    json_key(j, "p50_ms");
    json_double(j, v[n / 2]);
    json_key(j, "p99_ms");
    json_double(j, v[(size_t)n * 99 / 100]);
    json_key(j, "max_ms");
    json_double(j, v[n - 1]);
    json_object_end(j);
}

static void here(void)
{
    ssize_t n = readlink("/proc/self/exe", bench.bin, sizeof bench.bin - 8);
    char *slash;

    if (n <= 0)
        die("/proc/self/exe", strerror(errno));
    bench.bin[n] = '\0';
    for (int i = 0; i < 2; i++)
        if ((slash = strrchr(bench.bin, '/')) != NULL)
            *slash = '\0';
    (void)strncat(bench.bin, "/bin", sizeof bench.bin - strlen(bench.bin) - 1);
}

int main(int argc, char **argv)
{
    static const struct rpc_stream keeps = {.on_message = on_keep, .on_closed = on_end};
    static double took[COUNT_MAX], bare[COUNT_MAX], attach[COUNT_MAX], durable[COUNT_MAX];
    double own;
    char endpoint[256], *api = endpoint, *enrol;
    unsigned count = 200;
    uint64_t v;
    bool over = false, json = false;
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc && u64_parse(argv[++i], &v) &&
                 v > 0 && v <= COUNT_MAX)
            count = (unsigned)v;
        else
            die("usage", "submit [--count N] [--json]");
    log_init("submit", LOG_ERROR, LOG_AUTO);
    here();
    controller_start();
    text_of("endpoint", endpoint, sizeof endpoint);
    enrol = strchr(endpoint, '\n');
    if (enrol == NULL)
        die("endpoint", "has one line");
    *enrol++ = '\0';
    enrol[strcspn(enrol, "\n")] = '\0';
    client_start(api);
    agent_start(api, enrol);
    node_wait();
    upload();
    (void)watch("Keep", &keeps, &over);
    run_until(&bench.synced, "the watch");
    for (unsigned i = 0; i < count; i++) { /* in turns, so that both see the same machine */
        bare[i] = bare_once();
        attach[i] = attach_once(i);
        durable[i] = durable_once();
        took[i] = submit_once(i);
    }
    json_object(&j);
    json_key(&j, "boundary");
    json_str(
        &j, "Apply called -> watch says running; one node, one client, idle cluster, mTLS, SQLite");
    json_key(&j, "count");
    json_uint(&j, count);
    report(&j, "submit_to_running", took, count);
    report(&j, "bare_bwrap_start", bare, count);
    report(&j, "one_durable_write", durable, count);
    report(&j, "cgroup_attach", attach, count);
    own = took[count / 2] - bare[count / 2] - DURABLE_WRITES * durable[count / 2];
    json_key(&j, "own_part_ms");
    json_double(&j, own);
    json_object_end(&j);
    if (json)
        (void)printf("%s\n", buf_str(&out));
    else
        (void)printf("submit -> running    p50 %6.2f ms  p99 %6.2f ms\n"
                     "bare bubblewrap      p50 %6.2f ms  p99 %6.2f ms\n"
                     "one durable write    p50 %6.2f ms  p99 %6.2f ms  (the way has %d)\n"
                     "joining new cgroups  p50 %6.2f ms  p99 %6.2f ms  (done in advance)\n"
                     "our own part         p50 %6.2f ms  (what bubblewrap and the disk leave)\n",
                     took[count / 2], took[(size_t)count * 99 / 100], bare[count / 2],
                     bare[(size_t)count * 99 / 100], durable[count / 2],
                     durable[(size_t)count * 99 / 100], DURABLE_WRITES, attach[count / 2],
                     attach[(size_t)count * 99 / 100], own);
    return 0;
}
