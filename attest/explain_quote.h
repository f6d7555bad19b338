/* explain_quote.h - Intel quotes for explain.h, field by field from the first byte to the last. */
#ifndef ATTEST_EXPLAIN_QUOTE_H
#define ATTEST_EXPLAIN_QUOTE_H

#include "attest/explain.h"

/* True when the bytes look like a quote of SGX or TDX. */
bool quote_explains(struct bytes evidence);

/* As evidence_explain(), for those. What is cut off is said so, and ends it. */
void quote_explain(struct bytes quote, explain_fn *each, void *data);

#endif
