/* schema.h - what the .proto files say beyond C structs: JSON names, comments, maps and the rules
 * of fields (bailey/v1/options.proto). One table that YAML, JSON, checks, `explain` and the JSON
 * Schema share. Built once from the embedded descriptors; thread safe; lives as long as the
 * process. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "bailey/v1/object.pb-c.h"
#include "bailey/v1/options.pb-c.h"

struct schema_field {
    const ProtobufCFieldDescriptor *field;
    const char *json_name;                       /* lowerCamel: "maxEvidenceAge" */
    const char *comment;                         /* from the .proto file, one line; "" if none */
    const Bailey__V1__FieldRules *rules;         /* never NULL; all zero where the field has none */
    const ProtobufCFieldDescriptor *key, *value; /* of the entries of a map; NULL otherwise */
};

struct schema_message {
    const ProtobufCMessageDescriptor *type;
    const char *comment;
    struct schema_field *fields; /* in the order of the .proto file */
    size_t n;
};

/* NULL only for a type that no bailey.v1 file declares. */
const struct schema_message *schema_of(const ProtobufCMessageDescriptor *type);

/* By JSON name ("maxEvidenceAge"); NULL: there is none. */
const struct schema_field *schema_field(const struct schema_message *m, const char *json_name);

/* By protobuf-c's descriptor of the field; never NULL for a field of m. */
const struct schema_field *schema_field_of(const struct schema_message *m,
                                           const ProtobufCFieldDescriptor *field);

/* The member of Object that holds objects of this kind ("Workload"); any letter case, singular or
 * plural where `loose`. NULL: no such kind. */
const struct schema_field *schema_kind(const char *kind, bool loose);

/* Whether operators write objects of this kind: those that have a spec of an operator's making. */
bool schema_applied(const struct schema_field *kind);

/* Whether messages of this type are rules, in which an empty list is a mistake: on the wire it is
 * the absence of the condition, the opposite of what its writer may have meant. */
bool schema_rules(const ProtobufCMessageDescriptor *type);

/* The word of an enum's value in JSON and YAML; NULL for a number that has none. */
const char *schema_enum_word(const ProtobufCEnumDescriptor *type, int value);

/* The message inside an Object, its kind ("Workload") and metadata; NULL for an empty Object. */
const ProtobufCMessage *object_body(const Bailey__V1__Object *o);
const char *object_kind(const Bailey__V1__Object *o);
const Bailey__V1__Metadata *object_metadata(const Bailey__V1__Object *o);

#endif
