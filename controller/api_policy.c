#include "controller/api_policy.h"

#include <stdio.h>

#include "base/str.h"
#include "config/policy_test.h"
#include "config/schema.h"
#include "controller/reconcile.h"
#include "controller/revocation.h"
#include "controller/txn.h"
#include "proto/unpack.h"

#define TESTS_LIMIT ((size_t)8 << 20)

static bool tests_pass(const struct state *st, const struct effective *ef,
                       const Bailey__V1__TrustPolicy *m, struct err *e)
{
    struct policy_test_result *v;
    AUTO_ARENA struct arena a;
    size_t n;

    arena_init(&a, TESTS_LIMIT);
    if (!policy_test(m, ef->advisories, ef->advisories_n, state_wall_ms(st) / 1000, &a, &v, &n, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!v[i].passed)
            return err_set(e, ERR_INPUT, "policy.test-failed",
                           "the policy's own test %zu%s%s fails", i,
                           v[i].name[0] == '\0' ? "" : ", ", v[i].name),
                   err_field(e, "spec.expect[%zu]", i), err_expected(e, "%s", v[i].expected),
                   err_found(e, "%s%s%s", v[i].got, v[i].rule[0] == '\0' ? "" : " by ", v[i].rule),
                   err_mend(e, "bailey policy test shows all of them");
    return true;
}

/* "refuse[0]", "floors[1]" or a floor's name. */
static bool has_rule(const struct policy *p, const char *rule)
{
    char name[48];

    for (size_t i = 0; i < p->refuse_n; i++) {
        snprintf(name, sizeof name, "refuse[%zu]", i);
        if (strcmp(name, rule) == 0)
            return true;
    }
    for (size_t i = 0; i < p->floors_n; i++) {
        snprintf(name, sizeof name, "floors[%zu]", i);
        if (strcmp(name, rule) == 0 || strcmp(p->floors[i].name, rule) == 0)
            return true;
    }
    return false;
}

static bool no_policy(const struct effective *ef, const char *name, struct err *e)
{
    const char *names[64], *near;
    size_t n = 0;

    for (size_t i = 0; i < ef->policies_n && n < 64; i++)
        names[n++] = ef->policies[i].name;
    near = str_nearest(name, names, n);
    err_set(e, ERR_INPUT, "policy.missing", "there is no policy %.63s", name);
    err_found(e, "%.63s", name);
    if (near != NULL)
        err_mend(e, "did you mean %s?", near);
    else
        err_mend(e, "apply the policy first, or in the same request");
    return false;
}

bool trust_references_check(const struct effective *ef, const Bailey__V1__Workload *w,
                            struct err *e)
{
    const Bailey__V1__Trust *t = w->spec->trust;

    for (size_t i = 0; t != NULL && i < t->n_policies; i++)
        if (effective_policy(ef, t->policies[i]) == NULL)
            return no_policy(ef, t->policies[i], e), err_field(e, "spec.trust.policies[%zu]", i);
    return true;
}

static bool has_workload(const struct state *st, const char *ns, const char *name,
                         Bailey__V1__Object *const *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i]->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD &&
            strcmp(all[i]->workload->metadata->name, name) == 0 &&
            strcmp(all[i]->workload->metadata->namespace_, ns) == 0)
            return true;
    return state_workload(st, ns, name) != NULL;
}

static bool check_exception(const struct state *st, const struct effective *ef,
                            const Bailey__V1__Exception *m, Bailey__V1__Object *const *all,
                            size_t n, struct err *e)
{
    const Bailey__V1__Passed *passes = m->spec->passes;
    const struct policy *p = NULL;
    int64_t until_s;

    if (!moment_parse(m->spec->until, &until_s, e))
        return err_field(e, "spec.until");
    if (until_s <= state_wall_ms(st) / 1000)
        return err_set(e, ERR_INPUT, "exception.over", "the exception would have ended already"),
               err_field(e, "spec.until"), err_found(e, "%s", m->spec->until),
               err_expected(e, "a time in the future");
    if (!has_workload(st, m->metadata->namespace_, m->spec->workload, all, n))
        return err_set(e, ERR_INPUT, "exception.workload", "there is no workload %.63s",
                       m->spec->workload),
               err_field(e, "spec.workload"), err_found(e, "%.63s", m->spec->workload),
               err_mend(e, "an exception stands in the namespace of its workload");
    if (passes->policy[0] == '\0')
        return true;
    if (strcmp(passes->policy, BUILT_IN_POLICY) == 0)
        return passes->rule[0] == '\0' || strcmp(passes->rule, BUILT_IN_TCB) == 0 ||
               (err_set(e, ERR_INPUT, "exception.rule", "there is no built-in rule %.63s",
                        passes->rule),
                err_field(e, "spec.passes.rule"), err_expected(e, BUILT_IN_TCB));
    p = effective_policy(ef, passes->policy);
    if (p == NULL)
        return no_policy(ef, passes->policy, e), err_field(e, "spec.passes.policy");
    if (passes->rule[0] != '\0' && !has_rule(p, passes->rule))
        return err_set(e, ERR_INPUT, "exception.rule", "policy %s has no rule %.63s", p->name,
                       passes->rule),
               err_field(e, "spec.passes.rule"), err_found(e, "%.63s", passes->rule),
               err_expected(e, "a floor's name, refuse[N] or floors[N]; accept lists cannot be "
                               "passed");
    return true;
}

bool trust_check(const struct state *st, const struct effective *ef, const Bailey__V1__Object *o,
                 Bailey__V1__Object *const *all, size_t n, struct err *e)
{
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_TRUST_POLICY &&
        strcmp(o->trust_policy->metadata->name, BUILT_IN_POLICY) == 0)
        return err_set(e, ERR_INPUT, "policy.reserved", "this name stands for the built-in rules"),
               err_field(e, "metadata.name"), err_found(e, BUILT_IN_POLICY);
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_TRUST_POLICY)
        return tests_pass(st, ef, o->trust_policy, e);
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_EXCEPTION)
        return check_exception(st, ef, o->exception, all, n, e);
    return true;
}

static bool same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    AUTO_BUF struct buf x = {0};
    AUTO_BUF struct buf y = {0};

    proto_pack(a, &x);
    proto_pack(b, &y);
    return bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

static bool same_labels(const Bailey__V1__Metadata *a, const Bailey__V1__Metadata *b)
{
    Bailey__V1__Metadata x = BAILEY__V1__METADATA__INIT, y = BAILEY__V1__METADATA__INIT;

    x.labels = a->labels;
    x.n_labels = a->n_labels;
    y.labels = b->labels;
    y.n_labels = b->n_labels;
    return same(&x.base, &y.base);
}

static struct trust_object *find(const struct state *st, const Bailey__V1__Object *o,
                                 enum object_kind *kind, Bailey__V1__Metadata **m)
{
    if (!view_kind(o, kind, m))
        return NULL;
    return (struct trust_object *)object_find(st, *kind, (*m)->namespace_, (*m)->name);
}

const char *trust_outcome(const struct state *st, const Bailey__V1__Object *o)
{
    struct object sent = {0};
    Bailey__V1__Metadata *m;
    const struct trust_object *t = find(st, o, &sent.kind, &m);

    if (t == NULL)
        return "created";
    if (sent.kind == OBJECT_REVOCATION && revocation_lifted(t))
        return "changed";
    sent.msg = (ProtobufCMessage *)(uintptr_t)object_body(o);
    return same(trust_spec(&t->object), trust_spec(&sent)) &&
                   same_labels(object_meta(&t->object), m)
               ? "unchanged"
               : "changed";
}

struct trust_object *trust_apply(struct state *st, const Bailey__V1__Object *o, const char *who)
{
    const char *outcome = trust_outcome(st, o);
    Bailey__V1__Metadata *m;
    enum object_kind kind;
    struct trust_object *t = find(st, o, &kind, &m);
    char reason[48];

    if (outcome[0] == 'u')
        return t;
    if (t == NULL)
        t = trust_new(st, kind, object_body(o));
    else
        trust_change(st, t, object_body(o));
    BUG_ON(t == NULL);
    snprintf(reason, sizeof reason, "%s.%s", kind_of(kind)->words[kind == OBJECT_POLICY ? 2 : 0],
             outcome);
    event_add(st, &t->object, "normal", reason, who, "generation %llu",
              (unsigned long long)object_meta(&t->object)->generation);
    return t;
}

struct effect {
    uint32_t leave, stay, live;
    const char *rule;
};

/* How many of a workload's keeps the rules refuse that hold under ef, and did not before. */
static bool effect_of(const struct state *st, const struct effective *ef, const struct workload *w,
                      struct effect *out, struct err *e)
{
    struct workload thought = *w; /* borrows all but the rules */
    struct effect f = {.rule = ""};

    thought.rules_arena = (struct arena){0};
    if (!workload_rules(st, ef, &thought, e))
        return false;
    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];
        struct judgement was, is;

        if (!keep_live(k) || k->node == NULL || !k->node->has_facts)
            continue;
        was = rules_judge(&w->trust.rules, &k->node->facts);
        is = rules_judge(&thought.trust.rules, &k->node->facts);
        f.live++;
        f.leave += verdict_tolerates(was.verdict) && !verdict_tolerates(is.verdict);
        f.stay += !verdict_tolerates(was.verdict) && verdict_tolerates(is.verdict);
    }
    arena_fini(&thought.rules_arena);
    *out = f;
    return true;
}

bool trust_effects(const struct state *st, const struct effective *ef, struct arena *a,
                   Bailey__V1__ApplyResult *out, struct err *e)
{
    struct workload *w;

    out->effects = arena_array(a, st->workloads.n + 1, sizeof *out->effects);
    for (size_t i = 0; out->effects != NULL && (w = map_next(&st->workloads, &i)) != NULL;) {
        struct effect f;
        char *line;

        if (!effect_of(st, ef, w, &f, e))
            return false;
        if (f.leave + f.stay == 0)
            continue;
        line = f.leave > 0 ? arena_printf(a, "workload %s: %u of %u keeps have to leave",
                                          w->object.key, f.leave, f.live)
                           : arena_printf(a, "workload %s: %u of %u keeps may stay after all",
                                          w->object.key, f.stay, f.live);
        if (line == NULL)
            break;
        out->effects[out->n_effects++] = line;
    }
    return true;
}

/* Workloads, then exceptions, that name the policy. Returns how many. */
static size_t users_of(const struct state *st, const char *policy, char *text, size_t size)
{
    const struct workload *w;
    const struct trust_object *x;
    size_t n = 0, at = 0;

    text[0] = '\0';
    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;) {
        const Bailey__V1__Trust *t = w->msg->spec->trust;
        bool names = false;

        for (size_t j = 0; t != NULL && j < t->n_policies && !names; j++)
            names = strcmp(t->policies[j], policy) == 0;
        if (!names)
            continue;
        if (at < size)
            at += (size_t)snprintf(text + at, size - at, "%sworkload %s", n == 0 ? "" : ", ",
                                   w->object.key);
        n++;
    }
    for (size_t i = 0; (x = map_next(&st->exceptions, &i)) != NULL;) {
        if (strcmp(x->exception->spec->passes->policy, policy) != 0)
            continue;
        if (at < size)
            at += (size_t)snprintf(text + at, size - at, "%sexception %s", n == 0 ? "" : ", ",
                                   x->object.key);
        n++;
    }
    return n;
}

bool trust_delete(struct state *st, struct trust_object *t, bool force, const char *who,
                  struct err *e)
{
    static const char *const words[OBJECT_KINDS] = {[OBJECT_POLICY] = "policy.deleted",
                                                    [OBJECT_ADVISORY] = "advisory.deleted",
                                                    [OBJECT_EXCEPTION] = "exception.deleted",
                                                    [OBJECT_REVOCATION] = "revocation.deleted"};
    char users[120];
    size_t n = 0;

    if (t->object.kind == OBJECT_REVOCATION && !revocation_lifted(t) &&
        !t->revocation->spec->proposed)
        return err_set(e, ERR_CONFLICT, "revocation.in-force", "revocation %s is in force",
                       t->object.key),
               err_mend(e, "bailey lift %s --because TEXT ends it", t->object.key);
    if (t->object.kind == OBJECT_POLICY)
        n = users_of(st, t->object.key, users, sizeof users);
    if (n > 0 && !force)
        return err_set(e, ERR_CONFLICT, "policy.in-use", "%zu object%s policy %s", n,
                       n == 1 ? " names" : "s name", t->object.key),
               err_found(e, "%s", users),
               err_mend(e, "change them first; with --force they are refused every platform");
    event_add(st, &t->object, "normal", words[t->object.kind], who, "%zu objects name it", n);
    txn_remove(st, &t->object);
    effective_changed(st);
    return true;
}
