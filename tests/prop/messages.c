/* Random messages, made from the descriptors, through YAML and JSON and back.
 *
 *   prop/messages [--seed N] [--cases N] [--write FILE]
 *
 * For every kind that operators write: a random object that the schema's rules allow is printed as
 * YAML and read again, as JSON and read again (JSON is YAML), and comes back byte for byte as it
 * was. --write: objects of all kinds, those of the system as well, one a line as
 * "TYPE\tJSON\tHEX" for tests/tools/check_json.py. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/str.h"
#include "config/catalog.h"
#include "config/check.h"
#include "config/convert_policy.h"
#include "config/convert_rules.h"
#include "config/print.h"
#include "config/yaml.h"
#include "proto/unpack.h"

static struct prng rnd;
static struct arena arena;
static uint64_t seed = 1, cases = 3000;

static unsigned below(unsigned n)
{
    return (unsigned)prng_below(&rnd, n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static void *need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return p;
}

static char *copy(const char *s)
{
    return need(arena_strdup(&arena, s));
}

static char *pick(const char *const *v, size_t n)
{
    return copy(v[below((unsigned)n)]);
}
#define PICK(...)                                                                                  \
    pick((const char *const[]){__VA_ARGS__},                                                       \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Texts that YAML readers take for something else, and characters of every length. */
static char *any_text(void)
{
    return PICK("payroll", "no", "1.10", "0x54", "~", "null", "- a", "a: b", "# c", "'q'", "\"d\"",
                "two words", " space ", "größer", "\xe2\x82\xac", "\xf0\x9f\x94\x91", "a,b", "[x]",
                "{y}", "%z", "@at", "`tick`", "!bang", "&and", "*star", "|", ">", "?", ":", "-",
                "1e3", "2026-12-01", "true", "back\\slash", "end:", "<<", "=");
}

/* A text by its field's rules. */
static char *ruled_text(const struct schema_field *f)
{
    size_t n;
    const char *const *words;

    if (f->rules->vocabulary[0] != '\0' && f->key == NULL) {
        words = catalog_words(f->rules->vocabulary, &n);
        return pick(words, n);
    }
    switch ((int)f->rules->format) {
    case BAILEY__V1__FORMAT__NAME:
        return PICK("a", "payroll", "x-1", "2026-05", "no", "0");
    case BAILEY__V1__FORMAT__CPU:
        return PICK("1", "0.5", "500m", "2");
    case BAILEY__V1__FORMAT__BYTES:
        return PICK("256Mi", "1G", "1048576");
    case BAILEY__V1__FORMAT__DURATION:
        return PICK("30s", "1h30m", "2d", "5m");
    case BAILEY__V1__FORMAT__TIME:
        return PICK("2026-12-01", "2026-11-23T18:24:59Z");
    case BAILEY__V1__FORMAT__VERSION_RANGE:
        return PICK(">=1.55.39", "1.55", ">=1.55.29 <2", "1");
    case BAILEY__V1__FORMAT__NUMBER_RANGE:
        return PICK(">=0x54", "115", ">=3 <8", "0x10");
    case BAILEY__V1__FORMAT__TIME_RANGE:
        return PICK(">=2025-05-14", "<2026-01-01");
    case BAILEY__V1__FORMAT__DIGEST:
        return copy("sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    case BAILEY__V1__FORMAT__HEX:
        return PICK("00ff", "1234", "abcdef0123456789");
    case BAILEY__V1__FORMAT__REFERENCE:
        return PICK("finance/payroll", "payroll");
    case BAILEY__V1__FORMAT__VERSION:
        return PICK("1.55.39", "1", "1.10");
    case BAILEY__V1__FORMAT__NUMBER:
        return PICK("84", "0x54", "0");
    default:
        return any_text();
    }
}

static uint64_t any_number(const struct schema_field *f, bool is_signed, unsigned bits)
{
    static const uint64_t some[] = {1, 2, 255, 65536, UINT64_C(1) << 53, (UINT64_C(1) << 53) + 1};
    uint64_t v = chance(20) ? UINT64_MAX : some[below(6)];

    if (f->rules->minimum != 0 || f->rules->maximum != 0)
        return (uint64_t)f->rules->minimum +
               prng_below(&rnd, (uint64_t)(f->rules->maximum - f->rules->minimum) + 1);
    if (bits == 32)
        v = is_signed ? v & INT32_MAX : v & UINT32_MAX;
    return is_signed && bits == 64 ? v & INT64_MAX : v;
}

static ProtobufCMessage *any_message(const ProtobufCMessageDescriptor *type, unsigned depth,
                                     bool system);

static void put_item(const struct schema_field *f, const ProtobufCFieldDescriptor *type, void *to,
                     unsigned depth, bool system)
{
    uint64_t v;
    uint32_t v32;
    ProtobufCBinaryData bin;
    void *p;

    switch ((int)type->type) {
    case PROTOBUF_C_TYPE_STRING:
        p = ruled_text(f);
        memcpy(to, &p, sizeof p);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        p = any_message(type->descriptor, depth + 1, system);
        memcpy(to, &p, sizeof p);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        v32 = chance(50);
        memcpy(to, &v32, sizeof(protobuf_c_boolean));
        return;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumDescriptor *e = type->descriptor;

        v32 = (uint32_t)e->values[below(e->n_values)].value;
        memcpy(to, &v32, sizeof v32);
        return;
    }
    case PROTOBUF_C_TYPE_BYTES:
        bin = (ProtobufCBinaryData){3, (uint8_t *)copy("\xff\x01z")};
        memcpy(to, &bin, sizeof bin);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        v = any_number(f, type->type == PROTOBUF_C_TYPE_INT64, 64);
        memcpy(to, &v, sizeof v);
        return;
    default:
        v32 = (uint32_t)any_number(f, type->type == PROTOBUF_C_TYPE_INT32, 32);
        memcpy(to, &v32, sizeof v32);
    }
}

static size_t item_size(const ProtobufCFieldDescriptor *f)
{
    switch ((int)f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return 8;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/* Entries with keys in order, as a map is printed. */
static size_t put_map(const struct schema_field *f, void **items, unsigned depth, bool system)
{
    static const char *const free_keys[] = {"a", "b.c", "d/e", "x-1"};
    size_t words_n = 4, n = 1 + below(3);
    const char *const *words =
        f->rules->vocabulary[0] == '\0' ? free_keys : catalog_words(f->rules->vocabulary, &words_n);
    char *last = NULL;

    for (size_t i = 0; i < n; i++) {
        const ProtobufCMessageDescriptor *entry = f->field->descriptor;
        ProtobufCMessage *m = need(arena_alloc(&arena, entry->sizeof_message));
        char *key = pick(words, words_n);

        if (last != NULL && strcmp(key, last) <= 0)
            return i; /* once, and sorted */
        last = key;
        entry->message_init(m);
        memcpy((char *)m + f->key->offset, &key, sizeof key);
        put_item(f, f->value, (char *)m + f->value->offset, depth, system);
        if (strcmp(f->field->name, "labels") == 0 || strcmp(f->field->name, "nodes") == 0) {
            char *label = PICK("fra1", "", "1.10", "no");

            memcpy((char *)m + f->value->offset, &label, sizeof label);
        }
        items[i] = m;
    }
    return n;
}

static void put_field(const struct schema_field *f, ProtobufCMessage *m, unsigned depth,
                      bool system)
{
    char *at = (char *)m + f->field->offset;
    uint32_t which = f->field->id;
    void **items;
    size_t n;

    if (f->field->label != PROTOBUF_C_LABEL_REPEATED) {
        if ((f->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            memcpy((char *)m + f->field->quantifier_offset, &which, sizeof which);
        put_item(f, f->field, at, depth, system);
        return;
    }
    items = need(arena_array(&arena, 4, sizeof(ProtobufCBinaryData)));
    if (f->key != NULL) {
        n = put_map(f, items, depth, system);
    } else {
        n = 1 + below(3);
        for (size_t i = 0; i < n; i++)
            put_item(f, f->field, (char *)items + i * item_size(f->field), depth, system);
    }
    memcpy((char *)m + f->field->quantifier_offset, &n, sizeof n);
    memcpy(at, &items, sizeof items);
}

/* system: fields that only the system sets as well. */
static ProtobufCMessage *draw_message(const ProtobufCMessageDescriptor *type, unsigned depth,
                                      bool system)
{
    const struct schema_message *s = need((void *)(uintptr_t)schema_of(type));
    ProtobufCMessage *m = need(arena_alloc(&arena, type->sizeof_message));

    type->message_init(m);
    for (size_t i = 0; i < s->n; i++) {
        const struct schema_field *f = &s->fields[i];
        uint32_t taken = 0;

        if (f->rules->read_only && !system)
            continue;
        if ((f->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            memcpy(&taken, (char *)m + f->field->quantifier_offset, sizeof taken);
            if (taken != 0)
                continue;
        }
        if (f->rules->required || chance(depth < 3 ? 55 : 25))
            put_field(f, m, depth, system);
    }
    return m;
}

/* Drawn again until its fields fulfil what they must together ("a selector has a condition"). */
static ProtobufCMessage *any_message(const ProtobufCMessageDescriptor *type, unsigned depth,
                                     bool system)
{
    ProtobufCMessage *m = draw_message(type, depth, system);

    for (unsigned i = 0; i < 500 && !system && !message_check_whole(m, NULL); i++)
        m = draw_message(type, depth, system);
    return m;
}

/* An object of the kind, with its head; NULL where it breaks a rule after all. */
static Bailey__V1__Object *any_object(const struct schema_field *kind, bool system)
{
    Bailey__V1__Object *o = need(arena_alloc(&arena, sizeof *o));
    const ProtobufCMessageDescriptor *type = kind->field->descriptor;
    ProtobufCMessage *m = any_message(type, 0, system);
    char *version = copy("bailey/v1"), *name = copy(type->short_name);
    uint32_t which = kind->field->id;

    bailey__v1__object__init(o);
    memcpy((char *)m + protobuf_c_message_descriptor_get_field_by_name(type, "api_version")->offset,
           &version, sizeof version);
    memcpy((char *)m + protobuf_c_message_descriptor_get_field_by_name(type, "kind")->offset, &name,
           sizeof name);
    memcpy((char *)o + kind->field->quantifier_offset, &which, sizeof which);
    memcpy((char *)o + kind->field->offset, &m, sizeof m);
    return system || object_check(o, false, NULL) ? o : NULL;
}

static void wrong(const char *what, const char *text, const struct yaml_errors *errors)
{
    AUTO_BUF struct buf said = {0};

    if (errors != NULL)
        yaml_errors_format(errors, &said);
    fprintf(stderr, "seed %" PRIu64 ": %s\n%s\n%s", seed, what, text, buf_str(&said));
    exit(1);
}

/* Read again from the text, it is what it was. */
static void same_again(const Bailey__V1__Object *o, const struct buf *text, const char *what)
{
    AUTO_BUF struct buf first = {0};
    AUTO_BUF struct buf second = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **again = NULL;
    size_t n = 0;

    if (!yaml_objects((struct bytes){text->p, text->n}, what, &arena, &again, &n, &errors))
        wrong("what was printed is refused", buf_str((struct buf *)(uintptr_t)text), &errors);
    proto_pack(&o->base, &first);
    if (n == 1)
        proto_pack(&again[0]->base, &second);
    if (n != 1 || first.n != second.n || memcmp(first.p, second.p, first.n) != 0)
        wrong("what was printed is read as something else", buf_str((struct buf *)(uintptr_t)text),
              NULL);
}

/* What the reader puts where a number is absent and has a default. */
static Bailey__V1__Object *with_defaults(const Bailey__V1__Object *o)
{
    AUTO_BUF struct buf text = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **again = NULL;
    size_t n = 0;

    print_yaml(&o->base, &text);
    if (!yaml_objects(buf_bytes(&text), "first", &arena, &again, &n, &errors) || n != 1)
        wrong("what was printed is refused", buf_str(&text), &errors);
    return again[0];
}

/* What passed its check converts to the scheduler's structs. */
static bool converts(const Bailey__V1__Object *o)
{
    struct selector_advisory advisory;
    struct exception exception;
    struct trust_rules rules;
    struct policy policy;

    switch ((int)o->kind_case) {
    case BAILEY__V1__OBJECT__KIND_WORKLOAD:
        return trust_from_message(o->workload->spec->trust, &arena, &rules, NULL);
    case BAILEY__V1__OBJECT__KIND_TRUST_POLICY:
        return policy_from_message(o->trust_policy, &arena, &policy, NULL);
    case BAILEY__V1__OBJECT__KIND_EXCEPTION:
        return exception_from_message(o->exception, &arena, &exception, NULL);
    case BAILEY__V1__OBJECT__KIND_ADVISORY:
        return advisory_from_message(o->advisory, &arena, &advisory, NULL);
    default:
        return true;
    }
}

static uint64_t round_trips(void)
{
    const struct schema_message *kinds = schema_of(&bailey__v1__object__descriptor);
    uint64_t done = 0, drawn = 0, of_kind[64] = {0};

    while (done < cases) {
        const struct schema_field *kind = &kinds->fields[drawn++ % kinds->n];
        AUTO_BUF struct buf yaml = {0};
        AUTO_BUF struct buf json = {0};
        const Bailey__V1__Object *o;

        if (drawn > 2000 * cases)
            wrong("too few objects fulfil the rules", "", NULL);
        if (!schema_applied(kind))
            continue;
        arena_init(&arena, (size_t)64 << 20);
        o = any_object(kind, false);
        if (o != NULL) {
            o = with_defaults(o);
            print_yaml(&o->base, &yaml);
            same_again(o, &yaml, "yaml");
            print_json(&o->base, &json, chance(50));
            same_again(o, &json, "json");
            if (!converts(o))
                wrong("what passed its check does not convert", buf_str(&yaml), NULL);
            done++;
            of_kind[kind - kinds->fields]++;
        }
        arena_fini(&arena);
    }
    for (size_t i = 0; i < kinds->n; i++) {
        if (!schema_applied(&kinds->fields[i]))
            continue;
        printf("%s %" PRIu64 ", ", kinds->fields[i].json_name, of_kind[i]);
        if (of_kind[i] < cases / 20)
            wrong("too few objects of a kind fulfil the rules", kinds->fields[i].json_name, NULL);
    }
    return drawn;
}

static int write_all(const char *path)
{
    const struct schema_message *kinds = schema_of(&bailey__v1__object__descriptor);
    FILE *f = fopen(path, "w");

    if (f == NULL)
        return 1;
    for (uint64_t i = 0; i < cases; i++) {
        const struct schema_field *kind = &kinds->fields[i % kinds->n];
        AUTO_BUF struct buf line = {0};
        AUTO_BUF struct buf json = {0};
        AUTO_BUF struct buf bytes = {0};
        const ProtobufCMessage *m;

        arena_init(&arena, (size_t)64 << 20);
        m = object_body(any_object(kind, true));
        print_json(m, &json, false);
        proto_pack(m, &bytes);
        buf_printf(&line, "%s\t%s\t", m->descriptor->name, buf_str(&json));
        buf_hex(&line, buf_bytes(&bytes));
        buf_putc(&line, '\n');
        if (fwrite(line.p, 1, line.n, f) != line.n)
            return 1;
        arena_fini(&arena);
    }
    return fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    uint64_t drawn;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--cases") == 0)
            cases = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--write") == 0)
            path = argv[i + 1];
        else
            return fprintf(stderr, "usage: messages [--seed N] [--cases N] [--write FILE]\n"), 2;
    }
    prng_seed(&rnd, seed);
    if (path != NULL)
        return write_all(path);
    drawn = round_trips();
    printf("seed %" PRIu64 ", %" PRIu64 " objects there and back, %" PRIu64 " drawn\n", seed, cases,
           drawn);
    return 0;
}
