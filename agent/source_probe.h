/* source_probe.h - how the guest that answers for a host is started. */
#ifndef AGENT_SOURCE_PROBE_H
#define AGENT_SOURCE_PROBE_H

#include "agent/source.h"

#define PROBE_ARGUMENTS 48

/* QEMU's command line, with what it points at. */
struct probe_command {
    const char *argument[PROBE_ARGUMENTS]; /* NULL after the last */
    unsigned n;
    char append[512], tee[128];
};

/* For o->probe_machine "snp" (QEMU 9.1 or newer), "tdx" (10.1) or "plain", an ordinary guest that
 * is emulated: its evidence can only be simulated. *c must not be copied. */
void probe_command(const struct source_options *o, struct probe_command *c);

#endif
