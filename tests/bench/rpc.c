/* Round trips a second, latency and server CPU of unary calls, plain and mTLS, against a bare TCP
 * echo of the same loop library in the same run. The client runs on the same machine.
 *
 * rpc [--seconds S] [--json]. A gRPC row has N calls in flight on one connection; the TCP row has N
 * connections with one message of 96 bytes in flight each (on one connection they would coalesce).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bailey/v1/operator.pb-c.h"
#include "base/json.h"
#include "rpc/client.h"
#include "rpc/op.h"
#include "tests/bench/rpc_bench.h"
#include "tests/lib/rpc_pki.h"

#define DEPTH_MAX 256
#define SAMPLES_MAX (1u << 20)
#define TCP_BYTES 96

static struct run {
    uv_timer_t end;
    bool over;
    size_t done, failed, in_flight;
    uint32_t *us; /* one for each of the first SAMPLES_MAX */
    struct rpc_client *cl;
} run;

struct slot { /* one in flight */
    uint64_t begun;
    uv_tcp_t tcp;
    uv_connect_t connect;
    size_t got;
};
static struct slot slots[DEPTH_MAX];

static void account(const struct slot *s)
{
    if (run.done < SAMPLES_MAX)
        run.us[run.done] = (uint32_t)((uv_hrtime() - s->begun) / 1000);
    run.done++;
}

static void call(struct slot *s);

static void on_done(void *user, const ProtobufCMessage *reply, const struct err *e)
{
    (void)e;
    run.in_flight--;
    if (reply == NULL)
        run.failed++;
    else
        account(user);
    if (!run.over && run.failed < 100)
        call(user);
}

static void call(struct slot *s)
{
    static char name[] = "abcdefghijklmnopqrstuvwx", kind[] = "Node";
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;

    req.kind = kind;
    req.name = name;
    s->begun = uv_hrtime();
    run.in_flight++;
    if (rpc_client_call(run.cl, &bailey__v1__operator__descriptor, "Get", &req.base, NULL, on_done,
                        s) == NULL)
        run.in_flight--;
}

static void tcp_send(struct slot *s)
{
    static char bytes[TCP_BYTES];
    uv_buf_t b = uv_buf_init(bytes, sizeof bytes);

    s->begun = uv_hrtime();
    s->got = 0;
    (void)uv_try_write((uv_stream_t *)&s->tcp, &b, 1);
}

static void tcp_room(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    static char bytes[65536];

    (void)h;
    (void)n;
    *b = uv_buf_init(bytes, sizeof bytes);
}

static void tcp_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct slot *s = container_of((uv_tcp_t *)stream, struct slot, tcp);

    (void)b;
    if (n <= 0)
        return;
    s->got += (size_t)n;
    if (s->got < TCP_BYTES)
        return;
    account(s);
    if (!run.over)
        tcp_send(s);
}

static void tcp_connected(uv_connect_t *c, int status)
{
    struct slot *s = container_of(c, struct slot, connect);

    if (status != 0) {
        run.failed++;
        return;
    }
    (void)uv_tcp_nodelay(&s->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&s->tcp, tcp_room, tcp_read);
    tcp_send(s);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void end(uv_timer_t *t)
{
    (void)t;
    run.over = true;
}

static struct rpc_client *client(struct rpc_loop *l, const struct bench_server *server,
                                 const char *dir)
{
    struct rpc_client_options o = {0};
    struct rpc_client *cl = NULL;
    struct err e = {0};
    char target[32];

    (void)snprintf(target, sizeof target, "127.0.0.1:%d",
                   dir == NULL ? server->plain_port : server->port);
    o.target = target;
    if (dir != NULL)
        o.tls = (struct rpc_tls){pki_path(dir, "ca", ".pem"), pki_path(dir, "node", ".pem"),
                                 pki_path(dir, "node", ".key")};
    if (!rpc_client_new(l, &o, &cl, &e)) {
        (void)fprintf(stderr, "bench: %s\n", e.msg);
        exit(1);
    }
    return cl;
}

/* what: "tcp", "plain" or "mtls" */
static void measure(struct rpc_loop *l, const struct bench_server *server, const char *what,
                    const char *dir, size_t depth, unsigned seconds, struct json *j)
{
    bool tcp = strcmp(what, "tcp") == 0;
    struct sockaddr_in a;
    int64_t cpu;
    uint64_t begun;
    double took, per;
    size_t n;

    run.done = run.failed = run.in_flight = 0;
    run.over = false;
    if (!tcp) /* the handshake is not part of it */
        for (run.cl = client(l, server, strcmp(what, "mtls") == 0 ? dir : NULL);
             rpc_client_connectivity(run.cl, true) != RPC_READY;)
            uv_sleep(5);
    cpu = bench_cpu_ns(server);
    begun = uv_hrtime();
    (void)uv_timer_start(&run.end, end, (uint64_t)seconds * 1000, 0);
    (void)uv_ip4_addr("127.0.0.1", server->tcp_port, &a);
    for (size_t i = 0; i < depth; i++) {
        if (!tcp)
            call(&slots[i]);
        else if (uv_tcp_init(l->uv, &slots[i].tcp) != 0 ||
                 uv_tcp_connect(&slots[i].connect, &slots[i].tcp, (const struct sockaddr *)&a,
                                tcp_connected) != 0)
            run.failed++;
    }
    while (!run.over || run.in_flight != 0)
        (void)uv_run(l->uv, UV_RUN_ONCE);
    took = (double)(uv_hrtime() - begun) / 1e9;
    cpu = bench_cpu_ns(server) - cpu;
    if (tcp)
        for (size_t i = 0; i < depth; i++)
            uv_close((uv_handle_t *)&slots[i].tcp, NULL);
    else
        rpc_client_free(run.cl);
    (void)uv_run(l->uv, UV_RUN_NOWAIT);
    n = run.done < SAMPLES_MAX ? run.done : SAMPLES_MAX;
    qsort(run.us, n, sizeof *run.us, compare);
    per = run.done == 0 ? 0 : (double)cpu / 1e3 / (double)run.done;
    json_object(j);
    json_key(j, "transport"), json_str(j, what);
    json_key(j, "in_flight"), json_uint(j, depth);
    json_key(j, "per_second"), json_uint(j, (uint64_t)((double)run.done / took));
    json_key(j, "p50_us"), json_uint(j, n == 0 ? 0 : run.us[n / 2]);
    json_key(j, "p99_us"), json_uint(j, n == 0 ? 0 : run.us[n * 99 / 100]);
    json_key(j, "server_cpu_us"), json_uint(j, (uint64_t)per);
    json_key(j, "failed"), json_uint(j, run.failed);
    json_object_end(j);
    (void)fprintf(stderr, "%-6s %4zu in flight: %8.0f/s  p50 %5u us  p99 %6u us  server %5.1f us\n",
                  what, depth, (double)run.done / took, n == 0 ? 0 : run.us[n / 2],
                  n == 0 ? 0 : run.us[n * 99 / 100], per);
}

int main(int argc, char **argv)
{
    static const char *const whats[] = {"tcp", "plain", "mtls"};
    static const size_t depths[] = {1, 16, DEPTH_MAX};
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};
    struct bench_server server = {0};
    struct rpc_loop loop;
    struct err e = {0};
    unsigned seconds = 3;
    bool as_json = false;
    char dir[64];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            as_json = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = (unsigned)strtoul(argv[++i], NULL, 10);
    }
    bench_pki(dir);
    bench_server_fork(&server, dir); /* before the core starts here */
    bench_server_go(&server, 0);
    run.us = calloc(SAMPLES_MAX, sizeof *run.us);
    if (run.us == NULL || uv_timer_init(uv_default_loop(), &run.end) != 0 ||
        !rpc_loop_init(&loop, uv_default_loop(), &e))
        return 1;
    json_object(&j);
    json_key(&j, "benchmark"), json_str(&j, "rpc");
    json_key(&j, "rows"), json_array(&j);
    for (size_t d = 0; d < 3; d++)
        for (size_t i = 0; i < 3; i++)
            measure(&loop, &server, whats[i], dir, depths[d], seconds, &j);
    json_array_end(&j);
    json_object_end(&j);
    if (as_json)
        (void)printf("%s\n", buf_str(&out));
    bench_server_kill(&server);
    bench_pki_remove(dir);
    rpc_loop_close(&loop, NULL, NULL);
    uv_close((uv_handle_t *)&run.end, NULL);
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    free(run.us);
    return 0;
}
