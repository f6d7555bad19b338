#include "attest/sim/sim_dcap.h"

#include <string.h>

#include "attest/sim/sim_dcap_json.h"
#include "attest/sim/sim_dcap_quote.h"
#include "attest/sim/sim_kind.h"
#include "base/str.h"

#define DAY_S INT64_C(86400)

static const char *const sgx_generations[] = {
    [SIM_COFFEE_LAKE] = "coffee-lake",
    [SIM_ROCKET_LAKE] = "rocket-lake",
    [SIM_ICELAKE] = "ice-lake-sp",
    [SIM_ICELAKE_CLIENT] = "ice-lake-client",
    [SIM_SAPPHIRE_RAPIDS] = "sapphire-rapids",
    [SIM_EMERALD_RAPIDS] = "emerald-rapids",
    [SIM_GRANITE_RAPIDS] = "granite-rapids",
    [SIM_SIERRA_FOREST] = "sierra-forest",
};
static const char *const sgx_aliases[] = {
    [SIM_ICELAKE] = "icelake", [SIM_ICELAKE_CLIENT] = "icelake-client", [SIM_CPUS - 1] = NULL};
#define TDX_FIRST SIM_SAPPHIRE_RAPIDS /* all from here on have TDX */

static const char *const defects[SIM_DCAP_TDX_DEFECTS] = {
    [SIM_DCAP_SOUND] = "none",
    [SIM_DCAP_STALE_REPORT_DATA] = "stale-report-data",
    [SIM_DCAP_WRONG_KEY] = "wrong-key",
    [SIM_DCAP_BAD_SIGNATURE] = "bad-signature",
    [SIM_DCAP_DEBUG] = "debug",
    [SIM_DCAP_KEY_TYPE] = "wrong-key-type",
    [SIM_DCAP_QE_VENDOR] = "wrong-qe-vendor",
    [SIM_DCAP_QE_REPORT_DATA] = "qe-report-data",
    [SIM_DCAP_QE_SIGNATURE] = "qe-signature",
    [SIM_DCAP_WRONG_PCK] = "wrong-pck",
    [SIM_DCAP_QE_IDENTITY_MISMATCH] = "qe-identity-mismatch",
    [SIM_DCAP_QE_DEBUG] = "qe-debug",
    [SIM_DCAP_OLD_QE] = "old-qe",
    [SIM_DCAP_ANCIENT_QE] = "ancient-qe",
    [SIM_DCAP_OLD_TCB] = "old-tcb",
    [SIM_DCAP_NO_LEVEL] = "no-level",
    [SIM_DCAP_REVOKED_PCK] = "revoked-pck",
    [SIM_DCAP_REVOKED_CA] = "revoked-ca",
    [SIM_DCAP_REVOKED_SIGNER] = "revoked-signer",
    [SIM_DCAP_EXPIRED_PCK] = "expired-pck",
    [SIM_DCAP_EXPIRED_COLLATERAL] = "expired-collateral",
    [SIM_DCAP_FUTURE_COLLATERAL] = "future-collateral",
    [SIM_DCAP_EXPIRED_CRL] = "expired-crl",
    [SIM_DCAP_FOREIGN_FMSPC] = "foreign-fmspc",
    [SIM_DCAP_WRONG_PCEID] = "wrong-pceid",
    [SIM_DCAP_WRONG_TEE] = "wrong-tee",
    [SIM_DCAP_WRONG_QE_ID] = "wrong-qe-id",
    [SIM_DCAP_TCB_INFO_SIGNATURE] = "tcb-info-signature",
    [SIM_DCAP_QE_IDENTITY_SIGNATURE] = "qe-identity-signature",
    [SIM_DCAP_FOREIGN_ROOT] = "foreign-root",
    [SIM_DCAP_FOREIGN_CRL] = "foreign-crl",
    [SIM_DCAP_TRUNCATED] = "truncated",
    [SIM_DCAP_TRAILING] = "trailing",
    [SIM_DCAP_MODULE_MISMATCH] = "module-mismatch",
    [SIM_DCAP_UNKNOWN_MODULE] = "unknown-module",
    [SIM_DCAP_OLD_MODULE] = "old-module",
    [SIM_DCAP_MIGRATABLE] = "migratable",
    [SIM_DCAP_NO_SEPT_VE_DISABLE] = "no-sept-ve-disable",
    [SIM_DCAP_RESERVED_ATTRIBUTE] = "reserved-attribute",
    [SIM_DCAP_RELAUNCH_ADVISED] = "relaunch-advised",
};

static bool is_tdx(const struct sim_platform *p)
{
    return p->kind == &sim_tdx_kind;
}

static const struct sim_cpu *cpu_of(const struct sim_platform *p)
{
    return &sim_cpus[p->generation + (is_tdx(p) ? TDX_FIRST : 0)];
}

/* What the defect says of which level the platform is to stand on. */
static enum sim_dcap_status status_wanted(const struct sim_platform *p)
{
    return p->defect == SIM_DCAP_OLD_TCB ? SIM_DCAP_OUT_OF_DATE
                                         : (enum sim_dcap_status)p->dcap.status;
}

static const struct sim_level *level_choose(const struct sim_platform *p,
                                            const struct sim_level *levels, size_t n, size_t newest)
{
    enum sim_dcap_status wanted = status_wanted(p);

    for (size_t i = 0; i < n && wanted != SIM_DCAP_NEWEST; i++)
        if (levels[i].status == wanted)
            return &levels[i];
    return &levels[newest]; /* every status has a level */
}

static void tee_tcb_svn(struct sim_dcap_chip *c, const struct sim_level *l)
{
    const struct sim_cpu *cpu = cpu_of(c->p);

    c->tee_tcb_svn[0] = c->p->dcap.module[0];
    c->tee_tcb_svn[1] = c->p->dcap.module[1];
    c->tee_tcb_svn[2] = l->tdx[2];
    if (c->defect == SIM_DCAP_UNKNOWN_MODULE)
        c->tee_tcb_svn[1] = 0x7f;
    if (c->defect == SIM_DCAP_OLD_MODULE) {
        c->tee_tcb_svn[0] = 4;
        c->tee_tcb_svn[1] = 1;
    }
    memcpy(c->tee_tcb_svn_2, c->tee_tcb_svn, 16);
    if (c->defect == SIM_DCAP_RELAUNCH_ADVISED && c->p->dcap.td15) {
        /* the guest was started under an older module and microcode than the platform has now */
        c->tee_tcb_svn[0] = 4;
        c->tee_tcb_svn[1] = 1;
        c->tee_tcb_svn[2] = cpu->levels[1].tdx[2];
    }
}

static uint8_t qe_svn(const struct sim_platform *p)
{
    const struct sim_svn_level *levels = is_tdx(p) ? sim_td_qe_levels : sim_qe_levels;

    if (p->defect == SIM_DCAP_OLD_QE)
        return levels[1].isvsvn;
    if (p->defect == SIM_DCAP_ANCIENT_QE)
        return 1; /* below every level */
    return p->dcap.qe >= 0 ? (uint8_t)p->dcap.qe : levels[0].isvsvn;
}

static void chip_init(const struct sim_platform *p, const struct sim_level *l, int64_t now_s,
                      struct sim_dcap_chip *c)
{
    const struct sim_cpu *cpu = cpu_of(p);

    *c = (struct sim_dcap_chip){
        .p = p,
        .defect = (enum sim_dcap_defect)p->defect,
        .tdx = is_tdx(p),
        .pck =
            {
                .chip = p->chip,
                .pcesvn = p->dcap.pcesvn >= 0 ? (uint16_t)p->dcap.pcesvn : l->pcesvn,
                .type = cpu->sgx_type,
                .processor_ca = cpu->processor_ca,
                .smt = p->dcap.smt,
                .cached = p->dcap.cached,
                .dynamic = p->dcap.dynamic,
                .from_s = now_s - 365 * DAY_S,
                .to_s = p->defect == SIM_DCAP_EXPIRED_PCK ? now_s - 3600 : now_s + 6 * 365 * DAY_S,
            },
        .qe_svn = qe_svn(p),
    };
    memcpy(c->pck.fmspc, p->dcap.fmspc, 6);
    if (p->defect == SIM_DCAP_NO_LEVEL)
        c->pck.pcesvn = 0; /* and no component at all */
    else
        memcpy(c->pck.comps, l->sgx, sizeof l->sgx);
    tee_tcb_svn(c, l);
}

/* Documents are of the day before, valid for 30 days, as Intel's. */
static struct sim_collateral period(const struct sim_dcap_chip *c, int64_t now_s)
{
    int64_t issued_s = now_s - DAY_S;

    if (c->defect == SIM_DCAP_EXPIRED_COLLATERAL)
        issued_s -= 60 * DAY_S;
    if (c->defect == SIM_DCAP_FUTURE_COLLATERAL)
        issued_s += 2 * DAY_S;
    return (struct sim_collateral){c->tdx, issued_s, issued_s + 30 * DAY_S, false};
}

static bool documents_make(const struct sim_dcap_chip *c, const struct sim_level *levels, size_t n,
                           int64_t now_s, struct sim_evidence *out, struct err *e)
{
    struct sim_collateral info = period(c, now_s), identity = info;
    uint8_t fmspc[6];

    memcpy(fmspc, c->pck.fmspc, sizeof fmspc);
    if (c->defect == SIM_DCAP_FOREIGN_FMSPC)
        fmspc[5] ^= 0x10;
    if (c->defect == SIM_DCAP_WRONG_TEE)
        info.tdx = !info.tdx;
    if (c->defect == SIM_DCAP_WRONG_QE_ID)
        identity.tdx = !identity.tdx;
    info.spoilt = c->defect == SIM_DCAP_TCB_INFO_SIGNATURE;
    identity.spoilt = c->defect == SIM_DCAP_QE_IDENTITY_SIGNATURE;
    return sim_tcb_info(&info, fmspc, c->defect == SIM_DCAP_WRONG_PCEID, levels, n,
                        sim_file(out, "tcb_info.json"), e) &&
           sim_qe_identity(&identity, sim_file(out, "qe_identity.json"), e) &&
           sim_tcb_chain(sim_file(out, "tcb_signing_chain.pem"), e);
}

static bool lists_make(const struct sim_dcap_chip *c, int64_t now_s, struct sim_evidence *out,
                       struct err *e)
{
    const struct sim_dcap_ca *ca = c->defect == SIM_DCAP_REVOKED_SIGNER ? &sim_dcap_tcb_signing
                                   : c->pck.processor_ca                ? &sim_dcap_processor
                                                                        : &sim_dcap_platform;
    int64_t from_s = now_s - DAY_S - (c->defect == SIM_DCAP_EXPIRED_CRL ? 60 * DAY_S : 0);
    struct sim_list pck = {from_s, from_s + 30 * DAY_S, c->defect == SIM_DCAP_REVOKED_PCK};
    struct sim_list root = {from_s, from_s + 30 * DAY_S,
                            c->defect == SIM_DCAP_REVOKED_CA ||
                                c->defect == SIM_DCAP_REVOKED_SIGNER};

    return sim_pck_crl(&c->pck, &pck, c->defect == SIM_DCAP_FOREIGN_CRL,
                       sim_file(out, "pck_crl.der"), e) &&
           sim_root_crl(ca, &root, sim_file(out, "root_ca_crl.der"), e);
}

static bool make(const struct sim_platform *p, const uint8_t report_data[64], int64_t now_s,
                 struct sim_evidence *out, struct err *e)
{
    struct sim_level levels[SIM_LEVELS_MAX];
    AUTO_BUF struct buf chain = {0};
    struct sim_dcap_chip c;
    size_t newest, n = sim_levels(cpu_of(p), levels, &newest);
    bool file = p->dcap.chain_file;

    chip_init(p, level_choose(p, levels, n, newest), now_s, &c);
    if (!sim_pck_chain(&c.pck, c.defect == SIM_DCAP_FOREIGN_ROOT, &chain, e) ||
        !sim_dcap_quote(&c, report_data, file ? (struct bytes){NULL, 0} : buf_bytes(&chain),
                        &out->evidence, e))
        return false;
    if (file)
        buf_put(sim_file(out, "pck_chain.pem"), chain.p, chain.n);
    return !p->dcap.collateral ||
           (documents_make(&c, levels, n, now_s, out, e) && lists_make(&c, now_s, out, e));
}

static void init(struct sim_platform *p)
{
    p->dcap = (struct sim_dcap){
        .version = is_tdx(p) ? 4 : 3,
        .pcesvn = -1,
        .qe = -1,
        .module = {6, 1}, /* 1.5.6 */
        .smt = true,
        .collateral = true,
    };
    memcpy(p->dcap.fmspc, cpu_of(p)->fmspc, 6);
}

enum key {
    KEY_VERSION,
    KEY_TCB,
    KEY_PCESVN,
    KEY_QE,
    KEY_FMSPC,
    KEY_SMT,
    KEY_CACHED,
    KEY_DYNAMIC,
    KEY_CHAIN,
    KEY_COLLATERAL,
    SGX_KEYS,
    KEY_MODULE = SGX_KEYS, /* TDX has those below besides */
    KEY_BODY,
    TDX_KEYS
};
static const char *const keys[TDX_KEYS] = {
    [KEY_VERSION] = "version", [KEY_TCB] = "tcb",
    [KEY_PCESVN] = "pcesvn",   [KEY_QE] = "qe",
    [KEY_FMSPC] = "fmspc",     [KEY_SMT] = "smt",
    [KEY_CACHED] = "cached",   [KEY_DYNAMIC] = "dynamic",
    [KEY_CHAIN] = "chain",     [KEY_COLLATERAL] = "collateral",
    [KEY_MODULE] = "module",   [KEY_BODY] = "body",
};

static bool set_version(struct sim_platform *p, const char *v, struct err *e)
{
    uint8_t got;

    if (!sim_byte(keys[KEY_VERSION], v, &got, e))
        return false;
    if (got > 5 || got < (is_tdx(p) ? 4 : 3))
        return sim_bad_value(e, keys[KEY_VERSION], v, is_tdx(p) ? "4 or 5" : "3, 4 or 5");
    p->dcap.version = got;
    p->dcap.td15 = is_tdx(p) && got == 5;
    return true;
}

static bool set_tcb(struct sim_platform *p, const char *v, struct err *e)
{
    unsigned at = 0;

    if (!sim_word(keys[KEY_TCB], v, sim_dcap_statuses + 1, SIM_DCAP_STATUSES - 1, &at, e))
        return false;
    p->dcap.status = (uint8_t)(at + 1);
    return true;
}

static bool set_number(const char *key, const char *v, uint64_t max, int32_t *out, struct err *e)
{
    uint64_t n;

    if (!sim_number(key, v, max, &n, e))
        return false;
    *out = (int32_t)n;
    return true;
}

static bool set_fmspc(struct sim_platform *p, const char *v, struct err *e)
{
    uint8_t got[6];
    size_t n = 0;

    if (!hex_parse(v, got, sizeof got, &n, NULL) || n != sizeof got)
        return sim_bad_value(e, keys[KEY_FMSPC], v, "12 hexadecimal digits");
    memcpy(p->dcap.fmspc, got, sizeof got);
    return true;
}

static bool set_chain(struct sim_platform *p, const char *v, struct err *e)
{
    static const char *const places[] = {"quote", "file"};
    unsigned at = 0;

    if (!sim_word(keys[KEY_CHAIN], v, places, 2, &at, e))
        return false;
    p->dcap.chain_file = at == 1;
    return true;
}

/* The module's major and minor numbers in the name, and TEE_TCB_SVN[1], which calls them 0, 1, 3.
 */
static bool set_module(struct sim_platform *p, const char *v, struct err *e)
{
    uint8_t part[3];

    if (!sim_dotted(keys[KEY_MODULE], v, part, e))
        return false;
    if (part[0] == 1 && part[1] == 0)
        p->dcap.module[1] = 0;
    else if (part[0] == 1 && part[1] == 5)
        p->dcap.module[1] = 1;
    else if (part[0] == 2 && part[1] == 0)
        p->dcap.module[1] = 3;
    else
        return sim_bad_value(e, keys[KEY_MODULE], v, "1.0.x, 1.5.x or 2.0.x");
    p->dcap.module[0] = part[2];
    return true;
}

static bool set_body(struct sim_platform *p, const char *v, struct err *e)
{
    static const char *const bodies[] = {"1.0", "1.5"};
    unsigned at = 0;

    if (!sim_word(keys[KEY_BODY], v, bodies, 2, &at, e))
        return false;
    if (at == 1 && p->dcap.version != 5)
        return sim_bad_value(e, keys[KEY_BODY], v, "1.0: only quotes of version 5 carry the other");
    p->dcap.td15 = at == 1;
    return true;
}

static bool set(struct sim_platform *p, unsigned key, const char *v, struct err *e)
{
    struct sim_dcap *d = &p->dcap;

    switch ((enum key)key) {
    case KEY_VERSION:
        return set_version(p, v, e);
    case KEY_TCB:
        return set_tcb(p, v, e);
    case KEY_PCESVN:
        return set_number(keys[key], v, UINT16_MAX, &d->pcesvn, e);
    case KEY_QE:
        return set_number(keys[key], v, UINT8_MAX, &d->qe, e);
    case KEY_FMSPC:
        return set_fmspc(p, v, e);
    case KEY_SMT:
        return sim_switch(keys[key], v, &d->smt, e);
    case KEY_CACHED:
        return sim_switch(keys[key], v, &d->cached, e);
    case KEY_DYNAMIC:
        return sim_switch(keys[key], v, &d->dynamic, e);
    case KEY_CHAIN:
        return set_chain(p, v, e);
    case KEY_COLLATERAL:
        return sim_switch(keys[key], v, &d->collateral, e);
    case KEY_MODULE:
        return set_module(p, v, e);
    case KEY_BODY:
        return set_body(p, v, e);
    case TDX_KEYS:
        break;
    }
    return true;
}

const struct sim_kind sim_tdx_kind = {
    .technology = "tdx",
    .vendor = "intel",
    .generations = sgx_generations + TDX_FIRST,
    .generations_n = SIM_CPUS - TDX_FIRST,
    .defects = defects,
    .defects_n = SIM_DCAP_TDX_DEFECTS,
    .keys = keys,
    .keys_n = TDX_KEYS,
    .init = init,
    .set = set,
    .make = make,
};

const struct sim_kind sim_sgx_kind = {
    .technology = "sgx",
    .vendor = "intel",
    .generations = sgx_generations,
    .aliases = sgx_aliases,
    .generations_n = SIM_CPUS,
    .defects = defects,
    .defects_n = SIM_DCAP_SGX_DEFECTS,
    .keys = keys,
    .keys_n = SGX_KEYS,
    .init = init,
    .set = set,
    .make = make,
};
