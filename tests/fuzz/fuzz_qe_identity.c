/* Any bytes as the identity of Intel's quoting enclave, signed or as what was signed. */
#include <stdlib.h>

#include "attest/dcap_collateral.h"
#include "attest/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(struct bytes in, enum dcap_tee tee)
{
    struct dcap_identity i;
    struct err e = {0};

    if (!dcap_identity_read(in, tee, "fuzz", &i, &e)) {
        if (e.reason[0] == '\0' || e.field[0] == '\0')
            abort();
        return;
    }
    if (i.levels_n == 0 || i.levels_n > DCAP_SVN_LEVELS)
        abort();
    for (unsigned k = 0; k < i.levels_n; k++) {
        const struct dcap_svn_level *l = &i.level[k];

        if (l->status != DCAP_UP_TO_DATE && l->status != DCAP_OUT_OF_DATE &&
            l->status != DCAP_REVOKED)
            abort();
        for (unsigned n = 0; n < dcap_advisories_count(l->advisories); n++)
            if (strlen(dcap_advisory(l->advisories, n)) >= FACT_WORD)
                abort();
    }
    dcap_identity_fini(&i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    uint8_t signature[64];
    struct bytes inner;

    read_one(in, DCAP_TEE_SGX);
    read_one(in, DCAP_TEE_TDX);
    if (dcap_document_cut(in, "enclaveIdentity", "fuzz", &inner, signature, NULL)) {
        if (inner.p < data || inner.p + inner.n > data + size)
            abort();
        read_one(inner, DCAP_TEE_SGX);
    }
    return 0;
}
