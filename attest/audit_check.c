#include "attest/audit_check.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"

static bool check_heads(struct audit_check *c, struct err *e)
{
    struct merkle_hash root;
    uint64_t before = c->next == 0 ? 0 : c->heads[c->next - 1].size;

    while (c->next < c->heads_n && c->heads[c->next].size == c->tree.n) {
        merkle_root(&c->tree, &root);
        if (memcmp(root.b, c->heads[c->next].root.b, sizeof root.b) != 0)
            return err_set(e, ERR_INPUT, "audit.root",
                           "the log is not the one that was signed: the head of %" PRIu64
                           " entries has another root",
                           c->tree.n),
                   err_field(e, "root"),
                   err_found(e, "changed: one of the entries %" PRIu64 " to %" PRIu64, before,
                             c->tree.n - 1);
        c->next++;
    }
    return true;
}

bool audit_check_entry(struct audit_check *c, struct bytes text, struct arena *a,
                       struct audit_entry *out, struct err *e)
{
    struct merkle_hash leaf;
    struct audit_entry en;
    uint64_t sequence;

    if (!audit_entry_parse(text, a, &en, e))
        return err_wrap(e, "entry %" PRIu64, c->tree.n);
    if (en.v[AUDIT_SEQUENCE] == NULL || !u64_parse(en.v[AUDIT_SEQUENCE], &sequence) ||
        sequence != c->tree.n)
        return err_set(e, ERR_INPUT, "audit.sequence", "an entry is missing or stands twice"),
               err_field(e, "sequence"),
               err_found(e, "%s", en.v[AUDIT_SEQUENCE] == NULL ? "" : en.v[AUDIT_SEQUENCE]),
               err_expected(e, "%" PRIu64, c->tree.n);
    if (c->cluster[0] == '\0' && en.v[AUDIT_CLUSTER] != NULL)
        (void)str_copy(c->cluster, sizeof c->cluster, en.v[AUDIT_CLUSTER]);
    if (en.v[AUDIT_CLUSTER] == NULL || strcmp(en.v[AUDIT_CLUSTER], c->cluster) != 0)
        return err_set(e, ERR_INPUT, "audit.cluster", "entry %" PRIu64 " is of another cluster",
                       c->tree.n),
               err_field(e, "cluster");
    merkle_leaf(text, &leaf);
    merkle_append(&c->tree, &leaf, NULL, NULL);
    if (!check_heads(c, e))
        return false;
    *out = en;
    return true;
}

bool audit_check_end(const struct audit_check *c, struct err *e)
{
    if (c->next == c->heads_n)
        return true;
    return err_set(e, ERR_INPUT, "audit.shorter",
                   "entries are missing at the end: %" PRIu64 " are there, a signed head says more",
                   c->tree.n),
           err_found(e, "%" PRIu64, c->tree.n),
           err_expected(e, "%" PRIu64, c->heads[c->heads_n - 1].size);
}
