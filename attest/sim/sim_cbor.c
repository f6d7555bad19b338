#include "attest/sim/sim_cbor.h"

#include <string.h>

void sim_cbor_head(struct buf *b, unsigned major, uint64_t value)
{
    unsigned width = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : 4;
    unsigned info = width == 0 ? (unsigned)value : width == 1 ? 24 : width == 2 ? 25 : 26;

    if (value > UINT32_MAX) {
        width = 8;
        info = 27;
    }
    buf_putc(b, (char)(major << 5 | info));
    if (width > 0)
        buf_be(b, value, width);
}

void sim_cbor_int(struct buf *b, int64_t v)
{
    if (v >= 0)
        sim_cbor_head(b, 0, (uint64_t)v);
    else
        sim_cbor_head(b, 1, (uint64_t)(-1 - v));
}

void sim_cbor_bytes(struct buf *b, struct bytes v)
{
    sim_cbor_head(b, 2, v.n);
    buf_put(b, v.p, v.n);
}

void sim_cbor_text(struct buf *b, const char *v)
{
    sim_cbor_head(b, 3, strlen(v));
    buf_puts(b, v);
}

void sim_cbor_null(struct buf *b)
{
    sim_cbor_head(b, 7, 22);
}

bool sim_cose_sign1(struct buf *out, const struct sim_cose *how, EVP_PKEY *key,
                    enum sim_curve curve, struct bytes payload)
{
    AUTO_BUF struct buf header = {0}, text = {0};
    uint8_t signature[96];
    struct bytes signed_as = {signature, curve == SIM_P256 ? 64 : 96};

    sim_cbor_head(&header, 5, 1);
    sim_cbor_int(&header, 1);
    sim_cbor_int(&header, how->algorithm);
    sim_cbor_head(&text, 4, 4);
    sim_cbor_text(&text, "Signature1");
    sim_cbor_bytes(&text, buf_bytes(&header));
    sim_cbor_head(&text, 2, 0);
    sim_cbor_bytes(&text, payload);
    if (!buf_ok(&header, NULL) || !buf_ok(&text, NULL) ||
        !sim_ec_sign(key, curve, buf_bytes(&text), signature))
        return false;
    if (how->tagged)
        sim_cbor_head(out, 6, 18);
    sim_cbor_head(out, 4, 4);
    sim_cbor_bytes(out, buf_bytes(&header));
    sim_cbor_head(out, 5, 0);
    sim_cbor_bytes(out, payload);
    sim_cbor_bytes(out, signed_as);
    return true;
}
