/* Apply and Delete. All objects of a request are checked before the first is changed. */
#include <stdlib.h>

#include "config/check.h"
#include "controller/api.h"
#include "controller/authorize.h"
#include "controller/reconcile.h"
#include "controller/reply.h"
#include "controller/txn.h"
#include "controller/view.h"
#include "proto/unpack.h"

#define APPLY_MAX 1000
#define RESULT_LIMIT (32u << 20)

/* A workload that is in no index: to compile and to explain what is not entered. */
static void scratch_free(struct workload *w)
{
    arena_fini(&w->arena);
    arena_fini(&w->rules_arena);
    message_free(w->msg == NULL ? NULL : &w->msg->base);
    free(w->object.key);
    free(w);
}
DEFINE_CLEANUP(scratch, struct workload *, scratch_free)

static struct workload *scratch_new(const Bailey__V1__Workload *m)
{
    AUTO(scratch) struct workload *w = calloc(1, sizeof *w);
    const char *ns = m->metadata->namespace_[0] == '\0' ? "default" : m->metadata->namespace_;

    if (w == NULL)
        return NULL;
    w->msg = (Bailey__V1__Workload *)message_clone(&m->base);
    if (w->msg == NULL || asprintf(&w->object.key, "%s/%s", ns, m->metadata->name) < 0)
        return NULL;
    w->object.kind = OBJECT_WORKLOAD;
    w->object.msg = &w->msg->base;
    return STEAL(w);
}

/* A dry run comes before the upload: there the artifact need not be in the store yet. */
static bool check_workload(struct state *st, Bailey__V1__Workload *m, bool dry_run, struct err *e)
{
    const struct workload *old = state_workload(st, m->metadata->namespace_, m->metadata->name);
    AUTO(scratch) struct workload *w = NULL;
    uint64_t size = 0;

    if (old != NULL && old->msg->metadata->deleted_at[0] != '\0')
        return err_set(e, ERR_CONFLICT, "workload.deleting", "workload %s is being deleted",
                       old->object.key),
               err_mend(e, "wait until its keeps have stopped, then apply again");
    if (!artifact_stat(st, m->spec->artifact->digest, &size) && !dry_run)
        return err_set(e, ERR_MISSING, "artifact.missing",
                       "the cluster does not have the artifact"),
               err_field(e, "spec.artifact.digest"), err_found(e, "%s", m->spec->artifact->digest),
               err_mend(e, "name a path, so that bailey apply uploads it");
    m->spec->artifact->size = size;
    w = scratch_new(m);
    if (w == NULL)
        return err_set(e, ERR_NOMEM, "api.memory", "no memory");
    if (!workload_compile(st, st->effective, w, e))
        return false;
    if (w->stop_after_ms < st->options.lease_ms) {
        char lease[DURATION_TEXT];

        return err_set(e, ERR_INPUT, "workload.stop-after",
                       "keeps would be stopped between two heartbeats"),
               err_field(e, "spec.onDisconnect.stopAfter"),
               err_found(e, "%s", w->msg->spec->on_disconnect->stop_after),
               err_expected(e, "at least the lease, %s",
                            duration_format(st->options.lease_ms, lease)),
               err_mend(e, "raise stopAfter, or start the controller with a shorter --lease");
    }
    return true;
}

static bool check_object(struct state *st, Bailey__V1__Object *o, bool dry_run, struct err *e)
{
    if (o->kind_case != BAILEY__V1__OBJECT__KIND_WORKLOAD &&
        o->kind_case != BAILEY__V1__OBJECT__KIND_NODE)
        return err_set(e, ERR_INPUT, "api.read-only-kind", "this kind of object cannot be applied"),
               err_field(e, "kind"), err_expected(e, "Workload or Node");
    object_strip(o);
    if (!object_check(o, true, e))
        return false;
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD)
        return check_workload(st, o->workload, dry_run, e);
    if (state_node(st, o->node->metadata->name) == NULL)
        return err_set(e, ERR_MISSING, "node.not-enrolled", "there is no node %s",
                       o->node->metadata->name),
               err_field(e, "metadata.name"),
               err_mend(e, "nodes come by joining: bailey token create");
    return true;
}

static bool same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    AUTO_BUF struct buf x = {0};
    AUTO_BUF struct buf y = {0};

    if (a != NULL)
        proto_pack(a, &x);
    if (b != NULL)
        proto_pack(b, &y);
    return bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

static bool same_labels(const Bailey__V1__Metadata *a, const Bailey__V1__Metadata *b)
{
    Bailey__V1__Metadata x = BAILEY__V1__METADATA__INIT, y = BAILEY__V1__METADATA__INIT;

    x.labels = a->labels;
    x.n_labels = a->n_labels;
    y.labels = b->labels;
    y.n_labels = b->n_labels;
    return same(&x.base, &y.base);
}

/* True when keeps made from one need not be replaced for the other. */
static bool same_keeps(const Bailey__V1__WorkloadSpec *a, const Bailey__V1__WorkloadSpec *b)
{
    Bailey__V1__WorkloadSpec x = *a, y = *b;

    x.replicas = y.replicas = 0;
    x.trust = y.trust = NULL; /* judged by itself: only what is not admitted any more moves */
    x.placement = y.placement = NULL;
    x.availability = y.availability = NULL;
    return same(&x.base, &y.base);
}

static void take_labels(Bailey__V1__Metadata *to, const Bailey__V1__Metadata *from)
{
    Bailey__V1__Metadata *copy = (Bailey__V1__Metadata *)message_clone(&from->base);
    size_t n = to->n_labels;
    Bailey__V1__Metadata__LabelsEntry **v = to->labels;

    BUG_ON(copy == NULL);
    to->n_labels = copy->n_labels;
    to->labels = copy->labels;
    copy->n_labels = n;
    copy->labels = v;
    message_free(&copy->base);
}

static void change_workload(struct state *st, struct workload *w, const Bailey__V1__Workload *m)
{
    Bailey__V1__WorkloadSpec *spec = (Bailey__V1__WorkloadSpec *)message_clone(&m->spec->base);
    bool keep_keeps = same_keeps(w->msg->spec, m->spec);
    uint64_t old = w->msg->metadata->generation;

    BUG_ON(spec == NULL);
    if (!same(&w->msg->spec->base, &m->spec->base))
        w->msg->metadata->generation++;
    message_free(&w->msg->spec->base);
    w->msg->spec = spec;
    take_labels(w->msg->metadata, m->metadata);
    for (size_t i = 0; keep_keeps && i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (k->msg->spec->workload_generation != old)
            continue;
        k->msg->spec->workload_generation = w->msg->metadata->generation;
        txn_touch(st, &k->object);
    }
    w->failures = 0;
    w->retry_at_ms = 0;
    txn_touch(st, &w->object);
}

static const char *apply_workload(struct state *st, const Bailey__V1__Workload *m, const char *who,
                                  struct workload **out)
{
    struct workload *w = state_workload(st, m->metadata->namespace_, m->metadata->name);
    const char *outcome = "created";
    struct err e = {0};

    if (w == NULL) {
        w = workload_new(st, m);
        BUG_ON(w == NULL);
    } else if (same(&w->msg->spec->base, &m->spec->base) &&
               same_labels(w->msg->metadata, m->metadata)) {
        *out = w;
        return "unchanged";
    } else {
        change_workload(st, w, m);
        outcome = "changed";
    }
    BUG_ON(!workload_compile(st, st->effective, w,
                             &e)); /* it was compiled before, in check_workload() */
    event_add(st, &w->object, "normal", outcome[1] == 'r' ? "workload.created" : "workload.changed",
              who, "generation %llu", (unsigned long long)w->msg->metadata->generation);
    reconcile_workload(st, w);
    *out = w;
    return outcome;
}

/* What changed of it, said once each. */
static void tell_node(struct state *st, const struct node *n, const Bailey__V1__NodeSpec *was,
                      const char *who)
{
    const Bailey__V1__NodeSpec *is = n->msg->spec;

    if (is->drain != NULL && (was->drain == NULL || !same(&was->drain->base, &is->drain->base)))
        event_add(st, &n->object, "normal", "node.draining", who, "keeps are moved away%s%s%s%s",
                  is->drain->deadline[0] == '\0' ? "" : ", at the latest until ",
                  is->drain->deadline, is->drain->because[0] == '\0' ? "" : ": ",
                  is->drain->because);
    else if (is->drain == NULL && was->drain != NULL)
        event_add(st, &n->object, "normal", "node.drain-ended", who, "keeps may stay");
    if (is->cordoned != was->cordoned)
        event_add(st, &n->object, "normal", is->cordoned ? "node.cordoned" : "node.uncordoned", who,
                  "%s", is->cordoned ? "no new keeps" : "new keeps again");
}

static const char *apply_node(struct state *st, const Bailey__V1__Node *m, const char *who,
                              struct node **out)
{
    struct node *n = state_node(st, m->metadata->name);
    Bailey__V1__NodeSpec none = BAILEY__V1__NODE_SPEC__INIT;
    Bailey__V1__NodeSpec *was = n->msg->spec;

    *out = n;
    if (same(&was->base, m->spec == NULL ? &none.base : &m->spec->base) &&
        same_labels(n->msg->metadata, m->metadata))
        return "unchanged";
    n->msg->spec =
        (Bailey__V1__NodeSpec *)message_clone(m->spec == NULL ? &none.base : &m->spec->base);
    BUG_ON(n->msg->spec == NULL);
    tell_node(st, n, was, who);
    message_free(&was->base);
    n->msg->metadata->generation++;
    take_labels(n->msg->metadata, m->metadata);
    txn_touch(st, &n->object);
    fleet_node_cordoned(st->fleet, n->handle, node_closed(n));
    reconcile_capacity(st);
    reconcile_node(st, n);
    node_say_drained(st, n);
    return "changed";
}

/* What would be done, without doing it. */
static const char *thought(struct state *st, const Bailey__V1__Object *o, struct arena *a,
                           Bailey__V1__ApplyResult *r, struct err *e)
{
    struct workload *old;
    AUTO(scratch) struct workload *w = NULL;

    r->object = (Bailey__V1__Object *)(uintptr_t)o;
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_NODE)
        return "changed";
    old = state_workload(st, o->workload->metadata->namespace_, o->workload->metadata->name);
    w = scratch_new(o->workload);
    if (w == NULL)
        return NULL;
    w->id = old == NULL ? UINT64_MAX : old->id; /* what it has counts for its spread */
    if (!workload_compile(st, st->effective, w, e) || !explain(st, w, "", 0, a, &r->placement, e))
        return NULL;
    r->placement = (Bailey__V1__Explanation *)proto_copy(&r->placement->base, a);
    if (old == NULL)
        return "created";
    return same(&old->msg->spec->base, &o->workload->spec->base) &&
                   same_labels(old->msg->metadata, o->workload->metadata)
               ? "unchanged"
               : "changed";
}

struct applied {
    struct workload *workload;
    struct node *node;
    const char *outcome;
};

static bool apply_all(struct state *st, const Bailey__V1__ApplyRequest *r, const char *who,
                      struct arena *a, Bailey__V1__ApplyResponse *out, struct err *e)
{
    struct applied *v = arena_array(a, r->n_objects + 1, sizeof *v);

    out->results = arena_array(a, r->n_objects + 1, sizeof *out->results);
    if (v == NULL || out->results == NULL)
        return err_set(e, ERR_LIMIT, "api.request-too-large", "the request is too large");
    for (size_t i = 0; i < r->n_objects && !r->dry_run; i++) {
        if (r->objects[i]->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD)
            v[i].outcome = apply_workload(st, r->objects[i]->workload, who, &v[i].workload);
        else
            v[i].outcome = apply_node(st, r->objects[i]->node, who, &v[i].node);
    }
    if (!r->dry_run)
        reconcile_run(st); /* so that the answer tells the placement */
    for (size_t i = 0; i < r->n_objects; i++) {
        Bailey__V1__ApplyResult *m = arena_alloc(a, sizeof *m);

        if (m == NULL)
            return err_set(e, ERR_LIMIT, "api.answer-too-large", "the answer is too large");
        bailey__v1__apply_result__init(m);
        if (r->dry_run)
            v[i].outcome = thought(st, r->objects[i], a, m, e);
        else
            m->object = view_object(
                st, v[i].workload != NULL ? &v[i].workload->object : &v[i].node->object, a);
        if (v[i].outcome == NULL)
            return false;
        if (v[i].workload != NULL && !explain(st, v[i].workload, "", 0, a, &m->placement, e))
            m->placement = NULL; /* it is applied all the same */
        m->outcome = (char *)(uintptr_t)v[i].outcome;
        out->results[out->n_results++] = m;
    }
    return true;
}

void api_apply(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ApplyRequest *r = (const Bailey__V1__ApplyRequest *)base;
    Bailey__V1__ApplyResponse out = BAILEY__V1__APPLY_RESPONSE__INIT;
    struct state *st = user;
    AUTO_ARENA struct arena a;
    struct err e = {0};

    arena_init(&a, RESULT_LIMIT);
    if (r->n_objects == 0 || r->n_objects > APPLY_MAX) {
        err_set(&e, ERR_INPUT, "api.objects", "%zu objects", r->n_objects);
        err_field(&e, "objects");
        err_expected(&e, "1 to %d", APPLY_MAX);
        rpc_fail(call, &e);
        return;
    }
    for (size_t i = 0; i < r->n_objects; i++)
        if (!check_object(st, r->objects[i], r->dry_run, &e)) {
            if (r->n_objects > 1)
                err_field(&e, "objects[%zu]", i);
            rpc_fail(call, &e);
            return;
        }
    if (!apply_all(st, r, peer_user(st, rpc_call_peer(call)), &a, &out, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}

static bool delete_workload(struct state *st, struct workload *w, const char *who)
{
    if (w->msg->metadata->deleted_at[0] != '\0')
        return true;
    text_set_time(&w->msg->metadata->deleted_at, state_wall_ms(st) / 1000);
    txn_touch(st, &w->object);
    event_add(st, &w->object, "normal", "workload.deleting", who, "its keeps are stopped first");
    reconcile_workload(st, w);
    return true;
}

static bool delete_node(struct state *st, struct node *n, const char *who, struct err *e)
{
    for (size_t i = 0; i < n->keeps.n; i++)
        if (keep_live(n->keeps.v[i]))
            return err_set(e, ERR_CONFLICT, "node.in-use", "keeps run on node %s", n->object.key),
                   err_found(e, "%s", n->keeps.v[i]->object.key),
                   err_mend(e, "cordon it and move or delete its keeps first");
    if (n->session != NULL)
        return err_set(e, ERR_CONFLICT, "node.connected", "the agent of node %s is connected",
                       n->object.key),
               err_mend(e, "stop the agent first");
    event_add(st, &n->object, "normal", "node.deleted", who,
              "its certificate is worth nothing now");
    txn_remove(st, &n->object);
    return true;
}

void api_delete(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__DeleteRequest *r = (const Bailey__V1__DeleteRequest *)base;
    Bailey__V1__DeleteResponse out = BAILEY__V1__DELETE_RESPONSE__INIT;
    struct state *st = user;
    const char *who = peer_user(st, rpc_call_peer(call));
    struct workload *w = NULL;
    struct node *n = NULL;
    enum object_kind kind;
    struct err e = {0};
    bool ok = kind_parse(r->kind, &kind, &e);
    AUTO_ARENA struct arena a;

    arena_init(&a, RESULT_LIMIT);
    if (ok && kind != OBJECT_WORKLOAD && kind != OBJECT_NODE)
        ok = err_set(&e, ERR_INPUT, "api.read-only-kind", "this kind of object cannot be deleted");
    if (ok && kind == OBJECT_WORKLOAD)
        w = state_workload(st, r->namespace_, r->name);
    else if (ok)
        n = state_node(st, r->name);
    if (ok && w == NULL && n == NULL)
        ok = err_set(&e, ERR_MISSING, "api.no-such-object", "there is no %.20s %.64s", r->kind,
                     r->name);
    if (ok && n != NULL)
        out.object = (Bailey__V1__Object *)proto_copy(&view_object(st, &n->object, &a)->base, &a);
    if (ok && w != NULL)
        ok = delete_workload(st, w, who);
    else if (ok && n != NULL)
        ok = delete_node(st, n, who, &e);
    if (!ok) {
        rpc_fail(call, &e);
        return;
    }
    if (w != NULL)
        out.object = view_object(st, &w->object, &a);
    reply_settled(st, call, &out.base);
}
