/* sched_model.h - small fleets with an oracle that knows nothing of the scheduler's index: every
 * question is answered by looking at all nodes and all keeps. For property tests. */
#ifndef PROP_SCHED_MODEL_H
#define PROP_SCHED_MODEL_H

#include "base/rand.h"
#include "scheduler/place.h"

#define MODEL_NODES 8
#define MODEL_KEEPS 32
#define MODEL_WORKLOADS 4
#define MODEL_ADVISORIES 2
#define MODEL_NONE 99 /* a value that a node does not have */

/* How the worlds are drawn: plain, or to be awkward in one way. */
enum model_kind {
    MODEL_PLAIN,
    MODEL_SKEWED,     /* nearly all nodes in one class */
    MODEL_FRAGMENTED, /* every node nearly full, each of another resource */
    MODEL_TIGHT,      /* every demand is spread over three properties with skew 1 */
    MODEL_KINDS
};

struct model_node {
    bool there, verified, connected, cordoned, eligible, sgx, advisories_known;
    unsigned vendor, generation, site, advisories; /* of advisories one bit each */
    int64_t verified_at_ms;
    struct resources capacity;
    uint32_t handle;
};

struct model_keep {
    uint64_t id; /* 0: none */
    uint64_t workload;
    unsigned node;
    struct resources need;
    bool ending, exclusive;
};

struct model {
    struct prng r;
    enum model_kind kind;
    struct fleet *f;
    struct model_node node[MODEL_NODES];
    struct model_keep keep[MODEL_KEEPS];
    uint64_t ids, reserve;
    int64_t now_ms;
};

/* One demand with all that it points to. */
struct model_demand {
    struct demand d;
    struct rules rules;
    struct rule refuse;
    const char *generation;
    struct label label;
    struct spread spread[3];
    struct relation relation[2];
    struct preference prefer[2];
    struct label wish[2];
    bool refuses, by_site;
    unsigned refused, site;
};

void model_start(struct model *m, uint64_t seed, enum model_kind kind);
void model_end(struct model *m);
void model_change(struct model *m); /* one random event, in model and fleet */
void model_demand(struct model *m, struct model_demand *out);

/* The oracle: whether one keep more of the demand may be on the node; and how preferred it is. */
bool model_allows(const struct model *m, const struct model_demand *x, unsigned node);
int64_t model_score(const struct model *m, const struct model_demand *x, unsigned node);
/* The model's number of a handle; MODEL_NONE: none. */
unsigned model_node_of(const struct model *m, uint32_t handle);
/* Books a decision; false: the model has no room for another keep. */
bool model_book(struct model *m, const struct model_demand *x, uint64_t id, unsigned node);
unsigned model_room(const struct model *m);
/* The model's nodes and keeps in a fleet made anew; its handles are in node_of[]. */
struct fleet *model_rebuild(const struct model *m, uint32_t node_of[MODEL_NODES]);

#endif
