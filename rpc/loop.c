#include "rpc/loop.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/op.h"
#include "rpc/tls_int.h"

/* The core reads this once, at its start; TLS 1.3's own suites are all fit and not listed. */
#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                                 \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"

/* gRPC does not join its executor's last thread, so exit() may clean OpenSSL up while that thread's
 * own end frees the same per-thread state: a double free, seen under AddressSanitizer. The process
 * is ending and the kernel takes the memory back, so OpenSSL is told not to clean up. That counts
 * only before its first use, in whichever room that is: hence a constructor. */
__attribute__((constructor)) static void openssl_no_cleanup_at_exit(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

static void core_log(gpr_log_func_args *args)
{
    enum log_level level = args->severity == GPR_LOG_SEVERITY_ERROR ? LOG_WARN : LOG_DEBUG;

    log_line(level, "grpc core", LOG_STR("text", args->message), LOG_STR("file", args->file),
             LOG_INT("line", args->line), LOG_END);
}

/* The poller: touches the tag's ok and next, nothing else. */
static void poll_queue(void *arg)
{
    struct rpc_loop *l = arg;

    for (;;) {
        grpc_event ev =
            grpc_completion_queue_next(l->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        struct rpc_op *op = ev.tag, *head;

        if (ev.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (ev.type != GRPC_OP_COMPLETE)
            continue;
        OP_END(op);
        op->ok = ev.success != 0;
        head = atomic_load_explicit(&l->arrived, memory_order_relaxed);
        do
            op->next = head;
        while (!atomic_compare_exchange_weak_explicit(&l->arrived, &head, op, memory_order_release,
                                                      memory_order_relaxed));
        if (head == NULL) /* otherwise the loop was woken already and has not come yet */
            (void)uv_async_send(&l->wake);
    }
    atomic_store(&l->drained, true);
    (void)uv_async_send(&l->wake);
}

static void wake_closed(uv_handle_t *h)
{
    struct rpc_loop *l = container_of((uv_async_t *)h, struct rpc_loop, wake);

    grpc_completion_queue_destroy(l->queue);
    l->queue = NULL;
    grpc_shutdown_blocking();
    rpc_tls_files_free(l->tls_files); /* no handshake can ask for them any more */
    l->tls_files = NULL;
    if (l->on_closed != NULL)
        l->on_closed(l, l->user);
}

static void turn_closed(uv_handle_t *h)
{
    struct rpc_loop *l = container_of((uv_timer_t *)h, struct rpc_loop, turn);

    uv_close((uv_handle_t *)&l->wake, wake_closed);
}

static void close_if_idle(struct rpc_loop *l)
{
    if (l->closing && l->users == 0 && !l->queue_shut) {
        l->queue_shut = true;
        grpc_completion_queue_shutdown(l->queue);
    }
}

static void wake(uv_async_t *h)
{
    struct rpc_loop *l = container_of(h, struct rpc_loop, wake);
    struct rpc_op *op = atomic_exchange_explicit(&l->arrived, NULL, memory_order_acquire);
    struct rpc_op *first = NULL;

    while (op != NULL) { /* oldest first */
        struct rpc_op *next = op->next;

        op->next = first;
        first = op;
        op = next;
    }
    rpc_loop_hold(l); /* not closed under our feet */
    while (first != NULL) {
        struct rpc_op *next = first->next;

        first->done(first, first->ok);
        first = next;
    }
    rpc_loop_drop(l);
    if (l->queue_shut && atomic_load(&l->drained) && !uv_is_closing((uv_handle_t *)&l->turn)) {
        (void)uv_thread_join(&l->poller);
        uv_close((uv_handle_t *)&l->turn, turn_closed);
    }
}

void rpc_loop_hold(struct rpc_loop *l)
{
    l->users++;
}

void rpc_loop_drop(struct rpc_loop *l)
{
    BUG_ON(l->users == 0);
    l->users--;
    close_if_idle(l);
}

bool rpc_loop_init(struct rpc_loop *l, uv_loop_t *uv, struct err *e)
{
    int r;

    memset(l, 0, sizeof *l);
    atomic_init(&l->arrived, NULL);
    atomic_init(&l->drained, false);
    l->uv = uv;
    r = uv_async_init(uv, &l->wake, wake);
    if (r != 0)
        return err_set(e, ERR_IO, "rpc.loop", "cannot watch for calls: %s", uv_strerror(r));
    (void)uv_timer_init(uv, &l->turn);
    (void)setenv("GRPC_SSL_CIPHER_SUITES", CIPHERS, 1); /* NOLINT(concurrency-mt-unsafe) */
    gpr_set_log_function(core_log);
    grpc_init();
    l->queue = grpc_completion_queue_create_for_next(NULL);
    r = uv_thread_create(&l->poller, poll_queue, l);
    if (r == 0)
        return true;
    grpc_completion_queue_shutdown(l->queue);
    (void)grpc_completion_queue_next(l->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    uv_close((uv_handle_t *)&l->turn, turn_closed);
    return err_set(e, ERR_IO, "rpc.loop", "cannot start a thread: %s", uv_strerror(r));
}

void rpc_loop_close(struct rpc_loop *l, void (*on_closed)(struct rpc_loop *, void *user),
                    void *user)
{
    BUG_ON(l->closing);
    l->on_closed = on_closed;
    l->user = user;
    l->closing = true;
    close_if_idle(l);
}
