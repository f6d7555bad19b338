#include "attest/sim/sim.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "attest/sim/sim_cert.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(ecdsa_sig, ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)

#define REPORT_SIZE 1184
#define SIGNED_SIZE 0x2a0
#define DAY_S 86400

/* What the five generations are like: processor numbers and firmware as seen in public reports. */
static const struct {
    const char *name;
    unsigned line;
    uint8_t family, model, stepping;
    uint32_t report_version;
    struct sim_version firmware;
    struct sim_tcb tcb;
} generations[SIM_GENERATIONS] = {
    [SIM_MILAN] = {"milan", SIM_LINE_MILAN, 0x19, 0x01, 1, 3, {1, 55, 29}, {0, 4, 0, 0x18, 0xdb}},
    [SIM_GENOA] = {"genoa", SIM_LINE_GENOA, 0x19, 0x11, 1, 3, {1, 55, 40}, {0, 10, 0, 0x17, 0x54}},
    [SIM_BERGAMO] =
        {"bergamo", SIM_LINE_GENOA, 0x19, 0xa0, 2, 5, {1, 55, 49}, {0, 10, 0, 0x1b, 0x1b}},
    [SIM_SIENA] = {"siena", SIM_LINE_GENOA, 0x19, 0xa0, 2, 5, {1, 55, 49}, {0, 10, 0, 0x1b, 0x1b}},
    [SIM_TURIN] = {"turin", SIM_LINE_TURIN, 0x1a, 0x02, 1, 5, {1, 55, 65}, {1, 1, 1, 4, 0x51}},
};

static const char *const defects[SIM_DEFECTS] = {
    [SIM_SOUND] = "none",
    [SIM_STALE_REPORT_DATA] = "stale-report-data",
    [SIM_WRONG_KEY] = "wrong-key",
    [SIM_BAD_SIGNATURE] = "bad-signature",
    [SIM_DEBUG] = "debug",
    [SIM_OLD_COMMITTED] = "old-committed",
    [SIM_PROVISIONAL] = "provisional",
    [SIM_REVOKED_ASK] = "revoked-ask",
    [SIM_FOREIGN_CHIP_ID] = "foreign-chip-id",
    [SIM_MASKED_CHIP] = "masked-chip",
    [SIM_WRONG_PRODUCT] = "wrong-product",
    [SIM_EXPIRED] = "expired",
    [SIM_HOST_REQUESTED] = "host-requested",
    [SIM_WRONG_TCB] = "wrong-tcb",
};

const char *sim_generation_name(enum sim_generation g)
{
    return (unsigned)g < SIM_GENERATIONS ? generations[g].name : "unknown";
}

const char *sim_defect_name(enum sim_defect d)
{
    return (unsigned)d < SIM_DEFECTS ? defects[d] : "unknown";
}

void sim_platform_init(struct sim_platform *p, enum sim_generation g)
{
    BUG_ON((unsigned)g >= SIM_GENERATIONS);
    *p = (struct sim_platform){
        .generation = g,
        .report_version = generations[g].report_version,
        .current = generations[g].firmware,
        .committed = generations[g].firmware,
        .current_tcb = generations[g].tcb,
        .committed_tcb = generations[g].tcb,
        .smt = true,
    };
}

void sim_evidence_fini(struct sim_evidence *s)
{
    buf_fini(&s->evidence);
    for (unsigned i = 0; i < SIM_FILES; i++)
        buf_fini(&s->files[i].bytes);
    s->files_n = 0;
}

static void put_le(uint8_t *at, uint64_t v, size_t width)
{
    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(v >> 8 * i);
}

static bool digest(const char *what, uint64_t n, const EVP_MD *md, uint8_t *out)
{
    uint8_t text[64] = {0};
    size_t len = strlen(what);

    memcpy(text, what, len); /* our own literals: shorter than 56 */
    put_le(text + len, n, 8);
    return EVP_Digest(text, len + 8, out, NULL, md, NULL) == 1;
}

static void put_tcb(uint8_t *at, const struct sim_tcb *t, bool fmc)
{
    const uint8_t turin[8] = {t->fmc, t->bootloader, t->tee, t->snp, 0, 0, 0, t->microcode};
    const uint8_t older[8] = {t->bootloader, t->tee, 0, 0, 0, 0, t->snp, t->microcode};

    memcpy(at, fmc ? turin : older, 8);
}

static void put_version(uint8_t *at, struct sim_version v)
{
    at[0] = v.build;
    at[1] = v.minor;
    at[2] = v.major;
}

/* How far the committed versions stay behind, by defect. */
static void hold_back(struct sim_platform *p)
{
    if (p->defect == SIM_PROVISIONAL) {
        if (p->committed.build > 0)
            p->committed.build--;
        if (p->committed_tcb.microcode > 0)
            p->committed_tcb.microcode--;
    } else if (p->defect == SIM_OLD_COMMITTED) {
        p->committed.minor = p->committed.minor > 6 ? (uint8_t)(p->committed.minor - 6) : 0;
        p->committed_tcb.snp /= 2;
        p->committed_tcb.microcode /= 2;
    }
}

static void put_cpu(uint8_t *r, const struct sim_platform *p)
{
    enum sim_generation g = p->generation;

    if (p->defect == SIM_WRONG_PRODUCT)
        g = generations[g].line == SIM_LINE_MILAN ? SIM_TURIN : SIM_MILAN;
    if (p->report_version < 3)
        return;
    r[0x188] = generations[g].family;
    r[0x189] = generations[g].model;
    r[0x18a] = generations[g].stepping;
}

/* Everything but the signature, at the offsets of AMD 56860, ATTESTATION_REPORT. */
static bool report_fill(const struct sim_platform *p, const struct sim_chip *chip,
                        const uint8_t report_data[64], uint8_t *r)
{
    uint64_t policy = 0x30000 | (p->defect == SIM_DEBUG ? UINT64_C(1) << 19 : 0);
    /* SMT, ECC, and from version 3 on the alias check */
    uint64_t info = (p->smt ? 1u : 0u) | 4u | (p->report_version >= 3 ? 32u : 0u);
    bool shows_chip = !p->vlek && p->defect != SIM_MASKED_CHIP;

    put_le(r + 0x000, p->report_version, 4);
    put_le(r + 0x008, policy, 8);
    put_le(r + 0x030, p->defect == SIM_HOST_REQUESTED ? UINT32_MAX : 0, 4);
    put_le(r + 0x034, 1, 4);
    put_tcb(r + 0x038, &p->current_tcb, chip->fmc);
    put_le(r + 0x040, info, 8);
    put_le(r + 0x048, p->vlek ? 1u << 2 : 0, 4);
    memcpy(r + 0x050, report_data, 64);
    if (p->defect == SIM_STALE_REPORT_DATA)
        for (int i = 0; i < 64; i++)
            r[0x050 + i] ^= 0xff;
    if (!digest("bailey simulated guest", 0, EVP_sha384(), r + 0x090) ||
        !digest("bailey simulated report", p->chip, EVP_sha256(), r + 0x140))
        return false;
    memset(r + 0x160, 0xff, 32);
    put_tcb(r + 0x180, &p->committed_tcb, chip->fmc);
    put_cpu(r, p);
    if (shows_chip)
        memcpy(r + 0x1a0, chip->id, chip->id_n);
    if (p->defect == SIM_FOREIGN_CHIP_ID)
        r[0x1a0] ^= 0xff;
    put_tcb(r + 0x1e0, &p->committed_tcb, chip->fmc);
    put_version(r + 0x1e8, p->current);
    put_version(r + 0x1ec, p->committed);
    put_tcb(r + 0x1f0, &p->current_tcb, chip->fmc);
    return true;
}

static bool report_sign(EVP_PKEY *key, uint8_t *r)
{
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    AUTO(ecdsa_sig) ECDSA_SIG *sig = NULL;
    uint8_t der[160];
    const uint8_t *p = der;
    size_t n = sizeof der;

    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, der, &n, r, SIGNED_SIZE) != 1)
        return false;
    sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    return sig != NULL && BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), r + SIGNED_SIZE, 72) == 72 &&
           BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), r + SIGNED_SIZE + 72, 72) == 72;
}

static bool chip_init(const struct sim_platform *p, uint64_t chip, struct sim_chip *c)
{
    *c = (struct sim_chip){
        .line = &sim_lines[generations[p->generation].line],
        .id_n = p->generation == SIM_TURIN ? 8 : 64,
        .tcb = p->committed_tcb,
        .fmc = p->generation == SIM_TURIN,
        .vlek = p->vlek,
    };
    if (!digest("bailey simulated chip", chip, EVP_sha512(), c->id))
        return false;
    memset(c->id + c->id_n, 0, sizeof c->id - c->id_n);
    return true;
}

static struct buf *file_add(struct sim_evidence *s, const char *name)
{
    s->files[s->files_n].name = name;
    return &s->files[s->files_n++].bytes;
}

static bool files_make(const struct sim_platform *p, const struct sim_chip *chip, EVP_PKEY *key,
                       int64_t now_s, struct sim_evidence *s, struct err *e)
{
    int64_t end_s = p->defect == SIM_EXPIRED ? now_s - 3600 : now_s + 7 * 365 * (int64_t)DAY_S;
    struct sim_chip certified = *chip;

    if (p->defect == SIM_WRONG_TCB)
        certified.tcb.microcode ^= 1;
    return sim_leaf(&certified, key, now_s - 30 * (int64_t)DAY_S, end_s,
                    file_add(s, p->vlek ? "vlek.der" : "vcek.der"), e) &&
           sim_ca(p->vlek ? chip->line->asvk : chip->line->ask,
                  file_add(s, p->vlek ? "asvk.der" : "ask.der"), e) &&
           sim_ca(chip->line->ark, file_add(s, "ark.der"), e) &&
           (p->defect != SIM_REVOKED_ASK ||
            sim_crl(chip->line, now_s, file_add(s, "ark_crl.der"), e));
}

bool sim_evidence(const struct sim_platform *platform, const uint8_t report_data[64], int64_t now_s,
                  struct sim_evidence *out, struct err *e)
{
    struct sim_platform p = *platform;
    uint8_t report[REPORT_SIZE] = {0};
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    AUTO(pkey) EVP_PKEY *certified = NULL;
    AUTO(pkey) EVP_PKEY *signer = NULL;
    struct sim_chip chip, other;

    hold_back(&p);
    if (chip_init(&p, p.chip, &chip) && chip_init(&p, p.chip + 1, &other)) {
        certified = sim_chip_key(&chip);
        signer = sim_chip_key(p.defect == SIM_WRONG_KEY ? &other : &chip);
    }
    if (certified == NULL || signer == NULL || !report_fill(&p, &chip, report_data, report) ||
        !report_sign(signer, report)) {
        ERR_clear_error();
        return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: making a report failed");
    }
    if (p.defect == SIM_BAD_SIGNATURE)
        report[0x0c0] ^= 1;
    if (!files_make(&p, &chip, certified, now_s, &s, e))
        return false;
    buf_put(&s.evidence, report, sizeof report);
    if (!buf_ok(&s.evidence, e))
        return false;
    *out = s;
    s = (struct sim_evidence){0};
    return true;
}
