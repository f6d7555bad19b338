/* snp_files.h - finds the certificates that come with an SNP report: files of their own, or the
 * GUID table of an extended guest request (GHCB 2.0, 4.1.8.1), which the host wrote and nobody
 * signed. */
#ifndef ATTEST_SNP_FILES_H
#define ATTEST_SNP_FILES_H

#include "attest/evidence.h"

/* name: "vcek.der", "vlek.der", "ask.der", "asvk.der", "ark.der" or "ark_crl.der". Borrowed from
 * the input; n == 0: it is not there. "snp.cert-table" when the table is broken. */
NODISCARD bool snp_file_find(const struct evidence_input *in, const char *name, struct bytes *out,
                             struct err *e);

#endif
