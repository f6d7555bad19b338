/* How trust objects look to operators: their status is counted when it is asked for. */
#include "controller/effective.h"
#include "controller/move.h"
#include "controller/view.h"

#define COUNT_LIMIT ((size_t)4 << 20)

static char *text(const char *s)
{
    return (char *)(uintptr_t)s; /* protobuf-c's messages hold char *, borrowed here */
}

static Bailey__V1__Object *view_new(struct arena *a)
{
    Bailey__V1__Object *v = arena_alloc(a, sizeof *v);

    if (v != NULL)
        bailey__v1__object__init(v);
    return v;
}

static bool applies(const struct policy *p, const struct workload *w)
{
    const Bailey__V1__Trust *t = w->msg->spec->trust;

    if (p->cluster_default)
        return true;
    for (size_t i = 0; t != NULL && i < t->n_policies; i++)
        if (strcmp(t->policies[i], p->name) == 0)
            return true;
    return false;
}

/* What the policy alone says of each platform class. */
static void count_nodes(const struct state *st, const struct policy *p,
                        Bailey__V1__TrustPolicyStatus *s)
{
    const char *const name[] = {p->name};
    struct policy_input in = {.namespace = "",
                              .workload = "",
                              .policies = p,
                              .policies_n = 1,
                              .references = name,
                              .references_n = 1,
                              .advisories = st->effective->advisories,
                              .advisories_n = st->effective->advisories_n,
                              .simulated = SIMULATED_DEFAULT,
                              .now_s = state_wall_ms(st) / 1000};
    struct policy_rules rules;
    AUTO_ARENA struct arena a;

    arena_init(&a, COUNT_LIMIT);
    s->nodes_refused = s->nodes_warned = 0;
    if (!policy_compile(&in, &a, &rules, NULL))
        return;
    for (uint32_t c = 0; c < fleet_class_limit(st->fleet); c++) {
        const struct facts *f = fleet_class_facts(st->fleet, c);
        struct policy_judgement j;

        if (f == NULL || fleet_class_nodes(st->fleet, c) == 0)
            continue;
        j = policy_judge(&rules, f);
        if (j.judgement.verdict != VERDICT_ADMITTED)
            s->nodes_refused += fleet_class_nodes(st->fleet, c);
        else if (j.warning != NULL)
            s->nodes_warned += fleet_class_nodes(st->fleet, c);
    }
}

static int64_t next_change(const struct policy *p, int64_t now_s)
{
    int64_t next = POLICY_NEVER;

    for (size_t i = 0; i < p->floors_n; i++) {
        const struct floor *f = &p->floors[i];

        if (f->enforce_from_s > now_s && f->enforce_from_s < next)
            next = f->enforce_from_s;
        if (f->move_from_s > now_s && f->move_from_s < next)
            next = f->move_from_s;
    }
    return next;
}

static Bailey__V1__Object *view_trust_policy(const struct state *st, const struct trust_object *t,
                                             struct arena *a)
{
    const struct policy *p = effective_policy(st->effective, t->object.key);
    Bailey__V1__TrustPolicyStatus *s = arena_alloc(a, sizeof *s);
    Bailey__V1__TrustPolicy *m = arena_alloc(a, sizeof *m);
    Bailey__V1__Object *v = view_new(a);
    char *at = arena_alloc(a, TIME_TEXT);
    const struct workload *w;
    int64_t next;

    if (s == NULL || m == NULL || v == NULL || at == NULL)
        return NULL;
    *m = *t->policy;
    bailey__v1__trust_policy_status__init(s);
    if (t->policy->status != NULL)
        *s = *t->policy->status;
    if (p != NULL) {
        for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
            s->workloads += applies(p, w);
        count_nodes(st, p, s);
        next = next_change(p, state_wall_ms(st) / 1000);
        if (next != POLICY_NEVER)
            s->next_change_at = text(time_format(next, at));
    }
    m->status = s;
    v->kind_case = BAILEY__V1__OBJECT__KIND_TRUST_POLICY;
    v->trust_policy = m;
    return v;
}

static const struct selector_advisory *find_advisory(const struct effective *ef, const char *id)
{
    for (size_t i = 0; i < ef->advisories_n; i++)
        if (strcmp(ef->advisories[i].id, id) == 0)
            return &ef->advisories[i];
    return NULL;
}

static void count_open(const struct state *st, const struct selector_advisory *y,
                       Bailey__V1__AdvisoryStatus *s)
{
    const struct selector sel = {.advisory = {.v = &y->id, .n = 1}, .known = &y, .known_n = 1};

    for (uint32_t c = 0; c < fleet_class_limit(st->fleet); c++) {
        const struct facts *f = fleet_class_facts(st->fleet, c);
        bool affected = false;

        if (f == NULL || fleet_class_nodes(st->fleet, c) == 0)
            continue;
        for (size_t i = 0; i < y->affected_n && !affected; i++)
            affected =
                selector_eval(&y->affected[i], f, SENSE_REFUSE, SIMULATED_DEFAULT) != TRUTH_NO;
        if (!affected)
            continue;
        if (selector_eval(&sel, f, SENSE_REFUSE, SIMULATED_DEFAULT) == TRUTH_NO)
            s->nodes_fixed += fleet_class_nodes(st->fleet, c);
        else
            s->nodes_open += fleet_class_nodes(st->fleet, c);
    }
}

static Bailey__V1__Object *view_advisory(const struct state *st, const struct trust_object *t,
                                         struct arena *a)
{
    const struct selector_advisory *y = find_advisory(st->effective, t->advisory->spec->id);
    Bailey__V1__AdvisoryStatus *s = arena_alloc(a, sizeof *s);
    Bailey__V1__Advisory *m = arena_alloc(a, sizeof *m);
    Bailey__V1__Object *v = view_new(a);

    if (s == NULL || m == NULL || v == NULL)
        return NULL;
    *m = *t->advisory;
    bailey__v1__advisory_status__init(s);
    if (y != NULL)
        count_open(st, y, s);
    m->status = s;
    v->kind_case = BAILEY__V1__OBJECT__KIND_ADVISORY;
    v->advisory = m;
    return v;
}

/* "name" of an exception without which the workload's keep could not be on the node, or NULL. */
static const char *passed_by(const struct workload *w, const struct node *n)
{
    if (w->trust.exceptions_n == 0 || n == NULL || !n->has_facts)
        return NULL;
    return policy_judge(&w->trust, &n->facts).exception;
}

static Bailey__V1__Object *view_revocation(const struct trust_object *t, struct arena *a)
{
    Bailey__V1__Object *v = view_new(a);

    if (v == NULL)
        return NULL;
    v->kind_case = BAILEY__V1__OBJECT__KIND_REVOCATION;
    v->revocation = t->revocation;
    return v;
}

static Bailey__V1__Object *view_exception(const struct state *st, const struct trust_object *t,
                                          struct arena *a)
{
    const Bailey__V1__Metadata *meta = t->exception->metadata;
    const struct workload *w = state_workload(st, meta->namespace_, t->exception->spec->workload);
    Bailey__V1__ExceptionStatus *s = arena_alloc(a, sizeof *s);
    Bailey__V1__Exception *m = arena_alloc(a, sizeof *m);
    Bailey__V1__Object *v = view_new(a);
    const struct node *n;
    const char *by;

    if (s == NULL || m == NULL || v == NULL)
        return NULL;
    *m = *t->exception;
    bailey__v1__exception_status__init(s);
    if (t->exception->status != NULL)
        *s = *t->exception->status;
    s->keeps = s->nodes = 0;
    for (size_t i = 0; w != NULL && i < w->keeps.n; i++) {
        by = keep_live(w->keeps.v[i]) ? passed_by(w, w->keeps.v[i]->node) : NULL;
        s->keeps += by != NULL && strcmp(by, meta->name) == 0;
    }
    for (size_t i = 0;
         w != NULL && w->trust.exceptions_n > 0 && (n = map_next(&st->nodes, &i)) != NULL;) {
        by = passed_by(w, n);
        s->nodes += by != NULL && strcmp(by, meta->name) == 0;
    }
    m->status = s;
    v->kind_case = BAILEY__V1__OBJECT__KIND_EXCEPTION;
    v->exception = m;
    return v;
}

Bailey__V1__Object *view_trust(const struct state *st, const struct trust_object *t,
                               struct arena *a)
{
    if (t->object.kind == OBJECT_POLICY)
        return view_trust_policy(st, t, a);
    if (t->object.kind == OBJECT_ADVISORY)
        return view_advisory(st, t, a);
    if (t->object.kind == OBJECT_REVOCATION)
        return view_revocation(t, a);
    return view_exception(st, t, a);
}

Bailey__V1__Object *view_keep(const struct keep *k, struct arena *a)
{
    const char *by = keep_live(k) ? passed_by(k->workload, k->node) : NULL;
    Bailey__V1__Object *v = view_new(a);
    Bailey__V1__KeepStatus *s;
    Bailey__V1__Keep *m;

    if (v == NULL)
        return NULL;
    v->kind_case = BAILEY__V1__OBJECT__KIND_KEEP;
    v->keep = k->msg;
    if (by == NULL)
        return v;
    m = arena_alloc(a, sizeof *m);
    s = arena_alloc(a, sizeof *s);
    if (m == NULL || s == NULL)
        return NULL;
    *m = *k->msg;
    *s = *k->msg->status;
    s->exceptions = arena_array(a, 1, sizeof *s->exceptions);
    if (s->exceptions == NULL)
        return NULL;
    s->exceptions[0] = text(by);
    s->n_exceptions = 1;
    m->status = s;
    v->keep = m;
    return v;
}

bool view_exceptions(const struct state *st, const struct workload *w, struct arena *a, char ***out,
                     size_t *n)
{
    const struct effective *ef = st->effective;
    const char *ns = w == NULL ? NULL : w->msg->metadata->namespace_;
    int64_t now_s = state_wall_ms(st) / 1000;
    char until[TIME_TEXT];

    *n = 0;
    *out = arena_array(a, ef->exceptions_n + 1, sizeof **out);
    for (size_t i = 0; *out != NULL && i < ef->exceptions_n; i++) {
        const struct exception *x = &ef->exceptions[i];
        char *line;

        if (x->until_s <= now_s ||
            (w != NULL &&
             (strcmp(x->workload, w->msg->metadata->name) != 0 || strcmp(x->namespace, ns) != 0)))
            continue;
        time_format(x->until_s, until);
        line = w != NULL ? arena_printf(a, "%s until %s", x->name, until)
                         : arena_printf(a, "%s/%s for workload %s until %s, by %s: %s",
                                        x->namespace, x->name, x->workload, until, x->who, x->why);
        if (line == NULL)
            return false;
        (*out)[(*n)++] = line;
    }
    return *out != NULL;
}

/* Floors that do not hold yet and that nodes of this workload's keeps are below. */
bool view_warnings(const struct workload *w, struct arena *a, char ***out, size_t *n)
{
    const struct rule_list *warn = &w->trust.warn;

    *n = 0;
    *out = arena_array(a, warn->n + 1, sizeof **out);
    for (size_t i = 0; *out != NULL && i < warn->n; i++) {
        const struct rule_list one = {.v = &warn->v[i], .n = 1};
        const char *because = warn->v[i].selector.because;
        uint32_t below = 0;
        char *line;

        for (size_t j = 0; j < w->keeps.n; j++)
            below += keep_live(w->keeps.v[j]) && w->keeps.v[j]->node != NULL &&
                     w->keeps.v[j]->node->has_facts &&
                     rules_refusing(&one, &w->keeps.v[j]->node->facts, w->trust.rules.simulated,
                                    NULL) != NULL;
        if (below == 0)
            continue;
        line =
            arena_printf(a, "%s will refuse the platforms of %u keep%s%s%s", warn->v[i].name, below,
                         below == 1 ? "" : "s", because == NULL || because[0] == '\0' ? "" : ": ",
                         because == NULL ? "" : because);
        if (line == NULL)
            return false;
        (*out)[(*n)++] = line;
    }
    return *out != NULL;
}
