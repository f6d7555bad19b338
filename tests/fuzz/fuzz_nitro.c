/* Any bytes as a Nitro document, and as the payload of one: whatever parses holds what its header
 * promises, and nothing is ever proved that the simulated AWS did not sign. */
#include <stdlib.h>

#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/nitro_doc.h"
#include "attest/sim/sim_cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const struct explained *x, void *data)
{
    size_t *next = data;

    if (x->offset != *next)
        abort();
    *next += x->size;
}

static void try(struct bytes in)
{
    const struct evidence_options o = {
        .now_s = 1795000000, .allow_debug = true, .signatures_only = true};
    struct evidence_input input = {.evidence = in};
    struct nitro_doc d;
    struct facts f;
    struct err e = {0};
    size_t explained = 0;

    if (nitro_doc_parse(in, false, &d, &e)) {
        if (d.module_id.n == 0 || d.pcr[0].n != NITRO_PCR_SIZE || d.certificate.n == 0 ||
            d.bundle_n == 0 || d.bundle_n > NITRO_BUNDLE_MAX || d.timestamp_ms == 0 ||
            d.user_data.n > 512 || d.cose.algorithm != COSE_ES384)
            abort();
    } else if (e.reason[0] == '\0' || e.field[0] == '\0') {
        abort();
    }
    if (evidence_explain(in, count, &explained, NULL) && explained != in.n)
        abort();
    e = (struct err){0};
    if (evidence_verify(&input, &o, &f, &e)) { /* a real one of the corpus, at its time */
        if (f.assurance != ASSURANCE_HARDWARE)
            abort();
    } else if (e.reason[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t header[] = {0xa1, 0x01, 0x38, 0x22}, signature[96] = {1};
    AUTO_BUF struct buf document = {0};

    try((struct bytes){data, size});
    sim_cbor_head(&document, 4, 4);
    sim_cbor_bytes(&document, BYTES_OF(header));
    sim_cbor_head(&document, 5, 0);
    sim_cbor_bytes(&document, (struct bytes){data, size});
    sim_cbor_bytes(&document, BYTES_OF(signature));
    if (buf_ok(&document, NULL))
        try(buf_bytes(&document));
    return 0;
}
