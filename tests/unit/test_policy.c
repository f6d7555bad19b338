/* Policies: the order of power, floors by date, exceptions and their ends, what advisories know,
 * and that both spellings of the mission's sentence admit the same platforms. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config/catalog.h"
#include "config/convert_rules.h"
#include "config/policy_test.h"
#include "config/yaml.h"
#include "tests/lib/unit.h"

#define HEAD "apiVersion: bailey/v1\n"

struct world {
    struct arena a;
    struct policy policies[8];
    struct exception exceptions[8];
    struct selector_advisory advisories[8];
    size_t policies_n, exceptions_n, advisories_n;
    struct policy_input in;
    struct policy_rules rules;
};

static int64_t moment(const char *text)
{
    int64_t s = 0;

    assert_true(moment_parse(text, &s, NULL));
    return s;
}

static void take(struct world *w, const char *yaml)
{
    struct yaml_errors errors = {0};
    AUTO_BUF struct buf said = {0};
    Bailey__V1__Object **o = NULL;
    struct err e = {0};
    bool ok = true;
    size_t n = 0;

    if (!yaml_objects(bytes_str(yaml), "test", &w->a, &o, &n, &errors)) {
        yaml_errors_format(&errors, &said);
        fail_msg("%s", buf_str(&said));
    }
    for (size_t i = 0; i < n && ok; i++) {
        if (o[i]->kind_case == BAILEY__V1__OBJECT__KIND_TRUST_POLICY)
            ok = policy_from_message(o[i]->trust_policy, &w->a, &w->policies[w->policies_n++], &e);
        else if (o[i]->kind_case == BAILEY__V1__OBJECT__KIND_EXCEPTION)
            ok = exception_from_message(o[i]->exception, &w->a, &w->exceptions[w->exceptions_n++],
                                        &e);
        else
            ok =
                advisory_from_message(o[i]->advisory, &w->a, &w->advisories[w->advisories_n++], &e);
    }
    if (!ok)
        fail_msg("%s: %s", e.field, e.msg);
}

static void compile(struct world *w, const char *workload, const char *at)
{
    struct err e = {0};

    w->in.namespace = "finance";
    w->in.workload = workload;
    w->in.policies = w->policies;
    w->in.policies_n = w->policies_n;
    w->in.exceptions = w->exceptions;
    w->in.exceptions_n = w->exceptions_n;
    w->in.advisories = w->advisories;
    w->in.advisories_n = w->advisories_n;
    w->in.now_s = moment(at);
    if (!policy_compile(&w->in, &w->a, &w->rules, &e))
        fail_msg("%s", e.msg);
}

static struct facts platform(struct world *w, const char *yaml)
{
    struct yaml_errors errors = {0};
    ProtobufCMessage *m = NULL;
    struct facts f = {0};
    struct err e = {0};

    assert_true(yaml_message(bytes_str(yaml), "test", &bailey__v1__platform_facts__descriptor,
                             &w->a, &m, &errors));
    if (!platform_facts((const Bailey__V1__PlatformFacts *)(const void *)m, &f, &e))
        fail_msg("%s", e.msg);
    return f;
}

static struct policy_judgement judge(struct world *w, const char *yaml)
{
    struct facts f = platform(w, yaml);

    return policy_judge(&w->rules, &f);
}

static int world_set(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    arena_init(&w->a, (size_t)16 << 20);
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;

    arena_fini(&w->a);
    free(w);
    return 0;
}

static const char floor_yaml[] =
    HEAD "kind: TrustPolicy\nmetadata: {name: production}\nspec:\n"
         "  refuse: [{vendor: amd, generation: milan, because: extracted}]\n"
         "  floors:\n"
         "    - name: genoa\n      platforms: {vendor: amd, productLine: SEV-Genoa}\n"
         "      minimum: {firmware: 1.55.39, tcb: {microcode: 0x54}}\n"
         "      enforceFrom: 2026-12-01\n      grace: 14d\n      because: old\n";

#define GENOA "{vendor: amd, generation: genoa, productLine: SEV-Genoa, "
#define OLD GENOA "firmware: 1.55.21, tcb: {microcode: 0x54}}"
#define NEW GENOA "firmware: 1.55.39, tcb: {microcode: 0x54}}"

static void floors_by_date(void **state)
{
    static const char *const production = "production";
    static const struct {
        const char *at, *word;
    } t[] = {{"2026-01-01", "warned"},
             {"2026-11-30T23:59:59Z", "warned"},
             {"2026-12-01T00:00:00Z", "held"},
             {"2026-12-14T23:59:59Z", "held"},
             {"2026-12-15", "refused"}};
    struct world *w = *state;

    take(w, floor_yaml);
    w->in.references = &production;
    w->in.references_n = 1;
    for (size_t i = 0; i < COUNT(t); i++) {
        struct policy_judgement j;

        compile(w, "payroll", t[i].at);
        j = judge(w, OLD);
        assert_string_equal(policy_word(&j), t[i].word);
        j = judge(w, NEW);
        assert_string_equal(policy_word(&j), "admitted");
        j = judge(w, GENOA "firmware: 1.55.40}"); /* microcode unknown: below */
        assert_string_equal(policy_word(&j), t[i].word);
        j = judge(w, "{vendor: intel}"); /* surely no Genoa */
        assert_string_equal(policy_word(&j), "admitted");
        j = judge(w, "{vendor: amd}"); /* perhaps a Genoa, and perhaps a Milan */
        assert_string_equal(policy_word(&j), "refused");
        assert_string_equal(j.judgement.rule->name, "policy production refuse[0]");
        if (i < 2)
            assert_int_equal(w->rules.next_change_s, moment("2026-12-01"));
        else if (i < 4)
            assert_int_equal(w->rules.next_change_s, moment("2026-12-15"));
        else
            assert_true(w->rules.next_change_s == POLICY_NEVER);
    }
    assert_string_equal(judge(w, OLD).judgement.rule->name, "policy production floor genoa");
    assert_string_equal(judge(w, OLD).judgement.rule->selector.because, "old");
}

static void references(void **state)
{
    static const char *const missing = "staging";
    struct world *w = *state;

    take(w, floor_yaml);
    compile(w, "payroll", "2027-01-01"); /* no reference, no default: no rule */
    assert_int_equal(judge(w, OLD).judgement.verdict, VERDICT_ADMITTED);
    w->in.references = &missing;
    w->in.references_n = 1;
    compile(w, "payroll", "2027-01-01");
    assert_int_equal(judge(w, NEW).judgement.verdict, VERDICT_REFUSED);
    assert_string_equal(judge(w, NEW).judgement.rule->name, "policy staging");
    w->in.references_n = 0;
    w->policies[0].cluster_default = true;
    compile(w, "payroll", "2027-01-01");
    assert_int_equal(judge(w, OLD).judgement.verdict, VERDICT_REFUSED);
}

/* Every policy's accept list and the workload's own must admit. */
static void demands(void **state)
{
    static const char *const genoa = "genoa";
    struct rule own = {.name = "spec.trust.accept[0]"};
    struct world *w = *state;

    take(w, HEAD "kind: TrustPolicy\nmetadata: {name: a}\nspec:\n  clusterDefault: true\n"
                 "  accept: [{vendor: amd}, {vendor: intel}]\n");
    take(w, HEAD "kind: TrustPolicy\nmetadata: {name: b}\nspec:\n  clusterDefault: true\n"
                 "  accept: [{technology: sev-snp}]\n");
    own.selector.generation = (struct selector_words){&genoa, 1};
    compile(w, "x", "2026-01-01");
    assert_int_equal(w->rules.rules.demands_n, 2);
    assert_int_equal(judge(w, "{vendor: amd, technology: sev-snp}").judgement.verdict,
                     VERDICT_ADMITTED);
    assert_int_equal(judge(w, "{vendor: amd}").judgement.verdict, VERDICT_NOT_ACCEPTED);
    assert_int_equal(judge(w, "{vendor: arm, technology: sev-snp}").judgement.verdict,
                     VERDICT_NOT_ACCEPTED);
    w->in.accept = (struct rule_list){.v = &own, .n = 1};
    compile(w, "x", "2026-01-01");
    assert_int_equal(judge(w, "{vendor: amd, technology: sev-snp}").judgement.verdict,
                     VERDICT_NOT_ACCEPTED);
    assert_int_equal(
        judge(w, "{vendor: amd, technology: sev-snp, generation: genoa}").judgement.verdict,
        VERDICT_ADMITTED);
}

#define MILAN "{vendor: amd, generation: milan, productLine: SEV-Milan}"

static void exceptions_end(void **state)
{
    struct world *w = *state;

    take(w, floor_yaml);
    w->policies[0].cluster_default = true;
    take(w, HEAD "kind: Exception\nmetadata: {name: x, namespace: finance}\nspec:\n"
                 "  who: ops\n  why: spare parts\n  until: 2026-06-01\n  workload: payroll\n"
                 "  platforms: [{generation: milan}]\n"
                 "  passes: {policy: production, rule: \"refuse[0]\"}\n");
    compile(w, "payroll", "2026-05-31T23:59:59Z");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_ADMITTED);
    assert_string_equal(judge(w, MILAN).exception, "x");
    assert_null(judge(w, NEW).exception);
    assert_int_equal(w->rules.next_change_s, moment("2026-06-01"));
    assert_int_equal(w->rules.exceptions_n, 1);
    /* a platform that only may be a Milan is not the exception's */
    assert_int_equal(judge(w, "{vendor: amd}").judgement.verdict, VERDICT_REFUSED);
    /* of another workload, another namespace, past its end, of another rule */
    compile(w, "billing", "2026-05-31");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_REFUSED);
    compile(w, "payroll", "2026-06-01");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_REFUSED);
    w->exceptions[0].namespace = "default";
    compile(w, "payroll", "2026-05-31");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_REFUSED);
    w->exceptions[0].namespace = "finance";
    w->exceptions[0].rule = "genoa";
    compile(w, "payroll", "2026-05-31");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_REFUSED);
    w->exceptions[0].rule = "";
    compile(w, "payroll", "2026-05-31");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_ADMITTED);
    /* never a failed verification */
    assert_int_equal(policy_judge(&w->rules, NULL).judgement.verdict, VERDICT_UNVERIFIED);
}

static void revocations(void **state)
{
    static const char *const milan = "milan";
    struct rule named[] = {{.name = "revocation milan-2026-05"}, {.name = "revocation other"}};
    struct world *w = *state;

    named[0].selector.generation = named[1].selector.generation =
        (struct selector_words){&milan, 1};
    w->in.revocations = (struct rule_list){.v = named, .n = 1};
    compile(w, "payroll", "2026-01-01");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_REVOKED);
    take(w, HEAD "kind: Exception\nmetadata: {name: x, namespace: finance}\nspec:\n"
                 "  who: ops\n  why: spare parts\n  until: 2026-06-01\n  workload: payroll\n"
                 "  platforms: [{generation: milan}]\n  passes: {revocation: milan-2026-05}\n");
    compile(w, "payroll", "2026-01-01");
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_ADMITTED);
    assert_string_equal(judge(w, MILAN).exception, "x");
    w->in.revocations.n = 2; /* the one that is not named still holds */
    compile(w, "payroll", "2026-01-01");
    assert_string_equal(judge(w, MILAN).judgement.rule->name, "revocation other");
}

static void advisories(void **state)
{
    struct world *w = *state;

    take(w, HEAD "kind: TrustPolicy\nmetadata: {name: a}\nspec:\n  clusterDefault: true\n"
                 "  refuse: [{advisory: AMD-SB-3019}]\n");
    compile(w, "x", "2026-01-01");
    assert_int_equal(judge(w, NEW).judgement.verdict, VERDICT_REFUSED); /* nobody knows */
    assert_int_equal(judge(w, NEW).judgement.truth, TRUTH_UNKNOWN);
    take(w, HEAD
         "kind: Advisory\nmetadata: {name: amd-sb-3019}\nspec:\n  id: CVE-2024-56161\n"
         "  affected: [{vendor: amd, generation: [milan, genoa]}]\n"
         "  fixed: [{platforms: {productLine: SEV-Genoa}, minimum: {tcb: {microcode: 0x54}}}]\n");
    compile(w, "x", "2026-01-01");
    assert_int_equal(judge(w, NEW).judgement.verdict, VERDICT_ADMITTED);
    assert_int_equal(judge(w, GENOA "tcb: {microcode: 0x53}}").judgement.truth, TRUTH_YES);
    assert_int_equal(judge(w, GENOA "firmware: 1.55.99}").judgement.verdict, VERDICT_REFUSED);
    assert_int_equal(judge(w, MILAN).judgement.verdict, VERDICT_REFUSED);
    assert_int_equal(judge(w, "{vendor: intel}").judgement.verdict, VERDICT_ADMITTED);
    assert_int_equal(judge(w, "{vendor: amd, generation: turin}").judgement.verdict,
                     VERDICT_ADMITTED);
    assert_int_equal(judge(w, "{vendor: amd}").judgement.verdict, VERDICT_REFUSED);
    /* what collateral says counts where it is worse */
    assert_int_equal(
        judge(w, GENOA "tcb: {microcode: 0x54}, advisory: AMD-SB-3019, advisoriesKnown: true}")
            .judgement.verdict,
        VERDICT_REFUSED);
}

static char *read_example(const char *name, size_t *n)
{
    char path[512];
    const char *source = getenv("BAILEY_SOURCE");
    char *text = calloc(1, 65536);
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/docs/examples/%s", source == NULL ? "." : source, name);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(text);
    *n = fread(text, 1, 65535, f);
    (void)fclose(f);
    return text;
}

static void spelling(struct world *w, const char *file, struct rules *out)
{
    struct yaml_errors errors = {0};
    Bailey__V1__Object **o = NULL;
    struct trust_rules t;
    struct rule *v;
    size_t n = 0, size;
    char *text = read_example(file, &size);

    assert_true(yaml_objects((struct bytes){(uint8_t *)text, size}, file, &w->a, &o, &n, &errors));
    assert_true(trust_from_message(o[0]->workload->spec->trust, &w->a, &t, NULL));
    v = arena_array(&w->a, t.accept_n + t.refuse_n, sizeof *v);
    for (size_t i = 0; i < t.accept_n + t.refuse_n; i++)
        v[i] = (struct rule){.selector = i < t.accept_n ? t.accept[i] : t.refuse[i - t.accept_n],
                             .name = "rule"};
    *out = (struct rules){.accept = {.v = v, .n = t.accept_n},
                          .refuse = {.v = v + t.accept_n, .n = t.refuse_n}};
    free(text);
}

static void same(const struct rules *one, const struct rules *two, const struct facts *f,
                 size_t *admitted)
{
    bool a = rules_judge(one, f).verdict == VERDICT_ADMITTED;
    char line[512];

    if (a != (rules_judge(two, f).verdict == VERDICT_ADMITTED))
        fail_msg("the spellings differ on %s", facts_format(f, line, sizeof line));
    *admitted += a;
}

static void put(struct fact_words *w, const char *s)
{
    if (s != NULL)
        (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

/* Every vendor of the catalog with every generation that is its own, every pair of candidates, and
 * none known. */
static void both_spellings(void **state)
{
    size_t vendors_n, n, admitted = 0, milans = 0;
    const char *const *vendors = catalog_words("vendor", &vendors_n);
    const char *const *words = catalog_words("generation", &n);
    struct rules one, two;
    struct world *w = *state;

    spelling(w, "mission.yaml", &one);
    spelling(w, "mission-accept.yaml", &two);
    for (size_t v = 0; v < vendors_n; v++) {
        struct facts none = {.assurance = ASSURANCE_HARDWARE};

        put(&none.vendor, vendors[v]);
        same(&one, &two, &none, &admitted);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k <= i; k++) {
                struct facts f = none;
                size_t before = admitted;
                bool milan = strcmp(words[i], "milan") == 0 || strcmp(words[k], "milan") == 0;

                if (strcmp(catalog_vendor("generation", words[i]), vendors[v]) != 0 ||
                    strcmp(catalog_vendor("generation", words[k]), vendors[v]) != 0)
                    continue;
                put(&f.generation, words[i]);
                put(&f.generation, i == k ? NULL : words[k]);
                same(&one, &two, &f, &admitted);
                assert_int_equal(admitted - before, !milan);
                milans += milan;
            }
    }
    assert_true(admitted > 40 && milans == 7);
}

static void examples_pass_their_tests(void **state)
{
    struct world *w = *state;
    struct yaml_errors errors = {0};
    struct policy_test_result *v = NULL;
    Bailey__V1__Object **o = NULL;
    char other[] = "another reason";
    size_t n = 0, size, tests = 0;
    char *text = read_example("policy.yaml", &size);

    assert_true(
        yaml_objects((struct bytes){(uint8_t *)text, size}, "policy", &w->a, &o, &n, &errors));
    assert_int_equal(n, 3);
    assert_true(advisory_from_message(o[1]->advisory, &w->a, &w->advisories[0], NULL));
    assert_true(policy_test(o[0]->trust_policy, w->advisories, 1, moment("2026-11-01"), &w->a, &v,
                            &tests, NULL));
    assert_int_equal(tests, 7);
    for (size_t i = 0; i < tests; i++)
        assert_true(v[i].passed);
    /* without the advisory nobody knows whether it is fixed; a wrong reason is a failure, too */
    assert_true(
        policy_test(o[0]->trust_policy, NULL, 0, moment("2026-11-01"), &w->a, &v, &tests, NULL));
    assert_false(v[1].passed);
    assert_string_equal(v[1].got, "refused");
    o[0]->trust_policy->spec->expect[0]->because = other;
    assert_true(policy_test(o[0]->trust_policy, w->advisories, 1, moment("2026-11-01"), &w->a, &v,
                            &tests, NULL));
    assert_false(v[0].passed);
    assert_string_equal(v[0].got, v[0].expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(floors_by_date, world_set, world_end),
        cmocka_unit_test_setup_teardown(references, world_set, world_end),
        cmocka_unit_test_setup_teardown(demands, world_set, world_end),
        cmocka_unit_test_setup_teardown(exceptions_end, world_set, world_end),
        cmocka_unit_test_setup_teardown(revocations, world_set, world_end),
        cmocka_unit_test_setup_teardown(advisories, world_set, world_end),
        cmocka_unit_test_setup_teardown(both_spellings, world_set, world_end),
        cmocka_unit_test_setup_teardown(examples_pass_their_tests, world_set, world_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
