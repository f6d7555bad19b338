/* merkle.h - the hash tree of an append-only log, and the two proofs that let somebody check it who
 * trusts nobody: that an entry is in the log (inclusion), and that a later log holds an earlier one
 * unchanged (consistency). RFC 9162 section 2.1, with SHA-256.
 *
 * The tree over n leaves is left-balanced: its left half is the largest power of two below n. Every
 * half but the last is therefore a complete subtree, which never changes once it is full; those are
 * the only nodes worth storing. A node is named by its level (0: leaves) and its index there: it
 * covers the leaves index << level up to (index + 1) << level. */
#ifndef ATTEST_MERKLE_H
#define ATTEST_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define MERKLE_PROOF_MAX 128 /* most hashes of a proof; a tree has at most 2^63 leaves */

struct merkle_hash {
    uint8_t b[32];
};

/* The whole state that appending needs. Zeroed: the empty log. */
struct merkle_tree {
    uint64_t n;                  /* leaves */
    struct merkle_hash peak[64]; /* [level] the full subtree of that level, where bit level of n is
                                    set; leftmost is the highest */
};

/* Gives the hash of a full subtree that merkle_append() told about. False: it cannot be had. */
typedef bool merkle_read_fn(void *user, unsigned level, uint64_t index, struct merkle_hash *out);
/* Told about every subtree that an append has filled, its own leaf first: what to store. */
typedef void merkle_write_fn(void *user, unsigned level, uint64_t index,
                             const struct merkle_hash *hash);

/* The hash of an entry: SHA-256(0x00 || entry). */
void merkle_leaf(struct bytes entry, struct merkle_hash *out);

/* Appends a leaf; write may be NULL. Costs as many hashes as n has trailing ones. */
void merkle_append(struct merkle_tree *t, const struct merkle_hash *leaf, merkle_write_fn *write,
                   void *user);

/* The root over all leaves so far; of the empty log SHA-256 of nothing. */
void merkle_root(const struct merkle_tree *t, struct merkle_hash *out);

/* Makes the proof that the leaf `index` is in the log of `size` leaves: *n hashes, lowest first.
 * ERR_INPUT "merkle.range" unless index < size; ERR_MISSING "merkle.node" when read() has not the
 * node. */
NODISCARD bool merkle_prove_inclusion(merkle_read_fn *read, void *user, uint64_t index,
                                      uint64_t size, struct merkle_hash out[MERKLE_PROOF_MAX],
                                      unsigned *n, struct err *e);

/* Makes the proof that the log of `later` leaves begins with the log of `earlier` ones; empty when
 * they are equal. Errors as above; earlier is at least 1. */
NODISCARD bool merkle_prove_consistency(merkle_read_fn *read, void *user, uint64_t earlier,
                                        uint64_t later, struct merkle_hash out[MERKLE_PROOF_MAX],
                                        unsigned *n, struct err *e);

/* RFC 9162 section 2.1.3.2. ERR_INPUT: "merkle.range", "merkle.length" (a proof of another size of
 * tree), "merkle.inclusion" (the hashes do not lead to the root). */
NODISCARD bool merkle_check_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                                      const struct merkle_hash *proof, unsigned n,
                                      const struct merkle_hash *root, struct err *e);

/* RFC 9162 section 2.1.4.2. ERR_INPUT: "merkle.range", "merkle.length", "merkle.consistency": the
 * later log is not the earlier one with entries added; somebody has rewritten it. */
NODISCARD bool merkle_check_consistency(uint64_t earlier, const struct merkle_hash *earlier_root,
                                        uint64_t later, const struct merkle_hash *later_root,
                                        const struct merkle_hash *proof, unsigned n, struct err *e);

#endif
