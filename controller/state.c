#include "controller/state.h"
#include "controller/collateral.h"
#include "controller/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "base/str.h"
#include "config/convert_facts.h"
#include "controller/access.h"
#include "controller/effective.h"
#include "controller/share.h"
#include "controller/txn.h"

#define KILL_GRACE_MS 10000 /* from deciding to end a keep to its certain end */
#define MARGIN_MS 2000
#define DRIFT_PERMILLE 10 /* two hosts' clocks may run apart by this much */

void text_set(char **field, const char *text)
{
    char *copy = (char *)(uintptr_t)protobuf_c_empty_string;

    if (text != NULL && text[0] != '\0') {
        copy = strdup(text);
        BUG_ON(copy == NULL);
    }
    if (*field != NULL && *field != (char *)(uintptr_t)protobuf_c_empty_string)
        free(*field);
    *field = copy;
}

void text_set_time(char **field, int64_t wall_s)
{
    char text[TIME_TEXT];

    text_set(field, wall_s == 0 ? "" : time_format(wall_s, text));
}

ProtobufCMessage *message_clone(const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *p = malloc(n + 1);
    ProtobufCMessage *copy = NULL;

    if (p != NULL)
        copy = protobuf_c_message_unpack(m->descriptor, NULL, protobuf_c_message_pack(m, p), p);
    free(p);
    return copy;
}

void message_free(ProtobufCMessage *m)
{
    if (m != NULL)
        protobuf_c_message_free_unpacked(m, NULL);
}

int64_t state_wall_ms(const struct state *st)
{
    return st->clock->wall_ms(st->clock);
}

int64_t state_now_ms(const struct state *st)
{
    return st->clock->boottime_ms(st->clock);
}

bool state_init(struct state *st, uv_loop_t *loop, struct store *store, const struct clock *clock,
                struct err *e)
{
    uint64_t seed[2];

    *st = (struct state){.loop = loop, .store = store, .clock = clock, .next_id = 1};
    rand_bytes(seed, sizeof seed);
    map_init(&st->workloads, seed);
    map_init(&st->nodes, seed);
    map_init(&st->keeps, seed);
    map_init(&st->keeps_by_uid, seed);
    map_init(&st->tokens, seed);
    map_init(&st->policies, seed);
    map_init(&st->advisories, seed);
    map_init(&st->exceptions, seed);
    map_init(&st->revocations, seed);
    st->fleet = fleet_new(seed);
    st->cluster = malloc(sizeof *st->cluster);
    st->collateral = collateral_new();
    st->verifier = st->collateral == NULL ? NULL : verifier_new(st->collateral);
    if (st->fleet == NULL || st->cluster == NULL || st->verifier == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    bailey__v1__cluster_record__init(st->cluster);
    if (!share_init(st, e) || !access_init(st, e))
        return false;
    st->started_wall_ms = state_wall_ms(st);
    st->started_ms = state_now_ms(st);
    return txn_init(st, e);
}

static void *find(const struct map *m, const char *ns, const char *name)
{
    char key[2 * NAME_MAX_LEN + 2];
    int n = snprintf(key, sizeof key, "%s/%s", ns[0] == '\0' ? "default" : ns, name);

    if (n < 0 || (size_t)n >= sizeof key)
        return NULL;
    return map_get(m, (struct bytes){(const uint8_t *)key, (size_t)n});
}

struct workload *state_workload(const struct state *st, const char *ns, const char *name)
{
    return find(&st->workloads, ns, name);
}

struct keep *state_keep(const struct state *st, const char *ns, const char *name)
{
    return find(&st->keeps, ns, name);
}

struct node *state_node(const struct state *st, const char *name)
{
    return map_get(&st->nodes, bytes_str(name));
}

struct keep *state_keep_uid(const struct state *st, const char *uid)
{
    return map_get(&st->keeps_by_uid, bytes_str(uid));
}

struct token *state_token(const struct state *st, const char *hash_hex)
{
    return map_get(&st->tokens, bytes_str(hash_hex));
}

bool keep_live(const struct keep *k)
{
    return k->msg->status->state != KEEP_STATE(ended);
}

int64_t keep_surely_over_ms(const struct keep *k, const struct node *n)
{
    int64_t after = k->msg->spec->stop_after_ms;
    int64_t stop = after + after * DRIFT_PERMILLE / 1000;

    return n->last_ack_ms + stop + KILL_GRACE_MS + MARGIN_MS;
}

bool node_connected(const struct state *st, const struct node *n)
{
    return n->session != NULL && n->seen &&
           state_now_ms(st) <= n->last_ack_ms + st->options.lease_ms;
}

bool node_closed(const struct node *n)
{
    return n->msg->spec->cordoned || n->msg->spec->drain != NULL;
}

bool node_fresh(const struct node *n)
{
    return n->fresh_after_ms == 0 || n->verified_at_ms > n->fresh_after_ms;
}

bool node_trusted(const struct state *st, const struct node *n, int64_t max_age_ms)
{
    return n->has_facts && node_fresh(n) && state_wall_ms(st) - n->verified_at_ms <= max_age_ms;
}

static ProtobufCMessage *record_read(const ProtobufCMessageDescriptor *type, struct bytes key,
                                     struct bytes value, struct err *e)
{
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, value.n, value.p);

    if (m == NULL)
        err_set(e, ERR_INPUT, "store.record", "record %.*s cannot be read", (int)key.n,
                (const char *)key.p);
    return m;
}

static bool load_cluster(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    ProtobufCMessage *m = record_read(&bailey__v1__cluster_record__descriptor, key, value, e);

    if (m == NULL)
        return false;
    message_free(&st->cluster->base);
    st->cluster = (Bailey__V1__ClusterRecord *)m;
    return true;
}

static bool load_node(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    ProtobufCMessage *m = record_read(&bailey__v1__node__descriptor, key, value, e);
    struct node *n = m == NULL ? NULL : node_new(st, (Bailey__V1__Node *)m);

    message_free(m);
    if (n == NULL)
        return m != NULL && err_set(e, ERR_NOMEM, "state.memory", "no memory");
    n->last_ack_ms = st->started_ms; /* what we acknowledged before is not known: wait anew */
    if (n->msg->status->fresh_evidence_after[0] != '\0') {
        int64_t after_s;

        if (!time_parse(n->msg->status->fresh_evidence_after, &after_s, e))
            return err_wrap(e, "node %s", n->object.key);
        n->fresh_after_ms = after_s * 1000;
    }
    if (n->msg->status->facts != NULL) {
        if (!facts_from_message(n->msg->status->facts, &n->facts, e))
            return err_wrap(e, "node %s", n->object.key);
        n->known = true;
    }
    if (n->known && n->msg->status->trust == NODE_TRUST(verified)) {
        int64_t at_s;

        if (!time_parse(n->msg->status->verified_at, &at_s, e))
            return err_wrap(e, "node %s", n->object.key);
        n->has_facts = true;
        n->verified_at_ms = at_s * 1000;
    }
    node_publish(st, n);
    return true;
}

static bool load_workload(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    ProtobufCMessage *m = record_read(&bailey__v1__workload__descriptor, key, value, e);
    struct workload *w = m == NULL ? NULL : workload_new(st, (Bailey__V1__Workload *)m);

    message_free(m);
    if (w == NULL)
        return m != NULL && err_set(e, ERR_NOMEM, "state.memory", "no memory");
    w->due = true;
    return workload_compile(st, st->effective, w, e) || err_wrap(e, "workload %s", w->object.key);
}

static bool load_keep(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    Bailey__V1__Keep *m =
        (Bailey__V1__Keep *)record_read(&bailey__v1__keep__descriptor, key, value, e);
    struct workload *w = NULL;
    struct keep *k = NULL;

    if (m == NULL)
        return false;
    if (m->metadata != NULL && m->spec != NULL)
        w = state_workload(st, m->metadata->namespace_, m->spec->workload);
    if (w != NULL)
        k = keep_new(st, m, w, state_node(st, m->spec->node));
    message_free(&m->base);
    if (w == NULL)
        return err_set(e, ERR_INPUT, "store.record", "keep %.*s has no workload", (int)key.n,
                       (const char *)key.p);
    if (k == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    keep_publish(st, k);
    return true;
}

static bool load_trust(void *data, enum object_kind kind, const ProtobufCMessageDescriptor *type,
                       struct bytes key, struct bytes value, struct err *e)
{
    ProtobufCMessage *m = record_read(type, key, value, e);
    bool ok;

    if (m == NULL)
        return false;
    ok = trust_new(data, kind, m) != NULL || err_set(e, ERR_NOMEM, "state.memory", "no memory");
    message_free(m);
    return ok;
}

static bool load_policy(void *data, struct bytes key, struct bytes value, struct err *e)
{
    return load_trust(data, OBJECT_POLICY, &bailey__v1__trust_policy__descriptor, key, value, e);
}

static bool load_advisory(void *data, struct bytes key, struct bytes value, struct err *e)
{
    return load_trust(data, OBJECT_ADVISORY, &bailey__v1__advisory__descriptor, key, value, e);
}

static bool load_exception(void *data, struct bytes key, struct bytes value, struct err *e)
{
    return load_trust(data, OBJECT_EXCEPTION, &bailey__v1__exception__descriptor, key, value, e);
}

static bool load_revocation(void *data, struct bytes key, struct bytes value, struct err *e)
{
    return load_trust(data, OBJECT_REVOCATION, &bailey__v1__revocation__descriptor, key, value, e);
}

static bool load_token(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    ProtobufCMessage *m = record_read(&bailey__v1__token_record__descriptor, key, value, e);
    struct token *t = m == NULL ? NULL : calloc(1, sizeof *t);
    size_t skip = strlen("token/");

    if (t == NULL)
        return false;
    t->key = strndup((const char *)key.p + skip, key.n - skip);
    t->msg = (Bailey__V1__TokenRecord *)m;
    return (t->key != NULL && map_put(&st->tokens, bytes_str(t->key), t)) ||
           err_set(e, ERR_NOMEM, "state.memory", "no memory");
}

static bool load_event(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    ProtobufCMessage *m = record_read(&bailey__v1__event__descriptor, key, value, e);

    if (m == NULL)
        return false;
    return vec_push(&st->events, (Bailey__V1__Event *)m) ||
           err_set(e, ERR_NOMEM, "state.memory", "no memory");
}

/* Kinds in the order that references want: a workload names policies, a keep its workload and its
 * node. */
bool state_load(struct state *st, struct err *e)
{
    static const struct {
        const char *prefix;
        store_each_fn *load;
    } kinds[] = {
        {"cluster", load_cluster},        {"policy/", load_policy},
        {"advisory/", load_advisory},     {"exception/", load_exception},
        {"revocation/", load_revocation}, {"node/", load_node},
        {"workload/", load_workload},     {"keep/", load_keep},
        {"token/", load_token},           {"event/", load_event},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!(kinds[i].load == load_node ? effective_load(st, e) : true) ||
            !store_each(st->store, bytes_str(kinds[i].prefix), kinds[i].load, st, e))
            return false;
    st->committed = st->cluster->revision;
    share_settings_changed(st);
    return access_load(st, e) && collateral_load(st, e);
}

void state_fini(struct state *st)
{
    struct workload *w;
    struct node *n;
    struct token *t;

    access_fini(st);
    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL; i = 0)
        workload_forget(st, w);
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL; i = 0)
        node_forget(st, n);
    if (st->effective != NULL)
        effective_fini(st->effective);
    free(st->effective);
    trust_forget_all(st);
    share_fini(st);
    for (size_t i = 0; (t = map_next(&st->tokens, &i)) != NULL;) {
        free(t->key);
        message_free(&t->msg->base);
        free(t);
    }
    for (size_t i = 0; i < st->events.n; i++)
        message_free(&st->events.v[i]->base);
    vec_fini(&st->events);
    map_fini(&st->workloads);
    map_fini(&st->nodes);
    map_fini(&st->keeps);
    map_fini(&st->keeps_by_uid);
    map_fini(&st->tokens);
    map_fini(&st->policies);
    map_fini(&st->advisories);
    map_fini(&st->exceptions);
    map_fini(&st->revocations);
    fleet_free(st->fleet);
    verifier_free(st->verifier);
    collateral_free(st->collateral);
    message_free(&st->cluster->base);
}
