/* file.h - files that are whole or absent: written beside, synced, renamed, and the folder synced.
 */
#ifndef AGENT_FILE_H
#define AGENT_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Replaces `name` in the folder open as dir_fd. After true the new contents survive a power cut. */
NODISCARD bool file_write(int dir_fd, const char *name, struct bytes b, mode_t mode, struct err *e);

/* The same without waiting for the disk: whole after the end of any process, but not after a power
 * cut. For what matters only as long as this kernel runs. */
NODISCARD bool file_replace(int dir_fd, const char *name, struct bytes b, mode_t mode,
                            struct err *e);

/* Appends the whole file to out; ERR_MISSING when there is none, ERR_LIMIT above out's limit. */
NODISCARD bool file_read(int dir_fd, const char *name, struct buf *out, struct err *e);

/* Makes the folder (0700) if it is not there and opens it, close-on-exec. */
NODISCARD bool file_dir(int dir_fd, const char *name, int *out, struct err *e);

#endif
