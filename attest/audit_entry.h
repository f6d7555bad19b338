/* audit_entry.h - one entry of the audit log as text. The text is what is stored, hashed as a leaf
 * of the tree (merkle.h) and shown: there is no second form that could differ from it.
 *
 *   bailey-audit-entry-v1
 *   sequence: 12
 *   time: 2026-11-23T12:00:00Z
 *   actor: user/admin
 *   action: workload.created
 *   ...
 *
 * One line a field that has a value, in the order of enum audit_field, each ended by one newline.
 * In values a backslash, control characters and bytes that are not UTF-8 stand as \xNN. */
#ifndef ATTEST_AUDIT_ENTRY_H
#define ATTEST_AUDIT_ENTRY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define AUDIT_ENTRY_MAX 16384
#define AUDIT_VALUE_MAX 1024 /* characters of a value in the text; longer ones are cut */

enum audit_field {
    /* Set by the log itself. */
    AUDIT_SEQUENCE,         /* the entry's number, from 0: its index as a leaf */
    AUDIT_TIME,             /* RFC 3339, by the controller's clock */
    AUDIT_CLUSTER,          /* the cluster's UUID */
    AUDIT_REVISION,         /* of the store, with the change the entry speaks of */
    AUDIT_POLICY_REVISION,  /* in force */
    AUDIT_CONTROLLER_EPOCH, /* of the controller that wrote it */
    /* Set by whoever records. */
    AUDIT_ACTOR,    /* "user/NAME", "node/NAME", "controller" */
    AUDIT_ACTION,   /* a stable word: "workload.created", "keep.placed" */
    AUDIT_OBJECT,   /* "Workload default/web", "Node n1" */
    AUDIT_BECAUSE,  /* why, for people */
    AUDIT_REASON,   /* why, as a stable word: "snp.report-data" */
    AUDIT_EVIDENCE, /* SHA-256 of the evidence it rests on, hex */
    AUDIT_CONTENT,  /* SHA-256 of the object's spec after the change, hex */
    /* Of a placement; a receipt states them. */
    AUDIT_KEEP,     /* uid */
    AUDIT_WORKLOAD, /* "namespace/name generation N replica N" */
    AUDIT_ARTIFACT, /* "sha256:..." */
    AUDIT_NODE,     /* name */
    AUDIT_FACTS,    /* what the evidence proves, in a line */
    AUDIT_POLICY,   /* SHA-256 of all rules that held for the workload, hex */
    AUDIT_EPOCH,    /* the keep's */
    AUDIT_FIELDS
};

/* Values by field, borrowed; NULL or "": the entry does not say. */
struct audit_entry {
    const char *v[AUDIT_FIELDS];
};

/* "sequence", "policy-revision", ... */
const char *audit_field_name(enum audit_field f);

/* Appends the text. A value that is too long is cut at AUDIT_VALUE_MAX. */
void audit_entry_format(const struct audit_entry *en, struct buf *out);

/* The only text that audit_entry_format() makes of these values, or ERR_INPUT: "audit.entry-form"
 * with the field. Values are in memory of a. */
NODISCARD bool audit_entry_parse(struct bytes text, struct arena *a, struct audit_entry *out,
                                 struct err *e);

#endif
