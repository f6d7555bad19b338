/* What is counted from the state when somebody asks. */
#include <stdio.h>

#include "base/str.h"
#include "base/vec.h"
#include "config/schema.h"
#include "controller/collateral.h"
#include "controller/kind.h"
#include "controller/metrics_int.h"
#include "controller/move.h"
#include "controller/view.h"

#define WORDS (FACT_CANDIDATES * FACT_WORD)
#define KINDS_MOST 32 /* of collateral */

/* Nodes with the same labels. There are tens of them at most: vendors by generations. */
struct node_group {
    Bailey__V1__NodeStatus__TrustState trust;
    char vendor[WORDS], generation[WORDS], assurance[16];
    uint64_t nodes;
};

struct nodes {
    VEC(struct node_group) groups;
    uint64_t sessions, late, closed;
    int64_t oldest_ms; /* of the leases of live sessions */
};

/* "genoa", or its candidates "bergamo|siena"; "unknown". */
static void join(const struct fact_words *w, char *out, size_t size)
{
    size_t n = 0;

    str_copy(out, size, w->n == 0 ? "unknown" : "");
    for (unsigned i = 0; i < w->n && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i == 0 ? "" : "|", w->word[i]);
}

static void count_platform(struct nodes *all, const struct state *st, const struct node *n)
{
    static const struct facts nothing;
    const struct facts *f = n->has_facts ? &n->facts : &nothing;
    struct node_group p = {.trust = view_node_trust(st, n), .nodes = 1};

    join(&f->vendor, p.vendor, sizeof p.vendor);
    join(f->generation.n > 0 ? &f->generation : &f->product_line, p.generation,
         sizeof p.generation);
    str_copy(p.assurance, sizeof p.assurance, assurance_name(f->assurance));
    for (size_t i = 0; i < all->groups.n; i++) {
        struct node_group *q = &all->groups.v[i];

        if (q->trust == p.trust && strcmp(q->vendor, p.vendor) == 0 &&
            strcmp(q->generation, p.generation) == 0 && strcmp(q->assurance, p.assurance) == 0) {
            q->nodes++;
            return;
        }
    }
    (void)vec_push(&all->groups, p);
}

static void count_nodes(struct state *st, struct nodes *all)
{
    int64_t now = state_now_ms(st);
    struct node *n;

    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;) {
        count_platform(all, st, n);
        all->closed += node_closed(n);
        if (!node_connected(st, n))
            continue;
        all->sessions++;
        if (now - n->last_ack_ms > all->oldest_ms)
            all->oldest_ms = now - n->last_ack_ms;
        all->late += now - n->last_ack_ms > st->options.lease_ms / 2;
    }
}

static void format_nodes(struct state *st, struct exposition *x)
{
    struct nodes all = {0};

    count_nodes(st, &all);
    exposition_gauge(x, "bailey_nodes",
                     "Nodes by what holds of their evidence now, and by what it proved.");
    for (size_t i = 0; i < all.groups.n; i++) {
        const struct node_group *p = &all.groups.v[i];

        exposition_sample(
            x, "",
            (const struct tag[]){
                {"trust", schema_enum_word(&bailey__v1__node_status__trust_state__descriptor,
                                           (int)p->trust)},
                {"vendor", p->vendor},
                {"generation", p->generation},
                {"assurance", p->assurance},
                {NULL, NULL}},
            (double)p->nodes);
    }
    vec_fini(&all.groups);
    exposition_one(x, "bailey_sessions", "Agents with a live session.", (double)all.sessions);
    exposition_one(x, "bailey_sessions_late",
                   "Live sessions whose last acknowledged heartbeat is older than half a lease.",
                   (double)all.late);
    exposition_one(x, "bailey_lease_seconds",
                   "How long a node may be silent before it counts as lost.",
                   (double)st->options.lease_ms / 1e3);
    exposition_one(x, "bailey_lease_age_max_seconds",
                   "Age of the oldest acknowledged heartbeat among live sessions.",
                   (double)all.oldest_ms / 1e3);
    exposition_one(x, "bailey_nodes_cordoned", "Nodes that are cordoned or drained.",
                   (double)all.closed);
}

static void format_keeps(struct state *st, struct exposition *x)
{
    uint64_t by[KEEP_STATE(ended) + 1] = {0}, moving = 0;
    struct keep *k;

    for (size_t i = 0; (k = map_next(&st->keeps, &i)) != NULL;) {
        unsigned s = (unsigned)k->msg->status->state;

        by[s <= KEEP_STATE(ended) ? s : 0]++;
        moving += keep_moving(k);
    }
    exposition_gauge(x, "bailey_keeps", "Keeps by state; of ended ones the last of each replica.");
    for (unsigned s = KEEP_STATE(scheduled); s <= KEEP_STATE(ended); s++)
        exposition_sample(
            x, "",
            (const struct tag[]){
                {"state", schema_enum_word(&bailey__v1__keep_status__state__descriptor, (int)s)},
                {NULL, NULL}},
            (double)by[s]);
    exposition_one(x, "bailey_keeps_moving", "Keeps that are to leave their nodes.",
                   (double)moving);
}

/* The obstacle that most nodes have; OBSTACLE_NONE stands for waiting after failures. */
static enum obstacle main_obstacle(const struct state *st, const struct workload *w)
{
    enum obstacle most = OBSTACLE_UNVERIFIED;

    if (w->retry_at_ms > state_now_ms(st))
        return OBSTACLE_NONE;
    for (enum obstacle o = OBSTACLE_UNVERIFIED; o < OBSTACLES; o++)
        if (w->last.tally[o] > w->last.tally[most])
            most = o;
    return most;
}

static void format_workloads(struct state *st, struct exposition *x)
{
    uint64_t waiting[OBSTACLES] = {0};
    struct workload *w;

    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->pending > 0)
            waiting[main_obstacle(st, w)] += w->pending;
    exposition_one(x, "bailey_workloads", "Workloads that are there.", (double)st->workloads.n);
    exposition_gauge(x, "bailey_keeps_pending",
                     "Replicas that wait for a node, by what stands in most nodes' way.");
    for (unsigned o = 0; o < OBSTACLES; o++)
        exposition_sample(
            x, "",
            (const struct tag[]){
                {"reason", o == OBSTACLE_NONE ? "back-off" : obstacle_name((enum obstacle)o)},
                {NULL, NULL}},
            (double)waiting[o]);
}

struct piece_kinds {
    struct {
        char kind[32];
        uint64_t fresh, soon, expired;
        int64_t first_s; /* the earliest date; 0: none */
    } v[KINDS_MOST];
    size_t n;
};

static bool count_piece(void *data, const Bailey__V1__Collateral *m)
{
    struct piece_kinds *k = data;
    int64_t until_s;
    size_t i = 0;

    while (i < k->n && strcmp(k->v[i].kind, m->kind) != 0)
        i++;
    if (i == KINDS_MOST)
        return true;
    if (i == k->n)
        str_copy(k->v[k->n++].kind, sizeof k->v[i].kind, m->kind);
    k->v[i].expired += strcmp(m->freshness, "expired") == 0;
    k->v[i].soon += strcmp(m->freshness, "expires-soon") == 0;
    k->v[i].fresh += strcmp(m->freshness, "fresh") == 0;
    if (time_parse(m->next_update, &until_s, NULL) &&
        (k->v[i].first_s == 0 || until_s < k->v[i].first_s))
        k->v[i].first_s = until_s;
    return true;
}

static void format_collateral(struct state *st, struct exposition *x)
{
    struct piece_kinds k = {0};

    if (st->collateral != NULL)
        collateral_each(st, count_piece, &k);
    exposition_gauge(x, "bailey_collateral",
                     "Pieces of vendors' collateral that are kept, by kind and freshness.");
    for (size_t i = 0; i < k.n; i++) {
        const struct {
            const char *word;
            uint64_t n;
        } by[] = {
            {"fresh", k.v[i].fresh}, {"expires-soon", k.v[i].soon}, {"expired", k.v[i].expired}};

        for (size_t j = 0; j < 3; j++)
            exposition_sample(x, "",
                              (const struct tag[]){
                                  {"kind", k.v[i].kind}, {"freshness", by[j].word}, {NULL, NULL}},
                              (double)by[j].n);
    }
    exposition_gauge(x, "bailey_collateral_expiry_timestamp_seconds",
                     "When the first piece of each kind is past its date, since 1970.");
    for (size_t i = 0; i < k.n; i++)
        if (k.v[i].first_s != 0)
            exposition_sample(x, "", (const struct tag[]){{"kind", k.v[i].kind}, {NULL, NULL}},
                              (double)k.v[i].first_s);
}

void metrics_state(struct state *st, struct exposition *x)
{
    exposition_gauge(x, "bailey_build_info", "The program's version.");
    exposition_sample(x, "", (const struct tag[]){{"version", BAILEY_VERSION}, {NULL, NULL}}, 1);
    exposition_one(x, "bailey_start_time_seconds", "When the controller started, since 1970.",
                   (double)st->started_wall_ms / 1e3);
    exposition_one(x, "bailey_controller_epoch", "Grows with every start of a controller.",
                   (double)st->cluster->controller_epoch);
    exposition_one(x, "bailey_revision", "Grows with every committed change.",
                   (double)st->cluster->revision);
    exposition_one(x, "bailey_policy_revision",
                   "The revision of the last change of a policy, advisory, exception or "
                   "revocation.",
                   (double)st->cluster->policy_revision);
    format_nodes(st, x);
    format_workloads(st, x);
    format_keeps(st, x);
    format_collateral(st, x);
}
