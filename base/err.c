#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void text_put(char *to, size_t size, const char *fmt, va_list ap) PRINTFLIKE(3, 0);

static void text_put(char *to, size_t size, const char *fmt, va_list ap)
{
    (void)vsnprintf(to, size, fmt, ap);
}

bool err_set(struct err *e, enum err_code code, const char *reason, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return false;
    memset(e, 0, sizeof *e);
    e->code = code;
    (void)snprintf(e->reason, sizeof e->reason, "%s", reason);
    va_start(ap, fmt);
    text_put(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    return false;
}

/* Puts new text and a separator before the text in `to`; what does not fit is cut at the end. */
static void prepend(char *to, size_t size, const char *add, const char *separator)
{
    size_t nadd = strlen(add), nsep = strlen(separator), nold = strlen(to);

    if (nadd + nsep >= size)
        return;
    if (nold > size - 1 - nadd - nsep)
        nold = size - 1 - nadd - nsep;
    memmove(to + nadd + nsep, to, nold);
    memcpy(to, add, nadd);
    memcpy(to + nadd, separator, nsep);
    to[nadd + nsep + nold] = '\0';
}

bool err_wrap(struct err *e, const char *fmt, ...)
{
    char outer[sizeof e->msg];
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    text_put(outer, sizeof outer, fmt, ap);
    va_end(ap);
    prepend(e->msg, sizeof e->msg, outer, ": ");
    return false;
}

bool err_field(struct err *e, const char *fmt, ...)
{
    char outer[sizeof e->field];
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    text_put(outer, sizeof outer, fmt, ap);
    va_end(ap);
    prepend(e->field, sizeof e->field, outer, e->field[0] == '\0' || e->field[0] == '[' ? "" : ".");
    return false;
}

bool err_found(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    text_put(e->found, sizeof e->found, fmt, ap);
    va_end(ap);
    return false;
}

bool err_expected(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    text_put(e->expected, sizeof e->expected, fmt, ap);
    va_end(ap);
    return false;
}

bool err_mend(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    text_put(e->mend, sizeof e->mend, fmt, ap);
    va_end(ap);
    return false;
}

static enum err_code code_of_errno(int error)
{
    switch (error) {
    case ENOENT:
        return ERR_MISSING;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERR_LIMIT;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

bool err_errno(struct err *e, int error, const char *reason, const char *fmt, ...)
{
    char what[sizeof e->msg], why[128];
    va_list ap;

    if (e == NULL)
        return false;
    va_start(ap, fmt);
    text_put(what, sizeof what, fmt, ap);
    va_end(ap);
    /* the GNU strerror_r: returns the text, which need not be in the buffer */
    return err_set(e, code_of_errno(error), reason, "%.300s: %s", what,
                   strerror_r(error, why, sizeof why));
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[ERR_CODES] = {
        [ERR_NONE] = "none",         [ERR_INPUT] = "input",   [ERR_LIMIT] = "limit",
        [ERR_MISSING] = "missing",   [ERR_EXISTS] = "exists", [ERR_CONFLICT] = "conflict",
        [ERR_DENIED] = "denied",     [ERR_UNAUTH] = "unauth", [ERR_UNAVAIL] = "unavailable",
        [ERR_TIMEOUT] = "timeout",   [ERR_IO] = "io",         [ERR_NOMEM] = "nomem",
        [ERR_INTERNAL] = "internal",
    };

    return (unsigned)code < ERR_CODES ? names[code] : "unknown";
}

void bug_at(const char *file, int line, const char *cond)
{
    (void)fprintf(stderr, "BUG %s:%d: %s\n", file, line, cond);
    abort();
}
