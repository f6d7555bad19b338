/* What a request says is looked at here, once for all calls: whose namespaces, which kinds of
 * objects, and whether a second person must agree. */
#include <stdio.h>

#include "bailey/v1/operator.pb-c.h"
#include "base/str.h"
#include "controller/access.h"
#include "controller/approval.h"
#include "controller/authorize.h"
#include "controller/kind.h"
#include "controller/roles.h"

/* A text field of a request by its name; NULL: it has none. */
static const char *text_field(const ProtobufCMessage *m, const char *name)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

    if (f == NULL || f->type != PROTOBUF_C_TYPE_STRING || f->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    return *(char *const *)((const char *)m + f->offset);
}

static bool own_namespace(const Bailey__V1__User *u, const char *ns, struct err *e)
{
    for (size_t i = 0; i < u->n_namespaces; i++)
        if (strcmp(u->namespaces[i], ns) == 0)
            return true;
    if (ns[0] == '\0')
        return err_set(e, ERR_DENIED, "auth.namespace", "%s may not see all namespaces", u->name),
               err_field(e, "namespace"), err_expected(e, "%s", u->namespaces[0]),
               err_mend(e, "name one: --namespace %s", u->namespaces[0]);
    return err_set(e, ERR_DENIED, "auth.namespace", "namespace %.63s is not one of %s's", ns,
                   u->name),
           err_field(e, "namespace"), err_found(e, "%.63s", ns),
           err_expected(e, "%s%s", u->namespaces[0], u->n_namespaces > 1 ? ", ..." : "");
}

static bool cluster_wide(const Bailey__V1__User *u, const char *what, struct err *e)
{
    return u->n_namespaces == 0 ||
           (err_set(e, ERR_DENIED, "auth.namespace",
                    "%s concerns the whole cluster; %s has only some namespaces", what, u->name),
            err_found(e, "%s%s", u->namespaces[0], u->n_namespaces > 1 ? ", ..." : ""),
            err_expected(e, "a user of all namespaces"));
}

/* Workloads are run by operators; what is trusted is decided by security officers. */
static bool kind_role(const Bailey__V1__User *u, enum object_kind kind, bool deleted, struct err *e)
{
    Bailey__V1__Role need = kind == OBJECT_WORKLOAD || (kind == OBJECT_NODE && !deleted)
                                ? ROLE(operator)
                                : ROLE(security_officer);

    if (role_suffices(u->role, &need, 1))
        return true;
    return err_set(e, ERR_DENIED, "auth.role", "a %s needs the role %s; %s is %s",
                   kind_of(kind)->name, role_name(need), u->name, role_name(u->role)),
           err_field(e, "kind"), err_found(e, "%s", role_name(u->role)),
           err_expected(e, "%s", role_name(need));
}

static bool object_may(const Bailey__V1__User *u, enum object_kind kind, const char *ns,
                       bool deleted, struct err *e)
{
    if (!kind_role(u, kind, deleted, e))
        return false;
    if (!kind_of(kind)->namespaced)
        return cluster_wide(u, kind_of(kind)->name, e);
    return u->n_namespaces == 0 || own_namespace(u, ns[0] == '\0' ? "default" : ns, e);
}

static bool apply_may(const Bailey__V1__User *u, const Bailey__V1__ApplyRequest *r, struct err *e)
{
    for (size_t i = 0; i < r->n_objects; i++) {
        Bailey__V1__Metadata *m;
        enum object_kind kind;

        if (!view_kind(r->objects[i], &kind, &m))
            continue; /* refused by Apply itself, in its own words */
        if (!object_may(u, kind, m == NULL ? "" : m->namespace_, false, e))
            return err_field(e, "objects[%zu]", i);
    }
    return true;
}

bool authorize_content(const Bailey__V1__User *u, const struct rpc_method *m,
                       const ProtobufCMessage *req, struct err *e)
{
    const Bailey__V1__CallRule *rule = call_rule(m->service, m->name);
    const char *ns = text_field(req, "namespace"), *word = text_field(req, "kind");
    enum object_kind kind;
    bool named = word != NULL && kind_parse(word, &kind, NULL);

    if (req->descriptor == &bailey__v1__apply_request__descriptor)
        return apply_may(u, (const Bailey__V1__ApplyRequest *)req, e);
    if (req->descriptor == &bailey__v1__delete_request__descriptor)
        return !named || object_may(u, kind, ns, true, e);
    if (u->n_namespaces == 0 || rule->scope == BAILEY__V1__SCOPE__SHARED)
        return true;
    if (rule->scope == BAILEY__V1__SCOPE__CLUSTER)
        return cluster_wide(u, m->name, e);
    if (named && !kind_of(kind)->namespaced)
        return true; /* everybody may see nodes and policies: they explain placements */
    return ns == NULL ? cluster_wide(u, m->name, e) : own_namespace(u, ns, e);
}

enum rpc_inspection authorize_request(struct rpc_call *call, const struct rpc_method *m,
                                      const ProtobufCMessage *req, void *user, struct err *e)
{
    struct state *st = user;
    const char *name = peer_user(st, rpc_call_peer(call));
    const Bailey__V1__User *u = name == NULL ? NULL : user_find(st, name);

    if (u == NULL || call_rule(m->service, m->name) == NULL)
        return RPC_ADMIT; /* a node, or a service of everybody: authorize() has decided */
    if (!authorize_content(u, m, req, e))
        return RPC_REFUSE;
    return approval_gate(st, call, m, req, u->name, e);
}
