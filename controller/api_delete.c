/* Delete. */
#include "controller/admission.h"
#include "controller/api.h"
#include "controller/api_policy.h"
#include "controller/authorize.h"
#include "controller/reconcile.h"
#include "controller/reply.h"
#include "controller/txn.h"
#include "controller/view.h"
#include "proto/unpack.h"

#define VIEW_LIMIT (4u << 20)

static void delete_workload(struct state *st, struct workload *w, const char *who)
{
    if (w->msg->metadata->deleted_at[0] != '\0')
        return;
    text_set_time(&w->msg->metadata->deleted_at, state_wall_ms(st) / 1000);
    txn_touch(st, &w->object);
    event_add(st, &w->object, "normal", "workload.deleting", who, "its keeps are stopped first");
    reconcile_workload(st, w);
}

static bool delete_node(struct state *st, struct node *n, const char *who, struct err *e)
{
    for (size_t i = 0; i < n->keeps.n; i++)
        if (keep_live(n->keeps.v[i]))
            return err_set(e, ERR_CONFLICT, "node.in-use", "keeps run on node %s", n->object.key),
                   err_found(e, "%s", n->keeps.v[i]->object.key),
                   err_mend(e, "bailey node drain moves them away");
    if (n->session != NULL)
        return err_set(e, ERR_CONFLICT, "node.connected", "the agent of node %s is connected",
                       n->object.key),
               err_mend(e, "stop the agent first");
    event_add(st, &n->object, "normal", "node.deleted", who,
              "its certificate is worth nothing now");
    admission_forget(st, n);
    txn_remove(st, &n->object);
    return true;
}

static struct object *find(const struct state *st, const Bailey__V1__DeleteRequest *r,
                           struct err *e)
{
    enum object_kind kind;
    struct object *o;

    if (!kind_parse(r->kind, &kind, e))
        return NULL;
    if (kind == OBJECT_KEEP || kind == OBJECT_EVENT) {
        err_set(e, ERR_INPUT, "api.read-only-kind", "this kind of object cannot be deleted");
        return NULL;
    }
    o = object_find(st, kind, r->namespace_, r->name);
    if (o == NULL) {
        err_set(e, ERR_MISSING, "api.no-such-object", "there is no %.20s %.64s", r->kind, r->name);
        return NULL;
    }
    if (r->expected_revision == 0 || (!o->dirty && o->revision == r->expected_revision))
        return o;
    err_set(e, ERR_CONFLICT, "api.revision", "%s %s has changed meanwhile", kind_of(kind)->name,
            r->name);
    err_found(e, "revision %llu", (unsigned long long)o->revision);
    err_expected(e, "revision %llu", (unsigned long long)r->expected_revision);
    return NULL;
}

void api_delete(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__DeleteRequest *r = (const Bailey__V1__DeleteRequest *)base;
    Bailey__V1__DeleteResponse out = BAILEY__V1__DELETE_RESPONSE__INIT;
    struct state *st = user;
    const char *who = peer_user(st, rpc_call_peer(call));
    const Bailey__V1__Object *last = NULL;
    struct err e = {0};
    struct object *o = find(st, r, &e);
    bool ok = o != NULL;
    AUTO_ARENA struct arena a;

    arena_init(&a, VIEW_LIMIT);
    if (ok)
        last = view_object(st, o, &a);
    ok = ok && (last != NULL || err_set(&e, ERR_NOMEM, "api.memory", "no memory"));
    if (ok && o->kind == OBJECT_WORKLOAD) {
        delete_workload(st, (struct workload *)o, who);
        out.object = view_object(st, o, &a);
    } else if (ok) { /* it is gone then: its last state is shown */
        out.object = (Bailey__V1__Object *)proto_copy(&last->base, &a);
        ok = o->kind == OBJECT_NODE ? delete_node(st, (struct node *)o, who, &e)
                                    : trust_delete(st, (struct trust_object *)o, r->force, who, &e);
    }
    if (!ok) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}
