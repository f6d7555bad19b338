#include "attest/sim/sim_cca.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "attest/sim/sim_cbor.h"
#include "attest/sim/sim_kind.h"
#include "base/str.h"

#define ES384 (-35)
#define POINT 96 /* X and Y on P-384 */

static const char *const defects[SIM_CCA_DEFECTS] = {
    [SIM_CCA_SOUND] = "none",
    [SIM_CCA_STALE_REPORT_DATA] = "stale-report-data",
    [SIM_CCA_WRONG_KEY] = "wrong-key",
    [SIM_CCA_BAD_SIGNATURE] = "bad-signature",
    [SIM_CCA_WRONG_RAK] = "wrong-rak",
    [SIM_CCA_RAK_MISMATCH] = "rak-mismatch",
    [SIM_CCA_RAK_HASH] = "rak-hash",
    [SIM_CCA_RAK_FORM] = "rak-form",
    [SIM_CCA_DEBUG] = "debug",
    [SIM_CCA_UNSECURED_LIFECYCLE] = "unsecured-lifecycle",
    [SIM_CCA_UNKNOWN_LIFECYCLE] = "unknown-lifecycle",
    [SIM_CCA_WRONG_PROFILE] = "wrong-profile",
    [SIM_CCA_WRONG_REALM_PROFILE] = "wrong-realm-profile",
    [SIM_CCA_WRONG_HASH] = "wrong-hash",
    [SIM_CCA_WRONG_INSTANCE_KIND] = "wrong-instance-kind",
    [SIM_CCA_MISSING_FIELD] = "missing-field",
    [SIM_CCA_DUPLICATE_FIELD] = "duplicate-field",
    [SIM_CCA_NO_COMPONENTS] = "no-components",
    [SIM_CCA_SHORT_MEASUREMENT] = "short-measurement",
    [SIM_CCA_FOREIGN_PLATFORM] = "foreign-platform",
    [SIM_CCA_FOREIGN_ROOT] = "foreign-root",
    [SIM_CCA_NO_ANCHOR] = "no-anchor",
};

enum key { KEY_FIRMWARE, KEY_PROFILE, KEYS };
static const char *const keys[KEYS] = {"firmware", "profile"};
static const char *const profiles[] = {"2023", "legacy"};

/* What one token is made from. */
struct material {
    const struct sim_platform *p;
    enum sim_cca_defect defect;
    EVP_PKEY *cpak, *rak, *other; /* owned */
    uint8_t implementation[32], instance[33];
    uint8_t realm[64]; /* the challenge */
    struct buf rak_text;
};

static void material_fini(struct material *m)
{
    EVP_PKEY_free(m->cpak);
    EVP_PKEY_free(m->rak);
    EVP_PKEY_free(m->other);
    buf_fini(&m->rak_text);
}

static void init(struct sim_platform *p)
{
    p->cca.firmware[0] = 1;
}

static bool set(struct sim_platform *p, unsigned key, const char *value, struct err *e)
{
    if (key == KEY_FIRMWARE)
        return sim_dotted(keys[key], value, p->cca.firmware, e);
    return sim_word(keys[key], value, profiles, 2, &p->cca.profile, e);
}

/* As an uncompressed point, or as a COSE_Key on P-384 (RFC 9053, 7.1.1). */
static bool rak_write(struct material *m)
{
    bool raw = (m->p->cca.profile == 1) != (m->defect == SIM_CCA_RAK_FORM);
    struct buf *b = &m->rak_text;
    uint8_t xy[POINT];

    if (!sim_ec_point(m->rak, SIM_P384, xy))
        return false;
    if (raw) {
        buf_putc(b, 4);
        buf_put(b, xy, POINT);
        return buf_ok(b, NULL);
    }
    sim_cbor_head(b, 5, 4);
    sim_cbor_int(b, 1);
    sim_cbor_int(b, 2);
    sim_cbor_int(b, -1);
    sim_cbor_int(b, 2);
    sim_cbor_int(b, -2);
    sim_cbor_bytes(b, (struct bytes){xy, POINT / 2});
    sim_cbor_int(b, -3);
    sim_cbor_bytes(b, (struct bytes){xy + POINT / 2, POINT / 2});
    return buf_ok(b, NULL);
}

/* One CPAK for all simulated platforms, so that verifiers can pin it; ids are each one's own. */
static bool material_make(const struct sim_platform *p, const uint8_t report_data[64],
                          struct material *m)
{
    struct bytes seed = {(const uint8_t *)&p->chip, sizeof p->chip};

    m->p = p;
    m->defect = (enum sim_cca_defect)p->defect;
    m->other = sim_ec_key(SIM_P384, "bailey-sim-cca-other", seed);
    m->rak = sim_ec_key(SIM_P384, "bailey-sim-cca-rak", seed);
    m->cpak = m->defect == SIM_CCA_FOREIGN_ROOT
                  ? sim_ec_key(SIM_P384, "bailey-sim-cca-foreign", seed)
                  : sim_ec_key(SIM_P384, "bailey-sim-cca-cpak", (struct bytes){NULL, 0});
    m->instance[0] = m->defect == SIM_CCA_WRONG_INSTANCE_KIND ? 2 : 1;
    memcpy(m->realm, report_data, sizeof m->realm);
    if (m->defect == SIM_CCA_STALE_REPORT_DATA)
        for (size_t i = 0; i < sizeof m->realm; i++)
            m->realm[i] ^= 0xff;
    return m->other != NULL && m->rak != NULL && m->cpak != NULL &&
           sim_digest("bailey simulated implementation", 0, EVP_sha256(), m->implementation) &&
           sim_digest("bailey simulated arm", p->chip, EVP_sha256(), m->instance + 1) &&
           rak_write(m);
}

static void put_text(struct buf *b, int64_t key, const char *v)
{
    sim_cbor_int(b, key);
    sim_cbor_text(b, v);
}

static void put_bytes(struct buf *b, int64_t key, const uint8_t *p, size_t n)
{
    sim_cbor_int(b, key);
    sim_cbor_bytes(b, (struct bytes){p, n});
}

static bool component_put(struct buf *b, const char *type, const char *version, unsigned i)
{
    uint8_t measurement[32], signer[32];

    if (!sim_digest("bailey simulated software", i, EVP_sha256(), measurement) ||
        !sim_digest("bailey simulated signer", 0, EVP_sha256(), signer))
        return false;
    sim_cbor_head(b, 5, 5);
    put_text(b, 1, type);
    put_bytes(b, 2, measurement, sizeof measurement);
    put_text(b, 4, version);
    put_bytes(b, 5, signer, sizeof signer);
    put_text(b, 6, "sha-256");
    return true;
}

static bool components_put(struct buf *b, const struct material *m)
{
    static const char *const types[] = {"BL1_2", "BL2", "BL31", "RMM"};
    const uint8_t *v = m->p->cca.firmware;
    char version[16];

    sim_cbor_int(b, 2399);
    if (m->defect == SIM_CCA_NO_COMPONENTS) {
        sim_cbor_head(b, 4, 0);
        return true;
    }
    snprintf(version, sizeof version, "%u.%u.%u", v[0], v[1], v[2]);
    sim_cbor_head(b, 4, 4);
    for (unsigned i = 0; i < 4; i++)
        if (!component_put(b, types[i], i == 3 ? version : "2.1.0", i))
            return false;
    return true;
}

static unsigned lifecycle_of(enum sim_cca_defect defect)
{
    return defect == SIM_CCA_DEBUG                 ? 0x4001
           : defect == SIM_CCA_UNSECURED_LIFECYCLE ? 0x2001
           : defect == SIM_CCA_UNKNOWN_LIFECYCLE   ? 0x3100
                                                   : 0x3003;
}

static bool platform_put(struct buf *b, const struct material *m)
{
    static const uint8_t config[4] = {0xcf, 0xcf, 0xcf, 0xcf};
    struct bytes rak = buf_bytes(&m->rak_text);
    uint8_t sum[64];
    unsigned n = 0;

    if (EVP_Digest(rak.p, rak.n, sum, &n, EVP_sha256(), NULL) != 1)
        return false;
    if (m->defect == SIM_CCA_RAK_MISMATCH)
        sum[0] ^= 1;
    sim_cbor_head(b, 5, m->defect == SIM_CCA_MISSING_FIELD ? 8 : 9);
    put_text(b, 265,
             m->defect == SIM_CCA_WRONG_PROFILE ? "http://arm.com/CCA-SSD/9.9.9"
             : m->p->cca.profile == 1           ? "http://arm.com/CCA-SSD/1.0.0"
                                                : "tag:arm.com,2023:cca_platform#1.0.0");
    put_bytes(b, 10, sum, n);
    put_bytes(b, 2396, m->implementation, sizeof m->implementation);
    if (m->defect != SIM_CCA_MISSING_FIELD)
        put_bytes(b, 256, m->instance, sizeof m->instance);
    put_bytes(b, 2401, config, sizeof config);
    sim_cbor_int(b, 2395);
    sim_cbor_int(b, lifecycle_of(m->defect));
    put_text(b, 2402, m->defect == SIM_CCA_WRONG_HASH ? "md5" : "sha-256");
    put_text(b, 2400, "https://verification.simulated.invalid");
    return components_put(b, m);
}

static bool realm_put(struct buf *b, const struct material *m)
{
    static const uint8_t zero[64];
    struct bytes rak = buf_bytes(&m->rak_text);
    bool profile = m->p->cca.profile == 0;
    bool twice = m->defect == SIM_CCA_DUPLICATE_FIELD;
    uint8_t measurement[32];

    if (!sim_digest("bailey simulated realm", 0, EVP_sha256(), measurement))
        return false;
    sim_cbor_head(b, 5, 7u + (profile ? 1u : 0u) + (twice ? 1u : 0u));
    if (profile)
        put_text(b, 265,
                 m->defect == SIM_CCA_WRONG_REALM_PROFILE ? "tag:arm.com,2023:realm#9.9.9"
                                                          : "tag:arm.com,2023:realm#1.0.0");
    put_bytes(b, 10, m->realm, sizeof m->realm);
    put_bytes(b, 44235, zero, sizeof zero);
    put_bytes(b, 44238, measurement,
              m->defect == SIM_CCA_SHORT_MEASUREMENT ? 20 : sizeof measurement);
    sim_cbor_int(b, 44239);
    sim_cbor_head(b, 4, 4);
    for (unsigned i = 0; i < 4; i++)
        sim_cbor_bytes(b, (struct bytes){zero, 32});
    for (int i = 0; i < (twice ? 2 : 1); i++)
        put_text(b, 44236, "sha-256");
    put_bytes(b, 44237, rak.p, rak.n);
    put_text(b, 44240, m->defect == SIM_CCA_RAK_HASH ? "sha-512" : "sha-256");
    return true;
}

static bool token_put(struct buf *out, const struct material *m)
{
    AUTO_BUF struct buf platform = {0}, realm = {0}, a = {0}, b = {0};
    const struct sim_cose how = {.tagged = true, .algorithm = ES384};

    if (!platform_put(&platform, m) || !realm_put(&realm, m) || !buf_ok(&platform, NULL) ||
        !buf_ok(&realm, NULL) ||
        !sim_cose_sign1(&a, &how, m->defect == SIM_CCA_WRONG_KEY ? m->other : m->cpak, SIM_P384,
                        buf_bytes(&platform)) ||
        !sim_cose_sign1(&b, &how, m->defect == SIM_CCA_WRONG_RAK ? m->other : m->rak, SIM_P384,
                        buf_bytes(&realm)) ||
        !buf_ok(&a, NULL) || !buf_ok(&b, NULL))
        return false;
    if (m->defect == SIM_CCA_BAD_SIGNATURE)
        b.p[b.n - 1] ^= 1;
    sim_cbor_head(out, 6, 399);
    sim_cbor_head(out, 5, 2);
    sim_cbor_int(out, 44234);
    sim_cbor_bytes(out, buf_bytes(&a));
    sim_cbor_int(out, 44241);
    sim_cbor_bytes(out, buf_bytes(&b));
    return buf_ok(out, NULL);
}

/* Unpadded base64url of 48 bytes: 64 characters. */
static void base64url_put(struct buf *b, const uint8_t half[POINT / 2])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < POINT / 2; i += 3) {
        uint32_t v = (uint32_t)half[i] << 16 | (uint32_t)half[i + 1] << 8 | half[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            buf_putc(b, digits[v >> shift & 63]);
    }
}

static bool anchor_put(struct buf *b, const struct material *m)
{
    uint8_t xy[POINT], instance[33];

    if (!sim_ec_point(m->cpak, SIM_P384, xy))
        return false;
    memcpy(instance, m->instance, sizeof instance);
    if (m->defect == SIM_CCA_FOREIGN_PLATFORM)
        instance[32] ^= 1;
    buf_puts(b, "[{\"pkey\": {\"kty\": \"EC\", \"crv\": \"P-384\", \"x\": \"");
    base64url_put(b, xy);
    buf_puts(b, "\", \"y\": \"");
    base64url_put(b, xy + POINT / 2);
    buf_puts(b, "\"}, \"implementation-id\": \"");
    buf_hex(b, BYTES_OF(m->implementation));
    buf_puts(b, "\", \"instance-id\": \"");
    buf_hex(b, BYTES_OF(instance));
    buf_puts(b, "\"}]\n");
    return true;
}

static bool make(const struct sim_platform *p, const uint8_t report_data[64], int64_t now_s,
                 struct sim_evidence *out, struct err *e)
{
    __attribute__((cleanup(material_fini))) struct material m = {0};

    (void)now_s; /* a token has no time */
    if (!material_make(p, report_data, &m) || !token_put(&out->evidence, &m) ||
        (m.defect != SIM_CCA_NO_ANCHOR &&
         !anchor_put(sim_file(out, "cpak_trust_anchor.json"), &m))) {
        ERR_clear_error();
        return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: making a token failed");
    }
    return true;
}

const struct sim_kind sim_cca_kind = {
    .technology = "cca",
    .vendor = "arm",
    .defects = defects,
    .defects_n = SIM_CCA_DEFECTS,
    .keys = keys,
    .keys_n = KEYS,
    .init = init,
    .set = set,
    .make = make,
};
