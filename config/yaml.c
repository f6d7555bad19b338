#include "config/yaml.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "config/catalog.h"
#include "config/check.h"
#include "config/yaml_int.h"

#define SCRATCH_MAX ((size_t)64 << 20) /* nodes of a text of YAML_TEXT_MAX bytes */
#define WORDS_MAX 64

/* Puts a step on the path and returns what to give path_cut() to take it off again. */
static size_t PRINTFLIKE(2, 3) path_add(struct yaml_reader *r, const char *fmt, ...)
{
    size_t n = strlen(r->path);
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->path + n, sizeof r->path - n, fmt, ap);
    va_end(ap);
    return n;
}

static size_t path_member(struct yaml_reader *r, const char *name)
{
    return path_add(r, "%s%.80s", r->path[0] == '\0' ? "" : ".", name);
}

static void path_cut(struct yaml_reader *r, size_t n)
{
    r->path[n] = '\0';
}

static bool read_message(struct yaml_reader *r, const struct yaml_node *map, ProtobufCMessage *m);

static ProtobufCMessage *message_new(struct yaml_reader *r, const struct yaml_node *at,
                                     const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *m = yaml_need(r, at, arena_alloc(r->arena, type->sizeof_message));

    if (m != NULL)
        type->message_init(m);
    return m;
}

/* No more errors are kept, they are only counted. */
static bool errors_full(const struct yaml_reader *r)
{
    return r->errors->n == YAML_ERRORS_MAX && r->errors->more > 0;
}

/* The rules of the field on a value that yaml_scalar() took. */
static bool apply_rules(struct yaml_reader *r, const struct yaml_node *at,
                        const struct schema_field *f, const ProtobufCFieldDescriptor *type)
{
    struct err e = {0};
    uint64_t v = 0;

    if (type->type == PROTOBUF_C_TYPE_STRING) {
        /* on the wire it would be an absent field: a condition that silently is none */
        if (at->length == 0 && (f->rules->format != BAILEY__V1__FORMAT__FORMAT_UNSPECIFIED ||
                                f->rules->vocabulary[0] != '\0')) {
            (void)yaml_fail(r, at, "check.empty", "an empty text");
            yaml_mend(r, "write a value, or leave the field out");
            return false;
        }
        /* what is only counted needs no suggestion: finding one costs more than all the rest */
        if (value_check(f, at->text, errors_full(r) ? NULL : &e))
            return true;
        (void)yaml_fail_err(r, at, &e);
        if (errors_full(r))
            return false;
        if (f->key == NULL && f->rules->vocabulary[0] != '\0')
            yaml_suggest(r, catalog_nearest(f->rules->vocabulary, at->text));
        return false;
    }
    if (type->type == PROTOBUF_C_TYPE_BOOL || type->type == PROTOBUF_C_TYPE_ENUM)
        return true;
    if (!u64_parse(at->text + (at->text[0] == '-'), &v) || v > INT64_MAX)
        return true;
    return number_check(f, at->text[0] == '-' ? -(int64_t)v : (int64_t)v, &e) ||
           yaml_fail_err(r, at, &e);
}

/* A single value or a message at `to`. */
static bool read_item(struct yaml_reader *r, const struct yaml_node *at,
                      const struct schema_field *f, const ProtobufCFieldDescriptor *type, void *to)
{
    ProtobufCMessage *m;

    if (type->type != PROTOBUF_C_TYPE_MESSAGE)
        return yaml_scalar(r, at, type, to) && apply_rules(r, at, f, type);
    if (at->shape != YAML_MAP)
        return yaml_wrong_type(r, at, "a map of fields");
    m = message_new(r, at, type->descriptor);
    if (m == NULL)
        return false;
    memcpy(to, &m, sizeof m);
    return read_message(r, at, m);
}

static size_t item_size(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return sizeof(uint32_t);
}

static void put_repeated(ProtobufCMessage *m, const struct schema_field *f, void *items, size_t n)
{
    memcpy((char *)m + f->field->quantifier_offset, &n, sizeof n);
    memcpy((char *)m + f->field->offset, &items, sizeof items);
}

/* An empty list in a rule is taken for the absence of the condition by the wire format, which is
 * the opposite of what its writer may have meant. */
static bool empty_fine(struct yaml_reader *r, const struct yaml_node *at, const ProtobufCMessage *m)
{
    if (at->n > 0 || !schema_rules(m->descriptor))
        return true;
    (void)yaml_fail(r, at, "yaml.empty-list", "an empty list in a rule says nothing");
    yaml_mend(r, "leave the field out, or name what it should hold");
    return false;
}

static bool read_list(struct yaml_reader *r, const struct yaml_node *at,
                      const struct schema_field *f, ProtobufCMessage *m)
{
    size_t size = item_size(f->field), n = 0;
    struct yaml_node one = {.shape = YAML_LIST, .n = 1};
    bool ok = true;
    char *items;

    if (at->shape == YAML_SCALAR && f->rules->scalar_list && !yaml_is_null(at)) {
        struct yaml_node item = *at;

        item.next = NULL;
        items = yaml_need(r, at, arena_array(r->arena, one.n, size));
        if (items == NULL || !read_item(r, &item, f, f->field, items))
            return false;
        put_repeated(m, f, items, 1);
        return true;
    }
    if (at->shape != YAML_LIST) {
        (void)yaml_wrong_type(r, at, "a list");
        if (at->shape == YAML_SCALAR && f->field->type == PROTOBUF_C_TYPE_STRING)
            yaml_mend(r, "write [%.80s]", at->text);
        return false;
    }
    if (!empty_fine(r, at, m))
        return false;
    items = yaml_need(r, at, arena_array(r->arena, at->n, size));
    if (items == NULL)
        return false;
    for (const struct yaml_node *item = at->first; item != NULL; item = item->next, n++) {
        size_t step = path_add(r, "[%zu]", n);

        ok = read_item(r, item, f, f->field, items + n * size) && ok;
        path_cut(r, step);
    }
    if (ok)
        put_repeated(m, f, items, n);
    return ok;
}

/* A member of a map field as an entry message. */
static bool read_entry(struct yaml_reader *r, const struct yaml_node *at,
                       const struct schema_field *f, ProtobufCMessage **out)
{
    struct err e = {0};
    bool fine = key_check(f, at->key->text, errors_full(r) ? NULL : &e);
    char *key, **to;

    if (!fine) {
        (void)yaml_fail_err(r, at->key, &e);
        if (f->rules->vocabulary[0] != '\0' && !errors_full(r))
            yaml_suggest(r, catalog_nearest(f->rules->vocabulary, at->key->text));
    }
    *out = message_new(r, at, f->field->descriptor);
    key = yaml_need(r, at, arena_strndup(r->arena, at->key->text, at->key->length));
    if (*out == NULL || key == NULL)
        return false;
    to = (void *)((char *)*out + f->key->offset);
    *to = key;
    return read_item(r, at, f, f->value, (char *)*out + f->value->offset) && fine;
}

static bool read_map(struct yaml_reader *r, const struct yaml_node *at,
                     const struct schema_field *f, ProtobufCMessage *m)
{
    ProtobufCMessage **items;
    bool ok = true;
    size_t n = 0;

    if (at->shape != YAML_MAP)
        return yaml_wrong_type(r, at, "a map");
    if (!empty_fine(r, at, m))
        return false;
    items = yaml_need(r, at, arena_array(r->arena, at->n, sizeof *items));
    if (items == NULL)
        return false;
    for (const struct yaml_node *item = at->first; item != NULL; item = item->next, n++) {
        size_t step = path_member(r, item->key->text);

        ok = read_entry(r, item, f, &items[n]) && ok;
        path_cut(r, step);
    }
    if (ok)
        put_repeated(m, f, items, n);
    return ok;
}

static bool read_field(struct yaml_reader *r, const struct yaml_node *at,
                       const struct schema_field *f, ProtobufCMessage *m)
{
    bool oneof = (f->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    uint32_t which = f->field->id, before;

    if (yaml_is_null(at)) {
        (void)yaml_fail(r, at, "yaml.no-value", "\"%s\" has no value", f->json_name);
        yaml_mend(r, "write a value, or leave the field out");
        return false;
    }
    if (f->key != NULL)
        return read_map(r, at, f, m);
    if (f->field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_list(r, at, f, m);
    if (oneof) {
        memcpy(&before, (char *)m + f->field->quantifier_offset, sizeof before);
        if (before != 0)
            return yaml_fail(r, at->key, "yaml.one-of", "\"%s\" cannot stand beside \"%s\"",
                             f->json_name,
                             protobuf_c_message_descriptor_get_field(m->descriptor, before)->name);
        memcpy((char *)m + f->field->quantifier_offset, &which, sizeof which);
    }
    return read_item(r, at, f, f->field, (char *)m + f->field->offset);
}

static bool unknown_field(struct yaml_reader *r, const struct yaml_node *at,
                          const struct schema_message *s)
{
    const char *names[WORDS_MAX];
    char shown[64];
    size_t n = 0;

    for (size_t i = 0; i < s->n && n < WORDS_MAX; i++)
        names[n++] = s->fields[i].json_name;
    (void)yaml_fail(r, at->key, "yaml.unknown-field", "unknown field \"%s\"",
                    yaml_shown(at->key, shown, sizeof shown));
    if (!errors_full(r))
        yaml_suggest(r, str_nearest(at->key->text, names, n));
    return false;
}

/* Absent numbers get the schema's default, so that what is sent says what was meant. */
static void put_default(ProtobufCMessage *m, const struct schema_field *f)
{
    uint32_t v32;
    uint64_t v;

    if (f->field->label == PROTOBUF_C_LABEL_REPEATED || !u64_parse(f->rules->default_text, &v))
        return;
    v32 = (uint32_t)v;
    if (f->field->type == PROTOBUF_C_TYPE_UINT32 || f->field->type == PROTOBUF_C_TYPE_INT32)
        memcpy((char *)m + f->field->offset, &v32, sizeof v32);
    if (f->field->type == PROTOBUF_C_TYPE_UINT64 || f->field->type == PROTOBUF_C_TYPE_INT64)
        memcpy((char *)m + f->field->offset, &v, sizeof v);
}

/* The node at a path of members ("metadata.namespace"), or the nearest one above it that is there.
 */
static const struct yaml_node *node_at(const struct yaml_node *doc, const char *path)
{
    const struct yaml_node *at = doc;
    char name[64];

    while (*path != '\0') {
        size_t n = strcspn(path, ".[");
        const struct yaml_node *in;

        if (n == 0 || n >= sizeof name)
            break;
        memcpy(name, path, n);
        name[n] = '\0';
        in = yaml_member(at, name);
        if (in == NULL || path[n] == '[')
            return in == NULL ? at : in;
        at = in;
        path += n + (path[n] == '.');
    }
    return at;
}

static bool read_message(struct yaml_reader *r, const struct yaml_node *map, ProtobufCMessage *m)
{
    const struct schema_message *s = schema_of(m->descriptor);
    struct err e = {0};
    bool ok = true;

    BUG_ON(s == NULL);
    for (size_t i = 0; i < s->n; i++)
        if (!s->fields[i].rules->read_only && yaml_member(map, s->fields[i].json_name) == NULL)
            put_default(m, &s->fields[i]);
    for (const struct yaml_node *at = map->first; at != NULL; at = at->next) {
        const struct schema_field *f = schema_field(s, at->key->text);
        size_t step = path_member(r, at->key->text);

        if (f == NULL)
            ok = unknown_field(r, at, s) && ok;
        else if (!f->rules->read_only)
            ok = read_field(r, at, f, m) && ok;
        path_cut(r, step);
    }
    /* what is missing is only worth saying when what is there was understood */
    if (ok && !message_check_whole(m, &e)) {
        const struct yaml_node *at = node_at(map, e.field);

        return yaml_fail_err(r, at == map && map->key != NULL ? map->key : at, &e);
    }
    return ok;
}

static const char *kind_name(const struct schema_field *f)
{
    const ProtobufCMessageDescriptor *type = f->field->descriptor;

    return type->short_name;
}

static bool unknown_kind(struct yaml_reader *r, const struct yaml_node *at)
{
    const struct schema_message *all = schema_of(&bailey__v1__object__descriptor);
    const char *kinds[WORDS_MAX];
    const struct schema_field *near;
    char shown[64];
    size_t n = 0;

    if (at->shape != YAML_SCALAR)
        return yaml_wrong_type(r, at, "a kind");
    if (schema_kind(at->text, false) != NULL) {
        (void)yaml_fail(r, at, "yaml.kind", "%s objects are made by the system, not applied",
                        at->text);
        return false;
    }
    (void)yaml_fail(r, at, "yaml.kind", "unknown kind \"%s\"", yaml_shown(at, shown, sizeof shown));
    for (size_t i = 0; i < all->n && n < WORDS_MAX; i++)
        if (schema_applied(&all->fields[i]))
            kinds[n++] = kind_name(&all->fields[i]);
    near = schema_kind(at->text, true);
    yaml_suggest(r, near != NULL ? kind_name(near) : str_nearest(at->text, kinds, n));
    return false;
}

/* What only shows when all of an object is there. */
static bool check_object(struct yaml_reader *r, const struct yaml_node *doc,
                         const Bailey__V1__Object *o)
{
    struct err e = {0};
    size_t step;

    if (object_check(o, false, &e))
        return true;
    step = path_add(r, "%s", e.field);
    (void)yaml_fail_err(r, node_at(doc, e.field), &e);
    path_cut(r, step);
    return false;
}

static Bailey__V1__Object *read_object(struct yaml_reader *r, const struct yaml_node *doc)
{
    const struct yaml_node *kind = yaml_member(doc, "kind"),
                           *version = yaml_member(doc, "apiVersion");
    const struct schema_field *f = NULL;
    Bailey__V1__Object *o;
    ProtobufCMessage *m;
    uint32_t which;

    if (doc->shape != YAML_MAP)
        return (void)yaml_wrong_type(r, doc, "an object with apiVersion, kind, metadata and spec"),
               NULL;
    if (version == NULL || kind == NULL) {
        (void)yaml_fail(r, doc, "check.required", "\"%s\" is missing",
                        version == NULL ? "apiVersion" : "kind");
        yaml_mend(r, version == NULL
                         ? "write apiVersion: bailey/v1"
                         : "write what it is, as in kind: Workload or kind: TrustPolicy");
        return NULL;
    }
    if (kind->shape == YAML_SCALAR)
        f = schema_kind(kind->text, false);
    if (f == NULL || !schema_applied(f))
        return (void)unknown_kind(r, kind), NULL;
    o = (Bailey__V1__Object *)(void *)message_new(r, doc, &bailey__v1__object__descriptor);
    m = message_new(r, doc, f->field->descriptor);
    if (o == NULL || m == NULL || !read_message(r, doc, m))
        return NULL;
    which = f->field->id;
    memcpy((char *)o + f->field->quantifier_offset, &which, sizeof which);
    memcpy((char *)o + f->field->offset, &m, sizeof m);
    return check_object(r, doc, o) ? o : NULL;
}

static struct yaml_reader begin(struct bytes text, const char *file, struct arena *scratch,
                                struct yaml_errors *errors)
{
    *errors = (struct yaml_errors){.file = file, .text = text};
    arena_init(scratch, SCRATCH_MAX);
    return (struct yaml_reader){.arena = scratch, .errors = errors};
}

bool yaml_objects(struct bytes text, const char *file, struct arena *a, Bailey__V1__Object ***out,
                  size_t *n, struct yaml_errors *errors)
{
    AUTO_ARENA struct arena scratch = {0};
    struct yaml_reader r = begin(text, file, &scratch, errors);
    struct yaml_node documents;
    Bailey__V1__Object **objects;
    size_t done = 0;

    if (!yaml_read(&r, text, &documents))
        return false;
    if (documents.n == 0 && errors->n == 0) {
        (void)yaml_fail(&r, &documents, "yaml.nothing", "there is no object in the text");
        return false;
    }
    r.arena = a;
    objects = yaml_need(&r, &documents, arena_array(a, documents.n, sizeof(void *)));
    if (objects == NULL)
        return false;
    for (const struct yaml_node *doc = documents.first; doc != NULL; doc = doc->next, done++)
        objects[done] = read_object(&r, doc);
    if (errors->n > 0)
        return false;
    *out = objects;
    *n = done;
    return true;
}

bool yaml_message(struct bytes text, const char *file, const ProtobufCMessageDescriptor *type,
                  struct arena *a, ProtobufCMessage **out, struct yaml_errors *errors)
{
    AUTO_ARENA struct arena scratch = {0};
    struct yaml_reader r = begin(text, file, &scratch, errors);
    struct yaml_node documents;
    ProtobufCMessage *m;

    if (!yaml_read(&r, text, &documents) || errors->n > 0)
        return false;
    if (documents.n != 1)
        return yaml_fail(&r, &documents, "yaml.nothing", "want one document, got %zu", documents.n);
    if (documents.first->shape != YAML_MAP)
        return yaml_wrong_type(&r, documents.first, "a map of fields");
    r.arena = a;
    m = message_new(&r, documents.first, type);
    if (m == NULL || !read_message(&r, documents.first, m))
        return false;
    *out = m;
    return true;
}
