#include "rpc/status.h"
#include "rpc/unconst.h"

#include <grpc/status.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "google/protobuf/any.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/unpack.h"

#define INFO_URL "type.googleapis.com/google.rpc.ErrorInfo"
#define REQUEST_URL "type.googleapis.com/google.rpc.BadRequest"
#define ARENA_MAX (64u << 10)

static const int statuses[ERR_CODES] = {
    [ERR_NONE] = GRPC_STATUS_OK,
    [ERR_INPUT] = GRPC_STATUS_INVALID_ARGUMENT,
    [ERR_LIMIT] = GRPC_STATUS_RESOURCE_EXHAUSTED,
    [ERR_MISSING] = GRPC_STATUS_NOT_FOUND,
    [ERR_EXISTS] = GRPC_STATUS_ALREADY_EXISTS,
    [ERR_CONFLICT] = GRPC_STATUS_ABORTED,
    [ERR_DENIED] = GRPC_STATUS_PERMISSION_DENIED,
    [ERR_UNAUTH] = GRPC_STATUS_UNAUTHENTICATED,
    [ERR_UNAVAIL] = GRPC_STATUS_UNAVAILABLE,
    [ERR_TIMEOUT] = GRPC_STATUS_DEADLINE_EXCEEDED,
    [ERR_IO] = GRPC_STATUS_INTERNAL,
    [ERR_NOMEM] = GRPC_STATUS_RESOURCE_EXHAUSTED,
    [ERR_INTERNAL] = GRPC_STATUS_INTERNAL,
};

/* By gRPC status: our code, and the reason when the other end gives none. */
static const struct {
    enum err_code code;
    const char *reason;
} codes[] = {
    [GRPC_STATUS_OK] = {ERR_NONE, ""},
    [GRPC_STATUS_CANCELLED] = {ERR_UNAVAIL, "rpc.cancelled"},
    [GRPC_STATUS_UNKNOWN] = {ERR_INTERNAL, "rpc.unknown"},
    [GRPC_STATUS_INVALID_ARGUMENT] = {ERR_INPUT, "rpc.invalid-argument"},
    [GRPC_STATUS_DEADLINE_EXCEEDED] = {ERR_TIMEOUT, "rpc.deadline-exceeded"},
    [GRPC_STATUS_NOT_FOUND] = {ERR_MISSING, "rpc.not-found"},
    [GRPC_STATUS_ALREADY_EXISTS] = {ERR_EXISTS, "rpc.already-exists"},
    [GRPC_STATUS_PERMISSION_DENIED] = {ERR_DENIED, "rpc.permission-denied"},
    [GRPC_STATUS_RESOURCE_EXHAUSTED] = {ERR_LIMIT, "rpc.resource-exhausted"},
    [GRPC_STATUS_FAILED_PRECONDITION] = {ERR_CONFLICT, "rpc.failed-precondition"},
    [GRPC_STATUS_ABORTED] = {ERR_CONFLICT, "rpc.aborted"},
    [GRPC_STATUS_OUT_OF_RANGE] = {ERR_INPUT, "rpc.out-of-range"},
    [GRPC_STATUS_UNIMPLEMENTED] = {ERR_MISSING, "rpc.unimplemented"},
    [GRPC_STATUS_INTERNAL] = {ERR_INTERNAL, "rpc.internal"},
    [GRPC_STATUS_UNAVAILABLE] = {ERR_UNAVAIL, "rpc.unavailable"},
    [GRPC_STATUS_DATA_LOSS] = {ERR_IO, "rpc.data-loss"},
    [GRPC_STATUS_UNAUTHENTICATED] = {ERR_UNAUTH, "rpc.unauthenticated"},
};

int rpc_status_of(enum err_code code)
{
    return (unsigned)code < ERR_CODES ? statuses[code] : GRPC_STATUS_INTERNAL;
}

static size_t code_index(int grpc_status)
{
    if (grpc_status < 0 || (size_t)grpc_status >= sizeof codes / sizeof *codes)
        return GRPC_STATUS_UNKNOWN;
    return (size_t)grpc_status;
}

enum err_code rpc_status_code(int grpc_status)
{
    return codes[code_index(grpc_status)].code;
}

/* The texts of an err that travel by name. */
struct text {
    const char *key;
    size_t at, size;
};
#define TEXT(member)                                                                               \
    {                                                                                              \
#member, offsetof(struct err, member), sizeof((struct err *)0)->member                     \
    }
static const struct text texts[] = {TEXT(field), TEXT(found), TEXT(expected), TEXT(mend)};
#define TEXTS (sizeof texts / sizeof *texts)

static void any_pack(Google__Protobuf__Any *any, const char *url, const ProtobufCMessage *m,
                     struct buf *b)
{
    google__protobuf__any__init(any);
    proto_pack(m, b);
    any->type_url = unconst(url); /* protobuf-c has no const; it only reads */
    any->value.data = b->p;
    any->value.len = b->n;
}

void rpc_status_pack(const struct err *e, struct buf *out)
{
    AUTO_BUF struct buf info_bytes = {0};
    AUTO_BUF struct buf request_bytes = {0};
    struct err copy = *e;
    Google__Rpc__ErrorInfo__MetadataEntry entries[TEXTS + 1], *entry_list[TEXTS + 1];
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    Google__Rpc__BadRequest__FieldViolation violation =
        GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
    Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;
    Google__Protobuf__Any anys[2], *any_list[] = {&anys[0], &anys[1]};
    Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;

    info.reason = copy.reason;
    info.domain = unconst(RPC_STATUS_DOMAIN);
    info.metadata = entry_list;
    for (size_t i = 0; i <= TEXTS; i++) {
        char *text = i < TEXTS ? (char *)&copy + texts[i].at : unconst(err_code_name(copy.code));

        if (text[0] == '\0')
            continue;
        entry_list[info.n_metadata] = &entries[info.n_metadata];
        google__rpc__error_info__metadata_entry__init(&entries[info.n_metadata]);
        entries[info.n_metadata].key = unconst((i < TEXTS ? texts[i].key : "code"));
        entries[info.n_metadata++].value = text;
    }
    any_pack(&anys[0], INFO_URL, &info.base, &info_bytes);
    status.n_details = 1;
    if (copy.field[0] != '\0') {
        violation.field = copy.field;
        violation.description = copy.msg;
        request.n_field_violations = 1;
        request.field_violations = violations;
        any_pack(&anys[1], REQUEST_URL, &request.base, &request_bytes);
        status.n_details = 2;
    }
    status.code = rpc_status_of(copy.code);
    status.message = copy.msg;
    status.details = any_list;
    proto_pack(&status.base, out);
}

static void show(char *out, size_t size, const char *s)
{
    (void)str_printable(bytes_str(s), out, size);
}

static void info_read(const Google__Rpc__ErrorInfo *info, int grpc_status, struct err *e)
{
    if (strcmp(info->domain, RPC_STATUS_DOMAIN) != 0)
        return;
    if (info->reason[0] != '\0')
        show(e->reason, sizeof e->reason, info->reason);
    for (size_t i = 0; i < info->n_metadata; i++) {
        const Google__Rpc__ErrorInfo__MetadataEntry *m = info->metadata[i];

        for (size_t k = 0; k < TEXTS; k++)
            if (strcmp(m->key, texts[k].key) == 0)
                show((char *)e + texts[k].at, texts[k].size, m->value);
        if (strcmp(m->key, "code") != 0)
            continue;
        for (int c = ERR_NONE + 1; c < ERR_CODES; c++) /* only among those of the same status */
            if (strcmp(m->value, err_code_name((enum err_code)c)) == 0 &&
                statuses[c] == grpc_status)
                e->code = (enum err_code)c;
    }
}

void rpc_status_unpack(int grpc_status, const char *message, struct bytes details, struct err *e)
{
    AUTO_ARENA struct arena a = {0};
    ProtobufCMessage *m = NULL;
    size_t index = code_index(grpc_status);

    if (e == NULL)
        return;
    arena_init(&a, ARENA_MAX);
    (void)err_set(e, codes[index].code, codes[index].reason, "%s",
                  message[0] == '\0' ? codes[index].reason : "");
    if (message[0] != '\0')
        show(e->msg, sizeof e->msg, message);
    if (details.n == 0 || !proto_unpack(&google__rpc__status__descriptor, details, &a, &m, NULL))
        return;
    const Google__Rpc__Status *s = (const Google__Rpc__Status *)(void *)m;

    for (size_t i = 0; i < s->n_details; i++) {
        struct bytes value = {s->details[i]->value.data, s->details[i]->value.len};

        if (strcmp(s->details[i]->type_url, INFO_URL) != 0 ||
            !proto_unpack(&google__rpc__error_info__descriptor, value, &a, &m, NULL))
            continue;
        info_read((const Google__Rpc__ErrorInfo *)(void *)m, grpc_status, e);
        return;
    }
}
