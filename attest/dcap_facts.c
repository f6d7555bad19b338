#include "attest/dcap_case.h"
#include "base/str.h"

static void flag_set(struct facts *f, enum finding what, enum dcap_flag flag)
{
    if (flag != DCAP_FLAG_ABSENT) /* the Processor CA's certificates say nothing of these */
        finding_set(f, what, flag == DCAP_FLAG_TRUE);
}

static void svn_add(struct facts *f, const char *name, uint64_t value, const char *source)
{
    struct fact_svn *s = &f->tcb[f->tcb_n++]; /* 35 of FACT_TCB_PARTS at most */

    str_copy(s->name, sizeof s->name, name);
    s->value = value;
    str_copy(s->source, sizeof s->source, source);
}

/* "sgx-01" to "sgx-16", as the catalog calls the components. */
static void svns_add(struct facts *f, const char *what, const uint8_t svn[16], const char *source)
{
    char name[] = "xxx-00";

    memcpy(name, what, 3);
    for (unsigned i = 1; i <= 16; i++) {
        name[4] = (char)('0' + i / 10);
        name[5] = (char)('0' + i % 10);
        svn_add(f, name, svn[i - 1], source);
    }
}

static void svns_fill(const struct dcap_case *c, struct facts *f)
{
    const struct tdx_body *td = &c->quote.tdx;

    svns_add(f, "sgx", c->pck.component, "PCK.TCB");
    svn_add(f, "pcesvn", c->pck.pcesvn, "PCK.PCESVN");
    svn_add(f, "qe", c->quote.qe.isvsvn, "QE_REPORT.ISVSVN");
    if (c->quote.tee != DCAP_TEE_TDX)
        return;
    svns_add(f, "tdx", td->tee_tcb_svn, "REPORT.TEE_TCB_SVN");
    svn_add(f, "module", td->tee_tcb_svn[0], "REPORT.TEE_TCB_SVN");
    /* the module's major version and its SVN are all of its version that a report holds */
    f->firmware = (struct fact_version){.n = 2, .part = {td->tee_tcb_svn[1], td->tee_tcb_svn[0]}};
    str_copy(f->firmware.source, FACT_SOURCE, "REPORT.TEE_TCB_SVN");
}

static void generation_fill(const struct dcap_case *c, struct facts *f)
{
    const struct platform *row =
        platform_find_fmspc(c->o->platforms, c->o->platforms_n, c->pck.fmspc);

    if (row == NULL)
        return; /* a processor that nobody listed */
    platform_generations(row, &f->generation);
    str_copy(f->generation.source, FACT_SOURCE, "PCK.FMSPC");
}

static void findings_fill(const struct dcap_case *c, struct facts *f)
{
    const struct tdx_body *td = &c->quote.tdx;

    if (c->quote.tee == DCAP_TEE_TDX) {
        finding_set(f, FINDING_DEBUG, (td->tdattributes & TDX_ATTRIBUTES_TUD) != 0);
        finding_set(f, FINDING_MIGRATABLE, (td->tdattributes & TDX_ATTRIBUTE_MIGRATABLE) != 0);
        finding_set(f, FINDING_SEPT_VE_ENABLED,
                    (td->tdattributes & TDX_ATTRIBUTE_SEPT_VE_DISABLE) == 0);
    } else {
        finding_set(f, FINDING_DEBUG, (c->quote.sgx.attributes[0] & SGX_FLAG_DEBUG) != 0);
    }
    flag_set(f, FINDING_SMT, c->pck.smt);
    flag_set(f, FINDING_CACHED_KEYS, c->pck.cached_keys);
    flag_set(f, FINDING_DYNAMIC_PLATFORM, c->pck.dynamic_platform);
    finding_set(f, FINDING_REVOCATION_UNCHECKED,
                c->revocation.pck == NULL || c->revocation.root == NULL);
    if (c->judged || c->revocation.pck != NULL || c->revocation.root != NULL)
        finding_set(f, FINDING_STALE_COLLATERAL, c->revocation.stale || c->stale[0] || c->stale[1]);
    if (c->judged && td->td15)
        finding_set(f, FINDING_TD_RELAUNCH_ADVISED, c->match.relaunch);
}

static void identity_fill(const struct dcap_case *c, struct facts *f)
{
    const uint8_t *id = c->pck.has_instance ? c->pck.instance : c->pck.ppid;

    if (bytes_zero((struct bytes){id, 16}))
        return;
    f->platform_id_n = 16;
    memcpy(f->platform_id, id, 16);
    str_copy(f->platform_id_source, FACT_SOURCE,
             c->pck.has_instance ? "PCK.PLATFORM_INSTANCE_ID" : "PCK.PPID");
}

static bool advisory_add(struct facts *f, const char *id, struct err *e)
{
    for (unsigned i = 0; i < f->advisories_n; i++)
        if (strcmp(f->advisory[i], id) == 0)
            return true;
    if (f->advisories_n == FACT_ADVISORIES)
        return err_set(e, ERR_LIMIT, "dcap.advisories", "more than %d advisories", FACT_ADVISORIES),
               err_field(e, "tcb_info.json");
    str_copy(f->advisory[f->advisories_n++], FACT_WORD, id);
    return true;
}

static bool advisories_add(struct facts *f, struct dcap_advisories a, struct err *e)
{
    for (unsigned i = 0; i < dcap_advisories_count(a); i++)
        if (!advisory_add(f, dcap_advisory(a, i), e))
            return false;
    return true;
}

static bool status_fill(const struct dcap_case *c, struct facts *f, struct err *e)
{
    const struct dcap_match *m = &c->match;

    str_copy(f->tcb_status, sizeof f->tcb_status, dcap_status_name(m->status));
    f->tcb_date_s = m->date_s;
    f->advisories_known = true;
    return advisories_add(f, m->platform->advisories, e) &&
           (m->module == NULL || advisories_add(f, m->module->advisories, e)) &&
           advisories_add(f, m->qe->advisories, e);
}

bool dcap_facts_fill(const struct dcap_case *c, struct facts *out, struct err *e)
{
    bool tdx = c->quote.tee == DCAP_TEE_TDX;
    struct facts f = {.assurance =
                          c->chain.anchor->simulated ? ASSURANCE_SIMULATED : ASSURANCE_HARDWARE};

    fact_set(&f.vendor, c->chain.anchor->vendor, "SGX Root CA");
    fact_set(&f.technology, tdx ? "tdx" : "sgx", "QUOTE.TEE_TYPE");
    generation_fill(c, &f);
    svns_fill(c, &f);
    findings_fill(c, &f);
    identity_fill(c, &f);
    if (c->judged && !status_fill(c, &f, e))
        return false;
    f.measurement_n = tdx ? sizeof c->quote.tdx.mrtd : sizeof c->quote.sgx.mrenclave;
    memcpy(f.measurement, tdx ? c->quote.tdx.mrtd : c->quote.sgx.mrenclave, f.measurement_n);
    *out = f;
    return true;
}
