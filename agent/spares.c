#include "agent/spares.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"

#define REFILL_MS 50  /* after one was taken: the keep that took it comes first */
#define AGAIN_MS 5000 /* after one could not be started, or died while it waited */

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void on_timer(uv_timer_t *t);

static void refill(struct spares *s, uint64_t after_ms)
{
    if (!s->closing)
        (void)uv_timer_start(&s->timer, on_timer, after_ms, 0);
}

static void forget(struct spares *s, struct spare *x)
{
    for (size_t i = 0; i < s->waiting.n; i++)
        if (s->waiting.v[i] == x) {
            vec_swap_out(&s->waiting, i);
            return;
        }
}

static void process_ended(uv_process_t *p, int64_t status, int signal)
{
    struct spare *x = p->data;

    if (x->all != NULL) {
        log_warn("a waiting loader ended", LOG_INT("status", status), LOG_INT("signal", signal));
        forget(x->all, x);
        refill(x->all, AGAIN_MS);
    }
    /* No keep lives without its loader. One that died while it got ready, or was let go before
     * that, may have made its cgroups after anybody last looked. */
    sweeper_add(x->sweeper, x->group);
    if (x->control >= 0)
        (void)close(x->control);
    x->control = -1;
    if (x->on_exit != NULL)
        x->on_exit(x->user);
    uv_close((uv_handle_t *)p, on_closed);
}

static bool spawn(struct spares *s, struct spare *x, int theirs, struct err *e)
{
    char *args[] = {s->loader,
                    (char[]){"--spare"},
                    (char[]){"--control-fd"},
                    (char[]){"3"},
                    (char[]){"--group"},
                    x->group,
                    (char[]){"--log-level"},
                    (char[]){"info"},
                    NULL};
    uv_stdio_container_t stdio[4] = {{.flags = UV_IGNORE},
                                     {.flags = UV_IGNORE},
                                     {.flags = UV_INHERIT_FD, .data.fd = 2},
                                     {.flags = UV_INHERIT_FD, .data.fd = theirs}};
    uv_process_options_t o = {.file = s->loader,
                              .args = args,
                              .flags = UV_PROCESS_DETACHED,
                              .stdio = stdio,
                              .stdio_count = 4,
                              .exit_cb = process_ended,
                              .cwd = "/"};
    int rc = uv_spawn(s->uv, &x->process, &o);

    x->process.data = x;
    if (rc == 0) {
        uv_unref((uv_handle_t *)&x->process);
        return true;
    }
    (void)close(x->control);
    uv_close((uv_handle_t *)&x->process, on_closed);
    return err_set(e, ERR_UNAVAIL, "loader.spawn", "%s: %s", s->loader, uv_strerror(rc));
}

static bool spare_new(struct spares *s, struct spare **out, struct err *e)
{
    struct spare *x = calloc(1, sizeof *x);
    uint8_t r[8];
    char hex[17];
    int fds[2];

    if (x == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for a loader");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        free(x);
        return err_errno(e, errno, "loader.socket", "the loader's socket");
    }
    rand_bytes(r, sizeof r);
    hex_format(BYTES_OF(r), hex);
    (void)snprintf(x->group, sizeof x->group, "%s%s", s->prefix, hex);
    x->control = fds[0];
    x->sweeper = s->sweeper;
    if (!spawn(s, x, fds[1], e)) {
        (void)close(fds[1]);
        return false;
    }
    (void)close(fds[1]);
    *out = x;
    return true;
}

/* One at a time: starting a process holds up the loop. */
static void on_timer(uv_timer_t *t)
{
    struct spares *s = t->data;
    struct spare *x;
    struct err e = {0};

    if (s->waiting.n >= SPARES)
        return;
    if (!spare_new(s, &x, &e)) {
        log_warn("no loader started in advance", LOG_ERR(&e));
        refill(s, AGAIN_MS);
        return;
    }
    x->all = s;
    BUG_ON(!vec_push(&s->waiting, x));
    refill(s, 0);
}

void spares_prefix(const char *data, char out[SPARES_PREFIX])
{
    uint32_t hash = 2166136261u; /* FNV-1a: only to tell agents of one host apart */

    for (const char *p = data; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    (void)snprintf(out, SPARES_PREFIX, "%08" PRIx32 "-", hash);
}

void spares_init(struct spares *s, uv_loop_t *uv, const char *data, const char *loader,
                 struct sweeper *sweeper)
{
    *s = (struct spares){.uv = uv, .sweeper = sweeper};
    spares_prefix(data, s->prefix);
    (void)str_copy(s->loader, sizeof s->loader, loader);
    BUG_ON(uv_timer_init(uv, &s->timer) != 0);
    s->timer.data = s;
    uv_unref((uv_handle_t *)&s->timer);
    refill(s, 0);
}

void spares_close(struct spares *s)
{
    s->closing = true;
    for (size_t i = 0; i < s->waiting.n; i++) { /* they end when their sockets close */
        s->waiting.v[i]->all = NULL;
        (void)close(s->waiting.v[i]->control);
        s->waiting.v[i]->control = -1;
    }
    vec_fini(&s->waiting);
    uv_close((uv_handle_t *)&s->timer, NULL);
}

bool spare_take(struct spares *s, struct spare **out, struct err *e)
{
    struct spare *x;

    if (s->waiting.n > 0) {
        x = s->waiting.v[0];
        vec_swap_out(&s->waiting, 0);
    } else if (!spare_new(s, &x, e)) {
        return false;
    }
    x->all = NULL;
    refill(s, REFILL_MS);
    *out = x;
    return true;
}
