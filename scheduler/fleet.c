/* fleet.c - nodes: what is known of them, and their place in the index. */
#include "scheduler/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "scheduler/fleet_int.h"

#define MEMORY_MAX (1ull << 50)

static const char *name_of(const void *owner, uint32_t node)
{
    return fleet_node(owner, node)->name;
}

struct fleet *fleet_new(const uint64_t seed[2])
{
    struct fleet *f = calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    memcpy(f->seed, seed, sizeof f->seed);
    memcpy(f->by_name.seed, seed, sizeof f->by_name.seed);
    f->by_name.name = name_of;
    f->by_name.owner = f;
    f->free_node = NODE_NONE;
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
    pages_fini(&f->nodes);
    pages_fini(&f->keeps);
    free(f->scratch);
    vec_fini(&f->node_hist);
    u64_map_fini(&f->keep_by_id);
    u64_map_fini(&f->first_by_workload);
    name_map_fini(&f->by_name);
    map_fini(&f->label_sets);
    free(f);
}

static struct room node_room(const struct node *n)
{
    const struct amount *c = &n->capacity, *u = &n->used;
    struct room r = {.verified_at_ms = INT64_MIN};

    if (!node_usable(n) || n->class == 0 || n->exclusive > 0)
        return r;
    r.idle = n->keeps == 0;
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

    if (n->cell == CELL_NONE)
        return;
    f->classes.v[n->class].free_slots +=
        (uint64_t)r.free.tee_slots - cell_room(&f->cells, n->cell, n->slot)->free.tee_slots;
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

    c->epc = k->epc;
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
    f->classes.v[n->class].free_slots += r.free.tee_slots;
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
    f->classes.v[n->class].free_slots -= cell_room(&f->cells, n->cell, n->slot)->free.tee_slots;
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

/* A handle with these texts and nothing else; takes over texts. */
static bool node_new(struct fleet *f, char *texts, uint32_t *out, struct err *e)
{
    uint32_t i = f->free_node != NODE_NONE ? f->free_node : (uint32_t)f->nodes.n;

    if (f->nodes.n >= UINT32_MAX - 2) {
        free(texts);
        return err_set(e, ERR_LIMIT, "scheduler.too-many-nodes", "too many nodes");
    }
    if ((f->free_node == NODE_NONE && !pages_reserve(&f->nodes)) ||
        !name_map_reserve(&f->by_name)) {
        free(texts);
        return nomem(e);
    }
    if (f->free_node != NODE_NONE)
        f->free_node = fleet_node(f, i)->first_keep;
    else
        f->nodes.n++;
    *fleet_node(f, i) = (struct node){.name = texts, .cell = CELL_NONE, .first_keep = KEEP_NONE};
    name_map_put(&f->by_name, i);
    f->classes.v[0].nodes++; /* until its facts are known */
    f->nodes_n++;
    *out = i;
    return true;
}

static bool spec_check(const struct node_spec *s, struct err *e)
{
    if (s->name == NULL || s->name[0] == '\0')
        return err_set(e, ERR_INPUT, "scheduler.node-name", "a node without a name");
    if (s->capacity.cpu_milli > AMOUNT_MAX || s->capacity.memory > MEMORY_MAX ||
        s->capacity.tee_slots > AMOUNT_MAX || s->capacity.epc / EPC_PAGE > AMOUNT_MAX)
        return err_set(e, ERR_LIMIT, "scheduler.capacity", "node %s: no machine is that large",
                       s->name);
    return true;
}

static size_t spec_id(const struct node_spec *s)
{
    return s->facts != NULL && s->facts->platform_id_n <= FACT_ID ? s->facts->platform_id_n : 0;
}

static size_t texts_cost(const struct node *n)
{
    return heap_cost(strlen(n->name) + 1 + n->platform_id_n);
}

/* Name and platform id in one allocation. */
static char *texts_new(const struct node_spec *s)
{
    size_t name_n = strlen(s->name) + 1, id_n = spec_id(s);
    char *texts = malloc(name_n + id_n);

    if (texts == NULL)
        return NULL;
    memcpy(texts, s->name, name_n);
    if (id_n > 0)
        memcpy(texts + name_n, s->facts->platform_id, id_n);
    return texts;
}

/* Takes the spec over into the node, whose texts, class and labels are the fleet's already. */
static void node_assign(struct fleet *f, uint32_t node, const struct node_spec *s)
{
    struct node *n = fleet_node(f, node);

    n->flags = spec_flags(s);
    n->epc = f->classes.v[n->class].epc;
    n->capacity = (struct amount){
        .memory = s->capacity.memory,
        .cpu_milli = (uint32_t)s->capacity.cpu_milli,
        .tee_slots = (uint32_t)(n->epc ? s->capacity.epc / EPC_PAGE : s->capacity.tee_slots)};
    n->verified_at_ms = s->verified_at_ms == INT64_MIN ? INT64_MIN + 1 : s->verified_at_ms;
}

/* The node of that name with the texts of the spec: a known one or a new one. */
static bool node_named(struct fleet *f, const struct node_spec *s, uint32_t *out, struct err *e)
{
    char *texts = texts_new(s);
    struct node *n;

    if (texts == NULL)
        return nomem(e);
    *out = fleet_node_find(f, s->name);
    if (*out == NODE_NONE) {
        if (!node_new(f, texts, out, e))
            return false;
        n = fleet_node(f, *out);
    } else {
        n = fleet_node(f, *out);
        f->heap -= texts_cost(n);
        free(n->name); /* the map finds names by way of the nodes */
        n->name = texts;
    }
    n->platform_id_n = (uint8_t)spec_id(s);
    f->heap += texts_cost(n);
    return true;
}

bool fleet_node_put(struct fleet *f, const struct node_spec *s, uint32_t *out, struct err *e)
{
    uint32_t node = NODE_NONE, class, old_class;
    struct label_set *labels, *old_labels;
    bool had_epc;

    if (!spec_check(s, e))
        return false;
    labels = label_set_intern(f, s->labels, s->labels_n, e);
    if (labels == NULL)
        return false;
    class = class_intern(f, s->facts);
    if (class == CLASS_NONE || !node_named(f, s, &node, e)) {
        if (class != CLASS_NONE)
            class_release(f, class);
        label_set_release(f, labels);
        return nomem(e);
    }
    old_class = fleet_node(f, node)->class;
    old_labels = fleet_node(f, node)->labels;
    had_epc = fleet_node(f, node)->epc;
    if (old_class != class || old_labels != labels)
        node_leave(f, node);
    else if (node_usable(fleet_node(f, node)) != (spec_flags(s) == NODE_USABLE) &&
             fleet_node(f, node)->cell != CELL_NONE)
        count_usable(f, fleet_node(f, node)->cell, spec_flags(s) == NODE_USABLE);
    fleet_node(f, node)->class = class;
    fleet_node(f, node)->labels = labels;
    node_assign(f, node, s);
    if (had_epc != fleet_node(f, node)->epc)
        keeps_recount(f, node);
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

void fleet_scoring(struct fleet *f, enum scoring s)
{
    f->scoring = s;
}

void fleet_reserve(struct fleet *f, uint64_t per_class)
{
    f->reserve = per_class;
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

void node_gone(struct fleet *f, uint32_t node, bool gone)
{
    set_flag(f, node, NODE_GONE, gone);
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
    name_map_remove(&f->by_name, n->name);
    f->heap -= texts_cost(n);
    free(n->name);
    *n = (struct node){.cell = CELL_NONE, .first_keep = f->free_node};
    f->free_node = node;
    f->nodes_n--;
}
