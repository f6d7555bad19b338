/* source.h - where evidence comes from. An agent asks its TEE and carries the answer; it judges
 * nothing. */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include <stdint.h>

#include "bailey/v1/session.pb-c.h"
#include "base/arena.h"
#include "base/err.h"

struct source {
    const char *name; /* "simulator" */
    /* Evidence whose signed report data is these 64 bytes; out's parts live in `a`. */
    bool (*evidence)(const struct source *, const uint8_t report_data[64], struct arena *a,
                     Bailey__V1__Evidence *out, struct err *e);
    void *state;
};

/* text: what --simulate says; see attest/sim/sim.h. Without a `chip` in it the chip is the node's
 * own, made from its name: two simulated nodes are two chips. The source lives as long as the
 * program. */
NODISCARD bool source_sim(const char *text, const char *node, const struct source **out,
                          struct err *e);

#endif
