#include "config/schema.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "proto/descriptors.h"

#define RULES_EXTENSION 50801 /* bailey.v1.rules, in FieldOptions */
#define PATH_MAX_DEPTH 16

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;

/* Types are added as they are asked for; what is in the table never changes again. */
static struct {
    pthread_mutex_t lock;
    Google__Protobuf__FileDescriptorSet *set;
    struct arena arena;
    VEC(struct schema_message *) messages;
} schema = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Where a message stands in its file: the path that source_code_info uses. */
struct place {
    const file_proto *file;
    const message_proto *message;
    int32_t path[PATH_MAX_DEPTH];
    size_t n;
};

static bool find_nested(struct place *at, const char *rest) /* NOLINT(misc-no-recursion) */
{
    size_t len = strcspn(rest, ".");
    bool top = at->message == NULL;
    size_t n = top ? at->file->n_message_type : at->message->n_nested_type;
    message_proto *const *all = top ? at->file->message_type : at->message->nested_type;

    for (size_t i = 0; i < n && at->n + 4 <= PATH_MAX_DEPTH; i++) {
        if (strlen(all[i]->name) != len || strncmp(all[i]->name, rest, len) != 0)
            continue;
        at->path[at->n++] = top ? 4 : 3; /* message_type of a file, nested_type of a message */
        at->path[at->n++] = (int32_t)i;
        at->message = all[i];
        return rest[len] == '\0' || find_nested(at, rest + len + 1);
    }
    return false;
}

static bool find_message(const char *full_name, struct place *at)
{
    for (size_t i = 0; i < schema.set->n_file; i++) {
        const file_proto *file = schema.set->file[i];
        size_t len = strlen(file->package);

        *at = (struct place){.file = file};
        if (strncmp(full_name, file->package, len) == 0 && full_name[len] == '.' &&
            find_nested(at, full_name + len + 1))
            return true;
    }
    return false;
}

/* The comment as one line: "// a\n// b" is " a\n b\n" in the descriptor. */
static const char *one_line(const char *comment)
{
    char *out = arena_strdup(&schema.arena, comment), *to = out;
    bool gap = false;

    BUG_ON(out == NULL);
    for (const char *p = comment; *p != '\0'; p++) {
        if (*p == ' ' || *p == '\n') {
            gap = to != out;
            continue;
        }
        if (gap)
            *to++ = ' ';
        gap = false;
        *to++ = *p;
    }
    *to = '\0';
    return out;
}

/* field: index in the message, or -1 for the message itself. */
static const char *comment_of(const struct place *at, int32_t field)
{
    int32_t path[PATH_MAX_DEPTH + 2];
    size_t n = at->n;

    memcpy(path, at->path, n * sizeof *path);
    if (field >= 0) {
        path[n++] = 2; /* field of a message */
        path[n++] = field;
    }
    for (size_t i = 0; i < at->file->source_code_info->n_location; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *l =
            at->file->source_code_info->location[i];

        if (l->n_path == n && memcmp(l->path, path, n * sizeof *path) == 0 &&
            l->leading_comments != NULL)
            return one_line(l->leading_comments);
    }
    return "";
}

/* The extension arrives as an unknown field of the options: a length, then the message. */
static const Bailey__V1__FieldRules *rules_of(const field_proto *f)
{
    static const Bailey__V1__FieldRules none = BAILEY__V1__FIELD_RULES__INIT;

    for (unsigned i = 0; f->options != NULL && i < f->options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &f->options->base.unknown_fields[i];
        Bailey__V1__FieldRules *rules;
        size_t skip = 0;

        if (u->tag != RULES_EXTENSION)
            continue;
        while (skip < u->len && (u->data[skip] & 0x80) != 0)
            skip++;
        BUG_ON(skip >= u->len);
        rules = bailey__v1__field_rules__unpack(NULL, u->len - skip - 1, u->data + skip + 1);
        BUG_ON(rules == NULL); /* our own bytes: never freed, like all of the table */
        return rules;
    }
    return &none;
}

static void describe(struct schema_field *out, const struct place *at, size_t i,
                     const ProtobufCMessageDescriptor *type)
{
    const field_proto *f = at->message->field[i];

    out->field = protobuf_c_message_descriptor_get_field_by_name(type, f->name);
    BUG_ON(out->field == NULL || f->json_name == NULL);
    out->json_name = f->json_name;
    out->comment = comment_of(at, (int32_t)i);
    out->rules = rules_of(f);
    if (out->field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *entry = out->field->descriptor;
        struct place in;

        if (find_message(entry->name, &in) && in.message->options != NULL &&
            in.message->options->map_entry) {
            out->key = protobuf_c_message_descriptor_get_field(entry, 1);
            out->value = protobuf_c_message_descriptor_get_field(entry, 2);
        }
    }
}

static const struct schema_message *add(const ProtobufCMessageDescriptor *type)
{
    struct schema_message *m;
    struct place at;

    if (!find_message(type->name, &at))
        return NULL;
    m = arena_alloc(&schema.arena, sizeof *m);
    BUG_ON(m == NULL);
    m->type = type;
    m->comment = comment_of(&at, -1);
    m->n = at.message->n_field;
    m->fields = arena_array(&schema.arena, m->n + 1, sizeof *m->fields);
    BUG_ON(m->fields == NULL);
    for (size_t i = 0; i < m->n; i++)
        describe(&m->fields[i], &at, i, type);
    BUG_ON(!vec_push(&schema.messages, m));
    return m;
}

static void load(void)
{
    struct bytes in = proto_descriptors();

    if (schema.set != NULL)
        return;
    arena_init(&schema.arena, (size_t)4 << 20);
    schema.set = google__protobuf__file_descriptor_set__unpack(NULL, in.n, in.p);
    BUG_ON(schema.set == NULL);
}

const struct schema_message *schema_of(const ProtobufCMessageDescriptor *type)
{
    const struct schema_message *found = NULL;

    BUG_ON(pthread_mutex_lock(&schema.lock) != 0);
    load();
    for (size_t i = 0; i < schema.messages.n && found == NULL; i++)
        if (schema.messages.v[i]->type == type)
            found = schema.messages.v[i];
    if (found == NULL)
        found = add(type);
    BUG_ON(pthread_mutex_unlock(&schema.lock) != 0);
    return found;
}

const struct schema_field *schema_field(const struct schema_message *m, const char *json_name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->fields[i].json_name, json_name) == 0)
            return &m->fields[i];
    return NULL;
}

const struct schema_field *schema_field_of(const struct schema_message *m,
                                           const ProtobufCFieldDescriptor *field)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->fields[i].field == field)
            return &m->fields[i];
    return NULL;
}

/* "Workload", "workloads", "trust-policy", "trustpolicies": any letter case, '-' or none. */
static bool same_kind(const char *name, const char *asked)
{
    size_t n = strlen(name);

    while (n > 0 && *asked != '\0' && strncasecmp(name, asked, 1) == 0) {
        name++;
        asked++;
        n--;
        asked += *asked == '-' && n > 0;
    }
    if (n == 0)
        return *asked == '\0' || strcasecmp(asked, "s") == 0;
    return strcasecmp(name, "y") == 0 && strcasecmp(asked, "ies") == 0;
}

const struct schema_field *schema_kind(const char *kind, bool loose)
{
    const struct schema_message *m = schema_of(&bailey__v1__object__descriptor);

    for (size_t i = 0; i < m->n; i++) {
        const ProtobufCMessageDescriptor *type = m->fields[i].field->descriptor;

        if (loose ? same_kind(type->short_name, kind) : strcmp(type->short_name, kind) == 0)
            return &m->fields[i];
    }
    return NULL;
}

bool schema_applied(const struct schema_field *kind)
{
    const void *type = kind->field->descriptor;

    return type != &bailey__v1__keep__descriptor && type != &bailey__v1__event__descriptor;
}

bool schema_rules(const ProtobufCMessageDescriptor *type)
{
    static const ProtobufCMessageDescriptor *const rules[] = {
        &bailey__v1__selector__descriptor,          &bailey__v1__trust__descriptor,
        &bailey__v1__trust_policy_spec__descriptor, &bailey__v1__minimum__descriptor,
        &bailey__v1__exception_spec__descriptor,    &bailey__v1__advisory_spec__descriptor,
        &bailey__v1__revocation_spec__descriptor};

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (type == rules[i])
            return true;
    return false;
}

const char *schema_enum_word(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, value);

    return v == NULL ? NULL : v->name;
}

const ProtobufCMessage *object_body(const Bailey__V1__Object *o)
{
    /* every member of the oneof is a message pointer */
    return o->kind_case == BAILEY__V1__OBJECT__KIND__NOT_SET ? NULL : &o->workload->base;
}

const char *object_kind(const Bailey__V1__Object *o)
{
    const ProtobufCMessage *body = object_body(o);

    return body == NULL ? NULL : body->descriptor->short_name;
}

const Bailey__V1__Metadata *object_metadata(const Bailey__V1__Object *o)
{
    const ProtobufCMessage *body = object_body(o);
    const ProtobufCFieldDescriptor *f;
    const Bailey__V1__Metadata *m;

    if (body == NULL)
        return NULL;
    f = protobuf_c_message_descriptor_get_field_by_name(body->descriptor, "metadata");
    BUG_ON(f == NULL || f->descriptor != &bailey__v1__metadata__descriptor);
    memcpy(&m, (const char *)body + f->offset, sizeof m);
    return m;
}
