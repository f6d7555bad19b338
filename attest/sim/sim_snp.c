#include "attest/sim/sim_snp.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "attest/sim/sim_cert.h"
#include "attest/sim/sim_ec.h"
#include "attest/sim/sim_kind.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(ecdsa_sig, ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)

#define REPORT_SIZE 1184
#define SIGNED_SIZE 0x2a0
#define DAY_S 86400

/* What the five generations are like: processor numbers and firmware as seen in public reports. */
static const struct {
    unsigned line;
    uint8_t family, model, stepping;
    uint32_t report_version;
    struct sim_version firmware;
    struct sim_tcb tcb;
} lines[SIM_SNP_GENERATIONS] = {
    [SIM_MILAN] = {SIM_LINE_MILAN, 0x19, 0x01, 1, 3, {1, 55, 29}, {0, 4, 0, 0x18, 0xdb}},
    [SIM_GENOA] = {SIM_LINE_GENOA, 0x19, 0x11, 1, 3, {1, 55, 40}, {0, 10, 0, 0x17, 0x54}},
    [SIM_BERGAMO] = {SIM_LINE_GENOA, 0x19, 0xa0, 2, 5, {1, 55, 49}, {0, 10, 0, 0x1b, 0x1b}},
    [SIM_SIENA] = {SIM_LINE_GENOA, 0x19, 0xa0, 2, 5, {1, 55, 49}, {0, 10, 0, 0x1b, 0x1b}},
    [SIM_TURIN] = {SIM_LINE_TURIN, 0x1a, 0x02, 1, 5, {1, 55, 65}, {1, 1, 1, 4, 0x51}},
    [SIM_TURIN_DENSE] = {SIM_LINE_TURIN, 0x1a, 0x11, 0, 5, {1, 55, 65}, {1, 1, 1, 4, 0x51}},
};

static const char *const generations[SIM_SNP_GENERATIONS] = {
    [SIM_MILAN] = "milan", [SIM_GENOA] = "genoa", [SIM_BERGAMO] = "bergamo",
    [SIM_SIENA] = "siena", [SIM_TURIN] = "turin", [SIM_TURIN_DENSE] = "turin-dense",
};

static const char *const defects[SIM_SNP_DEFECTS] = {
    [SIM_SNP_SOUND] = "none",
    [SIM_SNP_STALE_REPORT_DATA] = "stale-report-data",
    [SIM_SNP_WRONG_KEY] = "wrong-key",
    [SIM_SNP_BAD_SIGNATURE] = "bad-signature",
    [SIM_SNP_DEBUG] = "debug",
    [SIM_SNP_OLD_COMMITTED] = "old-committed",
    [SIM_SNP_PROVISIONAL] = "provisional",
    [SIM_SNP_REVOKED_ASK] = "revoked-ask",
    [SIM_SNP_FOREIGN_CHIP_ID] = "foreign-chip-id",
    [SIM_SNP_MASKED_CHIP] = "masked-chip",
    [SIM_SNP_WRONG_PRODUCT] = "wrong-product",
    [SIM_SNP_EXPIRED] = "expired",
    [SIM_SNP_HOST_REQUESTED] = "host-requested",
    [SIM_SNP_WRONG_TCB] = "wrong-tcb",
};

/* Turin parts have short chip ids and one more TCB part. */
static bool is_turin(const struct sim_platform *p)
{
    return lines[p->generation].line == SIM_LINE_TURIN;
}

static void init(struct sim_platform *p)
{
    p->snp = (struct sim_snp){
        .report_version = lines[p->generation].report_version,
        .current = lines[p->generation].firmware,
        .committed = lines[p->generation].firmware,
        .current_tcb = lines[p->generation].tcb,
        .committed_tcb = lines[p->generation].tcb,
        .smt = true,
    };
}

static void put_le(uint8_t *at, uint64_t v, size_t width)
{
    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(v >> 8 * i);
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
    if (p->defect == SIM_SNP_PROVISIONAL) {
        if (p->snp.committed.build > 0)
            p->snp.committed.build--;
        if (p->snp.committed_tcb.microcode > 0)
            p->snp.committed_tcb.microcode--;
    } else if (p->defect == SIM_SNP_OLD_COMMITTED) {
        p->snp.committed.minor =
            p->snp.committed.minor > 6 ? (uint8_t)(p->snp.committed.minor - 6) : 0;
        p->snp.committed_tcb.snp /= 2;
        p->snp.committed_tcb.microcode /= 2;
    }
}

static void put_cpu(uint8_t *r, const struct sim_platform *p)
{
    unsigned g = p->generation;

    if (p->defect == SIM_SNP_WRONG_PRODUCT)
        g = lines[g].line == SIM_LINE_MILAN ? SIM_TURIN : SIM_MILAN;
    if (p->snp.report_version < 3)
        return;
    r[0x188] = lines[g].family;
    r[0x189] = lines[g].model;
    r[0x18a] = lines[g].stepping;
}

/* Everything but the signature, at the offsets of AMD 56860, ATTESTATION_REPORT. */
static bool report_fill(const struct sim_platform *p, const struct sim_chip *chip,
                        const uint8_t report_data[64], uint8_t *r)
{
    uint64_t policy = 0x30000 | (p->defect == SIM_SNP_DEBUG ? UINT64_C(1) << 19 : 0);
    /* SMT, ECC, and from version 3 on the alias check */
    uint64_t info = (p->snp.smt ? 1u : 0u) | 4u | (p->snp.report_version >= 3 ? 32u : 0u);
    bool shows_chip = !p->snp.vlek && p->defect != SIM_SNP_MASKED_CHIP;

    put_le(r + 0x000, p->snp.report_version, 4);
    put_le(r + 0x008, policy, 8);
    put_le(r + 0x030, p->defect == SIM_SNP_HOST_REQUESTED ? UINT32_MAX : 0, 4);
    put_le(r + 0x034, 1, 4);
    put_tcb(r + 0x038, &p->snp.current_tcb, chip->fmc);
    put_le(r + 0x040, info, 8);
    put_le(r + 0x048, p->snp.vlek ? 1u << 2 : 0, 4);
    memcpy(r + 0x050, report_data, 64);
    if (p->defect == SIM_SNP_STALE_REPORT_DATA)
        for (int i = 0; i < 64; i++)
            r[0x050 + i] ^= 0xff;
    if (!sim_digest("bailey simulated guest", 0, EVP_sha384(), r + 0x090) ||
        !sim_digest("bailey simulated report", p->chip, EVP_sha256(), r + 0x140))
        return false;
    memset(r + 0x160, 0xff, 32);
    put_tcb(r + 0x180, &p->snp.committed_tcb, chip->fmc);
    put_cpu(r, p);
    if (shows_chip)
        memcpy(r + 0x1a0, chip->id, chip->id_n);
    if (p->defect == SIM_SNP_FOREIGN_CHIP_ID)
        r[0x1a0] ^= 0xff;
    put_tcb(r + 0x1e0, &p->snp.committed_tcb, chip->fmc);
    put_version(r + 0x1e8, p->snp.current);
    put_version(r + 0x1ec, p->snp.committed);
    put_tcb(r + 0x1f0, &p->snp.current_tcb, chip->fmc);
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
        .line = &sim_lines[lines[p->generation].line],
        .id_n = is_turin(p) ? 8 : 64,
        .tcb = p->snp.committed_tcb,
        .fmc = is_turin(p),
        .vlek = p->snp.vlek,
    };
    if (!sim_digest("bailey simulated chip", chip, EVP_sha512(), c->id))
        return false;
    memset(c->id + c->id_n, 0, sizeof c->id - c->id_n);
    return true;
}

static bool files_make(const struct sim_platform *p, const struct sim_chip *chip, EVP_PKEY *key,
                       int64_t now_s, struct sim_evidence *s, struct err *e)
{
    int64_t end_s = p->defect == SIM_SNP_EXPIRED ? now_s - 3600 : now_s + 7 * 365 * (int64_t)DAY_S;
    struct sim_chip certified = *chip;

    if (p->defect == SIM_SNP_WRONG_TCB)
        certified.tcb.microcode ^= 1;
    return sim_leaf(&certified, key, now_s - 30 * (int64_t)DAY_S, end_s,
                    sim_file(s, p->snp.vlek ? "vlek.der" : "vcek.der"), e) &&
           sim_ca(p->snp.vlek ? chip->line->asvk : chip->line->ask,
                  sim_file(s, p->snp.vlek ? "asvk.der" : "ask.der"), e) &&
           sim_ca(chip->line->ark, sim_file(s, "ark.der"), e) &&
           (p->defect != SIM_SNP_REVOKED_ASK ||
            sim_crl(chip->line, now_s, sim_file(s, "ark_crl.der"), e));
}

static bool make(const struct sim_platform *platform, const uint8_t report_data[64], int64_t now_s,
                 struct sim_evidence *out, struct err *e)
{
    struct sim_platform p = *platform;
    uint8_t report[REPORT_SIZE] = {0};
    AUTO(pkey) EVP_PKEY *certified = NULL;
    AUTO(pkey) EVP_PKEY *signer = NULL;
    struct sim_chip chip, other;

    hold_back(&p);
    if (chip_init(&p, p.chip, &chip) && chip_init(&p, p.chip + 1, &other)) {
        certified = sim_chip_key(&chip);
        signer = sim_chip_key(p.defect == SIM_SNP_WRONG_KEY ? &other : &chip);
    }
    if (certified == NULL || signer == NULL || !report_fill(&p, &chip, report_data, report) ||
        !report_sign(signer, report)) {
        ERR_clear_error();
        return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: making a report failed");
    }
    if (p.defect == SIM_SNP_BAD_SIGNATURE)
        report[0x0c0] ^= 1;
    buf_put(&out->evidence, report, sizeof report);
    return files_make(&p, &chip, certified, now_s, out, e);
}

enum key {
    KEY_FIRMWARE,
    KEY_COMMITTED,
    KEY_BOOTLOADER,
    KEY_TEE,
    KEY_SNP,
    KEY_MICROCODE,
    KEY_FMC,
    KEY_VERSION,
    KEY_SMT,
    KEY_VLEK,
    KEYS
};
static const char *const keys[KEYS] = {"firmware",  "committed", "bootloader", "tee", "snp",
                                       "microcode", "fmc",       "version",    "smt", "vlek"};

static bool set_tcb(const char *key, const char *value, uint8_t *current, uint8_t *committed,
                    struct err *e)
{
    if (!sim_byte(key, value, current, e))
        return false;
    *committed = *current;
    return true;
}

static bool set_version(const char *key, const char *value, struct sim_version *out, struct err *e)
{
    uint8_t part[3];

    if (!sim_dotted(key, value, part, e))
        return false;
    *out = (struct sim_version){part[0], part[1], part[2]};
    return true;
}

static bool set_report_version(struct sim_platform *p, const char *value, struct err *e)
{
    uint8_t v;

    if (!sim_byte("version", value, &v, e))
        return false;
    if (v < 2 || v > 5)
        return sim_bad_value(e, "version", value, "2 to 5");
    p->snp.report_version = v;
    return true;
}

static bool set(struct sim_platform *p, unsigned key, const char *v, struct err *e)
{
    struct sim_tcb *a = &p->snp.current_tcb, *b = &p->snp.committed_tcb;
    const char *name = keys[key];

    switch ((enum key)key) {
    case KEY_FIRMWARE: /* committed follows unless it is said, which comes after */
        if (!set_version(name, v, &p->snp.current, e))
            return false;
        p->snp.committed = p->snp.current;
        return true;
    case KEY_COMMITTED:
        return set_version(name, v, &p->snp.committed, e);
    case KEY_BOOTLOADER:
        return set_tcb(name, v, &a->bootloader, &b->bootloader, e);
    case KEY_TEE:
        return set_tcb(name, v, &a->tee, &b->tee, e);
    case KEY_SNP:
        return set_tcb(name, v, &a->snp, &b->snp, e);
    case KEY_MICROCODE:
        return set_tcb(name, v, &a->microcode, &b->microcode, e);
    case KEY_FMC:
        if (!is_turin(p))
            return sim_bad_value(e, name, v, "no such key: only turin has this component");
        return set_tcb(name, v, &a->fmc, &b->fmc, e);
    case KEY_VERSION:
        return set_report_version(p, v, e);
    case KEY_SMT:
        return sim_switch(name, v, &p->snp.smt, e);
    case KEY_VLEK:
        return sim_switch(name, v, &p->snp.vlek, e);
    case KEYS:
        break;
    }
    return true;
}

const struct sim_kind sim_snp_kind = {
    .technology = "sev-snp",
    .vendor = "amd",
    .generations = generations,
    .generations_n = SIM_SNP_GENERATIONS,
    .defects = defects,
    .defects_n = SIM_SNP_DEFECTS,
    .keys = keys,
    .keys_n = KEYS,
    .init = init,
    .set = set,
    .make = make,
};
