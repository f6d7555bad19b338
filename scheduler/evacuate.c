/* evacuate.c - planning who goes where; see evacuate.h.
 *
 * The set's nodes are closed, their keeps count as ending, and every workload's leavers are decided
 * in one run of trials. In the end all of it is taken back. */
#include "scheduler/evacuate.h"

#include <stdlib.h>

#include "scheduler/evacuate_int.h"

bool evacuate_full(struct err *e)
{
    return err_set(e, ERR_LIMIT, "scheduler.plan-too-large", "the plan does not fit its memory");
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a plan");
}

static int by_workload(const void *a, const void *b)
{
    const struct leaver *x = a, *y = b;

    if (x->workload != y->workload)
        return x->workload < y->workload ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_priority(const void *a, const void *b)
{
    const struct job *x = a, *y = b;

    if (x->demand.priority != y->demand.priority)
        return x->demand.priority > y->demand.priority ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Closes the nodes, and takes down who has to leave. */
static bool close_nodes(struct planner *p, struct err *e)
{
    struct fleet *f = p->f;

    for (size_t i = 0; i < p->nodes.n; i++) {
        uint32_t next;

        node_gone(f, p->nodes.v[i], true);
        if (i + 2 < p->nodes.n && fleet_node(f, p->nodes.v[i + 2])->first_keep != KEEP_NONE)
            __builtin_prefetch(fleet_keep(f, fleet_node(f, p->nodes.v[i + 2])->first_keep));
        for (uint32_t k = fleet_node(f, p->nodes.v[i])->first_keep; k != KEEP_NONE; k = next) {
            struct keep *keep = fleet_keep(f, k);

            next = keep->next_on_node;
            if (next != KEEP_NONE)
                __builtin_prefetch(fleet_keep(f, next));
            p->plan->keeps++;
            p->plan->ending += keep->ending;
            if (!keep->ending && !vec_push(&p->leavers, ((struct leaver){keep->workload, keep->id,
                                                                         k, p->nodes.v[i]})))
                return no_memory(e);
            keep->ending = 1; /* until the plan is made: see take_back() */
        }
    }
    if (p->leavers.n > 1)
        qsort(p->leavers.v, p->leavers.n, sizeof p->leavers.v[0], by_workload);
    return true;
}

/* One job for each workload that still wants its keeps. */
static bool make_jobs(struct planner *p, struct err *e)
{
    size_t n = p->leavers.n, end;

    for (size_t i = 0; i < n; i = end) {
        struct job j = {.id = p->leavers.v[i].workload, .first = (uint32_t)i};

        for (end = i; end < n && p->leavers.v[end].workload == j.id;)
            end++;
        j.n = (uint32_t)(end - i);
        if (!p->o->lookup(p->o->context, j.id, &j.workload)) {
            p->plan->ending += j.n;
            continue;
        }
        if (j.workload.demand->workload != j.id || j.workload.demand->rules == NULL)
            return err_set(e, ERR_INPUT, "scheduler.no-rules",
                           "a workload's demand is not its own");
        j.demand = *j.workload.demand;
        j.demand.may_use_reserve = j.demand.may_use_reserve || p->o->ignore_reserve;
        if (!vec_push(&p->jobs, j))
            return no_memory(e);
        if (!shape_prepare(p->f, &j.demand, e)) /* all before the first decision: plans repeat */
            return false;
    }
    for (size_t i = 1; i < p->jobs.n; i++)
        if (by_priority(&p->jobs.v[i - 1], &p->jobs.v[i]) > 0) { /* jobs are large: rather not */
            qsort(p->jobs.v, p->jobs.n, sizeof p->jobs.v[0], by_priority);
            break;
        }
    return true;
}

/* The wave of the workload's next move: not before `wave`, where it has `used` already. */
static bool next_wave(struct planner *p, uint32_t budget, uint32_t *wave, uint32_t *used)
{
    if (*used == budget) {
        ++*wave;
        *used = 0;
    }
    for (;;) {
        if (p->o->wave_limit == 0)
            break;
        while (p->waves.n <= *wave)
            if (!vec_push(&p->waves, 0))
                return false;
        if (p->waves.v[*wave] < p->o->wave_limit) {
            p->waves.v[*wave]++;
            break;
        }
        ++*wave;
        *used = 0;
    }
    ++*used;
    if (p->plan->waves <= *wave)
        p->plan->waves = *wave + 1;
    return true;
}

static uint32_t budget_of(const struct evacuate_workload *w)
{
    uint32_t most = w->max_unavailable == 0 ? 1 : w->max_unavailable;

    return most > w->missing ? most - w->missing : 1; /* replacements go first: one harms nobody */
}

static bool put_moves(struct planner *p, const struct job *j, struct evacuate_move *v)
{
    uint32_t budget = budget_of(&j->workload), wave = 0, used = 0;

    for (uint32_t i = 0; i < j->moved; i++) {
        const struct leaver *l = &p->leavers.v[j->first + i];

        if (!next_wave(p, budget, &wave, &used))
            return false;
        v[i] = (struct evacuate_move){.keep = l->id,
                                      .workload = l->workload,
                                      .from = l->from,
                                      .to = p->goal[j->first + i],
                                      .wave = wave};
    }
    return true;
}

/* Decides the job's leavers, one after another, as trials that stay for now. */
static bool decide_job(struct planner *p, struct job *j, struct evacuate_stuck *stuck,
                       struct err *e)
{
    struct reason why = {0};
    struct run r;
    bool ok = true;

    if (!run_init(&r, p->f, &j->demand, p->o->now_ms, e))
        return false;
    while (ok && j->moved < j->n) {
        uint32_t group, node = run_decide(&r, &group);

        if (node == NODE_NONE)
            break; /* the others are like it */
        ok = run_take(&r, group, node, 0, e);
        if (ok)
            p->goal[j->first + j->moved++] = node;
    }
    if (ok && j->moved < j->n)
        ok = evacuate_reason(p, &r, j, &why, e);
    for (uint32_t i = j->moved; ok && i < j->n; i++) {
        const struct leaver *l = &p->leavers.v[j->first + i];

        stuck[p->plan->stuck_n++] = (struct evacuate_stuck){.keep = l->id,
                                                            .workload = l->workload,
                                                            .from = l->from,
                                                            .obstacle = why.obstacle,
                                                            .rule = why.rule,
                                                            .tally = why.tally};
    }
    run_fini(&r);
    return ok;
}

/* Nothing of the workload is left anywhere. */
static bool is_dark(const struct fleet *f, const struct job *j)
{
    if (j->moved > 0)
        return false;
    for (uint32_t k = workload_first_keep(f, j->id); k != KEEP_NONE;
         k = fleet_keep(f, k)->next_of_workload)
        if (!fleet_keep(f, k)->ending)
            return false;
    return true;
}

/* What the next jobs will look at, on its way from memory meanwhile. */
static void prefetch(const struct planner *p, size_t job)
{
    if (job + 8 < p->jobs.n)
        u64_map_prefetch(&p->f->first_by_workload, p->jobs.v[job + 8].id);
    if (job + 4 < p->jobs.n) {
        uint32_t k = workload_first_keep(p->f, p->jobs.v[job + 4].id);

        if (k != KEEP_NONE)
            __builtin_prefetch(fleet_keep(p->f, k));
    }
    if (job + 2 < p->jobs.n) {
        uint32_t k = workload_first_keep(p->f, p->jobs.v[job + 2].id);

        for (unsigned i = 0; i < 4 && k != KEEP_NONE; i++) {
            __builtin_prefetch(&fleet_node(p->f, fleet_keep(p->f, k)->node)->cell);
            k = fleet_keep(p->f, k)->next_of_workload;
            if (k != KEEP_NONE)
                __builtin_prefetch(fleet_keep(p->f, k));
        }
    }
}

static bool decide_all(struct planner *p, struct err *e)
{
    struct evacuate_move *moves = arena_array(p->a, p->leavers.n + 1, sizeof *moves);
    struct evacuate_stuck *stuck, *kept;
    uint64_t *dark;
    size_t dark_n = 0;

    if (moves == NULL)
        return evacuate_full(e);
    p->goal = malloc((p->leavers.n + 1) * sizeof *p->goal);
    stuck = malloc((p->leavers.n + 1) * sizeof *stuck);
    if (p->goal == NULL || stuck == NULL) {
        free(stuck);
        return no_memory(e);
    }
    for (size_t i = 0; i < p->jobs.n; i++) {
        struct job *j = &p->jobs.v[i];

        prefetch(p, i);
        if (!decide_job(p, j, stuck, e) || !put_moves(p, j, moves + p->plan->moves_n)) {
            free(stuck);
            return false;
        }
        p->plan->moves_n += j->moved;
        dark_n += is_dark(p->f, j);
    }
    p->plan->moves = moves;
    kept = arena_array(p->a, p->plan->stuck_n + 1, sizeof *kept);
    dark = arena_array(p->a, dark_n + 1, sizeof *dark);
    if (kept != NULL && p->plan->stuck_n > 0)
        memcpy(kept, stuck, p->plan->stuck_n * sizeof *kept);
    p->plan->stuck = kept;
    free(stuck);
    if (kept == NULL || dark == NULL)
        return evacuate_full(e);
    for (size_t i = 0; i < p->jobs.n; i++)
        if (is_dark(p->f, &p->jobs.v[i]))
            dark[p->plan->dark_n++] = p->jobs.v[i].id;
    p->plan->dark = dark;
    return true;
}

/* The fleet as it was. */
static void take_back(struct planner *p, size_t closed)
{
    for (size_t i = p->jobs.n; i-- > 0;)
        for (uint32_t k = p->jobs.v[i].moved; k-- > 0;)
            run_untry(p->f, &p->jobs.v[i].demand, p->goal[p->jobs.v[i].first + k]);
    for (size_t i = 0; i < p->leavers.n; i++) {
        if (i + 16 < p->leavers.n)
            __builtin_prefetch(fleet_keep(p->f, p->leavers.v[i + 16].keep), 1);
        fleet_keep(p->f, p->leavers.v[i].keep)->ending = 0;
    }
    for (size_t i = 0; i < closed; i++)
        node_gone(p->f, p->nodes.v[i], false);
}

static void planner_fini(struct planner *p)
{
    vec_fini(&p->nodes);
    vec_fini(&p->leavers);
    vec_fini(&p->jobs);
    vec_fini(&p->waves);
    vec_fini(&p->reasons);
    free(p->goal);
}

bool evacuate(struct fleet *f, const struct evacuate_set *set, const struct evacuate_options *o,
              struct arena *a, struct evacuate_plan *out, struct err *e)
{
    struct evacuate_plan plan = {.nodes_all = (uint32_t)fleet_node_count(f)};
    struct planner p = {.f = f, .o = o, .a = a, .plan = &plan};
    bool ok = evacuate_collect(&p, set, e);

    if (ok) {
        plan.nodes = (uint32_t)p.nodes.n;
        ok = close_nodes(&p, e) && make_jobs(&p, e) && decide_all(&p, e);
        plan.workloads = (uint32_t)p.jobs.n;
        ok = ok && evacuate_report(&p, e);
        take_back(&p, p.nodes.n);
    }
    planner_fini(&p);
    if (ok)
        *out = plan;
    return ok;
}
