#include "tests/bench/rpc_bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "rpc/server.h"
#include "tests/lib/rpc_pki.h"

static void must(bool ok, const char *what, const struct err *e)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench: %s: %s\n", what, e == NULL ? "failed" : e->msg);
    exit(1);
}

void bench_pki(char dir[64])
{
    (void)snprintf(dir, 64, "/tmp/bailey-bench-XXXXXX");
    must(mkdtemp(dir) != NULL, "directory", NULL);
    pki_ca(dir, "ca");
    pki_leaf(dir, "ca", "server", "DNS:localhost,IP:127.0.0.1");
    pki_leaf(dir, "ca", "node", "URI:bailey://c1/node/n1");
}

void bench_pki_remove(const char *dir)
{
    static const char *const names[] = {"ca", "server", "node"};

    for (size_t i = 0; i < 3; i++) {
        (void)unlink(pki_path(dir, names[i], ".pem"));
        (void)unlink(pki_path(dir, names[i], ".key"));
    }
    (void)rmdir(dir);
}

static void on_get(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__GetResponse resp = BAILEY__V1__GET_RESPONSE__INIT;

    (void)m;
    (void)user;
    rpc_reply(c, &resp.base);
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__AgentMessage *msg = (const Bailey__V1__AgentMessage *)(const void *)m;
    Bailey__V1__ControllerMessage out = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__HeartbeatAck ack = BAILEY__V1__HEARTBEAT_ACK__INIT;

    (void)user;
    if (msg->message_case != BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT)
        return;
    ack.sequence = msg->heartbeat->sequence;
    out.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_HEARTBEAT_ACK;
    out.heartbeat_ack = &ack;
    (void)rpc_send(c, &out.base);
}

static void tcp_room(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    static char bytes[65536];

    (void)h;
    (void)n;
    *b = uv_buf_init(bytes, sizeof bytes);
}

static void tcp_closed(uv_handle_t *h)
{
    free(h);
}

static void tcp_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    uv_buf_t out = uv_buf_init(b->base, n > 0 ? (unsigned)n : 0);

    if (n < 0)
        uv_close((uv_handle_t *)s, tcp_closed);
    else if (n > 0)
        (void)uv_try_write(s, &out, 1);
}

static void tcp_accept(uv_stream_t *listener, int status)
{
    uv_tcp_t *t = malloc(sizeof *t);

    must(t != NULL && status == 0 && uv_tcp_init(listener->loop, t) == 0 &&
             uv_accept(listener, (uv_stream_t *)t) == 0 && uv_tcp_nodelay(t, 1) == 0 &&
             uv_read_start((uv_stream_t *)t, tcp_room, tcp_read) == 0,
         "tcp", NULL);
}

static int tcp_listen(uv_loop_t *uv, uv_tcp_t *t)
{
    struct sockaddr_in a;
    int n = (int)sizeof a;

    must(uv_ip4_addr("127.0.0.1", 0, &a) == 0 && uv_tcp_init(uv, t) == 0 &&
             uv_tcp_bind(t, (const struct sockaddr *)&a, 0) == 0 &&
             uv_listen((uv_stream_t *)t, 512, tcp_accept) == 0 &&
             uv_tcp_getsockname(t, (struct sockaddr *)&a, &n) == 0,
         "tcp", NULL);
    return ntohs(a.sin_port);
}

static void serve(const char *dir, int from, int to)
{
    static const struct rpc_stream session = {.on_message = on_message};
    struct rpc_method get = {
        .service = &bailey__v1__operator__descriptor, .name = "Get", .unary = on_get};
    struct rpc_method connect = {
        .service = &bailey__v1__node_session__descriptor, .name = "Connect", .stream = &session};
    char address[32];
    struct rpc_listener tls = {.address = address,
                               .tls = {pki_path(dir, "ca", ".pem"), pki_path(dir, "server", ".pem"),
                                       pki_path(dir, "server", ".key")}};
    struct rpc_listener plain = {.address = "127.0.0.1:0"};
    int ports[3] = {0};
    struct rpc_loop loop;
    struct rpc_server *s;
    struct err e = {0};
    uv_tcp_t tcp;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(from, &ports[0], sizeof ports[0]) != sizeof ports[0])
        exit(0); /* not needed */
    must(rpc_loop_init(&loop, uv_default_loop(), &e), "loop", &e);
    s = rpc_server_new(&loop, NULL);
    must(s != NULL, "server", NULL);
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", ports[0]);
    must(rpc_server_method(s, &get, &e) && rpc_server_method(s, &connect, &e), "method", &e);
    must(rpc_server_listen(s, &tls, &ports[0], &e), "listen", &e);
    must(rpc_server_listen(s, &plain, &ports[1], &e), "listen", &e);
    must(rpc_server_start(s, &e), "start", &e);
    ports[2] = tcp_listen(uv_default_loop(), &tcp);
    must(write(to, ports, sizeof ports) == sizeof ports, "pipe", NULL);
    (void)uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

void bench_server_fork(struct bench_server *s, const char *dir)
{
    int down[2], up[2];

    must(pipe(down) == 0 && pipe(up) == 0, "pipe", NULL);
    s->pid = fork();
    must(s->pid >= 0, "fork", NULL);
    if (s->pid == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        serve(dir, down[0], up[1]);
        exit(0);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    s->to = down[1];
    s->from = up[0];
}

void bench_server_go(struct bench_server *s, int port)
{
    int ports[3] = {0};

    must(write(s->to, &port, sizeof port) == sizeof port &&
             read(s->from, ports, sizeof ports) == sizeof ports,
         "server", NULL);
    s->port = ports[0];
    s->plain_port = ports[1];
    s->tcp_port = ports[2];
}

void bench_server_kill(struct bench_server *s)
{
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
}

int64_t bench_cpu_ns(const struct bench_server *s)
{
    struct timespec t = {0};
    clockid_t clock;

    if (clock_getcpuclockid(s->pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

long bench_rss_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (f != NULL)
        (void)fclose(f);
    return kib;
}
