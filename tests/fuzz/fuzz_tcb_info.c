/* Any bytes as Intel's TCB Info, signed or as what was signed, and a platform matched against
 * whatever could be read. */
#include <stdlib.h>

#include "attest/dcap_match.h"
#include "attest/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Signed bytes that are not the signed bytes would be the end of it. */
static void cut(struct bytes in)
{
    uint8_t signature[64];
    struct bytes inner;

    if (!dcap_document_cut(in, "tcbInfo", "fuzz", &inner, signature, NULL))
        return;
    if (inner.p < in.p || inner.p + inner.n > in.p + in.n || inner.n < 2 || inner.p[0] != '{' ||
        inner.p[inner.n - 1] != '}')
        abort();
}

static void advisories(struct dcap_advisories a)
{
    if (dcap_advisories_count(a) > FACT_ADVISORIES)
        abort();
    for (unsigned i = 0; i < dcap_advisories_count(a); i++)
        if (strlen(dcap_advisory(a, i)) >= FACT_WORD)
            abort();
}

static void match(const struct dcap_tcb_info *t, enum dcap_tee tee, const uint8_t *data,
                  size_t size)
{
    static const struct dcap_identity i = {.levels_n = 1,
                                           .level = {{.isvsvn = 0, .status = DCAP_UP_TO_DATE}}};
    struct dcap_quote q = {.tee = tee, .tdx.td15 = true};
    struct dcap_pck pck = {.pcesvn = 0xffff};
    struct dcap_match m;
    struct err e = {0};

    memcpy(pck.fmspc, t->fmspc, sizeof pck.fmspc);
    memcpy(pck.pceid, t->pceid, sizeof pck.pceid);
    memset(pck.component, size > 0 ? data[size - 1] : 0, sizeof pck.component);
    for (size_t k = 0; k < 16 && k < size; k++) {
        q.tdx.tee_tcb_svn[k] = data[size - 1 - k] % 8;
        q.tdx.tee_tcb_svn_2[k] = data[k] % 8;
    }
    if (!dcap_match(&q, &pck, t, &i, &m, &e)) {
        if (e.reason[0] == '\0')
            abort();
        return;
    }
    if (m.status == DCAP_STATUS_NONE || dcap_status_name(m.status)[0] == '\0' ||
        m.platform < t->level || m.platform >= t->level + t->levels_n)
        abort();
    advisories(m.platform->advisories);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dcap_tee tees[] = {DCAP_TEE_SGX, DCAP_TEE_TDX};
    const struct bytes in = {data, size};

    cut(in);
    for (unsigned k = 0; k < 2; k++) {
        struct dcap_tcb_info t;
        struct err e = {0};

        if (!dcap_tcb_info_read(in, tees[k], "fuzz", &t, &e)) {
            if (e.reason[0] == '\0')
                abort();
            continue;
        }
        if (t.levels_n == 0 || t.levels_n > DCAP_LEVELS || t.modules_n > DCAP_MODULES)
            abort();
        match(&t, tees[k], data, size);
        dcap_tcb_info_fini(&t);
    }
    return 0;
}
