/* fleet.c - nodes: what is known of them, and their place in the index. */
#include "scheduler/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "scheduler/fleet_int.h"

#define RESOURCE_MAX (1ull << 50)

struct fleet *fleet_new(const uint64_t seed[2])
{
    struct fleet *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    memcpy(f->seed, seed, sizeof f->seed);
    map_init(&f->by_name, seed);
    map_init(&f->label_sets, seed);
    cells_init(&f->cells, seed);
    f->keep_by_id.seed = seed[0];
    f->first_by_workload.seed = seed[1];
    f->free_keep = KEEP_NONE;
    if (classes_init(f))
        return f;
    fleet_free(f);
    return NULL;
}

void fleet_free(struct fleet *f)
{
    if (f == NULL)
        return;
    for (uint32_t i = 0; i < f->nodes.n; i++)
        if (fleet_node(f, i)->name != NULL)
            fleet_node_remove(f, i);
    shapes_free(f->shapes);
    classes_fini(f);
    cells_fini(&f->cells);
    fleet_forget_labels(f);
    vec_fini(&f->indexed);
    vec_fini(&f->nodes);
    vec_fini(&f->free_nodes);
    vec_fini(&f->keeps);
    u64_map_fini(&f->keep_by_id);
    u64_map_fini(&f->first_by_workload);
    map_fini(&f->by_name);
    map_fini(&f->label_sets);
    free(f);
}

static struct room node_room(const struct node *n)
{
    const struct resources *c = &n->capacity, *u = &n->used;
    struct room r = {.verified_at_ms = INT64_MIN};

    if (!node_usable(n) || n->class == 0)
        return r;
    r.verified_at_ms = n->verified_at_ms;
    r.free.cpu_milli = c->cpu_milli > u->cpu_milli ? c->cpu_milli - u->cpu_milli : 0;
    r.free.memory = c->memory > u->memory ? c->memory - u->memory : 0;
    r.free.tee_slots = c->tee_slots > u->tee_slots ? c->tee_slots - u->tee_slots : 0;
    return r;
}

void node_refresh(struct fleet *f, uint32_t node)
{
    const struct node *n = fleet_node(f, node);
    struct room r = node_room(n);

    if (n->cell != CELL_NONE)
        cell_set(&f->cells, n->cell, n->slot, &r);
}

static void count_usable(struct fleet *f, uint32_t cell, bool more)
{
    struct cell *c = &f->cells.v.v[cell];

    if (c->usable == (more ? 0 : 1))
        f->cells.revision++;
    c->usable = more ? c->usable + 1 : c->usable - 1;
    f->usable_revision++;
}

static void link_cell(struct fleet *f, uint32_t cell)
{
    struct cell *c = &f->cells.v.v[cell];
    struct class *k = &f->classes.v[c->class];

    c->next_of_class = k->first_cell;
    if (k->first_cell != CELL_NONE)
        f->cells.v.v[k->first_cell].prev_of_class = cell;
    k->first_cell = cell;
}

static void unlink_cell(struct fleet *f, uint32_t cell)
{
    const struct cell *c = &f->cells.v.v[cell];

    if (c->prev_of_class == CELL_NONE)
        f->classes.v[c->class].first_cell = c->next_of_class;
    else
        f->cells.v.v[c->prev_of_class].next_of_class = c->next_of_class;
    if (c->next_of_class != CELL_NONE)
        f->cells.v.v[c->next_of_class].prev_of_class = c->prev_of_class;
}

bool node_enter(struct fleet *f, uint32_t node)
{
    AUTO_BUF struct buf key = {0};
    struct node *n = fleet_node(f, node);
    struct room r = node_room(n);
    bool made = false;

    buf_le(&key, n->class, 4);
    for (size_t i = 0; i < f->indexed.n; i++) {
        const char *value = label_set_get(n->labels, f->indexed.v[i]);

        buf_putc(&key, value != NULL);
        if (value != NULL)
            buf_put(&key, value, strlen(value) + 1);
    }
    n->cell = CELL_NONE;
    if (buf_ok(&key, NULL))
        n->cell = cells_intern(&f->cells, n->class, buf_bytes(&key), &made);
    if (n->cell == CELL_NONE)
        return false;
    if (made)
        link_cell(f, n->cell);
    n->slot = cell_add(&f->cells, n->cell, node, &r);
    if (n->slot == SLOT_NONE) {
        if (made) {
            unlink_cell(f, n->cell);
            cells_drop(&f->cells, n->cell);
        }
        n->cell = CELL_NONE;
        return false;
    }
    if (node_usable(n))
        count_usable(f, n->cell, true);
    return true;
}

void node_leave(struct fleet *f, uint32_t node)
{
    struct node *n = fleet_node(f, node);
    uint32_t moved;

    if (n->cell == CELL_NONE)
        return;
    if (node_usable(n))
        count_usable(f, n->cell, false);
    cell_take(&f->cells, n->cell, n->slot, &moved);
    if (moved != NODE_NONE)
        fleet_node(f, moved)->slot = n->slot;
    if (f->cells.v.v[n->cell].n == 0) {
        unlink_cell(f, n->cell);
        cells_drop(&f->cells, n->cell);
    }
    n->cell = CELL_NONE;
}

static uint8_t spec_flags(const struct node_spec *s)
{
    return (uint8_t)((s->connected ? NODE_CONNECTED : 0) | (s->cordoned ? NODE_CORDONED : 0) |
                     (s->eligible ? NODE_ELIGIBLE : 0));
}

static bool nomem(struct err *e)
{
    return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a node");
}

/* A handle with a name and nothing else. */
static bool node_new(struct fleet *f, const char *name, uint32_t *out, struct err *e)
{
    char *copy = strdup(name);
    uint32_t i = (uint32_t)f->nodes.n;

    if (f->free_nodes.n > 0)
        i = f->free_nodes.v[f->free_nodes.n - 1];
    if (f->nodes.n >= UINT32_MAX - 2) {
        free(copy);
        return err_set(e, ERR_LIMIT, "scheduler.too-many-nodes", "too many nodes");
    }
    if (copy == NULL || !vec_reserve(&f->nodes, 1) ||
        !vec_reserve(&f->free_nodes, f->nodes.n + 1 - f->free_nodes.n) ||
        !map_put(&f->by_name, bytes_str(copy), (void *)((uintptr_t)i + 1))) {
        free(copy);
        return nomem(e);
    }
    if (f->free_nodes.n > 0)
        f->free_nodes.n--;
    else
        f->nodes.n++;
    f->nodes.v[i] = (struct node){.name = copy, .cell = CELL_NONE, .first_keep = KEEP_NONE};
    f->classes.v[0].nodes++; /* until its facts are known */
    f->heap += strlen(copy) + 1;
    f->nodes_n++;
    *out = i;
    return true;
}

static bool spec_check(const struct node_spec *s, struct err *e)
{
    if (s->name == NULL || s->name[0] == '\0')
        return err_set(e, ERR_INPUT, "scheduler.node-name", "a node without a name");
    if (s->capacity.cpu_milli > RESOURCE_MAX || s->capacity.memory > RESOURCE_MAX ||
        s->capacity.tee_slots > RESOURCE_MAX)
        return err_set(e, ERR_LIMIT, "scheduler.capacity", "node %s: no machine is that large",
                       s->name);
    return true;
}

/* Takes the spec over into the node; class, labels and id are already the fleet's. */
static void node_assign(struct fleet *f, uint32_t node, const struct node_spec *s, uint8_t *id)
{
    struct node *n = fleet_node(f, node);

    f->heap -= n->platform_id_n;
    free(n->platform_id);
    n->platform_id = id;
    n->platform_id_n = id == NULL ? 0 : (uint8_t)s->facts->platform_id_n;
    f->heap += n->platform_id_n;
    n->flags = spec_flags(s);
    n->capacity = s->capacity;
    n->verified_at_ms = s->verified_at_ms == INT64_MIN ? INT64_MIN + 1 : s->verified_at_ms;
}

bool fleet_node_put(struct fleet *f, const struct node_spec *s, uint32_t *out, struct err *e)
{
    uint32_t node, class, old_class;
    struct label_set *labels, *old_labels;
    uint8_t *id = NULL;

    if (!spec_check(s, e))
        return false;
    labels = label_set_intern(f, s->labels, s->labels_n, e);
    if (labels == NULL)
        return false;
    class = class_intern(f, s->facts);
    if (class != CLASS_NONE && s->facts != NULL && s->facts->platform_id_n > 0 &&
        s->facts->platform_id_n <= FACT_ID && (id = malloc(s->facts->platform_id_n)) != NULL)
        memcpy(id, s->facts->platform_id, s->facts->platform_id_n);
    node = fleet_node_find(f, s->name);
    if (class == CLASS_NONE || (node == NODE_NONE && !node_new(f, s->name, &node, e))) {
        if (class != CLASS_NONE)
            class_release(f, class);
        label_set_release(f, labels);
        free(id);
        return nomem(e);
    }
    old_class = fleet_node(f, node)->class;
    old_labels = fleet_node(f, node)->labels;
    if (old_class != class || old_labels != labels)
        node_leave(f, node);
    else if (node_usable(fleet_node(f, node)) != (spec_flags(s) == NODE_USABLE) &&
             fleet_node(f, node)->cell != CELL_NONE)
        count_usable(f, fleet_node(f, node)->cell, spec_flags(s) == NODE_USABLE);
    fleet_node(f, node)->class = class;
    fleet_node(f, node)->labels = labels;
    node_assign(f, node, s, id);
    class_release(f, old_class);
    if (old_labels != NULL)
        label_set_release(f, old_labels);
    if (out != NULL)
        *out = node;
    if (fleet_node(f, node)->cell != CELL_NONE) {
        node_refresh(f, node);
        return true;
    }
    return node_enter(f, node) || nomem(e);
}

static void set_flag(struct fleet *f, uint32_t node, uint8_t flag, bool on)
{
    struct node *n = fleet_node(f, node);
    bool was = node_usable(n);

    n->flags = (uint8_t)(on ? n->flags | flag : n->flags & ~flag);
    if (n->cell == CELL_NONE || was == node_usable(n))
        return;
    count_usable(f, n->cell, !was);
    node_refresh(f, node);
}

void fleet_node_connected(struct fleet *f, uint32_t node, bool connected)
{
    set_flag(f, node, NODE_CONNECTED, connected);
}

void fleet_node_cordoned(struct fleet *f, uint32_t node, bool cordoned)
{
    set_flag(f, node, NODE_CORDONED, cordoned);
}

void fleet_node_eligible(struct fleet *f, uint32_t node, bool eligible)
{
    set_flag(f, node, NODE_ELIGIBLE, eligible);
}

void fleet_node_verified(struct fleet *f, uint32_t node, int64_t verified_at_ms)
{
    fleet_node(f, node)->verified_at_ms =
        verified_at_ms == INT64_MIN ? INT64_MIN + 1 : verified_at_ms;
    node_refresh(f, node);
}

void fleet_node_remove(struct fleet *f, uint32_t node)
{
    struct node *n = fleet_node(f, node);

    keeps_forget_node(f, node);
    node_leave(f, node);
    class_release(f, n->class);
    if (n->labels != NULL)
        label_set_release(f, n->labels);
    (void)map_remove(&f->by_name, bytes_str(n->name));
    f->heap -= strlen(n->name) + 1 + n->platform_id_n;
    free(n->name);
    free(n->platform_id);
    *n = (struct node){.cell = CELL_NONE, .first_keep = KEEP_NONE};
    f->free_nodes.v[f->free_nodes.n++] = node; /* room was reserved with the node */
    f->nodes_n--;
}
