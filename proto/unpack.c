#include "proto/unpack.h"

#include "base/str.h"

struct limited { /* protobuf-c's allocator over an arena, remembering that it said no */
    struct arena *arena;
    bool refused;
};

static void *limited_alloc(void *data, size_t n)
{
    struct limited *l = data;
    void *p = arena_alloc(l->arena, n);

    l->refused = l->refused || p == NULL;
    return p;
}

static void limited_free(void *data, void *p)
{
    (void)data; /* the arena frees all at once */
    (void)p;
}

struct field_wire { /* one field as it stands on the wire */
    uint32_t id;
    unsigned type;        /* wire type: 0 varint, 1 and 5 fixed, 2 with a length */
    struct bytes payload; /* of type 2 */
};

static bool varint_take(struct bytes *in, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b;

        if (in->n == 0)
            return false;
        b = *in->p;
        *in = (struct bytes){in->p + 1, in->n - 1};
        if (shift < 64)
            *v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0)
            return true;
    }
    return false;
}

static bool skip(struct bytes *in, uint64_t n)
{
    if (n > in->n)
        return false;
    *in = (struct bytes){in->p + n, in->n - (size_t)n};
    return true;
}

/* Groups (types 3 and 4) have no place in proto3. */
static bool field_take(struct bytes *in, struct field_wire *f)
{
    uint64_t tag, n;

    if (!varint_take(in, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return false;
    f->id = (uint32_t)(tag >> 3);
    f->type = (unsigned)(tag & 7);
    f->payload = (struct bytes){NULL, 0};
    switch (f->type) {
    case 0:
        return varint_take(in, &n);
    case 1:
        return skip(in, 8);
    case 2:
        if (!varint_take(in, &n) || n > in->n)
            return false;
        f->payload = (struct bytes){in->p, (size_t)n};
        return skip(in, n);
    case 5:
        return skip(in, 4);
    default:
        return false;
    }
}

/* How many fields `id` stand in `in` before `end`: the index of the one that ends there, plus one.
 */
static size_t count_until(struct bytes in, const uint8_t *end, uint32_t id)
{
    struct field_wire f;
    size_t n = 0;

    while (in.p < end && field_take(&in, &f))
        n += f.id == id;
    return n;
}

static bool name_field(struct bytes in, const uint8_t *end, const ProtobufCFieldDescriptor *f,
                       struct err *e)
{
    if (f->label != PROTOBUF_C_LABEL_REPEATED)
        return err_field(e, "%s", f->name);
    return err_field(e, "%s[%zu]", f->name, count_until(in, end, f->id) - 1);
}

/* protobuf-c ends a string at its first NUL and takes bytes that are not UTF-8, so text is checked
 * on the wire. The depth bound also keeps protobuf-c's unbounded recursion off our stack. */
static bool wire_check(const ProtobufCMessageDescriptor *type, struct bytes whole, unsigned depth,
                       struct err *e) /* NOLINT(misc-no-recursion) */
{
    struct bytes in = whole;
    struct field_wire w;

    if (depth > PROTO_DEPTH_MAX)
        return err_set(e, ERR_LIMIT, "proto.too-deep", "messages nested more than %d deep",
                       PROTO_DEPTH_MAX);
    while (in.n > 0) {
        const ProtobufCFieldDescriptor *f;
        bool ok = true;

        if (!field_take(&in, &w))
            return err_set(e, ERR_INPUT, "proto.malformed", "not a valid message: cut short");
        f = w.type == 2 ? protobuf_c_message_descriptor_get_field(type, w.id) : NULL;
        if (f != NULL && f->type == PROTOBUF_C_TYPE_STRING && !utf8_ok(w.payload))
            ok = err_set(e, ERR_INPUT, "proto.text", "%s: not UTF-8 text without NUL", f->name) ||
                 err_expected(e, "UTF-8 without NUL");
        else if (f != NULL && f->type == PROTOBUF_C_TYPE_MESSAGE)
            ok = wire_check(f->descriptor, w.payload, depth + 1, e);
        if (!ok)
            return name_field(whole, in.p, f, e);
    }
    return true;
}

bool proto_unpack(const ProtobufCMessageDescriptor *type, struct bytes in, struct arena *a,
                  ProtobufCMessage **out, struct err *e)
{
    struct limited l = {a, false};
    ProtobufCAllocator alloc = {limited_alloc, limited_free, &l};
    ProtobufCMessage *m;

    if (!wire_check(type, in, 1, e))
        return err_wrap(e, "%s", type->short_name);
    m = protobuf_c_message_unpack(type, &alloc, in.n, in.p);
    if (m == NULL && l.refused)
        return err_set(e, ERR_LIMIT, "proto.too-large",
                       "%s: a message of %zu bytes needs more than %zu bytes of memory",
                       type->short_name, in.n, a->limit),
               err_mend(e, "send less at once");
    if (m == NULL)
        return err_set(e, ERR_INPUT, "proto.malformed", "%s: not a valid message",
                       type->short_name);
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
    struct limited l = {a, false};
    ProtobufCAllocator alloc = {limited_alloc, limited_free, &l};

    proto_pack(m, &b);
    return b.failed ? NULL : protobuf_c_message_unpack(m->descriptor, &alloc, b.n, b.p);
}
