/* nitro_chain.h - from the certificate in a Nitro document to AWS: every link of the bundle, the
 * first one pinned. What is asked of each certificate: see nitro_check.h. */
#ifndef ATTEST_NITRO_CHAIN_H
#define ATTEST_NITRO_CHAIN_H

#include "attest/cert.h"
#include "attest/evidence.h"
#include "attest/nitro_doc.h"

struct nitro_chain {
    const struct anchor *anchor;
    struct cert *leaf; /* owned */
};

/* o->anchors is set. False: *c holds what was found until then, for nitro_chain_fini(). */
NODISCARD bool nitro_chain_check(const struct nitro_doc *d, const struct evidence_options *o,
                                 struct nitro_chain *c, struct err *e);

void nitro_chain_fini(struct nitro_chain *c);

#endif
