#include "controller/rollback.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "controller/audit_int.h"
#include "controller/session_rpc.h"

/* More than what was lost can have used up: starts of a controller, placements, commits. */
#define EPOCHS_AHEAD 1000
#define KEEPS_AHEAD 1000000000ULL
#define REVISIONS_AHEAD 1000000000ULL

/* The root over the first `size` entries of the store's tree; false: a node is missing. */
static bool root_at(struct store *s, uint64_t size, struct merkle_hash *out)
{
    struct merkle_tree t = {.n = size};
    uint64_t first = 0;

    for (unsigned level = 64; level-- > 0;) {
        if ((size >> level & 1) == 0)
            continue;
        if (!audit_read_node(s, level, first >> level, &t.peak[level]))
            return false;
        first += UINT64_C(1) << level;
    }
    merkle_root(&t, out);
    return true;
}

static bool holds(const struct audit *a, const struct tree_head *h)
{
    struct merkle_hash root;

    return h->size <= a->durable && root_at(a->st->store, h->size, &root) &&
           memcmp(root.b, h->root.b, sizeof root.b) == 0;
}

bool rollback_suspected(const struct state *st)
{
    return st->audit != NULL && st->audit->lost.size != 0;
}

static bool refuse(const struct state *st, struct err *e)
{
    const struct audit *a = st->audit;

    return err_set(e, ERR_UNAVAIL, "audit.rollback-suspected",
                   "rollback suspected: node %s has seen an audit log of %" PRIu64
                   " entries that this store does not hold",
                   a->lost_by, a->lost.size),
           err_found(e, "%" PRIu64 " entries here", a->durable),
           err_mend(e, "start the controller with the newest store, or with --accept-rollback if "
                       "it is lost");
}

bool rollback_admits(const struct state *st, const struct rpc_method *m, struct err *e)
{
    static const char *const reading[] = {
        "Get",     "List",          "Watch",      "Why",        "Logs",
        "Events",  "GetRollout",    "Status",     "Forecast",   "ListCollateral",
        "Audit",   "AuditHead",     "AuditProof", "GetReceipt", "CollateralUrls",
        "Connect", "FetchArtifact",
    };

    if (!rollback_suspected(st) || m->name == NULL)
        return true;
    for (size_t i = 0; i < sizeof reading / sizeof reading[0]; i++)
        if (strcmp(m->name, reading[i]) == 0)
            return true;
    return refuse(st, e);
}

static void suspect(struct state *st, const struct node *n, const struct tree_head *h)
{
    struct audit *a = st->audit;
    struct err e = {0};
    struct node *other;

    a->lost = *h;
    (void)str_copy(a->lost_by, sizeof a->lost_by, n->object.key);
    (void)refuse(st, &e);
    log_error("the store is older than what an agent has seen: nothing is decided any more",
              LOG_STR("node", a->lost_by), LOG_INT("seen", (int64_t)h->size),
              LOG_INT("held", (int64_t)a->durable), LOG_STR("mend", e.mend));
    for (size_t i = 0; (other = map_next(&st->nodes, &i)) != NULL;)
        if (other != n)
            session_end(other->session, &e);
}

static void record_accepted(struct state *st, const struct node *n, const struct tree_head *h)
{
    char because[192], object[AUDIT_OBJECT_TEXT], root[65];

    hex_format(BYTES_OF(h->root.b), root);
    snprintf(because, sizeof because,
             "the node had seen %" PRIu64 " entries with root %s, signed before the rollback that "
             "was accepted",
             h->size, root);
    audit_record(st, &(struct audit_entry){.v = {[AUDIT_ACTOR] = "controller",
                                                 [AUDIT_ACTION] = "audit.head-forgotten",
                                                 [AUDIT_OBJECT] = audit_object(&n->object, object),
                                                 [AUDIT_BECAUSE] = because}});
}

bool rollback_hello(struct state *st, const struct node *n, const Bailey__V1__Hello *hello,
                    bool *accepted, struct err *e)
{
    struct audit *a = st->audit;
    struct tree_head h;
    struct err bad = {0};

    *accepted = false;
    if (a == NULL)
        return true;
    if (rollback_suspected(st))
        return refuse(st, e);
    if (hello->highest_tree_head == NULL)
        return true;
    if (!tree_head_from_message(hello->highest_tree_head, &h, e))
        return err_field(e, "highest_tree_head");
    if (strcmp(h.cluster, st->cluster->cluster_id) != 0)
        return err_set(e, ERR_CONFLICT, "audit.cluster",
                       "the agent has seen another cluster's log"),
               err_field(e, "highest_tree_head.cluster_id"), err_found(e, "%s", h.cluster);
    if (!tree_head_check(&h, a->key, &bad)) {
        /* Nobody can be stopped by a head that we did not sign. */
        event_add(st, &n->object, "warning", "audit.foreign-head", "controller",
                  "the agent remembers a tree head that this controller's key did not sign: %s",
                  bad.msg);
        *accepted = true;
        return true;
    }
    if (holds(a, &h))
        return true;
    if (h.at_ms <= a->accepted_until_ms) {
        record_accepted(st, n, &h);
        *accepted = true;
        return true;
    }
    suspect(st, n, &h);
    return refuse(st, e);
}

void rollback_accept(struct state *st)
{
    struct audit *a = st->audit;
    Bailey__V1__ClusterRecord *c = st->cluster;
    AUTO_BUF struct buf record = {0};
    char because[192];

    snprintf(because, sizeof because,
             "started with --accept-rollback at %" PRIu64 " entries: heads signed until now that "
             "this log does not hold are given up",
             a->tree.n);
    c->controller_epoch += EPOCHS_AHEAD;
    c->keep_epoch += KEEPS_AHEAD;
    c->revision += REVISIONS_AHEAD;
    c->policy_revision = c->revision;
    a->accepted_until_ms = state_wall_ms(st);
    buf_be(&record, (uint64_t)a->accepted_until_ms, 8);
    BUG_ON(!buf_ok(&record, NULL));
    txn_put_bytes(st, "audit/accepted", buf_bytes(&record));
    event_add(st, NULL, "warning", "store.rollback-accepted", "controller", "%s", because);
    log_warn("rollback accepted", LOG_INT("entries", (int64_t)a->tree.n));
}

bool rollback_load(struct state *st, struct err *e)
{
    AUTO_BUF struct buf record = {0};
    struct err missing = {0};
    uint64_t v = 0;

    if (!store_get(st->store, BYTES_LIT("audit/accepted"), &record, &missing)) {
        if (missing.code == ERR_MISSING)
            return true;
        if (e != NULL)
            *e = missing;
        return false;
    }
    for (size_t i = 0; i < record.n && i < 8; i++)
        v = v << 8 | record.p[i];
    st->audit->accepted_until_ms = (int64_t)v;
    return true;
}
