/* The content store: DIR/blobs/sha256/<hex>, written under a temporary name, hashed on the way. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "controller/api.h"
#include "controller/authorize.h"
#include "controller/reply.h"

#define BLOB_PATH 700
#define BLOB_MAX (4ull << 30)
#define CHUNK 262144
#define HIGH_WATER (1u << 20)

/* The 64 hex digits of "sha256:...", or NULL. */
static const char *digest_hex(const char *digest)
{
    const char *hex = digest + strlen("sha256:");

    if (strncmp(digest, "sha256:", 7) != 0 || strlen(hex) != 64 ||
        strspn(hex, "0123456789abcdef") != 64)
        return NULL;
    return hex;
}

static const char *blob_path(const struct state *st, const char *hex, const char *end,
                             char out[BLOB_PATH])
{
    snprintf(out, BLOB_PATH, "%s/blobs/sha256/%s%s", st->data_dir, hex, end);
    return out;
}

static bool file_size(const char *path, uint64_t *size)
{
    struct stat s;

    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return false;
    *size = (uint64_t)s.st_size;
    return true;
}

bool artifact_stat(const struct state *st, const char *digest, uint64_t *size)
{
    const char *hex = digest_hex(digest);
    char path[BLOB_PATH];

    return hex != NULL && file_size(blob_path(st, hex, "", path), size);
}

static bool bad_digest(const char *digest, struct err *e)
{
    return err_set(e, ERR_INPUT, "artifact.digest", "not a digest"), err_field(e, "digest"),
           err_found(e, "%.100s", digest), err_expected(e, "sha256: and 64 hex digits");
}

void api_stat_artifact(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__StatArtifactRequest *r = (const Bailey__V1__StatArtifactRequest *)base;
    Bailey__V1__StatArtifactResponse out = BAILEY__V1__STAT_ARTIFACT_RESPONSE__INIT;
    const struct state *st = user;
    const char *hex = digest_hex(r->digest);
    char path[BLOB_PATH];
    struct err e = {0};

    if (hex == NULL) {
        bad_digest(r->digest, &e);
        rpc_fail(call, &e);
        return;
    }
    out.present = artifact_stat(st, r->digest, &out.size);
    if (!out.present)
        (void)file_size(blob_path(st, hex, ".part", path), &out.partial);
    rpc_reply(call, &out.base);
}

struct upload {
    int fd;
    EVP_MD_CTX *hash;
    char hex[65];
    uint64_t size, have;
    bool begun, over;
};

static void upload_free(struct upload *u)
{
    if (u->fd >= 0)
        close(u->fd);
    EVP_MD_CTX_free(u->hash);
    free(u);
}

/* Hashes what an interrupted upload left, up to `offset`; the rest is cut off. */
static bool rehash(struct upload *u, uint64_t offset, struct err *e)
{
    uint8_t chunk[65536];

    while (u->have < offset) {
        size_t want = offset - u->have < sizeof chunk ? (size_t)(offset - u->have) : sizeof chunk;
        ssize_t n = read(u->fd, chunk, want);

        if (n <= 0)
            return err_set(e, ERR_CONFLICT, "artifact.offset", "the store has fewer bytes"),
                   err_field(e, "offset"), err_found(e, "%llu", (unsigned long long)offset),
                   err_expected(e, "at most %llu", (unsigned long long)u->have);
        EVP_DigestUpdate(u->hash, chunk, (size_t)n);
        u->have += (uint64_t)n;
    }
    if (ftruncate(u->fd, (off_t)offset) != 0)
        return err_errno(e, errno, "artifact.write", "content store");
    return true;
}

static bool upload_begin(const struct state *st, struct upload *u,
                         const Bailey__V1__PutArtifactRequest *r, struct err *e)
{
    const char *hex = digest_hex(r->digest);
    char path[BLOB_PATH];

    if (hex == NULL)
        return bad_digest(r->digest, e);
    if (r->size > BLOB_MAX)
        return err_set(e, ERR_LIMIT, "artifact.too-large", "the artifact is too large"),
               err_field(e, "size"), err_expected(e, "at most %llu bytes", BLOB_MAX);
    str_copy(u->hex, sizeof u->hex, hex);
    u->size = r->size;
    u->hash = EVP_MD_CTX_new();
    if (u->hash == NULL || EVP_DigestInit_ex(u->hash, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_NOMEM, "artifact.memory", "no memory");
    u->fd = open(blob_path(st, hex, ".part", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return err_errno(e, errno, "artifact.write", "content store");
    if (lockf(u->fd, F_TLOCK, 0) != 0)
        return err_set(e, ERR_UNAVAIL, "artifact.busy", "another upload of it is under way");
    u->begun = true;
    return rehash(u, r->offset, e);
}

static bool upload_write(struct upload *u, struct bytes b, struct err *e)
{
    if (b.n > CHUNK)
        return err_set(e, ERR_LIMIT, "artifact.chunk", "%zu bytes in one message", b.n),
               err_field(e, "data"), err_expected(e, "at most %d", CHUNK);
    if (b.n > u->size - u->have)
        return err_set(e, ERR_INPUT, "artifact.size", "more bytes than announced"),
               err_field(e, "data"), err_expected(e, "%llu", (unsigned long long)u->size);
    EVP_DigestUpdate(u->hash, b.p, b.n);
    u->have += b.n;
    while (b.n > 0) {
        ssize_t n = write(u->fd, b.p, b.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(e, errno, "artifact.write", "content store");
        b = (struct bytes){b.p + n, b.n - (size_t)n};
    }
    return true;
}

static bool upload_end(const struct state *st, struct upload *u, struct err *e)
{
    char part[BLOB_PATH], path[BLOB_PATH], hex[65];
    uint8_t hash[32];
    int dir;

    if (!u->begun || u->have != u->size)
        return err_set(e, ERR_INPUT, "artifact.size", "fewer bytes than announced"),
               err_found(e, "%llu", (unsigned long long)u->have),
               err_expected(e, "%llu", (unsigned long long)u->size);
    EVP_DigestFinal_ex(u->hash, hash, NULL);
    hex_format(BYTES_OF(hash), hex);
    blob_path(st, u->hex, ".part", part);
    if (strcmp(hex, u->hex) != 0) {
        unlink(part);
        return err_set(e, ERR_INPUT, "artifact.digest-mismatch", "the bytes have another digest"),
               err_field(e, "digest"), err_found(e, "sha256:%s", hex),
               err_expected(e, "sha256:%s", u->hex);
    }
    if (fsync(u->fd) != 0 || rename(part, blob_path(st, u->hex, "", path)) != 0)
        return err_errno(e, errno, "artifact.write", "content store");
    snprintf(path, sizeof path, "%s/blobs/sha256", st->data_dir);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fsync(dir) != 0)
        err_errno(e, errno, "artifact.write", "content store");
    if (dir >= 0)
        close(dir);
    return e->code == ERR_NONE;
}

static void put_open(struct rpc_call *call, void *user)
{
    struct upload *u = calloc(1, sizeof *u);

    (void)user;
    BUG_ON(u == NULL);
    u->fd = -1;
    rpc_call_set_user(call, u);
}

static void put_message(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__PutArtifactRequest *r = (const Bailey__V1__PutArtifactRequest *)base;
    struct upload *u = rpc_call_user(call);
    struct err e = {0};

    if (u->over)
        return;
    if ((!u->begun && !upload_begin(user, u, r, &e)) ||
        !upload_write(u, (struct bytes){r->data.data, r->data.len}, &e)) {
        u->over = true;
        rpc_finish(call, &e);
    }
}

static void put_half_close(struct rpc_call *call, void *user)
{
    Bailey__V1__PutArtifactResponse out = BAILEY__V1__PUT_ARTIFACT_RESPONSE__INIT;
    struct upload *u = rpc_call_user(call);
    char digest[80];
    struct err e = {0};

    if (u->over)
        return;
    u->over = true;
    if (!upload_end(user, u, &e)) {
        rpc_finish(call, &e);
        return;
    }
    snprintf(digest, sizeof digest, "sha256:%s", u->hex);
    out.digest = digest;
    out.size = u->size;
    (void)rpc_send(call, &out.base);
    rpc_finish(call, NULL);
}

static void put_closed(struct rpc_call *call, bool cancelled, void *user)
{
    (void)cancelled;
    (void)user;
    upload_free(rpc_call_user(call));
}

const struct rpc_stream api_put_artifact = {.on_open = put_open,
                                            .on_message = put_message,
                                            .on_half_close = put_half_close,
                                            .on_closed = put_closed};

struct fetch {
    int fd;
    bool over;
};

/* Sends as much as the transport takes; the rest when it is writable again. */
static void fetch_pump(struct rpc_call *call, struct fetch *f)
{
    uint8_t chunk[CHUNK];

    while (!f->over && rpc_pending(call) < HIGH_WATER) {
        Bailey__V1__FetchArtifactResponse m = BAILEY__V1__FETCH_ARTIFACT_RESPONSE__INIT;
        ssize_t n = read(f->fd, chunk, sizeof chunk);
        struct err e = {0};

        if (n <= 0) {
            f->over = true;
            if (n < 0)
                err_errno(&e, errno, "artifact.read", "content store");
            rpc_finish(call, n < 0 ? &e : NULL);
            return;
        }
        m.data.data = chunk;
        m.data.len = (size_t)n;
        if (!rpc_send(call, &m.base))
            f->over = true;
    }
}

/* A node may fetch what a keep bound to it needs, nothing else. */
static bool fetch_allowed(const struct node *n, const char *digest)
{
    for (size_t i = 0; n != NULL && i < n->keeps.n; i++) {
        const struct keep *k = n->keeps.v[i];
        const Bailey__V1__Runtime *r = k->workload->msg->spec->runtime;

        if (keep_live(k) &&
            (strcmp(k->msg->spec->artifact_digest, digest) == 0 ||
             (r != NULL && r->initrd != NULL && strcmp(r->initrd->digest, digest) == 0)))
            return true;
    }
    return false;
}

static void fetch_message(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__FetchArtifactRequest *r = (const Bailey__V1__FetchArtifactRequest *)base;
    const struct state *st = user;
    struct fetch *f = rpc_call_user(call);
    const char *hex = digest_hex(r->digest);
    char path[BLOB_PATH];
    struct err e = {0};

    if (f->over || f->fd >= 0)
        return;
    if (hex == NULL)
        bad_digest(r->digest, &e);
    else if (!fetch_allowed(peer_node(st, rpc_call_peer(call)), r->digest))
        err_set(&e, ERR_DENIED, "artifact.not-bound", "no keep bound to this node needs it");
    else if ((f->fd = open(blob_path(st, hex, "", path), O_RDONLY | O_CLOEXEC)) < 0)
        err_errno(&e, errno, "artifact.read", "content store");
    else if (r->offset > INT64_MAX || lseek(f->fd, (off_t)r->offset, SEEK_SET) < 0)
        err_set(&e, ERR_INPUT, "artifact.offset", "no such offset"), err_field(&e, "offset");
    if (e.code != ERR_NONE) {
        f->over = true;
        rpc_finish(call, &e);
        return;
    }
    fetch_pump(call, f);
}

static void fetch_open(struct rpc_call *call, void *user)
{
    struct fetch *f = calloc(1, sizeof *f);

    (void)user;
    BUG_ON(f == NULL);
    f->fd = -1;
    rpc_call_set_user(call, f);
}

static void fetch_writable(struct rpc_call *call, void *user)
{
    struct fetch *f = rpc_call_user(call);

    (void)user;
    if (f->fd >= 0)
        fetch_pump(call, f);
}

static void fetch_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct fetch *f = rpc_call_user(call);

    (void)cancelled;
    (void)user;
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

const struct rpc_stream api_fetch_artifact = {.on_open = fetch_open,
                                              .on_message = fetch_message,
                                              .on_writable = fetch_writable,
                                              .on_closed = fetch_closed};
