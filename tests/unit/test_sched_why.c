/* Explanations: what they say, and that they agree with placing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/why.h"

#define NOW 1000000

static const char *const amd = "amd";
static const char *const milan = "milan";

static void put(struct fact_words *w, const char *s)
{
    (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

static void add(struct fleet *f, const char *name, const char *vendor, const char *generation,
                uint64_t microcode, uint64_t cpu)
{
    struct facts facts = {.assurance = ASSURANCE_HARDWARE, .tcb_n = 1};
    struct label site = {"site", "fra1"};
    struct node_spec s = {.name = name,
                          .facts = &facts,
                          .capacity = {cpu, 1 << 20, 10, 0},
                          .labels = &site,
                          .labels_n = 1,
                          .connected = true,
                          .eligible = true,
                          .verified_at_ms = NOW - 1000};

    put(&facts.vendor, vendor);
    if (generation != NULL)
        put(&facts.generation, generation);
    (void)snprintf(facts.tcb[0].name, FACT_WORD, "microcode");
    facts.tcb[0].value = microcode;
    assert_true(fleet_node_put(f, &s, NULL, NULL));
}

struct scene {
    struct fleet *f;
    struct arena a;
    struct selector_tcb tcb;
    struct rule accept, refuse;
    struct rules rules;
    struct demand d;
};

static int scene_set(void **state)
{
    static const uint64_t seed[2] = {3, 4};
    struct scene *s = calloc(1, sizeof *s);

    s->f = fleet_new(seed);
    arena_init(&s->a, 1 << 20);
    s->tcb.component = "microcode";
    assert_true(number_range_parse(">=0x54", &s->tcb.range, NULL));
    s->accept = (struct rule){{.vendor = {&amd, 1}, .tcb = &s->tcb, .tcb_n = 1}, "accept[0]"};
    s->refuse =
        (struct rule){{.generation = {&milan, 1}, .because = "root key extracted"}, "refuse[0]"};
    s->rules.accept = (struct rule_list){.v = &s->accept, .n = 1};
    s->rules.refuse = (struct rule_list){.v = &s->refuse, .n = 1};
    s->rules.max_evidence_age_ms = 60000;
    s->d = (struct demand){
        .workload = 1, .name = "finance/payroll", .rules = &s->rules, .need = {500, 1024, 0}};
    *state = s;
    return 0;
}

static int scene_end(void **state)
{
    struct scene *s = *state;

    fleet_free(s->f);
    arena_fini(&s->a);
    free(s);
    return 0;
}

static struct why explain(struct scene *s, uint32_t wanted, const char *node)
{
    struct why_options o = {.wanted = wanted, .only_node = node};
    struct err e = {0};
    struct why w = {0};

    if (!why_explain(s->f, &s->d, NOW, &o, &s->a, &w, &e))
        fail_msg("%s", e.msg);
    return w;
}

static void test_near_miss(void **state)
{
    struct scene *s = *state;
    struct why w;

    for (int i = 0; i < 4; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "n%d", i);
        add(s->f, name, "amd", "genoa", 0x48, 1000);
    }
    add(s->f, "m0", "amd", "milan", 0x60, 1000);
    add(s->f, "m1", "amd", NULL, 0x60, 1000);
    w = explain(s, 1, NULL);
    assert_int_equal(w.pending, 1);
    assert_int_equal(w.classes_n, 3);
    assert_int_equal(w.classes[0].node_count, 4);
    assert_false(w.classes[0].admitted);
    assert_int_equal(w.classes[0].rules_n, 2);
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "matched by no accept rule: tcb.microcode is 0x48, wanted >=0x54");
    assert_int_equal(w.near_misses_n, 1);
    assert_string_equal(
        w.near_misses[0].text,
        "4 nodes would fit if tcb.microcode were >=0x54: they have 0x48; update firmware");
    assert_string_equal(w.summary,
                        "1 of 1 keep waits: no node takes it: 4 matched by no accept rule, 2 "
                        "refused by the workload's rules");
    w = explain(s, 1, "m0");
    assert_int_equal(w.classes_n, 1);
    assert_true(w.classes[0].rules[0].decides);
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "refused by the workload's rules (refuse[0], root key extracted): "
                        "generation is milan");
    w = explain(s, 1, "m1");
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "refused by the workload's rules (refuse[0], root key extracted): "
                        "generation is unknown, which does not rule out milan");
}

static void test_capacity_and_place(void **state)
{
    struct scene *s = *state;
    struct decision v[3] = {{.keep = 1}, {.keep = 2}, {.keep = 3}};
    struct placing p;
    struct why w;

    add(s->f, "n0", "amd", "genoa", 0x54, 1200);
    w = explain(s, 3, NULL);
    assert_string_equal(w.summary, "3 of 3 keeps wait: 1 node would take one now");
    assert_true(w.classes[0].nodes[0].eligible);
    assert_true(place(s->f, &s->d, NOW, v, 3, &p, NULL));
    assert_int_equal(p.placed, 2);
    assert_int_equal(p.tally[OBSTACLE_CPU], 1);
    w = explain(s, 3, NULL);
    assert_int_equal(w.placed, 2);
    assert_int_equal(w.classes[0].nodes[0].keeps, 2);
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "too little cpu free: free cpu is 200m, wanted 500m");
    assert_string_equal(w.summary, "1 of 3 keeps waits: no node takes it: 1 too little cpu free");
    w = explain(s, 2, NULL);
    assert_string_equal(w.summary, "all 2 keeps have a place");
}

static void test_spread_and_age(void **state)
{
    struct scene *s = *state;
    struct spread over_node = {"node", 1, 0};
    struct why w;

    s->d.spread = &over_node;
    s->d.spread_n = 1;
    add(s->f, "n0", "amd", "genoa", 0x54, 4000);
    add(s->f, "n1", "amd", "genoa", 0x54, 100);
    assert_true(fleet_keep_put(s->f, &(struct keep_spec){.id = 9, .workload = 1, .node = 0}, NULL));
    w = explain(s, 2, "n0");
    assert_int_equal(w.classes[0].nodes[0].first, OBSTACLE_SPREAD);
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "would break the spread wanted: node is 1 on n0, fewest elsewhere 0, "
                        "wanted at most 1 more than the fewest, with this one");
    fleet_node_verified(s->f, 0, NOW - 61000);
    w = explain(s, 2, "n0");
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "evidence too old: evidence age is 1m1s, wanted at most 1m");
}

static void test_simulated(void **state)
{
    struct scene *s = *state;
    struct facts facts = {.assurance = ASSURANCE_SIMULATED};
    struct node_spec n = {.name = "s0", .facts = &facts, .connected = true, .eligible = true};
    struct why w;

    s->rules.accept.n = s->rules.refuse.n = 0;
    put(&facts.vendor, "amd");
    assert_true(fleet_node_put(s->f, &n, NULL, NULL));
    w = explain(s, 1, NULL);
    assert_int_equal(w.classes[0].verdict, VERDICT_UNVERIFIED);
    assert_string_equal(w.classes[0].rules[0].conditions[0].seen, "simulated");
    assert_string_equal(w.classes[0].nodes[0].obstacle, "no verified evidence");
}

static void test_limits(void **state)
{
    struct scene *s = *state;
    struct why_options o = {.wanted = 1};
    struct arena small;
    struct err e = {0};
    struct why w;

    add(s->f, "n0", "amd", "genoa", 0x54, 1200);
    arena_init(&small, 64);
    assert_false(why_explain(s->f, &s->d, NOW, &o, &small, &w, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    arena_fini(&small);
    o.only_node = "nobody";
    assert_false(why_explain(s->f, &s->d, NOW, &o, &s->a, &w, &e));
    assert_int_equal(e.code, ERR_MISSING);
}

/* Nobody makes an Intel machine of an AMD one: only what can change is spoken of. */
static void test_no_idle_advice(void **state)
{
    struct scene *s = *state;
    struct why w;

    add(s->f, "i0", "intel", "icelake", 0x60, 1000); /* one condition short: the vendor */
    add(s->f, "m0", "amd", "milan", 0x60, 1000);     /* refused for its generation */
    add(s->f, "i1", "intel", "icelake", 0x10, 1000); /* two short, one of them the vendor */
    w = explain(s, 1, NULL);
    assert_int_equal(w.pending, 1);
    assert_int_equal(w.near_misses_n, 0);
}

/* A floor as a rule that holds or refuses: what is below it, part by part. */
static void test_floor(void **state)
{
    static const char *const vendor = "amd";
    struct scene *s = *state;
    struct selector_tcb tcb = {.component = "microcode"};
    struct selector minimum = {.tcb = &tcb, .tcb_n = 1};
    struct selector_unless unless = {.selector = &minimum, .name = "minimum"};
    struct rule floor = {
        .selector = {.vendor = {&vendor, 1}, .unless = &unless, .unless_n = 1, .because = "old"},
        .name = "policy production floor m"};
    struct why w;

    assert_true(number_range_parse(">=0x60", &tcb.range, NULL));
    add(s->f, "a0", "amd", "genoa", 0x58, 1000);
    add(s->f, "a1", "amd", "genoa", 0x58, 1000);
    s->rules.hold = (struct rule_list){.v = &floor, .n = 1};
    w = explain(s, 1, NULL);
    assert_int_equal(w.classes_n, 1);
    assert_int_equal(w.classes[0].verdict, VERDICT_HELD);
    assert_false(w.classes[0].admitted);
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "takes no new keeps (policy production floor m, old): tcb.microcode is "
                        "0x58");
    assert_int_equal(w.near_misses_n, 1);
    assert_string_equal(w.near_misses[0].text,
                        "2 nodes would fit if tcb.microcode were >=0x60: they have 0x58; update "
                        "firmware");
    s->rules.hold.n = 0;
    s->refuse = floor; /* after its grace */
    w = explain(s, 1, NULL);
    assert_int_equal(w.classes[0].verdict, VERDICT_REFUSED);
    assert_int_equal(w.near_misses_n, 1);
    /* a second obstacle that cannot change: no advice */
    s->accept.selector.vendor.n = 0;
    s->accept.selector.generation = (struct selector_words){&milan, 1};
    w = explain(s, 1, NULL);
    assert_int_equal(w.near_misses_n, 0);
}

/* Lists of policies: the one that does not accept is the one that is told. */
static void test_demands(void **state)
{
    struct scene *s = *state;
    struct rule any = {.selector = {.vendor = {&amd, 1}}, .name = "policy p accept[0]"};
    struct rule_list demand = {.v = &any, .n = 1};
    struct why w;

    add(s->f, "a0", "amd", "genoa", 0x48, 1000);
    s->rules.demands = &demand;
    s->rules.demands_n = 1;
    w = explain(s, 1, NULL);
    assert_string_equal(w.classes[0].nodes[0].obstacle,
                        "matched by no accept rule: tcb.microcode is 0x48, wanted >=0x54");
    assert_int_equal(w.classes[0].rules_n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_false(w.classes[0].rules[i].decides);
    assert_int_equal(w.near_misses_n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_near_miss, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_capacity_and_place, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_spread_and_age, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_simulated, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_limits, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_no_idle_advice, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_floor, scene_set, scene_end),
        cmocka_unit_test_setup_teardown(test_demands, scene_set, scene_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
