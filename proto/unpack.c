#include "proto/unpack.h"

#include "base/str.h"

static void *arena_allocator_alloc(void *data, size_t n)
{
    return arena_alloc(data, n);
}

static void arena_allocator_free(void *data, void *p)
{
    (void)data; /* the arena frees all at once */
    (void)p;
}

static bool text_check(const ProtobufCMessage *m, struct err *e);

/* protobuf-c ends a string at the first NUL: the bytes after it are gone by now, so a NUL is found
 * by scanning the wire form (wire_has_nul). Here only UTF-8 is left to check. */
static bool string_check(const char *s, const char *field, struct err *e)
{
    if (s == NULL || utf8_ok(bytes_str(s)))
        return true;
    return err_set(e, ERR_INPUT, "proto.text", "%s: not UTF-8 text", field),
           err_expected(e, "UTF-8 without NUL");
}

static bool present(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return true;
    return *(const uint32_t *)(const void *)((const char *)m + f->quantifier_offset) == f->id;
}

static bool item_check(const void *item, const ProtobufCFieldDescriptor *f, struct err *e)
{
    const void *p;

    memcpy(&p, item, sizeof p);
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return string_check(p, f->name, e);
    return p == NULL || text_check(p, e);
}

static bool field_check(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, struct err *e)
{
    const char *at = (const char *)m + f->offset;
    size_t n;
    const char *items;

    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return item_check(at, f, e) || err_field(e, "%s", f->name);
    memcpy(&n, (const char *)m + f->quantifier_offset, sizeof n);
    memcpy(&items, at, sizeof items);
    for (size_t i = 0; i < n; i++)
        if (!item_check(items + i * sizeof(void *), f, e))
            return err_field(e, "%s[%zu]", f->name, i);
    return true;
}

/* Depth is bounded by the schema: no message type of ours contains itself (tests/check_proto). */
static bool text_check(const ProtobufCMessage *m, struct err *e) /* NOLINT(misc-no-recursion) */
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

        if ((f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE) &&
            present(m, f) && !field_check(m, f, e))
            return false;
    }
    return true;
}

bool proto_unpack(const ProtobufCMessageDescriptor *type, struct bytes in, struct arena *a,
                  ProtobufCMessage **out, struct err *e)
{
    ProtobufCAllocator alloc = {arena_allocator_alloc, arena_allocator_free, a};
    size_t before = a->used;
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &alloc, in.n, in.p);

    if (m == NULL && a->used > before && a->limit - a->used < in.n)
        return err_set(e, ERR_LIMIT, "proto.too-large",
                       "%s: a message of %zu bytes needs more than %zu bytes of memory",
                       type->short_name, in.n, a->limit),
               err_mend(e, "send less at once");
    if (m == NULL)
        return err_set(e, ERR_INPUT, "proto.malformed", "%s: not a valid message", type->short_name);
    if (!text_check(m, e))
        return err_wrap(e, "%s", type->short_name);
    *out = m;
    return true;
}

void proto_pack(const ProtobufCMessage *m, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(m), at = out->n;

    buf_zero(out, n);
    if (!out->failed && n != 0)
        (void)protobuf_c_message_pack(m, out->p + at);
}

ProtobufCMessage *proto_copy(const ProtobufCMessage *m, struct arena *a)
{
    AUTO_BUF struct buf b = {0};
    ProtobufCAllocator alloc = {arena_allocator_alloc, arena_allocator_free, a};

    proto_pack(m, &b);
    return b.failed ? NULL : protobuf_c_message_unpack(m->descriptor, &alloc, b.n, b.p);
}
