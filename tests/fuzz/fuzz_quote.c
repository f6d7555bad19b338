/* Any bytes as an Intel quote, and what must hold of every one that parses. The first byte chooses
 * between the bytes as they are and patches over a quote that is sound in shape. */
#include <stdlib.h>

#include "attest/dcap_quote.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A quote with nothing in it but what has to be; its certification data is `inner`. */
static void sound(struct buf *b, unsigned version, bool tdx, struct bytes inner)
{
    static const uint8_t intel[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                      0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    size_t body = !tdx ? SGX_BODY_SIZE : version == 5 ? TD15_BODY_SIZE : TD10_BODY_SIZE;
    size_t tail = SGX_BODY_SIZE + 64 + 2 + 6 + inner.n;

    buf_le(b, version, 2);
    buf_le(b, 2, 2);
    buf_le(b, tdx ? DCAP_TEE_TDX : DCAP_TEE_SGX, 4);
    buf_zero(b, 4);
    buf_put(b, intel, sizeof intel);
    buf_zero(b, 20);
    if (version == 5) {
        buf_le(b, tdx ? 3 : 1, 2);
        buf_le(b, body, 4);
    }
    buf_zero(b, body);
    buf_le(b, 128 + tail + (version > 3 ? 6 : 0), 4);
    buf_zero(b, 128);
    if (version > 3) {
        buf_le(b, DCAP_QE_REPORT, 2);
        buf_le(b, tail, 4);
    }
    buf_zero(b, SGX_BODY_SIZE + 64 + 2);
    buf_le(b, DCAP_PCK_CHAIN, 2);
    buf_le(b, inner.n, 4);
    buf_put(b, inner.p, inner.n);
}

/* Whatever is explained stands in the input, and all of it is. */
static void count(const struct explained *x, void *data)
{
    size_t *next = data;

    if (x->offset != *next || x->size == 0 || x->value[0] == '\0')
        abort();
    *next += x->size;
}

static bool inside(struct bytes part, struct bytes in)
{
    return part.n == 0 || (part.p >= in.p && part.p + part.n <= in.p + in.n);
}

static void try(struct bytes in)
{
    const struct evidence_options o = {
        .now_s = 1795000000, .allow_simulated = true, .signatures_only = true, .lenient = true};
    const struct evidence_input input = {.evidence = in};
    struct dcap_quote q, strict;
    struct facts f;
    struct err e = {0};
    size_t explained = 0;

    if (dcap_quote_parse(in, true, &q, &e)) {
        if (!inside(q.signed_part, in) || !inside(q.qe_report, in) || !inside(q.qe_auth, in) ||
            !inside(q.certification_data, in) || q.signature.n != 64 || q.key.n != 64 ||
            q.qe_report.n != SGX_BODY_SIZE || q.version < 3 || q.version > 5)
            abort();
    } else if (e.reason[0] == '\0' || dcap_quote_parse(in, false, &strict, NULL)) {
        abort(); /* strict never accepts more than lenient */
    }
    if (evidence_explain(in, count, &explained, NULL) && explained != in.n)
        abort();
    /* seeds are simulated quotes; nobody stumbles upon a chain of Intel's with a signature by it */
    e = (struct err){0};
    if (evidence_verify(&input, &o, &f, &e) ? f.assurance != ASSURANCE_SIMULATED
                                            : e.reason[0] == '\0')
        abort();
}

/* Patches of three bytes: place (big-endian), value. */
static void patch(struct buf *b, const uint8_t *data, size_t size)
{
    for (; size >= 3; data += 3, size -= 3)
        b->p[((size_t)data[0] << 8 | data[1]) % b->n] = data[2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_BUF struct buf quote = {0};
    unsigned how = size == 0 ? 0 : data[0] % 8;

    try((struct bytes){data, size});
    if (size == 0)
        return 0;
    if (how < 4) { /* the rest is the certification data */
        sound(&quote, how == 0 ? 3 : how < 3 ? 4 : 5, how >= 2, (struct bytes){data + 1, size - 1});
    } else {
        sound(&quote, how == 4 ? 3 : how < 7 ? 4 : 5, how >= 6, (struct bytes){data + 1, 0});
        patch(&quote, data + 1, size - 1);
    }
    try(buf_bytes(&quote));
    return 0;
}
