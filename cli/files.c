#include "cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

DEFINE_CLEANUP(digest_context, EVP_MD_CTX *, EVP_MD_CTX_free)

bool file_read(const char *path, size_t limit, struct buf *out, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char piece[65536];
    ssize_t n = 0;

    if (fd < 0)
        return err_errno(e, errno, "file.open", "%s", path);
    while (out->n <= limit &&
           ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)))
        buf_put(out, piece, n > 0 ? (size_t)n : 0);
    if (n < 0)
        (void)err_errno(e, errno, "file.read", "%s", path);
    if (!standard)
        close(fd);
    if (n < 0)
        return false;
    if (out->n > limit)
        return err_set(e, ERR_LIMIT, "file.too-large", "%s: more than %zu KiB", path, limit / 1024);
    return buf_ok(out, e);
}

bool file_put(const char *path, unsigned mode, struct bytes content, struct err *e)
{
    char temp[4096];
    ssize_t n = 0;
    int fd;

    if (snprintf(temp, sizeof temp, "%s.new", path) >= (int)sizeof temp)
        return err_set(e, ERR_LIMIT, "file.path", "path is too long: %s", path);
    unlink(temp);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return err_errno(e, errno, "file.write", "%s", temp);
    while (content.n > 0 &&
           ((n = write(fd, content.p, content.n)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            content = (struct bytes){content.p + n, content.n - (size_t)n};
    if (content.n > 0 || fsync(fd) != 0) {
        (void)err_errno(e, errno, "file.write", "%s", temp);
        close(fd);
        return false;
    }
    if (close(fd) != 0 || rename(temp, path) != 0)
        return err_errno(e, errno, "file.write", "%s", path);
    return true;
}

struct each {
    struct cli *cli;
    struct arena *arena;
    files_take take;
    void *user;
};

static bool one(struct each *x, const char *path)
{
    static struct yaml_errors errors;
    AUTO_BUF struct buf report = {0}, in = {0};
    Bailey__V1__Object **objects = NULL;
    char *copy;
    size_t n = 0;

    if (!file_read(path, YAML_TEXT_MAX, &in, &x->cli->err))
        return false;
    errors = (struct yaml_errors){0};
    copy = arena_strndup(x->arena, buf_str(&in), in.n);
    if (copy == NULL)
        return err_set(&x->cli->err, ERR_LIMIT, "file.too-large",
                       "the files are too large together");
    if (yaml_objects((struct bytes){(const uint8_t *)copy, in.n}, path, x->arena, &objects, &n,
                     &errors))
        return x->take(x->cli, path, objects, n, x->user);
    yaml_errors_format(&errors, &report);
    output_progress_end(&x->cli->out);
    fputs(buf_str(&report), stderr);
    return err_set(&x->cli->err, ERR_INPUT, "file.invalid", "%s: %zu mistake%s",
                   strcmp(path, "-") == 0 ? "standard input" : path, errors.n + errors.more,
                   errors.n + errors.more == 1 ? "" : "s");
}

static int is_yaml(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return d->d_name[0] != '.' && dot != NULL &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static bool folder(struct each *x, const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_yaml, alphasort);
    bool ok = true, wrong = false;

    if (n < 0)
        return err_errno(&x->cli->err, errno, "file.open", "%s", path);
    if (n == 0)
        ok = err_set(&x->cli->err, ERR_MISSING, "file.none", "%s: no *.yaml in this folder", path);
    for (int i = 0; i < n; i++) {
        char file[4096];

        if (snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name) >= (int)sizeof file)
            ok = err_set(&x->cli->err, ERR_LIMIT, "file.open", "%s: path is too long", path);
        else if (ok && !one(x, file))
            wrong = true;
        free(entries[i]);
    }
    free(entries);
    return ok && !wrong;
}

bool files_each(struct cli *c, const char *path, struct arena *a, files_take take, void *user)
{
    struct each x = {c, a, take, user};
    struct stat st;

    if (strcmp(path, "-") == 0)
        return one(&x, path);
    if (stat(path, &st) != 0)
        return err_errno(&c->err, errno, "file.open", "%s", path);
    return S_ISDIR(st.st_mode) ? folder(&x, path) : one(&x, path);
}

bool file_digest(int fd, char digest[DIGEST_TEXT], uint64_t *size, struct err *e)
{
    AUTO(digest_context) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char piece[65536], sum[32];
    uint64_t total = 0;
    ssize_t n;

    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_INTERNAL, "file.digest", "no SHA-256");
    while ((n = pread(fd, piece, sizeof piece, (off_t)total)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "file.read", "read");
        if (EVP_DigestUpdate(ctx, piece, (size_t)n) != 1)
            return err_set(e, ERR_INTERNAL, "file.digest", "SHA-256 failed");
        total += (uint64_t)n;
    }
    if (EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
        return err_set(e, ERR_INTERNAL, "file.digest", "SHA-256 failed");
    memcpy(digest, "sha256:", 7);
    hex_format(BYTES_OF(sum), digest + 7);
    *size = total;
    return true;
}
