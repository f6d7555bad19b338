#include <stdlib.h>
#include <string.h>

#include "agent/source.h"
#include "attest/sim/sim.h"
#include "base/clock.h"

static bool names_chip(const char *text)
{
    for (const char *key = text; key != NULL; key = strchr(key, ',')) {
        key += strspn(key, ", ");
        if (strncmp(key, "chip=", 5) == 0)
            return true;
    }
    return false;
}

/* FNV-1a: the same name is the same chip after every restart. */
static uint64_t chip_of(const char *node)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *node != '\0'; node++)
        h = (h ^ (uint8_t)*node) * 0x100000001b3u;
    return h;
}

/* Without a `chip` in the text the chip is the node's own, made from its name: two simulated nodes
 * are two chips. */
static bool probe(struct source *s, struct err *e)
{
    static struct sim_platform platform; /* a program has one */

    if (s->o.simulate == NULL)
        return err_set(e, ERR_MISSING, "source.not-asked", "nobody said what to simulate"),
               err_mend(e, "--simulate PLATFORM, for demonstrations and tests");
    if (!sim_platform_parse(s->o.simulate, &platform, e))
        return err_wrap(e, "--simulate");
    if (!names_chip(s->o.simulate))
        platform.chip = chip_of(s->o.node == NULL ? "" : s->o.node);
    s->state = &platform;
    return true;
}

static bool collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e)
{
    AUTO_SIM_EVIDENCE struct sim_evidence made = {0};
    AUTO_SOURCE_EVIDENCE struct source_evidence copy = {0};

    if (!sim_evidence(s->state, report_data, clock_system.wall_ms(&clock_system) / 1000, &made, e))
        return false;
    buf_put(&copy.evidence, made.evidence.p, made.evidence.n);
    for (unsigned i = 0; i < made.files_n; i++) {
        struct buf *b = source_evidence_file(&copy, made.files[i].name);

        buf_put(b, made.files[i].bytes.p, made.files[i].bytes.n);
        if (!buf_ok(b, e))
            return false;
    }
    if (!buf_ok(&copy.evidence, e))
        return false;
    *out = copy;
    copy = (struct source_evidence){0};
    return true;
}

const struct source_kind source_sim = {"sim", "simulator", probe, collect};
