#include "agent/loader/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

bool logfile_open(struct logfile *f, int dir_fd, size_t limit, struct err *e)
{
    struct stat st;
    int fd = openat(dir_fd, LOGFILE_NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(e, errno, "keep.log", "%s", LOGFILE_NAME);
    f->dir_fd = dir_fd;
    f->fd = fd;
    f->limit = limit;
    f->used = (size_t)st.st_size;
    f->part[0].n = f->part[1].n = 0;
    return true;
}

static void rotate(struct logfile *f)
{
    int fd;

    if (renameat(f->dir_fd, LOGFILE_NAME, f->dir_fd, LOGFILE_OLD) != 0)
        return;
    fd = openat(f->dir_fd, LOGFILE_NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* goes on in the old one */
    (void)close(f->fd);
    f->fd = fd;
    f->used = 0;
}

static void record(struct logfile *f, unsigned which, int64_t wall_ms)
{
    char head[32];
    int n = snprintf(head, sizeof head, "%" PRId64 " %c ", wall_ms, which == 0 ? 'o' : 'e');
    char newline = '\n';
    struct iovec v[3] = {{head, (size_t)n}, {f->part[which].text, f->part[which].n}, {&newline, 1}};
    ssize_t written;

    if (f->fd < 0)
        return;
    if (f->used + (size_t)n + f->part[which].n + 1 > f->limit && f->used > 0)
        rotate(f);
    written = writev(f->fd, v, 3); /* one call: records are never torn by readers */
    if (written > 0)
        f->used += (size_t)written;
    f->part[which].n = 0;
}

void logfile_put(struct logfile *f, unsigned which, struct bytes b, int64_t wall_ms)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\n') {
            record(f, which, wall_ms);
            continue;
        }
        if (f->part[which].n == LOGFILE_LINE)
            record(f, which, wall_ms);
        f->part[which].text[f->part[which].n++] = (char)b.p[i];
    }
}

void logfile_flush(struct logfile *f, int64_t wall_ms)
{
    for (unsigned which = 0; which < 2; which++)
        if (f->part[which].n > 0)
            record(f, which, wall_ms);
}

void logfile_close(struct logfile *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}
