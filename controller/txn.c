#include "controller/txn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "controller/audit.h"
#include "controller/kind.h"
#include "controller/metrics.h"
#include "controller/policy_state.h"
#include "controller/reconcile.h"
#include "controller/view.h"
#include "proto/unpack.h"

struct effect {
    txn_effect_fn *fn;
    void *data;
    struct effect *next;
};

struct shown { /* a change that watchers hear of */
    enum change change;
    Bailey__V1__Object *view;
    struct shown *next;
};

/* One batch: open, then under way. */
struct txn_batch {
    struct state *st;
    struct store_batch *ops;
    uint64_t revision, given_ns;
    size_t records;
    struct effect *effects, **effects_end;
    struct shown *shown, **shown_end;
};

struct txn {
    struct txn_batch *open;   /* NULL: nothing changed since the last flush */
    struct txn_batch *newest; /* the last one under way; NULL: none */
    struct object *dirty;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    unsigned closing; /* handles in here that libuv still has */
};

/* Without memory for what must be stored there is nothing right left to do. */
static void must(bool ok)
{
    BUG_ON(!ok);
}

static struct txn_batch *batch_open(struct state *st)
{
    struct txn *t = st->txn;

    if (t->open == NULL) {
        struct txn_batch *b = calloc(1, sizeof *b);

        must(b != NULL);
        b->st = st;
        b->ops = store_batch_new();
        must(b->ops != NULL);
        b->effects_end = &b->effects;
        b->shown_end = &b->shown;
        b->revision = ++st->cluster->revision;
        t->open = b;
    }
    return t->open;
}

static void on_prepare(uv_prepare_t *h)
{
    struct state *st = h->data;

    reconcile_run(st);
    txn_flush(st);
}

static void on_check(uv_check_t *h)
{
    struct state *st = h->data;

    reconcile_run(st);
    txn_flush(st);
}

bool txn_init(struct state *st, struct err *e)
{
    st->txn = calloc(1, sizeof *st->txn);
    if (st->txn == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    uv_prepare_init(st->loop, &st->txn->before_poll);
    uv_check_init(st->loop, &st->txn->after_poll);
    st->txn->before_poll.data = st;
    st->txn->after_poll.data = st;
    uv_prepare_start(&st->txn->before_poll, on_prepare);
    uv_check_start(&st->txn->after_poll, on_check);
    uv_unref((uv_handle_t *)&st->txn->before_poll);
    uv_unref((uv_handle_t *)&st->txn->after_poll);
    return true;
}

static void on_txn_closed(uv_handle_t *h)
{
    struct txn *t = h->data;

    if (--t->closing == 0)
        free(t);
}

void txn_fini(struct state *st)
{
    struct txn *t = st->txn;

    txn_flush(st);
    t->before_poll.data = t->after_poll.data = t;
    t->closing = 2;
    uv_close((uv_handle_t *)&t->before_poll, on_txn_closed);
    uv_close((uv_handle_t *)&t->after_poll, on_txn_closed);
}

static void mark(struct state *st, struct object *o, bool store)
{
    o->store = o->store || store;
    if (o->dirty)
        return;
    (void)batch_open(st);
    o->dirty = true;
    o->next_dirty = st->txn->dirty;
    st->txn->dirty = o;
}

void txn_touch(struct state *st, struct object *o)
{
    mark(st, o, true);
}

void txn_show(struct state *st, struct object *o)
{
    if (st->watchers != NULL)
        mark(st, o, false);
}

void txn_put(struct state *st, const char *key, const ProtobufCMessage *m)
{
    AUTO_BUF struct buf packed = {0};

    proto_pack(m, &packed);
    must(buf_ok(&packed, NULL));
    must(store_batch_put(batch_open(st)->ops, bytes_str(key), buf_bytes(&packed)));
}

void txn_put_bytes(struct state *st, const char *key, struct bytes value)
{
    must(store_batch_put(batch_open(st)->ops, bytes_str(key), value));
}

uint64_t txn_revision(struct state *st)
{
    return batch_open(st)->revision;
}

void txn_raise_policy_revision(struct state *st)
{
    st->cluster->policy_revision = batch_open(st)->revision;
}

void txn_delete(struct state *st, const char *key)
{
    must(store_batch_delete(batch_open(st)->ops, bytes_str(key)));
}

static const char *store_key(const struct object *o, char *out, size_t size)
{
    snprintf(out, size, "%s%s", kind_of(o->kind)->prefix, o->key);
    return out;
}

/* Remembers for the watchers how the object looks now. */
static void show(struct state *st, enum change change, const Bailey__V1__Object *view)
{
    struct txn_batch *b = st->txn->open;
    struct shown *s;

    if (st->watchers == NULL || view == NULL)
        return;
    s = calloc(1, sizeof *s);
    must(s != NULL);
    s->change = change;
    s->view = (Bailey__V1__Object *)message_clone(&view->base);
    must(s->view != NULL);
    *b->shown_end = s;
    b->shown_end = &s->next;
}

static void show_object(struct state *st, enum change change, const struct object *o)
{
    AUTO_ARENA struct arena a;

    arena_init(&a, 1 << 20);
    if (st->watchers != NULL)
        show(st, change, view_object(st, o, &a));
}

void txn_remove(struct state *st, struct object *o)
{
    struct object **at = &st->txn->dirty;
    char key[160];

    (void)batch_open(st);
    show_object(st, CHANGE_REMOVED, o);
    txn_delete(st, store_key(o, key, sizeof key));
    while (o->dirty && *at != NULL) {
        if (*at == o) {
            *at = o->next_dirty;
            o->dirty = false;
        } else {
            at = &(*at)->next_dirty;
        }
    }
    if (o->kind == OBJECT_WORKLOAD)
        workload_forget(st, (struct workload *)o);
    else if (o->kind == OBJECT_NODE)
        node_forget(st, (struct node *)o);
    else if (o->kind == OBJECT_KEEP)
        keep_forget(st, (struct keep *)o);
    else
        trust_forget(st, (struct trust_object *)o);
}

void txn_after(struct state *st, txn_effect_fn *fn, void *data)
{
    struct txn *t = st->txn;
    struct txn_batch *b = t->open != NULL ? t->open : t->newest;
    struct effect *f;

    if (b == NULL) {
        fn(st, data);
        return;
    }
    f = calloc(1, sizeof *f);
    must(f != NULL);
    f->fn = fn;
    f->data = data;
    *b->effects_end = f;
    b->effects_end = &f->next;
}

static void tell_watchers(struct state *st, const struct shown *s, uint64_t revision)
{
    struct watcher *next;

    for (struct watcher *w = st->watchers; w != NULL; w = next) {
        next = w->next;
        w->changed(w, s->change, s->view, revision);
    }
}

static void on_durable(void *data)
{
    struct txn_batch *b = data;
    struct state *st = b->st;

    st->committed = b->revision;
    metrics_commit(st->metrics, (uv_hrtime() - b->given_ns) / 1000, b->records);
    if (st->txn->newest == b)
        st->txn->newest = NULL;
    while (b->shown != NULL) {
        struct shown *s = b->shown;

        b->shown = s->next;
        tell_watchers(st, s, b->revision);
        message_free(&s->view->base);
        free(s);
    }
    while (b->effects != NULL) {
        struct effect *f = b->effects;

        b->effects = f->next;
        f->fn(st, f->data);
        free(f);
    }
    free(b);
}

static void flush_object(struct state *st, struct object *o, uint64_t revision)
{
    char key[160];

    if (o->store) {
        o->revision = revision;
        object_meta(o)->revision = revision;
        txn_put(st, store_key(o, key, sizeof key), o->msg);
    }
    show_object(st, o->fresh ? CHANGE_ADDED : CHANGE_MODIFIED, o);
    o->fresh = o->fresh && !o->store;
    o->store = false;
}

void txn_flush(struct state *st)
{
    struct txn *t = st->txn;
    struct txn_batch *b = t->open;
    struct object *o;

    if (b == NULL)
        return;
    while ((o = t->dirty) != NULL) {
        t->dirty = o->next_dirty;
        o->dirty = false;
        flush_object(st, o, b->revision);
    }
    txn_put(st, "cluster", &st->cluster->base);
    audit_flush(st);
    t->open = NULL;
    t->newest = b;
    b->given_ns = uv_hrtime();
    b->records = store_batch_count(b->ops);
    store_commit(st->store, STEAL(b->ops), on_durable, b);
}

bool txn_idle(const struct state *st)
{
    return st->txn->open == NULL && st->txn->newest == NULL;
}

int64_t txn_waits_ms(const struct state *st)
{
    const struct txn_batch *b = st->txn->newest;

    return b == NULL ? 0 : (int64_t)((uv_hrtime() - b->given_ns) / 1000000);
}

bool txn_settled(const struct state *st, const struct object *o)
{
    return !(o->dirty && o->store) && o->revision <= st->committed;
}

void watcher_add(struct state *st, struct watcher *w)
{
    w->next = st->watchers;
    w->link = &st->watchers;
    if (w->next != NULL)
        w->next->link = &w->next;
    st->watchers = w;
}

void watcher_remove(struct watcher *w)
{
    if (w->link == NULL)
        return;
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    w->link = NULL;
}

static void event_key(const Bailey__V1__Event *ev, char *out, size_t size)
{
    snprintf(out, size, "event/%020llu", strtoull(ev->metadata->name, NULL, 10));
}

static void event_drop_oldest(struct state *st)
{
    char key[64];

    event_key(st->events.v[0], key, sizeof key);
    txn_delete(st, key);
    message_free(&st->events.v[0]->base);
    memmove(st->events.v, st->events.v + 1, (st->events.n - 1) * sizeof st->events.v[0]);
    st->events.n--;
}

void event_add(struct state *st, const struct object *about, const char *type, const char *reason,
               const char *actor, const char *fmt, ...)
{
    const Bailey__V1__Metadata *m = about == NULL ? NULL : object_meta(about);
    Bailey__V1__Event ev = BAILEY__V1__EVENT__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    char name[32], at[TIME_TEXT], uid[UUID_TEXT], key[64], message[512];
    struct txn_batch *b = batch_open(st);
    Bailey__V1__Event *copy;
    AUTO_ARENA struct arena a;
    va_list ap;

    arena_init(&a, 65536);
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    snprintf(name, sizeof name, "%llu", (unsigned long long)++st->cluster->event_sequence);
    rand_uuid(uid);
    meta.name = name;
    meta.namespace_ = m == NULL ? meta.namespace_ : m->namespace_;
    meta.uid = uid;
    meta.revision = b->revision;
    meta.created_at = ev.at = (char *)(uintptr_t)time_format(state_wall_ms(st) / 1000, at);
    ev.metadata = &meta;
    ev.api_version = (char *)(uintptr_t) "bailey/v1";
    ev.kind = (char *)(uintptr_t) "Event";
    ev.object_kind = (char *)(uintptr_t)(about == NULL ? "Cluster" : kind_of(about->kind)->name);
    ev.object_name = m == NULL ? ev.object_name : m->name;
    ev.reason = (char *)(uintptr_t)reason;
    ev.message = message;
    ev.type = (char *)(uintptr_t)type;
    ev.actor = (char *)(uintptr_t)actor;
    copy = (Bailey__V1__Event *)message_clone(&ev.base);
    must(copy != NULL && vec_push(&st->events, copy));
    event_key(copy, key, sizeof key);
    txn_put(st, key, &copy->base);
    show(st, CHANGE_ADDED, view_event(copy, &a));
    if (st->events.n > EVENTS_KEPT)
        event_drop_oldest(st);
    audit_event(st, about, reason, actor, message);
}
