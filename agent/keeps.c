#include "agent/keeps_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/loader/keep.h"
#include "agent/loader/limits.h"
#include "agent/runtime.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "proto/unpack.h"

#define ENDED_KEPT 64 /* folders of ended keeps, for their logs */
#define CONNECT_TRIES 200
#define QUIET_MS 100        /* a start that takes longer is told of */
#define STOP_AFTER_MS 30000 /* the schema's default */

bool keep_uid_ok(const char *uid)
{
    return strlen(uid) == 36 && strspn(uid, "0123456789abcdef-") == 36;
}

static int64_t stop_after(const struct keep *k)
{
    return k->spec->stop_after_ms != 0 ? k->spec->stop_after_ms : STOP_AFTER_MS;
}

static struct keep *find(const struct keeps *all, const char *uid)
{
    for (size_t i = 0; i < all->all.n; i++)
        if (strcmp(all->all.v[i]->spec->keep_uid, uid) == 0)
            return all->all.v[i];
    return NULL;
}

static void tell(struct keep *k)
{
    k->quiet = false;
    if (k->all->on_report != NULL)
        k->all->on_report(k->all->user, &k->report);
}

/* What each report costs the controller is a commit, and "starting" is news only while it lasts. */
static void tell_unless_starting(struct keep *k)
{
    if (!k->quiet || k->report.state != BAILEY__V1__KEEP_STATUS__STATE__starting ||
        k->reason[0] != '\0')
        tell(k);
}

static void on_quiet_timer(uv_timer_t *t)
{
    struct keep *k = t->data;

    if (k->quiet && !k->ended)
        tell(k);
}

static void say(struct keep *k, Bailey__V1__KeepStatus__State state, const char *reason)
{
    (void)str_copy(k->reason, sizeof k->reason, reason);
    k->report.state = state;
}

static void report_take(struct keep *k, const Bailey__V1__KeepReport *r)
{
    (void)str_copy(k->reason, sizeof k->reason, r->reason);
    (void)str_copy(k->exit_reason, sizeof k->exit_reason, r->exit_reason);
    k->report = *r;
    k->report.keep_uid = k->spec->keep_uid;
    k->report.reason = k->reason;
    k->report.exit_reason = k->exit_reason;
    k->report.epoch = k->spec->epoch;
    k->ended = r->state == BAILEY__V1__KEEP_STATUS__STATE__ended;
}

static bool report_parse(struct keep *k, struct bytes b, struct err *e)
{
    AUTO_ARENA struct arena a;
    ProtobufCMessage *m;

    arena_init(&a, 65536);
    if (!proto_unpack(&bailey__v1__keep_report__descriptor, b, &a, &m, e))
        return false;
    report_take(k, (const Bailey__V1__KeepReport *)m);
    return true;
}

bool keep_report_load(struct keep *k)
{
    AUTO_BUF struct buf b = {.limit = CONTROL_REPORT};

    return file_read(k->dir_fd, KEEP_REPORT, &b, NULL) && report_parse(k, buf_bytes(&b), NULL);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct keep *k = h->data;

    k->handles--;
    if (k->control >= 0 && h == (uv_handle_t *)&k->poll) {
        (void)close(k->control);
        k->control = -1;
    }
    if (!k->closing || k->handles > 0)
        return;
    (void)close(k->dir_fd);
    arena_fini(&k->arena);
    free(k);
}

static void stop_listening(struct keep *k)
{
    if (k->control >= 0 && !uv_is_closing((uv_handle_t *)&k->poll))
        uv_close((uv_handle_t *)&k->poll, on_handle_closed);
}

/* We have nothing to do with the loader any more. One that has no keep yet ends with its socket. */
static void loader_drop(struct keep *k)
{
    struct spare *x = STEAL(k->loader);

    if (x == NULL)
        return;
    x->on_exit = NULL;
    if (x->control >= 0)
        (void)close(x->control);
    x->control = -1;
}

static void keep_free(struct keep *k)
{
    k->closing = true;
    loader_drop(k);
    stop_listening(k);
    uv_close((uv_handle_t *)&k->timer, on_handle_closed);
}

static void folder_remove(struct keeps *all, const struct keep *k)
{
    static const char *const names[] = {KEEP_SPEC, KEEP_REPORT, CONTROL_SOCKET,  KEEP_GROUP,
                                        "log",     "log.1",     KEEP_LOADER_LOG, "Enarx.toml"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlinkat(k->dir_fd, names[i], 0);
    (void)unlinkat(all->dir_fd, k->spec->keep_uid, AT_REMOVEDIR);
}

/* The oldest ended keeps go when there are too many. */
static void prune(struct keeps *all)
{
    size_t ended = 0, oldest = SIZE_MAX;

    for (size_t i = 0; i < all->all.n; i++) {
        if (!all->all.v[i]->ended)
            continue;
        ended++;
        if (oldest == SIZE_MAX ||
            all->all.v[i]->report.ended_at_ms < all->all.v[oldest]->report.ended_at_ms)
            oldest = i;
    }
    if (ended <= ENDED_KEPT)
        return;
    folder_remove(all, all->all.v[oldest]);
    keep_free(all->all.v[oldest]);
    vec_swap_out(&all->all, oldest);
}

/* Ended by our own word, not the loader's. exit: see KeepStatus.exit_reason. */
void keep_end(struct keep *k, const char *exit, const char *reason)
{
    AUTO_BUF struct buf b = {0};
    struct err e;

    say(k, BAILEY__V1__KEEP_STATUS__STATE__ended, reason);
    (void)str_copy(k->exit_reason, sizeof k->exit_reason, exit);
    k->ended = true;
    k->report.pid = 0;
    k->report.health = BAILEY__V1__KEEP_STATUS__HEALTH__unchecked;
    loader_drop(k);
    k->report.ended_at_ms = clock_system.wall_ms(&clock_system);
    proto_pack(&k->report.base, &b);
    if (!file_replace(k->dir_fd, KEEP_REPORT, buf_bytes(&b), 0600, &e))
        log_warn("report not kept", LOG_STR("keep", k->spec->name), LOG_ERR(&e));
    sweeper_add(&k->all->sweeper, k->group[0] != '\0' ? k->group : k->spec->keep_uid);
    tell(k);
}

/* Every loader holds the lock of its folder as long as it lives. Once we have it, no loader can
 * come up there any more, not even one that was just being started: "ended" is then true. */
bool keep_loader_lives(struct keep *k)
{
    return flock(k->dir_fd, LOCK_EX | LOCK_NB) != 0;
}

#define LOST_MS 5      /* between looks at a keep whose loader died */
#define LOST_LOOKS 400 /* then its process id is somebody else's by now */

static void on_lost_timer(uv_timer_t *t)
{
    struct keep *k = t->data;

    keep_lost(k, k->lost_reason);
}

void keep_lost(struct keep *k, const char *reason)
{
    pid_t pid = (pid_t)k->report.pid;
    bool gone = limits_sweep(k->group[0] != '\0' ? k->group : k->spec->keep_uid);

    k->lost = true;
    k->lost_reason = reason;
    /* where there is no cgroup its sandbox is still told to die with the loader */
    if (gone &&
        (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH) || k->lost_looks++ >= LOST_LOOKS))
        keep_end(k, "loader-lost", reason);
    else
        (void)uv_timer_start(&k->timer, on_lost_timer, LOST_MS, 0);
}

/* Nobody answers at the control socket: what the loader wrote last is true if it says ended. */
static void loader_gone(struct keep *k)
{
    bool known = keep_report_load(k);

    stop_listening(k);
    (void)uv_timer_stop(&k->timer);
    if (known && k->ended) {
        /* of an earlier agent's loader we do not see the exit */
        sweeper_add(&k->all->sweeper, k->group[0] != '\0' ? k->group : k->spec->keep_uid);
        tell(k);
    } else if (keep_loader_lives(k)) { /* it only lost us, or is not ready yet */
        (void)uv_timer_start(&k->timer, keep_on_connect_timer, KEEP_CONNECT_MS, KEEP_CONNECT_MS);
    } else {
        keep_lost(k, "loader.lost: the keep's loader died, and the keep with it");
    }
}

static void on_packet(uv_poll_t *p, int status, int events)
{
    struct keep *k = p->data;
    uint8_t packet[CONTROL_REPORT];
    struct err e;
    ssize_t n = recv(k->control, packet, sizeof packet, MSG_DONTWAIT);

    (void)status, (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        if (!k->ended)
            loader_gone(k);
        else
            stop_listening(k);
        return;
    }
    if (!report_parse(k, (struct bytes){packet, (size_t)n}, &e)) {
        log_warn("loader said what cannot be read", LOG_ERR(&e));
        return;
    }
    tell_unless_starting(k);
    if (k->ended)
        stop_listening(k);
}

static void renew(struct keep *k)
{
    struct control c = {.kind = CONTROL_DEADLINE};

    c.value = lease_deadline(k->all->lease, stop_after(k));
    if (k->control >= 0 && !k->ended && c.value > 0)
        (void)!control_send(k->control, &c, NULL); /* its end is seen elsewhere */
}

static void listen_on(struct keep *k, int fd)
{
    k->control = fd;
    k->handles++;
    k->poll.data = k;
    BUG_ON(uv_poll_init(k->all->uv, &k->poll, fd) != 0);
    BUG_ON(uv_poll_start(&k->poll, UV_READABLE | UV_DISCONNECT, on_packet) != 0);
}

bool keep_listen(struct keep *k)
{
    int fd;

    if (k->control >= 0 || !control_connect(k->dir_fd, &fd, NULL))
        return false;
    listen_on(k, fd);
    renew(k);
    if (k->stop_wanted)
        (void)!control_send(fd, &k->stop, NULL);
    return true;
}

void keep_on_connect_timer(uv_timer_t *t)
{
    struct keep *k = t->data;

    if (k->ended || keep_listen(k))
        (void)uv_timer_stop(t);
    else if (k->loader == NULL || ++k->tries >= CONNECT_TRIES)
        loader_gone(k);
}

static void on_loader_exit(void *user)
{
    struct keep *k = user;

    k->loader = NULL;
    if (k->control < 0 && !k->ended && !uv_is_active((uv_handle_t *)&k->timer))
        (void)uv_timer_start(&k->timer, keep_on_connect_timer, 0, KEEP_CONNECT_MS);
}

static bool loader_take(struct keep *k, struct err *e)
{
    if (!spare_take(&k->all->spares, &k->loader, e))
        return false;
    k->loader->on_exit = on_loader_exit;
    k->loader->user = k;
    (void)str_copy(k->group, sizeof k->group, k->loader->group);
    return file_replace(k->dir_fd, KEEP_GROUP, bytes_str(k->group), 0600, e);
}

/* The keep's folder and program, to the loader that waits for them. */
static bool loader_begin(struct keep *k, const char *path, struct err *e)
{
    struct control_begin c = {.deadline_ms = lease_deadline(k->all->lease, stop_after(k))};
    uint8_t packet[CONTROL_BEGIN];
    size_t n;
    int fd;

    if (k->loader == NULL)
        return err_set(e, ERR_UNAVAIL, "loader.died", "the loader died before the keep began");
    (void)snprintf(c.dir, sizeof c.dir, "%s/%s", k->all->dir, k->spec->keep_uid);
    if (!str_copy(c.artifact, sizeof c.artifact, path))
        return err_set(e, ERR_LIMIT, "loader.path", "the artifact's path is too long");
    n = control_begin_pack(&c, packet);
    fd = k->loader->control;
    k->loader->control = -1;
    listen_on(k, fd);
    if (send(fd, packet, n, MSG_NOSIGNAL) == (ssize_t)n)
        return true;
    return err_errno(e, errno, "loader.begin", "the loader's socket");
}

void keep_artifact(struct keeps *all, const char *uid, const char *path, const struct err *why)
{
    struct keep *k = find(all, uid);
    struct err e = {0};
    char text[256];

    if (k == NULL || k->ended)
        return;
    if (why == NULL && loader_begin(k, path, &e)) {
        say(k, BAILEY__V1__KEEP_STATUS__STATE__starting, "");
        return;
    }
    stop_listening(k);
    if (why == NULL)
        why = &e;
    (void)snprintf(text, sizeof text, "%s: %.180s", why->reason, why->msg);
    keep_end(k, "not-started", text);
}

static bool folder_make(struct keep *k, const Bailey__V1__StartKeep *s, struct err *e)
{
    AUTO_BUF struct buf b = {0};

    proto_pack(&s->base, &b);
    return buf_ok(&b, e) && file_dir(k->all->dir_fd, s->keep_uid, &k->dir_fd, e) &&
           file_replace(k->dir_fd, KEEP_SPEC, buf_bytes(&b), 0600, e);
}

struct keep *keep_new(struct keeps *all, const Bailey__V1__StartKeep *s)
{
    struct keep *k = calloc(1, sizeof *k);

    BUG_ON(k == NULL);
    arena_init(&k->arena, 4u << 20);
    k->all = all;
    k->control = k->dir_fd = -1;
    k->spec = (const Bailey__V1__StartKeep *)proto_copy(&s->base, &k->arena);
    BUG_ON(k->spec == NULL || !vec_push(&all->all, k));
    bailey__v1__keep_report__init(&k->report);
    k->report.keep_uid = k->spec->keep_uid;
    k->report.epoch = k->spec->epoch;
    k->report.reason = k->reason;
    k->report.exit_reason = k->exit_reason;
    k->handles = 1;
    k->timer.data = k;
    BUG_ON(uv_timer_init(all->uv, &k->timer) != 0);
    return k;
}

/* A command that is not followed is answered all the same. */
static void refuse(struct keeps *all, const char *uid, uint64_t epoch, const struct err *e)
{
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;
    char text[256];

    log_warn("command refused", LOG_STR("keep", uid), LOG_ERR(e));
    (void)snprintf(text, sizeof text, "%s: %.180s", e->reason, e->msg);
    r.keep_uid = (char *)(uintptr_t)uid;
    r.epoch = epoch;
    r.state = BAILEY__V1__KEEP_STATUS__STATE__ended;
    r.reason = text;
    r.ended_at_ms = clock_system.wall_ms(&clock_system);
    all->on_report(all->user, &r);
}

static bool start_check(struct keeps *all, const Bailey__V1__StartKeep *s, struct err *e)
{
    const char *at = strchr(s->artifact_oci, '@');

    if (!keep_uid_ok(s->keep_uid))
        return err_set(e, ERR_INPUT, "keep.uid", "not a uid");
    if (s->runtime != NULL && runtime_find(s->runtime->kind) == NULL)
        return err_set(e, ERR_INPUT, "runtime.unknown", "runtime %.40s", s->runtime->kind);
    if (s->artifact_oci[0] != '\0' && (at == NULL || strcmp(at + 1, s->artifact_digest) != 0))
        return err_set(e, ERR_INPUT, "artifact.digest", "the image is another than was decided");
    return revoked_admits(all->revoked, s, e) && epochs_admit(all->epochs, s, e);
}

void keeps_start(struct keeps *all, const Bailey__V1__StartKeep *s)
{
    struct keep *k = find(all, s->keep_uid);
    struct err e = {0};

    if (k != NULL && k->spec->epoch == s->epoch) {
        tell(k);
        return;
    }
    if (k != NULL)
        (void)err_set(&e, ERR_CONFLICT, "keep.exists", "this keep is here with epoch %" PRIu64,
                      k->spec->epoch);
    if (k != NULL || !start_check(all, s, &e)) {
        refuse(all, s->keep_uid, s->epoch, &e);
        return;
    }
    k = keep_new(all, s);
    /* the loader gets ready while the artifact comes */
    if (!folder_make(k, s, &e) || !loader_take(k, &e)) {
        log_error("keep not begun", LOG_ERR(&e));
        keep_end(k, "not-started", e.msg);
        return;
    }
    say(k, BAILEY__V1__KEEP_STATUS__STATE__starting, "fetching the artifact");
    k->quiet = true;
    (void)uv_timer_start(&k->timer, on_quiet_timer, QUIET_MS, 0);
    keep_fetch(k);
    prune(all);
}

void keeps_stop(struct keeps *all, const Bailey__V1__StopKeep *s)
{
    struct keep *k = keep_uid_ok(s->keep_uid) ? find(all, s->keep_uid) : NULL;
    struct control c = {.kind = CONTROL_STOP, .value = s->grace_ms};
    struct err e = {0};

    if (!epochs_controller(all->epochs, s->controller_epoch, &e)) {
        log_warn("stop refused", LOG_STR("keep", s->keep_uid), LOG_ERR(&e));
        return;
    }
    if (k == NULL) {
        (void)err_set(&e, ERR_MISSING, "keep.unknown", "no such keep here");
        refuse(all, s->keep_uid, s->epoch, &e);
        return;
    }
    if (s->epoch < k->spec->epoch) {
        log_warn("stop of an older epoch ignored", LOG_STR("keep", k->spec->name));
        return;
    }
    if (k->ended) {
        tell(k);
        return;
    }
    (void)str_copy(c.text, sizeof c.text, s->reason[0] == '\0' ? "stopped" : s->reason);
    if (k->control >= 0) {
        if (!control_send(k->control, &c, &e))
            log_warn("stop not delivered", LOG_STR("keep", k->spec->name), LOG_ERR(&e));
    } else if (k->lost || (k->loader == NULL && uv_is_active((uv_handle_t *)&k->timer))) {
        k->stop_wanted = true; /* adopted; its loader does not answer yet */
        k->stop = c;
    } else {
        keep_end(k, "stopped", c.text); /* nothing was started yet */
    }
}

#define REVOKED_GRACE_MS 1000 /* "at once", and still a moment to close what is open */

void keeps_revoke(struct keeps *all)
{
    for (size_t i = 0; i < all->all.n; i++) {
        struct keep *k = all->all.v[i];
        Bailey__V1__StopKeep s = BAILEY__V1__STOP_KEEP__INIT;
        const char *by =
            k->ended ? NULL : revoked_stops(all->revoked, k->spec->namespace_, k->spec->workload);
        char reason[128];

        if (by == NULL)
            continue;
        (void)snprintf(reason, sizeof reason, "stopped: revoked by %.63s", by);
        s.keep_uid = k->spec->keep_uid;
        s.epoch = k->spec->epoch;
        s.controller_epoch = all->epochs->controller;
        s.grace_ms = REVOKED_GRACE_MS;
        s.reason = reason;
        keeps_stop(all, &s);
    }
}

void keeps_renew(struct keeps *all)
{
    for (size_t i = 0; i < all->all.n; i++)
        renew(all->all.v[i]);
}

void keeps_close(struct keeps *all)
{
    for (size_t i = 0; i < all->all.n; i++) {
        keep_free(all->all.v[i]);
    }
    spares_close(&all->spares);
    sweeper_close(&all->sweeper);
    vec_fini(&all->all);
}

size_t keeps_count(const struct keeps *all)
{
    return all->all.n;
}

const Bailey__V1__KeepReport *keeps_report(const struct keeps *all, size_t i)
{
    return &all->all.v[i]->report;
}

int keeps_folder(const struct keeps *all, const char *uid, bool *ended)
{
    const struct keep *k = find(all, uid);

    if (k == NULL)
        return -1;
    *ended = k->ended;
    return k->dir_fd;
}
