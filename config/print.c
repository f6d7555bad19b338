#include "config/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "config/yaml_out.h"

#define EXACT_MAX (INT64_C(1) << 53) /* the largest integer that every JSON reader keeps exact */

/* Where the walk writes: one of the two. */
struct out {
    struct json *json;
    struct yaml_out *yaml;
    struct buf *buf;
};

static void print_message(struct out *o, const ProtobufCMessage *m);

static void begin(struct out *o, bool list)
{
    if (o->yaml != NULL)
        yaml_out_begin(o->yaml, list);
    else if (list)
        json_array(o->json);
    else
        json_object(o->json);
}

static void end(struct out *o, bool list)
{
    if (o->yaml != NULL)
        yaml_out_end(o->yaml);
    else if (list)
        json_array_end(o->json);
    else
        json_object_end(o->json);
}

static void key(struct out *o, const char *name)
{
    if (o->yaml != NULL)
        yaml_out_key(o->yaml, name);
    else
        json_key(o->json, name);
}

static void text(struct out *o, const char *s)
{
    if (o->yaml != NULL)
        yaml_out_text(o->yaml, s == NULL ? "" : s);
    else
        json_str(o->json, s == NULL ? "" : s);
}

static void word(struct out *o, const char *s, bool boolean)
{
    if (o->yaml != NULL)
        yaml_out_word(o->yaml, s);
    else if (boolean)
        json_bool(o->json, strcmp(s, "true") == 0);
    else
        json_str(o->json, s);
}

static void number(struct out *o, bool negative, uint64_t magnitude)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%s%" PRIu64, negative ? "-" : "", magnitude);
    if (magnitude > EXACT_MAX)
        text(o, digits);
    else if (o->yaml != NULL)
        yaml_out_word(o->yaml, digits);
    else if (negative)
        json_int(o->json, -(int64_t)magnitude);
    else
        json_uint(o->json, magnitude);
}

static void signed_number(struct out *o, int64_t v)
{
    number(o, v < 0, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v);
}

static void enum_word(struct out *o, const ProtobufCEnumDescriptor *type, int v)
{
    const char *s = schema_enum_word(type, v);

    if (s != NULL)
        word(o, s, false);
    else
        signed_number(o, v);
}

static void bytes(struct out *o, const ProtobufCBinaryData *b)
{
    AUTO_BUF struct buf quoted = {0};
    struct json j = {.out = &quoted};
    struct bytes in = {b->data, b->len};

    if (o->yaml == NULL) {
        json_base64(o->json, in);
        return;
    }
    json_base64(&j, in);
    buf_putc(&quoted, '\0');
    if (quoted.failed) {
        o->buf->failed = true;
        return;
    }
    quoted.p[quoted.n - 2] = '\0'; /* without its quotes */
    yaml_out_text(o->yaml, (const char *)quoted.p + 1);
}

static void real(struct out *o, double v)
{
    char digits[40];

    if (o->yaml == NULL) {
        json_double(o->json, v);
        return;
    }
    (void)snprintf(digits, sizeof digits, "%.17g", v);
    yaml_out_word(o->yaml, digits);
}

static void scalar32(struct out *o, const ProtobufCFieldDescriptor *f, const char *at)
{
    uint32_t u;
    int32_t i;
    float real32;

    memcpy(&u, at, sizeof u);
    memcpy(&i, at, sizeof i);
    memcpy(&real32, at, sizeof real32);
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        word(o, u != 0 ? "true" : "false", true);
    else if (f->type == PROTOBUF_C_TYPE_ENUM)
        enum_word(o, f->descriptor, i);
    else if (f->type == PROTOBUF_C_TYPE_FLOAT)
        real(o, (double)real32);
    else if (f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_FIXED32)
        number(o, false, u);
    else
        signed_number(o, i);
}

/* One value at `at`, whatever its type. */
static void value(struct out *o, const ProtobufCFieldDescriptor *f, const char *at)
{
    ProtobufCBinaryData bin;
    const void *p;
    uint64_t u;
    int64_t i;
    double d;

    switch ((int)f->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&p, at, sizeof p);
        text(o, p);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&p, at, sizeof p);
        print_message(o, p);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&bin, at, sizeof bin);
        bytes(o, &bin);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        memcpy(&u, at, sizeof u);
        number(o, false, u);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        memcpy(&i, at, sizeof i);
        signed_number(o, i);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&d, at, sizeof d);
        real(o, d);
        return;
    default:
        scalar32(o, f, at);
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
    switch ((int)f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}

struct entry { /* of a map, on its way into order */
    const char *key;
    const char *value;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static void print_map(struct out *o, const struct schema_field *f, const char *items, size_t n)
{
    struct entry *order = calloc(n, sizeof *order);

    BUG_ON(f->key->type != PROTOBUF_C_TYPE_STRING); /* the schema has no others */
    if (order == NULL) {
        o->buf->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *entry;

        memcpy(&entry, items + i * sizeof entry, sizeof entry);
        memcpy(&order[i].key, entry + f->key->offset, sizeof order[i].key);
        order[i].value = entry + f->value->offset;
    }
    qsort(order, n, sizeof *order, by_key);
    begin(o, false);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(order[i].key, order[i - 1].key) == 0)
            continue; /* the wire may repeat a key, a map may not */
        key(o, order[i].key);
        value(o, f->value, order[i].value);
    }
    end(o, false);
    free(order);
}

static bool zero(const ProtobufCFieldDescriptor *f, const char *at)
{
    static const char none[sizeof(uint64_t)];
    ProtobufCBinaryData bin;
    const char *p;

    if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE) {
        memcpy(&p, at, sizeof p);
        return p == NULL || (f->type == PROTOBUF_C_TYPE_STRING && p[0] == '\0');
    }
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        memcpy(&bin, at, sizeof bin);
        return bin.len == 0;
    }
    return memcmp(at, none, size_of(f)) == 0;
}

/* True when the field is left out: it says nothing that its absence does not say as well. */
static bool left_out(const struct schema_field *f, const ProtobufCMessage *m)
{
    const ProtobufCFieldDescriptor *d = f->field;
    const char *at = (const char *)m + d->offset;
    uint32_t which;
    uint64_t v;

    if ((d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        memcpy(&which, (const char *)m + d->quantifier_offset, sizeof which);
        return which != d->id;
    }
    if (!zero(d, at))
        return false;
    if (d->type == PROTOBUF_C_TYPE_ENUM) {
        const char *s = schema_enum_word(d->descriptor, 0);

        return s == NULL || strcmp(s, "unknown") == 0;
    }
    /* where 0 is too small, 0 on the wire means absent (see check.c) */
    return f->rules->minimum > 0 || !u64_parse(f->rules->default_text, &v) || v == 0;
}

static void print_field(struct out *o, const struct schema_field *f, const ProtobufCMessage *m)
{
    const char *at = (const char *)m + f->field->offset, *items;
    size_t n;

    if (f->field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (left_out(f, m))
            return;
        key(o, f->json_name);
        value(o, f->field, at);
        return;
    }
    memcpy(&n, (const char *)m + f->field->quantifier_offset, sizeof n);
    memcpy(&items, at, sizeof items);
    if (n == 0)
        return;
    key(o, f->json_name);
    if (f->key != NULL) {
        print_map(o, f, items, n);
        return;
    }
    begin(o, true);
    for (size_t i = 0; i < n; i++)
        value(o, f->field, items + i * size_of(f->field));
    end(o, true);
}

static bool is_kind(const ProtobufCMessage *m)
{
    const struct schema_field *f = schema_kind(m->descriptor->short_name, false);

    return f != NULL && f->field->descriptor == m->descriptor;
}

static void print_message(struct out *o, const ProtobufCMessage *m)
{
    const struct schema_message *s;
    size_t from = 0;

    if (m->descriptor == &bailey__v1__object__descriptor) {
        const ProtobufCMessage *body = object_body((const Bailey__V1__Object *)(const void *)m);

        if (body != NULL) {
            print_message(o, body);
            return;
        }
    }
    s = schema_of(m->descriptor);
    BUG_ON(s == NULL);
    begin(o, false);
    if (is_kind(m)) { /* every kind begins with these two fields */
        key(o, "apiVersion");
        text(o, "bailey/v1");
        key(o, "kind");
        text(o, m->descriptor->short_name);
        from = 2;
    }
    for (size_t i = from; i < s->n; i++)
        print_field(o, &s->fields[i], m);
    end(o, false);
}

void print_json(const ProtobufCMessage *m, struct buf *out, bool pretty)
{
    struct json j = {.out = out, .pretty = pretty};
    struct out o = {.json = &j, .buf = out};

    print_message(&o, m);
}

void print_yaml(const ProtobufCMessage *m, struct buf *out)
{
    struct yaml_out y = {.out = out};
    struct out o = {.yaml = &y, .buf = out};

    print_message(&o, m);
}
