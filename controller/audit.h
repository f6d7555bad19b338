/* audit.h - the audit log: every trust decision and change, in an append-only hash tree.
 *
 * An entry is part of the same batch of the store as the change it speaks of (txn.h): what is
 * acknowledged is in the log, what is not in the log did not happen. Nodes of the tree are stored
 * as they fill, so that proofs cost the depth of the tree. Keys in the store:
 *
 *   audit/e/<sequence, 20 digits>        the entry's text (attest/audit_entry.h)
 *   audit/n/<level, 2>/<index, 20>       a full subtree's hash, of levels from 4 on
 *   audit/h/<size, 20>                   a signed tree head (TreeHead); the newest AUDIT_HEADS_KEPT
 *   audit/tree                           size and peaks
 *
 * Heads are signed by a key of their own, DIR/pki/audit.key (Ed25519, mode 0600), which the CA
 * certifies. They are made with the first commit after HEAD_EVERY_MS or HEAD_ENTRIES entries, and
 * on demand. Agents remember the highest (session.proto, Hello). */
#ifndef CONTROLLER_AUDIT_H
#define CONTROLLER_AUDIT_H

#include <openssl/evp.h>

#include "attest/audit_entry.h"
#include "attest/merkle.h"
#include "attest/tree_head.h"
#include "bailey/v1/audit.pb-c.h"
#include "controller/state.h"

#define AUDIT_HEADS_KEPT 256
#define HEAD_EVERY_MS 10000
#define HEAD_ENTRIES 1024

struct audit;

/* Records, in the open batch:
 *
 *   audit_record(st, &(struct audit_entry){.v = {[AUDIT_ACTION] = "revocation.begun",
 *                                                [AUDIT_ACTOR] = actor,
 *                                                [AUDIT_OBJECT] = audit_object(o, text),
 *                                                [AUDIT_BECAUSE] = r->because}});
 *
 * Values are copied; what the log itself sets need not be given. Before audit_open() nothing is
 * recorded (unit tests of other parts). event_add() calls audit_event() below: a change that makes
 * an event needs no call of its own, unless more is to be said than the event does. */
void audit_record(struct state *st, const struct audit_entry *en);

/* What event_add() tells: recorded, unless the reason is one of those that decide nothing
 * ("node.connected") or that are recorded elsewhere with more ("keep.scheduled"). */
void audit_event(struct state *st, const struct object *about, const char *reason,
                 const char *actor, const char *message);

/* Evidence of a node was verified (refused NULL) or refused; digest: SHA-256 of the evidence. */
void audit_evidence(struct state *st, const struct node *n, const uint8_t digest[32],
                    const struct err *refused);
/* A node's certificate was renewed, or was not. */
void audit_certificate(struct state *st, const struct node *n, const struct err *refused);
/* A token to join with was made; node "": for any. */
void audit_token(struct state *st, const char *who, const char *node, const char *expires);

/* "Workload default/web" into out; returns out. NULL: "Cluster". */
#define AUDIT_OBJECT_TEXT 192
const char *audit_object(const struct object *o, char out[AUDIT_OBJECT_TEXT]);
/* "user/NAME", "node/NAME" or "controller"; who as events name their actor. Returns out. */
#define AUDIT_ACTOR_TEXT 96
const char *audit_user(const char *who, char out[AUDIT_ACTOR_TEXT]);
/* SHA-256 of a message as it is stored, hex. Returns out. */
#define AUDIT_DIGEST_TEXT 65
const char *audit_digest(const ProtobufCMessage *m, char out[AUDIT_DIGEST_TEXT]);

/* Takes the key (its own from then on) and its certificate, and reads the tree from the store.
 * ERR_INPUT "audit.tree": the store's tree does not fit itself. */
NODISCARD bool audit_open(struct state *st, EVP_PKEY *key, struct bytes certificate, struct err *e);
void audit_close(struct state *st);

/* txn.c calls it before it commits a batch: the tree's record, and a head when one is due. */
void audit_flush(struct state *st);

/* The newest head that is durable; NULL: there is none yet. */
const struct tree_head *audit_head(const struct state *st);
/* A head over all entries so far, the open batch's included: durable with it. */
const struct tree_head *audit_head_now(struct state *st);

uint64_t audit_size(const struct state *st);    /* entries, the open batch's included */
uint64_t audit_durable(const struct state *st); /* entries that are durable */

#endif
