/* Any bytes as a certificate and as a revocation list, by our reader and by OpenSSL's: what ours
 * accepts the other has to accept with the same values, and what ours alone refuses has to be one
 * of the named differences. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/cert_differ.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    const char *what;

    if (cert_differ(in, &what) == DIFFER_WRONG) {
        fprintf(stderr, "certificate: %s\n", what);
        abort();
    }
    if (crl_differ(in, &what) == DIFFER_WRONG) {
        fprintf(stderr, "list: %s\n", what);
        abort();
    }
    return 0;
}
