#include "agent/artifact_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

static struct artifact_known *find(struct artifact_store *s, const char *name)
{
    for (size_t i = 0; i < s->known.n; i++)
        if (strcmp(s->known.v[i].name, name) == 0)
            return &s->known.v[i];
    return NULL;
}

void artifact_store_add(struct artifact_store *s, const char *name, const struct stat *st)
{
    struct artifact_known k = {.st = *st, .used = ++s->uses}, *old = find(s, name);

    (void)str_copy(k.name, sizeof k.name, name);
    if (old != NULL)
        *old = k;
    else
        BUG_ON(!vec_push(&s->known, k));
}

bool artifact_store_fresh(struct artifact_store *s, const char *name, const struct stat *st)
{
    struct artifact_known *k = find(s, name);

    if (k == NULL || k->st.st_ino != st->st_ino || k->st.st_size != st->st_size ||
        k->st.st_ctim.tv_sec != st->st_ctim.tv_sec || k->st.st_ctim.tv_nsec != st->st_ctim.tv_nsec)
        return false;
    k->used = ++s->uses;
    return true;
}

struct victim {
    char name[256];
    uint64_t bytes, used;
    int64_t age; /* for those not used in this life: when they were written */
};

static bool is_artifact(const char *name)
{
    return strncmp(name, "sha256-", 7) == 0 || strncmp(name, ARTIFACT_PART, 6) == 0;
}

/* What all files take, and which of those that may go was not used for longest. */
static uint64_t look(struct artifact_store *s, struct victim *v)
{
    int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    uint64_t total = 0;
    struct dirent *d;

    *v = (struct victim){.name = ""};
    while (dir != NULL && (d = readdir(dir)) != NULL) {
        const struct artifact_known *k = find(s, d->d_name);
        uint64_t used = k == NULL ? 0 : k->used;
        struct stat st;

        if (!is_artifact(d->d_name) || fstatat(s->dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        total += (uint64_t)st.st_size;
        if (s->needed(s->user, d->d_name) ||
            (v->name[0] != '\0' &&
             (used > v->used || (used == v->used && st.st_mtim.tv_sec >= v->age))))
            continue;
        (void)str_copy(v->name, sizeof v->name, d->d_name);
        v->bytes = (uint64_t)st.st_size;
        v->used = used;
        v->age = st.st_mtim.tv_sec;
    }
    if (dir != NULL)
        (void)closedir(dir);
    else if (fd >= 0)
        (void)close(fd);
    return total;
}

bool artifact_store_room(struct artifact_store *s, uint64_t more, struct err *e)
{
    struct victim v;
    uint64_t total = s->quota == 0 ? 0 : look(s, &v);

    while (s->quota != 0 && total + more > s->quota && v.name[0] != '\0') {
        log_info("artifact removed: no keep needs it, and there is too little room",
                 LOG_STR("file", v.name), LOG_INT("bytes", (int64_t)v.bytes));
        if (unlinkat(s->dir_fd, v.name, 0) != 0)
            break;
        for (size_t i = 0; i < s->known.n; i++)
            if (strcmp(s->known.v[i].name, v.name) == 0) {
                vec_swap_out(&s->known, i);
                break;
            }
        total = look(s, &v);
    }
    if (s->quota == 0 || total + more <= s->quota)
        return true;
    return err_set(e, ERR_LIMIT, "artifact.quota",
                   "artifacts that keeps need take %" PRIu64 " MiB, and %" PRIu64
                   " MiB more do not fit",
                   total >> 20, (more + 0xfffff) >> 20),
           err_mend(e, "raise the agent's --artifact-quota, or run fewer kinds of keeps there");
}

bool artifact_hash(int fd, char hex[65])
{
    static const size_t chunk = 1u << 16;
    uint8_t *bytes = malloc(chunk), md[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = bytes != NULL && c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
    ssize_t n = -1;

    for (off_t at = 0; ok && (n = pread(fd, bytes, chunk, at)) > 0; at += n)
        ok = EVP_DigestUpdate(c, bytes, (size_t)n) == 1;
    ok = ok && n == 0 && EVP_DigestFinal_ex(c, md, NULL) == 1;
    if (ok)
        hex_format((struct bytes){md, 32}, hex);
    EVP_MD_CTX_free(c);
    free(bytes);
    return ok;
}
