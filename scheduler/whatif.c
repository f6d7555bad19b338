/* whatif.c - see whatif.h. */
#include "scheduler/whatif.h"

#include <stdio.h>
#include <stdlib.h>

#include "scheduler/run.h"
#include "scheduler/tally.h"

#define ADDED_MAX 100000
#define PLAN_MEMORY ((size_t)2 << 30)

struct added {
    uint32_t node, like, class;
};

struct trial {
    struct fleet *f;
    const struct evacuate_set *set;
    const struct evacuate_options *o;
    VEC(struct added) added;
    uint32_t names;
    uint32_t limit; /* handles below it are known to `gone` */
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a what-if");
}

static bool larger(const struct node *x, const struct node *y)
{
    if (x->capacity.cpu_milli != y->capacity.cpu_milli)
        return x->capacity.cpu_milli > y->capacity.cpu_milli;
    return x->capacity.memory > y->capacity.memory;
}

/* By class: its largest node outside the set that has the labels; NODE_NONE: none. */
static uint32_t model_of(const struct trial *t, const bool *gone, uint32_t class,
                         const struct demand *d)
{
    uint32_t best = NODE_NONE;

    for (uint32_t i = NODE_NONE; (i = fleet_class_next(t->f, class, i)) != NODE_NONE;) {
        const struct node *n = fleet_node(t->f, i);
        struct amount need;

        if (i >= t->limit || gone[i] || !labels_match(n->labels, d->labels, d->labels_n) ||
            !need_amount(&d->need, n->epc, &need) || need.cpu_milli > n->capacity.cpu_milli ||
            need.memory > n->capacity.memory || need.tee_slots > n->capacity.tee_slots)
            continue;
        if (best == NODE_NONE || larger(n, fleet_node(t->f, best)))
            best = i;
    }
    return best;
}

/* A node like that one, empty and in service. */
static bool add_like(struct trial *t, uint32_t like, struct err *e)
{
    struct node_view v = fleet_node_view(t->f, like);
    struct facts facts;
    char name[48];
    struct node_spec s = {.name = name,
                          .facts = &facts,
                          .capacity = v.capacity,
                          .labels = v.labels,
                          .labels_n = v.labels_n,
                          .connected = true,
                          .eligible = true,
                          .verified_at_ms = t->o->now_ms};
    struct added x = {.like = like, .class = v.class};

    if (t->added.n == ADDED_MAX || !fleet_node_facts(t->f, like, &facts))
        return err_set(e, ERR_LIMIT, "scheduler.what-if", "more than %d nodes would be needed",
                       ADDED_MAX);
    do
        (void)snprintf(name, sizeof name, "what-if.%u", t->names++);
    while (fleet_node_find(t->f, name) != NODE_NONE);
    if (!fleet_node_put(t->f, &s, &x.node, e))
        return false;
    if (vec_push(&t->added, x))
        return true;
    fleet_node_remove(t->f, x.node);
    return no_memory(e);
}

/* How many keeps of the demand one node of these takes. */
static uint32_t fill(const struct node *n, const struct demand *d)
{
    struct amount need;
    uint64_t most = UINT32_MAX;

    if (d->exclusive || !need_amount(&d->need, n->epc, &need))
        return 1;
    if (need.cpu_milli > 0 && n->capacity.cpu_milli / need.cpu_milli < most)
        most = n->capacity.cpu_milli / need.cpu_milli;
    if (need.memory > 0 && n->capacity.memory / need.memory < most)
        most = n->capacity.memory / need.memory;
    if (need.tee_slots > 0 && n->capacity.tee_slots / need.tee_slots < most)
        most = n->capacity.tee_slots / need.tee_slots;
    return most == 0 ? 1 : (uint32_t)most;
}

/* Whether the class's verdict on the demand lets nodes in, the set's own rules included. */
static bool class_open_to(const struct trial *t, uint32_t class, const struct demand *d)
{
    struct rules revoked = {.simulated = t->set->simulated};

    if (class == 0 || class_judge(t->f, class, d->rules).verdict != VERDICT_ADMITTED)
        return false;
    for (size_t i = 0; i < t->set->classes_n; i++)
        if (t->set->classes[i] == class)
            return false;
    if (t->set->platforms == NULL)
        return true;
    revoked.cluster = *t->set->platforms;
    return class_judge(t->f, class, &revoked).verdict != VERDICT_REVOKED;
}

/* The class that takes most of what is stuck; CLASS_NONE: none takes any. */
static uint32_t best_class(struct trial *t, const struct evacuate_plan *p, const bool *gone)
{
    uint32_t best = CLASS_NONE, most = 0;

    for (uint32_t c = 1; c < t->f->classes.n; c++) {
        uint64_t last = 0;
        uint32_t n = 0;
        bool takes = false;

        if (!t->f->classes.v[c].live || t->f->classes.v[c].nodes == 0)
            continue;
        for (size_t i = 0; i < p->stuck_n; i++) {
            struct evacuate_workload w;

            if (i == 0 || p->stuck[i].workload != last) {
                last = p->stuck[i].workload;
                takes = t->o->lookup(t->o->context, last, &w) && class_open_to(t, c, w.demand) &&
                        model_of(t, gone, c, w.demand) != NODE_NONE;
            }
            n += takes;
        }
        if (n > most) {
            most = n;
            best = c;
        }
    }
    return best;
}

/* Nodes of that class for all that it takes of what is stuck. False with no error: none. */
static bool add_for(struct trial *t, uint32_t class, const struct evacuate_plan *p,
                    const bool *gone, struct err *e)
{
    for (size_t i = 0, end; i < p->stuck_n; i = end) {
        struct evacuate_workload w;
        uint32_t like = NODE_NONE, many;

        for (end = i; end < p->stuck_n && p->stuck[end].workload == p->stuck[i].workload;)
            end++;
        if (t->o->lookup(t->o->context, p->stuck[i].workload, &w) &&
            class_open_to(t, class, w.demand))
            like = model_of(t, gone, class, w.demand);
        if (like == NODE_NONE)
            continue;
        many = (uint32_t)(end - i);
        for (uint32_t per = fill(fleet_node(t->f, like), w.demand); many > 0;) {
            if (!add_like(t, like, e))
                return false;
            many = many > per ? many - per : 0;
        }
    }
    return true;
}

static bool *gone_nodes(const struct trial *t, const struct evacuate_plan *p)
{
    bool *gone = calloc(t->f->nodes.n + 1, sizeof *gone);

    for (size_t i = 0; gone != NULL && i < p->nodes; i++)
        gone[p->node[i]] = true;
    return gone;
}

/* The entry of nodes like this one, made when there is none; NULL: no memory in the arena. */
static struct whatif_extra *entry(const struct trial *t, const struct added *x, struct arena *a,
                                  struct whatif_extra *v, size_t *n)
{
    struct node_view like = fleet_node_view(t->f, x->like);

    for (size_t k = 0; k < *n; k++)
        if (strcmp(v[k].like, like.name) == 0)
            return &v[k];
    v[*n] = (struct whatif_extra){
        .class = x->class, .like = arena_strdup(a, like.name), .each = like.capacity};
    return v[*n].like == NULL ? NULL : &v[(*n)++];
}

/* One keep goes to an added node. */
static bool receive(const struct trial *t, const struct evacuate_move *m, struct whatif_extra *v)
{
    struct evacuate_workload w;

    if (!t->o->lookup(t->o->context, m->workload, &w))
        return false;
    v->received++;
    v->used.cpu_milli += w.demand->need.cpu_milli;
    v->used.memory += w.demand->need.memory;
    v->used.tee_slots += w.demand->need.tee_slots;
    v->used.epc += w.demand->need.epc;
    return true;
}

/* The added nodes that received keeps, by the nodes that they are like. */
static bool report(const struct trial *t, const struct evacuate_plan *p, struct arena *a,
                   struct whatif *out, struct err *e)
{
    struct whatif_extra *v = arena_array(a, t->added.n + 1, sizeof *v);
    struct u64_map by_node = {.seed = 1}, seen = {.seed = 2};
    bool ok = v != NULL;

    for (size_t i = 0; ok && i < t->added.n; i++)
        ok = u64_map_put(&by_node, t->added.v[i].node, (uint32_t)i);
    for (size_t i = 0; ok && i < p->moves_n; i++) {
        uint32_t at = u64_map_get(&by_node, p->moves[i].to);
        struct whatif_extra *x;

        if (at == UINT32_MAX)
            continue;
        x = entry(t, &t->added.v[at], a, v, &out->extra_n);
        ok = x != NULL && receive(t, &p->moves[i], x);
        if (ok && u64_map_get(&seen, p->moves[i].to) == UINT32_MAX) {
            x->nodes++;
            ok = u64_map_put(&seen, p->moves[i].to, 1);
        }
    }
    u64_map_fini(&by_node);
    u64_map_fini(&seen);
    out->extra = v;
    return ok || no_memory(e);
}

/* Takes away the nodes added from `had` on. */
static void take_away(struct trial *t, size_t had)
{
    while (t->added.n > had)
        fleet_node_remove(t->f, t->added.v[--t->added.n].node);
}

/* One round: more nodes, and the plan with them. *progress: fewer are stuck. */
static bool one_round(struct trial *t, const bool *gone, struct arena *try,
                      struct evacuate_plan *now, bool *progress, struct err *e)
{
    struct evacuate_options quiet = *t->o;
    uint32_t class = best_class(t, now, gone);
    size_t had = t->added.n, stuck = now->stuck_n;

    *progress = false;
    quiet.without_digest = true;
    if (class == CLASS_NONE)
        return true;
    if (!add_for(t, class, now, gone, e))
        return false;
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        arena_fini(try);
        arena_init(try, PLAN_MEMORY);
        if (!evacuate(t->f, t->set, &quiet, try, now, e))
            return false;
        *progress = now->stuck_n < stuck;
        if (*progress)
            return true;
        take_away(t, had); /* in vain: the plan is as before, once more */
    }
    return true;
}

static bool rounds(struct trial *t, struct arena *a, struct whatif *out, struct err *e)
{
    bool *gone = gone_nodes(t, &out->plan), ok = true, progress = true;
    struct evacuate_plan now = out->plan;
    struct arena try = {0};

    if (gone == NULL)
        return no_memory(e);
    for (unsigned i = 0; ok && progress && i < WHATIF_ROUNDS && now.stuck_n > 0; i++)
        ok = one_round(t, gone, &try, &now, &progress, e);
    free(gone);
    if (ok) {
        out->hopeless = (uint32_t)now.stuck_n;
        out->helped = (uint32_t)(out->plan.stuck_n - now.stuck_n);
        ok = report(t, &now, a, out, e);
    }
    arena_fini(&try);
    return ok;
}

bool whatif(struct fleet *f, const struct evacuate_set *set, const struct evacuate_options *o,
            struct arena *a, struct whatif *out, struct err *e)
{
    struct trial t = {.f = f, .set = set, .o = o, .limit = (uint32_t)f->nodes.n};
    bool ok;

    memset(out, 0, sizeof *out);
    ok = evacuate(f, set, o, a, &out->plan, e) && rounds(&t, a, out, e);
    take_away(&t, 0);
    vec_fini(&t.added);
    return ok;
}

/* The first class whose generation is this one: each is looked at once. */
static bool first_of(const struct fleet *f, uint32_t class, const char *word)
{
    for (uint32_t c = 1; c < class; c++) {
        const struct facts *x = f->classes.v[c].facts;

        if (x != NULL && x->generation.n == 1 && strcmp(x->generation.word[0], word) == 0)
            return false;
    }
    return true;
}

bool reserve_check(struct fleet *f, const struct evacuate_options *o, struct arena *a,
                   struct reserve_report *out, struct err *e)
{
    struct evacuate_options quiet = *o;

    quiet.without_digest = quiet.ignore_reserve = true;
    *out = (struct reserve_report){.generation = ""};
    for (uint32_t c = 1; c < f->classes.n; c++) {
        const struct facts *x = f->classes.v[c].facts;
        char word[FACT_WORD];
        const char *name = word;
        struct rule rule = {.name = "reserve"};
        struct rule_list list = {.v = &rule, .n = 1};
        struct evacuate_set set = {.platforms = &list};
        struct evacuate_plan p;
        AUTO_ARENA struct arena try = {0};

        if (x == NULL || x->generation.n != 1 || !first_of(f, c, x->generation.word[0]))
            continue;
        memcpy(word, x->generation.word[0], sizeof word);
        rule.selector.generation = (struct selector_words){&name, 1};
        arena_init(&try, PLAN_MEMORY);
        if (!evacuate(f, &set, &quiet, &try, &p, e))
            return false;
        out->generations++;
        if (p.stuck_n <= out->stuck)
            continue;
        out->stuck = (uint32_t)p.stuck_n;
        out->generation = arena_strdup(a, word);
        if (out->generation == NULL)
            return no_memory(e);
    }
    return true;
}
