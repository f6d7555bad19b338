/* err.h - operational failures that a person can act on.
 *
 * Three things are kept apart: a bug (BUG_ON: the process dies), a failure (struct err: the caller
 * decides) and a verdict (a plain value: refusing a node is a correct answer, not an error).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTFLIKE(f, a) __attribute__((format(printf, f, a)))

/* Grouped by what the caller can do about it. One table (rpc/status.c) maps them to gRPC status. */
enum err_code {
    ERR_NONE = 0,
    ERR_INPUT,    /* the peer's or operator's bytes are wrong; never retried */
    ERR_LIMIT,    /* a bound of ours was reached */
    ERR_MISSING,  /* no such thing */
    ERR_EXISTS,   /* there is one already, and it is another */
    ERR_CONFLICT, /* stale epoch or revision: reread, then try again */
    ERR_DENIED,   /* the caller is known and may not */
    ERR_UNAUTH,   /* the caller is not known */
    ERR_UNAVAIL,  /* may work later */
    ERR_TIMEOUT,  /* the deadline passed first */
    ERR_IO,       /* disk or kernel said no: fail stop if it was a commit */
    ERR_NOMEM,
    ERR_INTERNAL, /* ours to mend; the request may be fine */
    ERR_CODES
};

/* Caller-owned, never allocates; `struct err e = {0}` is the empty one. msg reads outermost first:
 * "node n7: report: family_id: need 16 bytes at 16, 3 left". The other texts may be empty. */
struct err {
    enum err_code code;
    char reason[48];    /* stable, for programs: "yaml.unknown-field", "snp.chip-id-mismatch" */
    char field[128];    /* which field of the input: "spec.trust.accept[0].vendor" */
    char found[128];    /* what stood there */
    char expected[128]; /* what may stand there */
    char mend[192];     /* what to do about it */
    char msg[512];
};

/* All of these return false, so a failing function ends in `return err_set(...)`; e may be NULL.
 * err_set() starts a new error and forgets what was in e; reason is a literal that never changes
 * once released. err_wrap() puts its text before the message already set (the cause chain).
 * err_field() puts its text before the field path already set, joined by a dot unless the path
 * begins with '['. The others set one text each. */
bool err_set(struct err *e, enum err_code code, const char *reason, const char *fmt, ...)
    PRINTFLIKE(4, 5);
bool err_wrap(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);
bool err_field(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);
bool err_found(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);
bool err_expected(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);
bool err_mend(struct err *e, const char *fmt, ...) PRINTFLIKE(2, 3);

/* ERR_IO (ERR_LIMIT for no space or quota, ERR_DENIED for no permission, ERR_MISSING for no such
 * file) from errno's value `error`; the message ends in the system's words for it. */
bool err_errno(struct err *e, int error, const char *reason, const char *fmt, ...) PRINTFLIKE(4, 5);

/* The stable lower-case name of a code: "input", "conflict"; never NULL. */
const char *err_code_name(enum err_code code);

/* A broken invariant ends the process, in release builds too. */
#define BUG_ON(cond) ((cond) ? bug_at(__FILE__, __LINE__, #cond) : (void)0)
void bug_at(const char *file, int line, const char *cond) __attribute__((noreturn, cold));

#endif
