/* Taking up again what an earlier life of this agent started. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/keeps_int.h"
#include "agent/loader/keep.h"
#include "agent/loader/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "proto/unpack.h"

static void group_load(struct keep *k)
{
    AUTO_BUF struct buf b = {.limit = LIMITS_NAME};

    if (file_read(k->dir_fd, KEEP_GROUP, &b, NULL))
        (void)str_copy(k->group, sizeof k->group, buf_str(&b));
}

/* Cgroups of this agent's earlier lives that belong to no keep: loaders that waited for one. */
static void sweep(void *user, const char *group)
{
    struct keeps *all = user;

    for (size_t i = 0; i < all->all.n; i++)
        if (!all->all.v[i]->ended && strcmp(all->all.v[i]->group, group) == 0)
            return;
    sweeper_add(&all->sweeper, group);
}

/* One folder of an earlier life. */
static void adopt(struct keeps *all, const char *uid)
{
    AUTO_BUF struct buf b = {.limit = 1u << 20};
    AUTO_ARENA struct arena a;
    ProtobufCMessage *m;
    struct keep *k;
    struct err e = {0};
    int fd;

    arena_init(&a, 4u << 20);
    if (!file_dir(all->dir_fd, uid, &fd, &e) || !file_read(fd, KEEP_SPEC, &b, &e) ||
        !proto_unpack(&bailey__v1__start_keep__descriptor, buf_bytes(&b), &a, &m, &e)) {
        log_warn("keep's folder cannot be read", LOG_STR("uid", uid), LOG_ERR(&e));
        return;
    }
    k = keep_new(all, (const Bailey__V1__StartKeep *)m);
    k->dir_fd = fd;
    group_load(k);
    if (keep_listen(k)) {
        (void)keep_report_load(k);
        k->ended = false; /* somebody answers; it will say */
        log_info("keep adopted", LOG_STR("keep", k->spec->name));
    } else if (keep_report_load(k) && k->ended) {
        return;
    } else if (keep_loader_lives(k)) {
        (void)uv_timer_start(&k->timer, keep_on_connect_timer, KEEP_CONNECT_MS, KEEP_CONNECT_MS);
    } else if (k->report.state == BAILEY__V1__KEEP_STATUS__STATE__unknown) {
        keep_end(k, "not-started",
                 "agent.restarted: the agent restarted before the keep was started");
    } else {
        keep_lost(k, "loader.lost: nobody answers at the keep's control socket");
    }
}

bool keeps_init(struct keeps *all, uv_loop_t *uv, int data_fd, const char *data, struct err *e)
{
    char self[480], loader[512];
    struct dirent *d;
    const char *slash;
    ssize_t n;
    DIR *dir;

    all->uv = uv;
    sweeper_init(&all->sweeper, uv);
    (void)snprintf(all->dir, sizeof all->dir, "%s/keeps", data);
    n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    (void)snprintf(loader, sizeof loader, "%.*s/bailey-loader",
                   slash == NULL ? 0 : (int)(slash - self), self);
    if (access(loader, X_OK) != 0)
        return err_errno(e, errno, "loader.missing", "%s", loader);
    if (!file_dir(data_fd, "keeps", &all->dir_fd, e))
        return false;
    dir = opendir(all->dir);
    if (dir == NULL)
        return err_errno(e, errno, "keeps.folder", "%s", all->dir);
    while ((d = readdir(dir)) != NULL)
        if (keep_uid_ok(d->d_name))
            adopt(all, d->d_name);
    (void)closedir(dir);
    spares_init(&all->spares, uv, data, loader, &all->sweeper);
    limits_each(all->spares.prefix, sweep, all);
    return true;
}
