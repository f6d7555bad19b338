/* Watch and Events: what there is, then every change after its commit. */
#include <stdlib.h>

#include "base/str.h"
#include "controller/api.h"
#include "controller/txn.h"
#include "controller/view.h"

#define VIEW_LIMIT (1u << 20)
#define EVENTS_DEFAULT 500

struct watch {
    struct watcher watcher;
    struct state *st;
    struct rpc_call *call;             /* a reference; NULL after on_closed */
    Bailey__V1__WatchRequest *request; /* owned; filter borrows from it. NULL: of Events */
    Bailey__V1__EventsRequest *events; /* the other way round */
    struct filter filter;
    struct arena arena; /* of the filter's selector */
    unsigned refs;      /* the call, and a barrier under way */
};

static void watch_unref(struct watch *w)
{
    if (--w->refs > 0)
        return;
    message_free(w->request == NULL ? NULL : &w->request->base);
    message_free(w->events == NULL ? NULL : &w->events->base);
    arena_fini(&w->arena);
    free(w);
}

static struct watch *watch_begin(struct rpc_call *call, struct state *st)
{
    struct watch *w = calloc(1, sizeof *w);

    BUG_ON(w == NULL);
    w->st = st;
    w->call = call;
    w->refs = 1;
    arena_init(&w->arena, 1 << 20);
    rpc_call_set_user(call, w);
    return w;
}

static void send_change(struct watch *w, int type, const Bailey__V1__Object *view,
                        uint64_t revision)
{
    Bailey__V1__WatchResponse m = BAILEY__V1__WATCH_RESPONSE__INIT;

    m.type = (Bailey__V1__WatchResponse__Type)type;
    m.object = (Bailey__V1__Object *)(uintptr_t)view;
    m.revision = revision;
    (void)rpc_send(w->call, &m.base);
}

static void on_changed(struct watcher *base, enum change change, const Bailey__V1__Object *view,
                       uint64_t revision)
{
    static const int types[] = {BAILEY__V1__WATCH_RESPONSE__TYPE__added,
                                BAILEY__V1__WATCH_RESPONSE__TYPE__modified,
                                BAILEY__V1__WATCH_RESPONSE__TYPE__removed};
    struct watch *w = (struct watch *)base;
    struct filter all = w->filter;

    if (w->call == NULL)
        return;
    all.include_ended = true; /* that a keep ended is a change its watchers must hear of */
    if (filter_matches(&all, view))
        send_change(w, types[change], view, revision);
}

/* Everything up to now is durable: show it, and what changes from here on. */
static void show_existing(struct state *st, void *data)
{
    struct watch *w = data;
    const struct map *m = kind_map(st, w->filter.kind);
    struct object *o;

    for (size_t i = 0;
         w->call != NULL && w->filter.kind != OBJECT_EVENT && (o = map_next(m, &i)) != NULL;) {
        AUTO_ARENA struct arena a;
        Bailey__V1__Object *view;

        arena_init(&a, VIEW_LIMIT);
        if (!txn_settled(st, o) && o->fresh)
            continue; /* comes as added */
        view = view_object(st, o, &a);
        if (view != NULL && filter_matches(&w->filter, view))
            send_change(w, BAILEY__V1__WATCH_RESPONSE__TYPE__existing, view, o->revision);
    }
    if (w->call != NULL) {
        send_change(w, BAILEY__V1__WATCH_RESPONSE__TYPE__synced, NULL, st->committed);
        w->watcher.changed = on_changed;
        watcher_add(st, &w->watcher);
    }
    watch_unref(w);
}

static void on_watch(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__WatchRequest *r;
    struct state *st = user;
    struct watch *w = rpc_call_user(call);
    struct err e = {0};

    if (w != NULL && w->request != NULL)
        return; /* one request a call */
    w = watch_begin(call, st);
    w->request = (Bailey__V1__WatchRequest *)message_clone(base);
    BUG_ON(w->request == NULL);
    r = w->request;
    w->filter =
        (struct filter){.namespace = r->namespace_,
                        .name = r->name,
                        .workload = r->workload,
                        .node = r->node,
                        .labels = (Bailey__V1__ListRequest__LabelsEntry *const *)(void *)r->labels,
                        .labels_n = r->n_labels,
                        .include_ended = r->include_ended};
    if (!kind_parse(r->kind, &w->filter.kind, &e) ||
        !filter_where(&w->filter, r->where, r->maybe, &w->arena, &e)) {
        rpc_finish(call, &e);
        return;
    }
    w->refs++;
    txn_after(st, show_existing, w);
}

static void on_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct watch *w = rpc_call_user(call);

    (void)cancelled;
    (void)user;
    if (w == NULL || w->st == NULL || (w->request == NULL && w->events == NULL))
        return;
    watcher_remove(&w->watcher);
    w->call = NULL;
    watch_unref(w);
}

static bool event_wanted(const struct watch *w, const Bailey__V1__Event *ev)
{
    const Bailey__V1__EventsRequest *r = w->events;

    if (r->namespace_[0] != '\0' && strcmp(r->namespace_, ev->metadata->namespace_) != 0)
        return false;
    if (r->object_kind[0] != '\0' && strcasecmp(r->object_kind, ev->object_kind) != 0)
        return false;
    return r->object_name[0] == '\0' || strcmp(r->object_name, ev->object_name) == 0;
}

static void send_event(struct watch *w, const Bailey__V1__Event *ev)
{
    Bailey__V1__EventsResponse m = BAILEY__V1__EVENTS_RESPONSE__INIT;

    m.event = (Bailey__V1__Event *)(uintptr_t)ev;
    (void)rpc_send(w->call, &m.base);
}

static void on_event(struct watcher *base, enum change change, const Bailey__V1__Object *view,
                     uint64_t revision)
{
    struct watch *w = (struct watch *)base;

    (void)change;
    (void)revision;
    if (w->call != NULL && view->kind_case == BAILEY__V1__OBJECT__KIND_EVENT &&
        event_wanted(w, view->event))
        send_event(w, view->event);
}

static void show_events(struct state *st, void *data)
{
    struct watch *w = data;
    size_t limit, left, first = st->events.n;

    if (w->call == NULL) {
        watch_unref(w);
        return;
    }
    limit = left = w->events->limit == 0 ? EVENTS_DEFAULT : w->events->limit;
    while (first > 0 && left > 0) {
        first--;
        left -= event_wanted(w, st->events.v[first]);
    }
    for (size_t i = first; i < st->events.n && limit > 0; i++)
        if (event_wanted(w, st->events.v[i]) &&
            st->events.v[i]->metadata->revision <= st->committed)
            send_event(w, st->events.v[i]);
    if (w->events->follow) {
        w->watcher.changed = on_event;
        watcher_add(st, &w->watcher);
    } else {
        rpc_finish(w->call, NULL);
    }
    watch_unref(w);
}

static void on_events(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    struct state *st = user;
    struct watch *w = rpc_call_user(call);

    if (w != NULL && w->events != NULL)
        return;
    w = watch_begin(call, st);
    w->events = (Bailey__V1__EventsRequest *)message_clone(base);
    BUG_ON(w->events == NULL);
    w->refs++;
    txn_after(st, show_events, w);
}

/* The user given at registration is the state; it stays the call's user until the request came. */
static void on_open(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_set_user(call, NULL);
}

const struct rpc_stream api_watch = {
    .on_open = on_open, .on_message = on_watch, .on_closed = on_closed};
const struct rpc_stream api_events = {
    .on_open = on_open, .on_message = on_events, .on_closed = on_closed};
