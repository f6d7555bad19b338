/* Forecast: what falls out by itself until a date, and what would mend it. Everything is judged as
 * it would be at the moment in question, from stored times; nothing is changed. */
#include <stdio.h>
#include <stdlib.h>

#include "controller/api.h"
#include "controller/collateral.h"
#include "controller/effective.h"
#include "controller/forecast.h"
#include "controller/reply.h"
#include "controller/view.h"

#define FORECAST_LIMIT (24u << 20)
#define AHEAD_S (90 * 86400)
#define NODES_SHOWN 1000 /* of one change */

static char *text(const char *s)
{
    return (char *)(uintptr_t)(s == NULL ? "" : s);
}

/* Appends to a message's list of pointers, which has room for the fleet's nodes or keeps. */
Bailey__V1__ForecastChange *forecast_change(struct forecast *f, int64_t at_s, const char *kind,
                                            const char *effect)
{
    Bailey__V1__ForecastChange *c = arena_alloc(f->a, sizeof *c);
    char *at = arena_alloc(f->a, TIME_TEXT);

    if (c == NULL || at == NULL) {
        f->full = true;
        return NULL;
    }
    bailey__v1__forecast_change__init(c);
    c->at = text(time_format(at_s, at));
    c->kind = text(kind);
    c->effect = text(effect);
    c->nodes = arena_array(f->a, NODES_SHOWN, sizeof *c->nodes);
    if (c->nodes == NULL)
        f->full = true;
    return f->full ? NULL : c;
}

void forecast_end(struct forecast *f, Bailey__V1__ForecastChange *c)
{
    if (c != NULL && c->n_nodes > 0)
        BUG_ON(!vec_push(&f->changes, c));
}

void forecast_node(struct forecast *f, Bailey__V1__ForecastChange *c, const struct node *n,
                   const char *lacks, const char *mend)
{
    Bailey__V1__ForecastNode *m;
    char line[256];

    if (c == NULL || c->n_nodes == NODES_SHOWN ||
        (f->node[0] != '\0' && strcmp(f->node, n->object.key) != 0))
        return;
    m = arena_alloc(f->a, sizeof *m);
    if (m == NULL) {
        f->full = true;
        return;
    }
    bailey__v1__forecast_node__init(m);
    m->node = n->object.key;
    m->facts =
        n->has_facts ? arena_strdup(f->a, facts_format(&n->facts, line, sizeof line)) : text("");
    m->lacks = text(lacks);
    m->mend = text(mend);
    f->full |= m->facts == NULL;
    if (!f->full)
        c->nodes[c->n_nodes++] = m;
}

static bool has_node(const Bailey__V1__ForecastChange *c, const struct node *n)
{
    for (size_t i = 0; i < c->n_nodes; i++)
        if (c->nodes[i]->node == n->object.key)
            return true;
    return false;
}

/* Of the keeps that have to leave, the first `placed` find another place now. */
void forecast_keeps(struct forecast *f, Bailey__V1__ForecastChange *c, const struct workload *w,
                    struct keep **v, size_t n, const struct rules *rules)
{
    struct demand demand = w->demand;
    struct decision *d = arena_array(f->a, n + 1, sizeof *d);
    struct placing placing = {0};
    Bailey__V1__ForecastKeep **list = arena_array(f->a, c->n_keeps + n, sizeof *list);

    demand.rules = rules;
    if (d == NULL || list == NULL ||
        !place(f->st->fleet, &demand, state_wall_ms(f->st), d, n, &placing, NULL)) {
        f->full = true;
        return;
    }
    if (c->n_keeps > 0)
        memcpy(list, c->keeps, c->n_keeps * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        Bailey__V1__ForecastKeep *m = arena_alloc(f->a, sizeof *m);

        if (m == NULL) {
            f->full = true;
            return;
        }
        bailey__v1__forecast_keep__init(m);
        m->keep = v[i]->object.key;
        m->node = v[i]->node->object.key;
        m->has_place = i < placing.placed;
        list[c->n_keeps++] = m;
    }
    c->keeps = list;
}

/* The workload's keeps that may stay just before the moment and may not from it on. */
static void add_fallen(struct forecast *f, Bailey__V1__ForecastChange *c, struct workload *w,
                       int64_t at_s)
{
    struct workload before = *w, after = *w;
    VEC(struct keep *) fallen = {0};

    before.rules_arena = after.rules_arena = (struct arena){0};
    if (!workload_rules_at(f->st, f->st->effective, &before, at_s - 1, NULL) ||
        !workload_rules_at(f->st, f->st->effective, &after, at_s, NULL)) {
        f->full = true;
    } else {
        for (size_t i = 0; i < w->keeps.n; i++) {
            struct keep *k = w->keeps.v[i];

            if (keep_live(k) && k->node != NULL && k->node->has_facts && has_node(c, k->node) &&
                verdict_tolerates(rules_judge(&before.trust.rules, &k->node->facts).verdict) &&
                !verdict_tolerates(rules_judge(&after.trust.rules, &k->node->facts).verdict))
                BUG_ON(!vec_push(&fallen, k));
        }
        if (fallen.n > 0)
            forecast_keeps(f, c, w, fallen.v, fallen.n, &after.trust.rules);
    }
    vec_fini(&fallen);
    arena_fini(&before.rules_arena);
    arena_fini(&after.rules_arena);
}

/* What of the minimum the node does not surely have: "firmware is 1.55.39, wanted >=1.56", and what
 * to do about it. False: it has all of it, or the floor is not for it. */
static bool below(struct forecast *f, const struct floor *floor, const struct facts *facts,
                  const char **lacks, const char **mend)
{
    struct condition *v;
    enum truth truth;
    char what[400] = "", todo[400] = "";
    size_t n, at = 0, to = 0;

    if (selector_eval(&floor->platforms, facts, SENSE_REFUSE, SIMULATED_DEFAULT) == TRUTH_NO)
        return false;
    if (!selector_explain(&floor->minimum, facts, SENSE_ACCEPT, SIMULATED_DEFAULT, f->a, &v, &n,
                          &truth, NULL)) {
        f->full = true;
        return false;
    }
    if (truth == TRUTH_YES)
        return false;
    for (size_t i = 0; i < n && at < sizeof what && to < sizeof todo; i++) {
        if (v[i].outcome == TRUTH_YES || strcmp(v[i].fact, "assurance") == 0)
            continue;
        at += (size_t)snprintf(what + at, sizeof what - at, "%s%s is %s, wanted %s",
                               at == 0 ? "" : "; ", v[i].fact, v[i].seen, v[i].wanted);
        to += (size_t)snprintf(todo + to, sizeof todo - to, "%s%s %s to %s", to == 0 ? "" : "; ",
                               v[i].outcome == TRUTH_UNKNOWN ? "show evidence of" : "update",
                               v[i].fact, v[i].wanted);
    }
    *lacks = arena_strdup(f->a, what);
    *mend = arena_strdup(f->a, todo);
    f->full |= *lacks == NULL || *mend == NULL;
    return !f->full;
}

static bool within(const struct forecast *f, int64_t at_s)
{
    return at_s > f->from_s && at_s <= f->until_s;
}

static void floor_changes(struct forecast *f, const struct policy *p, const struct floor *floor,
                          size_t index, int64_t at_s, bool moves)
{
    Bailey__V1__ForecastChange *c;
    const char *lacks, *mend;
    struct workload *w;
    struct node *n;

    if (!within(f, at_s))
        return;
    c = forecast_change(f, at_s, "floor", moves ? "keeps are moved away" : "takes no new keeps");
    if (c == NULL)
        return;
    c->what = floor->name[0] != '\0'
                  ? arena_printf(f->a, "policy %s, floor %s", p->name, floor->name)
                  : arena_printf(f->a, "policy %s, floors[%zu]", p->name, index);
    f->full |= c->what == NULL;
    for (size_t i = 0; (n = map_next(&f->st->nodes, &i)) != NULL;)
        if (n->has_facts && below(f, floor, &n->facts, &lacks, &mend))
            forecast_node(f, c, n, lacks, mend);
    for (size_t i = 0; moves && c->n_nodes > 0 && (w = map_next(&f->st->workloads, &i)) != NULL;)
        add_fallen(f, c, w, at_s);
    forecast_end(f, c);
}

static void exception_change(struct forecast *f, const struct exception *x)
{
    struct workload *w = state_workload(f->st, x->namespace, x->workload);
    Bailey__V1__ForecastChange *c;
    struct workload before;
    struct node *n;

    if (w == NULL || !within(f, x->until_s))
        return;
    c = forecast_change(f, x->until_s, "exception", "keeps are moved away");
    before = *w;
    before.rules_arena = (struct arena){0};
    if (c == NULL || !workload_rules_at(f->st, f->st->effective, &before, x->until_s - 1, NULL)) {
        f->full = true;
        return;
    }
    c->what =
        arena_printf(f->a, "exception %s/%s for workload %s", x->namespace, x->name, x->workload);
    f->full |= c->what == NULL;
    for (size_t i = 0; (n = map_next(&f->st->nodes, &i)) != NULL;) {
        const char *by = n->has_facts ? policy_judge(&before.trust, &n->facts).exception : NULL;
        const char *what = x->policy[0] != '\0' ? x->policy : x->revocation;
        char lacks[160];

        if (by == NULL || strcmp(by, x->name) != 0)
            continue;
        snprintf(lacks, sizeof lacks, "%s %s refuses it",
                 x->policy[0] != '\0' ? "policy" : "revocation", what);
        forecast_node(f, c, n, arena_strdup(f->a, lacks),
                      "move the keeps to other nodes, or mend what the policy refuses");
    }
    add_fallen(f, c, w, x->until_s);
    arena_fini(&before.rules_arena);
    forecast_end(f, c);
}

/* Evidence that needs a certificate or list which ends. */
static void needs_change(void *data, const char *name, const struct collateral_needs *needs)
{
    struct forecast *f = data;
    struct node *n = state_node(f->st, name);

    for (unsigned i = 0; n != NULL && i < needs->n; i++) {
        const struct collateral_need *need = &needs->need[i];
        AUTO_BUF struct buf bytes = {0};
        struct endorsement what = {0};
        Bailey__V1__ForecastChange *c;

        if (!collateral_copy(f->st->collateral, need->key, &bytes, &what) ||
            !within(f, what.until_s))
            continue;
        c = forecast_change(f, what.until_s,
                            strstr(endorsement_name(what.kind), "crl") == NULL &&
                                    what.kind != ENDORSEMENT_TCB_INFO &&
                                    what.kind != ENDORSEMENT_QE_IDENTITY
                                ? "certificate"
                                : "collateral",
                            "its evidence is not verified any more");
        if (c == NULL)
            return;
        c->what = arena_strdup(f->a, need->key);
        f->full |= c->what == NULL;
        forecast_node(f, c, n, arena_printf(f->a, "%s ends", need->kind),
                      arena_printf(f->a, "import a newer one: %s", need->url));
        forecast_end(f, c);
    }
}

static int by_time(const void *x, const void *y)
{
    const Bailey__V1__ForecastChange *a = *(Bailey__V1__ForecastChange *const *)x;
    const Bailey__V1__ForecastChange *b = *(Bailey__V1__ForecastChange *const *)y;
    int order = strcmp(a->at, b->at); /* RFC 3339, UTC: the order of texts is that of times */

    return order != 0 ? order : strcmp(a->what, b->what);
}

static bool look(struct forecast *f, const Bailey__V1__ForecastRequest *r, struct err *e)
{
    const struct effective *ef = f->st->effective;

    for (size_t i = 0; i < ef->policies_n; i++)
        for (size_t j = 0; j < ef->policies[i].floors_n; j++) {
            const struct floor *floor = &ef->policies[i].floors[j];

            floor_changes(f, &ef->policies[i], floor, j, floor->enforce_from_s, false);
            floor_changes(f, &ef->policies[i], floor, j, floor->move_from_s, true);
        }
    for (size_t i = 0; i < ef->exceptions_n; i++)
        exception_change(f, &ef->exceptions[i]);
    collateral_noted(f->st, needs_change, f);
    forecast_tcb(f, r->collateral, r->n_collateral);
    if (f->wrong.code != ERR_NONE) {
        *e = f->wrong;
        return err_wrap(e, "the collateral that was given");
    }
    if (f->full)
        return err_set(e, ERR_LIMIT, "api.answer-too-large", "the forecast is too large"),
               err_mend(e, "ask for one node, or a nearer date");
    if (f->changes.n > 1)
        qsort(f->changes.v, f->changes.n, sizeof f->changes.v[0], by_time);
    return true;
}

void api_forecast(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ForecastRequest *r = (const Bailey__V1__ForecastRequest *)base;
    Bailey__V1__ForecastResponse out = BAILEY__V1__FORECAST_RESPONSE__INIT;
    struct state *st = user;
    AUTO_ARENA struct arena a;
    struct forecast f = {.st = st, .a = &a, .node = r->node, .from_s = state_wall_ms(st) / 1000};
    char from[TIME_TEXT], until[TIME_TEXT];
    struct err e = {0};
    bool ok = true;

    arena_init(&a, FORECAST_LIMIT);
    f.until_s = f.from_s + AHEAD_S;
    if (r->at[0] != '\0' && !moment_parse(r->at, &f.until_s, &e))
        ok = err_field(&e, "at");
    if (ok && r->node[0] != '\0' && state_node(st, r->node) == NULL)
        ok = err_set(&e, ERR_MISSING, "api.no-such-object", "there is no node %.64s", r->node);
    if (ok && f.until_s <= f.from_s)
        ok = err_set(&e, ERR_INPUT, "forecast.past", "a forecast looks ahead"), err_field(&e, "at"),
        err_found(&e, "%.40s", r->at), err_expected(&e, "a time in the future");
    ok = ok && look(&f, r, &e);
    if (ok) {
        out.from = text(time_format(f.from_s, from));
        out.until = text(time_format(f.until_s, until));
        out.changes = f.changes.v;
        out.n_changes = f.changes.n;
        reply_settled(st, call, &out.base);
    } else {
        rpc_fail(call, &e);
    }
    vec_fini(&f.changes);
}
