/* fleet_int.h - the body of the fleet; private to the scheduler. */
#ifndef SCHEDULER_FLEET_INT_H
#define SCHEDULER_FLEET_INT_H

#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "scheduler/cell.h"
#include "scheduler/fleet.h"
#include "scheduler/name_map.h"
#include "scheduler/pages.h"
#include "scheduler/rules.h"

enum node_flag {
    NODE_CONNECTED = 1,
    NODE_CORDONED = 2,
    NODE_ELIGIBLE = 4,
    NODE_GONE = 8 /* while an evacuation is planned: in its set */
};
#define NODE_USABLE (NODE_CONNECTED | NODE_ELIGIBLE) /* and no other flag */

/* One combination of labels, shared by the nodes that have it. */
struct label_set {
    struct label *labels; /* sorted by key */
    size_t n;
    uint8_t *key; /* the labels' serial form, owned; map key and texts in one */
    size_t key_n;
    uint32_t nodes;
};

/* The cold texts of a node (name, NUL, platform id) are one allocation behind name. */
struct node {
    char *name; /* NULL: a free handle, of which first_keep is the next one */
    struct label_set *labels;
    int64_t verified_at_ms;
    struct amount capacity, used; /* TEE capacity in the unit of the node's class */
    uint32_t class;
    uint32_t cell, slot; /* its place in the index */
    uint32_t keeps, first_keep;
    uint32_t run, run_keeps; /* keeps of the workload being placed, when run is the fleet's */
    uint8_t flags;
    uint8_t platform_id_n; /* 0: unknown */
    uint8_t exclusive;     /* keeps that want the node for themselves */
    bool epc;              /* as the class */
};

/* Whether the nodes' own identity is part of what the rules can see. */
enum class_platform { CLASS_PLATFORM_UNKNOWN, CLASS_PLATFORM_OTHER, CLASS_PLATFORM_NAMED };

struct class
{
    struct facts *facts; /* owned; NULL: the class of unverified nodes, or a free handle */
    uint64_t hash;
    uint64_t born; /* differs whenever the handle was reused */
    enum class_platform platform;
    uint32_t nodes, first_cell, next_same_hash;
    uint64_t free_slots; /* of all its nodes that take keeps, in the class's unit */
    bool live;
    bool epc; /* TEE capacity is counted in pages of enclave memory, not in slots */
};

struct keep {
    uint64_t id; /* 0: a free handle, next_on_node is the next one */
    uint64_t workload;
    struct amount need; /* TEE capacity in the unit of its node */
    uint32_t other_tee; /* and in the other unit, should the node come to count so */
    uint32_t node;
    uint32_t next_on_node, prev_on_node;
    uint32_t next_of_workload, prev_of_workload;
    int16_t priority;
    uint8_t ending, exclusive, epc; /* epc: as its node */
};

struct fleet {
    uint64_t seed[2];
    struct name_map by_name;
    PAGES(struct node) nodes;
    uint32_t free_node;
    size_t nodes_n;

    VEC(struct class) classes;
    VEC(uint32_t) free_classes;
    struct u64_map class_by_hash; /* -> the first of a chain */
    uint64_t class_births;
    struct map named; /* platforms that rules name: id -> owned struct selector_platform */

    struct map label_sets;
    VEC(char *) indexed; /* label keys that cells tell apart */

    struct cells cells;
    uint64_t usable_revision; /* grows when a node turns usable or not */

    PAGES(struct keep) keeps;
    uint32_t free_keep;
    size_t keeps_n;
    struct u64_map keep_by_id, first_by_workload;

    struct shapes *shapes; /* owned by shape.c */
    uint32_t run;          /* grows with every place() */
    void *scratch;         /* of one run; kept for its memory */
    size_t scratch_n;
    VEC(uint32_t) node_hist; /* of a run: how many nodes that count have i keeps */
    uint64_t reserve;        /* TEE capacity that every class keeps free */
    enum scoring scoring;
    size_t heap; /* bytes in names, ids and facts, as the allocator counts */
};

static inline struct node *fleet_node(const struct fleet *f, uint32_t node)
{
    return pages_at(&f->nodes, node);
}

static inline struct keep *fleet_keep(const struct fleet *f, uint32_t keep)
{
    return pages_at(&f->keeps, keep);
}

static inline const uint8_t *node_platform_id(const struct node *n)
{
    return (const uint8_t *)n->name + strlen(n->name) + 1;
}

/* What n bytes cost: the allocator's own word and its grain. */
static inline size_t heap_cost(size_t n)
{
    return n == 0 ? 0 : n < 24 ? 32 : (n + 8 + 15) / 16 * 16;
}

/* Enclave memory is counted in pages: a need is rounded up, a capacity down. */
#define EPC_PAGE 4096
#define AMOUNT_MAX UINT32_MAX

/* In the unit of a class; false when it does not fit. */
static inline bool need_amount(const struct resources *r, bool epc, struct amount *out)
{
    uint64_t tee = epc ? r->epc / EPC_PAGE + (r->epc % EPC_PAGE != 0) : r->tee_slots;

    if (r->cpu_milli > AMOUNT_MAX || tee > AMOUNT_MAX || r->memory > 1ull << 50)
        return false;
    *out = (struct amount){r->memory, (uint32_t)r->cpu_milli, (uint32_t)tee};
    return true;
}

static inline struct resources amount_resources(const struct amount *a, bool epc)
{
    return (struct resources){.cpu_milli = a->cpu_milli,
                              .memory = a->memory,
                              .tee_slots = epc ? 0 : a->tee_slots,
                              .epc = epc ? (uint64_t)a->tee_slots * EPC_PAGE : 0};
}

static inline bool node_usable(const struct node *n)
{
    return n->flags == NODE_USABLE;
}

/* class.c: the class of these facts, made when there is none, with one node more; CLASS_NONE
 * without memory. NULL: the class of unverified nodes, which is always 0. */
bool classes_init(struct fleet *f);
uint32_t class_intern(struct fleet *f, const struct facts *facts);
void class_release(struct fleet *f, uint32_t class); /* one node less */
struct judgement class_judge(const struct fleet *f, uint32_t class, const struct rules *r);
/* The rules may name single platforms; those nodes get classes of their own. */
NODISCARD bool class_name_platforms(struct fleet *f, const struct rules *r, struct err *e);
void classes_fini(struct fleet *f);

/* label.c */
struct label_set *label_set_intern(struct fleet *f, const struct label *labels, size_t n,
                                   struct err *e);
void label_set_release(struct fleet *f, struct label_set *s);
const char *label_set_get(const struct label_set *s, const char *key);
/* Makes cells tell nodes apart by this label from now on. Once there are INDEXED_LABELS, forget
 * them all before adding the next: the demands that are still there bring theirs back. After
 * forgetting at least one label must be indexed at once. */
#define INDEXED_LABELS 32
void fleet_forget_labels(struct fleet *f);
NODISCARD bool fleet_index_label(struct fleet *f, const char *key, struct err *e);

/* fleet.c: puts the node into the cell of its class and labels; false without memory. */
bool node_enter(struct fleet *f, uint32_t node);
void node_leave(struct fleet *f, uint32_t node);
void node_refresh(struct fleet *f, uint32_t node); /* its room in the index, after a change */

void node_gone(struct fleet *f, uint32_t node, bool gone);

/* keep.c */
void keeps_recount(struct fleet *f, uint32_t node); /* after its class counts in another unit */
void keeps_forget_node(struct fleet *f, uint32_t node);
uint32_t workload_first_keep(const struct fleet *f, uint64_t workload);

/* shape.c */
void shapes_free(struct shapes *s);
size_t shapes_memory(const struct shapes *s);

#endif
