#include "config/json_schema.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "base/vec.h"
#include "config/catalog.h"
#include "config/schema.h"

struct writer {
    struct json j;
    bool rules; /* the message being written is rules: nothing in it may be empty */
    VEC(const ProtobufCMessageDescriptor *) types; /* met so far; written in this order */
};

static void pair(struct json *j, const char *key, const char *value)
{
    json_key(j, key);
    json_str(j, value);
}

static void number(struct json *j, const char *key, int64_t value)
{
    json_key(j, key);
    json_int(j, value);
}

static void ref(struct writer *w, const ProtobufCMessageDescriptor *type)
{
    AUTO_BUF struct buf path = {0};
    size_t i = 0;

    while (i < w->types.n && w->types.v[i] != type)
        i++;
    if (i == w->types.n && !vec_push(&w->types, type))
        w->j.out->failed = true;
    buf_printf(&path, "#/$defs/%s", type->short_name);
    pair(&w->j, "$ref", buf_str(&path));
}

/* "type": ["string", ...]: YAML writes 0.5 and 256 without quotes where a text is meant. */
static void text_types(struct json *j, bool number_too, bool bool_too)
{
    json_key(j, "type");
    if (!number_too && !bool_too) {
        json_str(j, "string");
        return;
    }
    json_array(j);
    json_str(j, "string");
    json_str(j, "number");
    if (bool_too)
        json_str(j, "boolean");
    json_array_end(j);
}

static void words(struct json *j, const char *vocabulary)
{
    size_t n;
    const char *const *v = catalog_words(vocabulary, &n);

    json_key(j, "enum");
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_array_end(j);
}

static void text(struct json *j, const struct schema_field *f)
{
    static const char *const patterns[] = {
        [BAILEY__V1__FORMAT__NAME] = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        [BAILEY__V1__FORMAT__DURATION] = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
        [BAILEY__V1__FORMAT__DIGEST] = "^sha256:[0-9a-f]{64}$",
        [BAILEY__V1__FORMAT__HEX] = "^([0-9a-fA-F]{2})+$",
        [BAILEY__V1__FORMAT__TIME] =
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9:.]+([Zz]|[+-][0-9:]+))?$",
        [BAILEY__V1__FORMAT__VERSION] = "^[0-9]+(\\.[0-9]+){0,3}$",
        [BAILEY__V1__FORMAT__NUMBER] = "^([0-9]+|0[xX][0-9a-fA-F]+)$",
        [BAILEY__V1__FORMAT__VERSION_RANGE] =
            "^[ ,]*((>=|<=|!=|==|>|<|=)? *[0-9]+(\\.[0-9]+){0,3}([ ,]+|$)){1,4}$",
        [BAILEY__V1__FORMAT__NUMBER_RANGE] =
            "^[ ,]*((>=|<=|!=|==|>|<|=)? *([0-9]+|0[xX][0-9a-fA-F]+)([ ,]+|$)){1,4}$",
        [BAILEY__V1__FORMAT__TIME_RANGE] =
            "^[ ,]*((>=|<=|!=|==|>|<|=)? *[0-9]{4}-[0-9TtZz:.+-]+([ ,]+|$)){1,4}$",
        [BAILEY__V1__FORMAT__CPU] = "^([0-9]+(\\.[0-9]{1,3})?|[0-9]+m)$",
        [BAILEY__V1__FORMAT__BYTES] = "^[0-9]+(Ki|Mi|Gi|Ti|k|M|G|T)?$",
    };
    size_t format = (size_t)f->rules->format;
    bool amount = format == BAILEY__V1__FORMAT__CPU || format == BAILEY__V1__FORMAT__BYTES ||
                  format == BAILEY__V1__FORMAT__VERSION_RANGE ||
                  format == BAILEY__V1__FORMAT__NUMBER_RANGE ||
                  format == BAILEY__V1__FORMAT__VERSION || format == BAILEY__V1__FORMAT__NUMBER ||
                  format == BAILEY__V1__FORMAT__HEX;

    text_types(j, amount || f->key != NULL, f->key != NULL && !amount);
    if (f->key == NULL && f->rules->vocabulary[0] != '\0')
        words(j, f->rules->vocabulary);
    if (format < sizeof patterns / sizeof *patterns && patterns[format] != NULL)
        pair(j, "pattern", patterns[format]);
}

static void integer(struct json *j, const struct schema_field *f, bool is_signed)
{
    const Bailey__V1__FieldRules *rules = f->rules;
    bool bounded = rules->minimum != 0 || rules->maximum != 0;

    pair(j, "type", "integer");
    if (bounded || !is_signed)
        number(j, "minimum", bounded ? rules->minimum : 0);
    if (bounded)
        number(j, "maximum", rules->maximum);
}

static void enum_words(struct json *j, const ProtobufCEnumDescriptor *type)
{
    json_key(j, "enum");
    json_array(j);
    for (unsigned i = 0; i < type->n_values; i++)
        json_str(j, type->values[i].name);
    json_array_end(j);
}

/* The keywords of one value of the field; `type` is the field itself or the value of a map. */
static void item(struct writer *w, const struct schema_field *f,
                 const ProtobufCFieldDescriptor *type)
{
    switch ((int)type->type) {
    case PROTOBUF_C_TYPE_STRING:
        text(&w->j, f);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        ref(w, type->descriptor);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        pair(&w->j, "type", "boolean");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        enum_words(&w->j, type->descriptor);
        return;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_INT64:
        integer(&w->j, f, true);
        return;
    default:
        integer(&w->j, f, false);
    }
}

static void map(struct writer *w, const struct schema_field *f)
{
    pair(&w->j, "type", "object");
    if (w->rules)
        number(&w->j, "minProperties", 1);
    if (f->rules->vocabulary[0] != '\0') {
        json_key(&w->j, "propertyNames");
        json_object(&w->j);
        words(&w->j, f->rules->vocabulary);
        json_object_end(&w->j);
    }
    json_key(&w->j, "additionalProperties");
    json_object(&w->j);
    item(w, f, f->value);
    json_object_end(&w->j);
}

static void array(struct writer *w, const struct schema_field *f)
{
    pair(&w->j, "type", "array");
    if (w->rules || f->rules->required)
        number(&w->j, "minItems", 1);
    json_key(&w->j, "items");
    json_object(&w->j);
    item(w, f, f->field);
    json_object_end(&w->j);
}

static void list(struct writer *w, const struct schema_field *f)
{
    if (!f->rules->scalar_list) {
        array(w, f);
        return;
    }
    json_key(&w->j, "anyOf");
    json_array(&w->j);
    json_object(&w->j);
    item(w, f, f->field);
    json_object_end(&w->j);
    json_object(&w->j);
    array(w, f);
    json_object_end(&w->j);
    json_array_end(&w->j);
}

static void notes(struct json *j, const struct schema_field *f)
{
    uint64_t v;

    if (f->comment[0] != '\0')
        pair(j, "description", f->comment);
    if (f->rules->default_text[0] != '\0') {
        json_key(j, "default");
        if (f->field->type != PROTOBUF_C_TYPE_STRING && u64_parse(f->rules->default_text, &v))
            json_uint(j, v);
        else
            json_str(j, f->rules->default_text);
    }
}

/* kind: what the object's `kind` must say; NULL for a message that is no object. */
static void field(struct writer *w, const struct schema_field *f, const char *kind)
{
    json_key(&w->j, f->json_name);
    json_object(&w->j);
    notes(&w->j, f);
    if (kind != NULL && strcmp(f->field->name, "api_version") == 0)
        pair(&w->j, "const", "bailey/v1");
    else if (kind != NULL && strcmp(f->field->name, "kind") == 0)
        pair(&w->j, "const", kind);
    else if (f->rules->read_only) { /* read over, whatever it is */
        json_key(&w->j, "readOnly");
        json_bool(&w->j, true);
    } else if (f->key != NULL)
        map(w, f);
    else if (f->field->label == PROTOBUF_C_LABEL_REPEATED)
        list(w, f);
    else
        item(w, f, f->field);
    json_object_end(&w->j);
}

/* {"required": [names[i]]} for each, under one keyword. */
static void one_of(struct json *j, const char *keyword, const char *const *names, size_t n)
{
    json_key(j, keyword);
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_key(j, "required");
        json_array(j);
        json_str(j, names[i]);
        json_array_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

/* What the fields of a message must fulfil together, as far as it can be said here (check_whole.c).
 */
static void together(struct json *j, const ProtobufCMessageDescriptor *type)
{
    static const char *const
        rules[] = {"accept", "refuse", "floors"},
        *const passed[] = {"policy", "revocation"}, *const names[] = {"path", "digest", "oci"},
        *const conditions[] = {"vendor",   "technology", "generation", "productLine",
                               "firmware", "tcb",        "tcbStatus",  "tcbDate",
                               "advisory", "platformId", "assurance",  "finding"};

    if (type == &bailey__v1__selector__descriptor)
        one_of(j, "anyOf", conditions, sizeof conditions / sizeof *conditions);
    else if (type == &bailey__v1__minimum__descriptor)
        number(j, "minProperties", 1);
    else if (type == &bailey__v1__trust_policy_spec__descriptor)
        one_of(j, "anyOf", rules, 3);
    else if (type == &bailey__v1__passed__descriptor)
        one_of(j, "oneOf", passed, 2);
    else if (type == &bailey__v1__artifact__descriptor)
        one_of(j, "oneOf", names, 3);
}

static void message(struct writer *w, const ProtobufCMessageDescriptor *type)
{
    const struct schema_message *s = schema_of(type);
    const struct schema_field *as_object = schema_kind(type->short_name, false);
    const char *kind = as_object == NULL ? NULL : type->short_name;

    w->rules = schema_rules(type);
    json_key(&w->j, type->short_name);
    json_object(&w->j);
    if (s->comment[0] != '\0')
        pair(&w->j, "description", s->comment);
    pair(&w->j, "type", "object");
    json_key(&w->j, "properties");
    json_object(&w->j);
    for (size_t i = 0; i < s->n; i++)
        field(w, &s->fields[i], kind);
    json_object_end(&w->j);
    json_key(&w->j, "required");
    json_array(&w->j);
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].rules->required || (kind != NULL && i < 2)) /* apiVersion, kind */
            json_str(&w->j, s->fields[i].json_name);
    json_array_end(&w->j);
    json_key(&w->j, "additionalProperties");
    json_bool(&w->j, false);
    together(&w->j, type);
    json_object_end(&w->j);
}

void json_schema(struct buf *out)
{
    const struct schema_message *kinds = schema_of(&bailey__v1__object__descriptor);
    struct writer w = {.j = {.out = out, .pretty = true}};

    json_object(&w.j);
    pair(&w.j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pair(&w.j, "title", "Objects of bailey/v1 that operators write");
    json_key(&w.j, "oneOf");
    json_array(&w.j);
    for (size_t i = 0; i < kinds->n; i++) {
        if (!schema_applied(&kinds->fields[i]))
            continue;
        json_object(&w.j);
        ref(&w, kinds->fields[i].field->descriptor);
        json_object_end(&w.j);
    }
    json_array_end(&w.j);
    json_key(&w.j, "$defs");
    json_object(&w.j);
    for (size_t i = 0; i < w.types.n; i++) /* grows on the way */
        message(&w, w.types.v[i]);
    json_object_end(&w.j);
    json_object_end(&w.j);
    vec_fini(&w.types);
}
