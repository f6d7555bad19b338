/* Ranges, three-valued conditions, and that an explanation and the evaluation agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "scheduler/rules.h"

static void test_version_range(void **state)
{
    static const struct {
        const char *text;
        uint32_t v[4];
        bool holds;
    } t[] = {
        {">=1.55.39", {1, 55, 39, 0}, true},
        {">=1.55.39", {1, 55, 38, 9}, false},
        {">=1.55.29 <2", {1, 99, 0, 0}, true},
        {">=1.55.29 <2", {2, 0, 0, 0}, false},
        {">=1.55.29, <2", {1, 55, 29, 0}, true},
        {"1.5", {1, 5, 0, 0}, true},
        {"1.5", {1, 5, 1, 0}, false},
        {"= 1.5", {1, 5, 0, 0}, true},
        {"!=1.5", {1, 5, 0, 0}, false},
        {">1.5", {1, 5, 0, 1}, true},
        {"<=1.5", {1, 5, 0, 0}, true},
        {"<1.10", {1, 9, 0, 0}, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct version_range r;

        assert_true(version_range_parse(t[i].text, &r, NULL));
        assert_int_equal(version_range_holds(&r, t[i].v), t[i].holds);
        assert_ptr_equal(r.text, t[i].text);
    }
}

static void test_bad_ranges(void **state)
{
    static const struct {
        const char *text, *reason;
    } versions[] = {
        {"", "selector.bad-range"},          {" , ", "selector.bad-range"},
        {">=", "selector.bad-range"},        {"1..2", "selector.bad-range"},
        {"1.2.3.4.5", "selector.bad-range"}, {"4294967296", "selector.bad-range"},
        {"v1.2", "selector.bad-range"},      {"1.", "selector.bad-range"},
        {"~1.2", "selector.bad-range"},      {">1 >2 >3 >4 >5", "selector.bad-range"},
        {">2 <1", "selector.empty-range"},   {"<0", "selector.empty-range"},
        {"1 2", "selector.empty-range"},     {"=1 !=1", "selector.empty-range"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct version_range r;
        struct err e = {0};

        assert_false(version_range_parse(versions[i].text, &r, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.reason, versions[i].reason);
    }
}

static void test_number_range(void **state)
{
    struct number_range r;
    struct err e = {0};

    (void)state;
    assert_true(number_range_parse(">=0x54", &r, NULL));
    assert_true(number_range_holds(&r, 0x54));
    assert_false(number_range_holds(&r, 0x53));
    assert_true(number_range_parse(">3 <5", &r, NULL));
    assert_true(number_range_holds(&r, 4));
    assert_false(number_range_parse(">3 <4", &r, &e));
    assert_string_equal(e.reason, "selector.empty-range");
    assert_false(number_range_parse(">=-1", &r, NULL));
    assert_false(number_range_parse(">18446744073709551615", &r, NULL));
    assert_true(number_range_parse(">=18446744073709551615", &r, NULL));
}

static void test_time_range(void **state)
{
    const int64_t day = 1747180800; /* 2025-05-14T00:00:00Z */
    static const struct {
        const char *text;
        int64_t after;
        bool holds;
    } t[] = {
        {">=2025-05-14", 0, true},
        {">=2025-05-14", -1, false},
        {"<=2025-05-14", 86399, true},
        {"<=2025-05-14", 86400, false},
        {">2025-05-14", 86399, false},
        {">2025-05-14", 86400, true},
        {"2025-05-14", 40000, true},
        {"2025-05-14", 86400, false},
        {"<2025-05-14", 0, false},
        {"<2025-05-14T00:00:01Z", 0, true},
        {"!=2025-05-14T00:00:00Z", 0, false},
    };
    struct time_range r;

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        assert_true(time_range_parse(t[i].text, &r, NULL));
        assert_int_equal(time_range_holds(&r, day + t[i].after), t[i].holds);
    }
    assert_false(time_range_parse("2025-13-01", &r, NULL));
    assert_false(time_range_parse("yesterday", &r, NULL));
    assert_false(time_range_parse(">2025-05-14 <2025-05-14", &r, NULL));
}

/* Whatever the text: no crash, and what parses can be satisfied. */
static void test_any_text(void **state)
{
    static const char letters[] = ">=<!=., 0123456789x-TZ:a";
    struct prng r;
    size_t parsed = 0;

    (void)state;
    prng_seed(&r, 3);
    for (int round = 0; round < 200000; round++) {
        char text[24];
        size_t n = prng_below(&r, sizeof text);
        struct version_range v;
        struct number_range u;
        struct time_range t;

        for (size_t i = 0; i < n; i++)
            text[i] = letters[prng_below(&r, sizeof letters - 1)];
        text[n] = '\0';
        if (version_range_parse(text, &v, NULL)) {
            parsed++;
            assert_in_range(v.n, 1, RANGE_BOUNDS);
        }
        if (number_range_parse(text, &u, NULL))
            assert_in_range(u.n, 1, RANGE_BOUNDS);
        if (time_range_parse(text, &t, NULL))
            assert_in_range(t.n, 1, RANGE_BOUNDS);
    }
    assert_true(parsed > 100);
}

static void put(struct fact_words *w, const char *s)
{
    (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

/* A genoa-or-bergamo platform by hardware evidence. */
static struct facts sample(void)
{
    struct facts f = {.assurance = ASSURANCE_HARDWARE};

    put(&f.vendor, "amd");
    put(&f.technology, "sev-snp");
    put(&f.generation, "genoa");
    put(&f.generation, "bergamo");
    f.firmware = (struct fact_version){.n = 3, .part = {1, 55, 29}};
    f.tcb_n = 1;
    (void)snprintf(f.tcb[0].name, sizeof f.tcb[0].name, "microcode");
    f.tcb[0].value = 0x48;
    f.findings_known = 1u << FINDING_SMT | 1u << FINDING_DEBUG;
    f.findings_true = 1u << FINDING_SMT;
    f.platform_id_n = 2;
    f.platform_id[0] = 0xab;
    return f;
}

static const char *const words[] = {"genoa", "bergamo",  "milan",      "amd",
                                    "intel", "UpToDate", "AMD-SB-3019"};
enum { GENOA, BERGAMO, MILAN, AMD, INTEL, UP_TO_DATE, SB3019 };

static void check(const struct selector *s, const struct facts *f, enum truth want)
{
    AUTO_ARENA struct arena a;
    struct condition *c;
    enum truth told;
    size_t n;

    arena_init(&a, 1 << 20);
    assert_int_equal(selector_eval(s, f, SENSE_ACCEPT, SIMULATED_NEVER), want);
    assert_int_equal(selector_eval(s, f, SENSE_REFUSE, SIMULATED_NEVER), want);
    assert_true(selector_explain(s, f, SENSE_ACCEPT, SIMULATED_NEVER, &a, &c, &n, &told, NULL));
    assert_int_equal(told, want);
    for (size_t i = 0; i < n; i++) {
        assert_true(c[i].seen[0] != '\0' && c[i].wanted[0] != '\0');
        if (strcmp(c[i].seen, "unknown") == 0)
            assert_int_equal(c[i].outcome, TRUTH_UNKNOWN);
    }
}

static void test_conditions(void **state)
{
    struct facts f = sample();
    struct selector s = {0};
    struct selector_tcb tcb = {.component = "microcode"};
    struct selector_platform platform = {.id = {0xab, 0}, .n = 2};

    (void)state;
    check(&s, &f, TRUTH_UNKNOWN); /* empty: admits nothing */
    s.generation = (struct selector_words){&words[GENOA], 2};
    check(&s, &f, TRUTH_YES); /* every candidate */
    s.generation.n = 1;
    check(&s, &f, TRUTH_UNKNOWN); /* one of two */
    s.generation.v = &words[MILAN];
    check(&s, &f, TRUTH_NO); /* none */
    s = (struct selector){.vendor = {&words[AMD], 1}};
    check(&s, &f, TRUTH_YES);
    s.tcb_status = (struct selector_words){&words[UP_TO_DATE], 1};
    check(&s, &f, TRUTH_UNKNOWN); /* yes and unknown */
    s.vendor.v = &words[INTEL];
    check(&s, &f, TRUTH_NO); /* no and unknown */
    s = (struct selector){.tcb = &tcb, .tcb_n = 1};
    assert_true(number_range_parse(">=0x54", &tcb.range, NULL));
    check(&s, &f, TRUTH_NO);
    tcb.component = "fmc";
    check(&s, &f, TRUTH_UNKNOWN);
    s = (struct selector){.findings = 1u << FINDING_SMT | 1u << FINDING_ECC};
    check(&s, &f, TRUTH_YES); /* any of */
    s.findings = 1u << FINDING_DEBUG;
    check(&s, &f, TRUTH_NO);
    s.findings |= 1u << FINDING_ECC;
    check(&s, &f, TRUTH_UNKNOWN);
    s = (struct selector){.platform = &platform, .platform_n = 1};
    check(&s, &f, TRUTH_YES);
    platform.id[1] = 1;
    check(&s, &f, TRUTH_NO);
    f.platform_id_n = 0;
    check(&s, &f, TRUTH_UNKNOWN);
    s = (struct selector){.advisory = {&words[SB3019], 1}};
    check(&s, &f, TRUTH_UNKNOWN);
    f.advisories_known = true;
    check(&s, &f, TRUTH_NO);
    (void)snprintf(f.advisory[f.advisories_n++], FACT_WORD, "AMD-SB-3019");
    check(&s, &f, TRUTH_YES);
}

static void test_simulated(void **state)
{
    struct facts f = sample();
    struct selector s = {.vendor = {&words[AMD], 1}};

    (void)state;
    f.assurance = ASSURANCE_SIMULATED;
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NEVER), TRUTH_NO);
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NAMED), TRUTH_NO);
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_DEFAULT), TRUTH_YES);
    assert_int_equal(selector_eval(&s, &f, SENSE_REFUSE, SIMULATED_NEVER), TRUTH_YES);
    s.assurance_named = s.assurance_simulated = true;
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NEVER), TRUTH_NO);
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NAMED), TRUTH_YES);
    f.assurance = ASSURANCE_HARDWARE;
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NAMED), TRUTH_NO);
    f.assurance = ASSURANCE_UNKNOWN;
    assert_int_equal(selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NAMED), TRUTH_UNKNOWN);
}

static void test_order_of_power(void **state)
{
    struct facts f = sample();
    struct rule amd = {{.vendor = {&words[AMD], 1}}, "amd"};
    struct rule genoa = {{.generation = {&words[GENOA], 1}}, "genoa"};
    struct rules r = {0};
    struct judgement j;

    (void)state;
    assert_int_equal(rules_judge(&r, NULL).verdict, VERDICT_UNVERIFIED);
    assert_int_equal(rules_judge(&r, &f).verdict, VERDICT_ADMITTED);
    r.accept = (struct rule_list){.v = &genoa, .n = 1};
    j = rules_judge(&r, &f);
    assert_int_equal(j.verdict, VERDICT_NOT_ACCEPTED);
    assert_int_equal(j.truth, TRUTH_UNKNOWN);
    r.accept.v = &amd;
    assert_ptr_equal(rules_judge(&r, &f).rule, &amd);
    r.refuse = (struct rule_list){.v = &genoa, .n = 1};
    j = rules_judge(&r, &f);
    assert_int_equal(j.verdict, VERDICT_REFUSED); /* it may be genoa */
    assert_int_equal(j.truth, TRUTH_UNKNOWN);
    r.cluster = (struct rule_list){.v = &amd, .n = 1};
    assert_int_equal(rules_judge(&r, &f).verdict, VERDICT_REVOKED);
    r = (struct rules){0};
    f.assurance = ASSURANCE_SIMULATED;
    assert_int_equal(rules_judge(&r, &f).verdict, VERDICT_UNVERIFIED);
    r.simulated = SIMULATED_DEFAULT;
    assert_int_equal(rules_judge(&r, &f).verdict, VERDICT_ADMITTED);
}

static void test_seal(void **state)
{
    struct rule a = {{.vendor = {&words[AMD], 1}}, "a"};
    struct rule b = {{.vendor = {&words[AMD], 1}}, "b"};
    struct rule c = {{.generation = {&words[AMD], 1}}, "a"};
    struct rule_list l[4] = {{&a, 1, {0}}, {&b, 1, {0}}, {&c, 1, {0}}, {&a, 0, {0}}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        rule_list_seal(&l[i]);
        assert_true(l[i].print[1] != 0);
    }
    assert_memory_equal(l[0].print, l[1].print, sizeof l[0].print);
    assert_memory_not_equal(l[0].print, l[2].print, sizeof l[0].print);
    assert_memory_not_equal(l[0].print, l[3].print, sizeof l[0].print);
}

/* Against the definition: a set of candidates is judged by judging each candidate alone. */
static void test_candidates(void **state)
{
    struct prng r;

    (void)state;
    prng_seed(&r, 7);
    for (int round = 0; round < 20000; round++) {
        const char *want[3];
        struct selector s = {.generation = {want, 1 + prng_below(&r, 3)}};
        struct facts f = {.assurance = ASSURANCE_HARDWARE};
        size_t yes = 0, n = 1 + prng_below(&r, 3), first = prng_below(&r, 7);
        enum truth t;

        for (size_t i = 0; i < s.generation.n; i++)
            want[i] = words[prng_below(&r, 7)];
        for (size_t i = 0; i < n; i++) {
            struct facts one = {.assurance = ASSURANCE_HARDWARE};

            put(&f.generation, words[(first + i) % 7]);
            put(&one.generation, words[(first + i) % 7]);
            yes += selector_eval(&s, &one, SENSE_ACCEPT, SIMULATED_NEVER) == TRUTH_YES;
        }
        t = selector_eval(&s, &f, SENSE_ACCEPT, SIMULATED_NEVER);
        assert_int_equal(t, yes == n ? TRUTH_YES : yes == 0 ? TRUTH_NO : TRUTH_UNKNOWN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_range),  cmocka_unit_test(test_bad_ranges),
        cmocka_unit_test(test_number_range),   cmocka_unit_test(test_time_range),
        cmocka_unit_test(test_conditions),     cmocka_unit_test(test_simulated),
        cmocka_unit_test(test_order_of_power), cmocka_unit_test(test_seal),
        cmocka_unit_test(test_candidates),     cmocka_unit_test(test_any_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
