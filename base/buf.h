/* buf.h - a growable byte buffer with a limit; the writer's counterpart of rd.h. Sticky: after the
 * limit or the memory ran out every later put does nothing, and buf_ok() says so once. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

struct buf {
    uint8_t *p; /* owned; buf_str() keeps it NUL-terminated */
    size_t n, cap;
    size_t limit; /* 0: 64 MiB */
    bool failed;
};

void buf_fini(struct buf *b);  /* frees and zeroes; fine on a zeroed one */
void buf_clear(struct buf *b); /* empty again, memory and limit kept */

void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTFLIKE(2, 3);
void buf_zero(struct buf *b, size_t n);
void buf_le(struct buf *b, uint64_t v, size_t width); /* width 1 to 8 */
void buf_be(struct buf *b, uint64_t v, size_t width);
void buf_hex(struct buf *b, struct bytes in); /* lower case */

NODISCARD bool buf_ok(const struct buf *b, struct err *e);

/* The contents: borrowed until the next put. buf_str() returns "" for an empty or failed one. */
static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->p, b->n};
}
const char *buf_str(struct buf *b);

/* Hands the memory to the caller (free()), NUL-terminated; NULL after a failure. *n may be NULL. */
char *buf_steal(struct buf *b, size_t *n);

#define AUTO_BUF __attribute__((cleanup(buf_fini)))

#endif
