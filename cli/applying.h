/* applying.h - what -f names, ready to be sent: objects of all files, with the namespace that the
 * command line gives and the digests of the programs that workloads name. For apply and diff. */
#ifndef CLI_APPLYING_H
#define CLI_APPLYING_H

#include "base/arena.h"
#include "cli/client.h"

#define OBJECTS_MAX 1000

struct applying {
    Bailey__V1__Object *objects[OBJECTS_MAX];
    const char *file[OBJECTS_MAX]; /* where each stood */
    size_t n;
    struct arena arena;
};

/* Reads all files, opens the client, and finds the programs' digests; uploads them where `upload`.
 * False: c->err is set. */
NODISCARD bool applying_read(struct cli *c, struct applying *a, bool upload);

#endif
