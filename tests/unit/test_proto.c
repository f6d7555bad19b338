/* Bytes of a peer to messages: what is refused, where, and within which bounds. */
#include <stdlib.h>

#include "bailey/v1/object.pb-c.h"
#include "bailey/v1/operator.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "proto/unpack.h"
#include "tests/lib/unit.h"

#define ARENA ((size_t)1 << 20)

static void whole_and_copy(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf b = {0}, again = {0};
    Bailey__V1__GetRequest r = BAILEY__V1__GET_REQUEST__INIT;
    char kind[] = "Workload", name[] = "p\xc3\xa4y"; /* UTF-8 */
    ProtobufCMessage *m = NULL;
    struct err e = {0};

    (void)state;
    arena_init(&a, ARENA);
    r.kind = kind;
    r.name = name;
    proto_pack(&r.base, &b);
    assert_true(proto_unpack(&bailey__v1__get_request__descriptor, buf_bytes(&b), &a, &m, &e));
    assert_string_equal(((Bailey__V1__GetRequest *)(void *)m)->name, name);
    proto_pack(proto_copy(m, &a), &again);
    assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));
    /* every prefix is either another valid message or refused; never more */
    for (size_t n = 0; n < b.n; n++) {
        ProtobufCMessage *part = NULL;

        if (!proto_unpack(&bailey__v1__get_request__descriptor, (struct bytes){b.p, n}, &a, &part,
                          &e))
            assert_null(part);
    }
}

static const struct {
    const char *what;
    struct bytes in;
    const char *reason, *field;
} bad[] = {
    {"NUL in a text",
     BYTES_INIT("\x1a\x03"
                "a\0b"),
     "proto.text", "name"},
    {"not UTF-8",
     BYTES_INIT("\x1a\x02"
                "a\xff"),
     "proto.text", "name"},
    {"overridden later",
     BYTES_INIT("\x1a\x01\xff\x1a\x01"
                "a"),
     "proto.text", "name"},
    {"tag cut short", BYTES_INIT("\x9a"), "proto.malformed", ""},
    {"length past the end",
     BYTES_INIT("\x1a\x05"
                "ab"),
     "proto.malformed", ""},
    {"huge length", BYTES_INIT("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "proto.malformed",
     ""},
    {"varint without end", BYTES_INIT("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
     "proto.malformed", ""},
    {"field 0", BYTES_INIT("\x02\x00"), "proto.malformed", ""},
    {"a group", BYTES_INIT("\x1b\x1c"), "proto.malformed", ""},
    {"wire type 7", BYTES_INIT("\x1f"), "proto.malformed", ""},
    {"text as a number", BYTES_INIT("\x18\x01"), "proto.malformed", ""},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTO_ARENA struct arena a = {0};
        ProtobufCMessage *m = NULL;
        struct err e = {0};

        arena_init(&a, ARENA);
        if (proto_unpack(&bailey__v1__get_request__descriptor, bad[i].in, &a, &m, &e))
            fail_msg("taken: %s", bad[i].what);
        assert_null(m);
        assert_string_equal(e.reason, bad[i].reason);
        assert_string_equal(e.field, bad[i].field);
    }
}

/* The path leads through lists and maps: objects[1].workload.metadata.labels[0].value. */
static void path_of_a_bad_text(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf b = {0};
    Bailey__V1__Metadata__LabelsEntry label = BAILEY__V1__METADATA__LABELS_ENTRY__INIT,
                                      *labels[] = {&label};
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__Workload w = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Object first = BAILEY__V1__OBJECT__INIT, second = BAILEY__V1__OBJECT__INIT;
    Bailey__V1__Object *objects[] = {&first, &second};
    Bailey__V1__ApplyRequest r = BAILEY__V1__APPLY_REQUEST__INIT;
    char key[] = "k", value[] = "\xed\xa0\x80"; /* a surrogate */
    ProtobufCMessage *m = NULL;
    struct err e = {0};

    (void)state;
    arena_init(&a, ARENA);
    label.key = key;
    label.value = value;
    meta.labels = labels;
    meta.n_labels = 1;
    w.metadata = &meta;
    second.kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    second.workload = &w;
    r.objects = objects;
    r.n_objects = 2;
    proto_pack(&r.base, &b);
    assert_false(proto_unpack(&bailey__v1__apply_request__descriptor, buf_bytes(&b), &a, &m, &e));
    assert_string_equal(e.field, "objects[1].workload.metadata.labels[0].value");
}

/* A DescriptorProto may hold DescriptorProtos: the one recursive type at hand. */
static void depth_is_bounded(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf in = {0}, out = {0};
    ProtobufCMessage *m = NULL;
    struct err e = {0};

    (void)state;
    arena_init(&a, (size_t)64 << 20);
    for (int depth = 0; depth < 10000; depth++) { /* nested_type = 3, wrapped once more each time */
        uint64_t n = in.n;

        buf_clear(&out);
        buf_putc(&out, 0x1a);
        for (; n >= 0x80; n >>= 7)
            buf_putc(&out, (char)(n | 0x80));
        buf_putc(&out, (char)n);
        buf_put(&out, in.p, in.n);
        buf_clear(&in);
        buf_put(&in, out.p, out.n);
        if (depth == 20)
            assert_true(proto_unpack(&google__protobuf__descriptor_proto__descriptor,
                                     buf_bytes(&in), &a, &m, &e));
    }
    assert_false(
        proto_unpack(&google__protobuf__descriptor_proto__descriptor, buf_bytes(&in), &a, &m, &e));
    assert_string_equal(e.reason, "proto.too-deep");
}

/* Empty messages are two bytes on the wire and tens of them in memory. */
static void memory_is_bounded(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf in = {0};
    ProtobufCMessage *m = NULL;
    struct err e = {0};

    (void)state;
    arena_init(&a, ARENA);
    for (int i = 0; i < 500000; i++)
        buf_put(&in, "\x0a", 2); /* objects: {} */
    assert_false(proto_unpack(&bailey__v1__apply_request__descriptor, buf_bytes(&in), &a, &m, &e));
    assert_string_equal(e.reason, "proto.too-large");
    assert_int_equal(e.code, ERR_LIMIT);
    assert_true(a.used <= ARENA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_copy),     cmocka_unit_test(refused),
        cmocka_unit_test(path_of_a_bad_text), cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
