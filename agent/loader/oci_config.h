/* oci_config.h - the container's configuration (OCI runtime specification 1.0.2, config.md) from
 * what the image says (umoci's translation of it, by OCI image specification, conversion.md) and
 * what the keep may: our own namespaces, mounts, identities and system call filter, whatever the
 * image wants. Pure. */
#ifndef LOADER_OCI_CONFIG_H
#define LOADER_OCI_CONFIG_H

#include "bailey/v1/session.pb-c.h"
#include "base/buf.h"
#include "base/err.h"

/* Identities of a container are the host's from here on, as many as below. No user of a host has
 * them (Debian gives 100000 to 600100000 to users, so this is above). */
#define OCI_ID_BASE 1610612736u
#define OCI_ID_COUNT 65536u

struct oci_config {
    const Bailey__V1__StartKeep *spec;
    struct bytes translated; /* umoci's config.json */
    struct bytes image;      /* the image's own configuration, JSON; for its entry point */
    const char *rootfs;      /* path, as the runtime will see it */
    uint64_t as_bytes;       /* RLIMIT_AS; 0: none */
};

/* Appends the JSON to out. ERR_INPUT "oci.config" (one of the two is not what it should be, or the
 * image names no program). */
NODISCARD bool oci_config(const struct oci_config *o, struct buf *out, struct err *e);

#endif
