#include "attest/sim/sim.h"

#include <string.h>

#include "attest/sim/sim_kind.h"

const struct sim_kind *const sim_kinds[] = {
    &sim_snp_kind, &sim_tdx_kind, &sim_sgx_kind, &sim_nitro_kind, &sim_cca_kind,
};
const unsigned sim_kinds_n = sizeof sim_kinds / sizeof sim_kinds[0];

const struct sim_kind *sim_kind_find(const char *technology)
{
    for (unsigned i = 0; i < sim_kinds_n; i++)
        if (strcmp(sim_kinds[i]->technology, technology) == 0)
            return sim_kinds[i];
    return NULL;
}

void sim_platform_init(struct sim_platform *p, const struct sim_kind *kind, unsigned generation)
{
    BUG_ON(generation >= kind->generations_n && generation > 0);
    memset(p, 0, sizeof *p);
    p->kind = kind;
    p->generation = generation;
    kind->init(p);
}

const char *sim_technology_name(const struct sim_platform *p)
{
    return p->kind->technology;
}

const char *sim_vendor_name(const struct sim_platform *p)
{
    return p->kind->vendor;
}

const char *sim_generation_name(const struct sim_platform *p)
{
    return p->kind->generations_n == 0 ? "" : p->kind->generations[p->generation];
}

const char *sim_defect_name(const struct sim_platform *p)
{
    return p->kind->defects[p->defect];
}

struct buf *sim_file(struct sim_evidence *s, const char *name)
{
    BUG_ON(s->files_n >= SIM_FILES);
    s->files[s->files_n].name = name;
    return &s->files[s->files_n++].bytes;
}

void sim_evidence_fini(struct sim_evidence *s)
{
    buf_fini(&s->evidence);
    for (unsigned i = 0; i < SIM_FILES; i++)
        buf_fini(&s->files[i].bytes);
    s->files_n = 0;
}

bool sim_evidence(const struct sim_platform *p, const uint8_t report_data[64], int64_t now_s,
                  struct sim_evidence *out, struct err *e)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};

    if (!p->kind->make(p, report_data, now_s, &s, e) || !buf_ok(&s.evidence, e))
        return false;
    for (unsigned i = 0; i < s.files_n; i++)
        if (!buf_ok(&s.files[i].bytes, e))
            return false;
    *out = s;
    s = (struct sim_evidence){0};
    return true;
}
