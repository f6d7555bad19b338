/* Any bytes as an SNP report, and what must hold of every one that parses. Most random reports die
 * at the first reserved byte, so half of the inputs are laid over a report that is sound in shape.
 */
#include <stdlib.h>

#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/snp_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A report with nothing in it but what has to be. */
static void sound(uint8_t r[SNP_REPORT_SIZE])
{
    memset(r, 0, SNP_REPORT_SIZE);
    r[0x000] = 3;
    r[0x00a] = 0x02; /* POLICY bit 17 */
    r[0x034] = 1;
}

/* Patches of three bytes: place (big-endian), value. */
static void patch(uint8_t r[SNP_REPORT_SIZE], const uint8_t *data, size_t size)
{
    for (; size >= 3; data += 3, size -= 3)
        r[((size_t)data[0] << 8 | data[1]) % SNP_REPORT_SIZE] = data[2];
}

/* Whatever is explained stands in the input, and all of it is. */
static void count(const struct explained *x, void *data)
{
    size_t *next = data;

    if (x->offset != *next)
        abort();
    *next += x->size;
}

static void try(struct bytes in)
{
    const struct evidence_options o = {.now_s = 1795000000, .allow_simulated = true};
    struct evidence_input input = {.evidence = in};
    struct snp_report r;
    struct facts f;
    struct err e = {0};
    size_t explained = 0;

    if (snp_report_parse(in, &r, &e)) {
        if (in.n != SNP_REPORT_SIZE || r.version < 2 || r.version > 5 ||
            (r.version < 3 && r.cpu_family != 0))
            abort();
    } else if (e.reason[0] == '\0' || e.code == ERR_NONE) {
        abort();
    }
    if (evidence_explain(in, count, &explained, NULL) && explained != in.n)
        abort();
    /* without certificates nothing is ever proved */
    e = (struct err){0};
    if (evidence_verify(&input, &o, &f, &e) || e.reason[0] == '\0')
        abort();
    /* the bytes as the host's certificate table */
    input.files[0] = (struct evidence_file){"auxblob", in};
    input.files_n = 1;
    if (evidence_verify(&input, &o, &f, &e))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t report[SNP_REPORT_SIZE];

    try((struct bytes){data, size});
    sound(report);
    patch(report, data, size);
    try((struct bytes){report, sizeof report});
    return 0;
}
