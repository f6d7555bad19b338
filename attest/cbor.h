/* cbor.h - a bounded reader of the CBOR (RFC 8949) that Nitro documents and CCA tokens are made of.
 *
 * cbor_check() judges the shape of everything once; after it, the reading functions only find wrong
 * types and sizes. Strict: shortest form of every number and length (4.2.1), text in UTF-8, no key
 * twice, keys are numbers or texts, no floating point, no undefined, no strings in parts. Keys may
 * stand in any order: AWS does not sort them. Nothing is allocated, nothing recurses, and a count
 * that the rest of the input cannot hold is refused before it is used.
 *
 * Reasons: cbor.truncated, cbor.malformed, cbor.not-minimal, cbor.indefinite, cbor.duplicate-key,
 * cbor.key-type, cbor.too-deep, cbor.too-many, cbor.text, cbor.type, cbor.size. */
#ifndef ATTEST_CBOR_H
#define ATTEST_CBOR_H

#include "base/bytes.h"
#include "base/err.h"

#define CBOR_DEPTH 8    /* containers and tags within each other; evidence needs 3 */
#define CBOR_MAP_MAX 64 /* entries of one map; evidence needs 32 */

/* The numbers are CBOR's major types. */
enum cbor_type {
    CBOR_UINT = 0,
    CBOR_NEGATIVE, /* the number is -1 - value */
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE /* value 20 false, 21 true, 22 null */
};

enum cbor_form {
    CBOR_DEFINITE,  /* every length is stated first */
    CBOR_OPEN_ENDED /* maps and arrays may end in a break instead, as AWS writes since 2025 */
};

struct cbor_item {
    enum cbor_type type;
    uint64_t value;      /* number, count of a definite container, tag number, simple value */
    bool open_ended;     /* a container that a break ends */
    struct bytes string; /* of BYTES and TEXT: borrowed */
    size_t at;           /* offset of its first byte */
};

/* A place in the input; start with {.all = bytes}. */
struct cbor {
    struct bytes all;
    size_t at;
};

/* What is left of a container that is being read. */
struct cbor_list {
    uint64_t left;
    bool open_ended;
};

/* One whole item stands at the beginning; *used is its length. field is for messages. What follows
 * it is the caller's to judge. */
NODISCARD bool cbor_check(struct bytes in, enum cbor_form form, const char *field, size_t *used,
                          struct err *e);

/* As cbor_check(), and nothing but zeros may follow when `padded`, nothing at all when not:
 * bytes.trailing. */
NODISCARD bool cbor_check_all(struct bytes in, enum cbor_form form, bool padded, const char *field,
                              struct err *e);

/* The head of the next item, with the content of a string; containers are entered. */
NODISCARD bool cbor_next(struct cbor *c, const char *field, struct cbor_item *out, struct err *e);

/* Enters an array or a map, and asks whether it has another element (for a map: another key) to
 * read; the caller reads that element whole before asking again. */
NODISCARD bool cbor_enter(struct cbor *c, enum cbor_type type, const char *field,
                          struct cbor_list *out, struct err *e);
bool cbor_more(struct cbor *c, struct cbor_list *l);

/* An item of one type; cbor.type, and cbor.size when a string is not min to max bytes long. */
NODISCARD bool cbor_uint(struct cbor *c, const char *field, uint64_t *out, struct err *e);
NODISCARD bool cbor_int(struct cbor *c, const char *field, int64_t *out, struct err *e);
NODISCARD bool cbor_bytes(struct cbor *c, const char *field, size_t min, size_t max,
                          struct bytes *out, struct err *e);
NODISCARD bool cbor_text(struct cbor *c, const char *field, size_t min, size_t max,
                         struct bytes *out, struct err *e);

/* Consumes that tag or a null if it stands next. */
bool cbor_tag_is(struct cbor *c, uint64_t tag);
bool cbor_null_is(struct cbor *c);

/* Passes over one whole item. */
NODISCARD bool cbor_skip(struct cbor *c, const char *field, struct err *e);

/* "a byte string"; never NULL. */
const char *cbor_type_name(enum cbor_type t);

#endif
