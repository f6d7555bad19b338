#include "scheduler/policy.h"

#include <string.h>

enum floor_stage floor_stage(const struct floor *f, int64_t now_s)
{
    if (now_s < f->enforce_from_s)
        return FLOOR_WARNS;
    return now_s < f->move_from_s ? FLOOR_HOLDS : FLOOR_REFUSES;
}

const char *floor_stage_name(enum floor_stage s)
{
    static const char *const names[] = {"warns", "holds", "refuses"};

    return (unsigned)s < 3 ? names[s] : "unknown";
}

/* The rules while they are made. Sticky: full once the arena is. */
struct maker {
    const struct policy_input *in;
    struct arena *a;
    bool full;
    struct rule *cluster, *refuse, *accept, *hold, *warn;
    size_t cluster_n, refuse_n, accept_n, hold_n, warn_n;
    struct rule_list *demands;
    size_t demands_n;
    int64_t next_change_s;
};

static void *make(struct maker *m, size_t n, size_t size)
{
    void *p = arena_array(m->a, n == 0 ? 1 : n, size);

    if (p == NULL)
        m->full = true;
    return p;
}

static bool holds_for(const struct policy_input *in, const struct exception *x)
{
    return in->now_s < x->until_s && strcmp(x->workload, in->workload) == 0 &&
           strcmp(x->namespace, in->namespace) == 0;
}

/* A moment at which the compiled rules change, if it is still to come. */
static void changes_at(struct maker *m, int64_t when_s)
{
    if (when_s > m->in->now_s && when_s < m->next_change_s)
        m->next_change_s = when_s;
}

/* Which refusal an exception has to name: a rule of a policy, or a revocation. */
struct refusal {
    const char *policy, *rule, *alias; /* alias: "floors[0]" of a floor that has a name */
    const char *revocation;
};

static bool passes(const struct exception *x, const struct refusal *r)
{
    if (r->revocation != NULL)
        return x->revocation[0] != '\0' && strcmp(x->revocation, r->revocation) == 0;
    return r->policy != NULL && x->policy[0] != '\0' && strcmp(x->policy, r->policy) == 0 &&
           (x->rule[0] == '\0' || strcmp(x->rule, r->rule) == 0 ||
            (r->alias != NULL && strcmp(x->rule, r->alias) == 0));
}

/* minimum: of a floor, or NULL. */
static void put_unless(struct maker *m, const struct refusal *r, const struct selector *minimum,
                       struct selector *s)
{
    const struct policy_input *in = m->in;
    struct selector_unless *v;
    size_t n = minimum != NULL;

    for (size_t i = 0; i < in->exceptions_n; i++)
        if (holds_for(in, &in->exceptions[i]) && passes(&in->exceptions[i], r))
            n += in->exceptions[i].platforms_n;
    v = n == 0 ? NULL : make(m, n, sizeof *v);
    if (v == NULL)
        return;
    n = 0;
    if (minimum != NULL)
        v[n++] = (struct selector_unless){.selector = minimum, .name = "minimum"};
    for (size_t i = 0; i < in->exceptions_n; i++) {
        const struct exception *x = &in->exceptions[i];

        if (!holds_for(in, x) || !passes(x, r))
            continue;
        changes_at(m, x->until_s);
        for (size_t k = 0; k < x->platforms_n; k++)
            v[n++] = (struct selector_unless){&x->platforms[k], x->name, true};
    }
    s->unless = v;
    s->unless_n = n;
}

/* The Advisory objects of the advisories that the selector names. */
static void put_known(struct maker *m, struct selector *s)
{
    const struct selector_advisory **v;
    size_t n = 0;

    if (s->advisory.n == 0 || m->in->advisories_n == 0)
        return;
    v = make(m, s->advisory.n, sizeof *v);
    for (size_t i = 0; v != NULL && i < s->advisory.n; i++)
        for (size_t k = 0; k < m->in->advisories_n; k++)
            if (strcmp(s->advisory.v[i], m->in->advisories[k].id) == 0) {
                v[n++] = &m->in->advisories[k];
                break;
            }
    s->known = v;
    s->known_n = n;
}

static void put_rule(struct maker *m, const struct selector *s, const char *name,
                     const struct refusal *r, const struct selector *minimum, struct rule *to)
{
    to->selector = *s;
    to->name = name;
    if (name == NULL)
        m->full = true;
    put_known(m, &to->selector);
    if (r != NULL)
        put_unless(m, r, minimum, &to->selector);
}

static void put_floor(struct maker *m, const struct policy *p, size_t i)
{
    const struct floor *f = &p->floors[i];
    const char *alias = arena_printf(m->a, "floors[%zu]", i);
    const char *name = f->name[0] != '\0' ? f->name : alias;
    struct refusal r = {.policy = p->name, .rule = name, .alias = alias};
    const char *full =
        alias == NULL
            ? NULL
            : arena_printf(m->a, f->name[0] != '\0' ? "policy %s floor %s" : "policy %s %s",
                           p->name, name);
    struct selector s = f->platforms;
    struct rule *to;

    if (full == NULL) {
        m->full = true;
        return;
    }
    s.because = f->because;
    switch (floor_stage(f, m->in->now_s)) {
    case FLOOR_WARNS:
        to = &m->warn[m->warn_n++];
        break;
    case FLOOR_HOLDS:
        to = &m->hold[m->hold_n++];
        break;
    case FLOOR_REFUSES:
    default:
        to = &m->refuse[m->refuse_n++];
        break;
    }
    changes_at(m, f->enforce_from_s);
    changes_at(m, f->move_from_s);
    put_rule(m, &s, full, &r, &f->minimum, to);
}

static void put_policy(struct maker *m, const struct policy *p)
{
    struct rule *accept = make(m, p->accept_n, sizeof *accept);

    for (size_t i = 0; i < p->refuse_n && !m->full; i++) {
        struct refusal r = {.policy = p->name, .rule = arena_printf(m->a, "refuse[%zu]", i)};

        if (r.rule == NULL) {
            m->full = true;
            return;
        }
        put_rule(m, &p->refuse[i], arena_printf(m->a, "policy %s refuse[%zu]", p->name, i), &r,
                 NULL, &m->refuse[m->refuse_n++]);
    }
    for (size_t i = 0; i < p->floors_n && !m->full; i++)
        put_floor(m, p, i);
    for (size_t i = 0; i < p->accept_n && !m->full; i++)
        put_rule(m, &p->accept[i], arena_printf(m->a, "policy %s accept[%zu]", p->name, i), NULL,
                 NULL, &accept[i]);
    if (p->accept_n > 0 && !m->full)
        m->demands[m->demands_n++] = (struct rule_list){.v = accept, .n = p->accept_n};
}

static bool applies(const struct policy_input *in, const struct policy *p)
{
    for (size_t i = 0; i < in->references_n && !p->cluster_default; i++)
        if (strcmp(in->references[i], p->name) == 0)
            return true;
    return p->cluster_default;
}

static bool exists(const struct policy_input *in, const char *name)
{
    for (size_t i = 0; i < in->policies_n; i++)
        if (strcmp(in->policies[i].name, name) == 0)
            return true;
    return false;
}

/* Room for every rule that can be made. */
static void make_room(struct maker *m)
{
    const struct policy_input *in = m->in;
    size_t refuse = in->refuse.n + in->references_n, floors = 0;

    for (size_t i = 0; i < in->policies_n; i++) {
        if (!applies(in, &in->policies[i]))
            continue;
        refuse += in->policies[i].refuse_n + in->policies[i].floors_n;
        floors += in->policies[i].floors_n;
    }
    m->cluster = make(m, in->revocations.n, sizeof *m->cluster);
    m->refuse = make(m, refuse, sizeof *m->refuse);
    m->accept = make(m, in->accept.n, sizeof *m->accept);
    m->hold = make(m, floors, sizeof *m->hold);
    m->warn = make(m, floors, sizeof *m->warn);
    m->demands = make(m, in->policies_n, sizeof *m->demands);
}

static void put_all(struct maker *m)
{
    static const char prefix[] = "revocation ";
    const struct policy_input *in = m->in;

    for (size_t i = 0; i < in->revocations.n && !m->full; i++) {
        const char *name = in->revocations.v[i].name;
        struct refusal r = {.revocation = name};

        if (strncmp(name, prefix, sizeof prefix - 1) == 0)
            r.revocation = name + sizeof prefix - 1;
        put_rule(m, &in->revocations.v[i].selector, name, &r, NULL, &m->cluster[m->cluster_n++]);
    }
    for (size_t i = 0; i < in->references_n && !m->full; i++)
        if (!exists(in, in->references[i])) {
            static const struct selector everything = {.because = "there is no such policy"};

            put_rule(m, &everything, arena_printf(m->a, "policy %s", in->references[i]), NULL, NULL,
                     &m->refuse[m->refuse_n++]);
        }
    for (size_t i = 0; i < in->policies_n && !m->full; i++)
        if (applies(in, &in->policies[i]))
            put_policy(m, &in->policies[i]);
    for (size_t i = 0; i < in->refuse.n && !m->full; i++)
        put_rule(m, &in->refuse.v[i].selector, in->refuse.v[i].name, NULL, NULL,
                 &m->refuse[m->refuse_n++]);
    for (size_t i = 0; i < in->accept.n && !m->full; i++)
        put_rule(m, &in->accept.v[i].selector, in->accept.v[i].name, NULL, NULL,
                 &m->accept[m->accept_n++]);
}

bool policy_compile(const struct policy_input *in, struct arena *a, struct policy_rules *out,
                    struct err *e)
{
    struct maker m = {.in = in, .a = a, .next_change_s = POLICY_NEVER};
    struct policy_rules p = {
        .rules = {.max_evidence_age_ms = in->max_evidence_age_ms, .simulated = in->simulated}};

    make_room(&m);
    if (!m.full)
        put_all(&m);
    if (m.full)
        return err_set(e, ERR_LIMIT, "policy.too-large", "the rules need too much memory");
    p.rules.cluster = (struct rule_list){.v = m.cluster, .n = m.cluster_n};
    p.rules.refuse = (struct rule_list){.v = m.refuse, .n = m.refuse_n};
    p.rules.accept = (struct rule_list){.v = m.accept, .n = m.accept_n};
    p.rules.hold = (struct rule_list){.v = m.hold, .n = m.hold_n};
    p.rules.demands = m.demands;
    p.rules.demands_n = m.demands_n;
    p.warn = (struct rule_list){.v = m.warn, .n = m.warn_n};
    rule_list_seal(&p.rules.cluster);
    rule_list_seal(&p.rules.refuse);
    rule_list_seal(&p.rules.accept);
    rule_list_seal(&p.rules.hold);
    for (size_t i = 0; i < m.demands_n; i++)
        rule_list_seal(&m.demands[i]);
    for (size_t i = 0; i < in->exceptions_n; i++)
        p.exceptions_n += holds_for(in, &in->exceptions[i]);
    p.next_change_s = m.next_change_s;
    *out = p;
    return true;
}

/* The exception without which a rule of the list would refuse; a floor's minimum is none. */
static const char *excused(const struct rule_list *l, const struct facts *facts,
                           enum simulated simulated)
{
    for (size_t i = 0; i < l->n; i++) {
        struct selector s = l->v[i].selector;
        const struct selector_unless *u;

        if (s.unless_n == 0)
            continue;
        u = selector_passed(&s, facts);
        if (u == NULL || !u->exception)
            continue;
        s.unless_n = 0;
        if (truth_matches(selector_eval(&s, facts, SENSE_REFUSE, simulated), SENSE_REFUSE))
            return u->name;
    }
    return NULL;
}

struct policy_judgement policy_judge(const struct policy_rules *p, const struct facts *facts)
{
    const struct rules *r = &p->rules;
    struct policy_judgement j = {.judgement = rules_judge(r, facts)};

    if (!verdict_tolerates(j.judgement.verdict))
        return j;
    j.warning = rules_refusing(&p->warn, facts, r->simulated, NULL);
    j.exception = excused(&r->cluster, facts, r->simulated);
    if (j.exception == NULL)
        j.exception = excused(&r->refuse, facts, r->simulated);
    if (j.exception == NULL)
        j.exception = excused(&r->hold, facts, r->simulated);
    return j;
}

const char *policy_word(const struct policy_judgement *j)
{
    if (j->judgement.verdict == VERDICT_HELD)
        return "held";
    if (j->judgement.verdict != VERDICT_ADMITTED)
        return "refused";
    return j->warning != NULL ? "warned" : "admitted";
}

bool policy_expected(const struct policy_judgement *j, const char *expected)
{
    const char *got = policy_word(j);

    if (strcmp(expected, "admitted") == 0)
        return j->judgement.verdict == VERDICT_ADMITTED;
    if (strcmp(expected, "refused") == 0)
        return j->judgement.verdict != VERDICT_ADMITTED;
    return strcmp(expected, got) == 0;
}
