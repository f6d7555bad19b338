#include "agent/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/file.h"
#include "bailey/v1/session.pb-c.h"
#include "base/log.h"
#include "base/str.h"

#define TRIES 60
#define PAUSE_MS 500 /* before trying again; doubles up to: */
#define PAUSE_MAX_MS 15000
#define BYTES_MAX (4ull << 30)

struct waiter {
    artifact_done done;
    void *user;
};

struct artifact_fetch {
    struct artifacts *all;
    char digest[80], name[80], part[88];
    int fd; /* of the part file */
    EVP_MD_CTX *hash;
    uint64_t have, room; /* room: bytes that surely fit */
    struct err err;      /* of ours, while a stream is open */
    unsigned tries;
    uv_timer_t timer;
    uv_work_t work; /* hashes what is there already */
    int there_fd;   /* that file, for the worker */
    char there_hex[65];
    bool there_read;
    VEC(struct waiter) waiters;
};

bool artifacts_init(struct artifacts *a, uv_loop_t *uv, int data_fd, const char *data,
                    struct err *e)
{
    *a = (struct artifacts){.uv = uv};
    (void)snprintf(a->dir, sizeof a->dir, "%s/blobs", data);
    if (!file_dir(data_fd, "blobs", &a->dir_fd, e))
        return false;
    a->store.dir_fd = a->dir_fd;
    return true;
}

static bool digest_ok(const char *d)
{
    return strncmp(d, "sha256:", 7) == 0 && strlen(d) == 71 &&
           strspn(d + 7, "0123456789abcdef") == 64;
}

static void on_timer_closed(uv_handle_t *h)
{
    struct artifact_fetch *f = h->data;

    vec_fini(&f->waiters);
    free(f);
}

static void finish(struct artifact_fetch *f, const struct err *why)
{
    struct artifacts *a = f->all;
    char path[640];

    (void)snprintf(path, sizeof path, "%s/%s", a->dir, f->name);
    for (size_t i = 0; i < a->fetches.n; i++)
        if (a->fetches.v[i] == f) {
            vec_swap_out(&a->fetches, i);
            break;
        }
    if (f->fd >= 0 && why != NULL)
        (void)unlinkat(a->dir_fd, f->part, 0);
    if (f->fd >= 0)
        (void)close(f->fd);
    EVP_MD_CTX_free(f->hash);
    for (size_t i = 0; i < f->waiters.n; i++)
        f->waiters.v[i].done(f->waiters.v[i].user, path, why);
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

/* What an earlier transfer left, hashed again: bytes on disk are believed no more than others. */
static bool part_open(struct artifact_fetch *f, struct err *e)
{
    static uint8_t chunk[65536];
    ssize_t n;

    f->fd = openat(f->all->dir_fd, f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    f->hash = EVP_MD_CTX_new();
    if (f->fd < 0)
        return err_errno(e, errno, "artifact.file", "%s", f->part);
    if (f->hash == NULL || EVP_DigestInit_ex(f->hash, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_NOMEM, "memory", "no memory for a hash");
    while ((n = read(f->fd, chunk, sizeof chunk)) > 0) {
        (void)EVP_DigestUpdate(f->hash, chunk, (size_t)n);
        f->have += (uint64_t)n;
    }
    return n == 0 || err_errno(e, errno, "artifact.file", "%s", f->part);
}

static bool complete(struct artifact_fetch *f, struct err *e)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned n = 0;
    struct stat st;

    (void)EVP_DigestFinal_ex(f->hash, hash, &n);
    hex_format((struct bytes){hash, n}, hex);
    if (strcmp(hex, f->digest + 7) != 0) {
        (void)unlinkat(f->all->dir_fd, f->part, 0);
        return err_set(e, ERR_INPUT, "artifact.digest-mismatch",
                       "artifact has digest sha256:%s, want %s", hex, f->digest);
    }
    if (fchmod(f->fd, 0555) != 0 || fsync(f->fd) != 0 ||
        renameat(f->all->dir_fd, f->part, f->all->dir_fd, f->name) != 0 ||
        fsync(f->all->dir_fd) != 0 || fstat(f->fd, &st) != 0)
        return err_errno(e, errno, "artifact.store", "%s", f->name);
    artifact_store_add(&f->all->store, f->name, &st);
    return true;
}

#define ROOM                                                                                       \
    (16u << 20) /* asked for at once: looking at all files for each message would be slow */

static bool room_make(struct artifact_fetch *f, size_t n, struct err *e)
{
    uint64_t more = n > ROOM ? n : ROOM;

    if (artifact_store_room(&f->all->store, more, NULL))
        f->room = more;
    else if (artifact_store_room(&f->all->store, n, e))
        f->room = n;
    return f->room >= n;
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__FetchArtifactResponse *r = (const Bailey__V1__FetchArtifactResponse *)m;
    struct artifact_fetch *f = user;
    size_t n = r->data.len;
    ssize_t wrote;

    if (f->have + n > BYTES_MAX)
        (void)err_set(&f->err, ERR_LIMIT, "artifact.size", "artifact is larger than 4 GiB");
    else if (f->room < n && !room_make(f, n, &f->err))
        ;
    else if ((wrote = pwrite(f->fd, r->data.data, n, (off_t)f->have)) != (ssize_t)n)
        (void)err_errno(&f->err, wrote < 0 ? errno : ENOSPC, "artifact.file", "%s", f->part);
    if (f->err.code != ERR_NONE) {
        rpc_cancel(c);
        return;
    }
    (void)EVP_DigestUpdate(f->hash, r->data.data, n);
    f->have += n;
    f->room -= n;
}

static void open_stream(struct artifact_fetch *f);

static void on_timer(uv_timer_t *t)
{
    open_stream(t->data);
}

/* Broken off: again from where it stopped, unless trying again cannot help. */
static void again(struct artifact_fetch *f, const struct err *why)
{
    uint64_t pause = PAUSE_MS;
    bool hopeless = why->code == ERR_INPUT || why->code == ERR_MISSING || why->code == ERR_LIMIT ||
                    why->code == ERR_IO;

    f->tries++;
    if (hopeless || f->tries >= TRIES) {
        finish(f, why);
        return;
    }
    for (unsigned i = 1; i < f->tries && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    log_info("artifact transfer broke off", LOG_STR("digest", f->digest), LOG_INT("have", f->have),
             LOG_ERR(why));
    (void)uv_timer_start(&f->timer, on_timer, pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause, 0);
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct artifact_fetch *f = user;
    struct err e = {0};

    (void)cancelled;
    if (rpc_call_status(c, &e) && f->err.code == ERR_NONE) {
        finish(f, complete(f, &e) ? NULL : &e);
        return;
    }
    if (f->err.code != ERR_NONE)
        e = f->err;
    again(f, &e);
}

static void open_stream(struct artifact_fetch *f)
{
    static const struct rpc_stream callbacks = {.on_message = on_message, .on_closed = on_closed};
    Bailey__V1__FetchArtifactRequest r = BAILEY__V1__FETCH_ARTIFACT_REQUEST__INIT;
    struct rpc_call_options o = {.deadline_ms = 10 * 60 * 1000};
    struct rpc_call *c;
    struct err e;

    f->err = (struct err){0};
    c = rpc_stream_open(f->all->client, &bailey__v1__node_session__descriptor, "FetchArtifact", &o,
                        &callbacks, f);
    if (c == NULL) {
        (void)err_set(&e, ERR_NOMEM, "memory", "no memory for a call");
        again(f, &e);
        return;
    }
    r.digest = f->digest;
    r.offset = f->have;
    (void)rpc_send(c, &r.base);
    rpc_half_close(c);
}

/* There already: tell so from the loop, not from within artifact_get(). */
static void on_present(uv_timer_t *t)
{
    finish(t->data, NULL);
}

static void on_hash(uv_work_t *w)
{
    struct artifact_fetch *f = w->data;

    f->there_read = artifact_hash(f->there_fd, f->there_hex);
}

static void on_hashed(uv_work_t *w, int status)
{
    struct artifact_fetch *f = w->data;
    struct err e = {0};
    struct stat st;
    bool same = status == 0 && f->there_read && strcmp(f->there_hex, f->digest + 7) == 0 &&
                fstat(f->there_fd, &st) == 0;

    (void)close(f->there_fd);
    if (same) {
        artifact_store_add(&f->all->store, f->name, &st);
        finish(f, NULL);
        return;
    }
    log_warn("an artifact on disk is not what it was; it is fetched again",
             LOG_STR("digest", f->digest));
    (void)unlinkat(f->all->dir_fd, f->name, 0);
    if (part_open(f, &e))
        open_stream(f);
    else
        finish(f, &e);
}

/* Believed when it was hashed since the agent began, and did not change; else hashed now. */
static bool begin_present(struct artifact_fetch *f)
{
    struct stat st;

    if (fstat(f->there_fd, &st) == 0 && artifact_store_fresh(&f->all->store, f->name, &st)) {
        (void)close(f->there_fd);
        return uv_timer_start(&f->timer, on_present, 0, 0) == 0;
    }
    f->work.data = f;
    return uv_queue_work(f->all->uv, &f->work, on_hash, on_hashed) == 0;
}

static bool begin(struct artifacts *a, struct artifact_fetch *f, const char *digest, struct err *e)
{
    f->all = a;
    f->fd = -1;
    (void)str_copy(f->digest, sizeof f->digest, digest);
    (void)snprintf(f->name, sizeof f->name, "sha256-%s", digest + 7);
    (void)snprintf(f->part, sizeof f->part, ARTIFACT_PART "%s", digest + 7);
    f->there_fd = openat(a->dir_fd, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (f->there_fd < 0 && !part_open(f, e)) {
        if (f->fd >= 0)
            (void)close(f->fd);
        EVP_MD_CTX_free(f->hash);
        return false;
    }
    (void)uv_timer_init(a->uv, &f->timer);
    f->timer.data = f;
    return f->there_fd >= 0 ? begin_present(f) : uv_timer_start(&f->timer, on_timer, 0, 0) == 0;
}

bool artifact_fetching(const struct artifacts *a, const char *name)
{
    for (size_t i = 0; i < a->fetches.n; i++)
        if (strcmp(a->fetches.v[i]->name, name) == 0 || strcmp(a->fetches.v[i]->part, name) == 0)
            return true;
    return false;
}

bool artifact_get(struct artifacts *a, const char *digest, artifact_done done, void *user,
                  struct err *e)
{
    struct waiter w = {done, user};
    struct artifact_fetch *f;

    if (!digest_ok(digest))
        return err_set(e, ERR_INPUT, "artifact.digest", "digest is not sha256:<64 hex digits>");
    for (size_t i = 0; i < a->fetches.n; i++)
        if (strcmp(a->fetches.v[i]->digest, digest) == 0)
            return vec_push(&a->fetches.v[i]->waiters, w) ||
                   err_set(e, ERR_NOMEM, "memory", "no memory for a transfer");
    f = calloc(1, sizeof *f);
    if (f == NULL || !vec_push(&f->waiters, w) || !vec_reserve(&a->fetches, 1)) {
        free(f);
        return err_set(e, ERR_NOMEM, "memory", "no memory for a transfer");
    }
    if (!begin(a, f, digest, e)) {
        vec_fini(&f->waiters);
        free(f);
        return false;
    }
    (void)vec_push(&a->fetches, f);
    return true;
}
