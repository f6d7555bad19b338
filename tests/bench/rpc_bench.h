/* rpc_bench.h - servers in processes of their own for the benchmarks of rpc/: forked before the
 * gRPC core starts, begun when told, measured by their CPU clock. */
#ifndef TESTS_RPC_BENCH_H
#define TESTS_RPC_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_server {
    pid_t pid;
    int to, from;         /* pipes: "go", and the ports back */
    int port, plain_port; /* mTLS and plain gRPC */
    int tcp_port;         /* sends back what it gets */
};

/* A directory with certificates: ca, server, node. */
void bench_pki(char dir[64]);
void bench_pki_remove(const char *dir);

/* Serves Operator.Get (an empty answer) and NodeSession.Connect (an acknowledgement for each
 * heartbeat). Ends the program on failure. */
void bench_server_fork(struct bench_server *s, const char *dir);
void bench_server_go(struct bench_server *s, int port); /* 0: any free one */
void bench_server_kill(struct bench_server *s);

int64_t bench_cpu_ns(const struct bench_server *s); /* used so far */
long bench_rss_kib(pid_t pid);

#endif
