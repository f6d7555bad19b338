#include "config/policy_test.h"

#include <string.h>

struct tester {
    const struct policy *policy;
    const struct selector_advisory *advisories;
    size_t advisories_n;
    int64_t now_s;
    struct arena *a;
};

static bool has_text(const char *text, const char *part)
{
    return text != NULL && strstr(text, part) != NULL;
}

static bool run(const struct tester *t, const Bailey__V1__Expectation *x,
                struct policy_test_result *out, struct err *e)
{
    /* every policy applies to the workload that names it */
    const char *const reference[] = {t->policy->name};
    struct policy_input in = {.namespace = "",
                              .workload = "",
                              .policies = t->policy,
                              .policies_n = 1,
                              .references = reference,
                              .references_n = 1,
                              .advisories = t->advisories,
                              .advisories_n = t->advisories_n,
                              .simulated = SIMULATED_NAMED,
                              .now_s = t->now_s};
    struct policy_judgement j;
    const struct rule *rule;
    struct policy_rules p;
    struct facts f;

    if (!platform_facts(x->platform, &f, e))
        return err_field(e, "platform");
    if (x->at[0] != '\0' && !moment_parse(x->at, &in.now_s, e))
        return err_field(e, "at");
    if (!policy_compile(&in, t->a, &p, e))
        return false;
    j = policy_judge(&p, &f);
    rule = j.warning != NULL ? j.warning : j.judgement.rule;
    *out = (struct policy_test_result){
        .name = x->name,
        .expected = x->verdict,
        .got = policy_word(&j),
        .rule = rule == NULL ? "" : rule->name,
        .because = rule == NULL || rule->selector.because == NULL ? "" : rule->selector.because,
        .wanted_because = x->because};
    if (j.judgement.verdict == VERDICT_NOT_ACCEPTED)
        out->because = "no accept rule matches";
    else if (j.judgement.verdict == VERDICT_UNVERIFIED)
        out->because = "simulated evidence counts only where a rule names it";
    out->passed = policy_expected(&j, x->verdict) &&
                  (x->because[0] == '\0' || has_text(out->rule, x->because) ||
                   has_text(out->because, x->because));
    return true;
}

bool policy_test(const Bailey__V1__TrustPolicy *m, const struct selector_advisory *advisories,
                 size_t advisories_n, int64_t now_s, struct arena *a,
                 struct policy_test_result **out, size_t *n, struct err *e)
{
    struct policy policy;
    struct tester t = {&policy, advisories, advisories_n, now_s, a};
    struct policy_test_result *v;

    if (!policy_from_message(m, a, &policy, e))
        return false;
    v = arena_array(a, m->spec->n_expect + 1, sizeof *v);
    if (v == NULL)
        return err_set(e, ERR_LIMIT, "policy.too-large", "the tests need too much memory");
    for (size_t i = 0; i < m->spec->n_expect; i++)
        if (!run(&t, m->spec->expect[i], &v[i], e))
            return err_field(e, "spec.expect[%zu]", i);
    *out = v;
    *n = m->spec->n_expect;
    return true;
}
