#include "agent/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/image_layout.h"
#include "agent/loader/oci.h"
#include "agent/loader/oci_config.h"
#include "base/log.h"
#include "base/str.h"

#define PART ".part-"
#define LIMIT_MS (15ull * 60 * 1000) /* for one step */
#define ARGS 20

enum step { STEP_BEGIN, STEP_MANIFEST, STEP_COPY, STEP_UNPACK, STEP_TIDY };

struct waiter {
    image_done done;
    void *user;
};

struct image_fetch {
    struct images *all;
    char oci[512];           /* NAME@DIGEST */
    const char *digest;      /* in it */
    char name[80], part[88]; /* folders below all->dir */
    int part_fd;             /* -1: not begun */
    enum step step;
    uv_process_t process;
    uv_timer_t timer;
    unsigned handles;
    bool running, closing;
    struct err err;
    VEC(struct waiter) waiters;
};

static bool tool_run(struct images *m, uv_process_t *p, char **args, int out, int err,
                     uv_exit_cb on_end, struct err *e)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = out < 0 ? UV_IGNORE : UV_INHERIT_FD, .data.fd = out},
        {.flags = err < 0 ? UV_IGNORE : UV_INHERIT_FD, .data.fd = err}};
    uv_process_options_t o = {
        .file = args[0], .args = args, .stdio = stdio, .stdio_count = 3, .exit_cb = on_end};
    int rc = uv_spawn(m->uv, p, &o);

    return rc == 0 || err_set(e, ERR_UNAVAIL, "image.tool", "%s: %s", args[0], uv_strerror(rc));
}

static void on_removed_closed(uv_handle_t *h)
{
    free(h);
}

static void on_removed(uv_process_t *p, int64_t status, int signal)
{
    (void)status, (void)signal;
    uv_close((uv_handle_t *)p, on_removed_closed);
}

/* A folder with as many files as an image has, without holding up the loop. */
static void folder_remove(struct images *m, const char *name)
{
    uv_process_t *p = calloc(1, sizeof *p);
    char path[640];
    char *args[] = {(char[]){"rm"}, (char[]){"-rf"}, (char[]){"--"}, path, NULL};
    struct err e;

    BUG_ON(p == NULL);
    (void)snprintf(path, sizeof path, "%s/%s", m->dir, name);
    if (!tool_run(m, p, args, -1, -1, on_removed, &e)) {
        log_warn("image not removed", LOG_ERR(&e));
        uv_close((uv_handle_t *)p, on_removed_closed);
    } else {
        uv_unref((uv_handle_t *)p);
    }
}

bool images_init(struct images *m, uv_loop_t *uv, int data_fd, const char *data,
                 const char *layouts, struct err *e)
{
    struct dirent *d;
    DIR *dir;

    *m = (struct images){.uv = uv};
    (void)snprintf(m->dir, sizeof m->dir, "%s/images", data);
    if (layouts != NULL && !str_copy(m->layouts, sizeof m->layouts, layouts))
        return err_set(e, ERR_LIMIT, "image.layouts", "the path of layouts is too long");
    if (!file_dir(data_fd, "images", &m->dir_fd, e))
        return false;
    dir = opendir(m->dir);
    while (dir != NULL && (d = readdir(dir)) != NULL)
        if (strncmp(d->d_name, PART, strlen(PART)) == 0) { /* of an agent that ended early */
            char gone[300];

            (void)snprintf(gone, sizeof gone, ".gone%.80s", d->d_name);
            if (renameat(m->dir_fd, d->d_name, m->dir_fd, gone) == 0)
                folder_remove(m, gone);
        } else if (strncmp(d->d_name, ".gone", 5) == 0) {
            folder_remove(m, d->d_name);
        }
    if (dir != NULL)
        (void)closedir(dir);
    return true;
}

static void on_closed(uv_handle_t *h)
{
    struct image_fetch *f = h->data;

    if (--f->handles > 0)
        return;
    vec_fini(&f->waiters);
    free(f);
}

static void finish(struct image_fetch *f, const struct err *why)
{
    struct images *m = f->all;
    char path[640];

    (void)snprintf(path, sizeof path, "%s/%s", m->dir, f->name);
    for (size_t i = 0; i < m->fetches.n; i++)
        if (m->fetches.v[i] == f) {
            vec_swap_out(&m->fetches, i);
            break;
        }
    if (f->part_fd >= 0)
        (void)close(f->part_fd);
    if (why != NULL && f->part_fd >= 0)
        folder_remove(m, f->part);
    for (size_t i = 0; i < f->waiters.n; i++)
        f->waiters.v[i].done(f->waiters.v[i].user, path, why);
    uv_close((uv_handle_t *)&f->timer, on_closed);
}

static void next(struct image_fetch *f);

/* What a tool said last, which is why it failed. */
static void words_take(struct image_fetch *f, int64_t status, int signal)
{
    AUTO_BUF struct buf b = {.limit = 1u << 20};
    static const char *const tools[] = {"", "skopeo inspect", "skopeo copy", "umoci unpack", "rm"};
    const char *last = "";
    char *text, *save = NULL;

    if (file_read(f->part_fd, "words", &b, NULL)) {
        text = (char *)(uintptr_t)buf_str(&b);
        for (char *p = strtok_r(text, "\n", &save); p != NULL; p = strtok_r(NULL, "\n", &save))
            last = p;
    }
    if (strncmp(last, "time=", 5) == 0 && strstr(last, "msg=") != NULL)
        last = strstr(last, "msg=") + 4;
    (void)err_set(&f->err, ERR_UNAVAIL, "image.fetch", "%s failed (%s %d): %.150s", tools[f->step],
                  signal != 0 ? "signal" : "exit", signal != 0 ? signal : (int)status, last);
}

/* The handle can be used again only after it is closed, so the next step begins here. */
static void on_step_closed(uv_handle_t *h)
{
    struct image_fetch *f = h->data;

    if (f->closing) {
        on_closed(h);
        return;
    }
    f->handles--;
    if (f->err.code == ERR_NONE)
        next(f);
    else
        finish(f, &f->err);
}

static void on_tool_end(uv_process_t *p, int64_t status, int signal)
{
    struct image_fetch *f = p->data;

    f->running = false;
    if (!f->closing) {
        (void)uv_timer_stop(&f->timer);
        if (status != 0 || signal != 0)
            words_take(f, status, signal);
    }
    uv_close((uv_handle_t *)p, on_step_closed);
}

static void on_late(uv_timer_t *t)
{
    struct image_fetch *f = t->data;

    if (f->running)
        (void)uv_process_kill(&f->process, SIGKILL);
}

/* setpriv: the tool ends with the agent. */
static bool step_run(struct image_fetch *f, const char *const *words, const char *into,
                     struct err *e)
{
    char *args[ARGS] = {(char[]){"setpriv"}, (char[]){"--pdeathsig"}, (char[]){"KILL"}};
    int out = into == NULL
                  ? -1
                  : openat(f->part_fd, into, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = openat(f->part_fd, "words", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok;

    for (size_t i = 0; words[i] != NULL && i + 4 < ARGS; i++)
        args[i + 3] = (char *)(uintptr_t)words[i];
    ok = tool_run(f->all, &f->process, args, out, err, on_tool_end, e);
    f->process.data = f;
    f->handles++;
    f->running = ok;
    if (!ok) /* whoever called ends all of it */
        uv_close((uv_handle_t *)&f->process, on_closed);
    if (out >= 0)
        (void)close(out);
    if (err >= 0)
        (void)close(err);
    return ok && uv_timer_start(&f->timer, on_late, LIMIT_MS, 0) == 0;
}

static bool is_layout(const struct image_fetch *f)
{
    return strncmp(f->oci, "layout:", 7) == 0;
}

/* What of the reference stands before the digest. */
static int name_length(const struct image_fetch *f)
{
    return (int)(f->digest - f->oci - 1);
}

/* Registries on this host are for tests and caches, and have no certificates. */
static bool is_loopback(const struct image_fetch *f)
{
    return strncmp(f->oci, "localhost:", 10) == 0 || strncmp(f->oci, "127.", 4) == 0 ||
           strncmp(f->oci, "[::1]:", 6) == 0;
}

static bool manifest_fetch(struct image_fetch *f, struct err *e)
{
    char reference[600];
    const char *words[] = {"skopeo", "inspect", "--raw", "--tls-verify=true", reference, NULL};

    (void)snprintf(reference, sizeof reference, "docker://%s", f->oci);
    if (is_loopback(f))
        words[3] = "--tls-verify=false";
    return step_run(f, words, "manifest", e);
}

/* The layout of one of the operator's; its manifest is checked like a registry's. */
static bool layout_open(struct image_fetch *f, struct err *e)
{
    AUTO_BUF struct buf manifest = {.limit = IMAGE_MANIFEST_MAX};
    char from[600];
    int into;
    bool ok;

    if (f->all->layouts[0] == '\0')
        return err_set(e, ERR_MISSING, "image.layouts", "this node has no folder of image layouts"),
               err_mend(e, "start the agent with --oci-layouts DIR");
    (void)snprintf(from, sizeof from, "%s/%.*s", f->all->layouts, name_length(f) - 7, f->oci + 7);
    if (!file_dir(f->part_fd, "source", &into, e))
        return false;
    ok = image_layout_pick(from, f->digest, into, &manifest, e) &&
         image_digest_check(buf_bytes(&manifest), f->digest, e);
    (void)close(into);
    return ok;
}

static bool manifest_check(struct image_fetch *f, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = IMAGE_MANIFEST_MAX};

    return file_read(f->part_fd, "manifest", &b, e) &&
           image_digest_check(buf_bytes(&b), f->digest, e);
}

static bool copy(struct image_fetch *f, struct err *e)
{
    char from[700], to[700];
    const char *words[] = {
        "skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=true", from, to, NULL};

    if (is_layout(f))
        (void)snprintf(from, sizeof from, "oci:%s/%s/source:" IMAGE_REFERENCE, f->all->dir,
                       f->part);
    else
        (void)snprintf(from, sizeof from, "docker://%s", f->oci);
    (void)snprintf(to, sizeof to, "oci:%s/%s/layout:" IMAGE_REFERENCE, f->all->dir, f->part);
    if (is_loopback(f))
        words[4] = "--src-tls-verify=false";
    return step_run(f, words, NULL, e);
}

static bool config_keep(struct image_fetch *f, struct err *e)
{
    AUTO_BUF struct buf config = {.limit = IMAGE_MANIFEST_MAX};
    int layout = openat(f->part_fd, "layout", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    if (layout < 0)
        return err_errno(e, errno, "image.layout", "what was fetched");
    ok = image_layout_config(layout, &config, e) &&
         file_replace(f->part_fd, OCI_IMAGE, buf_bytes(&config), 0600, e);
    (void)close(layout);
    return ok;
}

static bool unpack(struct image_fetch *f, struct err *e)
{
    char image[700], bundle[700], map[48];
    const char *words[] = {"umoci", "unpack",  "--uid-map", map,    "--gid-map",
                           map,     "--image", image,       bundle, NULL};

    if (!config_keep(f, e))
        return false;
    (void)snprintf(map, sizeof map, "0:%u:%u", OCI_ID_BASE, OCI_ID_COUNT);
    (void)snprintf(image, sizeof image, "%s/%s/layout:" IMAGE_REFERENCE, f->all->dir, f->part);
    (void)snprintf(bundle, sizeof bundle, "%s/%s/bundle", f->all->dir, f->part);
    return step_run(f, words, NULL, e);
}

/* Layers and notes are not needed any more. */
static bool tidy(struct image_fetch *f, struct err *e)
{
    char layout[700], source[700], manifest[700];
    const char *words[] = {"rm", "-rf", "--", layout, source, manifest, NULL};

    (void)snprintf(layout, sizeof layout, "%s/%s/layout", f->all->dir, f->part);
    (void)snprintf(source, sizeof source, "%s/%s/source", f->all->dir, f->part);
    (void)snprintf(manifest, sizeof manifest, "%s/%s/manifest", f->all->dir, f->part);
    return step_run(f, words, NULL, e);
}

static bool whole(struct image_fetch *f, struct err *e)
{
    (void)unlinkat(f->part_fd, "words", 0);
    if (syncfs(f->part_fd) != 0 ||
        renameat(f->all->dir_fd, f->part, f->all->dir_fd, f->name) != 0 ||
        fsync(f->all->dir_fd) != 0)
        return err_errno(e, errno, "image.store", "%s", f->name);
    return true;
}

static void next(struct image_fetch *f)
{
    struct err e = {0};
    bool ok = true, done = false;

    switch (f->step) {
    case STEP_BEGIN:
        if (is_layout(f)) {
            f->step = STEP_COPY;
            ok = layout_open(f, &e) && copy(f, &e);
        } else {
            f->step = STEP_MANIFEST;
            ok = manifest_fetch(f, &e);
        }
        break;
    case STEP_MANIFEST:
        f->step = STEP_COPY;
        ok = manifest_check(f, &e) && copy(f, &e);
        break;
    case STEP_COPY:
        f->step = STEP_UNPACK;
        ok = unpack(f, &e);
        break;
    case STEP_UNPACK:
        f->step = STEP_TIDY;
        ok = tidy(f, &e);
        break;
    case STEP_TIDY:
        ok = whole(f, &e);
        done = true;
        break;
    }
    if (!ok || done)
        finish(f, ok ? NULL : &e);
}

static void on_begin(uv_timer_t *t)
{
    struct image_fetch *f = t->data;
    struct err e = {0};

    if (faccessat(f->all->dir_fd, f->name, F_OK, 0) == 0)
        finish(f, NULL);
    else if (!file_dir(f->all->dir_fd, f->part, &f->part_fd, &e))
        finish(f, &e);
    else
        next(f);
}

/* The name is the operator's, so it must not become an option or a way out of a folder. */
static bool name_ok(const char *oci, const char *at)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:[]";

    return at != NULL && at != oci && strspn(oci, letters) == (size_t)(at - oci) && oci[0] != '-' &&
           strstr(oci, "..") == NULL && strncmp(at, "@sha256:", 8) == 0 && strlen(at + 8) == 64 &&
           strspn(at + 8, "0123456789abcdef") == 64 &&
           (strncmp(oci, "layout:", 7) != 0 || (oci[7] != '/' && oci[7] != '@'));
}

bool image_get(struct images *m, const char *oci, image_done done, void *user, struct err *e)
{
    struct waiter w = {done, user};
    const char *at = strchr(oci, '@');
    struct image_fetch *f;

    if (!name_ok(oci, at) || strlen(oci) >= sizeof f->oci)
        return err_set(e, ERR_INPUT, "image.name", "the image is not NAME@sha256:<64 hex digits>");
    for (size_t i = 0; i < m->fetches.n; i++)
        if (strcmp(m->fetches.v[i]->digest, at + 1) == 0)
            return vec_push(&m->fetches.v[i]->waiters, w) ||
                   err_set(e, ERR_NOMEM, "memory", "no memory for a transfer");
    f = calloc(1, sizeof *f);
    BUG_ON(f == NULL || !vec_push(&f->waiters, w) || !vec_push(&m->fetches, f));
    f->all = m;
    f->part_fd = -1;
    (void)str_copy(f->oci, sizeof f->oci, oci);
    f->digest = f->oci + (at + 1 - oci);
    (void)snprintf(f->name, sizeof f->name, "sha256-%s", at + 8);
    (void)snprintf(f->part, sizeof f->part, PART "%s", at + 8);
    f->handles = 1;
    f->timer.data = f;
    return uv_timer_init(m->uv, &f->timer) == 0 && uv_timer_start(&f->timer, on_begin, 0, 0) == 0;
}

void images_close(struct images *m)
{
    for (size_t i = 0; i < m->fetches.n; i++) {
        struct image_fetch *f = m->fetches.v[i];

        f->closing = true;
        if (f->running)
            (void)uv_process_kill(&f->process, SIGKILL);
        if (f->part_fd >= 0)
            (void)close(f->part_fd);
        uv_close((uv_handle_t *)&f->timer, on_closed);
    }
    vec_fini(&m->fetches);
}
