/* json.h - writes JSON text into a buf; keeps commas, indentation and escapes right (RFC 8259).
 * Reading JSON from outside is jansson's work, not this file's. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct json {
    struct buf *out; /* borrowed */
    unsigned depth;
    bool pretty;    /* two spaces a level, one member a line; otherwise compact */
    uint64_t begun; /* bit d: something stands already at depth d (at most 63 levels) */
    bool after_key;
};

void json_object(struct json *j);     /* { */
void json_object_end(struct json *j); /* } */
void json_array(struct json *j);      /* [ */
void json_array_end(struct json *j);  /* ] */
void json_key(struct json *j, const char *key);
void json_str(struct json *j, const char *s); /* bytes that are not UTF-8 become U+FFFD */
void json_strn(struct json *j, struct bytes s);
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_double(struct json *j, double v); /* shortest that reads back; not finite: null */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_base64(struct json *j, struct bytes in); /* standard alphabet with padding */

#endif
