/* Apply. All objects of a request are checked before the first is changed. */
#include <stdlib.h>

#include "config/check.h"
#include "controller/api.h"
#include "controller/api_apply.h"
#include "controller/api_policy.h"
#include "controller/authorize.h"
#include "controller/reconcile.h"
#include "controller/reply.h"
#include "controller/revocation.h"
#include "controller/rolling.h"
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

static bool check_initrd(struct state *st, Bailey__V1__Workload *m, bool dry_run, struct err *e)
{
    Bailey__V1__Artifact *a = m->spec->runtime == NULL ? NULL : m->spec->runtime->initrd;
    uint64_t size = 0;

    if (a == NULL)
        return true;
    if (a->path[0] != '\0' || (!artifact_stat(st, a->digest, &size) && !dry_run))
        return err_set(e, ERR_MISSING, "artifact.missing",
                       "the cluster does not have the initial file system"),
               err_field(e, "spec.runtime.initrd"), err_found(e, "%s", a->digest),
               err_mend(e, "name a path, so that bailey apply uploads it");
    a->size = size;
    return true;
}

/* A dry run comes before the upload: there the artifact need not be in the store yet. */
static bool check_workload(struct state *st, const struct effective *ef, Bailey__V1__Workload *m,
                           bool dry_run, struct err *e)
{
    const struct workload *old = state_workload(st, m->metadata->namespace_, m->metadata->name);
    AUTO(scratch) struct workload *w = NULL;
    uint64_t size = 0;

    if (old != NULL && old->msg->metadata->deleted_at[0] != '\0')
        return err_set(e, ERR_CONFLICT, "workload.deleting", "workload %s is being deleted",
                       old->object.key),
               err_mend(e, "wait until its keeps have stopped, then apply again");
    if (m->spec->artifact->oci[0] == '\0' && !artifact_stat(st, m->spec->artifact->digest, &size) &&
        !dry_run)
        return err_set(e, ERR_MISSING, "artifact.missing",
                       "the cluster does not have the artifact"),
               err_field(e, "spec.artifact.digest"), err_found(e, "%s", m->spec->artifact->digest),
               err_mend(e, "name a path, so that bailey apply uploads it");
    m->spec->artifact->size = size;
    if (!check_initrd(st, m, dry_run, e))
        return false;
    w = scratch_new(m);
    if (w == NULL)
        return err_set(e, ERR_NOMEM, "api.memory", "no memory");
    if (!workload_compile(st, ef, w, e))
        return false;
    if (w->stop_after_ms < st->options.lease_ms) {
        char lease[DURATION_TEXT], now[DURATION_TEXT];

        return err_set(e, ERR_INPUT, "workload.stop-after",
                       "keeps would be stopped between two heartbeats"),
               err_field(e, "spec.onDisconnect.stopAfter"),
               err_found(e, "%s", duration_format(w->stop_after_ms, now)),
               err_expected(e, "at least the lease, %s",
                            duration_format(st->options.lease_ms, lease)),
               err_mend(e, "raise stopAfter, or start the controller with a shorter --lease");
    }
    return true;
}

/* What must hold of an object by itself. */
static bool check_alone(struct state *st, Bailey__V1__Object *o, struct err *e)
{
    Bailey__V1__Metadata *m;
    enum object_kind kind;

    if (!view_kind(o, &kind, &m) || kind == OBJECT_KEEP || kind == OBJECT_EVENT)
        return err_set(e, ERR_INPUT, "api.read-only-kind", "this kind of object cannot be applied"),
               err_field(e, "kind"),
               err_expected(e, "Workload, Node, TrustPolicy, Advisory, Exception or Revocation");
    object_strip(o);
    if (!object_check(o, true, e))
        return false;
    if (kind == OBJECT_NODE && state_node(st, o->node->metadata->name) == NULL)
        return err_set(e, ERR_MISSING, "node.not-enrolled", "there is no node %s",
                       o->node->metadata->name),
               err_field(e, "metadata.name"),
               err_mend(e, "nodes come by joining: bailey token create");
    view_kind(o, &kind, &m);
    if (kind_of(kind)->namespaced && m->namespace_[0] == '\0')
        m->namespace_ = (char *)(uintptr_t) "default"; /* the arena of the call frees nothing */
    return true;
}

static bool is_trust(const Bailey__V1__Object *o)
{
    return o->kind_case == BAILEY__V1__OBJECT__KIND_TRUST_POLICY ||
           o->kind_case == BAILEY__V1__OBJECT__KIND_ADVISORY ||
           o->kind_case == BAILEY__V1__OBJECT__KIND_EXCEPTION ||
           o->kind_case == BAILEY__V1__OBJECT__KIND_REVOCATION;
}

/* The revision that the caller has seen, where it says one. */
static bool check_revision(const struct state *st, const Bailey__V1__Object *o, uint64_t expected,
                           struct err *e)
{
    Bailey__V1__Metadata *m;
    enum object_kind kind;
    const struct object *now;

    if (expected == 0 || !view_kind(o, &kind, &m))
        return true;
    now = object_find(st, kind, m->namespace_, m->name);
    if (now != NULL && !now->dirty && now->revision == expected)
        return true;
    return err_set(e, ERR_CONFLICT, "api.revision", "%s %s has changed meanwhile",
                   kind_of(kind)->name, m->name),
           err_found(e, "revision %llu", now == NULL ? 0ULL : (unsigned long long)now->revision),
           err_expected(e, "revision %llu", (unsigned long long)expected),
           err_mend(e, "read it again, then change it");
}

static bool same_name(const Bailey__V1__Object *a, const Bailey__V1__Object *b)
{
    const Bailey__V1__Metadata *x = object_metadata(a), *y = object_metadata(b);

    return a->kind_case == b->kind_case && strcmp(x->name, y->name) == 0 &&
           strcmp(x->namespace_, y->namespace_) == 0;
}

/* How the request would change what holds; *over are its trust objects, in memory of `a`. */
static bool think(struct state *st, const Bailey__V1__ApplyRequest *r, struct arena *a,
                  struct effective *out, size_t *trusts, struct err *e)
{
    Bailey__V1__Object **over = arena_array(a, r->n_objects + 1, sizeof *over);
    size_t n = 0;

    if (over == NULL)
        return err_set(e, ERR_LIMIT, "api.request-too-large", "the request is too large");
    for (size_t i = 0; i < r->n_objects; i++) {
        if (!is_trust(r->objects[i]))
            continue;
        for (size_t j = 0; j < n; j++)
            if (same_name(over[j], r->objects[i]))
                return err_set(e, ERR_INPUT, "api.twice", "the same object stands there twice");
        over[n++] = r->objects[i];
    }
    *trusts = n;
    return effective_build(st, over, n, out, e);
}

static bool check_all(struct state *st, const struct effective *ef,
                      const Bailey__V1__ApplyRequest *r, size_t *at, struct err *e)
{
    for (size_t i = 0; i < r->n_objects; i++) {
        Bailey__V1__Object *o = r->objects[i];

        *at = i;
        if (i < r->n_expected_revisions && !check_revision(st, o, r->expected_revisions[i], e))
            return false;
        if (!trust_check(st, ef, o, r->objects, r->n_objects, e))
            return false;
        if (o->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD &&
            (!trust_references_check(ef, o->workload, e) ||
             !check_workload(st, ef, o->workload, r->dry_run, e)))
            return false;
    }
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
    Bailey__V1__WorkloadSpec *was;
    bool keep_keeps = same_keeps(w->msg->spec, m->spec);
    uint64_t old = w->msg->metadata->generation;

    BUG_ON(spec == NULL);
    if (!same(&w->msg->spec->base, &m->spec->base))
        w->msg->metadata->generation++;
    was = w->msg->spec;
    w->msg->spec = spec;
    if (keep_keeps)
        message_free(&was->base);
    else
        rolling_changed(st, w, was, old);
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

bool apply_one_workload(struct state *st, Bailey__V1__Workload *m, const char *who, struct err *e)
{
    struct workload *w;

    if (!check_workload(st, st->effective, m, false, e))
        return false;
    (void)apply_workload(st, m, who, &w);
    return true;
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
static const char *thought(struct state *st, const struct effective *ef,
                           const Bailey__V1__Object *o, struct arena *a, Bailey__V1__ApplyResult *r,
                           struct err *e)
{
    struct workload *old;
    AUTO(scratch) struct workload *w = NULL;

    r->object = (Bailey__V1__Object *)(uintptr_t)o;
    if (is_trust(o))
        return trust_outcome(st, o);
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_NODE)
        return "changed";
    old = state_workload(st, o->workload->metadata->namespace_, o->workload->metadata->name);
    w = scratch_new(o->workload);
    if (w == NULL)
        return NULL;
    w->id = old == NULL ? UINT64_MAX : old->id; /* what it has counts for its spread */
    if (!workload_compile(st, ef, w, e) || !explain(st, w, "", 0, a, &r->placement, e))
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
    struct object *object;
    struct workload *workload; /* where it is one */
    const char *outcome;
    Bailey__V1__RevocationPlan *plan; /* where it is a revocation */
};

static bool is_revocation(const Bailey__V1__Object *o)
{
    return o->kind_case == BAILEY__V1__OBJECT__KIND_REVOCATION;
}

/* The plans of the request's revocations, and what their guards say. One at a time: each is thought
 * through as if the others were not there, and that two of them together go too far would be seen
 * by nobody. */
static bool plan_revocations(struct state *st, const Bailey__V1__ApplyRequest *r, struct arena *a,
                             struct applied *v, struct err *e)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_objects; i++) {
        if (!is_revocation(r->objects[i]))
            continue;
        if (n++ > 0)
            return err_set(e, ERR_INPUT, "revocation.one-at-a-time",
                           "a request can commit one revocation"),
                   err_field(e, "objects[%zu]", i), err_mend(e, "apply them one after another");
        if (!revocation_plan(st, r->objects[i]->revocation, 0, a, &v[i].plan, e))
            return false;
        if (!r->dry_run && trust_outcome(st, r->objects[i])[0] != 'u' &&
            !r->objects[i]->revocation->spec->proposed &&
            !revocation_allowed(v[i].plan, r->expect_digest, r->override_guard, e))
            return false;
    }
    return true;
}

/* Trust objects first: what is placed in the same request is placed under them. */
static void do_all(struct state *st, const Bailey__V1__ApplyRequest *r, const char *who,
                   struct applied *v)
{
    bool changed = false, begun = false;

    for (size_t i = 0; i < r->n_objects; i++) {
        if (!is_trust(r->objects[i]))
            continue;
        v[i].outcome = trust_outcome(st, r->objects[i]);
        if (is_revocation(r->objects[i]) && v[i].outcome[0] != 'u')
            txn_flush(st); /* what was before is not behind the fence */
        v[i].object = &trust_apply(st, r->objects[i], who)->object;
        changed |= v[i].outcome[0] != 'u';
        if (is_revocation(r->objects[i]) && v[i].outcome[0] != 'u') {
            revocation_begin(st, (struct trust_object *)v[i].object, v[i].plan, r->override_guard,
                             who);
            begun = true;
        }
    }
    if (changed)
        effective_changed(st);
    if (begun)
        revocation_commit(st);
    for (size_t i = 0; i < r->n_objects; i++) {
        struct node *n;

        if (r->objects[i]->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD) {
            v[i].outcome = apply_workload(st, r->objects[i]->workload, who, &v[i].workload);
            v[i].object = &v[i].workload->object;
        } else if (r->objects[i]->kind_case == BAILEY__V1__OBJECT__KIND_NODE) {
            v[i].outcome = apply_node(st, r->objects[i]->node, who, &n);
            v[i].object = &n->object;
        }
    }
    reconcile_run(st); /* so that the answer tells the placement */
}

static Bailey__V1__ApplyResult *result_new(struct arena *a)
{
    Bailey__V1__ApplyResult *m = arena_alloc(a, sizeof *m);

    if (m != NULL)
        bailey__v1__apply_result__init(m);
    return m;
}

static bool apply_all(struct state *st, const struct effective *ef,
                      const Bailey__V1__ApplyRequest *r, const char *who, size_t trusts,
                      struct arena *a, Bailey__V1__ApplyResponse *out, struct err *e)
{
    struct applied *v = arena_array(a, r->n_objects + 1, sizeof *v);
    Bailey__V1__ApplyResult *effects = result_new(a);

    out->results = arena_array(a, r->n_objects + 1, sizeof *out->results);
    if (v == NULL || out->results == NULL || effects == NULL)
        return err_set(e, ERR_LIMIT, "api.request-too-large", "the request is too large");
    if (!plan_revocations(st, r, a, v, e))
        return false;
    if (trusts > 0 && !trust_effects(st, ef, a, effects, e))
        return false;
    if (!r->dry_run)
        do_all(st, r, who, v);
    for (size_t i = 0; i < r->n_objects; i++) {
        Bailey__V1__ApplyResult *m = result_new(a);

        if (m == NULL)
            return err_set(e, ERR_LIMIT, "api.answer-too-large", "the answer is too large");
        if (r->dry_run)
            v[i].outcome = thought(st, ef, r->objects[i], a, m, e);
        else
            m->object = view_object(st, v[i].object, a);
        if (v[i].outcome == NULL)
            return false;
        if (v[i].workload != NULL && !explain(st, v[i].workload, "", 0, a, &m->placement, e))
            m->placement = NULL; /* it is applied all the same */
        if (is_trust(r->objects[i]) && effects->n_effects > 0) {
            m->effects = effects->effects; /* of all together, said once */
            m->n_effects = effects->n_effects;
            effects->n_effects = 0;
        }
        m->outcome = (char *)(uintptr_t)v[i].outcome;
        m->plan = v[i].plan;
        out->results[out->n_results++] = m;
    }
    return true;
}

static bool apply(struct state *st, const Bailey__V1__ApplyRequest *r, const char *who,
                  struct arena *a, Bailey__V1__ApplyResponse *out, struct err *e)
{
    struct effective ef = {0};
    size_t trusts = 0, at = 0;
    bool ok = true;

    for (size_t i = 0; i < r->n_objects && ok; i++) {
        at = i;
        ok = check_alone(st, r->objects[i], e);
    }
    ok = ok && think(st, r, a, &ef, &trusts, e) && check_all(st, &ef, r, &at, e);
    if (!ok && r->n_objects > 1)
        err_field(e, "objects[%zu]", at);
    ok = ok && apply_all(st, &ef, r, who, trusts, a, out, e);
    effective_fini(&ef);
    return ok;
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
    if (!apply(st, r, peer_user(st, rpc_call_peer(call)), &a, &out, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}
