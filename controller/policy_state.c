#include "controller/policy_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "base/str.h"
#include "controller/txn.h"

/* A field of the message by its name in the .proto file, which it has. */
static void *field_of(const ProtobufCMessage *m, const char *name)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

    BUG_ON(f == NULL);
    return (uint8_t *)(uintptr_t)m + f->offset;
}

static void name_kind(enum object_kind kind, ProtobufCMessage *m)
{
    text_set(field_of(m, "api_version"), "bailey/v1");
    text_set(field_of(m, "kind"), kind_of(kind)->name);
}

/* uid and created_at of a new object; a loaded one has them already. Returns whether it is new. */
static bool metadata_begin(const struct state *st, Bailey__V1__Metadata *m)
{
    char uid[UUID_TEXT];

    if (m->uid[0] != '\0')
        return false;
    rand_uuid(uid);
    text_set(&m->uid, uid);
    text_set_time(&m->created_at, state_wall_ms(st) / 1000);
    m->generation = 1;
    return true;
}

static bool make_key(struct object *o, const Bailey__V1__Metadata *m)
{
    char key[2 * NAME_MAX_LEN + 2];

    if (kind_of(o->kind)->namespaced)
        snprintf(key, sizeof key, "%s/%s", m->namespace_, m->name);
    else
        snprintf(key, sizeof key, "%s", m->name);
    o->key = strdup(key);
    return o->key != NULL;
}

struct trust_object *trust_new(struct state *st, enum object_kind kind, const ProtobufCMessage *src)
{
    struct trust_object *t = calloc(1, sizeof *t);
    ProtobufCMessage *m = message_clone(src);
    Bailey__V1__Metadata *meta;

    if (t == NULL || m == NULL) {
        message_free(m);
        free(t);
        return NULL;
    }
    t->object.kind = kind;
    t->object.msg = m;
    t->policy = (Bailey__V1__TrustPolicy *)m;
    name_kind(kind, m);
    meta = object_meta(&t->object);
    BUG_ON(meta == NULL || trust_spec(&t->object) == NULL); /* checked before */
    if (kind_of(kind)->namespaced && meta->namespace_[0] == '\0')
        text_set(&meta->namespace_, "default");
    t->object.fresh = metadata_begin(st, meta);
    t->object.revision = meta->revision;
    if (!make_key(&t->object, meta) || !map_put(kind_map(st, kind), bytes_str(t->object.key), t)) {
        message_free(m);
        free(t->object.key);
        free(t);
        return NULL;
    }
    if (t->object.fresh)
        txn_touch(st, &t->object);
    return t;
}

const ProtobufCMessage *trust_spec(const struct object *o)
{
    return *(const ProtobufCMessage **)field_of(o->msg, "spec");
}

/* The new message takes the old one's place with the bookkeeping of the old. */
void trust_change(struct state *st, struct trust_object *t, const ProtobufCMessage *src)
{
    ProtobufCMessage *m = message_clone(src);
    const Bailey__V1__Metadata *old = object_meta(&t->object);
    Bailey__V1__Metadata *meta;
    ProtobufCMessage *before = t->object.msg;

    BUG_ON(m == NULL);
    t->object.msg = m;
    t->policy = (Bailey__V1__TrustPolicy *)m;
    name_kind(t->object.kind, m);
    meta = object_meta(&t->object);
    text_set(&meta->namespace_, old->namespace_);
    text_set(&meta->uid, old->uid);
    text_set(&meta->created_at, old->created_at);
    meta->revision = old->revision;
    meta->generation = old->generation + 1;
    *(void **)field_of(m, "status") = *(void **)field_of(before, "status");
    *(void **)field_of(before, "status") = NULL;
    message_free(before);
    txn_touch(st, &t->object);
}

void trust_forget(struct state *st, struct trust_object *t)
{
    BUG_ON(t->object.dirty);
    map_remove(kind_map(st, t->object.kind), bytes_str(t->object.key));
    message_free(t->object.msg);
    free(t->object.key);
    free(t);
}

void trust_forget_all(struct state *st)
{
    static const enum object_kind all[] = {OBJECT_POLICY, OBJECT_ADVISORY, OBJECT_EXCEPTION,
                                           OBJECT_REVOCATION};
    struct trust_object *t;

    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        for (size_t i = 0; (t = map_next(kind_map(st, all[k]), &i)) != NULL; i = 0)
            trust_forget(st, t);
}

Bailey__V1__TrustPolicyStatus *trust_policy_status(struct trust_object *t)
{
    if (t->policy->status == NULL) {
        t->policy->status = malloc(sizeof *t->policy->status);
        BUG_ON(t->policy->status == NULL);
        bailey__v1__trust_policy_status__init(t->policy->status);
    }
    return t->policy->status;
}

Bailey__V1__ExceptionStatus *trust_exception_status(struct trust_object *t)
{
    if (t->exception->status == NULL) {
        t->exception->status = malloc(sizeof *t->exception->status);
        BUG_ON(t->exception->status == NULL);
        bailey__v1__exception_status__init(t->exception->status);
    }
    return t->exception->status;
}

Bailey__V1__RevocationStatus *trust_revocation_status(struct trust_object *t)
{
    if (t->revocation->status == NULL) {
        t->revocation->status = malloc(sizeof *t->revocation->status);
        BUG_ON(t->revocation->status == NULL);
        bailey__v1__revocation_status__init(t->revocation->status);
    }
    return t->revocation->status;
}

void trust_floors_resize(Bailey__V1__TrustPolicyStatus *s, size_t n)
{
    char **v;

    if (s->n_floors == n)
        return;
    v = calloc(n + 1, sizeof *v);
    BUG_ON(v == NULL);
    for (size_t i = 0; i < s->n_floors; i++)
        text_set(&s->floors[i], NULL);
    free(s->floors);
    for (size_t i = 0; i < n; i++)
        v[i] = (char *)(uintptr_t)protobuf_c_empty_string;
    s->floors = v;
    s->n_floors = n;
}
