#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/doctor_int.h"
#include "agent/file.h"
#include "agent/loader/keep.h"
#include "agent/loader/limits.h"
#include "agent/spares.h"
#include "bailey/v1/session.pb-c.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "proto/unpack.h"

#define GROUPS_MAX 4096

struct survey {
    struct findings *f;
    int data_fd;
    bool agent;                 /* one runs with this folder */
    char (*owned)[LIMITS_NAME]; /* cgroups of keeps that live */
    size_t owned_n;
};

static bool locked(int dir_fd)
{
    if (flock(dir_fd, LOCK_SH | LOCK_NB) != 0)
        return true;
    (void)flock(dir_fd, LOCK_UN);
    return false;
}

static bool agent_runs(int data_fd)
{
    int fd = openat(data_fd, "lock", O_RDONLY | O_CLOEXEC);
    bool runs = fd >= 0 && locked(fd);

    if (fd >= 0)
        (void)close(fd);
    return runs;
}

static bool said_ended(int dir_fd)
{
    AUTO_BUF struct buf b = {.limit = 65536};
    AUTO_ARENA struct arena a;
    ProtobufCMessage *m;

    arena_init(&a, 65536);
    return file_read(dir_fd, KEEP_REPORT, &b, NULL) &&
           proto_unpack(&bailey__v1__keep_report__descriptor, buf_bytes(&b), &a, &m, NULL) &&
           ((const Bailey__V1__KeepReport *)m)->state == BAILEY__V1__KEEP_STATUS__STATE__ended;
}

/* A keep that has not ended has a loader, which holds its folder's lock, or an agent that will say
 * what became of it. */
static void keep_look(struct survey *s, int keeps_fd, const char *uid)
{
    AUTO_BUF struct buf group = {.limit = LIMITS_NAME};
    int fd = openat(keeps_fd, uid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (!said_ended(fd)) {
        if (file_read(fd, KEEP_GROUP, &group, NULL) && s->owned_n < GROUPS_MAX)
            (void)str_copy(s->owned[s->owned_n++], LIMITS_NAME, buf_str(&group));
        if (!s->agent && !locked(fd)) /* asking takes the lock for a moment */
            finding_add(s->f, FINDING_LEFT, uid, "a keep that has not ended and has no loader",
                        "start the agent: it reports the keep ended");
    }
    (void)close(fd);
}

static void keeps_look(struct survey *s)
{
    int fd = openat(s->data_fd, "keeps", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *d;

    while (dir != NULL && (d = readdir(dir)) != NULL)
        if (strlen(d->d_name) == 36)
            keep_look(s, fd, d->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    else if (fd >= 0)
        (void)close(fd);
}

static void group_look(void *user, const char *name)
{
    struct survey *s = user;

    for (size_t i = 0; i < s->owned_n; i++)
        if (strcmp(s->owned[i], name) == 0)
            return;
    for (size_t i = 0; i < s->f->all.n; i++)
        if (strcmp(s->f->all.v[i].name, name) == 0)
            return; /* in another hierarchy */
    if (s->agent && limits_populated(name))
        return; /* a loader that waits for a keep */
    finding_add(s->f, FINDING_LEFT, name, "cgroups that no keep owns",
                "start the agent: it ends and removes them");
}

static void transfers_look(struct survey *s)
{
    int fd = openat(s->data_fd, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *d;

    while (dir != NULL && !s->agent && (d = readdir(dir)) != NULL)
        if (strncmp(d->d_name, ".part-", 6) == 0)
            finding_add(s->f, FINDING_LEFT, "transfer", d->d_name,
                        "start the agent: it goes on with it when a keep needs it; or delete it");
    if (dir != NULL)
        (void)closedir(dir);
    else if (fd >= 0)
        (void)close(fd);
}

DEFINE_CLEANUP(heap, char *, free)

void doctor_leftovers(struct findings *f, const char *data)
{
    AUTO(heap) char *path = realpath(data, NULL);
    struct survey s = {.f = f};
    char prefix[SPARES_PREFIX];

    s.data_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s.owned = calloc(GROUPS_MAX, sizeof *s.owned);
    if (path == NULL || s.data_fd < 0 || s.owned == NULL) {
        finding_add(f, FINDING_BROKEN, "data", "the folder cannot be read", "see --data");
    } else {
        s.agent = agent_runs(s.data_fd);
        keeps_look(&s);
        spares_prefix(path, prefix);
        limits_each(prefix, group_look, &s);
        transfers_look(&s);
    }
    if (s.data_fd >= 0)
        (void)close(s.data_fd);
    free(s.owned);
}
