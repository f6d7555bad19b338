/* artifact.h - programs by content: DIR/blobs/sha256-<hex>, fetched from the controller, whole and
 * checked or not there. Loop thread only. */
#ifndef AGENT_ARTIFACT_H
#define AGENT_ARTIFACT_H

#include <uv.h>

#include "base/err.h"
#include "base/vec.h"
#include "rpc/client.h"

/* e NULL: the file at path is the artifact. Comes exactly once, after artifact_get() returned. */
typedef void (*artifact_done)(void *user, const char *path, const struct err *e);

struct artifact_fetch;

struct artifacts {
    uv_loop_t *uv;
    struct rpc_client *client;
    char dir[512]; /* absolute: the blobs' folder */
    int dir_fd;
    VEC(struct artifact_fetch *) fetches; /* under way, one a digest */
};

NODISCARD bool artifacts_init(struct artifacts *a, uv_loop_t *uv, int data_fd, const char *data,
                              struct err *e);

/* Calls done when the artifact is there. Fetching one digest for many happens once; a broken
 * transfer goes on where it broke, for about ten minutes. ERR_INPUT "artifact.digest" (not
 * sha256:<64 hex>), "artifact.digest-mismatch" (the bytes are others). */
NODISCARD bool artifact_get(struct artifacts *a, const char *digest, artifact_done done, void *user,
                            struct err *e);

#endif
