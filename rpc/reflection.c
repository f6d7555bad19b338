/* grpc.reflection v1 and v1alpha (the same messages under two names): generic clients learn from it
 * which services a listener has and what their messages look like. */
#include <grpc/status.h>
#include <stdlib.h>

#include "base/rd.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "proto/descriptors.h"
#include "proto/unpack.h"
#include "rpc/server_int.h"
#include "rpc/unconst.h"

#define FILES_MAX 64u
#define SERVICES_MAX 64u
#define INDEX_BYTES (32u << 20)

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

#define REQUEST(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
#define RESPONSE(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x

struct file {
    struct bytes raw; /* as protoc wrote it, options and all */
    const Google__Protobuf__FileDescriptorProto *d;
};

struct rpc_reflection {
    struct arena arena;
    struct file files[FILES_MAX];
    size_t n;
};

static uint64_t varint(struct rd *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = rd_u8(r, "varint");

        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0)
            break;
    }
    return v;
}

/* A FileDescriptorSet is nothing but files in field 1: each one's bytes are served as they are. */
static struct rpc_reflection *index_new(void)
{
    struct rpc_reflection *x = calloc(1, sizeof *x);
    struct rd r = rd_init(proto_descriptors());

    if (x == NULL)
        return NULL;
    arena_init(&x->arena, INDEX_BYTES);
    while (r.rest.n != 0 && x->n < FILES_MAX && rd_u8(&r, "tag") == 0x0a) {
        struct file *f = &x->files[x->n];
        ProtobufCMessage *m = NULL;
        uint64_t size = varint(&r);

        f->raw = rd_take(&r, size, "file");
        if (!proto_unpack(&google__protobuf__file_descriptor_proto__descriptor, f->raw, &x->arena,
                          &m, NULL))
            break;
        f->d = (const Google__Protobuf__FileDescriptorProto *)(void *)m;
        x->n++;
    }
    return x;
}

void rpc_reflection_free(struct rpc_reflection *x)
{
    if (x != NULL)
        arena_fini(&x->arena);
    free(x);
}

/* If `name` begins with `prefix` as a whole component: what follows ("" when they are equal). */
static const char *below(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(name, prefix, n) != 0)
        return NULL;
    if (name[n] == '\0')
        return name + n;
    return name[n] == '.' ? name + n + 1 : NULL;
}

/* Whether `name` is this message, or something in it. Depth is bounded by our own schema. */
static bool in_message(const Google__Protobuf__DescriptorProto *d, /* NOLINT(misc-no-recursion) */
                       const char *name)
{
    const char *rest = below(name, d->name);

    if (rest == NULL || rest[0] == '\0')
        return rest != NULL;
    for (size_t i = 0; i < d->n_field; i++)
        if (strcmp(rest, d->field[i]->name) == 0)
            return true;
    for (size_t i = 0; i < d->n_enum_type; i++)
        if (strcmp(rest, d->enum_type[i]->name) == 0)
            return true;
    for (size_t i = 0; i < d->n_nested_type; i++)
        if (in_message(d->nested_type[i], rest))
            return true;
    return false;
}

static bool in_service(const Google__Protobuf__ServiceDescriptorProto *d, const char *name)
{
    const char *rest = below(name, d->name);

    if (rest == NULL || rest[0] == '\0')
        return rest != NULL;
    for (size_t i = 0; i < d->n_method; i++)
        if (strcmp(rest, d->method[i]->name) == 0)
            return true;
    return false;
}

static bool in_file(const Google__Protobuf__FileDescriptorProto *d, const char *symbol)
{
    const char *name = d->package[0] == '\0' ? symbol : below(symbol, d->package);

    if (name == NULL || name[0] == '\0')
        return false;
    for (size_t i = 0; i < d->n_message_type; i++)
        if (in_message(d->message_type[i], name))
            return true;
    for (size_t i = 0; i < d->n_service; i++)
        if (in_service(d->service[i], name))
            return true;
    for (size_t i = 0; i < d->n_enum_type; i++)
        if (strcmp(d->enum_type[i]->name, name) == 0)
            return true;
    for (size_t i = 0; i < d->n_extension; i++)
        if (strcmp(d->extension[i]->name, name) == 0)
            return true;
    return false;
}

static const struct file *by_name(const struct rpc_reflection *x, const char *name)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->files[i].d->name, name) == 0)
            return &x->files[i];
    return NULL;
}

static const struct file *by_symbol(const struct rpc_reflection *x, const char *symbol)
{
    for (size_t i = 0; i < x->n; i++)
        if (in_file(x->files[i].d, symbol))
            return &x->files[i];
    return NULL;
}

/* Whether a field of the file extends `type`. */
static bool extends(const Google__Protobuf__FieldDescriptorProto *f, const char *type)
{
    return strcmp(f->extendee[0] == '.' ? f->extendee + 1 : f->extendee, type) == 0;
}

/* The file that extends `type` with this number. */
static const struct file *by_extension(const struct rpc_reflection *x, const char *type,
                                       int32_t number)
{
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < x->files[i].d->n_extension; k++)
            if (x->files[i].d->extension[k]->number == number &&
                extends(x->files[i].d->extension[k], type))
                return &x->files[i];
    return NULL;
}

/* The numbers of all fields that extend `type`; at most FILES_MAX. */
static size_t extensions(const struct rpc_reflection *x, const char *type, int32_t *numbers)
{
    size_t n = 0;

    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < x->files[i].d->n_extension && n < FILES_MAX; k++)
            if (extends(x->files[i].d->extension[k], type))
                numbers[n++] = x->files[i].d->extension[k]->number;
    return n;
}

static void fail(struct rpc_call *c, response *resp, int code, const char *text)
{
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

    error.error_code = code;
    error.error_message = unconst(text);
    resp->message_response_case = RESPONSE(ERROR_RESPONSE);
    resp->error_response = &error;
    (void)rpc_send(c, &resp->base);
}

/* The file and everything it imports, itself first. */
static void send_file(struct rpc_call *c, const struct rpc_reflection *x, response *resp,
                      const struct file *f)
{
    Grpc__Reflection__V1__FileDescriptorResponse files =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    const struct file *list[FILES_MAX];
    ProtobufCBinaryData data[FILES_MAX];
    size_t n = 0;

    if (f == NULL) {
        fail(c, resp, GRPC_STATUS_NOT_FOUND, "no such file or symbol");
        return;
    }
    list[n++] = f;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i]->d->n_dependency; k++) {
            const struct file *import = by_name(x, list[i]->d->dependency[k]);
            size_t seen = 0;

            while (seen < n && list[seen] != import)
                seen++;
            if (import != NULL && seen == n && n < FILES_MAX)
                list[n++] = import;
        }
    for (size_t i = 0; i < n; i++) {
        data[i].data = unconst(list[i]->raw.p);
        data[i].len = list[i]->raw.n;
    }
    files.n_file_descriptor_proto = n;
    files.file_descriptor_proto = data;
    resp->message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
    resp->file_descriptor_response = &files;
    (void)rpc_send(c, &resp->base);
}

static void send_extensions(struct rpc_call *c, const struct rpc_reflection *x, response *resp,
                            const char *type)
{
    Grpc__Reflection__V1__ExtensionNumberResponse r =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    int32_t numbers[FILES_MAX];

    r.n_extension_number = extensions(x, type, numbers);
    if (by_symbol(x, type) == NULL) {
        fail(c, resp, GRPC_STATUS_NOT_FOUND, "no such type");
        return;
    }
    r.base_type_name = unconst(type);
    r.extension_number = numbers;
    resp->message_response_case = RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE);
    resp->all_extension_numbers_response = &r;
    (void)rpc_send(c, &resp->base);
}

/* Those that can be called on the listener that the question came to. */
static void send_services(struct rpc_call *c, const struct rpc_server *s, response *resp)
{
    Grpc__Reflection__V1__ListServiceResponse r = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    Grpc__Reflection__V1__ServiceResponse names[SERVICES_MAX], *list[SERVICES_MAX];
    unsigned port = c->armed->port->index;

    for (size_t i = 0; i < s->entries.n && r.n_service < SERVICES_MAX; i++) {
        const struct rpc_method *m = &s->entries.v[i]->m;
        size_t seen = 0;

        if (m->listeners != 0 && (m->listeners & 1u << port) == 0)
            continue;
        while (seen < r.n_service && names[seen].name != m->service->name)
            seen++;
        if (seen < r.n_service)
            continue;
        grpc__reflection__v1__service_response__init(&names[seen]);
        names[seen].name = unconst(m->service->name);
        list[seen] = &names[seen];
        r.n_service++;
    }
    r.service = list;
    resp->message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
    resp->list_services_response = &r;
    (void)rpc_send(c, &resp->base);
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    const request *req = (const request *)(const void *)m;
    struct rpc_server *s = user;
    response resp = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;

    if (s->reflection == NULL)
        s->reflection = index_new();
    resp.valid_host = req->host;
    resp.original_request = unconst(req);
    if (s->reflection == NULL) {
        fail(c, &resp, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    switch ((int)req->message_request_case) {
    case REQUEST(FILE_BY_FILENAME):
        send_file(c, s->reflection, &resp, by_name(s->reflection, req->file_by_filename));
        break;
    case REQUEST(FILE_CONTAINING_SYMBOL):
        send_file(c, s->reflection, &resp, by_symbol(s->reflection, req->file_containing_symbol));
        break;
    case REQUEST(FILE_CONTAINING_EXTENSION):
        send_file(c, s->reflection, &resp,
                  by_extension(s->reflection, req->file_containing_extension->containing_type,
                               req->file_containing_extension->extension_number));
        break;
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        send_extensions(c, s->reflection, &resp, req->all_extension_numbers_of_type);
        break;
    case REQUEST(LIST_SERVICES):
        send_services(c, s, &resp);
        break;
    default: /* not set, or of a newer protocol */
        fail(c, &resp, GRPC_STATUS_INVALID_ARGUMENT, "no question that this server knows");
    }
}

/* Questions are taken one by one: none piles up answers that nobody reads. */
static void on_question(struct rpc_call *c, const ProtobufCMessage *m, void *user)
{
    on_message(c, m, user);
    if (rpc_pending(c) > RPC_LOW_WATER)
        rpc_read_pause(c);
}

static void on_writable(struct rpc_call *c, void *user)
{
    (void)user;
    rpc_read_resume(c);
}

static void on_half_close(struct rpc_call *c, void *user)
{
    (void)user;
    rpc_finish(c, NULL);
}

const struct rpc_stream rpc_reflection_stream = {
    .on_message = on_question,
    .on_half_close = on_half_close,
    .on_writable = on_writable,
};

bool rpc_reflection_add(struct rpc_server *s, struct err *e)
{
    struct rpc_method m = {.service = &grpc__reflection__v1__server_reflection__descriptor,
                           .name = "ServerReflectionInfo",
                           .stream = &rpc_reflection_stream,
                           .user = s};

    if (!rpc_server_method(s, &m, e))
        return false;
    m.service = &grpc__reflection__v1alpha__server_reflection__descriptor;
    if (!rpc_server_method(s, &m, e))
        return false;
    /* the same bytes under another name: read as v1 */
    s->entries.v[s->entries.n - 1]->input =
        &grpc__reflection__v1__server_reflection_request__descriptor;
    return true;
}
