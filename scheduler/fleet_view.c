/* fleet_view.c - looking at the fleet from outside. */
#include <string.h>

#include "scheduler/fleet_int.h"

uint32_t fleet_node_find(const struct fleet *f, const char *name)
{
    return name_map_get(&f->by_name, name);
}

size_t fleet_node_count(const struct fleet *f)
{
    return f->nodes_n;
}

uint32_t fleet_node_next(const struct fleet *f, uint32_t node)
{
    for (uint32_t i = node == NODE_NONE ? 0 : node + 1; i < f->nodes.n; i++)
        if (fleet_node(f, i)->name != NULL)
            return i;
    return NODE_NONE;
}

struct node_view fleet_node_view(const struct fleet *f, uint32_t node)
{
    const struct node *n = fleet_node(f, node);

    return (struct node_view){.name = n->name,
                              .class = n->class,
                              .capacity = amount_resources(&n->capacity, n->epc),
                              .used = amount_resources(&n->used, n->epc),
                              .connected = (n->flags & NODE_CONNECTED) != 0,
                              .cordoned = (n->flags & NODE_CORDONED) != 0,
                              .eligible = (n->flags & NODE_ELIGIBLE) != 0,
                              .verified_at_ms = n->verified_at_ms,
                              .labels = n->labels->labels,
                              .labels_n = n->labels->n,
                              .keeps = n->keeps};
}

bool fleet_node_facts(const struct fleet *f, uint32_t node, struct facts *out)
{
    const struct node *n = fleet_node(f, node);
    const struct class *c = &f->classes.v[n->class];

    if (c->facts == NULL)
        return false;
    *out = *c->facts;
    out->platform_id_n = n->platform_id_n;
    if (n->platform_id_n > 0)
        memcpy(out->platform_id, node_platform_id(n), n->platform_id_n);
    return true;
}

const char *fleet_node_label(const struct fleet *f, uint32_t node, const char *key)
{
    return label_set_get(fleet_node(f, node)->labels, key);
}

uint32_t fleet_class_limit(const struct fleet *f)
{
    return (uint32_t)f->classes.n;
}

uint32_t fleet_class_nodes(const struct fleet *f, uint32_t class)
{
    return f->classes.v[class].nodes;
}

const struct facts *fleet_class_facts(const struct fleet *f, uint32_t class)
{
    return f->classes.v[class].facts;
}

uint32_t fleet_class_next(const struct fleet *f, uint32_t class, uint32_t node)
{
    uint32_t cell = f->classes.v[class].first_cell, slot = 0;

    if (node != NODE_NONE) {
        cell = fleet_node(f, node)->cell;
        slot = fleet_node(f, node)->slot + 1;
    }
    if (cell != CELL_NONE && slot >= f->cells.v.v[cell].n) {
        cell = f->cells.v.v[cell].next_of_class;
        slot = 0;
    }
    return cell == CELL_NONE ? NODE_NONE : f->cells.v.v[cell].node[slot];
}

uint64_t fleet_class_free(const struct fleet *f, uint32_t class)
{
    return f->classes.v[class].free_slots;
}

bool fleet_class_counts_epc(const struct fleet *f, uint32_t class)
{
    return f->classes.v[class].epc;
}

size_t fleet_class_memory(const struct fleet *f)
{
    size_t n = f->classes.cap * sizeof *f->classes.v;

    for (size_t i = 0; i < f->classes.n; i++)
        n += f->classes.v[i].facts == NULL ? 0 : heap_cost(sizeof *f->classes.v[i].facts);
    return n;
}

size_t fleet_memory(const struct fleet *f)
{
    size_t n = sizeof *f + f->heap + f->cells.heap + f->scratch_n;

    n += pages_memory(&f->nodes) + pages_memory(&f->keeps);
    n += f->classes.cap * sizeof *f->classes.v;
    n += f->by_name.cap * sizeof *f->by_name.v;
    n += (f->label_sets.cap + f->named.cap) * sizeof(struct map_slot);
    n += (f->keep_by_id.cap + f->first_by_workload.cap + f->class_by_hash.cap) *
         sizeof(struct u64_entry);
    n += f->cells.v.cap * sizeof *f->cells.v.v + f->cells.best.cap * sizeof *f->cells.best.v;
    return n + shapes_memory(f->shapes);
}
