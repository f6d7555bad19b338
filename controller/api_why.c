/* Why: the scheduler's explanation as the proto's message. */
#include "controller/api.h"
#include "controller/reconcile.h"
#include "controller/reply.h"
#include "controller/share.h"
#include "scheduler/why.h"

#define WHY_LIMIT (24u << 20)
#define NODES_DEFAULT 20

static char *text(const char *s)
{
    return s == NULL ? (char *)(uintptr_t) "" : (char *)(uintptr_t)s;
}

/* An array of `count` messages of the type, each initialised, with pointers to them. */
#define MAKE(a, count, Type, init, out)                                                            \
    do {                                                                                           \
        Type *items_ = arena_array((a), (count) + 1, sizeof(Type));                                \
        (out) = arena_array((a), (count) + 1, sizeof(Type *));                                     \
        if (items_ == NULL || (out) == NULL)                                                       \
            return false;                                                                          \
        for (size_t i_ = 0; i_ < (count); i_++) {                                                  \
            init(&items_[i_]);                                                                     \
            (out)[i_] = &items_[i_];                                                               \
        }                                                                                          \
    } while (0)

static bool put_conditions(const struct why_rule *r, struct arena *a,
                           Bailey__V1__RuleExplanation *m)
{
    MAKE(a, r->conditions_n, Bailey__V1__ConditionExplanation,
         bailey__v1__condition_explanation__init, m->conditions);
    m->n_conditions = r->conditions_n;
    for (size_t i = 0; i < r->conditions_n; i++) {
        const struct condition *c = &r->conditions[i];
        Bailey__V1__ConditionExplanation *o = m->conditions[i];

        o->fact = text(c->fact);
        o->seen = text(c->seen);
        o->wanted = text(c->wanted);
        o->outcome = text(truth_name(c->outcome));
        o->source = text(c->source);
        o->evidence_field = text(c->field);
    }
    return true;
}

static bool put_rules(const struct why_rule *v, size_t n, struct arena *a, size_t *out_n,
                      Bailey__V1__RuleExplanation ***out)
{
    MAKE(a, n, Bailey__V1__RuleExplanation, bailey__v1__rule_explanation__init, *out);
    *out_n = n;
    for (size_t i = 0; i < n; i++) {
        Bailey__V1__RuleExplanation *m = (*out)[i];

        m->rule = text(v[i].rule);
        m->effect = text(v[i].effect);
        m->outcome = text(truth_name(v[i].outcome));
        m->decides = v[i].decides;
        m->because = text(v[i].because);
        if (!put_conditions(&v[i], a, m))
            return false;
    }
    return true;
}

static bool put_nodes(const struct why_class *c, struct arena *a, Bailey__V1__ClassExplanation *m)
{
    MAKE(a, c->nodes_n, Bailey__V1__NodeExplanation, bailey__v1__node_explanation__init, m->nodes);
    m->n_nodes = c->nodes_n;
    for (size_t i = 0; i < c->nodes_n; i++) {
        Bailey__V1__NodeExplanation *o = m->nodes[i];

        o->node = text(c->nodes[i].node);
        o->eligible = c->nodes[i].eligible;
        o->keeps = c->nodes[i].keeps;
        o->obstacle = text(c->nodes[i].obstacle);
        if (!put_rules(c->nodes[i].rules, c->nodes[i].rules_n, a, &o->n_rules, &o->rules))
            return false;
    }
    return true;
}

static bool put_classes(const struct why *y, struct arena *a, Bailey__V1__Explanation *m)
{
    MAKE(a, y->classes_n, Bailey__V1__ClassExplanation, bailey__v1__class_explanation__init,
         m->classes);
    m->n_classes = y->classes_n;
    for (size_t i = 0; i < y->classes_n; i++) {
        const struct why_class *c = &y->classes[i];
        Bailey__V1__ClassExplanation *o = m->classes[i];

        o->facts = text(c->facts);
        o->evidence_age = text(c->age);
        o->admitted = c->admitted;
        o->node_count = c->node_count;
        if (!put_rules(c->rules, c->rules_n, a, &o->n_rules, &o->rules) || !put_nodes(c, a, o))
            return false;
    }
    return true;
}

static bool put_near_misses(const struct why *y, struct arena *a, Bailey__V1__Explanation *m)
{
    MAKE(a, y->near_misses_n, Bailey__V1__NearMiss, bailey__v1__near_miss__init, m->near_misses);
    m->n_near_misses = y->near_misses_n;
    for (size_t i = 0; i < y->near_misses_n; i++) {
        const struct why_near_miss *s = &y->near_misses[i];
        Bailey__V1__NearMiss *o = m->near_misses[i];

        o->nodes = s->nodes;
        o->fact = text(s->fact);
        o->seen = text(s->seen);
        o->wanted = text(s->wanted);
        o->text = text(s->text);
    }
    return true;
}

/* The nodes may all be fine: then a quota is in the way, and said first. */
static char *summary(const struct workload *w, const char *of_nodes, struct arena *a)
{
    char quota[320];

    if (w->over_quota == NULL)
        return text(of_nodes);
    (void)share_pending(w, quota, sizeof quota);
    return text(arena_printf(a, "%s; %s", quota, of_nodes));
}

bool explain(struct state *st, const struct workload *w, const char *node, uint32_t nodes_per_class,
             struct arena *a, Bailey__V1__Explanation **out, struct err *e)
{
    struct why_options o = {.wanted = w->msg->spec->replicas - reconcile_complete(w),
                            .nodes_limit = nodes_per_class == 0 ? NODES_DEFAULT : nodes_per_class,
                            .only_node = node[0] == '\0' ? NULL : node};
    Bailey__V1__Explanation *m = arena_alloc(a, sizeof *m);
    struct why y;

    if (!why_explain(st->fleet, &w->demand, state_wall_ms(st), &o, a, &y, e))
        return false;
    if (m != NULL) {
        bailey__v1__explanation__init(m);
        m->workload = w->object.key;
        m->wanted = y.wanted;
        m->placed = y.placed;
        m->pending = y.pending;
        m->summary = summary(w, y.summary, a);
    }
    if (m == NULL || !put_classes(&y, a, m) || !put_near_misses(&y, a, m))
        return err_set(e, ERR_LIMIT, "api.answer-too-large", "the explanation is too large"),
               err_mend(e, "ask for fewer nodes per class, or for one node");
    *out = m;
    return true;
}

void api_why(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__WhyRequest *r = (const Bailey__V1__WhyRequest *)base;
    Bailey__V1__WhyResponse out = BAILEY__V1__WHY_RESPONSE__INIT;
    struct state *st = user;
    const struct workload *w = state_workload(st, r->namespace_, r->name);
    const struct keep *k = w == NULL ? state_keep(st, r->namespace_, r->name) : NULL;
    AUTO_ARENA struct arena a;
    struct err e = {0};

    arena_init(&a, WHY_LIMIT);
    if (k != NULL)
        w = k->workload;
    if (w == NULL)
        err_set(&e, ERR_MISSING, "api.no-such-object", "there is no workload or keep %.64s",
                r->name);
    if (w == NULL || !explain(st, w, r->node, r->nodes_per_class, &a, &out.explanation, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}
