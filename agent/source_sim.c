#include "agent/source.h"

#include <string.h>

#include "attest/sim/sim.h"
#include "base/clock.h"

static bool copy(struct arena *a, struct bytes from, ProtobufCBinaryData *to, struct err *e)
{
    to->data = arena_alloc(a, from.n + 1);
    if (to->data == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for evidence");
    memcpy(to->data, from.p, from.n);
    to->len = from.n;
    return true;
}

static bool evidence(const struct source *s, const uint8_t report_data[64], struct arena *a,
                     Bailey__V1__Evidence *out, struct err *e)
{
    const struct sim_platform *p = s->state;
    AUTO_SIM_EVIDENCE struct sim_evidence made = {0};

    if (!sim_evidence(p, report_data, clock_system.wall_ms(&clock_system) / 1000, &made, e) ||
        !copy(a, buf_bytes(&made.evidence), &out->evidence, e))
        return false;
    out->files = arena_array(a, made.files_n, sizeof *out->files);
    if (out->files == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for evidence");
    for (unsigned i = 0; i < made.files_n; i++) {
        Bailey__V1__EvidenceFile *f = arena_alloc(a, sizeof *f);

        if (f == NULL)
            return err_set(e, ERR_NOMEM, "memory", "no memory for evidence");
        bailey__v1__evidence_file__init(f);
        f->name = arena_strdup(a, made.files[i].name);
        if (f->name == NULL || !copy(a, buf_bytes(&made.files[i].bytes), &f->data, e))
            return err_set(e, ERR_NOMEM, "memory", "no memory for evidence");
        out->files[out->n_files++] = f;
    }
    return true;
}

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

bool source_sim(const char *text, const char *node, const struct source **out, struct err *e)
{
    static struct sim_platform platform;
    static const struct source source = {"simulator", evidence, &platform};

    if (!sim_platform_parse(text, &platform, e))
        return err_wrap(e, "--simulate");
    if (!names_chip(text))
        platform.chip = chip_of(node);
    *out = &source;
    return true;
}
