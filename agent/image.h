/* image.h - container images by the digest of their manifest: DIR/images/sha256-<hex>, fetched with
 * skopeo from a registry or from an image layout on disk, unpacked with umoci, whole or not there.
 * Keeps of one image share its files, which they cannot write. Loop thread only.
 *
 * The manifest's bytes are hashed here, before anything that they name is fetched; skopeo compares
 * what it fetches with the digests in the manifest, umoci again when it unpacks. */
#ifndef AGENT_IMAGE_H
#define AGENT_IMAGE_H

#include <uv.h>

#include "base/err.h"
#include "base/vec.h"

/* e NULL: the image is in the folder at path (loader/oci.h names what is in it). Comes exactly
 * once, after image_get() returned. */
typedef void (*image_done)(void *user, const char *path, const struct err *e);

struct image_fetch;

struct images {
    uv_loop_t *uv;
    char dir[512];     /* absolute: the images' folder */
    char layouts[512]; /* folder of image layouts that workloads may name; "": none */
    int dir_fd;
    VEC(struct image_fetch *) fetches; /* under way, one a digest */
};

NODISCARD bool images_init(struct images *m, uv_loop_t *uv, int data_fd, const char *data,
                           const char *layouts, struct err *e);

/* Calls done when the image is there. oci: as Artifact.oci. Registries are spoken to with TLS,
 * those at a loopback address without. ERR_INPUT "image.name" (not NAME@sha256:<64 hex>),
 * "artifact.digest-mismatch" (the manifest is another), ERR_UNAVAIL "image.fetch". */
NODISCARD bool image_get(struct images *m, const char *oci, image_done done, void *user,
                         struct err *e);

/* Ends what is under way without a word. */
void images_close(struct images *m);

#endif
