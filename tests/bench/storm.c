/* A restart storm: N clients with a TLS connection and a stream each lose their server at once, and
 * it is back at once. How long until all are back, and how many streams failed on the way?
 *
 * storm [--clients N] [--connect-timeout MS] [--backoff MS] [--spread MS] [--plain] [--json]
 * spread: each client waits a random part of this before it opens its stream again, as agents do.
 * Streams wait for their connection (wait_for_ready): attempts to connect that the core repeats do
 * not count as failed. The clients run on the same machine as the server and take the larger part
 * of its CPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bailey/v1/session.pb-c.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"
#include "rpc/client.h"
#include "rpc/op.h"
#include "tests/bench/rpc_bench.h"
#include "tests/lib/rpc_pki.h"

struct agent {
    struct rpc_client *cl;
    uv_timer_t again;
    struct rpc_call *c;
    bool up;
};

static struct {
    struct agent *agents;
    size_t n, up, failed;
    uint64_t spread_ms;
    struct prng rand;
    bool ending;
} storm;

static void open_stream(struct agent *a);

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    struct agent *a = user;

    (void)c;
    (void)m;
    if (!a->up)
        storm.up++;
    a->up = true;
}

static void again(uv_timer_t *t)
{
    open_stream(container_of(t, struct agent, again));
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct agent *a = user;

    (void)c;
    (void)cancelled;
    a->c = NULL;
    if (a->up)
        storm.up--;
    else
        storm.failed++; /* it never came up */
    a->up = false;
    if (!storm.ending)
        (void)uv_timer_start(&a->again, again, prng_below(&storm.rand, storm.spread_ms + 1), 0);
}

static const struct rpc_stream callbacks = {.on_message = on_message, .on_closed = on_closed};

static void open_stream(struct agent *a)
{
    struct rpc_call_options o = {.wait_for_ready = true};
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Heartbeat h = BAILEY__V1__HEARTBEAT__INIT;

    a->c =
        rpc_stream_open(a->cl, &bailey__v1__node_session__descriptor, "Connect", &o, &callbacks, a);
    if (a->c == NULL)
        exit(1);
    h.sequence = 1;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT;
    m.heartbeat = &h;
    (void)rpc_send(a->c, &m.base);
}

static void tick(uv_timer_t *t)
{
    (void)t;
}

/* Runs until `want` streams are up, printing one line a second; seconds it took, or -1. */
static double wait_up(uv_loop_t *uv, size_t want, bool down, double limit_s, const char *what)
{
    uint64_t begun = uv_hrtime(), line = begun;
    double took = 0;

    while ((down ? storm.up > want : storm.up < want) && took < limit_s) {
        (void)uv_run(uv, UV_RUN_ONCE);
        took = (double)(uv_hrtime() - begun) / 1e9;
        if (uv_hrtime() - line > 1000000000) {
            line = uv_hrtime();
            (void)fprintf(stderr, "%-12s %5.1f s: %5zu up, %zu streams failed\n", what, took,
                          storm.up, storm.failed);
        }
    }
    return took < limit_s ? took : -1;
}

static void agents_start(struct rpc_loop *l, const struct rpc_client_options *o)
{
    struct err e = {0};

    for (size_t i = 0; i < storm.n; i++) {
        struct agent *a = &storm.agents[i];

        if (uv_timer_init(l->uv, &a->again) != 0 || !rpc_client_new(l, o, &a->cl, &e)) {
            (void)fprintf(stderr, "storm: %s\n", e.msg);
            exit(1);
        }
        /* the first time they come evenly: this is not what is measured */
        (void)uv_timer_start(&a->again, again, i * 6, 0);
    }
}

static int64_t option(int argc, char **argv, const char *name, int64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtol(argv[i + 1], NULL, 10);
    return otherwise;
}

static bool flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

static void report(int argc, char **argv, double first, double lost, double back,
                   const struct bench_server *server)
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    (void)fprintf(stderr,
                  "%zu clients: first up in %.1f s; all lost after %.1f s; all back %.1f s after "
                  "the restart; %zu streams failed; server %.2f ms CPU, %ld KiB a client\n",
                  storm.n, first, lost, back, storm.failed,
                  (double)bench_cpu_ns(server) / 1e6 / (double)storm.n,
                  bench_rss_kib(server->pid) / (long)storm.n);
    json_object(&j);
    json_key(&j, "benchmark"), json_str(&j, "storm");
    json_key(&j, "clients"), json_uint(&j, storm.n);
    json_key(&j, "spread_ms"), json_uint(&j, storm.spread_ms);
    json_key(&j, "first_s"), json_double(&j, first);
    json_key(&j, "all_back_s"), json_double(&j, back); /* -1: never */
    json_key(&j, "failed_streams"), json_uint(&j, storm.failed);
    json_key(&j, "server_cpu_ms_per_client");
    json_double(&j, (double)bench_cpu_ns(server) / 1e6 / (double)storm.n);
    json_object_end(&j);
    if (flag(argc, argv, "--json"))
        (void)printf("%s\n", buf_str(&out));
    (void)fflush(stdout); /* _exit() does not */
}

int main(int argc, char **argv)
{
    struct rpc_client_options o = {0};
    struct bench_server servers[2];
    struct rlimit files;
    struct rpc_loop loop;
    struct err e = {0};
    uv_timer_t ticks;
    char dir[64], target[32];
    double first, lost, back;
    uint64_t restarted;

    storm.n = (size_t)option(argc, argv, "--clients", 2000);
    storm.spread_ms = (uint64_t)option(argc, argv, "--spread", 1000);
    o.connect_timeout_ms = option(argc, argv, "--connect-timeout", 0);
    o.backoff_ms = option(argc, argv, "--backoff", 0);
    prng_seed(&storm.rand, 1);
    log_init("storm", LOG_ERROR, LOG_TEXT); /* every failed handshake is a warning of the core */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    storm.agents = calloc(storm.n, sizeof *storm.agents);
    bench_pki(dir);
    bench_server_fork(&servers[0], dir);
    bench_server_fork(&servers[1], dir);
    bench_server_go(&servers[0], 0);
    if (storm.agents == NULL || !rpc_loop_init(&loop, uv_default_loop(), &e) ||
        uv_timer_init(uv_default_loop(), &ticks) != 0 ||
        uv_timer_start(&ticks, tick, 100, 100) != 0)
        return 1;
    (void)snprintf(target, sizeof target, "127.0.0.1:%d",
                   flag(argc, argv, "--plain") ? servers[0].plain_port : servers[0].port);
    o.target = target;
    if (!flag(argc, argv, "--plain"))
        o.tls = (struct rpc_tls){pki_path(dir, "ca", ".pem"), pki_path(dir, "node", ".pem"),
                                 pki_path(dir, "node", ".key")};
    agents_start(&loop, &o);
    first = wait_up(uv_default_loop(), storm.n, false, 180, "connecting");
    storm.failed = 0;
    bench_server_kill(&servers[0]);
    bench_server_go(&servers[1], servers[0].port);
    restarted = uv_hrtime();
    lost = wait_up(uv_default_loop(), storm.n / 100, true, 30, "losing");
    back = wait_up(uv_default_loop(), storm.n, false, 180, "coming back");
    if (back >= 0)
        back = (double)(uv_hrtime() - restarted) / 1e9;
    report(argc, argv, first, lost, back, &servers[1]);
    bench_server_kill(&servers[1]);
    bench_pki_remove(dir);
    _exit(first < 0 || back < 0 ? 1 : 0); /* thousands of connections need no tidy end here */
}
