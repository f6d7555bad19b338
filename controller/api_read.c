/* Get, List, Status. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "controller/api.h"
#include "controller/collateral.h"
#include "controller/move.h"
#include "controller/reply.h"
#include "controller/rollback.h"
#include "controller/share.h"
#include "controller/view.h"

#define LIST_DEFAULT 500
#define LIST_MAX 5000
#define VIEWS_LIMIT (64u << 20)

static struct object *find_object(const struct state *st, enum object_kind kind, const char *ns,
                                  const char *name)
{
    struct object *o = object_find(st, kind, ns, name);

    if (o != NULL || kind != OBJECT_KEEP)
        return o;
    /* a uid needs no namespace, but one that is named counts: it may be all that the caller may see
     */
    o = (struct object *)state_keep_uid(st, name);
    return o == NULL || ns[0] == '\0' || strcmp(object_meta(o)->namespace_, ns) == 0 ? o : NULL;
}

static const Bailey__V1__Event *find_event(const struct state *st, const char *ns, const char *name)
{
    for (size_t i = 0; i < st->events.n; i++) {
        const Bailey__V1__Metadata *m = st->events.v[i]->metadata;

        if (strcmp(m->name, name) == 0)
            return ns[0] == '\0' || m->namespace_[0] == '\0' || strcmp(m->namespace_, ns) == 0
                       ? st->events.v[i]
                       : NULL;
    }
    return NULL;
}

void api_get(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__GetRequest *r = (const Bailey__V1__GetRequest *)base;
    Bailey__V1__GetResponse out = BAILEY__V1__GET_RESPONSE__INIT;
    const struct state *st = user;
    const struct object *o = NULL;
    const Bailey__V1__Event *ev = NULL;
    AUTO_ARENA struct arena a;
    enum object_kind kind;
    struct err e = {0};

    arena_init(&a, VIEWS_LIMIT);
    if (!kind_parse(r->kind, &kind, &e)) {
        rpc_fail(call, &e);
        return;
    }
    if (kind == OBJECT_EVENT)
        ev = find_event(st, r->namespace_, r->name);
    else
        o = find_object(st, kind, r->namespace_, r->name);
    if (o == NULL && ev == NULL) {
        err_set(&e, ERR_MISSING, "api.no-such-object", "there is no %.20s %.64s", r->kind, r->name);
        err_field(&e, "name");
        err_found(&e, "%.64s", r->name);
        rpc_fail(call, &e);
        return;
    }
    out.object = o != NULL ? view_object(st, o, &a) : view_event(ev, &a);
    out.revision = st->cluster->revision;
    reply_settled((struct state *)user, call, &out.base);
}

static int by_key(const void *x, const void *y)
{
    const struct object *a = *(struct object *const *)x, *b = *(struct object *const *)y;

    return strcmp(a->key, b->key);
}

/* The objects of the kind after the page token, in order of keys. *v is the caller's. */
static size_t sorted(const struct state *st, enum object_kind kind, const char *after,
                     struct object ***out)
{
    const struct map *m = kind_map(st, kind);
    struct object **v = calloc(m->n + 1, sizeof *v), *o;
    size_t n = 0;

    BUG_ON(v == NULL);
    for (size_t i = 0; (o = map_next(m, &i)) != NULL;)
        if (strcmp(o->key, after) > 0)
            v[n++] = o;
    qsort(v, n, sizeof *v, by_key);
    *out = v;
    return n;
}

struct page {
    Bailey__V1__Object **v;
    size_t n, limit;
    char next[2 * NAME_MAX_LEN + 2];
};

static void list_objects(const struct state *st, const struct filter *f, const char *after,
                         struct arena *a, struct page *p)
{
    struct object **v;
    size_t n = sorted(st, f->kind, after, &v);

    for (size_t i = 0; i < n; i++) {
        Bailey__V1__Object *view = view_object(st, v[i], a);

        if (view == NULL || !filter_matches(f, view))
            continue;
        if (p->n == p->limit) {
            str_copy(p->next, sizeof p->next, v[i - 1]->key);
            break;
        }
        p->v[p->n++] = view;
    }
    free(v);
}

static void list_events(const struct state *st, const struct filter *f, const char *after,
                        struct arena *a, struct page *p)
{
    uint64_t from = strtoull(after, NULL, 10), last = 0;

    for (size_t i = 0; i < st->events.n; i++) {
        Bailey__V1__Object *view = view_event(st->events.v[i], a);
        uint64_t seq = strtoull(st->events.v[i]->metadata->name, NULL, 10);

        if (view == NULL || seq <= from || !filter_matches(f, view))
            continue;
        if (p->n == p->limit) {
            snprintf(p->next, sizeof p->next, "%llu", (unsigned long long)last);
            break;
        }
        p->v[p->n++] = view;
        last = seq;
    }
}

void api_list(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ListRequest *r = (const Bailey__V1__ListRequest *)base;
    Bailey__V1__ListResponse out = BAILEY__V1__LIST_RESPONSE__INIT;
    const struct state *st = user;
    struct filter f = {.namespace = r->namespace_,
                       .workload = r->workload,
                       .node = r->node,
                       .labels = r->labels,
                       .labels_n = r->n_labels,
                       .include_ended = r->include_ended,
                       .unsure = &out.unsure};
    struct page page = {.limit = r->limit == 0 ? LIST_DEFAULT : r->limit};
    AUTO_ARENA struct arena a;
    struct err e = {0};

    arena_init(&a, VIEWS_LIMIT);
    if (page.limit > LIST_MAX)
        page.limit = LIST_MAX;
    page.v = arena_array(&a, page.limit, sizeof *page.v);
    if (page.v == NULL || !kind_parse(r->kind, &f.kind, &e) ||
        !filter_where(&f, r->where, r->maybe, &a, &e)) {
        rpc_fail(call, &e);
        return;
    }
    if (f.kind == OBJECT_EVENT)
        list_events(st, &f, r->page_token, &a, &page);
    else
        list_objects(st, &f, r->page_token, &a, &page);
    out.objects = page.v;
    out.n_objects = page.n;
    out.next_page_token = page.next;
    out.revision = st->cluster->revision;
    reply_settled((struct state *)user, call, &out.base);
}

static int by_nodes(const void *x, const void *y)
{
    const Bailey__V1__ClassCount *a = *(Bailey__V1__ClassCount *const *)x,
                                 *b = *(Bailey__V1__ClassCount *const *)y;

    return a->nodes > b->nodes ? -1 : a->nodes < b->nodes;
}

static void count_classes(const struct state *st, struct arena *a, Bailey__V1__StatusResponse *out)
{
    uint32_t limit = fleet_class_limit(st->fleet);

    out->classes = arena_array(a, limit + 1, sizeof(Bailey__V1__ClassCount *));
    for (uint32_t c = 0; c < limit && out->classes != NULL; c++) {
        const struct facts *facts = fleet_class_facts(st->fleet, c);
        Bailey__V1__ClassCount *m = arena_alloc(a, sizeof *m);
        char *line = arena_alloc(a, 256);

        if (fleet_class_nodes(st->fleet, c) == 0 || m == NULL || line == NULL)
            continue;
        bailey__v1__class_count__init(m);
        m->facts = facts == NULL ? (char *)(uintptr_t) "nothing verified"
                                 : (char *)(uintptr_t)facts_format(facts, line, 256);
        m->nodes = fleet_class_nodes(st->fleet, c);
        out->classes[out->n_classes++] = m;
    }
    if (out->n_classes > 1)
        qsort(out->classes, out->n_classes, sizeof out->classes[0], by_nodes);
}

void api_status(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__StatusResponse out = BAILEY__V1__STATUS_RESPONSE__INIT;
    struct state *st = user;
    const struct workload *w;
    const struct node *n;
    const struct keep *k;
    struct err suspended = {0};
    char at[TIME_TEXT];
    AUTO_ARENA struct arena a;

    (void)base;
    arena_init(&a, 1 << 20);
    out.cluster_id = st->cluster->cluster_id;
    out.controller_version = (char *)(uintptr_t)BAILEY_VERSION;
    out.epoch = st->cluster->controller_epoch;
    out.revision = st->cluster->revision;
    out.started_at = (char *)(uintptr_t)time_format(st->started_wall_ms / 1000, at);
    out.allow_simulated = st->options.allow_simulated;
    out.nodes = (uint32_t)st->nodes.n;
    out.workloads = (uint32_t)st->workloads.n;
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;) {
        out.nodes_connected += node_connected(st, n);
        out.nodes_verified += node_trusted(st, n, EVIDENCE_AGE_MS);
    }
    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        out.keeps_pending += w->pending;
    for (size_t i = 0; (k = map_next(&st->keeps, &i)) != NULL;)
        out.keeps_running += k->msg->status->state == KEEP_STATE(running);
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        out.nodes_cordoned += node_closed(n);
    for (size_t i = 0; (k = map_next(&st->keeps, &i)) != NULL;)
        out.keeps_moving += keep_moving(k);
    collateral_watch(st, &out.collateral_expired, &out.collateral_expiring);
    if (!rollback_admits(st, &(struct rpc_method){.name = "Apply"}, &suspended))
        out.suspended = suspended.msg;
    out.policy_revision = st->cluster->policy_revision;
    out.policies = (uint32_t)st->policies.n;
    if (!view_exceptions(st, NULL, &a, &out.exceptions, &out.n_exceptions))
        out.n_exceptions = 0;
    count_classes(st, &a, &out);
    if (!share_reserve_lines(st, &a, &out.reserve_short, &out.n_reserve_short))
        out.n_reserve_short = 0;
    reply_settled((struct state *)user, call, &out.base);
}
