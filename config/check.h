/* check.h - the rules of the schema on typed messages. The YAML front end applies them with line
 * and column; the controller applies them again on whatever a client sends. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "base/err.h"
#include "config/schema.h"

/* The digest that names the content: of the file, or of the image's manifest; "" when neither is
 * named. Borrowed from a. */
const char *artifact_digest(const Bailey__V1__Artifact *a);

/* Everything that must hold before the controller takes an object: required fields, names,
 * quantities, durations, ranges, vocabularies, numbers in range, labels, no empty selector, an
 * artifact that can be found, apiVersion and kind that agree with the body (absent ones are fine).
 * An artifact that still has a path is refused where `placed`: the command line tool replaces it by
 * a digest. On false: ERR_INPUT, e->field is the path in JSON names
 * ("spec.trust.accept[0].vendor"). */
NODISCARD bool object_check(const Bailey__V1__Object *o, bool placed, struct err *e);

/* The same rules on any message of bailey.v1. Fields that only the system sets are not looked at.
 */
NODISCARD bool message_check(const ProtobufCMessage *m, struct err *e);

/* Clears every field that only the system sets (status, metadata.uid, ...), in place. */
void object_strip(Bailey__V1__Object *o);

/* One text against its field's rules; for a map, a value. The empty text is an absent field, and
 * refused as a member of a list or map that has rules. */
NODISCARD bool value_check(const struct schema_field *f, const char *text, struct err *e);

/* A key of a map against its field's rules. */
NODISCARD bool key_check(const struct schema_field *f, const char *key, struct err *e);

/* One number against its field's rules. */
NODISCARD bool number_check(const struct schema_field *f, int64_t value, struct err *e);

/* What the fields of one message must fulfil together (not of the messages in it): required fields,
 * "a selector has a condition", "an artifact has one name". */
NODISCARD bool message_check_whole(const ProtobufCMessage *m, struct err *e);

#endif
