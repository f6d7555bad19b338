/* rows.h - objects as rows of a table, a kind of columns for each kind of object. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "bailey/v1/object.pb-c.h"
#include "cli/table.h"

struct rows {
    struct column columns[TABLE_COLUMNS]; /* the table borrows these */
    struct table table;
    bool changes; /* a last column says what happened (watch) */
};

/* kind: "Workload", "Node", ... namespaces: with a first column for the namespace. */
void rows_init(struct rows *r, const char *kind, bool wide, bool namespaces, bool changes);
void rows_fini(struct rows *r);

/* change: what the last column says; only with `changes`. */
void rows_add(struct rows *r, const Bailey__V1__Object *o, const char *change);

/* Writes the rows so far and forgets them; the widths stay. titles: the first time. */
void rows_flush(struct rows *r, bool colour, bool titles, struct buf *out);

/* "amd sev-snp genoa|bergamo", "" when nothing is proven. */
void facts_line(const Bailey__V1__Facts *f, struct buf *out);

/* "verified 3m (simulated)", "refused"; with the tone that goes with it. */
enum tone trust_line(const Bailey__V1__NodeStatus *s, struct buf *out);

/* A protobuf-c text that is only read. */
static inline char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* The kind that a person meant: "wl", "nodes", "Keep"; NULL: none. */
const char *kind_of(const char *word);

/* "nodes" of "Node"; whether its objects stand in namespaces. */
const char *kind_plural(const char *kind);
bool kind_namespaced(const char *kind);

/* "workload" of "Workload": for -o name and KIND/NAME. */
const char *kind_lower(const char *kind);

#endif
