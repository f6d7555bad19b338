/* explain_cbor.h - Nitro documents and CCA tokens item by item: see explain.h. */
#ifndef ATTEST_EXPLAIN_CBOR_H
#define ATTEST_EXPLAIN_CBOR_H

#include "attest/explain.h"

/* False, with nothing called: the structure around the fields cannot be read (cbor.*, cose.*,
 * cca.collection). Fields that are wrong in themselves are explained as they stand. */
NODISCARD bool explain_nitro(struct bytes evidence, explain_fn *each, void *data, struct err *e);
NODISCARD bool explain_cca(struct bytes evidence, explain_fn *each, void *data, struct err *e);

#endif
