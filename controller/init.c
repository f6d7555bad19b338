#include "controller/init.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/str.h"
#include "controller/authorities.h"

#define ADMIN_DAYS 365
#define SERVER_DAYS 365
#define PATH_SIZE 640

static bool dir_make(const char *path, struct err *e)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    return err_errno(e, errno, "init.folder", "%s", path);
}

static bool dir_sync(const char *file, struct err *e)
{
    char copy[PATH_SIZE];
    bool ok;
    int fd;

    snprintf(copy, sizeof copy, "%s", file);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        err_errno(e, errno, "init.write", "%s", file);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool write_all(int fd, struct bytes b)
{
    while (b.n > 0) {
        ssize_t n = write(fd, b.p, b.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        b = (struct bytes){b.p + n, b.n - (size_t)n};
    }
    return true;
}

bool file_write(const char *path, unsigned mode, struct bytes content, struct err *e)
{
    char temp[PATH_SIZE];
    int fd;

    if (snprintf(temp, sizeof temp, "%s.new", path) >= (int)sizeof temp)
        return err_set(e, ERR_LIMIT, "init.path", "path is too long: %s", path);
    unlink(temp);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return err_errno(e, errno, "init.write", "%s", temp);
    if (!write_all(fd, content) || fsync(fd) != 0) {
        err_errno(e, errno, "init.write", "%s", temp);
        close(fd);
        return false;
    }
    if (close(fd) != 0 || rename(temp, path) != 0)
        return err_errno(e, errno, "init.write", "%s", path);
    return dir_sync(path, e);
}

bool file_read(const char *path, size_t limit, struct buf *out, struct err *e)
{
    uint8_t chunk[4096];
    size_t start = out->n;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(e, errno, "init.read", "%s", path);
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && out->n - start <= limit)
        buf_put(out, chunk, (size_t)n);
    close(fd);
    if (n < 0)
        return err_errno(e, errno, "init.read", "%s", path);
    if (out->n - start > limit)
        return err_set(e, ERR_LIMIT, "init.read", "%s: larger than %zu bytes", path, limit);
    return buf_ok(out, e);
}

static const char *in_dir(const struct init *in, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", in->dir, name);
    return out;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A key that others can read is not a key any more. */
static bool key_private(const char *path, struct err *e)
{
    struct stat s;

    if (stat(path, &s) != 0)
        return err_errno(e, errno, "init.read", "%s", path);
    if ((s.st_mode & 077) != 0)
        return err_set(e, ERR_DENIED, "init.permissions", "%s: others have access", path),
               err_found(e, "%o", (unsigned)(s.st_mode & 0777)), err_expected(e, "600"),
               err_mend(e, "chmod 600 %s, and consider who has seen it", path);
    return true;
}

static bool lock_take(struct init *in, struct err *e)
{
    char path[PATH_SIZE];

    in->lock = open(in_dir(in, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (in->lock < 0)
        return err_errno(e, errno, "init.lock", "%s", path);
    if (flock(in->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return err_set(e, ERR_UNAVAIL, "init.busy", "another controller runs on %s", in->dir),
               err_mend(e, "stop it first, or give another --data");
    return err_errno(e, errno, "init.lock", "%s", path);
}

static bool pki_load(struct init *in, struct err *e)
{
    char path[PATH_SIZE];
    AUTO_BUF struct buf id = {0};

    if (!file_read(in_dir(in, "pki/cluster-id", path), sizeof in->cluster_id - 1, &id, e))
        return false;
    snprintf(in->cluster_id, sizeof in->cluster_id, "%s", buf_str(&id));
    if (!authorities_open(in->dir, in->cluster_id, NULL, &in->authorities, e))
        return false;
    in->ca = authorities_active(in->authorities)->ca;
    return true;
}

/* The authority and the cluster's id come into being together: in a folder that is renamed. */
static bool pki_make(struct init *in, int64_t now_s, struct err *e)
{
    char fresh[PATH_SIZE], path[PATH_SIZE + 16], pki[PATH_SIZE];
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf cert = {0};
    AUTO(ca) struct ca *ca = NULL;
    char id[UUID_TEXT];

    rand_uuid(id);
    if (!dir_make(in_dir(in, "pki.new", fresh), e) || !ca_new(id, now_s, &ca, e) ||
        !ca_export(ca, &key, &cert, e))
        return false;
    snprintf(path, sizeof path, "%s/ca.key", fresh);
    if (!file_write(path, 0600, buf_bytes(&key), e))
        return false;
    snprintf(path, sizeof path, "%s/ca.pem", fresh);
    if (!file_write(path, 0644, buf_bytes(&cert), e))
        return false;
    snprintf(path, sizeof path, "%s/cluster-id", fresh);
    if (!file_write(path, 0644, bytes_str(id), e))
        return false;
    if (rename(fresh, in_dir(in, "pki", pki)) != 0)
        return err_errno(e, errno, "init.write", "%s", pki);
    return dir_sync(pki, e) && pki_load(in, e);
}

/* The key in the file, made when there is none. */
static bool key_file(const char *path, EVP_PKEY **out, struct err *e)
{
    AUTO_BUF struct buf pem = {0};
    AUTO(pkey) EVP_PKEY *key = NULL;
    BIO *bio;

    if (!exists(path)) {
        if (!key_new(&key, e) || !key_pem(key, &pem, e) ||
            !file_write(path, 0600, buf_bytes(&pem), e))
            return false;
        *out = STEAL(key);
        return true;
    }
    if (!key_private(path, e) || !file_read(path, 65536, &pem, e))
        return false;
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (bio != NULL)
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (key == NULL)
        return err_set(e, ERR_INPUT, "init.key", "%s: not a private key", path);
    *out = STEAL(key);
    return true;
}

static bool admin_make(struct init *in, int64_t now_s, struct err *e)
{
    char path[PATH_SIZE], uri[160];
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf pem = {0};
    struct cert_order o = {.common_name = "admin",
                           .organization = "admin",
                           .uri = uri,
                           .use = CERT_CLIENT,
                           .not_before_s = now_s - 3600,
                           .not_after_s = now_s + ADMIN_DAYS * 86400LL};

    if (!dir_make(in_dir(in, "admin", path), e) ||
        !file_write(in_dir(in, "admin/ca.pem", path), 0644, buf_bytes(&in->authorities->bundle), e))
        return false;
    if (exists(in_dir(in, "admin/client.pem", path)))
        return file_read(path, 65536, &in->admin_pem, e);
    snprintf(uri, sizeof uri, "bailey://%s/user/admin", in->cluster_id);
    return key_file(in_dir(in, "admin/client.key", path), &key, e) &&
           ca_issue(in->ca, key, &o, &pem, e) &&
           file_write(in_dir(in, "admin/client.pem", path), 0644, buf_bytes(&pem), e) &&
           (buf_put(&in->admin_pem, pem.p, pem.n), buf_ok(&in->admin_pem, e));
}

bool init_open(const char *dir, int64_t now_s, struct init *out, struct err *e)
{
    struct init in = {.lock = -1};
    char path[PATH_SIZE];

    if (snprintf(in.dir, sizeof in.dir, "%s", dir) >= (int)sizeof in.dir)
        return err_set(e, ERR_LIMIT, "init.path", "path is too long: %s", dir);
    if (!dir_make(dir, e) || !lock_take(&in, e) ||
        !(exists(in_dir(&in, "pki", path)) ? pki_load(&in, e) : pki_make(&in, now_s, e)) ||
        !admin_make(&in, now_s, e) || !dir_make(in_dir(&in, "blobs", path), e) ||
        !dir_make(in_dir(&in, "blobs/sha256", path), e)) {
        init_close(&in);
        return false;
    }
    *out = in;
    return true;
}

void init_close(struct init *in)
{
    authorities_free(STEAL(in->authorities));
    in->ca = NULL;
    buf_fini(&in->admin_pem);
    if (in->lock >= 0)
        close(in->lock);
    in->lock = -1;
}

bool init_server_again(void *user, const struct ca *ca, int64_t now_s, struct err *e)
{
    const struct init *in = user;
    const char *hosts[8];
    char path[PATH_SIZE], uri[160];
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf pem = {0};
    struct cert_order o = {.common_name = "bailey-controller",
                           .uri = uri,
                           .hosts = hosts,
                           .hosts_n = in->hosts_n,
                           .use = CERT_SERVER,
                           .not_before_s = now_s - 3600,
                           .not_after_s = now_s + SERVER_DAYS * 86400LL};

    for (size_t i = 0; i < in->hosts_n; i++)
        hosts[i] = in->hosts[i];
    snprintf(uri, sizeof uri, "bailey://%s/controller", in->cluster_id);
    if (!key_file(in_dir(in, "pki/server.key", path), &key, e) || !ca_issue(ca, key, &o, &pem, e))
        return false;
    buf_puts(&pem, ca_pem(ca)); /* nodes that hold only the pin need the CA to check it */
    return buf_ok(&pem, e) &&
           file_write(in_dir(in, "pki/server.pem", path), 0644, buf_bytes(&pem), e);
}

bool init_server(struct init *in, const char *const *hosts, size_t n, int64_t now_s, struct err *e)
{
    in->hosts_n = 0;
    for (size_t i = 0; i < n && i < 8; i++)
        if (!str_copy(in->hosts[in->hosts_n++], sizeof in->hosts[0], hosts[i]))
            return err_set(e, ERR_LIMIT, "init.host", "the host's name is too long");
    return init_server_again(in, in->ca, now_s, e);
}

bool init_endpoints(const struct init *in, const char *api, const char *enrolment, const char *http,
                    struct err *e)
{
    char path[PATH_SIZE];
    AUTO_BUF struct buf context = {0};
    AUTO_BUF struct buf endpoint = {0};

    buf_printf(&context, "server: %s\nca: ca.pem\ncertificate: client.pem\nkey: client.key\n", api);
    buf_printf(&endpoint, "%s\n%s\n%s%s", api, enrolment, http, http[0] == '\0' ? "" : "\n");
    return buf_ok(&context, e) && buf_ok(&endpoint, e) &&
           file_write(in_dir(in, "admin/context.yaml", path), 0644, buf_bytes(&context), e) &&
           file_write(in_dir(in, "endpoint", path), 0644, buf_bytes(&endpoint), e);
}
