#include "controller/roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "proto/descriptors.h"

#define RULE_EXTENSION 50802 /* bailey.v1.rule, in MethodOptions */
#define CALLS_MAX 256

typedef Google__Protobuf__FileDescriptorProto file_proto;

/* Read once from our own descriptors, never freed. */
static struct {
    struct call {
        char service[96];
        const char *method;
        Bailey__V1__CallRule *rule;
    } call[CALLS_MAX];
    size_t n;
    bool read;
} table;

/* protobuf-c keeps an extension as an unknown field: length, then the message. */
static Bailey__V1__CallRule *rule_of(const Google__Protobuf__MethodDescriptorProto *m)
{
    for (unsigned i = 0; m->options != NULL && i < m->options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &m->options->base.unknown_fields[i];
        size_t skip = 0;

        if (u->tag != RULE_EXTENSION)
            continue;
        while (skip < u->len && (u->data[skip] & 0x80) != 0)
            skip++;
        return bailey__v1__call_rule__unpack(NULL, u->len - skip - 1, u->data + skip + 1);
    }
    return NULL;
}

static void read_file(const file_proto *file)
{
    for (size_t i = 0; i < file->n_service; i++)
        for (size_t k = 0; k < file->service[i]->n_method; k++) {
            struct call *c = &table.call[table.n];

            BUG_ON(table.n == CALLS_MAX);
            c->rule = rule_of(file->service[i]->method[k]);
            if (c->rule == NULL)
                continue;
            c->method = file->service[i]->method[k]->name;
            snprintf(c->service, sizeof c->service, "%s.%s", file->package, file->service[i]->name);
            table.n++;
        }
}

static void table_read(void)
{
    struct bytes in = proto_descriptors();
    /* our own bytes, and the table points into them: never freed */
    static Google__Protobuf__FileDescriptorSet *set;

    set = google__protobuf__file_descriptor_set__unpack(NULL, in.n, in.p);
    BUG_ON(set == NULL);
    for (size_t i = 0; i < set->n_file; i++)
        read_file(set->file[i]);
    table.read = true;
}

const Bailey__V1__CallRule *call_rule(const ProtobufCServiceDescriptor *service, const char *method)
{
    if (!table.read)
        table_read();
    for (size_t i = 0; i < table.n; i++)
        if (strcmp(table.call[i].method, method) == 0 &&
            strcmp(table.call[i].service, service->name) == 0)
            return table.call[i].rule;
    return NULL;
}

bool role_is_user(Bailey__V1__Role role)
{
    return role == ROLE(viewer) || role == ROLE(operator) || role == ROLE(security_officer) ||
           role == ROLE(admin);
}

bool role_suffices(Bailey__V1__Role have, const Bailey__V1__Role *wanted, size_t n)
{
    if (!role_is_user(have))
        return false;
    for (size_t i = 0; i < n; i++)
        if (role_is_user(wanted[i]) &&
            (have == wanted[i] || have == ROLE(admin) || wanted[i] == ROLE(viewer)))
            return true;
    return false;
}

const char *role_name(Bailey__V1__Role role)
{
    const ProtobufCEnumValue *v =
        protobuf_c_enum_descriptor_get_value(&bailey__v1__role__descriptor, (int)role);

    if (role == ROLE(security_officer))
        return "security-officer"; /* as it is written everywhere but in C */
    return v == NULL || role == ROLE(ROLE_UNSPECIFIED) ? "nothing" : v->name;
}

const char *change_name(Bailey__V1__TrustChange change)
{
    const ProtobufCEnumValue *v =
        protobuf_c_enum_descriptor_get_value(&bailey__v1__trust_change__descriptor, (int)change);

    return change == CHANGE(node_approval) ? "node-approval" : v == NULL ? "nothing" : v->name;
}

const char *roles_format(const Bailey__V1__Role *roles, size_t n, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i == 0 ? "" : " or ",
                               role_name(roles[i]));
    return out;
}
