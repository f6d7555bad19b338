/* Placing against an exhaustive oracle, case after case, with the number of cases and the seed in
 * the output:
 *  - every node chosen is one that the oracle allows, and none allowed is more preferred;
 *  - "no place" means that the oracle allows no node (no false "unplaceable");
 *  - place_obstacle() says the same as the oracle of every node, and the tally adds up;
 *  - after any sequence of events the index answers as one built anew from the same nodes and
 * keeps;
 *  - the same seed gives the same decisions, twice.
 * Worlds are drawn plain and awkward: skewed classes, fragmented capacity, tight spread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/prop/sched_model.h"

#define STEPS 40 /* cases in one world */

struct tally_of {
    uint64_t cases, placed, pending, rebuilt;
};

static const char *const kinds[MODEL_KINDS] = {"plain", "skewed", "fragmented", "tight"};

static void fail(const struct model *m, uint64_t seed, uint64_t step, const char *what)
{
    fprintf(stderr, "sched_place: %s (%s world of seed %" PRIu64 ", step %" PRIu64 ")\n", what,
            kinds[m->kind], seed, step);
    exit(1);
}

static void check_decision(struct model *m, const struct model_demand *x, const struct decision *v,
                           uint64_t seed, uint64_t step)
{
    unsigned chosen = v->node == NODE_NONE ? MODEL_NONE : model_node_of(m, v->node);

    if (v->node != NODE_NONE && (chosen == MODEL_NONE || !model_allows(m, x, chosen)))
        fail(m, seed, step, "a place that is not allowed");
    for (unsigned i = 0; i < MODEL_NODES; i++) {
        if (i == chosen || !m->node[i].there || !model_allows(m, x, i))
            continue;
        if (chosen == MODEL_NONE)
            fail(m, seed, step, "unplaceable, but a node is right");
        if (model_score(m, x, i) > model_score(m, x, chosen))
            fail(m, seed, step, "a more preferred node was passed over");
    }
}

/* The fleet's own word on every node, before anything is decided. */
static void check_nodes(struct model *m, const struct model_demand *x, struct fleet *f,
                        const uint32_t *handle, uint64_t seed, uint64_t step)
{
    uint32_t there = 0, tally = 0;
    struct decision v = {0};
    struct placing p;
    bool any = false;

    for (unsigned i = 0; i < MODEL_NODES; i++) {
        enum obstacle o;

        if (!m->node[i].there)
            continue;
        there++;
        if (!place_obstacle(f, &x->d, m->now_ms, handle == NULL ? m->node[i].handle : handle[i], &o,
                            NULL) ||
            (o == OBSTACLE_NONE) != model_allows(m, x, i))
            fail(m, seed, step, "an obstacle that is none, or none where there is one");
        any = any || o == OBSTACLE_NONE;
    }
    if (!place(f, &x->d, m->now_ms, &v, 1, &p, NULL) || (v.node != NODE_NONE) != any)
        fail(m, seed, step, "a trial differs from the nodes one by one");
    for (unsigned i = 0; i < OBSTACLES; i++)
        tally += p.tally[i];
    if (v.node == NODE_NONE && (tally != there || p.tally[OBSTACLE_NONE] != 0))
        fail(m, seed, step, "the tally does not add up");
}

static void one_case(struct model *m, uint64_t seed, uint64_t step, struct tally_of *t,
                     uint64_t *print)
{
    struct decision v[4] = {0};
    struct model_demand x;
    struct placing p;
    unsigned count;

    model_change(m);
    model_demand(m, &x);
    count = 1 + (unsigned)prng_below(&m->r, 4);
    t->cases++;
    if (model_room(m) < count)
        return;
    if (step % 8 == 0)
        check_nodes(m, &x, m->f, NULL, seed, step);
    for (unsigned i = 0; i < count; i++)
        v[i].keep = ++m->ids;
    if (!place(m->f, &x.d, m->now_ms, v, count, &p, NULL))
        fail(m, seed, step, "place() failed");
    /* The reserve's oracle reads the fleet: take all back, then play them one by one. */
    for (unsigned i = 0; i < p.placed; i++)
        if (!fleet_keep_remove(m->f, v[i].keep))
            fail(m, seed, step, "a placed keep is not there");
    for (unsigned i = 0; i < count && i <= p.placed; i++) {
        check_decision(m, &x, &v[i], seed, step);
        *print = (*print * 31 + v[i].node) * 1099511628211ull;
        if (v[i].node == NODE_NONE)
            break;
        if (!model_book(m, &x, v[i].keep, model_node_of(m, v[i].node)) ||
            !fleet_keep_put(m->f,
                            &(struct keep_spec){.id = v[i].keep,
                                                .workload = x.d.workload,
                                                .node = v[i].node,
                                                .need = x.d.need,
                                                .exclusive = x.d.exclusive},
                            NULL))
            fail(m, seed, step, "a decision cannot be booked");
    }
    t->placed += p.placed;
    t->pending += p.pending;
}

static void check_rebuilt(struct model *m, uint64_t seed, struct tally_of *t)
{
    uint32_t handle[MODEL_NODES];
    struct fleet *f = model_rebuild(m, handle);

    if (fleet_keep_count(f) != fleet_keep_count(m->f) ||
        fleet_node_count(f) != fleet_node_count(m->f))
        fail(m, seed, STEPS, "other numbers of nodes or keeps than a fleet made anew");
    for (unsigned i = 0; i < MODEL_NODES; i++) {
        struct node_view a, b;

        if (!m->node[i].there)
            continue;
        a = fleet_node_view(m->f, m->node[i].handle);
        b = fleet_node_view(f, handle[i]);
        if (memcmp(&a.used, &b.used, sizeof a.used) != 0 || a.keeps != b.keeps ||
            fleet_class_nodes(m->f, a.class) != fleet_class_nodes(f, b.class) ||
            fleet_class_free(m->f, a.class) != fleet_class_free(f, b.class))
            fail(m, seed, STEPS, "a node or class differs from a fleet made anew");
    }
    for (unsigned i = 0; i < 3; i++) {
        struct model_demand x;

        model_demand(m, &x);
        check_nodes(m, &x, m->f, NULL, seed, STEPS + i);
        check_nodes(m, &x, f, handle, seed, STEPS + i);
    }
    fleet_free(f);
    t->rebuilt++;
}

static uint64_t one_world(uint64_t seed, struct tally_of *t, bool checked)
{
    struct tally_of unused = {0};
    struct model m;
    uint64_t print = 0;

    model_start(&m, seed, (enum model_kind)(seed % MODEL_KINDS));
    for (uint64_t step = 0; step < STEPS; step++)
        one_case(&m, seed, step, checked ? t : &unused, &print);
    if (checked)
        check_rebuilt(&m, seed, t);
    model_end(&m);
    return print;
}

int main(int argc, char **argv)
{
    uint64_t cases = 100000, seed = 1;
    struct tally_of t = {0};

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cases") == 0)
            cases = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
    }
    for (uint64_t world = seed; t.cases < cases; world++) {
        uint64_t print = one_world(world, &t, true);

        if (world % 16 == 0 && one_world(world, &t, false) != print) {
            fprintf(stderr, "sched_place: seed %" PRIu64 " decides otherwise the second time\n",
                    world);
            return 1;
        }
    }
    printf("sched_place: %" PRIu64 " cases from seed %" PRIu64 ": %" PRIu64 " placed, %" PRIu64
           " rightly pending, %" PRIu64 " fleets made anew and compared\n",
           t.cases, seed, t.placed, t.pending, t.rebuilt);
    return t.placed > cases / 10 && t.pending > cases / 10 ? 0 : 1; /* both were tried */
}
