/* Durable placements a second through the operators' service: a real controller of the same build
 * with its SQLite store, real agents with simulated evidence, and workloads of many replicas
 * applied one after another. Counted is what the answer to Apply says is placed, which leaves only
 * after the commit. The agents join and are then held (SIGSTOP), so that no keep is really started
 * on this machine: commands to them are made and queued, nothing comes back.
 *
 * In turns in the same run the limit: the store alone, given records of the same size in batches of
 * the same number. A placement writes one record for the keep; the workload's and an event's come
 * on top, once a call.
 *
 * placement [--calls N] [--replicas N] [--agents N] [--json]      at most 9 s after the agents'
 * hold */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bailey/v1/operator.pb-c.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "controller/store.h"
#include "rpc/client.h"

#define CALL_MS 60000
#define SERVICE (&bailey__v1__operator__descriptor)
#define AGENTS_MAX 64
#define CALLS_MAX 1000
#define RECORD 400 /* bytes: about what a keep's record has */

extern char **environ;

static struct {
    char dir[64], bin[PATH_MAX / 2];
    pid_t controller, agent[AGENTS_MAX];
    unsigned agents, verified;
    uv_loop_t uv;
    struct rpc_loop loop;
    struct rpc_client *cl;
    struct arena arena;
    bool stored;
} bench;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void end(void)
{
    for (unsigned i = 0; i < bench.agents; i++)
        if (bench.agent[i] > 0)
            (void)kill(bench.agent[i], SIGKILL), (void)waitpid(bench.agent[i], NULL, 0);
    if (bench.controller > 0)
        (void)kill(bench.controller, SIGTERM), (void)waitpid(bench.controller, NULL, 0);
    if (bench.dir[0] != '\0')
        (void)nftw(bench.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "placement: %s: %s\n", what, why);
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

    (void)str_copy(bench.dir, sizeof bench.dir, "/tmp/bailey-placement.XXXXXX");
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

static void agent_start(unsigned i, char *api, char *enrol)
{
    Bailey__V1__CreateTokenRequest req = BAILEY__V1__CREATE_TOKEN_REQUEST__INIT;
    Bailey__V1__CreateTokenResponse *r;
    char data[80], token[160], name[16];
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
                          name,
                          "--simulate",
                          i % 2 == 0 ? "vendor=amd,generation=genoa,firmware=1.55.39"
                                     : "vendor=amd,generation=turin,firmware=1.55.39",
                          "--cpu",
                          "100000",
                          "--memory",
                          "100Ti",
                          NULL};

    r = (Bailey__V1__CreateTokenResponse *)call("CreateToken", &req.base);
    (void)str_copy(token, sizeof token, r->token);
    (void)snprintf(data, sizeof data, "%s/agent-%u", bench.dir, i);
    (void)snprintf(name, sizeof name, "bench-%u", i);
    bench.agent[i] = program("bailey-agent", argv, -1);
}

static void on_node(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *w = (const Bailey__V1__WatchResponse *)m;
    static bool seen[AGENTS_MAX];
    unsigned i;

    (void)user;
    if (w->object == NULL || w->object->kind_case != BAILEY__V1__OBJECT__KIND_NODE ||
        w->object->node->status == NULL ||
        w->object->node->status->trust != BAILEY__V1__NODE_STATUS__TRUST_STATE__verified)
        return;
    i = (unsigned)strtoul(w->object->node->metadata->name + strlen("bench-"), NULL, 10);
    if (i < AGENTS_MAX && !seen[i]) {
        seen[i] = true;
        bench.verified++;
    }
    if (bench.verified == bench.agents)
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

static void nodes_wait(void)
{
    static const struct rpc_stream callbacks = {.on_message = on_node, .on_closed = on_end};
    bool over = false;

    (void)watch("Node", &callbacks, &over);
    run_until(&over, "the nodes' evidence");
    for (unsigned i = 0; i < bench.agents; i++)
        (void)kill(bench.agent[i], SIGSTOP);
}

static const char script[] = "#!/bin/sh\n";
static const char digest[] =
    "sha256:a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"; /* of the script */

static void upload(void)
{
    static const struct rpc_stream callbacks = {.on_closed = on_end};
    Bailey__V1__PutArtifactRequest req = BAILEY__V1__PUT_ARTIFACT_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = CALL_MS};
    bool over = false;
    struct rpc_call *c;

    req.digest = text(digest);
    req.size = sizeof script - 1;
    req.data.data = (uint8_t *)(uintptr_t)script;
    req.data.len = sizeof script - 1;
    c = rpc_stream_open(bench.cl, SERVICE, "PutArtifact", &o, &callbacks, &over);
    if (c == NULL || !rpc_send(c, &req.base))
        die("upload", "no memory");
    rpc_half_close(c);
    run_until(&over, "the upload");
}

/* One workload of that many replicas; how many the answer says have a place. */
static uint32_t submit(unsigned i, uint32_t replicas)
{
    Bailey__V1__Workload w = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__WorkloadSpec spec = BAILEY__V1__WORKLOAD_SPEC__INIT;
    Bailey__V1__Artifact artifact = BAILEY__V1__ARTIFACT__INIT;
    Bailey__V1__Spread spread = BAILEY__V1__SPREAD__INIT, *spreads[] = {&spread};
    Bailey__V1__Placement placement = BAILEY__V1__PLACEMENT__INIT;
    Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT, *objects[] = {&object};
    Bailey__V1__ApplyRequest req = BAILEY__V1__APPLY_REQUEST__INIT;
    const Bailey__V1__ApplyResponse *r;
    char name[32];

    (void)snprintf(name, sizeof name, "bench-%u", i);
    meta.name = name;
    meta.namespace_ = text("default");
    artifact.digest = text(digest);
    artifact.name = text("waiter");
    spread.over = text("generation");
    spread.max_skew = 1;
    placement.n_spread = 1;
    placement.spread = spreads;
    spec.replicas = replicas;
    spec.artifact = &artifact;
    spec.placement = &placement;
    w.api_version = text("bailey/v1");
    w.kind = text("Workload");
    w.metadata = &meta;
    w.spec = &spec;
    object.kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    object.workload = &w;
    req.n_objects = 1;
    req.objects = objects;
    r = (const Bailey__V1__ApplyResponse *)call("Apply", &req.base);
    if (r->n_results != 1 || r->results[0]->placement == NULL)
        die("Apply", "no placement in the answer");
    return r->results[0]->placement->placed;
}

static void on_stored(void *data)
{
    *(bool *)data = true;
}

/* Records a second of a store of its own in batches of n, one after another. */
static double store_rate(unsigned calls, uint32_t n)
{
    struct store *s;
    struct err e = {0};
    char path[96];
    uint8_t value[RECORD];
    uint64_t begun;

    (void)snprintf(path, sizeof path, "%s/limit.db", bench.dir);
    memset(value, 0x5a, sizeof value);
    if (!store_open_sqlite(&bench.uv, path, &s, &e))
        die("store", e.msg);
    begun = uv_hrtime();
    for (unsigned i = 0; i < calls; i++) {
        struct store_batch *b = store_batch_new();
        bool done = false;

        for (uint32_t k = 0; b != NULL && k < n; k++) {
            char key[48];
            int len = snprintf(key, sizeof key, "keep/default/bench-%u-%u", i, k);

            if (!store_batch_put(b, (struct bytes){(const uint8_t *)key, (size_t)len},
                                 (struct bytes){value, sizeof value}))
                die("store", "no memory");
        }
        store_commit(s, b, on_stored, &done);
        while (!done)
            (void)uv_run(&bench.uv, UV_RUN_ONCE);
    }
    begun = uv_hrtime() - begun;
    store_close(s);
    (void)unlink(path);
    return (double)calls * n / ((double)begun / 1e9);
}

/* CPU seconds of the controller up to now. */
static double controller_cpu(void)
{
    char path[64], line[512], *at;
    unsigned long user = 0, kernel = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)bench.controller);
    f = fopen(path, "re");
    if (f == NULL || fgets(line, sizeof line, f) == NULL || (at = strrchr(line, ')')) == NULL)
        die(path, "cannot be read");
    (void)fclose(f);
    for (int i = 0; i < 12 && at != NULL; i++)
        at = strchr(at + 1, ' ');
    if (at != NULL) {
        user = strtoul(at, &at, 10);
        kernel = strtoul(at, NULL, 10);
    }
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
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

static void options(int argc, char **argv, unsigned *calls, uint32_t *replicas, bool *json)
{
    for (int i = 1; i < argc; i++) {
        uint64_t v = 0;

        if (strcmp(argv[i], "--json") == 0) {
            *json = true;
            continue;
        }
        if (i + 1 >= argc || !u64_parse(argv[i + 1], &v) || v == 0)
            die("usage", "placement [--calls N] [--replicas N] [--agents N] [--json]");
        if (strcmp(argv[i], "--calls") == 0 && v <= CALLS_MAX)
            *calls = (unsigned)v;
        else if (strcmp(argv[i], "--replicas") == 0 && v <= 100000)
            *replicas = (uint32_t)v;
        else if (strcmp(argv[i], "--agents") == 0 && v <= AGENTS_MAX)
            bench.agents = (unsigned)v;
        else
            die(argv[i], "unknown or too large");
        i++;
    }
}

static void print(bool as_json, unsigned calls, uint32_t replicas, uint64_t placed, double seconds,
                  double cpu, const double limit[2])
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};
    double rate = (double)placed / seconds, most = limit[0] > limit[1] ? limit[0] : limit[1];
    const struct {
        const char *name;
        double v;
    } numbers[] = {{"calls", calls},
                   {"replicasPerCall", replicas},
                   {"agents", bench.agents},
                   {"placed", (double)placed},
                   {"seconds", seconds},
                   {"placementsPerSecond", rate},
                   {"controllerCpuSeconds", cpu},
                   {"storeRecordsPerSecondBefore", limit[0]},
                   {"storeRecordsPerSecondAfter", limit[1]},
                   {"shareOfStoreLimit", rate / most}};

    if (!as_json) {
        printf(
            "%llu placements committed in %.2f s: %.0f/s (controller %.2f CPU s); the store alone "
            "%.0f and %.0f records/s: share %.2f\n",
            (unsigned long long)placed, seconds, rate, cpu, limit[0], limit[1], rate / most);
        return;
    }
    json_object(&j);
    json_key(&j, "boundary");
    json_str(&j, "Apply over TLS, validate, decide, commit to SQLite (synchronous=FULL), answer");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        json_key(&j, numbers[i].name);
        json_double(&j, numbers[i].v);
    }
    json_object_end(&j);
    printf("%s\n", buf_str(&out));
}

int main(int argc, char **argv)
{
    char endpoint[256], *api = endpoint, *enrol;
    unsigned calls = 20;
    uint32_t replicas = 1000;
    uint64_t placed = 0, begun;
    double limit[2], cpu, took;
    bool json = false;

    bench.agents = 4;
    options(argc, argv, &calls, &replicas, &json);
    here();
    controller_start();
    text_of("endpoint", endpoint, sizeof endpoint);
    enrol = strchr(endpoint, '\n');
    if (enrol == NULL)
        die("endpoint", "unexpected");
    *enrol++ = '\0';
    enrol[strcspn(enrol, "\n")] = '\0';
    client_start(api);
    for (unsigned i = 0; i < bench.agents; i++)
        agent_start(i, api, enrol);
    upload();
    limit[0] = store_rate(calls, replicas);
    nodes_wait();
    cpu = controller_cpu();
    begun = uv_hrtime();
    for (unsigned i = 0; i < calls; i++)
        placed += submit(i, replicas);
    took = (double)(uv_hrtime() - begun) / 1e9;
    cpu = controller_cpu() - cpu;
    limit[1] = store_rate(calls, replicas);
    print(json, calls, replicas, placed, took, cpu, limit);
    return placed == (uint64_t)calls * replicas ? 0 : 1;
}
