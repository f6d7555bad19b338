/* What sources of evidence read from across a border: a probe guest's answer, a host's question,
 * the Nitro secure module's answer. Nothing may crash, and a refusal leaves the output alone. */
#include <stddef.h>
#include <stdint.h>

#include "agent/probe_wire.h"
#include "agent/source_nitro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    struct bytes in = {data, size}, document = {NULL, 0};
    struct probe_question q;
    struct err e = {0};
    char source[64];

    if (!probe_answer_parse(in, source, &got, &e))
        BUG_ON(got.evidence.n != 0 || got.files_n != 0 || e.reason[0] == '\0');
    if (probe_question_parse(in, &q, &e))
        BUG_ON(q.privlevel < -1 || q.privlevel > 3);
    if (nitro_response(in, &document, &e))
        BUG_ON(document.p < data || document.n == 0 || document.p + document.n > data + size);
    else
        BUG_ON(document.n != 0);
    return 0;
}
