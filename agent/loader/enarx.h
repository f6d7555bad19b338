/* enarx.h - the runtime `enarx`: a WebAssembly module in an Enarx keep, by the `enarx` program
 * where it is installed. It reads the keep's arguments and environment from a configuration file
 * (Enarx.toml), which is written into the keep's folder, and chooses its own backend (SGX, SNP). */
#ifndef LOADER_ENARX_H
#define LOADER_ENARX_H

#include "agent/runtime.h"
#include "base/buf.h"

extern const struct runtime runtime_enarx;

#define ENARX_CONFIG "Enarx.toml"

/* Appends the configuration: standard files, arguments, environment. */
NODISCARD bool enarx_config(const Bailey__V1__StartKeep *spec, struct buf *out, struct err *e);

#endif
