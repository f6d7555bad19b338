/* Any bytes as a certificate, its AMD extensions, and a revocation list; and as the certificate
 * table beside a report. */
#include <stdlib.h>

#include "attest/crl.h"
#include "attest/evidence.h"
#include "attest/snp_files.h"
#include "attest/snp_leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    struct evidence_input table = {.files = {{"auxblob", in}}, .files_n = 1};
    AUTO(cert) struct cert *x = NULL;
    AUTO(crl) struct crl *crl = NULL;
    struct bytes found;
    struct snp_leaf leaf;
    struct err e = {0};
    bool stale;

    if (snp_file_find(&table, "ark.der", &found, &e) && found.n != 0 &&
        (found.p < data || found.p + found.n > data + size))
        abort();
    if (cert_parse(in, "fuzz", &x, &e)) {
        bool good = snp_leaf_read(x, false, "fuzz", &leaf, &e) &&
                    cert_check_name(x, "SEV-VCEK", "fuzz", &e) &&
                    cert_check_time(x, 1795000000, "fuzz", &e);

        if (good && leaf.hwid_n != 8 && leaf.hwid_n != 64)
            abort();
        /* no certificate small enough to stumble upon is a root of AMD's kind */
        if (cert_check_ca(x, "fuzz", &e) && size < 512)
            abort();
        if (cert_check_signed(x, x, CERT_PSS_SHA384, NULL, "fuzz", &e) && size < 512)
            abort();
    }
    if (crl_parse(in, "fuzz", &crl, &e) && x != NULL &&
        crl_check_time(crl, 1795000000, &stale, "fuzz", &e))
        crl_lists(crl, x);
    return 0;
}
