/* keep.h - the loader's work: one keep from its folder to its end.
 *
 * The folder holds `spec` (packed StartKeep), `report` (packed KeepReport, replaced as a whole at
 * every change), `control` (control.h), `log` and `log.1` (logfile.h). The
 * loader holds the folder's lock (flock) as long as it lives; without it, it does not begin. */
#ifndef LOADER_KEEP_H
#define LOADER_KEEP_H

#include <stdint.h>

#include "base/err.h"

#define KEEP_SPEC "spec"
#define KEEP_REPORT "report"

struct keep_options {
    const char *dir;      /* the keep's folder */
    const char *artifact; /* the program's file */
    int64_t deadline_ms;  /* CLOCK_BOOTTIME; 0: none until the agent says one */
};

/* Runs until the keep has ended. False: it could not even begin (nothing was started). */
NODISCARD bool keep_run(const struct keep_options *o, struct err *e);

#endif
