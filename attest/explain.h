/* explain.h - evidence field by field for people: where it stands, what it holds, what that means,
 * and which check looks at it. Judges nothing: broken and forged evidence is explained as well. */
#ifndef ATTEST_EXPLAIN_H
#define ATTEST_EXPLAIN_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

struct explained {
    const char
        *field; /* "REPORTED_TCB"; reserved bytes are fields too, so that nothing is left out */
    size_t offset, size;
    char value[144];     /* numbers as numbers, runs of bytes as hex */
    char says[160];      /* the value in words: "fmc 1, bootloader 1, ..."; may be empty */
    const char *meaning; /* what the field is for */
    const char *checked; /* the reason that a wrong one is refused with, "snp.signature" where only
                            that guards it */
};

typedef void explain_fn(const struct explained *, void *data);

/* Calls each() for every field from the first byte to the last. False, with nothing called:
 * evidence.unknown-format. */
NODISCARD bool evidence_explain(struct bytes evidence, explain_fn *each, void *data, struct err *e);

#endif
