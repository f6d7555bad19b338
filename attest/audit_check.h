/* audit_check.h - verifies a whole audit log, entry by entry, against signed tree heads. */
#ifndef ATTEST_AUDIT_CHECK_H
#define ATTEST_AUDIT_CHECK_H

#include "attest/audit_entry.h"
#include "attest/tree_head.h"

struct audit_check {
    const struct tree_head
        *heads; /* borrowed; ascending by size; signatures are the caller's work */
    size_t heads_n, next;
    struct merkle_tree tree; /* of the entries so far */
    char cluster[64];        /* all entries are of it; "": the first entry's */
};

/* The next entry. ERR_INPUT: audit.entry-form, audit.sequence (one is missing or twice),
 * audit.cluster, audit.root (a head signed other entries; e->found says between which). Values of
 * *out are in memory of a. */
NODISCARD bool audit_check_entry(struct audit_check *c, struct bytes text, struct arena *a,
                                 struct audit_entry *out, struct err *e);

/* After the last entry: no head covers more. audit.shorter. */
NODISCARD bool audit_check_end(const struct audit_check *c, struct err *e);

#endif
