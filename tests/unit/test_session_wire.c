/* A real controller process, and in this process an operator and an agent with simulated evidence:
 * from token to StartKeep, through restarts of both. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "attest/binding.h"
#include "attest/sim/sim.h"
#include "bailey/v1/enrolment.pb-c.h"
#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "base/clock.h"
#include "base/log.h"
#include "controller/ca.h"
#include "controller/init.h"
#include "rpc/client.h"

#define BOOT_ID "6b1f9f0e-0000-4000-8000-000000000001"

static char dir[64];
static pid_t controller;
static char api_at[64], enrol_at[64];
static uv_loop_t loop;
static struct rpc_loop rpc;
static uv_timer_t timer;

static void controller_start(void)
{
    int fds[2];
    char fd[16], ready[8] = "";
    char path[128];
    FILE *f;

    assert_int_equal(pipe(fds), 0);
    snprintf(fd, sizeof fd, "%d", fds[1]);
    controller = fork();
    assert_true(controller >= 0);
    if (controller == 0) {
        close(fds[0]);
        execl(CONTROLLER, CONTROLLER, "--data", dir, "--listen", "127.0.0.1:0", "--enrol-listen",
              "127.0.0.1:0", "--allow-simulated", "--lease", "2s", "--ready-fd", fd, "--log-level",
              "warn", (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], ready, 6), 6);
    close(fds[0]);
    snprintf(path, sizeof path, "%s/endpoint", dir);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%63s %63s", api_at, enrol_at), 2);
    fclose(f);
}

static void controller_end(int sig)
{
    int status;

    kill(controller, sig);
    assert_int_equal(waitpid(controller, &status, 0), controller);
    if (sig == SIGTERM)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const char *in_dir(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", dir, name);
    return out;
}

static struct rpc_client *client_new(const char *target, const char *cert, const char *key)
{
    char ca[128];
    struct rpc_client_options o = {
        .target = target,
        .tls = {.ca = in_dir("admin/ca.pem", ca), .certificate = cert, .key = key}};
    struct rpc_client *cl = NULL;
    struct err e = {0};

    if (!rpc_client_new(&rpc, &o, &cl, &e))
        fail_msg("%s", e.msg);
    return cl;
}

static ProtobufCMessage *call(struct rpc_client *cl, const ProtobufCServiceDescriptor *service,
                              const char *method, const ProtobufCMessage *req, struct arena *a,
                              struct err *e)
{
    struct rpc_call_options o = {.deadline_ms = 10000, .wait_for_ready = true};
    ProtobufCMessage *reply = NULL;

    memset(e, 0, sizeof *e);
    return rpc_client_call_wait(cl, service, method, req, &o, a, &reply, e) ? reply : NULL;
}

static struct rpc_client *operator_new(void)
{
    char cert[128], key[128];

    return client_new(api_at, in_dir("admin/client.pem", cert), in_dir("admin/client.key", key));
}

/* ---- the agent ---- */
struct agent {
    EVP_PKEY *key;
    struct rpc_client *client;
    struct rpc_call *stream;
    const char *name, *platform;
    uint64_t epoch;
    bool verified, refused, closed;
    struct err end;
    unsigned starts, stops, acks;
    char uid[64], workload[64];
    uint64_t keep_epoch;
    bool answer_starts;
};

static void send_message(struct agent *g, Bailey__V1__AgentMessage *m)
{
    assert_true(rpc_send(g->stream, &m->base));
}

static void send_report(struct agent *g, const char *uid, uint64_t epoch, int state)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

    r.keep_uid = (char *)(uintptr_t)uid;
    r.epoch = epoch;
    r.state = (Bailey__V1__KeepStatus__State)state;
    r.pid = 4711;
    r.started_at_ms = 1700000000000;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_KEEP_REPORT;
    m.keep_report = &r;
    send_message(g, &m);
}

static void answer_challenge(struct agent *g, const Bailey__V1__Challenge *c)
{
    AUTO_SIM_EVIDENCE struct sim_evidence ev = {0};
    AUTO_BUF struct buf spki = {0};
    struct sim_platform p;
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Evidence out = BAILEY__V1__EVIDENCE__INIT;
    Bailey__V1__EvidenceFile files[SIM_FILES], *list[SIM_FILES];
    uint8_t report_data[REPORT_DATA_SIZE];
    struct err e = {0};
    struct binding b = {.nonce = {c->nonce.data, c->nonce.len},
                        .node = bytes_str(g->name),
                        .boot_id = bytes_str(BOOT_ID)};

    assert_true(key_spki(g->key, &spki, &e));
    b.spki = buf_bytes(&spki);
    assert_true(binding_report_data(&b, report_data, &e));
    if (!sim_platform_parse(g->platform, &p, &e) ||
        !sim_evidence(&p, report_data, clock_system.wall_ms(&clock_system) / 1000, &ev, &e))
        fail_msg("%s", e.msg);
    out.nonce = c->nonce;
    out.evidence.data = ev.evidence.p;
    out.evidence.len = ev.evidence.n;
    for (unsigned i = 0; i < ev.files_n; i++) {
        bailey__v1__evidence_file__init(&files[i]);
        files[i].name = (char *)(uintptr_t)ev.files[i].name;
        files[i].data.data = ev.files[i].bytes.p;
        files[i].data.len = ev.files[i].bytes.n;
        list[i] = &files[i];
    }
    out.files = list;
    out.n_files = ev.files_n;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_EVIDENCE;
    m.evidence = &out;
    send_message(g, &m);
}

static void agent_message(struct rpc_call *c, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ControllerMessage *m = (const Bailey__V1__ControllerMessage *)base;
    struct agent *g = user;

    (void)c;
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_WELCOME)
        g->epoch = m->welcome->epoch;
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CHALLENGE)
        answer_challenge(g, m->challenge);
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_HEARTBEAT_ACK)
        g->acks++;
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_EVIDENCE_VERDICT) {
        g->verified = m->evidence_verdict->verified;
        g->refused = !g->verified;
    }
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_START_KEEP) {
        g->starts++;
        snprintf(g->uid, sizeof g->uid, "%s", m->start_keep->keep_uid);
        snprintf(g->workload, sizeof g->workload, "%s", m->start_keep->workload);
        g->keep_epoch = m->start_keep->epoch;
        if (g->answer_starts)
            send_report(g, g->uid, g->keep_epoch, BAILEY__V1__KEEP_STATUS__STATE__running);
    }
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_STOP_KEEP) {
        g->stops++;
        send_report(g, m->stop_keep->keep_uid, m->stop_keep->epoch,
                    BAILEY__V1__KEEP_STATUS__STATE__ended);
    }
}

static void agent_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct agent *g = user;

    (void)cancelled;
    (void)rpc_call_status(c, &g->end);
    g->closed = true;
}

static void agent_connect(struct agent *g, bool with_keep)
{
    static const struct rpc_stream callbacks = {.on_message = agent_message,
                                                .on_closed = agent_closed};
    char cert[128], key[128], name[80];
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Hello h = BAILEY__V1__HELLO__INIT;
    Bailey__V1__Declared d = BAILEY__V1__DECLARED__INIT;
    Bailey__V1__Capacity cap = BAILEY__V1__CAPACITY__INIT;
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT, *reports[] = {&r};
    struct rpc_call_options o = {.wait_for_ready = true};

    snprintf(name, sizeof name, "%s.pem", g->name);
    in_dir(name, cert);
    snprintf(name, sizeof name, "%s.key", g->name);
    g->client = client_new(api_at, cert, in_dir(name, key));
    g->verified = g->refused = g->closed = false;
    g->stream = rpc_stream_open(g->client, &bailey__v1__node_session__descriptor, "Connect", &o,
                                &callbacks, g);
    assert_non_null(g->stream);
    cap.cpu_milli = 4000;
    cap.memory_bytes = 8ull << 30;
    d.capacity = &cap;
    d.agent_version = (char *)(uintptr_t) "test";
    h.boot_id = (char *)(uintptr_t)BOOT_ID;
    h.declared = &d;
    if (with_keep) {
        r.keep_uid = g->uid;
        r.epoch = g->keep_epoch;
        r.state = BAILEY__V1__KEEP_STATUS__STATE__running;
        h.keeps = reports;
        h.n_keeps = 1;
    }
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HELLO;
    m.hello = &h;
    send_message(g, &m);
}

static void agent_heartbeat(struct agent *g, uint64_t sequence)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Heartbeat b = BAILEY__V1__HEARTBEAT__INIT;

    b.sequence = sequence;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT;
    m.heartbeat = &b;
    send_message(g, &m);
}

static void agent_csr(EVP_PKEY *key, uint8_t **der, int *n)
{
    X509_REQ *req = X509_REQ_new();

    *der = NULL;
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
    *n = i2d_X509_REQ(req, der);
    assert_true(*n > 0);
    X509_REQ_free(req);
}

static bool late;

static void on_late(uv_timer_t *t)
{
    (void)t;
    late = true;
}

/* Runs the loop until cond holds, at most 15 s. */
#define WAIT(cond)                                                                                 \
    do {                                                                                           \
        late = false;                                                                              \
        uv_timer_start(&timer, on_late, 15000, 0);                                                 \
        while (!(cond) && !late)                                                                   \
            uv_run(&loop, UV_RUN_ONCE);                                                            \
        uv_timer_stop(&timer);                                                                     \
        assert_true(cond);                                                                         \
    } while (0)

static bool join(struct agent *g, const char *token, struct err *e)
{
    Bailey__V1__JoinRequest r = BAILEY__V1__JOIN_REQUEST__INIT;
    Bailey__V1__JoinResponse *out;
    struct rpc_client *cl = client_new(enrol_at, NULL, NULL);
    AUTO_ARENA struct arena a;
    AUTO_BUF struct buf key = {0};
    char path[128], name[80];
    uint8_t *der;
    int n;

    arena_init(&a, 1 << 20);
    agent_csr(g->key, &der, &n);
    r.token = (char *)(uintptr_t)token;
    r.node = (char *)(uintptr_t)g->name;
    r.csr.data = der;
    r.csr.len = (size_t)n;
    out = (Bailey__V1__JoinResponse *)call(cl, &bailey__v1__enrolment__descriptor, "Join", &r.base,
                                           &a, e);
    OPENSSL_free(der);
    rpc_client_free(cl);
    if (out == NULL)
        return false;
    snprintf(name, sizeof name, "%s.pem", g->name);
    assert_true(file_write(in_dir(name, path), 0644, bytes_str(out->certificate), e));
    assert_true(key_pem(g->key, &key, e));
    snprintf(name, sizeof name, "%s.key", g->name);
    assert_true(file_write(in_dir(name, path), 0600, buf_bytes(&key), e));
    return true;
}

static void token(struct rpc_client *op, const char *node, char out[160])
{
    Bailey__V1__CreateTokenRequest r = BAILEY__V1__CREATE_TOKEN_REQUEST__INIT;
    Bailey__V1__CreateTokenResponse *m;
    AUTO_ARENA struct arena a;
    struct err e;

    arena_init(&a, 1 << 20);
    r.node = (char *)(uintptr_t)node;
    m = (Bailey__V1__CreateTokenResponse *)call(op, &bailey__v1__operator__descriptor,
                                                "CreateToken", &r.base, &a, &e);
    assert_non_null(m);
    snprintf(out, 160, "%s", m->token);
}

/* The SHA-256 of "hello". */
#define HELLO_DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

struct put {
    bool closed, ok;
    struct err e;
};

static void put_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct put *p = user;

    (void)cancelled;
    p->ok = rpc_call_status(c, &p->e);
    p->closed = true;
}

static bool upload(struct rpc_client *op, const char *digest, const char *bytes, struct err *e)
{
    static const struct rpc_stream callbacks = {.on_closed = put_closed};
    Bailey__V1__PutArtifactRequest r = BAILEY__V1__PUT_ARTIFACT_REQUEST__INIT;
    struct put p = {0};
    struct rpc_call *c =
        rpc_stream_open(op, &bailey__v1__operator__descriptor, "PutArtifact", NULL, &callbacks, &p);

    assert_non_null(c);
    r.digest = (char *)(uintptr_t)digest;
    r.size = strlen(bytes);
    r.data.data = (uint8_t *)(uintptr_t)bytes;
    r.data.len = strlen(bytes);
    assert_true(rpc_send(c, &r.base));
    rpc_half_close(c);
    WAIT(p.closed);
    *e = p.e;
    return p.ok;
}

static bool apply(struct rpc_client *op, uint32_t replicas, const char *refuse, struct err *e)
{
    Bailey__V1__ApplyRequest r = BAILEY__V1__APPLY_REQUEST__INIT;
    Bailey__V1__Object o = BAILEY__V1__OBJECT__INIT, *objects[] = {&o};
    Bailey__V1__Workload w = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__WorkloadSpec spec = BAILEY__V1__WORKLOAD_SPEC__INIT;
    Bailey__V1__Artifact art = BAILEY__V1__ARTIFACT__INIT;
    Bailey__V1__Trust trust = BAILEY__V1__TRUST__INIT;
    Bailey__V1__Selector s = BAILEY__V1__SELECTOR__INIT, *refuses[] = {&s};
    char *generations[] = {(char *)(uintptr_t)refuse};
    AUTO_ARENA struct arena a;

    arena_init(&a, 4 << 20);
    meta.name = (char *)(uintptr_t) "payroll";
    art.digest = (char *)(uintptr_t)HELLO_DIGEST;
    art.name = (char *)(uintptr_t) "hello";
    s.generation = generations;
    s.n_generation = 1;
    s.because = (char *)(uintptr_t) "test";
    trust.refuse = refuses;
    trust.n_refuse = 1;
    spec.replicas = replicas;
    spec.artifact = &art;
    spec.trust = &trust;
    w.metadata = &meta;
    w.spec = &spec;
    o.kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    o.workload = &w;
    r.objects = objects;
    r.n_objects = 1;
    return call(op, &bailey__v1__operator__descriptor, "Apply", &r.base, &a, e) != NULL;
}

static void make_agent(struct agent *g, struct rpc_client *op, const char *name, const char *sim)
{
    char text[160];
    struct err e = {0};

    *g = (struct agent){.name = name, .platform = sim, .answer_starts = true};
    assert_true(key_new(&g->key, &e));
    token(op, name, text);
    if (!join(g, text, &e))
        fail_msg("join: %s", e.msg);
}

static void test_way_of_the_data(void **unused)
{
    struct rpc_client *op = operator_new();
    struct agent milan, genoa, thief = {0};
    struct err e = {0};
    char text[160];

    (void)unused;
    make_agent(&milan, op, "milan-1", "vendor=amd,generation=milan,chip=1");
    make_agent(&genoa, op, "genoa-1", "vendor=amd,generation=genoa,chip=2");

    /* a token works once, and only for its name */
    token(op, "other", text);
    thief.name = "milan-1";
    assert_true(key_new(&thief.key, &e));
    assert_false(join(&thief, text, &e));
    assert_string_equal(e.reason, "enrol.token-other-node");
    token(op, "", text);
    assert_false(join(&thief, text, &e));
    assert_string_equal(e.reason, "enrol.name-taken");

    agent_connect(&milan, false);
    agent_connect(&genoa, false);
    WAIT((milan.verified || milan.refused) && (genoa.verified || genoa.refused));
    assert_true(milan.verified && genoa.verified);

    assert_false(apply(op, 1, "milan", &e));
    assert_string_equal(e.reason, "artifact.missing");
    assert_false(upload(op, HELLO_DIGEST, "jello", &e));
    assert_string_equal(e.reason, "artifact.digest-mismatch");
    assert_true(upload(op, HELLO_DIGEST, "hello", &e));
    if (!apply(op, 1, "milan", &e))
        fail_msg("apply: %s", e.msg);
    WAIT(genoa.starts == 1);
    assert_string_equal(genoa.workload, "payroll");
    assert_int_equal(milan.starts, 0);
    agent_heartbeat(&genoa, 1);
    WAIT(genoa.acks == 1);

    /* the rule turns: the keep is stopped where it is, and started on the other */
    if (!apply(op, 1, "genoa", &e))
        fail_msg("apply: %s", e.msg);
    WAIT(genoa.stops == 1 && milan.starts == 1);
    assert_true(milan.keep_epoch > genoa.keep_epoch);

    /* killed and started again: nothing acknowledged is lost, the epoch grows, no second start */
    controller_end(SIGKILL);
    WAIT(milan.closed && genoa.closed);
    rpc_client_free(milan.client);
    rpc_client_free(genoa.client);
    rpc_client_free(op);
    controller_start();
    agent_connect(&milan, true);
    WAIT(milan.verified);
    assert_true(milan.epoch > genoa.epoch);
    op = operator_new();
    if (!apply(op, 0, "genoa", &e))
        fail_msg("apply: %s", e.msg);
    WAIT(milan.stops == 1);
    assert_int_equal(milan.starts, 1);

    rpc_cancel(milan.stream);
    WAIT(milan.closed);
    rpc_client_free(milan.client);
    rpc_client_free(op);
    EVP_PKEY_free(milan.key);
    EVP_PKEY_free(genoa.key);
    EVP_PKEY_free(thief.key);
}

static void test_bad_evidence(void **unused)
{
    struct rpc_client *op = operator_new();
    struct agent bad;

    (void)unused;
    make_agent(&bad, op, "bad-1", "vendor=amd,generation=genoa,defect=stale-report-data");
    agent_connect(&bad, false);
    WAIT(bad.verified || bad.refused);
    assert_true(bad.refused);
    rpc_cancel(bad.stream);
    WAIT(bad.closed);
    rpc_client_free(bad.client);
    rpc_client_free(op);
    EVP_PKEY_free(bad.key);
}

/* An operator may not be a node, nor a node an operator. */
static void test_identities(void **unused)
{
    static const struct rpc_stream callbacks = {.on_closed = agent_closed};
    struct rpc_client *op = operator_new(), *cl;
    struct agent g = {0};
    Bailey__V1__StatusRequest r = BAILEY__V1__STATUS_REQUEST__INIT;
    char cert[128], key[128];
    AUTO_ARENA struct arena a;
    struct err e = {0};

    (void)unused;
    arena_init(&a, 1 << 20);
    g.stream =
        rpc_stream_open(op, &bailey__v1__node_session__descriptor, "Connect", NULL, &callbacks, &g);
    WAIT(g.closed);
    assert_string_equal(g.end.reason, "auth.not-a-node");
    make_agent(&g, op, "plain-1", "vendor=amd,generation=genoa,chip=2");
    cl = client_new(api_at, in_dir("plain-1.pem", cert), in_dir("plain-1.key", key));
    assert_null(call(cl, &bailey__v1__operator__descriptor, "Status", &r.base, &a, &e));
    assert_string_equal(e.reason, "auth.not-an-operator");
    rpc_client_free(cl);
    rpc_client_free(op);
    EVP_PKEY_free(g.key);
}

static int setup(void **unused)
{
    struct err e = {0};

    (void)unused;
    snprintf(dir, sizeof dir, "/tmp/bailey-wire-XXXXXX");
    assert_non_null(mkdtemp(dir));
    log_init("test", LOG_ERROR, LOG_TEXT);
    controller_start();
    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    return rpc_loop_init(&rpc, &loop, &e) ? 0 : -1;
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    rpc_loop_close(&rpc, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    controller_end(SIGTERM);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_bad_evidence),
        cmocka_unit_test(test_way_of_the_data),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
