/* logfile.h - a keep's output on disk: one record a line, "<ms since 1970> <o|e> <text>\n", in the
 * order it came; o is standard output, e standard error. When `log` is full it becomes `log.1`. */
#ifndef LOADER_LOGFILE_H
#define LOADER_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define LOGFILE_NAME "log"
#define LOGFILE_OLD "log.1"
#define LOGFILE_BYTES (4u << 20) /* of one file; two are kept */
#define LOGFILE_LINE 8192        /* longer lines become several records */

struct logfile {
    int dir_fd; /* borrowed */
    int fd;     /* -1: not open */
    size_t used, limit;
    struct {
        char text[LOGFILE_LINE];
        size_t n;
    } part[2]; /* begun lines of stdout and stderr */
};

NODISCARD bool logfile_open(struct logfile *f, int dir_fd, size_t limit, struct err *e);

/* Takes output as it came; complete lines are written at once. A full disk loses lines, never the
 * keep. which: 0 stdout, 1 stderr. */
void logfile_put(struct logfile *f, unsigned which, struct bytes b, int64_t wall_ms);
void logfile_flush(struct logfile *f, int64_t wall_ms); /* begun lines too */
void logfile_close(struct logfile *f);

#endif
