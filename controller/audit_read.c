/* The tree in the store, and heads as messages. */
#include <inttypes.h>
#include <stdio.h>

#include "base/rd.h"
#include "base/str.h"
#include "controller/audit_int.h"

void audit_tree_format(const struct merkle_tree *t, struct buf *out)
{
    buf_be(out, t->n, 8);
    for (unsigned level = 64; level-- > 0;)
        if (t->n >> level & 1)
            buf_put(out, t->peak[level].b, sizeof t->peak[level].b);
}

bool audit_tree_parse(struct bytes in, struct merkle_tree *out, struct err *e)
{
    struct merkle_tree t = {0};
    size_t at = 8;

    for (size_t i = 0; i < 8 && i < in.n; i++)
        t.n = t.n << 8 | in.p[i];
    for (unsigned level = 64; level-- > 0;) {
        if ((t.n >> level & 1) == 0)
            continue;
        if (at + sizeof t.peak[level].b > in.n)
            break;
        memcpy(t.peak[level].b, in.p + at, sizeof t.peak[level].b);
        at += sizeof t.peak[level].b;
    }
    if (in.n < 8 || at != in.n || in.n != 8 + 32 * (size_t)__builtin_popcountll(t.n))
        return err_set(e, ERR_INPUT, "audit.tree", "the audit tree's record has a wrong length"),
               err_mend(e, "look with: bailey-controller fsck; restore a backup");
    *out = t;
    return true;
}

void tree_head_to_message(const struct tree_head *h, Bailey__V1__TreeHead *m)
{
    m->cluster_id = (char *)(uintptr_t)h->cluster;
    m->size = h->size;
    m->root = (ProtobufCBinaryData){sizeof h->root.b, (uint8_t *)(uintptr_t)h->root.b};
    m->at_ms = h->at_ms;
    m->key_id = (ProtobufCBinaryData){sizeof h->key_id, (uint8_t *)(uintptr_t)h->key_id};
    m->signature = (ProtobufCBinaryData){sizeof h->signature, (uint8_t *)(uintptr_t)h->signature};
}

bool tree_head_from_message(const Bailey__V1__TreeHead *m, struct tree_head *out, struct err *e)
{
    struct tree_head h = {.size = m->size, .at_ms = m->at_ms};

    if (m->root.len != sizeof h.root.b || m->key_id.len != sizeof h.key_id ||
        m->signature.len != sizeof h.signature ||
        !str_copy(h.cluster, sizeof h.cluster, m->cluster_id))
        return err_set(e, ERR_INPUT, "audit.head-form",
                       "not a tree head: a field has a wrong "
                       "length");
    memcpy(h.root.b, m->root.data, sizeof h.root.b);
    memcpy(h.key_id, m->key_id.data, sizeof h.key_id);
    memcpy(h.signature, m->signature.data, sizeof h.signature);
    *out = h;
    return true;
}

/* A full subtree's hash from the entries it covers. */
static bool from_entries(struct store *s, unsigned level, uint64_t index, struct merkle_hash *out)
{
    struct merkle_tree t = {0};
    struct merkle_hash leaf;
    char key[AUDIT_KEY_TEXT];

    for (uint64_t i = index << level; i < (index + 1) << level; i++) {
        AUTO_BUF struct buf b = {0};

        if (!store_get(s, bytes_str(audit_entry_key(i, key)), &b, NULL))
            return false;
        merkle_leaf(buf_bytes(&b), &leaf);
        merkle_append(&t, &leaf, NULL, NULL);
    }
    *out = t.peak[level];
    return true;
}

bool audit_read_node(void *user, unsigned level, uint64_t index, struct merkle_hash *out)
{
    AUTO_BUF struct buf b = {0};
    char key[AUDIT_KEY_TEXT];

    if (level < AUDIT_NODE_LEVEL)
        return from_entries(user, level, index, out);
    if (!store_get(user, bytes_str(audit_node_key(level, index, key)), &b, NULL) ||
        b.n != sizeof out->b)
        return false;
    memcpy(out->b, b.p, sizeof out->b);
    return true;
}
