#include "attest/sim/sim_nitro.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "attest/sim/sim_cbor.h"
#include "attest/sim/sim_kind.h"
#include "attest/sim/sim_nitro_chain.h"
#include "base/cleanup.h"
#include "base/str.h"

DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)

#define ES256 (-7)
#define ES384 (-35)
#define PCRS 16
#define PCR_SIZE 48

static const char *const defects[SIM_NITRO_DEFECTS] = {
    [SIM_NITRO_SOUND] = "none",
    [SIM_NITRO_STALE_REPORT_DATA] = "stale-report-data",
    [SIM_NITRO_WRONG_KEY] = "wrong-key",
    [SIM_NITRO_BAD_SIGNATURE] = "bad-signature",
    [SIM_NITRO_DEBUG] = "debug",
    [SIM_NITRO_EXPIRED] = "expired",
    [SIM_NITRO_FOREIGN_ROOT] = "foreign-root",
    [SIM_NITRO_BROKEN_CHAIN] = "broken-chain",
    [SIM_NITRO_LONG_CHAIN] = "long-chain",
    [SIM_NITRO_NOT_A_CA] = "not-a-ca",
    [SIM_NITRO_LEAF_IS_CA] = "leaf-is-ca",
    [SIM_NITRO_WRONG_DIGEST] = "wrong-digest",
    [SIM_NITRO_WRONG_ALGORITHM] = "wrong-algorithm",
    [SIM_NITRO_MISSING_FIELD] = "missing-field",
    [SIM_NITRO_UNKNOWN_FIELD] = "unknown-field",
    [SIM_NITRO_DUPLICATE_FIELD] = "duplicate-field",
    [SIM_NITRO_SHORT_PCR] = "short-pcr",
    [SIM_NITRO_FUTURE] = "future",
};

enum key { KEY_IMAGE, KEY_TAGGED, KEY_OPEN_ENDED, KEYS };
static const char *const keys[KEYS] = {"image", "tagged", "open-ended"};

static void init(struct sim_platform *p)
{
    (void)p; /* zero is sound: untagged, definite lengths */
}

static bool set(struct sim_platform *p, unsigned key, const char *value, struct err *e)
{
    if (key == KEY_IMAGE)
        return sim_number(keys[key], value, UINT64_MAX, &p->nitro.image, e);
    return sim_switch(keys[key], value, key == KEY_TAGGED ? &p->nitro.tagged : &p->nitro.open_ended,
                      e);
}

/* The head of a map, and its end where it has no count. */
static void map_begin(struct buf *b, const struct sim_nitro *n, unsigned count)
{
    if (n->open_ended)
        buf_putc(b, (char)0xbf);
    else
        sim_cbor_head(b, 5, count);
}

static void map_end(struct buf *b, const struct sim_nitro *n)
{
    if (n->open_ended)
        buf_putc(b, (char)0xff);
}

/* 0 to 2: the image, its kernel and its application; 4: the instance; the others are unused. */
static bool pcrs_put(struct buf *b, const struct sim_platform *p)
{
    sim_cbor_text(b, "pcrs");
    map_begin(b, &p->nitro, PCRS);
    for (unsigned i = 0; i < PCRS; i++) {
        uint8_t pcr[PCR_SIZE] = {0};
        bool image = i < 3 && p->defect != SIM_NITRO_DEBUG;

        if ((image &&
             !sim_digest("bailey simulated enclave", p->nitro.image * 8 + i, EVP_sha384(), pcr)) ||
            (i == 4 && !sim_digest("bailey simulated instance", p->chip, EVP_sha384(), pcr)))
            return false;
        sim_cbor_int(b, i);
        sim_cbor_bytes(
            b, (struct bytes){pcr, i == 4 && p->defect == SIM_NITRO_SHORT_PCR ? 32 : PCR_SIZE});
    }
    map_end(b, &p->nitro);
    return true;
}

static void chain_put(struct buf *b, const struct sim_nitro_chain *c)
{
    sim_cbor_text(b, "certificate");
    sim_cbor_bytes(b, buf_bytes(&c->der[SIM_NITRO_LINKS - 1]));
    sim_cbor_text(b, "cabundle");
    sim_cbor_head(b, 4, SIM_NITRO_LINKS - 1);
    for (unsigned i = 0; i < SIM_NITRO_LINKS - 1; i++)
        sim_cbor_bytes(b, buf_bytes(&c->der[i]));
}

static void user_put(struct buf *b, const struct sim_platform *p, const uint8_t report_data[64])
{
    uint8_t data[64];

    memcpy(data, report_data, sizeof data);
    if (p->defect == SIM_NITRO_STALE_REPORT_DATA)
        for (size_t i = 0; i < sizeof data; i++)
            data[i] ^= 0xff;
    sim_cbor_text(b, "public_key");
    sim_cbor_null(b);
    sim_cbor_text(b, "user_data");
    sim_cbor_bytes(b, BYTES_OF(data));
    sim_cbor_text(b, "nonce");
    sim_cbor_null(b);
}

static bool payload_put(struct buf *b, const struct sim_platform *p, const char *module,
                        const struct sim_nitro_chain *chain, const uint8_t report_data[64],
                        int64_t now_s)
{
    enum sim_nitro_defect defect = (enum sim_nitro_defect)p->defect;
    unsigned count = defect == SIM_NITRO_MISSING_FIELD                                          ? 8
                     : defect == SIM_NITRO_UNKNOWN_FIELD || defect == SIM_NITRO_DUPLICATE_FIELD ? 10
                                                                                                : 9;

    map_begin(b, &p->nitro, count);
    sim_cbor_text(b, "module_id");
    sim_cbor_text(b, module);
    for (unsigned i = 0; i < (defect == SIM_NITRO_DUPLICATE_FIELD ? 2 : 1); i++) {
        sim_cbor_text(b, "digest");
        sim_cbor_text(b, defect == SIM_NITRO_WRONG_DIGEST ? "SHA256" : "SHA384");
    }
    sim_cbor_text(b, "timestamp");
    sim_cbor_int(b, (defect == SIM_NITRO_FUTURE ? now_s + 86400 : now_s) * 1000 + 346);
    if (defect != SIM_NITRO_MISSING_FIELD && !pcrs_put(b, p))
        return false;
    chain_put(b, chain);
    user_put(b, p, report_data);
    if (defect == SIM_NITRO_UNKNOWN_FIELD) {
        sim_cbor_text(b, "comment");
        sim_cbor_null(b);
    }
    map_end(b, &p->nitro);
    return true;
}

static bool document_put(const struct sim_platform *p, const char *module,
                         const struct sim_nitro_chain *chain, const uint8_t report_data[64],
                         int64_t now_s, struct buf *out)
{
    AUTO_BUF struct buf payload = {0};
    AUTO(pkey)
    EVP_PKEY *other = sim_ec_key(SIM_P384, "bailey-sim-nitro-other",
                                 (struct bytes){(const uint8_t *)&p->chip, 8});
    struct sim_cose how = {.tagged = p->nitro.tagged,
                           .algorithm = p->defect == SIM_NITRO_WRONG_ALGORITHM ? ES256 : ES384};

    if (other == NULL || !payload_put(&payload, p, module, chain, report_data, now_s) ||
        !buf_ok(&payload, NULL) ||
        !sim_cose_sign1(out, &how, p->defect == SIM_NITRO_WRONG_KEY ? other : chain->key, SIM_P384,
                        buf_bytes(&payload)) ||
        !buf_ok(out, NULL))
        return false;
    if (p->defect == SIM_NITRO_BAD_SIGNATURE)
        out->p[out->n - 1] ^= 1;
    return true;
}

static bool make(const struct sim_platform *p, const uint8_t report_data[64], int64_t now_s,
                 struct sim_evidence *out, struct err *e)
{
    __attribute__((cleanup(sim_nitro_chain_fini))) struct sim_nitro_chain chain = {0};
    uint8_t id[32];
    char hex[65], instance[40], module[80];

    if (!sim_digest("bailey simulated instance", p->chip, EVP_sha256(), id))
        return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: a digest failed");
    hex_format(BYTES_OF(id), hex);
    snprintf(instance, sizeof instance, "i-0%.16s", hex);
    snprintf(module, sizeof module, "%s-enc0%.15s", instance, hex + 32);
    if (!sim_nitro_chain(instance, module, p->chip, (enum sim_nitro_defect)p->defect, now_s, &chain,
                         e))
        return false;
    if (!document_put(p, module, &chain, report_data, now_s, &out->evidence)) {
        ERR_clear_error();
        return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: making a document failed");
    }
    return true;
}

const struct sim_kind sim_nitro_kind = {
    .technology = "nitro",
    .vendor = "aws",
    .defects = defects,
    .defects_n = SIM_NITRO_DEFECTS,
    .keys = keys,
    .keys_n = KEYS,
    .init = init,
    .set = set,
    .make = make,
};
