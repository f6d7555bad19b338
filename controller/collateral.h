/* collateral.h - what vendors signed beside evidence, kept by the controller: of each thing the
 * newest issue that was ever verified. Evidence is judged by these and not by what its host brings,
 * when both are there and the host's is not newer: a host cannot hide that its certificate
 * authority was revoked or that its TCB is out of date.
 *
 * Keys and verification: attest/endorsement_check.h. Records are durable under "collateral/".
 * The loop thread changes; workers look up and copy out, under a lock inside. */
#ifndef CONTROLLER_COLLATERAL_H
#define CONTROLLER_COLLATERAL_H

#include "attest/endorsement_check.h"
#include "bailey/v1/collateral.pb-c.h"
#include "base/buf.h"
#include "controller/state.h"

#define COLLATERAL_MOST 50000             /* pieces; certificates of chips are most of them */
#define COLLATERAL_SOON_S (7 * 24 * 3600) /* "expires-soon" */

struct collateral;

/* One thing that evidence needs, and where its vendor serves it. */
#define COLLATERAL_NEEDS 6
struct collateral_need {
    char url[360], kind[24], key[ENDORSEMENT_KEY];
};
struct collateral_needs {
    struct collateral_need need[COLLATERAL_NEEDS];
    unsigned n;
};

/* Any thread: what this evidence needs, genuine or not (AMD KDS: guide 57230; Intel PCS API v4). */
void collateral_needs(const struct evidence_input *in, const struct evidence_options *o,
                      struct collateral_needs *out);

/* Loop thread: remembers what a node's newest evidence needs, until the controller ends. */
void collateral_note(struct state *st, const char *node, const struct collateral_needs *needs);

/* Loop thread: calls fn for each node that was noted, in no order. */
typedef void collateral_noted_fn(void *data, const char *node, const struct collateral_needs *n);
void collateral_noted(struct state *st, collateral_noted_fn *fn, void *data);

/* Loop thread: "missing", or the freshness of what is kept under the key. */
const char *collateral_held(struct state *st, const char *key);

struct collateral *collateral_new(void); /* NULL: no memory */
void collateral_free(struct collateral *c);

/* Fills it from the store. */
NODISCARD bool collateral_load(struct state *st, struct err *e);

enum collateral_outcome { COLLATERAL_STORED, COLLATERAL_UNCHANGED, COLLATERAL_NEWER_KEPT };
const char *collateral_outcome_name(enum collateral_outcome o);

/* Loop thread. Keeps a piece that endorsement_check() found good, unless a newer one is there.
 * source: "imported by NAME". collateral.full. */
NODISCARD bool collateral_offer(struct state *st, const struct endorsement_proof *proof,
                                struct bytes bytes, const char *source,
                                enum collateral_outcome *out, struct err *e);

/* Loop thread. Recognises one file, verifies it with the authorities that are kept, and keeps it.
 * collateral.refused with the reason in words. */
NODISCARD bool collateral_import(struct state *st, const char *source, const char *name,
                                 struct bytes bytes, struct err *e);

/* Any thread: whether these very bytes are kept. */
bool collateral_has(struct collateral *c, struct bytes bytes);

/* Any thread: a copy of what is kept under the key; false: nothing. */
bool collateral_copy(struct collateral *c, const char *key, struct buf *out,
                     struct endorsement *what);

/* Worker threads: gives evidence what it lacks, and replaces what the host brought where ours is
 * not older. Files in *in then point into *lent, which the caller ends after use. Trust anchors
 * that nobody signs (CPAKs) are never taken from a host. */
struct collateral_lent {
    struct buf bytes[EVIDENCE_FILES];
    unsigned n;
    bool trust_files; /* the CPAKs among the files are ours */
};
void collateral_supply(struct collateral *c, const struct evidence_options *o,
                       struct evidence_input *in, struct collateral_lent *lent);
void collateral_lent_fini(struct collateral_lent *l);

/* Loop thread: every piece in order of keys, with `freshness` as of now; data is set. */
typedef bool collateral_each_fn(void *data, const Bailey__V1__Collateral *m);
void collateral_each(struct state *st, collateral_each_fn *fn, void *data);

/* Loop thread: how many are past their date, or will be soon; chips' certificates count too. Makes
 * an event for each piece that newly became one of both. To be called now and then. */
void collateral_watch(struct state *st, uint32_t *expired, uint32_t *expiring);

/* "fresh", "expires-soon", "expired". */
const char *collateral_freshness(int64_t until_s, int64_t now_s);

#endif
