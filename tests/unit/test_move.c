/* Moving keeps, in virtual time against a real store: replacement first, as many at a time as the
 * workload allows, a deadline where there is no place, and all of it again after a restart. What
 * asks for it: policies, floors, exceptions, drains, changed workloads. Sessions are stand-ins that
 * send nothing. */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/yaml.h"
#include "controller/api_policy.h"
#include "controller/move.h"
#include "controller/reconcile.h"
#include "controller/txn.h"
#include "controller/view.h"

#define GRACE_MS 600000

static char dir[64], path[96], session[8192]; /* zeroes: a session that is not ready */
static uv_loop_t loop;
static int64_t now_ms = 1795000000000;
static struct state st;

static int64_t virtual_now(const struct clock *c)
{
    (void)c;
    return now_ms;
}

static const struct clock virtual_clock = {virtual_now, virtual_now, virtual_now};

static void settle(void)
{
    do
        uv_run(&loop, UV_RUN_NOWAIT);
    while (!txn_idle(&st));
}

static void start(void)
{
    struct store *s = NULL;
    struct err e = {0};

    if (!store_open_sqlite(&loop, path, &s, &e) || !state_init(&st, &loop, s, &virtual_clock, &e))
        fail_msg("%s", e.msg);
    st.options = (struct options){true, 10000, 300000, GRACE_MS, 50};
    if (!state_load(&st, &e) || !reconcile_init(&st, &e))
        fail_msg("%s", e.msg);
}

static void stop(void)
{
    struct node *n;

    for (size_t i = 0; (n = map_next(&st.nodes, &i)) != NULL;)
        n->session = NULL;
    settle();
    reconcile_fini(&st);
    txn_fini(&st);
    store_close(st.store);
    uv_run(&loop, UV_RUN_DEFAULT);
    state_fini(&st);
}

static struct node *node_named(const char *name, const char *generation, uint64_t cpu_milli)
{
    Bailey__V1__Node m = BAILEY__V1__NODE__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__NodeStatus status = BAILEY__V1__NODE_STATUS__INIT;
    Bailey__V1__Declared declared = BAILEY__V1__DECLARED__INIT;
    Bailey__V1__Capacity capacity = BAILEY__V1__CAPACITY__INIT;
    struct node *n = state_node(&st, name);

    meta.name = (char *)(uintptr_t)name;
    capacity.cpu_milli = cpu_milli;
    capacity.memory_bytes = UINT64_C(8) << 30;
    declared.capacity = &capacity;
    status.declared = &declared;
    m.metadata = &meta;
    m.status = &status;
    if (n == NULL)
        n = node_new(&st, &m);
    assert_non_null(n);
    n->facts = (struct facts){.assurance = ASSURANCE_SIMULATED};
    n->facts.vendor.n = n->facts.generation.n = 1;
    snprintf(n->facts.vendor.word[0], FACT_WORD, "amd");
    snprintf(n->facts.generation.word[0], FACT_WORD, "%s", generation);
    return n;
}

/* Heard of and verified now. */
static void alive(struct node *n)
{
    n->session = (struct session *)(void *)session;
    n->has_facts = true;
    n->verified_at_ms = now_ms;
    n->seen = true;
    n->last_ack_ms = now_ms;
    node_publish(&st, n);
    reconcile_capacity(&st);
    reconcile_node(&st, n);
}

static void all_alive(void)
{
    struct node *n;

    for (size_t i = 0; (n = map_next(&st.nodes, &i)) != NULL;)
        alive(n);
}

static void fleet(void)
{
    alive(node_named("milan", "milan", 4000));
    alive(node_named("genoa", "genoa", 4000));
}

/* The time passes, and everybody is still there. */
static void later(int64_t ms)
{
    now_ms += ms;
    all_alive();
    settle();
}

/* What apply does: trust objects, then workloads. */
static void apply(const char *text)
{
    struct yaml_errors errors = {0};
    Bailey__V1__Object **v;
    AUTO_ARENA struct arena a;
    struct err e = {0};
    size_t n;

    arena_init(&a, 4 << 20);
    if (!yaml_objects(bytes_str(text), "test", &a, &v, &n, &errors))
        fail_msg("%u: %s", errors.v[0].line, errors.v[0].message);
    for (size_t i = 0; i < n; i++) {
        struct workload *w;

        if (v[i]->kind_case != BAILEY__V1__OBJECT__KIND_WORKLOAD) {
            if (v[i]->kind_case == BAILEY__V1__OBJECT__KIND_EXCEPTION)
                v[i]->exception->metadata->namespace_ = (char *)(uintptr_t) "default";
            assert_non_null(trust_apply(&st, v[i], "test"));
            effective_changed(&st);
            continue;
        }
        w = state_workload(&st, "default", v[i]->workload->metadata->name);
        if (w == NULL) {
            w = workload_new(&st, v[i]->workload);
        } else {
            message_free(&w->msg->spec->base);
            w->msg->spec = (Bailey__V1__WorkloadSpec *)message_clone(&v[i]->workload->spec->base);
            w->msg->metadata->generation++;
            txn_touch(&st, &w->object);
        }
        assert_non_null(w);
        if (!workload_compile(&st, st.effective, w, &e))
            fail_msg("%s: %s", e.field, e.msg);
        reconcile_workload(&st, w);
    }
    settle();
}

static void drop(enum object_kind kind, const char *name)
{
    struct object *o = object_find(&st, kind, "default", name);
    struct err e = {0};

    assert_non_null(o);
    if (!trust_delete(&st, (struct trust_object *)o, true, "test", &e))
        fail_msg("%s", e.msg);
    settle();
}

#define WORKLOAD(name, more)                                                                       \
    "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: " name "}\n"                          \
    "spec:\n  artifact: {digest: 'sha256:"                                                         \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', name: x}\n" more
#define POLICY(name, more)                                                                         \
    "apiVersion: bailey/v1\nkind: TrustPolicy\nmetadata: {name: " name "}\nspec:\n" more
#define NO_MILAN "  clusterDefault: true\n  refuse: [{vendor: amd, generation: milan}]\n"

static struct workload *workload(const char *name)
{
    struct workload *w = state_workload(&st, "default", name);

    assert_non_null(w);
    return w;
}

static void report(struct keep *k, int state, int health)
{
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

    r.keep_uid = k->msg->metadata->uid;
    r.epoch = k->msg->spec->epoch;
    r.state = (Bailey__V1__KeepStatus__State)state;
    r.health = (Bailey__V1__KeepStatus__Health)health;
    r.started_at_ms = now_ms;
    reconcile_report(&st, k->node, &r);
}

/* All agents do what they were told: what was placed runs, what is stopping has ended. */
static void obey(struct workload *w)
{
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (k->msg->status->state == KEEP_STATE(scheduled))
            report(k, KEEP_STATE(running), BAILEY__V1__KEEP_STATUS__HEALTH__unchecked);
        else if (k->msg->status->state == KEEP_STATE(stopping))
            report(k, KEEP_STATE(ended), BAILEY__V1__KEEP_STATUS__HEALTH__unchecked);
    }
    settle();
}

static unsigned count(const struct workload *w, const char *node, int state)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        n += keep_live(k) && (node == NULL || strcmp(k->node->object.key, node) == 0) &&
             (state < 0 || (int)k->msg->status->state == state);
    }
    return n;
}

static bool has_event(const char *reason)
{
    for (size_t i = 0; i < st.events.n; i++)
        if (strcmp(st.events.v[i]->reason, reason) == 0)
            return true;
    return false;
}

/* Four on milan; the policy comes; one replacement at a time, each healthy before the next stop,
 * through a restart in the middle. */
static void replacement_first(void **unused)
{
    struct workload *w;
    unsigned rounds = 0;

    (void)unused;
    start();
    fleet();
    apply(WORKLOAD("a", "  replicas: 4\n  trust: {accept: [{generation: milan}]}\n"));
    w = workload("a");
    obey(w);
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 4);
    apply(POLICY("both", "  accept: [{generation: [milan, genoa]}]\n"));
    drop(OBJECT_POLICY, "both");
    message_free(&w->msg->spec->trust->base);
    w->msg->spec->trust = NULL; /* the owner widens it: nothing moves for that */
    {
        struct err e = {0};

        assert_true(workload_compile(&st, st.effective, w, &e));
        txn_touch(&st, &w->object);
    }
    settle();
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 4);
    apply(POLICY("no-milan", NO_MILAN));
    assert_int_equal(st.cluster->policy_revision,
                     object_find(&st, OBJECT_POLICY, "", "no-milan")->revision);
    for (; count(w, "milan", -1) > 0 && rounds < 20; rounds++) {
        assert_true(count(w, NULL, KEEP_STATE(running)) >= 4); /* never one less */
        assert_true(count(w, NULL, -1) <= 6);
        assert_true(count(w, "genoa", KEEP_STATE(scheduled)) <= 1);
        obey(w);
        if (rounds == 2) {
            uint32_t moving = 0;

            stop();
            start();
            w = workload("a");
            for (size_t i = 0; i < w->keeps.n; i++)
                moving += keep_moving(w->keeps.v[i]);
            assert_true(moving > 0); /* as stored */
            fleet();
            settle();
        }
    }
    assert_true(rounds < 20);
    obey(w);
    assert_int_equal(count(w, "genoa", KEEP_STATE(running)), 4);
    assert_int_equal(count(w, NULL, -1), 4);
    assert_false(has_event("keep.deadline"));
    stop();
}

/* Two at a time where two may be missing. */
static void pace(void **unused)
{
    struct workload *w;

    (void)unused;
    start();
    fleet();
    drop(OBJECT_POLICY, "no-milan");
    apply(WORKLOAD("b", "  replicas: 5\n  trust: {accept: [{generation: milan}]}\n"
                        "  availability: {maxUnavailable: 2}\n"));
    w = workload("b");
    obey(w);
    message_free(&w->msg->spec->trust->base);
    w->msg->spec->trust = NULL;
    {
        struct err e = {0};

        assert_true(workload_compile(&st, st.effective, w, &e));
    }
    apply(POLICY("no-milan", NO_MILAN));
    assert_int_equal(count(w, "genoa", KEEP_STATE(scheduled)), 2);
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 5);
    drop(OBJECT_POLICY, "no-milan"); /* taken back in the middle: nobody else has to go */
    for (unsigned i = 0; i < 4; i++)
        obey(w);
    assert_int_equal(count(w, NULL, KEEP_STATE(running)), 5);
    assert_int_equal(count(w, NULL, -1), 5);
    for (size_t i = 0; i < w->keeps.n; i++)
        assert_false(keep_moving(w->keeps.v[i]));
    stop();
}

/* No other place: it stays until the deadline, also of a controller that was away. */
static void deadline(void **unused)
{
    struct workload *w;

    (void)unused;
    start();
    fleet();
    apply(WORKLOAD("c", "  trust: {accept: [{generation: milan}]}\n"));
    w = workload("c");
    obey(w);
    apply(POLICY("no-milan", NO_MILAN));
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 1);
    assert_true(has_event("workload.cannot-move"));
    later(GRACE_MS / 2);
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 1);
    stop();
    now_ms += GRACE_MS;
    start();
    fleet();
    settle();
    w = workload("c");
    assert_int_equal(count(w, "milan", KEEP_STATE(stopping)), 1);
    assert_true(has_event("keep.deadline"));
    obey(w);
    assert_int_equal(w->pending, 1);
    drop(OBJECT_POLICY, "no-milan");
    assert_int_equal(w->pending, 0);
    stop();
}

/* A replacement that runs and is not healthy takes nobody's place. */
static void unhealthy(void **unused)
{
    struct workload *w;
    struct keep *fresh = NULL;

    (void)unused;
    start();
    fleet();
    apply(WORKLOAD("d",
                   "  placement: {spread: [{over: generation}]}\n  health: {kind: tcp, port: 80}\n"
                   "  replicas: 2\n"));
    w = workload("d");
    for (size_t i = 0; i < w->keeps.n; i++)
        report(w->keeps.v[i], KEEP_STATE(running), BAILEY__V1__KEEP_STATUS__HEALTH__healthy);
    settle();
    apply(POLICY("no-milan", NO_MILAN));
    for (size_t i = 0; i < w->keeps.n; i++)
        if (w->keeps.v[i]->msg->spec->replaces[0] != '\0')
            fresh = w->keeps.v[i];
    assert_non_null(fresh);
    report(fresh, KEEP_STATE(running), BAILEY__V1__KEEP_STATUS__HEALTH__unhealthy);
    settle();
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 1);
    report(fresh, KEEP_STATE(running), BAILEY__V1__KEEP_STATUS__HEALTH__healthy);
    settle();
    assert_int_equal(count(w, "milan", KEEP_STATE(stopping)), 1);
    drop(OBJECT_POLICY, "no-milan");
    stop();
}

static void drain(struct node *n, const char *until)
{
    Bailey__V1__NodeSpec spec = BAILEY__V1__NODE_SPEC__INIT;
    Bailey__V1__Drain d = BAILEY__V1__DRAIN__INIT;

    d.deadline = (char *)(uintptr_t)until;
    spec.cordoned = true;
    spec.drain = &d;
    message_free(&n->msg->spec->base);
    n->msg->spec = (Bailey__V1__NodeSpec *)message_clone(&spec.base);
    txn_touch(&st, &n->object);
    node_publish(&st, n);
    reconcile_node(&st, n);
    settle();
}

static void drained(void **unused)
{
    struct workload *w;
    struct node *genoa;
    char until[TIME_TEXT];

    (void)unused;
    start();
    fleet();
    apply(WORKLOAD("e", "  replicas: 2\n  trust: {accept: [{generation: genoa}]}\n"));
    w = workload("e");
    obey(w);
    genoa = state_node(&st, "genoa");
    drain(genoa, "");
    later(30 * 86400LL * 1000); /* no deadline: they stay */
    assert_int_equal(count(w, "genoa", KEEP_STATE(running)), 2);
    time_format(now_ms / 1000 + 60, until);
    drain(genoa, until);
    later(59000);
    assert_int_equal(count(w, "genoa", KEEP_STATE(running)), 2);
    later(2000);
    assert_int_equal(count(w, "genoa", KEEP_STATE(stopping)), 2);
    obey(w);
    stop();
}

/* maxUnavailable 0: a changed workload's new keeps come first, too. */
static void rollout(void **unused)
{
    struct workload *w;

    (void)unused;
    start();
    fleet();
    apply(WORKLOAD("f", "  replicas: 3\n  availability: {maxUnavailable: 0}\n"));
    w = workload("f");
    obey(w);
    assert_int_equal(count(w, NULL, KEEP_STATE(running)), 3);
    apply(WORKLOAD("f", "  replicas: 3\n  availability: {maxUnavailable: 0}\n"
                        "  runtime: {args: [new]}\n"));
    for (unsigned i = 0; i < 12; i++) {
        assert_true(count(w, NULL, KEEP_STATE(running)) >= 3);
        assert_true(count(w, NULL, -1) <= 5);
        obey(w);
    }
    assert_int_equal(count(w, NULL, -1), 3);
    for (size_t i = 0; i < w->keeps.n; i++)
        if (keep_live(w->keeps.v[i]))
            assert_int_equal(w->keeps.v[i]->msg->spec->workload_generation, 2);
    stop();
}

/* A floor warns, holds and refuses; an exception carries one keep over it, until it ends. Each
 * stage is reached while the controller is away, too. */
static void stages(void **unused)
{
    char text[1400], from[TIME_TEXT], until[TIME_TEXT];
    struct policy_rules *r;
    struct workload *w;
    struct node *milan;

    (void)unused;
    start();
    fleet();
    milan = state_node(&st, "milan");
    apply(WORKLOAD("g", "  trust: {accept: [{generation: milan}]}\n"));
    w = workload("g");
    obey(w);
    time_format(now_ms / 1000 + 3600, from);
    time_format(now_ms / 1000 + 3 * 3600, until);
    snprintf(text, sizeof text,
             POLICY("floor", "  clusterDefault: true\n  floors:\n    - {name: fw, platforms: "
                             "{generation: milan}, minimum: {firmware: '2'}, enforceFrom: '%s', "
                             "grace: 1h}\n") "---\napiVersion: bailey/v1\nkind: "
                                             "Exception\nmetadata: {name: x}\nspec: {who: me, "
                                             "why: so, until: '%s', workload: g, platforms: "
                                             "[{generation: milan}], passes: "
                                             "{policy: floor, rule: fw}}\n",
             from, until);
    apply(text);
    r = &w->trust;
    assert_int_equal(rules_judge(&r->rules, &milan->facts).verdict, VERDICT_ADMITTED);
    drop(OBJECT_EXCEPTION, "x");
    assert_int_equal(rules_judge(&r->rules, &milan->facts).verdict, VERDICT_ADMITTED);
    assert_int_equal(r->warn.n, 1);
    later(3600 * 1000);
    assert_int_equal(rules_judge(&w->trust.rules, &milan->facts).verdict, VERDICT_HELD);
    assert_true(has_event("policy.floor"));
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 1);
    assert_false(keep_moving(w->keeps.v[0]));
    apply(strstr(text, "---\n"));
    stop();
    now_ms += 3600 * 1000;
    start();
    fleet();
    settle();
    w = workload("g");
    milan = state_node(&st, "milan");
    assert_int_equal(rules_judge(&w->trust.rules, &milan->facts).verdict, VERDICT_ADMITTED);
    assert_string_equal(policy_judge(&w->trust, &milan->facts).exception, "x");
    assert_int_equal(count(w, "milan", KEEP_STATE(running)), 1);
    stop();
    now_ms += 3600 * 1000;
    start();
    fleet();
    settle();
    w = workload("g");
    assert_true(has_event("exception.ended"));
    assert_int_equal(w->keeps.n, 1);
    assert_true(keep_moving(w->keeps.v[0]));
    assert_string_equal(w->keeps.v[0]->msg->status->move->cause, "policy");
    later(GRACE_MS + 1000);
    assert_int_equal(count(w, "milan", KEEP_STATE(stopping)), 1);
    stop();
}

static int setup(void **unused)
{
    (void)unused;
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(dir, sizeof dir, "/tmp/bailey-move-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    return uv_loop_init(&loop);
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replacement_first),
        cmocka_unit_test(pace),
        cmocka_unit_test(deadline),
        cmocka_unit_test(unhealthy),
        cmocka_unit_test(drained),
        cmocka_unit_test(rollout),
        cmocka_unit_test(stages),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
