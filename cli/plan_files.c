#include "cli/plan_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/unpack.h"

#define PLAN_LIMIT ((size_t)16 << 20)

/* Digests are hexadecimal; anything else would be somebody's path. */
static bool is_digest(const char *digest)
{
    size_t n = strlen(digest);

    return n >= 16 && n <= 64 && strspn(digest, "0123456789abcdef") == n;
}

static bool plan_path(const char *digest, bool make, char *out, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char dir[1024];
    bool own = cache != NULL && cache[0] == '/';
    int n;

    if (!is_digest(digest) || (!own && (home == NULL || home[0] != '/')))
        return false;
    n = snprintf(dir, sizeof dir, "%s%s", own ? cache : home, own ? "" : "/.cache");
    if (n < 0 || (size_t)n >= sizeof dir - 16)
        return false;
    if (make)
        (void)mkdir(dir, 0700);
    snprintf(dir + n, sizeof dir - (size_t)n, "/bailey");
    if (make && mkdir(dir, 0700) != 0 && errno != EEXIST)
        return false;
    n = snprintf(out, size, "%s/plan-%c", dir, digest[0]);
    return n > 0 && (size_t)n < size;
}

void plan_remember(const Bailey__V1__RevocationPlan *p)
{
    AUTO_BUF struct buf bytes = {0};
    char path[1200];
    size_t at = 0;
    int fd;

    proto_pack(&p->base, &bytes);
    if (!buf_ok(&bytes, NULL) || bytes.n > PLAN_LIMIT ||
        !plan_path(p->digest, true, path, sizeof path))
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd >= 0 && at < bytes.n) {
        ssize_t n = write(fd, bytes.p + at, bytes.n - at);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
}

const Bailey__V1__RevocationPlan *plan_recall(const char *digest, struct arena *a)
{
    AUTO_BUF struct buf bytes = {0};
    const Bailey__V1__RevocationPlan *p;
    ProtobufCMessage *m;
    char path[1200];

    if (!plan_path(digest, false, path, sizeof path) ||
        !file_read(path, PLAN_LIMIT, &bytes, NULL) ||
        !proto_unpack(&bailey__v1__revocation_plan__descriptor, buf_bytes(&bytes), a, &m, NULL))
        return NULL;
    p = (const Bailey__V1__RevocationPlan *)m;
    return strcmp(p->digest, digest) == 0 ? p : NULL;
}
