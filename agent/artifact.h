/* artifact.h - programs by content: DIR/blobs/sha256-<hex>, fetched from the controller, whole and
 * checked or not there. What lies there from an earlier life, or changed since, is hashed before it
 * is used again, and fetched anew when its bytes are others. Loop thread only. */
#ifndef AGENT_ARTIFACT_H
#define AGENT_ARTIFACT_H

#include <uv.h>

#include "agent/artifact_store.h"
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
    struct artifact_store store;          /* quota, needed and user are the owner's to set */
    VEC(struct artifact_fetch *) fetches; /* under way, one a digest */
};

NODISCARD bool artifacts_init(struct artifacts *a, uv_loop_t *uv, int data_fd, const char *data,
                              struct err *e);

/* Calls done when the artifact is there. Fetching one digest for many happens once; a broken
 * transfer goes on where it broke, for about ten minutes; when it fails for good, nothing of it is
 * left. ERR_LIMIT "artifact.quota", ERR_INPUT "artifact.digest" (not
 * sha256:<64 hex>), "artifact.digest-mismatch" (the bytes are others). */
NODISCARD bool artifact_get(struct artifacts *a, const char *digest, artifact_done done, void *user,
                            struct err *e);

/* Whether that file is being fetched or looked at. */
bool artifact_fetching(const struct artifacts *a, const char *name);

#endif
