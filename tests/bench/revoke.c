/* A revocation with action stop: from the commit until every agent concerned has it, and until the
 * last keep has stopped.
 *
 * A real controller of the same build with its SQLite store and mutual TLS; the agents are
 * simulated in this process, each with its own key, certificate, connection, evidence and session.
 * Their runtime is simulated: a keep runs when it is told to, and stops when it is told to or when
 * a revocation says so. Half of the agents are Milan, and keeps are spread over all of them; what
 * stops is placed anew on the others meanwhile.
 *
 * In the same run the limits: the plan, as the controller took for it, and the fan-out of as many
 * bare messages over as many TLS streams by a server that does nothing else.
 *
 * revoke [--agents N] [--keeps N] [--json]      a minute or two for 5,000 agents, most of it
 * joining
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/enrol.h"
#include "agent/source.h"
#include "attest/binding.h"
#include "attest/sim/sim.h"
#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/vec.h"
#include "rpc/client.h"
#include "rpc/server.h"

#define SERVICE (&bailey__v1__operator__descriptor)
#define SESSION (&bailey__v1__node_session__descriptor)
#define BEAT_MS 10000
#define REPLICAS 1000 /* of a workload */
#define ROUNDS 5      /* of the bare fan-out; the median counts */

extern char **environ;

struct simulated { /* a keep */
    char uid[40];
    uint64_t epoch;
    bool live;
};

struct agent {
    struct rpc_client *client;
    struct rpc_call *call, *bare;
    struct rpc_client *bare_client;
    struct identity id;
    struct sim_platform platform;
    char name[24], boot[40];
    bool milan, verified, fenced;
    uint64_t beats, seen;
    VEC(struct simulated) keeps;
    uv_timer_t beat;
};

static struct {
    char dir[64], bin[PATH_MAX / 2], ca[PATH_MAX / 8];
    pid_t controller, server;
    int trigger, ports; /* pipes to and from the bare server */
    struct agent *agents;
    size_t n, verified, running, milan_running, fenced, wanted_keeps;
    uint64_t fenced_ns, stopped_ns;
    bool revoking;
    uv_loop_t uv;
    struct rpc_loop loop;
    struct rpc_client *cl;
    struct arena arena;
} bench;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void end(void)
{
    if (bench.server > 0)
        (void)kill(bench.server, SIGKILL), (void)waitpid(bench.server, NULL, 0);
    if (bench.controller > 0)
        (void)kill(bench.controller, SIGKILL), (void)waitpid(bench.controller, NULL, 0);
    if (bench.dir[0] != '\0')
        (void)nftw(bench.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What the controller said last. */
static void say_log(void)
{
    char path[96], line[4096];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%s/controller.log", bench.dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, line, sizeof line)) > 0)
        (void)fwrite(line, 1, (size_t)n, stderr);
    if (fd >= 0)
        (void)close(fd);
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "revoke: %s: %s\n", what, why);
    say_log();
    end();
    _exit(1);
}

static char *text(const char *s)
{
    return (char *)(uintptr_t)s; /* protobuf-c and exec do not write to it */
}

/* --- The bare server: a message to every stream when a byte comes ------------------------------
 */

static VEC(struct rpc_call *) streams;

static void bare_open(struct rpc_call *c, void *user)
{
    (void)user;
    if (!vec_push(&streams, c))
        exit(1);
}

static void bare_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    (void)c, (void)m, (void)user;
}

static void on_trigger(uv_poll_t *p, int status, int events)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__NodeRevocations all = BAILEY__V1__NODE_REVOCATIONS__INIT;
    Bailey__V1__NodeRevocation one = BAILEY__V1__NODE_REVOCATION__INIT, *v[] = {&one};
    char byte;

    (void)status, (void)events;
    if (read(*(int *)p->data, &byte, 1) != 1)
        exit(0);
    one.name = text("milan-badfuse");
    one.because = text("root key extracted");
    one.stop = true;
    all.n_in_force = 1;
    all.in_force = v;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_REVOCATIONS;
    m.revocations = &all;
    for (size_t i = 0; i < streams.n; i++)
        (void)rpc_send(streams.v[i], &m.base);
}

static void bare_serve(const char *dir, int from, int to)
{
    static const struct rpc_stream stream = {.on_open = bare_open, .on_message = bare_message};
    struct rpc_method connect = {.service = SESSION, .name = "Connect", .stream = &stream};
    char ca[128], cert[128], key[128];
    struct rpc_listener tls = {.address = "127.0.0.1:0", .tls = {ca, cert, key}};
    struct rpc_server *s;
    struct rpc_loop loop;
    struct err e = {0};
    uv_poll_t poll;
    char byte;
    int port;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(from, &byte, 1) != 1)
        exit(0);
    (void)snprintf(ca, sizeof ca, "%s/controller/pki/ca.pem", dir);
    (void)snprintf(cert, sizeof cert, "%s/controller/pki/server.pem", dir);
    (void)snprintf(key, sizeof key, "%s/controller/pki/server.key", dir);
    poll.data = &from;
    if (!rpc_loop_init(&loop, uv_default_loop(), &e) || (s = rpc_server_new(&loop, NULL)) == NULL ||
        !rpc_server_method(s, &connect, &e) || !rpc_server_listen(s, &tls, &port, &e) ||
        !rpc_server_start(s, &e) || uv_poll_init(uv_default_loop(), &poll, from) != 0 ||
        uv_poll_start(&poll, UV_READABLE, on_trigger) != 0 ||
        write(to, &port, sizeof port) != sizeof port) {
        (void)fprintf(stderr, "revoke: bare server: %s\n", e.msg);
        exit(1);
    }
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    exit(0);
}

/* Before the gRPC core starts in this process. */
static void bare_fork(void)
{
    int down[2], up[2];

    if (pipe(down) != 0 || pipe(up) != 0 || (bench.server = fork()) < 0)
        die("fork", strerror(errno));
    if (bench.server == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        bare_serve(bench.dir, down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    bench.trigger = down[1];
    bench.ports = up[0];
}

/* --- The controller and calls to it ------------------------------------------------------------
 */

static void controller_start(void)
{
    char data[80], path[PATH_MAX], log[128], ready[8];
    const char *argv[] = {"bailey-controller",
                          "--data",
                          data,
                          "--listen",
                          "127.0.0.1:0",
                          "--enrol-listen",
                          "127.0.0.1:0",
                          "--allow-simulated",
                          "--lease",
                          "60s",
                          "--evidence-renew",
                          "6h",
                          "--log-level",
                          "error",
                          "--ready-fd",
                          "9",
                          NULL};
    posix_spawn_file_actions_t fa;
    int fds[2], error;

    if (pipe2(fds, O_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    (void)snprintf(data, sizeof data, "%s/controller", bench.dir);
    (void)snprintf(path, sizeof path, "%s/bailey-controller", bench.bin);
    (void)snprintf(log, sizeof log, "%s/controller.log", bench.dir);
    (void)posix_spawn_file_actions_init(&fa);
    (void)posix_spawn_file_actions_addopen(&fa, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)posix_spawn_file_actions_adddup2(&fa, fds[1], 9);
    error =
        posix_spawn(&bench.controller, path, &fa, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)close(fds[1]);
    if (error != 0 || read(fds[0], ready, sizeof ready) <= 0)
        die("controller", "did not start");
    (void)close(fds[0]);
}

static void endpoints(char api[64], char enrol_at[64])
{
    char path[96], line[160] = "";
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%s/controller/endpoint", bench.dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    (void)close(fd);
    if (n <= 0 || sscanf(line, "%63s %63s", api, enrol_at) != 2)
        die(path, "no endpoint");
}

static ProtobufCMessage *call(const char *method, const ProtobufCMessage *req)
{
    struct rpc_call_options o = {.deadline_ms = 120000, .wait_for_ready = true};
    ProtobufCMessage *reply;
    struct err e = {0};

    arena_fini(&bench.arena);
    arena_init(&bench.arena, (size_t)64 << 20);
    if (!rpc_client_call_wait(bench.cl, SERVICE, method, req, &o, &bench.arena, &reply, &e))
        die(method, e.msg);
    return reply;
}

static struct rpc_client *client_to(const char *api, const char *dir, const char *cert,
                                    const char *key)
{
    char a[128], b[128], c[128];
    struct rpc_client_options o = {.target = api, .tls = {a, b, c}};
    struct rpc_client *cl;
    struct err e = {0};

    (void)snprintf(a, sizeof a, "%s/ca.pem", dir);
    (void)snprintf(b, sizeof b, "%s/%s", dir, cert);
    (void)snprintf(c, sizeof c, "%s/%s", dir, key);
    if (!rpc_client_new(&bench.loop, &o, &cl, &e))
        die("client", e.msg);
    return cl;
}

/* --- Agents ------------------------------------------------------------------------------------
 */

static void report(struct agent *a, const struct simulated *k, int state)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

    r.keep_uid = text(k->uid);
    r.epoch = k->epoch;
    r.state = (Bailey__V1__KeepStatus__State)state;
    r.started_at_ms = 1;
    if (state == BAILEY__V1__KEEP_STATUS__STATE__ended)
        r.reason = text("stopped: revoked by milan-badfuse");
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_KEEP_REPORT;
    m.keep_report = &r;
    (void)rpc_send(a->call, &m.base);
}

static void stop(struct agent *a, struct simulated *k)
{
    if (!k->live)
        return;
    k->live = false;
    bench.running--;
    if (a->milan && --bench.milan_running == 0)
        bench.stopped_ns = uv_hrtime();
    report(a, k, BAILEY__V1__KEEP_STATUS__STATE__ended);
}

static void on_start(struct agent *a, const Bailey__V1__StartKeep *s)
{
    struct simulated k = {.epoch = s->epoch, .live = true};

    if (a->fenced)
        die("a start order after the fence", a->name);
    (void)str_copy(k.uid, sizeof k.uid, s->keep_uid);
    if (!vec_push(&a->keeps, k))
        die("keeps", "no memory");
    bench.running++;
    bench.milan_running += a->milan;
    report(a, &k, BAILEY__V1__KEEP_STATUS__STATE__running);
}

static void on_stop(struct agent *a, const Bailey__V1__StopKeep *s)
{
    for (size_t i = 0; i < a->keeps.n; i++)
        if (strcmp(a->keeps.v[i].uid, s->keep_uid) == 0)
            stop(a, &a->keeps.v[i]);
}

static void on_revocations(struct agent *a, const Bailey__V1__NodeRevocations *r)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__RevocationsKept kept = BAILEY__V1__REVOCATIONS_KEPT__INIT;

    kept.policy_revision = r->policy_revision;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_REVOCATIONS_KEPT;
    m.revocations_kept = &kept;
    if (r->n_in_force > 0 && !a->fenced) {
        a->fenced = true;
        if (++bench.fenced == (bench.n + 1) / 2)
            bench.fenced_ns = uv_hrtime();
    }
    (void)rpc_send(a->call, &m.base);
    for (size_t i = 0; a->fenced && i < a->keeps.n; i++)
        stop(a, &a->keeps.v[i]);
}

static void on_challenge(struct agent *a, const Bailey__V1__Challenge *c)
{
    const struct binding b = {.nonce = {c->nonce.data, c->nonce.len},
                              .node = bytes_str(a->name),
                              .boot_id = bytes_str(a->boot),
                              .spki = buf_bytes(&a->id.spki)};
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Evidence out = BAILEY__V1__EVIDENCE__INIT;
    Bailey__V1__EvidenceFile files[SOURCE_FILES], *list[SOURCE_FILES];
    AUTO_SIM_EVIDENCE struct sim_evidence found = {0};
    uint8_t report_data[REPORT_DATA_SIZE];
    struct err e = {0};

    if (!binding_report_data(&b, report_data, &e) ||
        !sim_evidence(&a->platform, report_data, clock_system.wall_ms(&clock_system) / 1000, &found,
                      &e))
        die("evidence", e.msg);
    for (unsigned i = 0; i < found.files_n && i < SOURCE_FILES; i++) {
        bailey__v1__evidence_file__init(&files[i]);
        files[i].name = text(found.files[i].name);
        files[i].data.data = found.files[i].bytes.p;
        files[i].data.len = found.files[i].bytes.n;
        list[i] = &files[i];
    }
    out.nonce = c->nonce;
    out.evidence.data = found.evidence.p;
    out.evidence.len = found.evidence.n;
    out.n_files = found.files_n;
    out.files = list;
    out.source = text("simulator");
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_EVIDENCE;
    m.evidence = &out;
    (void)rpc_send(a->call, &m.base);
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ControllerMessage *m = (const Bailey__V1__ControllerMessage *)base;
    struct agent *a = user;

    (void)c;
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CHALLENGE) {
        on_challenge(a, m->challenge);
    } else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_EVIDENCE_VERDICT) {
        if (!m->evidence_verdict->verified)
            die("evidence refused", m->evidence_verdict->refusal->message);
        bench.verified += !a->verified;
        a->verified = true;
    } else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_START_KEEP) {
        on_start(a, m->start_keep);
    } else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_STOP_KEEP) {
        on_stop(a, m->stop_keep);
    } else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_REVOCATIONS) {
        on_revocations(a, m->revocations);
    }
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct err e = {0};

    (void)cancelled, (void)user;
    (void)rpc_call_status(c, &e);
    die("a session ended", e.msg);
}

static void on_beat(uv_timer_t *t)
{
    struct agent *a = t->data;
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Heartbeat h = BAILEY__V1__HEARTBEAT__INIT;

    h.sequence = ++a->beats;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT;
    m.heartbeat = &h;
    (void)rpc_send(a->call, &m.base);
}

static void hello(struct agent *a)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Hello h = BAILEY__V1__HELLO__INIT;
    Bailey__V1__Declared d = BAILEY__V1__DECLARED__INIT;
    Bailey__V1__Capacity c = BAILEY__V1__CAPACITY__INIT;
    char *runtimes[] = {text("sandbox")};

    c.cpu_milli = 1000000;
    c.memory_bytes = UINT64_C(1) << 44;
    d.hostname = a->name;
    d.capacity = &c;
    d.runtimes = runtimes;
    d.n_runtimes = 1;
    d.agent_version = text("bench");
    h.boot_id = a->boot;
    h.declared = &d;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HELLO;
    m.hello = &h;
    (void)rpc_send(a->call, &m.base);
}

static void agent_start(struct agent *a, size_t i, const char *api, const char *enrol_at)
{
    static const struct rpc_stream callbacks = {.on_message = on_message, .on_closed = on_closed};
    Bailey__V1__CreateTokenRequest req = BAILEY__V1__CREATE_TOKEN_REQUEST__INIT;
    struct rpc_call_options o = {.wait_for_ready = true};
    char dir[96], token[200];
    struct err e = {0};
    int fd;

    (void)snprintf(a->name, sizeof a->name, "bench-%zu", i);
    rand_uuid(a->boot);
    a->milan = i % 2 == 0;
    (void)snprintf(dir, sizeof dir, "%s/%s", bench.dir, a->name);
    if (mkdir(dir, 0700) != 0 || (fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        die(dir, strerror(errno));
    (void)str_copy(token, sizeof token,
                   ((Bailey__V1__CreateTokenResponse *)call("CreateToken", &req.base))->token);
    if (!sim_platform_parse(a->milan ? "vendor=amd,generation=milan,firmware=1.55.39"
                                     : "vendor=amd,generation=genoa,firmware=1.55.39",
                            &a->platform, &e) ||
        !identity_open(&a->id, fd, a->name, &e) ||
        !enrol(&bench.loop, enrol_at, token, a->name, &a->id, &e))
        die(a->name, e.msg);
    a->platform.chip = i + 1;
    (void)close(fd);
    a->client = client_to(api, dir, IDENTITY_CERT, IDENTITY_KEY);
    a->call = rpc_stream_open(a->client, SESSION, "Connect", &o, &callbacks, a);
    if (a->call == NULL || uv_timer_init(&bench.uv, &a->beat) != 0)
        die(a->name, "no stream");
    hello(a);
    a->beat.data = a;
    (void)uv_timer_start(&a->beat, on_beat, BEAT_MS + i % BEAT_MS, BEAT_MS);
}

/* --- What is measured ---------------------------------------------------------------------------
 */

static void run_until(const size_t *have, size_t want, bool down, const char *what)
{
    uint64_t begun = uv_hrtime();

    while (down ? *have > want : *have < want) {
        (void)uv_run(&bench.uv, UV_RUN_ONCE);
        if (uv_hrtime() - begun > UINT64_C(300000000000))
            die(what, "took longer than 300 s");
    }
}

static void submit(unsigned i, uint32_t replicas, const char *digest)
{
    Bailey__V1__Workload w = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__WorkloadSpec spec = BAILEY__V1__WORKLOAD_SPEC__INIT;
    Bailey__V1__Artifact artifact = BAILEY__V1__ARTIFACT__INIT;
    Bailey__V1__Spread spread = BAILEY__V1__SPREAD__INIT, *spreads[] = {&spread};
    Bailey__V1__Placement placement = BAILEY__V1__PLACEMENT__INIT;
    Bailey__V1__OnDisconnect gone = BAILEY__V1__ON_DISCONNECT__INIT;
    Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT, *objects[] = {&object};
    Bailey__V1__ApplyRequest req = BAILEY__V1__APPLY_REQUEST__INIT;
    char name[32];

    (void)snprintf(name, sizeof name, "bench-%u", i);
    meta.name = name;
    meta.namespace_ = text("default");
    artifact.digest = text(digest);
    artifact.name = text("waiter");
    spread.over = text("node");
    spread.max_skew = 1000;
    placement.n_spread = 1;
    placement.spread = spreads;
    placement.strategy = text("spread");
    spec.replicas = replicas;
    spec.artifact = &artifact;
    spec.placement = &placement;
    gone.stop_after = text("5m");
    gone.replace_after = text("10m");
    spec.on_disconnect = &gone;
    w.api_version = text("bailey/v1");
    w.kind = text("Workload");
    w.metadata = &meta;
    w.spec = &spec;
    object.kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    object.workload = &w;
    req.n_objects = 1;
    req.objects = objects;
    (void)call("Apply", &req.base);
}

static const char script[] = "#!/bin/sh\n";
static const char digest[] =
    "sha256:a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"; /* of the script */

static void on_end(struct rpc_call *c, bool cancelled, void *user)
{
    (void)c, (void)cancelled;
    *(size_t *)user = 1;
}

static void upload(void)
{
    static const struct rpc_stream callbacks = {.on_closed = on_end};
    Bailey__V1__PutArtifactRequest req = BAILEY__V1__PUT_ARTIFACT_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = 60000};
    size_t over = 0;
    struct rpc_call *c;

    req.digest = text(digest);
    req.size = sizeof script - 1;
    req.data.data = (uint8_t *)(uintptr_t)script;
    req.data.len = sizeof script - 1;
    c = rpc_stream_open(bench.cl, SERVICE, "PutArtifact", &o, &callbacks, &over);
    if (c == NULL || !rpc_send(c, &req.base))
        die("upload", "no memory");
    rpc_half_close(c);
    run_until(&over, 1, false, "the upload");
}

static size_t bare_seen;

static void on_bare(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    (void)c, (void)m, (void)user;
    bare_seen++;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

/* One message to every stream; whether n came in time. With n 0 nothing is sent, and what is still
 * on its way comes in. */
static bool bare_round(size_t n, uint64_t limit_ms)
{
    uint64_t begun = uv_hrtime();

    bare_seen = 0;
    if (n > 0 && write(bench.trigger, "g", 1) != 1)
        die("bare server", strerror(errno));
    while ((n == 0 || bare_seen < n) && uv_hrtime() - begun < limit_ms * 1000000)
        (void)uv_run(&bench.uv, UV_RUN_NOWAIT);
    return n > 0 && bare_seen == n;
}

/* As many messages over as many streams of a server that does nothing else, milliseconds. */
static double fan_out(void)
{
    static const struct rpc_stream callbacks = {.on_message = on_bare};
    struct rpc_call_options o = {.wait_for_ready = true};
    size_t n = (bench.n + 1) / 2;
    double took[ROUNDS];
    char target[32];
    int port;

    if (write(bench.trigger, "s", 1) != 1 || read(bench.ports, &port, sizeof port) != sizeof port)
        die("bare server", "did not start");
    (void)snprintf(target, sizeof target, "127.0.0.1:%d", port);
    for (size_t i = 0; i < n; i++) {
        struct agent *a = &bench.agents[2 * i];
        Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
        Bailey__V1__Heartbeat h = BAILEY__V1__HEARTBEAT__INIT;
        char dir[96];

        (void)snprintf(dir, sizeof dir, "%s/%s", bench.dir, a->name);
        a->bare_client = client_to(target, dir, IDENTITY_CERT, IDENTITY_KEY);
        a->bare = rpc_stream_open(a->bare_client, SESSION, "Connect", &o, &callbacks, a);
        h.sequence = 1;
        m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT;
        m.heartbeat = &h;
        if (a->bare == NULL || !rpc_send(a->bare, &m.base))
            die("bare", "no stream");
    }
    while (!bare_round(n, 2000)) /* until all are connected */
        (void)bare_round(0, 500);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begun = uv_hrtime();

        if (!bare_round(n, 60000))
            die("bare server", "lost a stream");
        took[round] = (double)(uv_hrtime() - begun) / 1e6;
    }
    qsort(took, ROUNDS, sizeof took[0], by_size);
    return took[ROUNDS / 2];
}

static Bailey__V1__Revocation *revocation(void)
{
    static Bailey__V1__Revocation r = BAILEY__V1__REVOCATION__INIT;
    static Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    static Bailey__V1__RevocationSpec spec = BAILEY__V1__REVOCATION_SPEC__INIT;
    static Bailey__V1__Selector s = BAILEY__V1__SELECTOR__INIT, *platforms[] = {&s};
    static char *vendor[1], *generation[1];

    vendor[0] = text("amd");
    generation[0] = text("milan");
    s.n_vendor = s.n_generation = 1;
    s.vendor = vendor;
    s.generation = generation;
    meta.name = text("milan-badfuse");
    spec.platforms = platforms;
    spec.n_platforms = 1;
    spec.because = text("root key extracted");
    spec.action = text("stop");
    r.metadata = &meta;
    r.spec = &spec;
    return &r;
}

struct figures {
    size_t affected;
    double plan_ms, fan_out_ms, fenced_ms, stopped_ms, answered_ms;
    double fenced_said_ms, zero_said_ms; /* by the controller's report, from the commit */
};

struct answer {
    bool over;
    uint64_t at_ns;
};

static void on_revoked(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    (void)c, (void)m;
    ((struct answer *)user)->at_ns = uv_hrtime();
}

static void on_answered(struct rpc_call *c, bool cancelled, void *user)
{
    (void)c, (void)cancelled;
    ((struct answer *)user)->over = true;
}

static void measure(struct figures *f)
{
    static const struct rpc_stream callbacks = {.on_message = on_revoked, .on_closed = on_answered};
    Bailey__V1__PlanRevocationRequest plan = BAILEY__V1__PLAN_REVOCATION_REQUEST__INIT;
    Bailey__V1__RevokeRequest req = BAILEY__V1__REVOKE_REQUEST__INIT;
    Bailey__V1__GetRequest get = BAILEY__V1__GET_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = 300000};
    const Bailey__V1__RevocationPlan *p;
    const Bailey__V1__RevocationStatus *s;
    struct answer answer = {0};
    char number[8];
    struct rpc_call *c;
    uint64_t begun;

    plan.revocation = req.revocation = revocation();
    p = ((Bailey__V1__PlanRevocationResponse *)call("PlanRevocation", &plan.base))->plan;
    f->plan_ms = (double)p->took_us / 1e3;
    (void)str_copy(number, sizeof number, p->guard->override);
    req.override_guard = number;
    f->affected = bench.milan_running;
    begun = uv_hrtime();
    c = rpc_stream_open(bench.cl, SERVICE, "Revoke", &o, &callbacks, &answer);
    if (c == NULL || !rpc_send(c, &req.base))
        die("Revoke", "no stream");
    rpc_half_close(c);
    run_until(&bench.fenced, (bench.n + 1) / 2, false, "the fence");
    run_until(&bench.milan_running, 0, true, "the stops");
    while (!answer.over)
        (void)uv_run(&bench.uv, UV_RUN_ONCE);
    f->fenced_ms = (double)(bench.fenced_ns - begun) / 1e6;
    f->stopped_ms = (double)(bench.stopped_ns - begun) / 1e6;
    f->answered_ms = (double)(answer.at_ns - begun) / 1e6;
    get.kind = text("Revocation");
    get.name = text("milan-badfuse");
    for (uint64_t at = uv_hrtime();;) {
        s = ((Bailey__V1__GetResponse *)call("Get", &get.base))->object->revocation->status;
        if (strcmp(s->state, "done") == 0 && s->zero_at[0] != '\0')
            break;
        if (uv_hrtime() - at > UINT64_C(300000000000))
            die("the report", "is not done within 300 s");
    }
    f->fenced_said_ms = (double)s->fenced_after_ms;
    f->zero_said_ms = (double)s->zero_after_ms;
}

static void progress(const char *what)
{
    static uint64_t begun;

    if (begun == 0)
        begun = uv_hrtime();
    (void)fprintf(stderr, "%5.1f s: %s\n", (double)(uv_hrtime() - begun) / 1e9, what);
}

static int64_t option(int argc, char **argv, const char *name, int64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtol(argv[i + 1], NULL, 10);
    return otherwise;
}

static void say(const struct figures *f, bool as_json)
{
    double limit = f->plan_ms + f->fan_out_ms;
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    (void)fprintf(stderr,
                  "%zu agents, %zu keeps, %zu of them affected\n"
                  "  fenced everywhere      %9.1f ms after the call began\n"
                  "  last affected keep     %9.1f ms\n"
                  "  answered               %9.1f ms\n"
                  "  by the report: fenced  %9.1f ms, known to be zero %.1f ms after the commit\n"
                  "  limits: plan           %9.1f ms\n"
                  "          bare messages  %9.1f ms\n"
                  "  last stop is %.2f times the limits' sum\n",
                  bench.n, bench.wanted_keeps, f->affected, f->fenced_ms, f->stopped_ms,
                  f->answered_ms, f->fenced_said_ms, f->zero_said_ms, f->plan_ms, f->fan_out_ms,
                  f->stopped_ms / limit);
    json_object(&j);
    json_key(&j, "benchmark"), json_str(&j, "revoke");
    json_key(&j, "agents"), json_uint(&j, bench.n);
    json_key(&j, "keeps"), json_uint(&j, bench.wanted_keeps);
    json_key(&j, "affected"), json_uint(&j, f->affected);
    json_key(&j, "fenced_ms"), json_double(&j, f->fenced_ms);
    json_key(&j, "stopped_ms"), json_double(&j, f->stopped_ms);
    json_key(&j, "answered_ms"), json_double(&j, f->answered_ms);
    json_key(&j, "report_fenced_ms"), json_double(&j, f->fenced_said_ms);
    json_key(&j, "report_zero_ms"), json_double(&j, f->zero_said_ms);
    json_key(&j, "plan_ms"), json_double(&j, f->plan_ms);
    json_key(&j, "bare_messages_ms"), json_double(&j, f->fan_out_ms);
    json_key(&j, "times_limit"), json_double(&j, f->stopped_ms / limit);
    json_object_end(&j);
    if (as_json)
        (void)printf("%s\n", buf_str(&out));
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct figures f = {0};
    char api[64], enrol_at[64], dir[96];
    struct rlimit files;
    ssize_t n = readlink("/proc/self/exe", bench.bin, sizeof bench.bin - 1);
    char *slash;
    bool json = false;
    struct err e = {0};

    for (int i = 1; i < argc; i++)
        json |= strcmp(argv[i], "--json") == 0;
    bench.n = (size_t)option(argc, argv, "--agents", 1000);
    bench.wanted_keeps = (size_t)option(argc, argv, "--keeps", 100000);
    if (n <= 0 || (slash = strrchr(bench.bin, '/')) == NULL || bench.n == 0)
        return 1;
    (void)snprintf(slash, sizeof bench.bin - (size_t)(slash - bench.bin), "/../bin");
    log_init("revoke", LOG_ERROR, LOG_TEXT);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)str_copy(bench.dir, sizeof bench.dir, "/tmp/bailey-revoke.XXXXXX");
    if (mkdtemp(bench.dir) == NULL)
        die("temporary folder", strerror(errno));
    bare_fork();
    controller_start();
    endpoints(api, enrol_at);
    if (uv_loop_init(&bench.uv) != 0 || !rpc_loop_init(&bench.loop, &bench.uv, &e))
        die("loop", e.msg);
    (void)snprintf(dir, sizeof dir, "%s/controller/admin", bench.dir);
    bench.cl = client_to(api, dir, "client.pem", "client.key");
    bench.agents = calloc(bench.n, sizeof *bench.agents);
    if (bench.agents == NULL)
        die("agents", "no memory");
    progress("controller serves");
    for (size_t i = 0; i < bench.n; i++)
        agent_start(&bench.agents[i], i, api, enrol_at);
    progress("agents enrolled");
    run_until(&bench.verified, bench.n, false, "the nodes' evidence");
    progress("agents verified");
    upload();
    for (unsigned i = 0; i * REPLICAS < bench.wanted_keeps; i++) {
        size_t left = bench.wanted_keeps - (size_t)i * REPLICAS;

        submit(i, left < REPLICAS ? (uint32_t)left : REPLICAS, digest);
    }
    run_until(&bench.running, bench.wanted_keeps, false, "the keeps");
    progress("keeps run");
    f.fan_out_ms = fan_out();
    measure(&f);
    say(&f, json);
    end();
    _exit(0); /* thousands of connections need no tidy end here */
}
