#include "config/yaml_out.h"

#include <strings.h>

/* Ends the line of the key above before a first member, then indents. */
static void lead(struct yaml_out *y)
{
    unsigned at = y->depth - 1;

    if (y->level[at].n == 0 && !y->level[at].joined)
        buf_putc(y->out, '\n');
    if (y->level[at].n > 0 || !y->level[at].joined)
        for (unsigned i = 0; i < y->level[at].indent; i++)
            buf_putc(y->out, ' ');
    y->level[at].n++;
}

/* What stands before a value: "- " in a list; the key's colon is there already. */
static void lead_value(struct yaml_out *y, bool scalar)
{
    if (y->depth == 0)
        return;
    if (y->level[y->depth - 1].list) {
        lead(y);
        buf_puts(y->out, "- ");
    } else if (scalar) {
        buf_putc(y->out, ' ');
    }
}

void yaml_out_begin(struct yaml_out *y, bool list)
{
    bool in_list = y->depth > 0 && y->level[y->depth - 1].list;
    unsigned indent = y->depth == 0 ? 0 : y->level[y->depth - 1].indent + 2;

    lead_value(y, false);
    BUG_ON(y->depth == YAML_OUT_DEPTH); /* no message of the schema nests so deep */
    y->level[y->depth].list = list;
    y->level[y->depth].joined = in_list || y->depth == 0;
    y->level[y->depth].indent = indent;
    y->level[y->depth].n = 0;
    y->depth++;
}

void yaml_out_end(struct yaml_out *y)
{
    BUG_ON(y->depth == 0);
    y->depth--;
    if (y->level[y->depth].n > 0)
        return;
    if (!y->level[y->depth].joined)
        buf_putc(y->out, ' ');
    buf_puts(y->out, y->level[y->depth].list ? "[]\n" : "{}\n");
}

/* Words that some YAML reader takes for something that is not a text. */
static bool taken(const char *s)
{
    static const char *const words[] = {"true", "false", "yes", "no",   "on",   "off",
                                        "y",    "n",     "~",   "null", ".inf", ".nan"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    /* numbers, hexadecimal ones and dates among them */
    return strspn(s, "0123456789abcdefABCDEFxo_.:+-TZ") == strlen(s) &&
           strpbrk(s, "0123456789") != NULL && strchr("0123456789.+-", s[0]) != NULL;
}

static bool plain(const char *s)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+=-";
    size_t n = strlen(s);

    if (n == 0 || n > 256 || taken(s) || s[0] == '-' || s[0] == '=' || s[n - 1] == ':')
        return false;
    for (size_t i = 0; i < n; i++)
        if (strchr(safe, s[i]) == NULL && !(s[i] == ':' && i > 0 && strchr(safe, s[i + 1]) != NULL))
            return false;
    return true;
}

/* Characters that may not stand in YAML text as they are: C1 controls, line separators and U+FEFF,
 * U+FFFE, U+FFFF. Returns how many bytes it wrote the escape of, 0 for none. */
static size_t escape_wide(struct buf *out, const uint8_t *p)
{
    if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
        return buf_printf(out, "\\x%02x", p[1]), 2;
    if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return buf_printf(out, "\\u20%02x", p[2] - 0x80), 3;
    if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
        return buf_puts(out, "\\ufeff"), 3;
    if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
        return buf_printf(out, "\\uff%02x", p[2] + 0x40), 3;
    return 0;
}

static void quoted(struct buf *out, const char *s)
{
    buf_putc(out, '"');
    for (const uint8_t *p = (const uint8_t *)s; *p != '\0';) {
        size_t n = escape_wide(out, p);

        if (n > 0) {
            p += n;
            continue;
        }
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (*p == '\n')
            buf_puts(out, "\\n");
        else if (*p == '\t')
            buf_puts(out, "\\t");
        else if (*p < 0x20 || *p == 0x7f)
            buf_printf(out, "\\x%02x", *p);
        else
            buf_putc(out, (char)*p);
        p++;
    }
    buf_putc(out, '"');
}

static void put_text(struct yaml_out *y, const char *s)
{
    if (plain(s))
        buf_puts(y->out, s);
    else
        quoted(y->out, s);
}

void yaml_out_key(struct yaml_out *y, const char *key)
{
    BUG_ON(y->depth == 0);
    lead(y);
    put_text(y, key);
    buf_putc(y->out, ':');
}

void yaml_out_text(struct yaml_out *y, const char *s)
{
    lead_value(y, true);
    put_text(y, s);
    buf_putc(y->out, '\n');
}

void yaml_out_word(struct yaml_out *y, const char *s)
{
    lead_value(y, true);
    buf_puts(y->out, s);
    buf_putc(y->out, '\n');
}
