#include "agent/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, struct bytes b)
{
    while (b.n > 0) {
        ssize_t n = write(fd, b.p, b.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        b.p += n;
        b.n -= (size_t)n;
    }
    return true;
}

static bool replace(int dir_fd, const char *name, struct bytes b, mode_t mode, bool durable,
                    struct err *e)
{
    char temp[256];
    int fd, saved;
    bool ok;

    (void)snprintf(temp, sizeof temp, ".%s.new", name);
    fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return err_errno(e, errno, "file.create", "%s", temp);
    ok = write_all(fd, b) && fchmod(fd, mode) == 0 && (!durable || fsync(fd) == 0);
    saved = errno;
    (void)close(fd);
    if (!ok)
        return err_errno(e, saved, "file.write", "%s", temp);
    if (renameat(dir_fd, temp, dir_fd, name) != 0 || (durable && fsync(dir_fd) != 0))
        return err_errno(e, errno, "file.rename", "%s", name);
    return true;
}

bool file_write(int dir_fd, const char *name, struct bytes b, mode_t mode, struct err *e)
{
    return replace(dir_fd, name, b, mode, true, e);
}

bool file_replace(int dir_fd, const char *name, struct bytes b, mode_t mode, struct err *e)
{
    return replace(dir_fd, name, b, mode, false, e);
}

bool file_read(int dir_fd, const char *name, struct buf *out, struct err *e)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    uint8_t chunk[16384];
    ssize_t n;

    if (fd < 0)
        return err_errno(e, errno, "file.open", "%s", name);
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        buf_put(out, chunk, (size_t)n);
    }
    (void)close(fd);
    if (n < 0)
        return err_errno(e, EIO, "file.read", "%s", name);
    return buf_ok(out, e);
}

bool file_dir(int dir_fd, const char *name, int *out, struct err *e)
{
    int fd;

    if (mkdirat(dir_fd, name, 0700) != 0 && errno != EEXIST)
        return err_errno(e, errno, "file.mkdir", "%s", name);
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "file.open", "%s", name);
    *out = fd;
    return true;
}
