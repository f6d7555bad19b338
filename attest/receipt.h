/* receipt.h - what can be verified without the cluster: that an entry is in the audit log (a proof)
 * and that a keep was placed so (a receipt, which the audit key signs as well). Both are text, one
 * "name: value" a line:
 *
 *   bailey-receipt-v1                 bailey-proof-v1
 *   statement.sequence: 12            the entry, line by line (audit_entry.h)
 *   ...
 *   head.cluster, .size, .root, .time-ms, .key, .signature     the tree head (tree_head.h)
 *   inclusion.0, .1, ...              hashes from the leaf to the root (merkle.h)
 *   digest.statement.sequence: ...    SHA-256 of each line above, so that a change shows where it
 *                                     is; in the same order
 *   signature                         Ed25519 over the first line and all digest lines
 *   certificate                       the audit key's, by the cluster's CA; hex of DER */
#ifndef ATTEST_RECEIPT_H
#define ATTEST_RECEIPT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "attest/audit_entry.h"
#include "attest/tree_head.h"
#include "base/vec.h"

#define RECEIPT_MAX 65536

enum receipt_kind { RECEIPT_PLACEMENT, RECEIPT_PROOF };

/* What goes into one. */
struct receipt_parts {
    enum receipt_kind kind;
    struct bytes entry; /* the entry's text */
    const struct tree_head *head;
    const struct merkle_hash *inclusion;
    unsigned inclusion_n;
    struct bytes certificate; /* DER */
};

/* Appends the text, signed with the audit key. */
NODISCARD bool receipt_make(const struct receipt_parts *p, EVP_PKEY *key, struct buf *out,
                            struct err *e);

/* Whom to believe: CA certificates of the cluster, or the audit key itself, or both (either is
 * enough). */
struct receipt_trust {
    X509 *const *ca;
    size_t ca_n;
    EVP_PKEY *key;
};

struct receipt {
    enum receipt_kind kind;
    struct audit_entry entry;
    struct tree_head head;
};

/* Everything: form, each line's digest, both signatures, the certificate, the way from the entry to
 * the root. The first line that is wrong is e->field. ERR_INPUT: receipt.form, receipt.altered,
 * receipt.signature, receipt.certificate, receipt.kind, audit.*, merkle.*. Values of *out are in
 * memory of a. */
NODISCARD bool receipt_verify(struct bytes text, const struct receipt_trust *trust, struct arena *a,
                              struct receipt *out, struct err *e);

/* The audit key in a certificate that one of the CAs signed for this cluster, valid at at_s; or the
 * trusted key itself. *out is the caller's. receipt.certificate. */
NODISCARD bool audit_key_from(struct bytes certificate, const struct receipt_trust *trust,
                              const char *cluster, int64_t at_s, EVP_PKEY **out, struct err *e);

#endif
