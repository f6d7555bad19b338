#include "controller/collateral.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "controller/audit.h"
#include "controller/txn.h"

struct piece {
    Bailey__V1__Collateral *msg; /* owned; its key is the map's */
    struct endorsement what;
    uint8_t sha256[32];
    enum { SAID_NOTHING, SAID_SOON, SAID_EXPIRED } said; /* which event was made */
};

struct noted {
    char node[64];
    struct collateral_needs needs;
};

struct collateral {
    uv_rwlock_t lock; /* of the two below: the loop thread writes, workers read */
    struct map by_key, by_hash;
    struct map noted; /* of struct noted, by node; the loop thread's */
};

struct collateral *collateral_new(void)
{
    static const uint64_t seed[2] = {0x636f6c6c61746572, 0x616c206b65797321};
    struct collateral *c = calloc(1, sizeof *c);

    if (c == NULL || uv_rwlock_init(&c->lock) != 0) {
        free(c);
        return NULL;
    }
    /* keys and hashes stand for what vendors signed: nobody else chooses them */
    map_init(&c->by_key, seed);
    map_init(&c->by_hash, seed);
    map_init(&c->noted, seed);
    return c;
}

static void piece_free(struct piece *p)
{
    message_free(&p->msg->base);
    free(p);
}

void collateral_free(struct collateral *c)
{
    struct piece *p;
    struct noted *n;

    if (c == NULL)
        return;
    for (size_t i = 0; (n = map_next(&c->noted, &i)) != NULL;)
        free(n);
    map_fini(&c->noted);
    for (size_t i = 0; (p = map_next(&c->by_key, &i)) != NULL;)
        piece_free(p);
    map_fini(&c->by_key);
    map_fini(&c->by_hash);
    uv_rwlock_destroy(&c->lock);
    free(c);
}

/* Enters a piece in place of the one of its key, if there is one. */
static bool enter(struct collateral *c, struct piece *p)
{
    struct bytes key = bytes_str(p->msg->key);
    struct piece *old;
    bool good;

    SHA256(p->msg->data.data, p->msg->data.len, p->sha256);
    uv_rwlock_wrlock(&c->lock);
    old = map_remove(&c->by_key, key);
    if (old != NULL)
        map_remove(&c->by_hash, BYTES_OF(old->sha256));
    good = map_put(&c->by_key, key, p) && map_put(&c->by_hash, BYTES_OF(p->sha256), p);
    if (!good)
        map_remove(&c->by_key, key);
    uv_rwlock_wrunlock(&c->lock);
    if (old != NULL)
        piece_free(old);
    return good;
}

static int64_t seconds(const char *text)
{
    int64_t s = 0;

    return text[0] != '\0' && time_parse(text, &s, NULL) ? s : 0;
}

static bool load_piece(void *data, struct bytes key, struct bytes value, struct err *e)
{
    struct state *st = data;
    ProtobufCMessage *m =
        protobuf_c_message_unpack(&bailey__v1__collateral__descriptor, NULL, value.n, value.p);
    struct piece *p = m == NULL ? NULL : calloc(1, sizeof *p);

    if (p == NULL) {
        message_free(m);
        return err_set(e, ERR_INPUT, "store.record", "record %.*s cannot be read", (int)key.n,
                       (const char *)key.p);
    }
    p->msg = (Bailey__V1__Collateral *)m;
    p->what = (struct endorsement){.number = p->msg->number,
                                   .issued_s = seconds(p->msg->issued_at),
                                   .until_s = seconds(p->msg->next_update)};
    if (enter(st->collateral, p))
        return true;
    piece_free(p);
    return err_set(e, ERR_NOMEM, "state.memory", "no memory");
}

bool collateral_load(struct state *st, struct err *e)
{
    return store_each(st->store, bytes_str("collateral/"), load_piece, st, e);
}

const char *collateral_outcome_name(enum collateral_outcome o)
{
    static const char *const names[] = {
        [COLLATERAL_STORED] = "stored",
        [COLLATERAL_UNCHANGED] = "unchanged",
        [COLLATERAL_NEWER_KEPT] = "newer-kept",
    };

    return names[o];
}

static const char *vendor_of(const char *key)
{
    const char *simulated = "simulated/";
    const char *at =
        strncmp(key, simulated, strlen(simulated)) == 0 ? key + strlen(simulated) : key;

    return strncmp(at, "amd/", 4) == 0     ? "amd"
           : strncmp(at, "intel/", 6) == 0 ? "intel"
           : strncmp(at, "arm/", 4) == 0   ? "arm"
                                           : "";
}

static char *borrowed(const char *s)
{
    return (char *)(uintptr_t)s;
}

static struct piece *piece_new(const struct state *st, const struct endorsement_proof *proof,
                               struct bytes bytes, const char *source)
{
    Bailey__V1__Collateral m = BAILEY__V1__COLLATERAL__INIT;
    char issued[TIME_TEXT] = "", until[TIME_TEXT] = "", stored[TIME_TEXT], hex[65];
    struct piece *p = calloc(1, sizeof *p);
    uint8_t sum[32];

    if (p == NULL)
        return NULL;
    p->what = proof->what;
    SHA256(bytes.p, bytes.n, sum);
    m.key = borrowed(proof->key);
    m.kind = borrowed(endorsement_name(proof->what.kind));
    m.vendor = borrowed(vendor_of(proof->key));
    m.file = borrowed(endorsement_file(proof->what.kind));
    m.data = (ProtobufCBinaryData){bytes.n, (uint8_t *)(uintptr_t)bytes.p};
    m.number = proof->what.number;
    if (proof->what.issued_s != 0)
        m.issued_at = borrowed(time_format(proof->what.issued_s, issued));
    if (proof->what.until_s != 0)
        m.next_update = borrowed(time_format(proof->what.until_s, until));
    m.source = borrowed(source);
    m.stored_at = borrowed(time_format(state_wall_ms(st) / 1000, stored));
    hex_format(BYTES_OF(sum), hex);
    m.sha256 = hex;
    m.simulated = proof->anchor != NULL && proof->anchor->simulated;
    p->msg = (Bailey__V1__Collateral *)message_clone(&m.base);
    if (p->msg != NULL)
        return p;
    free(p);
    return NULL;
}

bool collateral_offer(struct state *st, const struct endorsement_proof *proof, struct bytes bytes,
                      const char *source, enum collateral_outcome *out, struct err *e)
{
    struct collateral *c = st->collateral;
    const struct piece *old = map_get(&c->by_key, bytes_str(proof->key));
    char key[ENDORSEMENT_KEY + 16];
    struct piece *p;

    if (old != NULL && old->msg->data.len == bytes.n &&
        memcmp(old->msg->data.data, bytes.p, bytes.n) == 0) {
        *out = COLLATERAL_UNCHANGED;
        return true;
    }
    if (old != NULL && !endorsement_newer(&proof->what, &old->what)) {
        *out = COLLATERAL_NEWER_KEPT;
        return true;
    }
    if (old == NULL && c->by_key.n >= COLLATERAL_MOST)
        return err_set(e, ERR_LIMIT, "collateral.full", "%d pieces of collateral are kept",
                       COLLATERAL_MOST);
    p = piece_new(st, proof, bytes, source);
    if (p == NULL || !enter(c, p)) {
        if (p != NULL)
            piece_free(p);
        return err_set(e, ERR_NOMEM, "collateral.memory", "no memory");
    }
    snprintf(key, sizeof key, "collateral/%s", p->msg->key);
    txn_put(st, key, &p->msg->base);
    log_info("collateral kept", LOG_STR("key", p->msg->key), LOG_STR("source", source));
    audit_record(st, &(struct audit_entry){.v = {[AUDIT_ACTOR] = "controller",
                                                 [AUDIT_ACTION] = "collateral.kept",
                                                 [AUDIT_OBJECT] = p->msg->key,
                                                 [AUDIT_BECAUSE] = source}});
    *out = COLLATERAL_STORED;
    return true;
}

bool collateral_has(struct collateral *c, struct bytes bytes)
{
    uint8_t sum[32];
    bool has;

    SHA256(bytes.p, bytes.n, sum);
    uv_rwlock_rdlock(&c->lock);
    has = map_get(&c->by_hash, BYTES_OF(sum)) != NULL;
    uv_rwlock_rdunlock(&c->lock);
    return has;
}

bool collateral_copy(struct collateral *c, const char *key, struct buf *out,
                     struct endorsement *what)
{
    const struct piece *p;

    uv_rwlock_rdlock(&c->lock);
    p = map_get(&c->by_key, bytes_str(key));
    if (p != NULL) {
        buf_put(out, p->msg->data.data, p->msg->data.len);
        *what = p->what;
    }
    uv_rwlock_rdunlock(&c->lock);
    return p != NULL && buf_ok(out, NULL);
}

const char *collateral_freshness(int64_t until_s, int64_t now_s)
{
    return until_s == 0                          ? "fresh"
           : until_s < now_s                     ? "expired"
           : until_s - now_s < COLLATERAL_SOON_S ? "expires-soon"
                                                 : "fresh";
}

static int by_key(const void *a, const void *b)
{
    const struct piece *const *x = a, *const *y = b;

    return strcmp((*x)->msg->key, (*y)->msg->key);
}

void collateral_each(struct state *st, collateral_each_fn *fn, void *data)
{
    const struct collateral *c = st->collateral;
    VEC(struct piece *) all = {0};
    struct piece *p;

    for (size_t i = 0; (p = map_next(&c->by_key, &i)) != NULL;)
        if (!vec_push(&all, p))
            break;
    if (all.n > 0)
        qsort(all.v, all.n, sizeof all.v[0], by_key);
    for (size_t i = 0; i < all.n; i++) {
        Bailey__V1__Collateral m = *all.v[i]->msg;

        m.freshness =
            borrowed(collateral_freshness(all.v[i]->what.until_s, state_wall_ms(st) / 1000));
        if (!fn(data, &m))
            break;
    }
    vec_fini(&all);
}

void collateral_watch(struct state *st, uint32_t *expired, uint32_t *expiring)
{
    const struct collateral *c = st->collateral;
    int64_t now_s = state_wall_ms(st) / 1000;
    struct piece *p;

    *expired = *expiring = 0;
    for (size_t i = 0; (p = map_next(&c->by_key, &i)) != NULL;) {
        const char *is = collateral_freshness(p->what.until_s, now_s);
        bool over = strcmp(is, "expired") == 0, soon = strcmp(is, "expires-soon") == 0;

        *expired += over;
        *expiring += soon;
        if (over && p->said != SAID_EXPIRED) {
            p->said = SAID_EXPIRED;
            event_add(st, NULL, "warning", "collateral.expired", "controller",
                      "%s was to be renewed by %s: import a newer one (bailey collateral urls)",
                      p->msg->key, p->msg->next_update);
        } else if (soon && p->said == SAID_NOTHING) {
            p->said = SAID_SOON;
            event_add(st, NULL, "warning", "collateral.expires-soon", "controller",
                      "%s is to be renewed by %s", p->msg->key, p->msg->next_update);
        }
    }
}

void collateral_note(struct state *st, const char *node, const struct collateral_needs *needs)
{
    struct collateral *c = st->collateral;
    struct noted *n = map_get(&c->noted, bytes_str(node));

    if (n == NULL) {
        n = calloc(1, sizeof *n);
        if (n == NULL)
            return; /* only a convenience is lost */
        str_copy(n->node, sizeof n->node, node);
        if (!map_put(&c->noted, bytes_str(n->node), n)) {
            free(n);
            return;
        }
    }
    n->needs = *needs;
}

void collateral_noted(struct state *st, collateral_noted_fn *fn, void *data)
{
    struct noted *n;

    for (size_t i = 0; (n = map_next(&st->collateral->noted, &i)) != NULL;)
        fn(data, n->node, &n->needs);
}

const char *collateral_held(struct state *st, const char *key)
{
    const struct piece *p = map_get(&st->collateral->by_key, bytes_str(key));

    return p == NULL ? "missing" : collateral_freshness(p->what.until_s, state_wall_ms(st) / 1000);
}
