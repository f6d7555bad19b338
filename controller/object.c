/* Workloads, nodes and keeps: making, entering into the fleet, forgetting. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "controller/admission.h"
#include "controller/runtime_label.h"
#include "controller/share.h"
#include "controller/state.h"
#include "controller/txn.h"

/* uid and created_at of a new object; a loaded one has them already. Returns whether it is new. */
static bool metadata_begin(const struct state *st, Bailey__V1__Metadata *m)
{
    char uid[UUID_TEXT];

    if (m->uid[0] != '\0')
        return false;
    rand_uuid(uid);
    text_set(&m->uid, uid);
    text_set_time(&m->created_at, state_wall_ms(st) / 1000);
    if (m->generation == 0)
        m->generation = 1;
    return true;
}

static bool object_begin(struct state *st, struct object *o, enum object_kind kind,
                         ProtobufCMessage *msg, Bailey__V1__Metadata *m)
{
    char key[2 * NAME_MAX_LEN + 2];
    bool made = metadata_begin(st, m);

    if (kind == OBJECT_NODE)
        snprintf(key, sizeof key, "%s", m->name);
    else
        snprintf(key, sizeof key, "%s/%s", m->namespace_[0] == '\0' ? "default" : m->namespace_,
                 m->name);
    *o = (struct object){.kind = kind, .msg = msg, .key = strdup(key), .revision = m->revision};
    o->fresh = made;
    return o->key != NULL;
}

/* A part of a message that must be there: an empty one where there is none. */
#define NEED_PART(field, Type, init)                                                               \
    do {                                                                                           \
        if ((field) == NULL) {                                                                     \
            (field) = malloc(sizeof(Type));                                                        \
            if ((field) == NULL)                                                                   \
                return false;                                                                      \
            init(field);                                                                           \
        }                                                                                          \
    } while (0)

static bool node_parts(Bailey__V1__Node *m)
{
    NEED_PART(m->metadata, Bailey__V1__Metadata, bailey__v1__metadata__init);
    NEED_PART(m->spec, Bailey__V1__NodeSpec, bailey__v1__node_spec__init);
    NEED_PART(m->status, Bailey__V1__NodeStatus, bailey__v1__node_status__init);
    text_set(&m->api_version, "bailey/v1");
    text_set(&m->kind, "Node");
    return true;
}

static bool workload_parts(Bailey__V1__Workload *m)
{
    NEED_PART(m->metadata, Bailey__V1__Metadata, bailey__v1__metadata__init);
    NEED_PART(m->spec, Bailey__V1__WorkloadSpec, bailey__v1__workload_spec__init);
    text_set(&m->api_version, "bailey/v1");
    text_set(&m->kind, "Workload");
    if (m->metadata->namespace_[0] == '\0')
        text_set(&m->metadata->namespace_, "default");
    return true;
}

static bool keep_parts(Bailey__V1__Keep *m)
{
    NEED_PART(m->metadata, Bailey__V1__Metadata, bailey__v1__metadata__init);
    NEED_PART(m->spec, Bailey__V1__KeepSpec, bailey__v1__keep_spec__init);
    NEED_PART(m->status, Bailey__V1__KeepStatus, bailey__v1__keep_status__init);
    NEED_PART(m->spec->limits, Bailey__V1__Capacity, bailey__v1__capacity__init);
    text_set(&m->api_version, "bailey/v1");
    text_set(&m->kind, "Keep");
    return true;
}

struct workload *workload_new(struct state *st, const Bailey__V1__Workload *src)
{
    struct workload *w = calloc(1, sizeof *w);
    Bailey__V1__Workload *m = (Bailey__V1__Workload *)message_clone(&src->base);

    if (w == NULL || m == NULL || !workload_parts(m) ||
        !object_begin(st, &w->object, OBJECT_WORKLOAD, &m->base, m->metadata) ||
        !map_put(&st->workloads, bytes_str(w->object.key), w)) {
        message_free(m == NULL ? NULL : &m->base);
        free(w);
        return NULL;
    }
    w->msg = m;
    w->id = st->next_id++;
    w->wake_ms = INT64_MAX;
    if (w->object.fresh)
        txn_touch(st, &w->object);
    return w;
}

struct node *node_new(struct state *st, const Bailey__V1__Node *src)
{
    struct node *n = calloc(1, sizeof *n);
    Bailey__V1__Node *m = (Bailey__V1__Node *)message_clone(&src->base);

    if (n == NULL || m == NULL || !node_parts(m) ||
        !object_begin(st, &n->object, OBJECT_NODE, &m->base, m->metadata) ||
        !map_put(&st->nodes, bytes_str(n->object.key), n)) {
        message_free(m == NULL ? NULL : &m->base);
        free(n);
        return NULL;
    }
    n->msg = m;
    n->handle = NODE_NONE;
    n->last_ack_ms = state_now_ms(st);
    if (n->object.fresh)
        txn_touch(st, &n->object);
    return n;
}

struct keep *keep_new(struct state *st, const Bailey__V1__Keep *src, struct workload *w,
                      struct node *n)
{
    struct keep *k = calloc(1, sizeof *k);
    Bailey__V1__Keep *m = (Bailey__V1__Keep *)message_clone(&src->base);

    if (k == NULL || m == NULL || !keep_parts(m) ||
        !object_begin(st, &k->object, OBJECT_KEEP, &m->base, m->metadata) ||
        !map_put(&st->keeps, bytes_str(k->object.key), k) ||
        !map_put(&st->keeps_by_uid, bytes_str(m->metadata->uid), k) || !vec_push(&w->keeps, k) ||
        (n != NULL && !vec_push(&n->keeps, k))) {
        BUG_ON(k != NULL &&
               k->object.key != NULL); /* half entered: out of memory on a short list */
        message_free(m == NULL ? NULL : &m->base);
        free(k);
        return NULL;
    }
    k->msg = m;
    k->workload = w;
    k->node = n;
    k->id = st->next_id++;
    if (k->object.fresh)
        txn_touch(st, &k->object);
    return k;
}

void node_publish(struct state *st, struct node *n)
{
    const Bailey__V1__Declared *d = n->msg->status->declared;
    struct label labels[64];
    char runtimes[RUNTIMES][64];
    size_t labels_n = d == NULL ? 0 : d->n_labels;
    struct node_spec spec = {.name = n->object.key,
                             .facts = n->has_facts ? &n->facts : NULL,
                             .labels = labels,
                             .connected = node_connected(st, n),
                             .cordoned = node_closed(n),
                             .eligible = n->msg->metadata->deleted_at[0] == '\0' && node_fresh(n) &&
                                         node_admitted(n),
                             .verified_at_ms = n->verified_at_ms};
    struct err e = {0};

    for (size_t i = 0; i < labels_n && spec.labels_n < 64; i++)
        labels[spec.labels_n++] = (struct label){d->labels[i]->key, d->labels[i]->value};
    for (size_t i = 0; d != NULL && i < d->n_runtimes && i < RUNTIMES && spec.labels_n < 64; i++) {
        (void)snprintf(runtimes[i], sizeof runtimes[i], RUNTIME_LABEL "%.40s", d->runtimes[i]);
        if (strcmp(d->runtimes[i], "sandbox") != 0) /* workloads do not ask for it */
            labels[spec.labels_n++] = (struct label){runtimes[i], "works"};
    }
    if (d != NULL && d->capacity != NULL)
        spec.capacity = (struct resources){.cpu_milli = d->capacity->cpu_milli,
                                           .memory = d->capacity->memory_bytes,
                                           .tee_slots = d->capacity->tee_slots,
                                           .epc = d->capacity->epc_bytes};
    if (!fleet_node_put(st->fleet, &spec, &n->handle, &e))
        log_error("node left out of scheduling", LOG_STR("node", n->object.key), LOG_ERR(&e));
}

void keep_publish(struct state *st, struct keep *k)
{
    const Bailey__V1__Capacity *c = k->msg->spec->limits;
    struct keep_spec spec = {.id = k->id,
                             .workload = k->workload->id,
                             .need = {c->cpu_milli, c->memory_bytes, c->tee_slots, c->epc_bytes},
                             .exclusive = k->workload->demand.exclusive,
                             .priority = k->workload->demand.priority,
                             .ending = k->msg->status->state == KEEP_STATE(stopping) ||
                                       k->msg->status->move != NULL};
    struct err e = {0};

    share_count(st, k, keep_live(k));
    if (!keep_live(k) || k->node == NULL || k->node->handle == NODE_NONE) {
        fleet_keep_remove(st->fleet, k->id);
        return;
    }
    spec.node = k->node->handle;
    if (!fleet_keep_put(st->fleet, &spec, &e))
        log_error("keep not counted", LOG_STR("keep", k->object.key), LOG_ERR(&e));
}

static void object_fini(struct object *o)
{
    BUG_ON(o->dirty);
    message_free(o->msg);
    free(o->key);
}

#define LIST_DROP(list, item)                                                                      \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (list)->n; i_++)                                                  \
            if ((list)->v[i_] == (item)) {                                                         \
                vec_swap_out((list), i_);                                                          \
                break;                                                                             \
            }                                                                                      \
    } while (0)

void keep_forget(struct state *st, struct keep *k)
{
    share_count(st, k, false);
    fleet_keep_remove(st->fleet, k->id);
    map_remove(&st->keeps, bytes_str(k->object.key));
    map_remove(&st->keeps_by_uid, bytes_str(k->msg->metadata->uid));
    LIST_DROP(&k->workload->keeps, k);
    if (k->node != NULL)
        LIST_DROP(&k->node->keeps, k);
    object_fini(&k->object);
    free(k);
}

void workload_forget(struct state *st, struct workload *w)
{
    while (w->keeps.n > 0)
        keep_forget(st, w->keeps.v[0]);
    map_remove(&st->workloads, bytes_str(w->object.key));
    vec_fini(&w->keeps);
    arena_fini(&w->arena);
    arena_fini(&w->rules_arena);
    object_fini(&w->object);
    free(w);
}

void node_forget(struct state *st, struct node *n)
{
    for (size_t i = 0; i < n->keeps.n; i++)
        n->keeps.v[i]->node = NULL;
    if (n->handle != NODE_NONE)
        fleet_node_remove(st->fleet, n->handle);
    map_remove(&st->nodes, bytes_str(n->object.key));
    vec_fini(&n->keeps);
    if (n->evidence != NULL)
        message_free(&n->evidence->base);
    object_fini(&n->object);
    free(n);
}
