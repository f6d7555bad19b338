/* state.h - all the controller knows, in memory, on the loop thread; the store holds its durable
 * part. Objects are their own proto messages (what is stored is what operators see) plus what must
 * be quick to reach. Change a message's fields, then txn_touch() its object (txn.h). */
#ifndef CONTROLLER_STATE_H
#define CONTROLLER_STATE_H

#include "bailey/v1/object.pb-c.h"
#include "bailey/v1/record.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "controller/store.h"
#include "scheduler/place.h"
#include "scheduler/policy.h"
#include "scheduler/queue.h"

#define KEEP_STATE(s) BAILEY__V1__KEEP_STATUS__STATE__##s
#define NODE_LINK(s) BAILEY__V1__NODE_STATUS__LINK__##s
#define NODE_TRUST(s) BAILEY__V1__NODE_STATUS__TRUST_STATE__##s

enum object_kind {
    OBJECT_WORKLOAD,
    OBJECT_NODE,
    OBJECT_KEEP,
    OBJECT_EVENT,
    OBJECT_POLICY,
    OBJECT_ADVISORY,
    OBJECT_EXCEPTION,
    OBJECT_REVOCATION,
    OBJECT_KINDS
};

struct session;
struct workload;
struct state;

/* The first member of workload, node, keep and trust_object. */
struct object {
    enum object_kind kind;
    char *key;             /* owned: "ns/name", for nodes "name" */
    ProtobufCMessage *msg; /* owned; Workload, Node, ... with metadata, spec and status */
    uint64_t revision;     /* of its last flushed change */
    bool fresh;            /* not flushed since it was made */
    bool dirty;            /* in the open batch */
    bool store;            /* and to be stored, not only shown to watchers */
    struct object *next_dirty;
};

enum command { COMMAND_NONE, COMMAND_START, COMMAND_STOP };

struct keep {
    struct object object;
    Bailey__V1__Keep *msg; /* object.msg */
    uint64_t id;           /* in the fleet; of this process only */
    struct workload *workload;
    struct node *node;        /* NULL: the node is gone */
    enum command sent;        /* to the node's session of now */
    int64_t stop_sent_ms;     /* boottime */
    struct keep *replacement; /* while its workload is reconciled: who takes its place */
    bool counted;             /* in its namespace's use; share.h */
    bool canary_waits;        /* likewise: a revocation moves another keep first */
};

struct workload {
    struct object object;
    Bailey__V1__Workload *msg;
    uint64_t id;
    VEC(struct keep *) keeps; /* ended ones too */
    struct arena arena;       /* of the next six, made anew with every change of the spec */
    struct rule_list own_refuse, own_accept;
    int64_t max_evidence_age_ms;
    struct demand demand;
    bool all_or_nothing;
    struct relation *relations; /* the demand's, once there are any */
    int64_t stop_after_ms, replace_after_ms;
    struct arena rules_arena;  /* of trust, made anew when policies or their stages change */
    struct policy_rules trust; /* what holds for it: its own rules, policies, exceptions */
    struct placing last;       /* why replicas are pending */
    uint32_t pending;
    uint32_t waiting;       /* keeps that have to move and have no other place */
    struct queue_wait wait; /* for what its pending replicas and moving keeps wait */
    const char *over_quota; /* what its namespace's quota lacks for a pending replica, or NULL */
    uint32_t surge;         /* while it is reconciled: keeps to start beyond its replicas */
    uint32_t surge_most;    /* likewise: keeps that may be there beyond its replicas */
    uint32_t failures;      /* in a row, of keeps that nobody told to end */
    int64_t preempt_at_ms;  /* boottime: no room is made for it at others' cost before */
    int64_t retry_at_ms;    /* boottime: nothing is placed before */
    char retry_why[128];    /* how the last of those keeps ended */
    int64_t wake_ms;        /* boottime when it must be looked at again; INT64_MAX: not */
    bool due;               /* to be reconciled */
};

struct node {
    struct object object;
    Bailey__V1__Node *msg;
    uint32_t handle; /* in the fleet */
    struct session *session;
    VEC(struct keep *) keeps; /* ended ones too */
    struct facts facts;       /* where has_facts */
    bool has_facts;
    bool known; /* facts were verified once, and may not count any more */
    Bailey__V1__Evidence
        *evidence;          /* of Intel platforms: what the facts are from; owned, or NULL */
    int64_t cert_until_s;   /* wall; the end of the last certificate that it got; 0: not since our
                               start */
    char cert_issuer[64];   /* key identifier of who signed it, hex; "": not since our start */
    bool ca_known;          /* its agent keeps the authorities of now */
    int64_t verified_at_ms; /* wall */
    int64_t last_ack_ms;    /* boottime of the last acknowledgement; at first, of our own start */
    int64_t last_seen_ms;   /* wall; 0: not since our start */
    bool seen;              /* since our start */
    bool said_lost;         /* the event was made */
    int64_t
        fresh_after_ms;  /* wall; evidence verified before admits nothing new; 0: none is asked */
    uint64_t told_print; /* of the revocations that its session was told last */
    uint64_t awaits;     /* policy revision that its agent has not confirmed yet; 0: none */
};

struct token {
    char *key; /* owned: hex of the hash */
    Bailey__V1__TokenRecord *msg;
};

struct options { /* as given on the command line */
    bool allow_simulated;
    int64_t lease_ms;
    int64_t renew_ms;
    int64_t move_grace_ms;  /* how long what is refused may wait for its replacement */
    uint32_t guard_percent; /* of the nodes that one revocation may name without an override */
};

struct access;
struct shares;
struct audit;
struct txn;
struct metrics;
struct watcher;
struct ca;
struct collateral;
struct verifier;
struct collateral;
struct verifier;
struct effective;

struct state {
    uv_loop_t *loop;
    struct store *store;
    const struct clock *clock;
    struct options options;
    struct ca *ca;
    struct collateral *collateral; /* what vendors signed */
    struct verifier *verifier;
    struct metrics *metrics; /* NULL: nothing is counted; metrics.h */
    struct audit *audit;     /* audit.h; NULL: nothing is recorded */
    const char *data_dir;
    Bailey__V1__ClusterRecord *cluster;
    int64_t started_wall_ms, started_ms; /* wall, boottime */
    struct map workloads, nodes, keeps, keeps_by_uid, tokens;
    struct effective *effective; /* effective.h */
    /* of struct trust_object, policy_state.h */
    struct map policies, advisories, exceptions, revocations;
    VEC(Bailey__V1__Event *) events; /* oldest first */
    struct fleet *fleet;
    size_t related; /* workloads compiled that name neighbours: a hint, it never shrinks */
    uint64_t next_id;
    uint64_t committed; /* revision that is durable */
    struct txn *txn;
    struct access *access; /* access.h */
    struct shares *shares; /* share.h */
    struct watcher *watchers;
    struct reconciler *reconciler;
    struct revoker *revoker; /* revocation.h */
    uint64_t
        policy_committed; /* cluster.policy_revision as of what is durable: others are told this */
    bool stopping;
};

#define EVENTS_KEPT 5000
#define EVIDENCE_AGE_MS (3600 * 1000) /* where a workload says nothing else */

/* Empty, with clock and store; state_load() fills it from the store and begins a new epoch. */
NODISCARD bool state_init(struct state *st, uv_loop_t *loop, struct store *store,
                          const struct clock *clock, struct err *e);
NODISCARD bool state_load(struct state *st, struct err *e);
void state_fini(struct state *st);

struct workload *state_workload(const struct state *st, const char *ns, const char *name);
struct node *state_node(const struct state *st, const char *name);
struct keep *state_keep(const struct state *st, const char *ns, const char *name);
struct keep *state_keep_uid(const struct state *st, const char *uid);
struct token *state_token(const struct state *st, const char *hash_hex);

/* New objects from a message (copied), entered everywhere and touched; metadata's uid, generation
 * and created_at are set. NULL: no memory. */
struct workload *workload_new(struct state *st, const Bailey__V1__Workload *m);
struct node *node_new(struct state *st, const Bailey__V1__Node *m);
struct keep *keep_new(struct state *st, const Bailey__V1__Keep *m, struct workload *w,
                      struct node *n);

/* Its rules (under ef, usually state.effective), demand and times from its message, which was
 * checked. */
NODISCARD bool workload_compile(struct state *st, const struct effective *ef, struct workload *w,
                                struct err *e);

/* compile_placement.c: resources and wishes about place into w->demand, in w->arena. */
NODISCARD bool workload_compile_place(struct state *st, struct workload *w, struct err *e);
/* Brings the demand's relations up to date with the workloads that are there now, theirs to this
 * one included. Before every placing. ERR_LIMIT when there are too many. */
NODISCARD bool workload_relate(struct state *st, struct workload *w, struct err *e);

/* Enters what is known of the node, or of the keep, into the fleet. */
void node_publish(struct state *st, struct node *n);
void keep_publish(struct state *st, struct keep *k);

/* Out of every index and list, and freed; the store is the caller's (txn_remove() does both). */
void workload_forget(struct state *st, struct workload *w);
void keep_forget(struct state *st, struct keep *k);
void node_forget(struct state *st, struct node *n);

bool keep_live(const struct keep *k); /* not ended */
/* When a keep has certainly been stopped, if its node n and we lose each other now; boottime. */
int64_t keep_surely_over_ms(const struct keep *k, const struct node *n);
/* Evidence verified, not refused, and at most max_age_ms old. */
bool node_trusted(const struct state *st, const struct node *n, int64_t max_age_ms);
/* Its evidence is younger than the lift of a revocation that named it. */
bool node_fresh(const struct node *n);
bool node_closed(const struct node *n); /* takes no new keeps: cordoned or drained */
bool node_connected(const struct state *st, const struct node *n);

int64_t state_wall_ms(const struct state *st);
int64_t state_now_ms(const struct state *st); /* boottime */

/* Replaces a message's text; "" for NULL. A process without memory for a short text ends. */
void text_set(char **field, const char *text);
void text_set_time(char **field, int64_t wall_s); /* 0: "" */
/* A copy in malloc()ed memory, freed with protobuf_c_message_free_unpacked(m, NULL). */
ProtobufCMessage *message_clone(const ProtobufCMessage *m);
void message_free(ProtobufCMessage *m);

#endif
