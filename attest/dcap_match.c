#include "attest/dcap_match.h"

#include "base/str.h"

/* Where both have to be the same, as hex; the longest are 48 bytes. */
static bool mismatch(struct err *e, const char *reason, const char *field, struct bytes found,
                     struct bytes expected)
{
    char hex[2 * 48 + 1];

    err_set(e, ERR_INPUT, reason, "%s: not what the collateral says", field);
    err_field(e, "%s", field);
    hex_format(found, hex);
    err_found(e, "%s", hex);
    hex_format(expected, hex);
    return err_expected(e, "%s", hex);
}

static bool masked_equal(const uint8_t *v, const uint8_t *mask, const uint8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((v[i] & mask[i]) != want[i])
            return false;
    return true;
}

static bool same_platform(const struct dcap_pck *pck, const struct dcap_tcb_info *t, struct err *e)
{
    if (memcmp(pck->fmspc, t->fmspc, sizeof pck->fmspc) != 0)
        return mismatch(e, "dcap.fmspc-mismatch", "PCK.FMSPC", BYTES_OF(pck->fmspc),
                        BYTES_OF(t->fmspc)),
               err_mend(e, "fetch the TCB info of this platform's FMSPC");
    if (memcmp(pck->pceid, t->pceid, sizeof pck->pceid) != 0)
        return mismatch(e, "dcap.pceid-mismatch", "PCK.PCEID", BYTES_OF(pck->pceid),
                        BYTES_OF(t->pceid));
    return true;
}

static bool all_reach(const uint8_t have[16], const uint8_t want[16], unsigned from)
{
    for (unsigned i = from; i < 16; i++)
        if (have[i] < want[i])
            return false;
    return true;
}

/* From the first level on, the first that is reached. A module with a major version is judged by
 * its own identity, so that its two bytes of the SVN do not count here. */
static void levels_match(const struct dcap_quote *q, const struct dcap_pck *pck,
                         const struct dcap_tcb_info *t, struct dcap_match *m)
{
    unsigned from = q->tdx.tee_tcb_svn[1] > 0 ? 2 : 0;

    for (unsigned i = 0; i < t->levels_n; i++) {
        const struct dcap_level *l = &t->level[i];

        if (!all_reach(pck->component, l->sgx, 0) || pck->pcesvn < l->pcesvn)
            continue;
        if (m->sgx == NULL)
            m->sgx = l;
        if (q->tee == DCAP_TEE_SGX || all_reach(q->tdx.tee_tcb_svn, l->tdx, from)) {
            m->platform = l;
            return;
        }
    }
}

static const struct dcap_svn_level *svn_level(const struct dcap_svn_level *level, unsigned n,
                                              unsigned isvsvn)
{
    for (unsigned i = 0; i < n; i++)
        if (level[i].isvsvn <= isvsvn)
            return &level[i];
    return NULL;
}

static const struct dcap_module *module_find(const struct dcap_tcb_info *t, uint8_t version)
{
    for (unsigned i = 0; i < t->modules_n; i++)
        if (t->identity[i].version == version)
            return &t->identity[i];
    return NULL;
}

static bool module_is(const struct tdx_body *b, const struct dcap_module *m, struct err *e)
{
    if (memcmp(b->mrsignerseam, m->mrsigner, sizeof m->mrsigner) != 0)
        return mismatch(e, "dcap.module-mismatch", "REPORT.MRSIGNERSEAM", BYTES_OF(b->mrsignerseam),
                        BYTES_OF(m->mrsigner));
    if (!masked_equal(b->seamattributes, m->mask, m->attributes, sizeof m->mask))
        return mismatch(e, "dcap.module-mismatch", "REPORT.SEAMATTRIBUTES",
                        BYTES_OF(b->seamattributes), BYTES_OF(m->attributes));
    return true;
}

static bool module_match(const struct tdx_body *b, const struct dcap_tcb_info *t,
                         struct dcap_match *out, struct err *e)
{
    uint8_t version = b->tee_tcb_svn[1];
    const struct dcap_module *m = version > 0 ? module_find(t, version) : &t->module;

    if (m == NULL)
        return err_set(e, ERR_INPUT, "dcap.module-unknown",
                       "TEE_TCB_SVN: no identity of a TDX module TDX_%02X", version),
               err_field(e, "REPORT.TEE_TCB_SVN[1]"), err_found(e, "TDX_%02X", version),
               err_expected(e, "a module named in tdxModuleIdentities"),
               err_mend(e, "fetch newer TCB info");
    if (!module_is(b, m, e))
        return false;
    if (version == 0)
        return true; /* the levels of the platform hold its SVN */
    out->module = svn_level(m->level, m->levels_n, b->tee_tcb_svn[0]);
    if (out->module != NULL)
        return true;
    return err_set(e, ERR_INPUT, "dcap.module-no-match",
                   "TEE_TCB_SVN: older than every level of "
                   "its TDX module"),
           err_field(e, "REPORT.TEE_TCB_SVN[0]"), err_found(e, "%u", b->tee_tcb_svn[0]),
           err_expected(e, "at least %u", m->level[m->levels_n - 1].isvsvn),
           err_mend(e, "update the TDX module of this host");
}

static bool qe_match(const struct sgx_body *qe, const struct dcap_identity *i,
                     struct dcap_match *out, struct err *e)
{
    uint8_t misc[4] = {(uint8_t)qe->miscselect, (uint8_t)(qe->miscselect >> 8),
                       (uint8_t)(qe->miscselect >> 16), (uint8_t)(qe->miscselect >> 24)};
    const char *reason = "dcap.qe-mismatch";

    if (memcmp(qe->mrsigner, i->mrsigner, sizeof qe->mrsigner) != 0)
        return mismatch(e, reason, "QE_REPORT.MRSIGNER", BYTES_OF(qe->mrsigner),
                        BYTES_OF(i->mrsigner));
    if (qe->isvprodid != i->isvprodid)
        return err_set(e, ERR_INPUT, reason, "QE_REPORT.ISVPRODID: not what the collateral says"),
               err_field(e, "QE_REPORT.ISVPRODID"), err_found(e, "%u", qe->isvprodid),
               err_expected(e, "%u", i->isvprodid);
    if (!masked_equal(misc, i->miscselect_mask, i->miscselect, sizeof misc))
        return mismatch(e, reason, "QE_REPORT.MISCSELECT", BYTES_OF(misc), BYTES_OF(i->miscselect));
    if (!masked_equal(qe->attributes, i->attributes_mask, i->attributes, sizeof qe->attributes))
        return mismatch(e, reason, "QE_REPORT.ATTRIBUTES", BYTES_OF(qe->attributes),
                        BYTES_OF(i->attributes));
    out->qe = svn_level(i->level, i->levels_n, qe->isvsvn);
    if (out->qe != NULL)
        return true;
    return err_set(e, ERR_INPUT, "dcap.qe-no-match",
                   "QE_REPORT.ISVSVN: older than every level of quoting enclaves"),
           err_field(e, "QE_REPORT.ISVSVN"), err_found(e, "%u", qe->isvsvn),
           err_expected(e, "at least %u", i->level[i->levels_n - 1].isvsvn),
           err_mend(e, "update the quoting enclave of this host");
}

enum dcap_status dcap_converge(enum dcap_status platform, enum dcap_status component)
{
    if (component == DCAP_REVOKED)
        return DCAP_REVOKED;
    if (component != DCAP_OUT_OF_DATE)
        return platform;
    if (platform == DCAP_UP_TO_DATE || platform == DCAP_SW_HARDENING_NEEDED)
        return DCAP_OUT_OF_DATE;
    if (platform == DCAP_CONFIGURATION_NEEDED ||
        platform == DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED)
        return DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED;
    return platform;
}

static bool configuration_needed(enum dcap_status s)
{
    return s == DCAP_CONFIGURATION_NEEDED || s == DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           s == DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/* Has the module been updated under a running TD, to the newest there is? Then launching the TD
 * again is all that it needs. Only where everything else is current. */
static bool relaunch_helps(const struct tdx_body *b, const struct dcap_tcb_info *t,
                           const struct dcap_match *m, enum dcap_status status)
{
    const uint8_t *now = b->tee_tcb_svn_2;
    const struct dcap_level *newest = &t->level[0];
    const struct dcap_module *module;
    unsigned want = newest->tdx[0];

    if (!b->td15 || m->qe->status == DCAP_OUT_OF_DATE || m->qe->status == DCAP_REVOKED ||
        m->sgx->status < DCAP_UP_TO_DATE ||
        m->sgx->status > DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED)
        return false;
    if ((status != DCAP_OUT_OF_DATE && status != DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED) ||
        m->module == NULL || m->module->status != DCAP_OUT_OF_DATE)
        return false;
    if (now[1] > 0) {
        module = module_find(t, now[1]);
        if (module == NULL)
            return false; /* what is not known is no better than what runs */
        want = module->level[0].isvsvn;
    }
    return now[0] >= want && now[2] >= newest->tdx[2];
}

static void status_fill(const struct dcap_quote *q, const struct dcap_tcb_info *t,
                        struct dcap_match *m)
{
    enum dcap_status s = m->platform->status;

    if (m->module != NULL)
        s = dcap_converge(s, m->module->status);
    if (q->tee == DCAP_TEE_TDX && relaunch_helps(&q->tdx, t, m, s)) {
        m->relaunch = true;
        s = configuration_needed(s) || configuration_needed(m->sgx->status)
                ? DCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                : DCAP_TD_RELAUNCH_ADVISED;
    }
    m->status = dcap_converge(s, m->qe->status);
    m->date_s = m->platform->date_s;
    if (m->module != NULL && m->module->date_s < m->date_s)
        m->date_s = m->module->date_s;
    if (m->qe->date_s < m->date_s)
        m->date_s = m->qe->date_s;
}

bool dcap_match(const struct dcap_quote *q, const struct dcap_pck *pck,
                const struct dcap_tcb_info *t, const struct dcap_identity *i,
                struct dcap_match *out, struct err *e)
{
    struct dcap_match m = {0};

    if (!same_platform(pck, t, e) || !qe_match(&q->qe, i, &m, e) ||
        (q->tee == DCAP_TEE_TDX && !module_match(&q->tdx, t, &m, e)))
        return false;
    levels_match(q, pck, t, &m);
    if (m.platform == NULL)
        return err_set(e, ERR_INPUT, "dcap.tcb-no-match", "older than every TCB level"),
               err_field(e, "%s", m.sgx == NULL ? "PCK.TCB" : "REPORT.TEE_TCB_SVN"),
               err_found(e, "no level of tcb_info.json is reached"),
               err_mend(e, "update the firmware of this host, then provision it again");
    status_fill(q, t, &m);
    *out = m;
    return true;
}
