/* inventory.h - what this host says of itself: declared, never proof. */
#ifndef AGENT_INVENTORY_H
#define AGENT_INVENTORY_H

#include <stdint.h>

#include "agent/source.h"
#include "bailey/v1/node.pb-c.h"
#include "base/arena.h"
#include "base/err.h"

struct inventory_options { /* 0 or NULL: as detected */
    uint64_t cpu_milli, memory_bytes, tee_slots, epc_bytes;
    char **labels; /* "key=value" */
    size_t labels_n;
    struct source_finding sources[SOURCE_KINDS]; /* of evidence, as they were tried */
    unsigned sources_n;
};

/* *out lives in `a`. Tries each runtime once, so call it before threads start. */
NODISCARD bool inventory(const struct inventory_options *o, struct arena *a,
                         Bailey__V1__Declared **out, struct err *e);

#endif
