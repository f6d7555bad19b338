#include "controller/access.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "controller/authorities.h"
#include "controller/authorize.h"
#include "proto/unpack.h"

#define RECHECK_MS 5000
#define RECORD_LIMIT ((size_t)4 << 20)

bool access_init(struct state *st, struct err *e)
{
    struct access *a = calloc(1, sizeof *a);
    uint64_t seed[2];

    if (a == NULL || (a->rate = rate_new()) == NULL) {
        free(a);
        return err_set(e, ERR_NOMEM, "access.memory", "no memory");
    }
    rand_bytes(seed, sizeof seed);
    map_init(&a->users, seed);
    map_init(&a->approvals, seed);
    map_init(&a->bans, seed);
    map_init(&a->chips, seed);
    map_init(&a->chips_by_node, seed);
    st->access = a;
    return true;
}

/* A record that can be freed; proto_unpack() bounds what it may take before that. */
static ProtobufCMessage *record(const ProtobufCMessageDescriptor *type, struct bytes value,
                                struct err *e)
{
    AUTO_ARENA struct arena a;
    ProtobufCMessage *m, *copy;

    arena_init(&a, RECORD_LIMIT);
    if (!proto_unpack(type, value, &a, &m, e))
        return NULL;
    copy = message_clone(m);
    if (copy == NULL)
        err_set(e, ERR_NOMEM, "access.memory", "no memory");
    return copy;
}

static bool put(struct map *m, const char *key, ProtobufCMessage *value, struct err *e)
{
    if (key[0] != '\0' && map_put(m, bytes_str(key), value))
        return true;
    message_free(value);
    return err_set(e, ERR_INPUT, "store.record", "a record without a name, or no memory for it");
}

static bool load_user(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    Bailey__V1__UserRecord *m =
        (Bailey__V1__UserRecord *)record(&bailey__v1__user_record__descriptor, value, e);

    (void)key;
    return m != NULL && put(&st->access->users, m->user == NULL ? "" : m->user->name, &m->base, e);
}

static bool load_approval(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    Bailey__V1__ApprovalRecord *m =
        (Bailey__V1__ApprovalRecord *)record(&bailey__v1__approval_record__descriptor, value, e);

    (void)key;
    return m != NULL &&
           put(&st->access->approvals, m->approval == NULL ? "" : m->approval->id, &m->base, e);
}

static bool load_ban(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    Bailey__V1__BanRecord *m =
        (Bailey__V1__BanRecord *)record(&bailey__v1__ban_record__descriptor, value, e);

    (void)key;
    return m != NULL && put(&st->access->bans, m->node, &m->base, e);
}

struct chip {
    char id[2 * FACT_ID + 1], node[NAME_MAX_LEN + 1];
};

const char *chips_holder(const struct access *a, const char *chip)
{
    const struct chip *c = map_get(&a->chips, bytes_str(chip));

    return c == NULL ? NULL : c->node;
}

void chips_release(struct access *a, const char *node)
{
    struct chip *c = map_remove(&a->chips_by_node, bytes_str(node));

    if (c == NULL)
        return;
    map_remove(&a->chips, bytes_str(c->id));
    free(c);
}

void chips_bind(struct access *a, const char *chip, const char *node)
{
    struct chip *c = calloc(1, sizeof *c);

    chips_release(a, node);
    BUG_ON(c == NULL || !str_copy(c->id, sizeof c->id, chip) ||
           !str_copy(c->node, sizeof c->node, node) || !map_put(&a->chips, bytes_str(c->id), c) ||
           !map_put(&a->chips_by_node, bytes_str(c->node), c));
}

/* What nodes last proved binds their chips before any of them shows evidence again. */
static void chips_load(struct state *st)
{
    const struct node *n;

    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;) {
        const Bailey__V1__Facts *f = n->msg->status->facts;

        if (f != NULL && f->platform_id[0] != '\0' && strlen(f->platform_id) <= 2 * FACT_ID &&
            chips_holder(st->access, f->platform_id) == NULL)
            chips_bind(st->access, f->platform_id, n->object.key);
    }
}

bool access_load(struct state *st, struct err *e)
{
    chips_load(st);
    return store_each(st->store, bytes_str("user/"), load_user, st, e) &&
           store_each(st->store, bytes_str("approval/"), load_approval, st, e) &&
           store_each(st->store, bytes_str("ban/"), load_ban, st, e);
}

static void records_free(struct map *m)
{
    ProtobufCMessage *v;

    for (size_t i = 0; (v = map_next(m, &i)) != NULL;)
        message_free(v);
    map_fini(m);
}

void access_fini(struct state *st)
{
    struct access *a = st->access;
    struct chip *c;

    if (a == NULL)
        return;
    records_free(&a->users);
    records_free(&a->approvals);
    records_free(&a->bans);
    for (size_t i = 0; (c = map_next(&a->chips, &i)) != NULL;)
        free(c);
    map_fini(&a->chips);
    map_fini(&a->chips_by_node);
    rate_free(a->rate);
    free(a);
    st->access = NULL;
}

static void recheck_call(struct rpc_call *call, const struct rpc_method *m, void *user)
{
    struct state *st = user;
    const struct rpc_peer *peer = rpc_call_peer(call);
    struct err e = {0};

    if (peer->uri[0] == '\0' || authorize_peer(st, peer, m, &e))
        return;
    log_warn("open call ended", LOG_STR("peer", peer->uri), LOG_STR("method", m->name),
             LOG_ERR(&e));
    rpc_finish(call, &e);
}

void access_recheck(struct state *st)
{
    if (st->access->server != NULL)
        rpc_server_each_stream(st->access->server, recheck_call, st);
}

static void on_timer(uv_timer_t *t)
{
    access_recheck(t->data);
}

void access_watch(struct state *st, struct rpc_server *server)
{
    struct access *a = st->access;

    a->server = server;
    uv_timer_init(st->loop, &a->timer);
    a->timer.data = st;
    uv_timer_start(&a->timer, on_timer, RECHECK_MS, RECHECK_MS);
    uv_unref((uv_handle_t *)&a->timer);
    a->timing = true;
}

void access_unwatch(struct state *st)
{
    struct access *a = st->access;

    a->server = NULL;
    if (a->timing)
        uv_close((uv_handle_t *)&a->timer, NULL);
    a->timing = false;
}

const Bailey__V1__ClusterSettings *settings_of(const struct state *st)
{
    static const Bailey__V1__ClusterSettings none = BAILEY__V1__CLUSTER_SETTINGS__INIT;

    return st->cluster->settings == NULL ? &none : st->cluster->settings;
}
