/* The server that clients of other makers are tried on: the services of tests/lib/rpc_world.h
 * behind TLS. Prints one line "READY <port> <enrolment port> <directory of certificates>" and ends
 * when standard input does. */
#include <stdio.h>
#include <unistd.h>

#include "rpc/op.h"
#include "tests/lib/rpc_world.h"

static struct world w;
static uv_pipe_t in;
static bool ended;

static void room(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    static char bytes[256];

    (void)h;
    (void)n;
    *b = uv_buf_init(bytes, sizeof bytes);
}

static void read_in(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    (void)b;
    if (n >= 0)
        return;
    ended = true;
    uv_close((uv_handle_t *)s, NULL);
}

int main(void)
{
    world_start(&w, NULL);
    (void)printf("READY %d %d %s\n", w.port, w.enrol_port, w.dir);
    (void)fflush(stdout);
    if (uv_pipe_init(&w.uv, &in, 0) != 0 || uv_pipe_open(&in, STDIN_FILENO) != 0 ||
        uv_read_start((uv_stream_t *)&in, room, read_in) != 0)
        return 1;
    while (!ended)
        (void)uv_run(&w.uv, UV_RUN_ONCE);
    world_stop(&w);
    return 0;
}
