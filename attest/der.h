/* der.h - reads DER (ITU-T X.690, section 10: the one encoding of each value), for certificates and
 * what they carry. A cursor is a run of bytes that gets shorter; nothing is copied or allocated, no
 * element is longer than what it stands in, and depth is the caller's: nothing here recurses.
 *
 * BER's other forms (indefinite lengths, lengths longer than need be, constructed strings) are
 * refused: a signed structure that can be written in two ways can be read in two ways. */
#ifndef ATTEST_DER_H
#define ATTEST_DER_H

#include "base/bytes.h"
#include "base/err.h"

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTETS 0x04
#define DER_NULL 0x05
#define DER_OID 0x06
#define DER_ENUMERATED 0x0a
#define DER_UTF8_STRING 0x0c
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
#define DER_PRINTABLE_STRING 0x13
#define DER_IA5_STRING 0x16
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_CONTEXT(n) (0xa0 | (n))           /* [n], constructed: EXPLICIT */
#define DER_CONTEXT_PRIMITIVE(n) (0x80 | (n)) /* [n] IMPLICIT of a string */

/* The next element, which has to have this tag: *out is its content, *in moves behind it. False:
 * *in is untouched. Lengths up to 2^24 - 1. */
NODISCARD bool der_take(struct bytes *in, uint8_t tag, struct bytes *out);

/* The same; *whole is the element with its tag and length. */
NODISCARD bool der_take_whole(struct bytes *in, uint8_t tag, struct bytes *whole,
                              struct bytes *content);

/* `in` is one element of this tag and nothing after it. */
NODISCARD bool der_only(struct bytes in, uint8_t tag, struct bytes *out);

static inline bool der_next_is(struct bytes in, uint8_t tag)
{
    return in.n > 0 && in.p[0] == tag;
}

/* The content of an INTEGER or ENUMERATED in its shortest form, of either sign. */
bool der_integer_ok(struct bytes content);

/* That of 0 to most. */
NODISCARD bool der_number(struct bytes content, uint32_t most, uint32_t *out);

/* A positive number without its sign byte; false for zero, negative numbers and longer forms. */
NODISCARD bool der_magnitude(struct bytes content, struct bytes *out);

/* The content of an object identifier (X.690, 8.19). */
bool der_oid_ok(struct bytes content);

/* In dots: "1.3.6.1.4.1.3704.1.2", cut to size; "?" for what no 64 bits hold. Returns out. */
const char *der_oid_text(struct bytes content, char *out, size_t size);

/* UTCTime or GeneralizedTime as RFC 5280, 4.1.2.5 has them: with seconds, in Zulu, a day that is in
 * the calendar. Seconds since 1970. */
NODISCARD bool der_time(uint8_t tag, struct bytes content, int64_t *wall_s);

#endif
