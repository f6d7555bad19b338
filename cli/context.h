/* context.h - which cluster, and as whom: {server, ca, certificate, key}, the paths relative to the
 * file. The controller writes one at its first start: DIR/admin/context.yaml. */
#ifndef CLI_CONTEXT_H
#define CLI_CONTEXT_H

#include "base/err.h"

#define CONTEXT_PATH 1024

struct context {
    char file[CONTEXT_PATH]; /* where it came from */
    char server[300];        /* host:port */
    char ca[CONTEXT_PATH];
    char certificate[CONTEXT_PATH];
    char key[CONTEXT_PATH];
};

/* file: NULL for $BAILEY_CONTEXT_FILE, else ${XDG_CONFIG_HOME:-~/.config}/bailey/contexts.yaml. */
NODISCARD bool context_load(const char *file, struct context *out, struct err *e);

#endif
