#include "controller/collateral_fetch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define FIRST_MS 2000
#define EVERY_MS 15000
#define RUN_MS 60000
#define AGAIN_MS (10 * 60 * 1000)
#define OUTPUT_MOST ((size_t)512 * 1024)
#define TRIED 256 /* addresses remembered as tried; the oldest is forgotten */

struct collateral_keeper {
    struct state *st;
    const char *command; /* borrowed; NULL: none */
    uv_timer_t timer, limit;
    uv_process_t process;
    uv_pipe_t pipe;
    unsigned open; /* handles that are not closed yet */
    bool closing, running, too_much;
    int64_t status;
    unsigned owed; /* of the run: exit, end of output */
    char url[360];
    struct buf output;
    char piece[16384];
    struct {
        char url[360];
        int64_t at_ms;
    } tried[TRIED];
    unsigned tried_next;
};

static void on_closed(uv_handle_t *h)
{
    struct collateral_keeper *k = h->data;

    if (--k->open > 0 || !k->closing)
        return;
    buf_fini(&k->output);
    free(k);
}

static void close_handle(struct collateral_keeper *k, uv_handle_t *h)
{
    if (!uv_is_closing(h)) {
        h->data = k;
        uv_close(h, on_closed);
    }
}

static void finish(struct collateral_keeper *k)
{
    struct err e = {0};

    k->running = false;
    uv_timer_stop(&k->limit);
    close_handle(k, (uv_handle_t *)&k->process);
    close_handle(k, (uv_handle_t *)&k->pipe);
    if (k->closing)
        return;
    if (k->status != 0 || k->too_much || k->output.n == 0)
        err_set(&e, ERR_UNAVAIL, "collateral.fetch",
                "the fetcher ended with %lld after %zu bytes%s", (long long)k->status, k->output.n,
                k->too_much ? ": too many" : "");
    else if (collateral_import(k->st, "fetched", k->url, buf_bytes(&k->output), &e)) {
        log_info("collateral fetched", LOG_STR("url", k->url));
        return;
    }
    log_warn("collateral not fetched", LOG_STR("url", k->url), LOG_ERR(&e));
}

static void one_less(struct collateral_keeper *k)
{
    if (--k->owed == 0)
        finish(k);
}

static void on_exit_of(uv_process_t *p, int64_t status, int signal)
{
    struct collateral_keeper *k = p->data;

    k->status = signal != 0 ? 128 + signal : status;
    one_less(k);
}

static void give_room(uv_handle_t *h, size_t wanted, uv_buf_t *out)
{
    struct collateral_keeper *k = h->data;

    (void)wanted;
    *out = uv_buf_init(k->piece, sizeof k->piece);
}

static void on_output(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct collateral_keeper *k = s->data;

    if (n < 0) {
        uv_read_stop(s);
        one_less(k);
        return;
    }
    if (k->output.n + (size_t)n <= OUTPUT_MOST) {
        buf_put(&k->output, b->base, (size_t)n);
    } else if (!k->too_much) {
        k->too_much = true;
        uv_process_kill(&k->process, SIGKILL);
    }
}

static void on_limit(uv_timer_t *t)
{
    struct collateral_keeper *k = t->data;

    if (k->running)
        uv_process_kill(&k->process, SIGKILL);
}

static void run(struct collateral_keeper *k, const char *url)
{
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
                                     {.flags = (uv_stdio_flags)(UV_CREATE_PIPE | UV_WRITABLE_PIPE),
                                      .data.stream = (uv_stream_t *)&k->pipe},
                                     {.flags = UV_INHERIT_FD, .data.fd = 2}};
    char *argv[] = {(char *)(uintptr_t)k->command, k->url, NULL};
    uv_process_options_t o = {
        .exit_cb = on_exit_of, .file = k->command, .args = argv, .stdio_count = 3, .stdio = stdio};
    int failed;

    str_copy(k->url, sizeof k->url, url);
    buf_fini(&k->output);
    k->output = (struct buf){0};
    k->too_much = false;
    uv_pipe_init(k->st->loop, &k->pipe, 0);
    k->pipe.data = k->process.data = k;
    k->open += 2;
    k->running = true;
    k->owed = 2;
    failed = uv_spawn(k->st->loop, &k->process, &o);
    if (failed != 0) {
        k->status = failed;
        finish(k);
        return;
    }
    uv_read_start((uv_stream_t *)&k->pipe, give_room, on_output);
    uv_timer_start(&k->limit, on_limit, RUN_MS, 0);
}

static bool tried_lately(const struct collateral_keeper *k, const char *url)
{
    int64_t now = state_now_ms(k->st);

    for (unsigned i = 0; i < TRIED; i++)
        if (k->tried[i].at_ms != 0 && now - k->tried[i].at_ms < AGAIN_MS &&
            strcmp(k->tried[i].url, url) == 0)
            return true;
    return false;
}

struct search {
    struct collateral_keeper *k;
    const struct collateral_need *found;
};

static void look(void *data, const char *node, const struct collateral_needs *needs)
{
    struct search *s = data;

    (void)node;
    for (unsigned i = 0; i < needs->n && s->found == NULL; i++)
        if (strcmp(collateral_held(s->k->st, needs->need[i].key), "fresh") != 0 &&
            !tried_lately(s->k, needs->need[i].url))
            s->found = &needs->need[i];
}

static void on_timer(uv_timer_t *t)
{
    struct collateral_keeper *k = t->data;
    struct search s = {.k = k};
    uint32_t expired, expiring;

    collateral_watch(k->st, &expired, &expiring);
    if (k->command == NULL || k->closing || k->open > 2) /* the last run's handles, too */
        return;
    collateral_noted(k->st, look, &s);
    if (s.found == NULL)
        return;
    str_copy(k->tried[k->tried_next].url, sizeof k->tried[0].url, s.found->url);
    k->tried[k->tried_next].at_ms = state_now_ms(k->st);
    k->tried_next = (k->tried_next + 1) % TRIED;
    run(k, s.found->url);
}

struct collateral_keeper *collateral_keeper_new(struct state *st, const char *command)
{
    struct collateral_keeper *k = calloc(1, sizeof *k);

    if (k == NULL)
        return NULL;
    k->st = st;
    k->command = command;
    uv_timer_init(st->loop, &k->timer);
    uv_timer_init(st->loop, &k->limit);
    k->timer.data = k->limit.data = k;
    k->open = 2;
    uv_timer_start(&k->timer, on_timer, FIRST_MS, command == NULL ? EVERY_MS : FIRST_MS);
    return k;
}

void collateral_keeper_close(struct collateral_keeper *k)
{
    if (k == NULL)
        return;
    k->closing = true;
    if (k->running)
        uv_process_kill(&k->process, SIGKILL); /* its end closes the handles of the run */
    close_handle(k, (uv_handle_t *)&k->timer);
    close_handle(k, (uv_handle_t *)&k->limit);
}
