#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

static void newline(struct json *j)
{
    if (!j->pretty)
        return;
    buf_putc(j->out, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        buf_puts(j->out, "  ");
}

/* What stands before a value or key: a comma after the first one of its level. */
static void lead(struct json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->begun >> j->depth & 1)
        buf_putc(j->out, ',');
    j->begun |= (uint64_t)1 << j->depth;
    if (j->depth > 0)
        newline(j);
}

static void open_level(struct json *j, char c)
{
    lead(j);
    buf_putc(j->out, c);
    BUG_ON(j->depth >= 62);
    j->depth++;
    j->begun &= ~((uint64_t)1 << j->depth);
}

static void close_level(struct json *j, char c)
{
    bool any = j->begun >> j->depth & 1;

    BUG_ON(j->depth == 0);
    j->depth--;
    if (any)
        newline(j);
    buf_putc(j->out, c);
}

void json_object(struct json *j)
{
    open_level(j, '{');
}

void json_object_end(struct json *j)
{
    close_level(j, '}');
}

void json_array(struct json *j)
{
    open_level(j, '[');
}

void json_array_end(struct json *j)
{
    close_level(j, ']');
}

/* Length of the UTF-8 sequence that begins at s.p[i], or 0 when there is none. */
static size_t sequence(struct bytes s, size_t i)
{
    for (size_t len = 1; len <= 4 && i + len <= s.n; len++)
        if (s.p[i] == 0 || utf8_ok((struct bytes){s.p + i, len}))
            return len;
    return 0;
}

static void escaped(struct json *j, struct bytes s)
{
    buf_putc(j->out, '"');
    for (size_t i = 0; i < s.n;) {
        size_t len = sequence(s, i);
        uint8_t c = s.p[i];

        if (len == 0)
            buf_puts(j->out, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            buf_printf(j->out, "\\%c", c);
        else if (c == '\n')
            buf_puts(j->out, "\\n");
        else if (c == '\t')
            buf_puts(j->out, "\\t");
        else if (c == '\r')
            buf_puts(j->out, "\\r");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(j->out, "\\u%04x", c);
        else
            buf_put(j->out, s.p + i, len);
        i += len == 0 ? 1 : len;
    }
    buf_putc(j->out, '"');
}

void json_key(struct json *j, const char *key)
{
    lead(j);
    escaped(j, bytes_str(key));
    buf_puts(j->out, j->pretty ? ": " : ":");
    j->after_key = true;
}

void json_strn(struct json *j, struct bytes s)
{
    lead(j);
    escaped(j, s);
}

void json_str(struct json *j, const char *s)
{
    json_strn(j, bytes_str(s));
}

void json_int(struct json *j, int64_t v)
{
    lead(j);
    buf_printf(j->out, "%" PRId64, v);
}

void json_uint(struct json *j, uint64_t v)
{
    lead(j);
    buf_printf(j->out, "%" PRIu64, v);
}

void json_double(struct json *j, double v)
{
    char text[40];

    if (!isfinite(v)) {
        json_null(j);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    lead(j);
    buf_puts(j->out, text);
}

void json_bool(struct json *j, bool v)
{
    lead(j);
    buf_puts(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    lead(j);
    buf_puts(j->out, "null");
}

void json_base64(struct json *j, struct bytes in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    lead(j);
    buf_putc(j->out, '"');
    for (size_t i = 0; i < in.n; i += 3) {
        uint32_t v = (uint32_t)in.p[i] << 16;

        if (i + 1 < in.n)
            v |= (uint32_t)in.p[i + 1] << 8;
        if (i + 2 < in.n)
            v |= in.p[i + 2];
        buf_putc(j->out, digits[v >> 18]);
        buf_putc(j->out, digits[v >> 12 & 63]);
        buf_putc(j->out, (char)(i + 1 < in.n ? digits[v >> 6 & 63] : '='));
        buf_putc(j->out, (char)(i + 2 < in.n ? digits[v & 63] : '='));
    }
    buf_putc(j->out, '"');
}
