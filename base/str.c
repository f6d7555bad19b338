#include "base/str.h"

#include <stdio.h>

/* Length of the well-formed sequence at p (RFC 3629, section 4), or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    size_t len;
    uint8_t low = 0x80, high = 0xbf;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        len = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        len = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (n < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return len;
}

bool utf8_ok(struct bytes b)
{
    for (size_t i = 0; i < b.n;) {
        size_t len = b.p[i] == 0 ? 0 : utf8_sequence(b.p + i, b.n - i);

        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool name_check(const char *s, const char *field, struct err *e)
{
    char shown[80];
    size_t n = strlen(s);

    (void)str_printable((struct bytes){(const uint8_t *)s, n}, shown, sizeof shown);
    for (size_t i = 0; i < n && n <= NAME_MAX_LEN; i++)
        if (!name_char(s[i]))
            return err_set(e, ERR_INPUT, "name.character",
                           "%s: \"%s\" has a character at %zu that a name cannot have", field,
                           shown, i + 1),
                   err_field(e, "%s", field), err_found(e, "%s", shown),
                   err_expected(e, "1 to 63 of a-z, 0-9 and -"),
                   err_mend(e, "use lower-case letters, digits and '-' only");
    if (n == 0 || n > NAME_MAX_LEN)
        return err_set(e, ERR_INPUT, "name.length",
                       "%s: a name has 1 to 63 characters, this has %zu", field, n),
               err_field(e, "%s", field), err_found(e, "%zu characters", n),
               err_expected(e, "1 to 63 of a-z, 0-9 and -");
    if (s[0] == '-' || s[n - 1] == '-')
        return err_set(e, ERR_INPUT, "name.dash", "%s: \"%s\" begins or ends with '-'", field,
                       shown),
               err_field(e, "%s", field), err_found(e, "%s", shown),
               err_expected(e, "a letter or digit at both ends");
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_parse(const char *s, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
    size_t len = strlen(s);

    if (len % 2 != 0)
        return err_set(e, ERR_INPUT, "hex.length", "hex text has an odd length, %zu", len);
    if (len / 2 > cap)
        return err_set(e, ERR_LIMIT, "hex.too-long", "hex text has %zu bytes, want at most %zu",
                       len / 2, cap);
    for (size_t i = 0; i < len; i++)
        if (hex_digit(s[i]) < 0)
            return err_set(e, ERR_INPUT, "hex.character", "not a hex digit at %zu", i + 1);
    for (size_t i = 0; i < len; i += 2)
        out[i / 2] = (uint8_t)(hex_digit(s[i]) << 4 | hex_digit(s[i + 1]));
    *n = len / 2;
    return true;
}

void hex_format(struct bytes in, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.n; i++) {
        out[2 * i] = digits[in.p[i] >> 4];
        out[2 * i + 1] = digits[in.p[i] & 15];
    }
    out[2 * in.n] = '\0';
}

bool u64_parse(const char *s, uint64_t *out)
{
    unsigned base = 10;
    uint64_t v = 0;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        int d = hex_digit(*s);

        if (d < 0 || (unsigned)d >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, (uint64_t)d, &v))
            return false;
    }
    *out = v;
    return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

size_t str_distance(const char *a, const char *b, size_t cap)
{
    size_t na = strlen(a), nb = strlen(b);
    size_t rows[3][65], *before = rows[0], *above = rows[1], *row = rows[2];

    if (na > 64 || nb > 64)
        return cap;
    for (size_t j = 0; j <= nb; j++)
        above[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[nb] < cap ? above[nb] : cap;
}

const char *str_nearest(const char *s, const char *const *words, size_t n)
{
    size_t best = strlen(s) / 3 + 1;
    const char *nearest = NULL;

    for (size_t i = 0; i < n; i++) {
        size_t d = str_distance(s, words[i], best + 1);

        if (d < best || (d == best && nearest == NULL && d < strlen(words[i]))) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

bool str_copy(char *out, size_t size, const char *s)
{
    int n = snprintf(out, size, "%s", s);

    return n >= 0 && (size_t)n < size;
}

const char *str_printable(struct bytes in, char *out, size_t size)
{
    size_t o = 0;

    for (size_t i = 0; i < in.n;) {
        size_t len = utf8_sequence(in.p + i, in.n - i);
        /* U+0080 to U+009F are control characters too: terminals take 0xc2 0x9b for ESC [ */
        bool c1 = len == 2 && in.p[i] == 0xc2 && in.p[i + 1] < 0xa0;
        bool plain = len != 0 && in.p[i] >= 0x20 && in.p[i] != 0x7f && !c1;
        size_t need = plain ? len : 4;

        if (o + need + 4 > size) {
            (void)snprintf(out + o, size - o, "%s", size - o > 3 ? "..." : "");
            return out;
        }
        if (plain)
            memcpy(out + o, in.p + i, len);
        else
            (void)snprintf(out + o, 5, "\\x%02x", in.p[i]);
        o += need;
        i += plain ? len : 1;
    }
    out[o] = '\0';
    return out;
}
