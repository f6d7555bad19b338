/* Any bytes as a CCA token, as the claims of either half, and as the file of its anchor. The first
 * byte says which. */
#include <stdlib.h>

#include "attest/cca_token.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const struct explained *x, void *data)
{
    size_t *next = data;

    if (x->offset != *next)
        abort();
    *next += x->size;
}

static void try_token(struct bytes in)
{
    const struct evidence_options o = {.now_s = 1795000000, .allow_debug = true};
    struct evidence_input input = {.evidence = in};
    struct cca_token t;
    struct facts f;
    struct err e = {0};
    size_t explained = 0;

    if (cca_token_parse(in, false, &t, &e)) {
        if (t.platform.instance_id.n != CCA_INSTANCE_SIZE || t.platform.components_n == 0 ||
            t.platform.components_n > CCA_COMPONENTS || t.realm.challenge.n != CCA_CHALLENGE_SIZE ||
            t.realm.measurement.n < 32 || t.realm.measurement.n > FACT_MEASUREMENT)
            abort();
    } else if (e.reason[0] == '\0' || e.field[0] == '\0') {
        abort();
    }
    if (evidence_explain(in, count, &explained, NULL) && explained != in.n)
        abort();
    e = (struct err){0};
    if (evidence_verify(&input, &o, &f, &e) || e.reason[0] == '\0') /* never without its anchor */
        abort();
}

static void try_claims(struct bytes in)
{
    struct cca_platform p;
    struct cca_realm r;
    struct err e = {0};

    if (!cca_platform_parse(in, &p, &e) && e.reason[0] == '\0')
        abort();
    e = (struct err){0};
    if (!cca_realm_parse(in, &r, &e) && e.reason[0] == '\0')
        abort();
}

/* A sound token with any file as its anchor: only the pinned key may pass. */
static void try_anchor(struct bytes in, const char *name)
{
    static const uint8_t report_data[64];
    static struct sim_evidence s;
    static bool made;
    const struct evidence_options o = {.now_s = 1795000000, .allow_simulated = true};
    struct evidence_input input = {.files_n = 1};
    struct facts f;
    struct err e = {0};

    if (!made) {
        struct sim_platform p;

        sim_platform_init(&p, &sim_cca_kind, 0);
        made = sim_evidence(&p, report_data, 1795000000, &s, NULL);
        if (!made)
            abort();
    }
    input.evidence = buf_bytes(&s.evidence);
    input.files[0] = (struct evidence_file){name, in};
    if (evidence_verify(&input, &o, &f, &e)) {
        if (f.assurance != ASSURANCE_SIMULATED)
            abort();
    } else if (e.reason[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = {data + 1, size - 1};

    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'p':
        try_claims(rest);
        break;
    case 'j':
        try_anchor(rest, "cpak_trust_anchor.json");
        break;
    case 'd':
        try_anchor(rest, "cpak.der");
        break;
    default:
        try_token((struct bytes){data, size});
    }
    return 0;
}
