/* str.h - checks and conversions on short texts that come from outside. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/bytes.h"
#include "base/err.h"

#define NAME_MAX_LEN 63

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most
 * U+10FFFF) without NUL. */
bool utf8_ok(struct bytes b);

/* An object's name: [a-z0-9-]{1,63}, not beginning or ending with '-' (RFC 1123 label). On false *e
 * says which character at which place is wrong; field is what the message calls the name. */
NODISCARD bool name_check(const char *s, const char *field, struct err *e);

/* Bytes of hex text, either case; *n is the number of bytes written. False when the text has an odd
 * length, another character, or more than cap bytes. */
NODISCARD bool hex_parse(const char *s, uint8_t *out, size_t cap, size_t *n, struct err *e);

/* Lower-case hex, NUL-terminated; `out` has room for 2 * in.n + 1. */
void hex_format(struct bytes in, char *out);

/* Decimal, or hexadecimal after "0x", no sign, no space, nothing after it. */
NODISCARD bool u64_parse(const char *s, uint64_t *out);

/* Edit distance with transpositions (optimal string alignment), at most `cap`; texts over 64 bytes
 * count as `cap`. For "did you mean". */
size_t str_distance(const char *a, const char *b, size_t cap);

/* The word of words[0..n-1] nearest to s within a third of its length, or NULL: never a guess that
 * shares nothing with the input. */
const char *str_nearest(const char *s, const char *const *words, size_t n);

/* Copies s to out, cutting at size - 1, always NUL-terminated; false when it was cut. */
bool str_copy(char *out, size_t size, const char *s);

/* Shows text of unknown origin on one line: control characters and bytes that are not UTF-8 become
 * \xNN; cut with "..." at size. Returns out. */
const char *str_printable(struct bytes in, char *out, size_t size);

#endif
