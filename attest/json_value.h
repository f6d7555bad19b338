/* json_value.h - JSON from outside (RFC 8259), read once into one piece of
 * memory: values stand in the order of the text, each knowing where the next
 * one of its own level begins. A document costs one allocation whose size
 * follows from its commas and brackets; jansson makes three of every member,
 * which was a third of verifying a TDX quote.
 *
 * Refused: members twice, numbers that no int64_t holds, texts with NUL or not
 * of UTF-8, more than JSON_DEPTH levels or JSON_MEMBERS members of one object,
 * anything after the value. */
#ifndef ATTEST_JSON_VALUE_H
#define ATTEST_JSON_VALUE_H

#include "base/bytes.h"
#include "base/err.h"

#define JSON_DEPTH 32
#define JSON_MEMBERS 128

enum json_kind {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_WHOLE,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_OBJECT
};

struct json_value {
    enum json_kind kind;
    uint32_t count;   /* elements or members */
    uint32_t span;    /* values up to the next of this level, this one included */
    const char *key;  /* of a member; NULL otherwise */
    const char *text; /* of VALUE_TEXT, ended with NUL and without one within */
    int64_t whole;
};

/* The first of the values; the caller's to free(). NULL: not JSON, or no
 * memory. */
struct json_value *json_value_read(struct bytes text);

/* Borrowed; NULL: `o` is no object (or NULL), or has no such member. */
const struct json_value *json_value_member(const struct json_value *o, const char *key);

static inline bool json_value_is(const struct json_value *v, enum json_kind kind)
{
    return v != NULL && v->kind == kind;
}

/* The first element of a list that has one; and the one after an element. */
static inline const struct json_value *json_value_first(const struct json_value *list)
{
    return list + 1;
}

static inline const struct json_value *json_value_next(const struct json_value *v)
{
    return v + v->span;
}

#endif
