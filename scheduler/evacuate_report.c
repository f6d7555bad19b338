/* evacuate_report.c - what a plan says beside its moves: the set, reasons, classes, digest. */
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/evacuate_int.h"
#include "scheduler/tally.h"

/* Reasons are looked for node by node: more kinds of demands than these share no look any more. */
#define REASONS_MAX 1000

static bool in_labels(const struct fleet *f, uint32_t node, const struct evacuate_set *set)
{
    return set->labels_n > 0 &&
           labels_match(fleet_node(f, node)->labels, set->labels, set->labels_n);
}

/* By class: whether the set names it. NULL: no memory. */
static bool *class_marks(struct planner *p, const struct evacuate_set *set, struct err *e)
{
    bool *marks = calloc(p->f->classes.n + 1, sizeof *marks);
    struct rules r = {.simulated = set->simulated};

    if (marks == NULL) {
        err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a plan");
        return NULL;
    }
    for (size_t i = 0; i < set->classes_n; i++)
        if (set->classes[i] < p->f->classes.n)
            marks[set->classes[i]] = true;
    if (set->platforms == NULL)
        return marks;
    r.cluster = *set->platforms;
    for (uint32_t c = 1; c < p->f->classes.n; c++)
        if (p->f->classes.v[c].live && p->f->classes.v[c].nodes > 0 &&
            class_judge(p->f, c, &r).verdict == VERDICT_REVOKED)
            marks[c] = true;
    return marks;
}

bool evacuate_collect(struct planner *p, const struct evacuate_set *set, struct err *e)
{
    struct fleet *f = p->f;
    struct rules r = {.simulated = set->simulated};
    uint32_t *nodes;
    bool *marks, *named, ok = true;

    if (set->platforms != NULL) {
        r.cluster = *set->platforms;
        if (!class_name_platforms(f, &r, e))
            return false;
    }
    marks = class_marks(p, set, e);
    named = calloc(f->nodes.n + 1, sizeof *named);
    if (marks == NULL || named == NULL) {
        free(marks);
        free(named);
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a plan");
    }
    for (size_t i = 0; i < set->nodes_n; i++)
        if (set->nodes[i] < f->nodes.n)
            named[set->nodes[i]] = true;
    for (uint32_t i = 0; ok && i < f->nodes.n; i++) {
        const struct node *n = fleet_node(f, i);

        if (n->name != NULL && (named[i] || marks[n->class] || in_labels(f, i, set)))
            ok = vec_push(&p->nodes, i);
    }
    free(marks);
    free(named);
    if (!ok)
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a plan");
    nodes = arena_array(p->a, p->nodes.n + 1, sizeof *nodes);
    if (nodes == NULL)
        return evacuate_full(e);
    if (p->nodes.n > 0)
        memcpy(nodes, p->nodes.v, p->nodes.n * sizeof *nodes);
    p->plan->node = nodes;
    return true;
}

static bool same_kind(const struct demand *x, const struct demand *y)
{
    if (memcmp(&x->need, &y->need, sizeof x->need) != 0 || x->exclusive != y->exclusive ||
        x->may_use_reserve != y->may_use_reserve || x->spread_n != y->spread_n ||
        x->relations_n > 0 || y->relations_n > 0 ||
        x->rules->max_evidence_age_ms != y->rules->max_evidence_age_ms)
        return false;
    for (size_t i = 0; i < x->spread_n; i++)
        if (x->spread[i].max_skew != y->spread[i].max_skew ||
            x->spread[i].max_share != y->spread[i].max_share)
            return false;
    return true;
}

/* The rule that keeps the demand away from most nodes, or "". NULL: no memory. */
static const char *blocking_rule(const struct planner *p, const struct demand *d)
{
    size_t classes = p->f->classes.n;
    const struct rule **rules = calloc(classes, sizeof *rules);
    const char *best = "";
    uint64_t most = 0;

    if (rules == NULL)
        return NULL;
    for (uint32_t c = 1; c < classes; c++) {
        uint64_t n = p->f->classes.v[c].live ? p->f->classes.v[c].nodes : 0;
        struct judgement j = {VERDICT_ADMITTED, NULL, TRUTH_NO};

        if (n > 0)
            j = class_judge(p->f, c, d->rules);
        if (j.verdict == VERDICT_ADMITTED || j.rule == NULL)
            continue;
        rules[c] = j.rule;
        for (uint32_t k = 1; k < c; k++)
            n += rules[k] == j.rule ? p->f->classes.v[k].nodes : 0;
        if (n > most) {
            most = n;
            best = j.rule->name == NULL ? "" : j.rule->name;
        }
    }
    free(rules);
    return best;
}

static enum obstacle main_obstacle(const uint32_t tally[OBSTACLES])
{
    enum obstacle best = OBSTACLE_REVOKED;

    for (unsigned i = 1; i < OBSTACLES; i++)
        if (i != OBSTACLE_REVOKED && tally[i] > 0 &&
            (best == OBSTACLE_REVOKED || tally[i] > tally[best]))
            best = (enum obstacle)i;
    return best;
}

bool evacuate_reason(struct planner *p, const struct run *r, const struct job *j,
                     struct reason *out, struct err *e)
{
    struct reason why = {.shape = r->shape->born, .demand = &j->demand, .rule = ""};

    for (size_t i = 0; i < p->reasons.n; i++)
        if (p->reasons.v[i].shape == r->shape->born &&
            same_kind(p->reasons.v[i].demand, &j->demand)) {
            *out = p->reasons.v[i];
            return true;
        }
    if (p->reasons.n == REASONS_MAX) {
        *out = why;
        return true;
    }
    why.tally = arena_alloc(p->a, sizeof *why.tally);
    if (why.tally == NULL)
        return evacuate_full(e);
    why.tally->pending = j->n - j->moved;
    why.tally->placed = j->moved;
    if (!tally(p->f, &j->demand, p->o->now_ms, why.tally->tally, e))
        return false;
    why.obstacle = main_obstacle(why.tally->tally);
    why.rule = blocking_rule(p, &j->demand);
    if (why.rule != NULL)
        why.rule = arena_strdup(p->a, why.rule);
    if (why.rule == NULL)
        return evacuate_full(e);
    *out = why;
    return vec_push(&p->reasons, why) ||
           err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a plan");
}

static void add_node(struct evacuate_class *c, const struct node *n)
{
    struct resources all = amount_resources(&n->capacity, n->epc);
    struct resources used = amount_resources(&n->used, n->epc);

    c->nodes++;
    if ((n->flags & NODE_GONE) != 0) {
        c->nodes_gone++;
        return;
    }
    c->capacity.cpu_milli += all.cpu_milli;
    c->capacity.memory += all.memory;
    c->capacity.tee_slots += all.tee_slots;
    c->capacity.epc += all.epc;
    c->free.cpu_milli += all.cpu_milli > used.cpu_milli ? all.cpu_milli - used.cpu_milli : 0;
    c->free.memory += all.memory > used.memory ? all.memory - used.memory : 0;
    c->free.tee_slots += all.tee_slots > used.tee_slots ? all.tee_slots - used.tee_slots : 0;
    c->free.epc += all.epc > used.epc ? all.epc - used.epc : 0;
}

static bool report_classes(struct planner *p, struct err *e)
{
    const struct fleet *f = p->f;
    struct evacuate_class *v = arena_array(p->a, f->classes.n + 1, sizeof *v);
    size_t n = 0;

    if (v == NULL)
        return evacuate_full(e);
    for (uint32_t i = 0; i < f->nodes.n; i++)
        if (fleet_node(f, i)->name != NULL)
            add_node(&v[fleet_node(f, i)->class], fleet_node(f, i));
    for (size_t i = 0; i < p->plan->moves_n; i++)
        v[fleet_node(f, p->plan->moves[i].to)->class].received++;
    for (uint32_t c = 0; c < f->classes.n; c++) {
        if (v[c].nodes == 0)
            continue;
        v[c].class = c;
        v[n++] = v[c];
    }
    p->plan->classes = v;
    p->plan->classes_n = n;
    return true;
}

/* Order must not matter, for it comes from ids: items are hashed alone and added up. */
static void digest_add(struct planner *p, uint64_t a, uint64_t b, uint64_t c)
{
    static const uint64_t keys[2][2] = {{0x6261696c65792d31, 0x65766163756174}, /* any two */
                                        {0x6261696c65792d32, 0x65766163756174}};
    const uint64_t item[3] = {a, b, c};

    for (unsigned i = 0; i < 2; i++)
        p->digest[i] += siphash13(keys[i], (struct bytes){(const uint8_t *)item, sizeof item});
}

static uint64_t text_hash(const char *s)
{
    static const uint64_t key[2] = {0x6261696c65792d33, 0x65766163756174};

    return siphash13(key, bytes_str(s));
}

static bool report_digest(struct planner *p, struct err *e)
{
    uint64_t *from = calloc(p->f->nodes.n + 1, sizeof *from);
    size_t stuck = 0;

    if (from == NULL)
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a plan");
    for (size_t i = 0; i < p->nodes.n; i++) {
        from[p->nodes.v[i]] = text_hash(fleet_node(p->f, p->nodes.v[i])->name);
        digest_add(p, 1, from[p->nodes.v[i]], 0);
    }
    for (size_t i = 0; i < p->jobs.n; i++) {
        const struct job *j = &p->jobs.v[i];
        uint64_t name = j->demand.name == NULL ? j->id : text_hash(j->demand.name);

        for (uint32_t k = 0; k < j->n; k++) {
            uint64_t outcome = 2;

            if (k >= j->moved)
                outcome = 16 + (uint64_t)p->plan->stuck[stuck++].obstacle;
            digest_add(p, name, from[p->leavers.v[j->first + k].from], outcome);
        }
    }
    free(from);
    digest_add(p, 3, p->plan->waves, p->plan->dark_n);
    (void)snprintf(p->plan->digest, sizeof p->plan->digest, "%016llx%016llx",
                   (unsigned long long)p->digest[0], (unsigned long long)p->digest[1]);
    return true;
}

bool evacuate_report(struct planner *p, struct err *e)
{
    return report_classes(p, e) && (p->o->without_digest || report_digest(p, e));
}
