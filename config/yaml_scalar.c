/* One single value of YAML by the type of its field. */
#include <inttypes.h>

#include "base/str.h"
#include "config/yaml_int.h"

#define WORDS_MAX 64

void *yaml_need(struct yaml_reader *r, const struct yaml_node *at, void *p)
{
    if (p == NULL)
        (void)yaml_fail(r, at, "yaml.too-large", "the text needs too much memory");
    return p;
}

bool yaml_wrong_type(struct yaml_reader *r, const struct yaml_node *at, const char *want)
{
    char shown[64];

    return yaml_fail(r, at, "yaml.type",
                     at->shape == YAML_SCALAR ? "want %s, got \"%s\"" : "want %s, got %s", want,
                     yaml_shown(at, shown, sizeof shown));
}

bool yaml_is_null(const struct yaml_node *at)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; at->shape == YAML_SCALAR && at->plain && i < sizeof words / sizeof *words;
         i++)
        if (strcmp(at->text, words[i]) == 0)
            return true;
    return false;
}

static bool read_string(struct yaml_reader *r, const struct yaml_node *at, char **out)
{
    char *s = yaml_need(r, at, arena_strndup(r->arena, at->text, at->length));

    if (s == NULL)
        return false;
    *out = s;
    return true;
}

/* Decimal without leading zeros; quotes are for 64-bit numbers alone, which JSON writes in them. */
static bool read_number(struct yaml_reader *r, const struct yaml_node *at, bool wide, int64_t low,
                        uint64_t high, int64_t *out)
{
    const char *digits = at->text + (at->text[0] == '-');
    size_t n = strspn(digits, "0123456789");
    uint64_t v;

    if (n == 0 || digits[n] != '\0' || (n > 1 && digits[0] == '0'))
        return yaml_wrong_type(r, at, "a whole number");
    if (!at->plain && !wide) {
        (void)yaml_wrong_type(r, at, "a whole number");
        yaml_mend(r, "leave the quotes out");
        return false;
    }
    if (!u64_parse(digits, &v) || v > high ||
        (digits != at->text && v > (uint64_t)0 - (uint64_t)low))
        return yaml_fail(r, at, "yaml.range", "%.40s is out of range: want %" PRId64 " to %" PRIu64,
                         at->text, low, high);
    *out = (int64_t)(digits == at->text ? v : (uint64_t)0 - v);
    return true;
}

static bool read_bool(struct yaml_reader *r, const struct yaml_node *at, protobuf_c_boolean *out)
{
    static const char *const yes[] = {"yes", "Yes",  "YES",  "on", "On",
                                      "ON",  "True", "TRUE", "y",  "1"};

    if (at->plain && strcmp(at->text, "true") == 0)
        return *out = 1, true;
    if (at->plain && strcmp(at->text, "false") == 0)
        return *out = 0, true;
    (void)yaml_wrong_type(r, at, "true or false");
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcmp(at->text, yes[i]) == 0)
            return yaml_suggest(r, "true"), false;
    if (at->plain)
        yaml_suggest(r, "false");
    return false;
}

static bool read_enum(struct yaml_reader *r, const struct yaml_node *at,
                      const ProtobufCEnumDescriptor *type, int *out)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value_by_name(type, at->text);
    const char *words[WORDS_MAX];
    char shown[64];
    size_t n = 0;

    if (v != NULL) {
        *out = v->value;
        return true;
    }
    for (; n < type->n_values && n < WORDS_MAX; n++)
        words[n] = type->values[n].name;
    (void)yaml_fail(r, at, "yaml.unknown-word", "unknown word \"%s\"",
                    yaml_shown(at, shown, sizeof shown));
    yaml_suggest(r, str_nearest(at->text, words, n));
    return false;
}

static bool narrow(struct yaml_reader *r, const struct yaml_node *at, bool wide, int64_t low,
                   uint64_t high, void *to)
{
    int64_t v;
    uint32_t v32;

    if (!read_number(r, at, wide, low, high, &v))
        return false;
    v32 = (uint32_t)v;
    if (wide)
        memcpy(to, &v, sizeof v);
    else
        memcpy(to, &v32, sizeof v32);
    return true;
}

bool yaml_scalar(struct yaml_reader *r, const struct yaml_node *at,
                 const ProtobufCFieldDescriptor *f, void *to)
{
    if (at->shape != YAML_SCALAR)
        return yaml_wrong_type(r, at, "a single value");
    if (yaml_is_null(at)) {
        (void)yaml_fail(r, at, "yaml.no-value", "there is no value here");
        yaml_mend(r, "write a value, or leave the field out; the text \"null\" needs quotes");
        return false;
    }
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return read_string(r, at, to);
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(r, at, to);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, at, f->descriptor, to);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return narrow(r, at, false, 0, UINT32_MAX, to);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return narrow(r, at, false, INT32_MIN, INT32_MAX, to);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return narrow(r, at, true, 0, UINT64_MAX, to);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return narrow(r, at, true, INT64_MIN, INT64_MAX, to);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return yaml_fail(r, at, "yaml.type", "values of this type cannot be written in YAML");
}
