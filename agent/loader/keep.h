/* keep.h - the loader's work: one keep from its folder to its end.
 *
 * The folder holds `spec` (packed StartKeep), `report` (packed KeepReport, replaced as a whole at
 * every change), `control` (control.h), `group` (the name of
 * its cgroups), `log` and `log.1` (logfile.h), `loader.log` (the loader's own words). The
 * loader holds the folder's lock (flock) as long as it lives; without it, it does not begin. */
#ifndef LOADER_KEEP_H
#define LOADER_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define KEEP_SPEC "spec"
#define KEEP_REPORT "report"
#define KEEP_GROUP "group"
#define KEEP_LOADER_LOG "loader.log"

struct keep_options {
    const char *dir;      /* the keep's folder */
    const char *artifact; /* the program's file, or the image's folder */
    const char *group;    /* the name of its cgroups; NULL: the keep's uid */
    int64_t deadline_ms;  /* CLOCK_BOOTTIME; 0: none until the agent says one */
    int control_fd;       /* a connected control socket (control.h), or -1 */
    bool spare;           /* dir, artifact and deadline come over control_fd, later */
};

/* Runs until the keep has ended. False: it could not even begin (nothing was started).
 *
 * A spare is a loader that was started before there was a keep for it: it makes its cgroups and
 * puts the process that will become the sandbox into them, and waits for a struct control_begin. So
 * what the kernel needs time for is done when a keep comes. When control_fd is closed before, it
 * ends. */
NODISCARD bool keep_run(const struct keep_options *o, struct err *e);

#endif
