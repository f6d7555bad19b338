/* audit_int.h - the log's inside, for audit.c (recording), audit_read.c (proofs), audit_api.c (what
 * operators ask) and rollback.c. */
#ifndef CONTROLLER_AUDIT_INT_H
#define CONTROLLER_AUDIT_INT_H

#include "base/buf.h"
#include "base/vec.h"
#include "controller/audit.h"
#include "controller/txn.h"

#define AUDIT_KEY_TEXT 48

/* Nodes below this level are not stored: they are computed from at most 8 entries. Storing them
 * would double what an entry costs. */
#define AUDIT_NODE_LEVEL 4

struct audit_stream;
struct audit_note;

struct audit {
    struct state *st;
    EVP_PKEY *key;
    struct buf certificate; /* DER */
    struct merkle_tree tree;
    struct tree_head head;         /* size 0: none */
    struct tree_head durable_head; /* size 0: none */
    int64_t head_ms;               /* boottime when head was made */
    uint64_t durable;              /* entries */
    VEC(uint64_t) heads;           /* sizes of those in the store, ascending */
    uv_timer_t timer;
    struct audit_stream *streams;
    struct audit_note *note;        /* of the open batch, when the log changes with it */
    bool due;                       /* a head is to be made with the next flush */
    char policy[AUDIT_DIGEST_TEXT]; /* of all trust objects, as of policy_revision */
    uint64_t policy_revision;
    struct tree_head lost;     /* rollback suspected: what an agent showed; size 0: not */
    char lost_by[64];          /* the node */
    int64_t accepted_until_ms; /* wall: heads signed before are known to be lost; 0: none */
};

/* "audit/e/00000000000000000012" and so on, into out[AUDIT_KEY_TEXT]; returns out. */
const char *audit_entry_key(uint64_t sequence, char out[AUDIT_KEY_TEXT]);
const char *audit_node_key(unsigned level, uint64_t index, char out[AUDIT_KEY_TEXT]);
const char *audit_head_key(uint64_t size, char out[AUDIT_KEY_TEXT]);

/* The tree's record: size, then the peaks from the highest to the lowest. */
void audit_tree_format(const struct merkle_tree *t, struct buf *out);
NODISCARD bool audit_tree_parse(struct bytes in, struct merkle_tree *out, struct err *e);

void tree_head_to_message(const struct tree_head *h, Bailey__V1__TreeHead *m);
NODISCARD bool tree_head_from_message(const Bailey__V1__TreeHead *m, struct tree_head *out,
                                      struct err *e);

/* merkle_read_fn over a store, from entries where no node is stored; user is the struct store. */
bool audit_read_node(void *user, unsigned level, uint64_t index, struct merkle_hash *out);

/* More is durable: streams go on. */
void audit_streams_wake(struct audit *a);

/* SHA-256 of all policies, advisories, exceptions and revocations as they stand, by their keys, and
 * of the workload's own trust rules; hex. Returns out. */
const char *audit_policy_digest(struct state *st, const struct workload *w,
                                char out[AUDIT_DIGEST_TEXT]);

#endif
