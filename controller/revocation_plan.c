/* What a revocation would do, thought through by the scheduler over the whole fleet, and whether
 * the guard has anything against it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "controller/failpoint.h"
#include "controller/revocation.h"
#include "controller/revocation_int.h"
#include "scheduler/evacuate.h"

#define PLAN_LIMIT ((size_t)512 << 20) /* of the scheduler's plan: 200 bytes a keep */

static char *text(const char *s)
{
    return (char *)(uintptr_t)(s == NULL ? "" : s);
}

static bool too_large(struct err *e)
{
    return err_set(e, ERR_LIMIT, "api.answer-too-large", "the plan is too large"),
           err_mend(e, "ask for fewer moves");
}

struct planning {
    struct state *st;
    struct revocation revocation;
    struct workload **workloads; /* by id */
    size_t workloads_n;
    struct evacuate_plan plan;
    struct arena *a;
    uint32_t limit;
    Bailey__V1__RevocationPlan *out;
};

static int by_id(const void *x, const void *y)
{
    const struct workload *a = *(struct workload *const *)x, *b = *(struct workload *const *)y;

    return a->id < b->id ? -1 : a->id > b->id;
}

static struct workload *workload_by_id(const struct planning *p, uint64_t id)
{
    struct workload key = {.id = id}, *at = &key;
    struct workload **found =
        bsearch(&at, p->workloads, p->workloads_n, sizeof *p->workloads, by_id);

    return found == NULL ? NULL : *found;
}

static const struct keep *keep_by_id(const struct workload *w, uint64_t id)
{
    for (size_t i = 0; w != NULL && i < w->keeps.n; i++)
        if (w->keeps.v[i]->id == id)
            return w->keeps.v[i];
    return NULL;
}

static bool look_up(void *context, uint64_t id, struct evacuate_workload *out)
{
    const struct planning *p = context;
    struct workload *w = workload_by_id(p, id);
    uint32_t ready = 0, want;

    if (w == NULL || w->msg->metadata->deleted_at[0] != '\0')
        return false;
    want = w->msg->spec->replicas;
    for (size_t i = 0; i < w->keeps.n; i++)
        ready += keep_live(w->keeps.v[i]) && keep_ready(p->st, w->keeps.v[i]);
    *out = (struct evacuate_workload){.demand = &w->demand,
                                      .max_unavailable = move_max_unavailable(w),
                                      .missing = want > ready ? want - ready : 0};
    return true;
}

static bool put_nodes(struct planning *p)
{
    Bailey__V1__RevocationPlan *out = p->out;
    size_t n = p->plan.nodes < p->limit ? p->plan.nodes : p->limit;
    Bailey__V1__PlannedNode *v = arena_array(p->a, n + 1, sizeof *v);

    out->nodes = arena_array(p->a, n + 1, sizeof *out->nodes);
    if (v == NULL || out->nodes == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct node_view view = fleet_node_view(p->st->fleet, p->plan.node[i]);
        const struct node *node = state_node(p->st, view.name);
        enum truth truth = TRUTH_NO;
        struct facts facts;
        char line[256];

        bailey__v1__planned_node__init(&v[i]);
        v[i].node = arena_strdup(p->a, view.name);
        v[i].facts = text("");
        if (fleet_node_facts(p->st->fleet, p->plan.node[i], &facts)) {
            v[i].facts = arena_strdup(p->a, facts_format(&facts, line, sizeof line));
            (void)rules_refusing(&p->revocation.rules, &facts, SIMULATED_DEFAULT, &truth);
        }
        v[i].keeps = view.keeps;
        v[i].connected = node != NULL && node_connected(p->st, node);
        v[i].unsure = truth == TRUTH_UNKNOWN;
        if (v[i].node == NULL || v[i].facts == NULL)
            return false;
        out->nodes[out->n_nodes++] = &v[i];
    }
    return true;
}

static bool put_moves(struct planning *p)
{
    Bailey__V1__RevocationPlan *out = p->out;
    size_t n = p->plan.moves_n < p->limit ? p->plan.moves_n : p->limit;
    Bailey__V1__PlannedMove *v = arena_array(p->a, n + 1, sizeof *v);

    out->moves = arena_array(p->a, n + 1, sizeof *out->moves);
    if (v == NULL || out->moves == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct evacuate_move *m = &p->plan.moves[i];
        const struct workload *w = workload_by_id(p, m->workload);
        const struct keep *k = keep_by_id(w, m->keep);

        bailey__v1__planned_move__init(&v[i]);
        v[i].keep = text(k == NULL ? "" : k->object.key);
        v[i].workload = text(w == NULL ? "" : w->object.key);
        v[i].from = arena_strdup(p->a, fleet_node_view(p->st->fleet, m->from).name);
        v[i].to = arena_strdup(p->a, fleet_node_view(p->st->fleet, m->to).name);
        v[i].wave = m->wave;
        if (v[i].from == NULL || v[i].to == NULL)
            return false;
        out->moves[out->n_moves++] = &v[i];
    }
    return true;
}

static bool put_stuck(struct planning *p)
{
    Bailey__V1__RevocationPlan *out = p->out;
    size_t n = p->plan.stuck_n < p->limit ? p->plan.stuck_n : p->limit;
    Bailey__V1__RevocationKeep *v = arena_array(p->a, n + 1, sizeof *v);

    out->unplaceable = arena_array(p->a, n + 1, sizeof *out->unplaceable);
    if (v == NULL || out->unplaceable == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct evacuate_stuck *s = &p->plan.stuck[i];
        const struct workload *w = workload_by_id(p, s->workload);
        const struct keep *k = keep_by_id(w, s->keep);
        char why[256] = "";

        bailey__v1__revocation_keep__init(&v[i]);
        v[i].keep = text(k == NULL ? "" : k->object.key);
        v[i].workload = text(w == NULL ? "" : w->object.key);
        v[i].node = arena_strdup(p->a, fleet_node_view(p->st->fleet, s->from).name);
        v[i].rule = arena_strdup(p->a, s->rule);
        v[i].why = arena_strdup(p->a, s->tally == NULL ? obstacle_text(s->obstacle)
                                                       : placing_text(s->tally, why, sizeof why));
        if (v[i].node == NULL || v[i].rule == NULL || v[i].why == NULL)
            return false;
        out->unplaceable[out->n_unplaceable++] = &v[i];
    }
    return true;
}

static Bailey__V1__Capacity *capacity(struct arena *a, const struct resources *r)
{
    Bailey__V1__Capacity *c = arena_alloc(a, sizeof *c);

    if (c == NULL)
        return NULL;
    bailey__v1__capacity__init(c);
    c->cpu_milli = r->cpu_milli;
    c->memory_bytes = r->memory;
    c->tee_slots = r->tee_slots;
    c->epc_bytes = r->epc;
    return c;
}

static bool put_classes(struct planning *p)
{
    Bailey__V1__RevocationPlan *out = p->out;
    Bailey__V1__PlannedClass *v = arena_array(p->a, p->plan.classes_n + 1, sizeof *v);
    char line[256];

    out->classes = arena_array(p->a, p->plan.classes_n + 1, sizeof *out->classes);
    if (v == NULL || out->classes == NULL)
        return false;
    for (size_t i = 0; i < p->plan.classes_n; i++) {
        const struct evacuate_class *c = &p->plan.classes[i];
        const struct facts *f = fleet_class_facts(p->st->fleet, c->class);

        bailey__v1__planned_class__init(&v[i]);
        v[i].facts =
            arena_strdup(p->a, f == NULL ? "nothing verified" : facts_format(f, line, sizeof line));
        v[i].nodes = c->nodes;
        v[i].nodes_gone = c->nodes_gone;
        v[i].received = c->received;
        v[i].capacity = capacity(p->a, &c->capacity);
        v[i].free = capacity(p->a, &c->free);
        if (v[i].facts == NULL || v[i].capacity == NULL || v[i].free == NULL)
            return false;
        out->classes[out->n_classes++] = &v[i];
    }
    return true;
}

static bool put_dark(struct planning *p)
{
    Bailey__V1__RevocationPlan *out = p->out;

    out->dark_workloads = arena_array(p->a, p->plan.dark_n + 1, sizeof *out->dark_workloads);
    for (size_t i = 0; out->dark_workloads != NULL && i < p->plan.dark_n; i++) {
        const struct workload *w = workload_by_id(p, p->plan.dark[i]);

        out->dark_workloads[out->n_dark_workloads++] = text(w == NULL ? "" : w->object.key);
    }
    return out->dark_workloads != NULL;
}

/* The number to name is the nodes' share, whatever the guard has against it: one number, which the
 * plan shows and which an old command line does not happen to have. */
static bool put_guard(struct planning *p)
{
    Bailey__V1__RevocationPlan *out = p->out;
    Bailey__V1__GuardVerdict *g = arena_alloc(p->a, sizeof *g);
    uint32_t most = p->st->options.guard_percent;

    if (g == NULL)
        return false;
    bailey__v1__guard_verdict__init(g);
    out->guard = g;
    g->max_nodes_percent = most;
    g->reasons = arena_array(p->a, 2, sizeof *g->reasons);
    g->override = arena_printf(p->a, "%u%%", out->nodes_percent);
    if (g->reasons == NULL || g->override == NULL)
        return false;
    if ((uint64_t)p->plan.nodes * 100 > (uint64_t)most * p->plan.nodes_all)
        g->reasons[g->n_reasons++] =
            arena_printf(p->a, "it names %u of %u nodes (%u%%); at most %u%% may go", p->plan.nodes,
                         p->plan.nodes_all, out->nodes_percent, most);
    if (p->plan.dark_n > 0)
        g->reasons[g->n_reasons++] =
            arena_printf(p->a, "%zu workload%s would be left without any replica, the first is %s",
                         p->plan.dark_n, p->plan.dark_n == 1 ? "" : "s", out->dark_workloads[0]);
    g->stops = g->n_reasons > 0;
    for (size_t i = 0; i < g->n_reasons; i++)
        if (g->reasons[i] == NULL)
            return false;
    return true;
}

static bool put_all(struct planning *p, struct err *e)
{
    Bailey__V1__RevocationPlan *out = p->out;

    out->digest = arena_strdup(p->a, p->plan.digest);
    out->revision = p->st->cluster->revision;
    out->nodes_revoked = p->plan.nodes;
    out->nodes_all = p->plan.nodes_all;
    if (p->plan.nodes_all > 0)
        out->nodes_percent =
            (uint32_t)(((uint64_t)p->plan.nodes * 100 + p->plan.nodes_all - 1) / p->plan.nodes_all);
    out->keeps = p->plan.keeps;
    out->workloads = p->plan.workloads;
    out->movable = (uint32_t)p->plan.moves_n;
    out->unplaceable_total = (uint32_t)p->plan.stuck_n;
    out->waves = p->plan.waves;
    out->estimate_s = (uint32_t)((p->plan.waves * (uint64_t)revoker_move_ms(p->st) + 999) / 1000);
    return (out->digest != NULL && put_dark(p) && put_nodes(p) && put_moves(p) && put_stuck(p) &&
            put_classes(p) && put_guard(p)) ||
           too_large(e);
}

static bool solve(struct planning *p, const Bailey__V1__Revocation *m, struct arena *scratch,
                  struct err *e)
{
    const struct evacuate_options o = {
        .lookup = look_up, .context = p, .now_ms = state_wall_ms(p->st), .ignore_reserve = true};
    struct evacuate_set set = {.simulated = SIMULATED_DEFAULT};
    struct workload *w;

    if (!revocation_from_message(m, scratch, &p->revocation, e))
        return false;
    set.platforms = &p->revocation.rules;
    p->workloads = arena_array(scratch, p->st->workloads.n + 1, sizeof *p->workloads);
    if (p->workloads == NULL)
        return too_large(e);
    for (size_t i = 0; (w = map_next(&p->st->workloads, &i)) != NULL;) {
        if (!workload_relate(p->st, w, e))
            return false;
        p->workloads[p->workloads_n++] = w;
    }
    qsort(p->workloads, p->workloads_n, sizeof *p->workloads, by_id);
    return evacuate(p->st->fleet, &set, &o, scratch, &p->plan, e) && put_all(p, e);
}

bool revocation_plan(struct state *st, const Bailey__V1__Revocation *m, uint32_t limit,
                     struct arena *a, Bailey__V1__RevocationPlan **out, struct err *e)
{
    struct planning p = {.st = st, .a = a, .out = arena_alloc(a, sizeof *p.out)};
    uint64_t began = uv_hrtime();
    struct arena scratch;
    bool ok;

    if (p.out == NULL)
        return too_large(e);
    bailey__v1__revocation_plan__init(p.out);
    p.limit = limit == 0 ? REVOCATION_LISTED : limit;
    p.limit = p.limit < REVOCATION_LISTED_MAX ? p.limit : REVOCATION_LISTED_MAX;
    arena_init(&scratch, PLAN_LIMIT);
    ok = solve(&p, m, &scratch, e);
    arena_fini(&scratch);
    p.out->took_us = (uv_hrtime() - began) / 1000;
    *out = p.out;
    failpoint(FAIL_PLANNED);
    return ok;
}

bool revocation_allowed(const Bailey__V1__RevocationPlan *p, const char *expect_digest,
                        const char *override, struct err *e)
{
    const Bailey__V1__GuardVerdict *g = p->guard;

    if (expect_digest[0] != '\0' && strcmp(expect_digest, p->digest) != 0)
        return err_set(e, ERR_CONFLICT, "revocation.plan-changed",
                       "the plan is another than the one that was looked at"),
               err_field(e, "expect_digest"), err_found(e, "%s", p->digest),
               err_expected(e, "%.40s", expect_digest),
               err_mend(e, "look at the new plan, then commit with its digest");
    if (!g->stops || strcmp(override, g->override) == 0)
        return true;
    return err_set(e, ERR_DENIED, "revocation.guard", "the guard stops it: %s%s%s", g->reasons[0],
                   g->n_reasons > 1 ? "; " : "", g->n_reasons > 1 ? g->reasons[1] : ""),
           err_field(e, "override_guard"),
           err_found(e, "%.20s", override[0] == '\0' ? "none" : override),
           err_expected(e, "%s", g->override),
           err_mend(e, "if it is meant so: --override-guard \"%s\"", g->override);
}
