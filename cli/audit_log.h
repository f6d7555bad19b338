/* audit_log.h - what the commands about the audit log and receipts share: whom to believe, the file
 * of an exported log, and the head that this operator verified last. */
#ifndef CLI_AUDIT_LOG_H
#define CLI_AUDIT_LOG_H

#include "attest/audit_check.h"
#include "attest/receipt.h"
#include "cli/client.h"

#define AUDIT_TRUST_CAS 16

/* The certificates of --ca (or of the context's CA), the key of --key. */
struct audit_trust {
    X509 *ca[AUDIT_TRUST_CAS]; /* owned */
    struct receipt_trust trust;
};

/* --ca FILE, --key FILE, else the context's ca. False: c->err is set. */
NODISCARD bool audit_trust_load(struct cli *c, struct audit_trust *t);
void audit_trust_free(struct audit_trust *t);

/* The head of this cluster that was verified last, from
 * ${XDG_STATE_HOME:-~/.local/state}/bailey/audit/<cluster>. *found: there is one. */
NODISCARD bool audit_seen_load(const char *cluster, struct tree_head *out, bool *found,
                               struct err *e);
NODISCARD bool audit_seen_store(const struct tree_head *h, struct err *e);

/* An exported log: "bailey-audit-export-v1", "certificate: <hex>", heads, entries. */
#define AUDIT_EXPORT_FIRST "bailey-audit-export-v1\n"
#define AUDIT_EXPORT_MAX ((size_t)1 << 30)
#define AUDIT_ENTRY_FIRST "bailey-audit-entry-v1\n"

/* A log that is being verified: heads are checked and sorted, entries follow. */
struct audit_log {
    struct audit_check check;
    VEC(struct tree_head) heads;
    struct tree_head seen; /* what this operator verified last */
    bool has_seen;
    EVP_PKEY *key; /* owned */
};

/* Checks the certificate and every head's signature, adds the head that was seen before. The newest
 * head is the last of `heads`. */
NODISCARD bool audit_log_begin(struct cli *c, struct audit_log *l, struct bytes certificate);
/* After the last entry: complete, consistent with what was seen; remembers the newest head. */
NODISCARD bool audit_log_end(struct cli *c, struct audit_log *l);
void audit_log_free(struct audit_log *l);

#endif
