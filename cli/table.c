#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

void table_init(struct table *t, const struct column *columns, unsigned n, bool wide)
{
    BUG_ON(n == 0 || n > TABLE_COLUMNS);
    *t = (struct table){.columns = columns, .n = n, .wide = wide};
    for (unsigned i = 0; i < n; i++)
        t->width[i] = (unsigned)strlen(columns[i].title);
}

void table_fini(struct table *t)
{
    buf_fini(&t->cells);
}

static bool shown(const struct table *t, unsigned column)
{
    return t->wide || !t->columns[column].wide;
}

/* Columns on the screen: one a code point. Wide scripts do not occur in names, digits and words. */
static unsigned text_width(const char *s)
{
    unsigned width = 0;

    for (; *s != '\0'; s++)
        if (((unsigned char)*s & 0xc0) != 0x80)
            width++;
    return width;
}

void table_cell(struct table *t, enum tone tone, const char *fmt, ...)
{
    char raw[TABLE_CELL], text[TABLE_CELL];
    unsigned column = t->at;
    va_list args;

    t->at = (t->at + 1) % t->n;
    t->rows += t->at == 0;
    if (!shown(t, column))
        return;
    va_start(args, fmt);
    vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    str_printable(bytes_str(raw[0] == '\0' ? "-" : raw), text, sizeof text);
    if (text_width(text) > t->width[column])
        t->width[column] = text_width(text);
    buf_putc(&t->cells, (char)('0' + (int)tone));
    buf_put(&t->cells, text, strlen(text) + 1);
}

const char *tone_begin(enum tone tone)
{
    static const char *const begin[] = {
        [TONE_PLAIN] = "",         [TONE_GOOD] = "\x1b[32m", [TONE_WARN] = "\x1b[33m",
        [TONE_BAD] = "\x1b[31;1m", [TONE_DIM] = "\x1b[2m",
    };

    return begin[tone];
}

const char *tone_end(enum tone tone)
{
    return tone == TONE_PLAIN ? "" : "\x1b[0m";
}

static void pad(struct buf *out, unsigned n)
{
    while (n-- > 0)
        buf_putc(out, ' ');
}

void table_print(const struct table *t, bool colour, bool titles, struct buf *out)
{
    const char *p = (const char *)t->cells.p;
    unsigned last = t->n - 1;

    BUG_ON(t->at != 0);
    if (t->rows == 0 || t->cells.failed)
        return;
    while (!shown(t, last))
        last--;
    for (unsigned c = 0; titles && c <= last; c++) {
        if (!shown(t, c))
            continue;
        buf_puts(out, t->columns[c].title);
        if (c != last)
            pad(out, t->width[c] - (unsigned)strlen(t->columns[c].title) + 2);
        else
            buf_putc(out, '\n');
    }
    for (unsigned r = 0; r < t->rows; r++)
        for (unsigned c = 0; c <= last; c++) {
            enum tone tone;

            if (!shown(t, c))
                continue;
            tone = colour ? (enum tone)(*p - '0') : TONE_PLAIN;
            buf_printf(out, "%s%s%s", tone_begin(tone), p + 1, tone_end(tone));
            if (c != last)
                pad(out, t->width[c] - text_width(p + 1) + 2);
            else
                buf_putc(out, '\n');
            p += strlen(p) + 1;
        }
}
