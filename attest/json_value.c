#include "attest/json_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* The text is a copy of our own: texts are decoded where they stand, which
 * never makes them longer, and get their NUL where the closing quote was. */
struct reader {
    char *at, *end;
    struct json_value *values;
    uint32_t n, most;
};

static bool value_read(struct reader *r, const char *key, unsigned depth);

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;

        if (digit == 16)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* After "\u"; what is put is shorter than what was taken. Half a pair becomes
 * what utf8_ok() does not take. */
static bool unicode(struct reader *r, char **to)
{
    uint32_t c, low;

    if (!hex4(r, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        r->at += 2;
        if (!hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c < 0x80) {
        *(*to)++ = (char)c;
    } else if (c < 0x800) {
        *(*to)++ = (char)(0xc0 | c >> 6);
        *(*to)++ = (char)(0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000) {
            *(*to)++ = (char)(0xe0 | c >> 12);
        } else {
            *(*to)++ = (char)(0xf0 | c >> 18);
            *(*to)++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *(*to)++ = (char)(0x80 | (c >> 6 & 0x3f));
        *(*to)++ = (char)(0x80 | (c & 0x3f));
    }
    return true;
}

static bool escape(struct reader *r, char **to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : '\0';
    const char *which = c == '\0' ? NULL : strchr(names, c);

    if (which != NULL) {
        *(*to)++ = values[which - names];
        return true;
    }
    return c == 'u' && unicode(r, to);
}

static bool text_read(struct reader *r, const char **out)
{
    char *begin, *to;

    if (!take(r, '"'))
        return false;
    begin = to = r->at;
    for (;;) {
        char c;

        if (r->at == r->end)
            return false;
        c = *r->at++;
        if (c == '"')
            break;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            *to++ = c;
        else if (!escape(r, &to))
            return false;
    }
    *to = '\0';
    *out = begin;
    return utf8_ok((struct bytes){(const uint8_t *)begin, (size_t)(to - begin)});
}

static bool digits(struct reader *r)
{
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static bool number_read(struct reader *r, struct json_value *v)
{
    bool minus = *r->at == '-';
    const char *from = r->at += minus;
    uint64_t n = 0;

    if (!digits(r) || (*from == '0' && r->at - from > 1))
        return false;
    v->kind = VALUE_WHOLE;
    for (const char *p = from; p < r->at; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (n > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    v->whole = minus ? -(int64_t)n : (int64_t)n;
    if (r->at < r->end && *r->at == '.') {
        v->kind = VALUE_REAL;
        r->at++;
        if (!digits(r))
            return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        v->kind = VALUE_REAL;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!digits(r))
            return false;
    }
    return true;
}

static bool word(struct reader *r, const char *name)
{
    size_t n = strlen(name);

    if ((size_t)(r->end - r->at) < n || memcmp(r->at, name, n) != 0)
        return false;
    r->at += n;
    return true;
}

static bool list_read(struct reader *r, uint32_t self, unsigned depth)
{
    r->at++;
    if (take(r, ']'))
        return true;
    do {
        if (!value_read(r, NULL, depth + 1))
            return false;
        r->values[self].count++;
    } while (take(r, ','));
    return take(r, ']');
}

static bool object_read(struct reader *r, uint32_t self, unsigned depth)
{
    const char *key = NULL;

    r->at++;
    if (take(r, '}'))
        return true;
    do {
        r->values[self].span = r->n - self; /* so far, for the search */
        if (r->values[self].count == JSON_MEMBERS || !text_read(r, &key) ||
            json_value_member(&r->values[self], key) != NULL || !take(r, ':') ||
            !value_read(r, key, depth + 1))
            return false;
        r->values[self].count++;
    } while (take(r, ','));
    return take(r, '}');
}

static bool value_read(struct reader *r, const char *key, unsigned depth)
{
    uint32_t self = r->n;
    struct json_value *v;
    bool good;

    skip_space(r);
    if (r->at == r->end || depth > JSON_DEPTH || r->n == r->most)
        return false;
    v = &r->values[r->n++];
    *v = (struct json_value){.key = key};
    switch (*r->at) {
    case '{':
        v->kind = VALUE_OBJECT;
        good = object_read(r, self, depth);
        break;
    case '[':
        v->kind = VALUE_LIST;
        good = list_read(r, self, depth);
        break;
    case '"':
        v->kind = VALUE_TEXT;
        good = text_read(r, &v->text);
        break;
    case 'n':
        good = word(r, "null");
        break;
    case 't':
        v->kind = VALUE_TRUE;
        good = word(r, "true");
        break;
    case 'f':
        v->kind = VALUE_FALSE;
        good = word(r, "false");
        break;
    default:
        good = number_read(r, v);
    }
    r->values[self].span = r->n - self;
    return good;
}

struct json_value *json_value_read(struct bytes text)
{
    struct reader r = {.most = 1};

    if (text.n == 0 || text.n > UINT32_MAX / 2)
        return NULL;
    for (size_t i = 0; i < text.n; i++)
        r.most += text.p[i] == ',' || text.p[i] == '[' || text.p[i] == '{';
    r.values = malloc(r.most * sizeof *r.values + text.n);
    if (r.values == NULL)
        return NULL;
    r.at = (char *)(r.values + r.most);
    r.end = r.at + text.n;
    memcpy(r.at, text.p, text.n);
    if (value_read(&r, NULL, 0)) {
        skip_space(&r);
        if (r.at == r.end)
            return r.values;
    }
    free(r.values);
    return NULL;
}

const struct json_value *json_value_member(const struct json_value *o, const char *key)
{
    const struct json_value *v;

    if (!json_value_is(o, VALUE_OBJECT))
        return NULL;
    v = o + 1;
    for (uint32_t i = 0; i < o->count; i++, v = json_value_next(v))
        if (strcmp(v->key, key) == 0)
            return v;
    return NULL;
}
