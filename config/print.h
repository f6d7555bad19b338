/* print.h - messages as JSON (proto3 JSON mapping) and YAML, by one walk over the schema.
 *
 * Names are lowerCamel, enum values their words, bytes base64, maps objects with sorted keys;
 * fields at their default are left out, except numbers whose documented default is not 0 and enum
 * values other than "unknown". 64-bit integers are numbers up to 2^53 and strings beyond (proto3
 * JSON readers accept both). An Object is printed as what it holds, with apiVersion and kind. What
 * print_yaml() writes, yaml_objects() reads. */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "base/buf.h"
#include "config/schema.h"

void print_json(const ProtobufCMessage *m, struct buf *out,
                bool pretty);                                /* no newline at the end */
void print_yaml(const ProtobufCMessage *m, struct buf *out); /* no "---" */

#endif
