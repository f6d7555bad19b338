/* image_layout.h - OCI image layouts on disk (OCI image specification 1.0.2, image-layout.md). */
#ifndef AGENT_IMAGE_LAYOUT_H
#define AGENT_IMAGE_LAYOUT_H

#include "base/buf.h"
#include "base/err.h"

#define IMAGE_MANIFEST_MAX (4u << 20)
#define IMAGE_REFERENCE "image" /* the one reference of layouts that are made here */

/* True when the bytes' SHA-256 is the digest's ("sha256:<hex>"); else ERR_INPUT
 * "artifact.digest-mismatch". */
NODISCARD bool image_digest_check(struct bytes b, const char *digest, struct err *e);

/* Makes a layout in the folder `into` that names only the manifest with that digest of the layout
 * at path `from`, and shares its blobs. *manifest gets the manifest's bytes, not yet checked. */
NODISCARD bool image_layout_pick(const char *from, const char *digest, int into,
                                 struct buf *manifest, struct err *e);

/* The image's own configuration out of a layout with one reference, appended to out. */
NODISCARD bool image_layout_config(int layout, struct buf *out, struct err *e);

#endif
