#include "attest/cbor.h"

#include <inttypes.h>

#include "base/str.h"

#define BREAK 0xff
#define OPEN_ENDED 31
#define FALSE_VALUE 20
#define NULL_VALUE 22

/* A key that stands in the map being checked. */
struct span {
    uint32_t at, n;
};

/* A container or tag whose items are being checked. */
struct frame {
    bool map, open_ended;
    uint64_t left;   /* items of a definite one that are still to come */
    uint64_t passed; /* items so far; in a map an even one is a key */
    size_t start;    /* where the current item began */
    unsigned keys;
    struct span key[CBOR_MAP_MAX];
};

static bool bad(struct err *e, const char *reason, const char *field, size_t at, const char *what)
{
    return err_set(e, ERR_INPUT, reason, "%s: at byte %zu: %s", field, at, what),
           err_field(e, "%s", field), err_found(e, "%s at byte %zu", what, at);
}

const char *cbor_type_name(enum cbor_type t)
{
    static const char *const names[] = {"a number",      "a negative number", "a byte string",
                                        "a text",        "an array",          "a map",
                                        "a tagged item", "a simple value"};

    return (unsigned)t <= CBOR_SIMPLE ? names[t] : "unknown";
}

/* The number after a head's first byte; width 1, 2, 4 or 8. It has to need that width. */
static bool argument(struct cbor *c, unsigned info, const char *field, uint64_t *out, struct err *e)
{
    size_t width = (size_t)1 << (info - 24), start = c->at - 1;
    uint64_t v = 0;

    if (c->all.n - c->at < width)
        return bad(e, "cbor.truncated", field, start, "a head that is cut off");
    for (size_t i = 0; i < width; i++)
        v = v << 8 | c->all.p[c->at++];
    if (v < 24 || (width > 1 && v >> (width * 4) == 0))
        return bad(e, "cbor.not-minimal", field, start, "a number longer than it need be");
    *out = v;
    return true;
}

static bool string_take(struct cbor *c, const char *field, struct cbor_item *item, struct err *e)
{
    if (item->value > c->all.n - c->at)
        return bad(e, "cbor.truncated", field, item->at, "a string longer than the rest");
    item->string = (struct bytes){c->all.p + c->at, (size_t)item->value};
    c->at += item->string.n;
    if (item->type == CBOR_TEXT && !utf8_ok(item->string))
        return bad(e, "cbor.text", field, item->at, "a text that is not UTF-8");
    return true;
}

static bool count_check(const struct cbor *c, const char *field, const struct cbor_item *item,
                        struct err *e)
{
    size_t least = item->type == CBOR_MAP ? 2 : 1; /* bytes of the smallest element */

    if (item->value > (c->all.n - c->at) / least)
        return bad(e, "cbor.truncated", field, item->at, "more elements than bytes");
    if (item->type == CBOR_MAP && item->value > CBOR_MAP_MAX)
        return bad(e, "cbor.too-many", field, item->at, "a map of too many entries"),
               err_expected(e, "at most %d", CBOR_MAP_MAX);
    return true;
}

bool cbor_next(struct cbor *c, const char *field, struct cbor_item *out, struct err *e)
{
    struct cbor_item item = {.at = c->at};
    unsigned info;

    if (c->at >= c->all.n)
        return bad(e, "cbor.truncated", field, c->at, "the end where an item should be");
    item.type = (enum cbor_type)(c->all.p[c->at] >> 5);
    info = c->all.p[c->at++] & 31;
    if (info == OPEN_ENDED && (item.type == CBOR_ARRAY || item.type == CBOR_MAP)) {
        item.open_ended = true;
        *out = item;
        return true;
    }
    if (info == OPEN_ENDED && (item.type == CBOR_BYTES || item.type == CBOR_TEXT))
        return bad(e, "cbor.indefinite", field, item.at, "a string in parts");
    if (info > 27 || (item.type == CBOR_SIMPLE && (info < FALSE_VALUE || info > NULL_VALUE)))
        return bad(e, "cbor.malformed", field, item.at, "a head that means nothing here");
    item.value = info;
    if (info >= 24 && !argument(c, info, field, &item.value, e))
        return false;
    if ((item.type == CBOR_BYTES || item.type == CBOR_TEXT) && !string_take(c, field, &item, e))
        return false;
    if ((item.type == CBOR_ARRAY || item.type == CBOR_MAP) && !count_check(c, field, &item, e))
        return false;
    *out = item;
    return true;
}

static bool key_check(const struct cbor *c, struct frame *f, const char *field, struct err *e)
{
    struct bytes key = {c->all.p + f->start, c->at - f->start};

    if (key.p[0] >> 5 > CBOR_TEXT || key.p[0] >> 5 == CBOR_BYTES)
        return bad(e, "cbor.key-type", field, f->start, "a key that is no number and no text");
    if (f->keys == CBOR_MAP_MAX)
        return bad(e, "cbor.too-many", field, f->start, "a map of too many entries"),
               err_expected(e, "at most %d", CBOR_MAP_MAX);
    for (unsigned i = 0; i < f->keys; i++)
        if (bytes_equal(key, (struct bytes){c->all.p + f->key[i].at, f->key[i].n}))
            return bad(e, "cbor.duplicate-key", field, f->start, "a key that stood before");
    f->key[f->keys++] = (struct span){(uint32_t)f->start, (uint32_t)key.n};
    return true;
}

/* An item has ended: so may have the containers around it. */
static bool item_end(const struct cbor *c, struct frame *stack, unsigned *depth, const char *field,
                     struct err *e)
{
    while (*depth > 0) {
        struct frame *f = &stack[*depth - 1];

        if (f->map && f->passed % 2 == 0 && !key_check(c, f, field, e))
            return false;
        f->passed++;
        if (f->open_ended || --f->left > 0)
            return true;
        --*depth;
    }
    return true;
}

static bool push(struct frame *stack, unsigned *depth, const struct cbor_item *item,
                 const char *field, struct err *e)
{
    struct frame *f;

    if (*depth == CBOR_DEPTH)
        return bad(e, "cbor.too-deep", field, item->at, "a container too deep within others"),
               err_expected(e, "at most %d", CBOR_DEPTH);
    f = &stack[(*depth)++];
    f->map = item->type == CBOR_MAP;
    f->open_ended = item->open_ended;
    f->left = item->type == CBOR_TAG ? 1 : f->map ? 2 * item->value : item->value;
    f->passed = 0;
    f->keys = 0;
    return true;
}

/* A break where one may stand ends the innermost container; *was tells. */
static bool break_check(struct cbor *c, struct frame *stack, unsigned *depth, const char *field,
                        bool *was, struct err *e)
{
    const struct frame *f = *depth > 0 ? &stack[*depth - 1] : NULL;

    *was = c->at < c->all.n && c->all.p[c->at] == BREAK;
    if (!*was)
        return true;
    if (f == NULL || !f->open_ended || (f->map && f->passed % 2 != 0))
        return bad(e, "cbor.malformed", field, c->at, "a break that ends nothing");
    c->at++;
    --*depth;
    return item_end(c, stack, depth, field, e);
}

bool cbor_check(struct bytes in, enum cbor_form form, const char *field, size_t *used,
                struct err *e)
{
    struct cbor c = {.all = in};
    struct frame stack[CBOR_DEPTH];
    unsigned depth = 0;

    if (in.n > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "cbor.size", "%s: %zu bytes", field, in.n);
    do {
        struct cbor_item item;
        bool ended;

        if (!break_check(&c, stack, &depth, field, &ended, e))
            return false;
        if (ended)
            continue;
        if (depth > 0)
            stack[depth - 1].start = c.at;
        if (!cbor_next(&c, field, &item, e))
            return false;
        if (item.open_ended && form == CBOR_DEFINITE)
            return bad(e, "cbor.indefinite", field, item.at, "a container without a count");
        if (item.type == CBOR_TAG || item.open_ended ||
            ((item.type == CBOR_ARRAY || item.type == CBOR_MAP) && item.value > 0)) {
            if (!push(stack, &depth, &item, field, e))
                return false;
        } else if (!item_end(&c, stack, &depth, field, e)) {
            return false;
        }
    } while (depth > 0);
    *used = c.at;
    return true;
}

bool cbor_check_all(struct bytes in, enum cbor_form form, bool padded, const char *field,
                    struct err *e)
{
    size_t used;

    if (!cbor_check(in, form, field, &used, e))
        return false;
    if (used == in.n || (padded && bytes_zero((struct bytes){in.p + used, in.n - used})))
        return true;
    return err_set(e, ERR_INPUT, "bytes.trailing", "%s: %zu bytes too many at %zu", field,
                   in.n - used, used),
           err_field(e, "%s", field), err_found(e, "%zu bytes", in.n),
           err_expected(e, "%zu bytes", used);
}

static bool wrong_type(struct err *e, const char *field, const struct cbor_item *item,
                       const char *want)
{
    return err_set(e, ERR_INPUT, "cbor.type", "%s: got %s, want %s", field,
                   cbor_type_name(item->type), want),
           err_field(e, "%s", field), err_found(e, "%s", cbor_type_name(item->type)),
           err_expected(e, "%s", want);
}

static bool next_of(struct cbor *c, enum cbor_type type, const char *field, struct cbor_item *out,
                    struct err *e)
{
    struct cbor at = *c;

    if (!cbor_next(&at, field, out, e))
        return false;
    if (out->type != type)
        return wrong_type(e, field, out, cbor_type_name(type));
    *c = at;
    return true;
}

bool cbor_enter(struct cbor *c, enum cbor_type type, const char *field, struct cbor_list *out,
                struct err *e)
{
    struct cbor_item item;

    if (!next_of(c, type, field, &item, e))
        return false;
    *out = (struct cbor_list){item.value, item.open_ended};
    return true;
}

bool cbor_more(struct cbor *c, struct cbor_list *l)
{
    if (!l->open_ended)
        return l->left > 0 ? l->left--, true : false;
    if (c->at >= c->all.n || c->all.p[c->at] != BREAK)
        return true;
    c->at++;
    *l = (struct cbor_list){0};
    return false;
}

bool cbor_uint(struct cbor *c, const char *field, uint64_t *out, struct err *e)
{
    struct cbor_item item;

    if (!next_of(c, CBOR_UINT, field, &item, e))
        return false;
    *out = item.value;
    return true;
}

bool cbor_int(struct cbor *c, const char *field, int64_t *out, struct err *e)
{
    struct cbor at = *c;
    struct cbor_item item;

    if (!cbor_next(&at, field, &item, e))
        return false;
    if (item.type > CBOR_NEGATIVE)
        return wrong_type(e, field, &item, "a number");
    if (item.value > INT64_MAX)
        return err_set(e, ERR_INPUT, "cbor.size", "%s: number out of range", field),
               err_field(e, "%s", field), err_found(e, "%" PRIu64, item.value);
    *out = item.type == CBOR_UINT ? (int64_t)item.value : -1 - (int64_t)item.value;
    *c = at;
    return true;
}

static bool string_of(struct cbor *c, enum cbor_type type, const char *field, size_t min,
                      size_t max, struct bytes *out, struct err *e)
{
    struct cbor at = *c;
    struct cbor_item item;

    if (!next_of(&at, type, field, &item, e))
        return false;
    if (item.string.n < min || item.string.n > max)
        return err_set(e, ERR_INPUT, "cbor.size", "%s: got %zu bytes, want %zu to %zu", field,
                       item.string.n, min, max),
               err_field(e, "%s", field), err_found(e, "%zu bytes", item.string.n),
               err_expected(e, "%zu to %zu bytes", min, max);
    *out = item.string;
    *c = at;
    return true;
}

bool cbor_bytes(struct cbor *c, const char *field, size_t min, size_t max, struct bytes *out,
                struct err *e)
{
    return string_of(c, CBOR_BYTES, field, min, max, out, e);
}

bool cbor_text(struct cbor *c, const char *field, size_t min, size_t max, struct bytes *out,
               struct err *e)
{
    return string_of(c, CBOR_TEXT, field, min, max, out, e);
}

bool cbor_tag_is(struct cbor *c, uint64_t tag)
{
    struct cbor at = *c;
    struct cbor_item item;

    if (!cbor_next(&at, "", &item, NULL) || item.type != CBOR_TAG || item.value != tag)
        return false;
    *c = at;
    return true;
}

bool cbor_null_is(struct cbor *c)
{
    if (c->at >= c->all.n || c->all.p[c->at] != (CBOR_SIMPLE << 5 | NULL_VALUE))
        return false;
    c->at++;
    return true;
}

bool cbor_skip(struct cbor *c, const char *field, struct err *e)
{
    struct bytes rest = {c->all.p + c->at, c->all.n - c->at};
    size_t used;

    if (!cbor_check(rest, CBOR_OPEN_ENDED, field, &used, e))
        return false;
    c->at += used;
    return true;
}
