#include "config/check.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/catalog.h"
#include "config/check_int.h"
#include "config/quantity.h"
#include "scheduler/selector.h"

#define TEXT_MAX 32768 /* bytes of one text; arguments and variables are the long ones */
#define LABEL_MAX 63
#define MEMBERS_MAX 1000 /* of one list or map */
#define API_VERSION "bailey/v1"

static bool label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
}

/* Label keys and values go into listings, selectors and file names of reports: plain words only. */
static bool label_check(const char *s, const char *what, bool may_be_empty, struct err *e)
{
    char shown[80];
    size_t n = strlen(s);
    bool ok = (n > 0 || may_be_empty) && n <= LABEL_MAX;

    for (size_t i = 0; i < n && ok; i++)
        ok = label_char(s[i]);
    if (ok)
        return true;
    (void)str_printable((struct bytes){(const uint8_t *)s, n}, shown, sizeof shown);
    return err_set(e, ERR_INPUT, "check.label",
                   "%s \"%s\": want %d to %d letters, digits, '-', '_', '.' or '/'", what, shown,
                   may_be_empty ? 0 : 1, LABEL_MAX),
           err_found(e, "%s", shown);
}

static bool digest_check(const char *s, struct err *e)
{
    char shown[80];

    if (strncmp(s, "sha256:", 7) == 0 && strspn(s + 7, "0123456789abcdef") == 64 && s[71] == '\0')
        return true;
    (void)str_printable(bytes_str(s), shown, sizeof shown);
    return err_set(e, ERR_INPUT, "check.digest",
                   "\"%s\" is not a digest: want sha256: and 64 lower-case hex digits", shown),
           err_found(e, "%s", shown), err_expected(e, "sha256: and 64 lower-case hex digits");
}

static bool reference_check(const char *s, struct err *e)
{
    char space[NAME_MAX_LEN + 1];
    size_t n = strcspn(s, "/");

    if (s[n] == '\0')
        return name_check(s, "name", e);
    if (n >= sizeof space)
        return err_set(e, ERR_INPUT, "name.format", "namespace: want at most 63 characters");
    memcpy(space, s, n);
    space[n] = '\0';
    return name_check(space, "namespace", e) && name_check(s + n + 1, "name", e);
}

static bool hex_check(const char *s, struct err *e)
{
    uint8_t out[FACT_ID]; /* platform identities are the longest */
    size_t n;

    return hex_parse(s, out, sizeof out, &n, e);
}

static bool one_number(const char *s, struct err *e)
{
    char shown[80];
    uint64_t v;

    if (u64_parse(s, &v))
        return true;
    (void)str_printable(bytes_str(s), shown, sizeof shown);
    return err_set(e, ERR_INPUT, "check.number", "not a number: \"%s\"", shown),
           err_found(e, "%s", shown), err_expected(e, "decimal or hex digits, as in 84 or 0x54");
}

static bool format_check(const struct schema_field *f, const char *s, struct err *e)
{
    struct version_range version;
    struct number_range number;
    struct time_range time;
    uint32_t parts[4];
    uint64_t amount;
    int64_t when;

    switch ((int)f->rules->format) {
    case BAILEY__V1__FORMAT__NAME:
        return name_check(s, f->json_name, e);
    case BAILEY__V1__FORMAT__CPU:
        return cpu_parse(s, &amount, e);
    case BAILEY__V1__FORMAT__BYTES:
        return bytes_parse(s, &amount, e);
    case BAILEY__V1__FORMAT__DURATION:
        return duration_parse(s, &when, e);
    case BAILEY__V1__FORMAT__TIME:
        return moment_parse(s, &when, e);
    case BAILEY__V1__FORMAT__VERSION_RANGE:
        return version_range_parse(s, &version, e);
    case BAILEY__V1__FORMAT__NUMBER_RANGE:
        return number_range_parse(s, &number, e);
    case BAILEY__V1__FORMAT__TIME_RANGE:
        return time_range_parse(s, &time, e);
    case BAILEY__V1__FORMAT__DIGEST:
        return digest_check(s, e);
    case BAILEY__V1__FORMAT__HEX:
        return hex_check(s, e);
    case BAILEY__V1__FORMAT__REFERENCE:
        return reference_check(s, e);
    case BAILEY__V1__FORMAT__VERSION:
        return version_parse(s, parts, e);
    case BAILEY__V1__FORMAT__NUMBER:
        return one_number(s, e);
    default:
        return true;
    }
}

/* All words of the vocabulary as far as they fit into the error's text. */
static bool words_mend(const char *vocabulary, struct err *e)
{
    char list[sizeof e->mend - 24];
    size_t n, at = 0, i = 0;
    const char *const *words = catalog_words(vocabulary, &n);

    for (; i < n && at + strlen(words[i]) + 2 < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i == 0 ? "" : ", ", words[i]);
    if (n == 0)
        return false;
    return err_mend(e, i < n ? "one of %s, ..." : "one of %s", list);
}

static bool word_check(const char *vocabulary, const char *word, struct err *e)
{
    char shown[80];

    if (catalog_knows(vocabulary, word))
        return true;
    if (e == NULL)
        return false; /* nobody asks what was meant */
    (void)str_printable(bytes_str(word), shown, sizeof shown);
    (void)err_set(e, ERR_INPUT, "check.unknown-word", "unknown %s \"%s\"", vocabulary, shown);
    (void)err_found(e, "%s", shown);
    if (catalog_nearest(vocabulary, word) != NULL)
        (void)err_expected(e, "%s", catalog_nearest(vocabulary, word));
    return words_mend(vocabulary, e);
}

/* Maps whose members are labels: kept by their names, which the schema uses for nothing else. */
static bool is_labels(const struct schema_field *f)
{
    return strcmp(f->field->name, "labels") == 0 || strcmp(f->field->name, "nodes") == 0;
}

/* C0, DEL and C1: in texts that listings show, they would speak to the reader's terminal. */
static bool controls_check(const struct schema_field *f, const char *text, struct err *e)
{
    bool may = strcmp(f->field->name, "args") == 0 || strcmp(f->field->name, "env") == 0 ||
               strcmp(f->field->name, "command") == 0;

    for (const uint8_t *p = (const uint8_t *)text; *p != '\0' && !may; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            return err_set(e, ERR_INPUT, "check.control-character",
                           "a control character, at byte %zu",
                           (size_t)(p - (const uint8_t *)text) + 1);
    return true;
}

bool value_check(const struct schema_field *f, const char *text, struct err *e)
{
    bool many = f->field->label == PROTOBUF_C_LABEL_REPEATED;
    bool ruled = f->rules->format != BAILEY__V1__FORMAT__FORMAT_UNSPECIFIED ||
                 f->rules->vocabulary[0] != '\0';

    /* a field that is empty is absent; a member of a list or map that is empty is a mistake */
    if (text[0] == '\0' && many && ruled)
        return err_set(e, ERR_INPUT, "check.empty", "an empty text");
    if (text[0] == '\0')
        return true;
    if (strlen(text) > TEXT_MAX)
        return err_set(e, ERR_INPUT, "check.too-long", "a text of %zu bytes, want at most %d",
                       strlen(text), TEXT_MAX);
    if (!controls_check(f, text, e))
        return false;
    if (f->key != NULL && is_labels(f) && !label_check(text, "label", true, e))
        return false;
    if (f->key == NULL && f->rules->vocabulary[0] != '\0' &&
        !word_check(f->rules->vocabulary, text, e))
        return false;
    if (format_check(f, text, e))
        return true;
    if (e != NULL)
        e->field[0] = '\0'; /* the caller knows the path */
    return false;
}

bool key_check(const struct schema_field *f, const char *key, struct err *e)
{
    if (f->rules->vocabulary[0] != '\0')
        return word_check(f->rules->vocabulary, key, e);
    if (is_labels(f))
        return label_check(key, "label", false, e);
    if (strcmp(f->field->name, "env") == 0 && (key[0] == '\0' || strchr(key, '=') != NULL))
        return err_set(e, ERR_INPUT, "check.env", "\"%.60s\" is no name of a variable", key);
    return strlen(key) <= TEXT_MAX || err_set(e, ERR_INPUT, "check.too-long", "a key is too long");
}

bool number_check(const struct schema_field *f, int64_t value, struct err *e)
{
    const Bailey__V1__FieldRules *rules = f->rules;

    if ((rules->minimum == 0 && rules->maximum == 0) ||
        (value >= rules->minimum && value <= rules->maximum))
        return true;
    return err_set(e, ERR_INPUT, "check.range",
                   "%" PRId64 " is out of range: want %" PRId64 " to %" PRId64, value,
                   rules->minimum, rules->maximum),
           err_found(e, "%" PRId64, value),
           err_expected(e, "%" PRId64 " to %" PRId64, rules->minimum, rules->maximum);
}

static int64_t number_of(const ProtobufCFieldDescriptor *f, const char *at)
{
    int32_t v32;
    uint32_t u32;
    int64_t v;

    if (f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_SINT32) {
        memcpy(&v32, at, sizeof v32);
        return v32;
    }
    if (f->type == PROTOBUF_C_TYPE_INT64 || f->type == PROTOBUF_C_TYPE_UINT64) {
        memcpy(&v, at, sizeof v);
        return v;
    }
    memcpy(&u32, at, sizeof u32);
    return u32;
}

/* One value, or one of a list, at `at`. */
static bool item_check(const struct schema_field *f, const ProtobufCFieldDescriptor *type,
                       const char *at, struct err *e)
{
    const void *p;
    int64_t v;

    switch ((int)type->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&p, at, sizeof p);
        return value_check(f, p, e);
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&p, at, sizeof p);
        return p == NULL || message_check(p, e);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        v = number_of(type, at);
        /* 0 on the wire is "absent" for a field whose smallest value is above it */
        return (v == 0 && f->rules->minimum > 0) || number_check(f, v, e);
    default:
        return true;
    }
}

static bool entry_check(const struct schema_field *f, const ProtobufCMessage *entry, struct err *e)
{
    const char *key;

    memcpy(&key, (const char *)entry + f->key->offset, sizeof key);
    return (key_check(f, key, e) &&
            item_check(f, f->value, (const char *)entry + f->value->offset, e)) ||
           err_field(e, "%.60s", key);
}

static const char *entry_key(const struct schema_field *f, const char *items, size_t i)
{
    const char *entry, *key;

    memcpy(&entry, items + i * sizeof entry, sizeof entry);
    memcpy(&key, entry + f->key->offset, sizeof key);
    return key;
}

/* The wire can repeat a key, where readers differ about which value counts. */
static bool keys_differ(const struct schema_field *f, const char *items, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(entry_key(f, items, i), entry_key(f, items, k)) == 0)
                return err_set(e, ERR_INPUT, "check.duplicate-key", "\"%.60s\" stands here twice",
                               entry_key(f, items, i));
    return true;
}

static bool pointers(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE;
}

static bool field_check(const struct schema_field *f, const ProtobufCMessage *m, struct err *e)
{
    const char *at = (const char *)m + f->field->offset, *items;
    size_t n;

    if (f->field->label != PROTOBUF_C_LABEL_REPEATED)
        return item_check(f, f->field, at, e) || err_field(e, "%s", f->json_name);
    memcpy(&n, (const char *)m + f->field->quantifier_offset, sizeof n);
    memcpy(&items, at, sizeof items);
    if (n > MEMBERS_MAX)
        return err_set(e, ERR_INPUT, "check.too-many", "%zu members, want at most %d", n,
                       MEMBERS_MAX),
               err_field(e, "%s", f->json_name);
    if (!pointers(f->field))
        return true;
    if (f->key != NULL && !keys_differ(f, items, n, e))
        return err_field(e, "%s", f->json_name);
    for (size_t i = 0; i < n; i++) {
        const ProtobufCMessage *entry;

        memcpy(&entry, items + i * sizeof(void *), sizeof entry);
        if (f->key != NULL ? !entry_check(f, entry, e)
                           : !item_check(f, f->field, items + i * sizeof(void *), e) &&
                                 !err_field(e, "[%zu]", i))
            return err_field(e, "%s", f->json_name);
    }
    return true;
}

bool message_check(const ProtobufCMessage *m, struct err *e)
{
    const struct schema_message *s = schema_of(m->descriptor);

    BUG_ON(s == NULL);
    for (size_t i = 0; i < s->n; i++)
        if (!s->fields[i].rules->read_only && field_given(m, s->fields[i].field) &&
            !field_check(&s->fields[i], m, e))
            return false;
    return message_check_whole(m, e);
}

/* Kinds whose objects belong to no namespace. */
static bool of_cluster(const void *type)
{
    return type == &bailey__v1__node__descriptor || type == &bailey__v1__trust_policy__descriptor ||
           type == &bailey__v1__advisory__descriptor;
}

static bool head_check(const Bailey__V1__Object *o, struct err *e)
{
    const Bailey__V1__Metadata *meta = object_metadata(o);
    const ProtobufCMessage *body = object_body(o);
    const char *kind = object_kind(o), *version, *named;

    memcpy(&version,
           (const char *)body +
               protobuf_c_message_descriptor_get_field_by_name(body->descriptor, "api_version")
                   ->offset,
           sizeof version);
    memcpy(&named,
           (const char *)body +
               protobuf_c_message_descriptor_get_field_by_name(body->descriptor, "kind")->offset,
           sizeof named);
    if (version[0] != '\0' && strcmp(version, API_VERSION) != 0)
        return err_set(e, ERR_INPUT, "check.api-version", "unknown apiVersion \"%.40s\"", version),
               err_field(e, "apiVersion"), err_mend(e, "write apiVersion: bailey/v1");
    if (named[0] != '\0' && strcmp(named, kind) != 0)
        return err_set(e, ERR_INPUT, "check.kind", "kind says \"%.40s\", the object is a %s", named,
                       kind),
               err_field(e, "kind");
    if (meta != NULL && meta->namespace_[0] != '\0' && of_cluster(body->descriptor))
        return err_set(e, ERR_INPUT, "check.namespace", "%s %s has no namespace",
                       strchr("AE", kind[0]) != NULL ? "an" : "a", kind),
               err_field(e, "metadata.namespace");
    return true;
}

bool object_check(const Bailey__V1__Object *o, bool placed, struct err *e)
{
    if (object_body(o) == NULL)
        return err_set(e, ERR_INPUT, "check.kind", "an object that is empty");
    if (!head_check(o, e) || !message_check(object_body(o), e))
        return false;
    if (placed && o->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD &&
        o->workload->spec->artifact->path[0] != '\0')
        return err_set(e, ERR_INPUT, "check.artifact", "the artifact is named by a local path"),
               err_field(e, "spec.artifact.path"),
               err_mend(e, "upload it and name it by its digest, as `bailey apply` does");
    return true;
}

/* The type's initial value of a field: what message_init() puts there. */
static void field_clear(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    static const size_t zero;
    static const char *const none = "";
    size_t size = f->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData)
                  : f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_INT64
                      ? sizeof(uint64_t)
                      : sizeof(uint32_t);

    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        memcpy((char *)m + f->quantifier_offset, &zero, sizeof zero);
    if (f->label == PROTOBUF_C_LABEL_REPEATED || f->type == PROTOBUF_C_TYPE_MESSAGE)
        memset((char *)m + f->offset, 0, sizeof(void *));
    else if (f->type == PROTOBUF_C_TYPE_STRING)
        memcpy((char *)m + f->offset, &none, sizeof none);
    else
        memset((char *)m + f->offset, 0, size);
}

static void strip(ProtobufCMessage *m)
{
    const struct schema_message *s = schema_of(m->descriptor);

    BUG_ON(s == NULL);
    for (size_t i = 0; i < s->n; i++) {
        const struct schema_field *f = &s->fields[i];
        ProtobufCMessage *in;

        if (f->rules->read_only) {
            field_clear(m, f->field);
        } else if (f->field->type == PROTOBUF_C_TYPE_MESSAGE &&
                   f->field->label != PROTOBUF_C_LABEL_REPEATED && field_given(m, f->field)) {
            memcpy(&in, (char *)m + f->field->offset, sizeof in);
            strip(in);
        }
    }
}

void object_strip(Bailey__V1__Object *o)
{
    strip(&o->base);
}
