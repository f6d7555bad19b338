#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_LIMIT_DEFAULT ((size_t)64 << 20)

void buf_fini(struct buf *b)
{
    free(b->p);
    memset(b, 0, sizeof *b);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

/* Makes room for n more bytes and a NUL. */
static bool room(struct buf *b, size_t n)
{
    size_t limit = b->limit != 0 ? b->limit : BUF_LIMIT_DEFAULT, cap = b->cap != 0 ? b->cap : 64;
    uint8_t *p;

    if (b->failed || n > limit || b->n > limit - n) {
        b->failed = true;
        return false;
    }
    if (b->n + n < b->cap)
        return true;
    while (cap <= b->n + n)
        cap *= 2;
    p = realloc(b->p, cap);
    if (p == NULL) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !room(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !room(b, (size_t)n))
        return;
    va_start(ap, fmt);
    (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void buf_zero(struct buf *b, size_t n)
{
    if (n == 0 || !room(b, n))
        return;
    memset(b->p + b->n, 0, n);
    b->n += n;
}

void buf_le(struct buf *b, uint64_t v, size_t width)
{
    uint8_t out[8];

    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    buf_put(b, out, width < sizeof out ? width : sizeof out);
}

void buf_be(struct buf *b, uint64_t v, size_t width)
{
    uint8_t out[8];

    if (width > sizeof out)
        width = sizeof out;
    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
    buf_put(b, out, width);
}

void buf_hex(struct buf *b, struct bytes in)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.n; i++) {
        buf_putc(b, digits[in.p[i] >> 4]);
        buf_putc(b, digits[in.p[i] & 15]);
    }
}

bool buf_ok(const struct buf *b, struct err *e)
{
    if (b->failed)
        return err_set(e, ERR_LIMIT, "buffer.full", "buffer is full at %zu bytes", b->n);
    return true;
}

const char *buf_str(struct buf *b)
{
    if (b->failed || !room(b, 0))
        return "";
    b->p[b->n] = '\0';
    return (const char *)b->p;
}

char *buf_steal(struct buf *b, size_t *n)
{
    char *p;

    if (b->failed || !room(b, 0))
        return NULL;
    b->p[b->n] = '\0';
    p = (char *)b->p;
    if (n != NULL)
        *n = b->n;
    b->p = NULL;
    b->n = b->cap = 0;
    return p;
}
