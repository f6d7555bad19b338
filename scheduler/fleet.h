/* fleet.h - the scheduler's own picture of nodes and keeps: what placing needs, kept up to date
 * event by event. It owns copies of all it is given. Not thread safe; nothing here reads a clock.
 *
 * Nodes are named by small handles, valid until the node is removed. Nodes with equal facts share a
 * platform class; a class's nodes with equal indexed labels share a cell with an index of what is
 * free, so that no decision looks at every node. */
#ifndef SCHEDULER_FLEET_H
#define SCHEDULER_FLEET_H

#include "attest/facts.h"
#include "base/err.h"

#define NODE_NONE UINT32_MAX
#define CLASS_NONE UINT32_MAX
#define KEEP_NONE UINT32_MAX

struct resources {
    uint64_t cpu_milli;
    uint64_t memory;    /* bytes */
    uint64_t tee_slots; /* SEV-SNP ASIDs, TDX private key ids, realms, enclaves: one a keep */
    uint64_t epc;       /* bytes of SGX enclave memory, counted in pages of 4 KiB */
};
/* Every platform class counts TEE capacity in one unit: a node that is proven SGX and nothing else
 * in enclave memory (epc), all others in slots. A keep needs the one that its node has. */

struct label {
    const char *key, *value;
};

struct node_spec {
    const char *name;
    const struct facts *facts; /* NULL: nothing verified */
    struct resources capacity; /* what keeps may use in all */
    const struct label *labels;
    size_t labels_n;
    bool connected;
    bool cordoned;
    bool eligible; /* the controller's own consent: certificate good, not being removed, ... */
    int64_t verified_at_ms; /* same clock as place's now_ms; ignored without facts */
};

struct fleet;

struct fleet *fleet_new(const uint64_t seed[2]); /* NULL: no memory */
void fleet_free(struct fleet *f);

/* Adds the node or replaces all that is known of it; keeps stay. *out may be NULL.
 * ERR_LIMIT beyond 2^32 - 2 nodes, 2^32 - 1 milli of cpu, 2^50 bytes of memory; ERR_NOMEM. */
NODISCARD bool fleet_node_put(struct fleet *f, const struct node_spec *spec, uint32_t *out,
                              struct err *e);
/* Cheap changes of one property. */
void fleet_node_connected(struct fleet *f, uint32_t node, bool connected);
void fleet_node_cordoned(struct fleet *f, uint32_t node, bool cordoned);
void fleet_node_eligible(struct fleet *f, uint32_t node, bool eligible);
void fleet_node_verified(struct fleet *f, uint32_t node,
                         int64_t verified_at_ms); /* facts as before */
/* Its keeps are forgotten with it. */
void fleet_node_remove(struct fleet *f, uint32_t node);

uint32_t fleet_node_find(const struct fleet *f, const char *name); /* NODE_NONE: absent */
size_t fleet_node_count(const struct fleet *f);
/* Walks all nodes in the order of their handles: start with NODE_NONE, ends with NODE_NONE. */
uint32_t fleet_node_next(const struct fleet *f, uint32_t node);

struct node_view { /* borrowed until the next change of the fleet */
    const char *name;
    uint32_t class;
    struct resources capacity, used;
    bool connected, cordoned, eligible;
    int64_t verified_at_ms;
    const struct label *labels; /* sorted by key */
    size_t labels_n;
    uint32_t keeps;
};
struct node_view fleet_node_view(const struct fleet *f, uint32_t node);
/* The node's facts with its own platform id; false when nothing was verified. */
bool fleet_node_facts(const struct fleet *f, uint32_t node, struct facts *out);
const char *fleet_node_label(const struct fleet *f, uint32_t node, const char *key); /* or NULL */

/* Platform classes: handles from 0 to fleet_class_limit() - 1, of which some may be empty. Nodes
 * that nothing was verified of are in a class without facts. */
uint32_t fleet_class_limit(const struct fleet *f);
uint32_t fleet_class_nodes(const struct fleet *f, uint32_t class);            /* number of nodes */
const struct facts *fleet_class_facts(const struct fleet *f, uint32_t class); /* NULL: unverified */
/* Walks a class's nodes: start with NODE_NONE. */
uint32_t fleet_class_next(const struct fleet *f, uint32_t class, uint32_t node);

/* Keeps hold resources of their node from put to remove. id and workload are the caller's numbers,
 * id unique among all keeps and not 0. */
struct keep_spec {
    uint64_t id;
    uint64_t workload;
    uint32_t node;
    struct resources need;
    bool ending;      /* still holds resources, counts no more for spread */
    bool exclusive;   /* its node takes no other keep */
    int32_t priority; /* -32768 to 32767; of two keeps preemption ends the lower one */
};
/* Adds or replaces by id. More than the node's capacity is taken as it is (facts outrank plans):
 * the node then has no room for more. ERR_MISSING for an unknown node. */
NODISCARD bool fleet_keep_put(struct fleet *f, const struct keep_spec *spec, struct err *e);
/* Marks it as ending, or as staying after all; false: there is none. */
bool fleet_keep_ending(struct fleet *f, uint64_t id, bool ending);
bool fleet_keep_remove(struct fleet *f, uint64_t id); /* false: there was none */
bool fleet_keep_get(const struct fleet *f, uint64_t id, struct keep_spec *out);
size_t fleet_keep_count(const struct fleet *f);
/* Walks the keeps of a node, or of a workload: start with *cursor == KEEP_NONE. */
bool fleet_node_keep(const struct fleet *f, uint32_t node, uint32_t *cursor, struct keep_spec *out);
bool fleet_workload_keep(const struct fleet *f, uint64_t workload, uint32_t *cursor,
                         struct keep_spec *out);

/* How the nodes for keeps are chosen when a demand does not say: fill nodes one after another, or
 * take the emptiest. SCORING_DEFAULT: pack. */
enum scoring { SCORING_DEFAULT, SCORING_PACK, SCORING_SPREAD };
void fleet_scoring(struct fleet *f, enum scoring s);

/* TEE capacity (slots, or pages in classes that count those) that every class keeps free for
 * evacuations: place() leaves it alone unless the demand may use it. 0: none. */
void fleet_reserve(struct fleet *f, uint64_t per_class);
/* What the class has free now, to compare. */
uint64_t fleet_class_free(const struct fleet *f, uint32_t class);
bool fleet_class_counts_epc(const struct fleet *f, uint32_t class);

/* Bytes of memory held, the allocator's own included, for metrics and the benchmark; and of that
 * the facts of the platform classes, which do not grow with the nodes. */
size_t fleet_memory(const struct fleet *f);
size_t fleet_class_memory(const struct fleet *f);

#endif
