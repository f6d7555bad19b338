/* oci.h - the runtime `oci`: a container image, unpacked by the agent (image.h), run by runc in
 * namespaces of its own, users included.
 *
 * runc leaves the container it starts to whoever called it. So that nothing of a keep outlives its
 * loader, runc is called by a process that is the first of a process namespace and ends with the
 * loader; the kernel ends the rest of the namespace with it. That process has a mount namespace,
 * too, in which runc's files lie in memory: nothing is left behind. runc may not write cgroups
 * there, as all of this is in the keep's already. */
#ifndef LOADER_OCI_H
#define LOADER_OCI_H

#include "agent/runtime.h"

extern const struct runtime runtime_oci;

/* Names in an image's folder. */
#define OCI_ROOTFS "bundle/rootfs"
#define OCI_TRANSLATED "bundle/config.json"
#define OCI_IMAGE "image.json"

#endif
