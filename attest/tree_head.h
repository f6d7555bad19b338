/* tree_head.h - what the audit log was at a moment, signed (Ed25519, RFC 8032).
 *
 * The signature is over this text, each line ended by one newline:
 *
 *   bailey-tree-head-v1
 *   cluster: 7f0c...
 *   size: 128
 *   root: <64 hex digits>
 *   time-ms: 1795435200000
 *   key: <64 hex digits, SHA-256 of the key's SubjectPublicKeyInfo> */
#ifndef ATTEST_TREE_HEAD_H
#define ATTEST_TREE_HEAD_H

#include <openssl/evp.h>

#include "attest/merkle.h"
#include "base/buf.h"

#define TREE_HEAD_SIGNATURE 64

struct tree_head {
    char cluster[64];
    uint64_t size;
    struct merkle_hash root;
    int64_t at_ms;
    uint8_t key_id[32];
    uint8_t signature[TREE_HEAD_SIGNATURE];
};

/* SHA-256 of the key's SubjectPublicKeyInfo, DER. */
NODISCARD bool audit_key_id(EVP_PKEY *key, uint8_t out[32], struct err *e);

/* Ed25519 over any text of the audit log's; audit.key for another kind of key. */
NODISCARD bool audit_sign(EVP_PKEY *key, struct bytes text, uint8_t out[TREE_HEAD_SIGNATURE],
                          struct err *e);
/* audit.signature when it is not the key's. */
NODISCARD bool audit_check_signature(EVP_PKEY *key, struct bytes text, struct bytes signature,
                                     struct err *e);

/* Appends the text that is signed. */
void tree_head_text(const struct tree_head *h, struct buf *out);

/* Appends that text and a line "signature: <128 hex digits>": a head as a file. */
void tree_head_format(const struct tree_head *h, struct buf *out);
/* Exactly such a text; audit.head-form. Says nothing about the signature. */
NODISCARD bool tree_head_parse(struct bytes text, struct tree_head *out, struct err *e);

/* Sets key_id and signature. */
NODISCARD bool tree_head_sign(struct tree_head *h, EVP_PKEY *key, struct err *e);

/* Signed by this key, and by no other: audit.key, audit.signature. */
NODISCARD bool tree_head_check(const struct tree_head *h, EVP_PKEY *key, struct err *e);

/* Same cluster and size must have the same root; otherwise one of them is of a rewritten log:
 * audit.fork. Heads of different sizes need a consistency proof. */
NODISCARD bool tree_head_same(const struct tree_head *a, const struct tree_head *b, struct err *e);

#endif
