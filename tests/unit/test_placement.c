/* A workload's wishes about place against a real store and a fleet, in virtual time: neighbours
 * both ways, exclusive nodes, shares, all or nothing, and room made at the cost of less important
 * ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "controller/reconcile.h"
#include "controller/txn.h"
#include "controller/view.h"

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
    st.options = (struct options){true, 10000, 300000, 600000, 50};
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

static struct node *make_node(const char *name)
{
    Bailey__V1__Node m = BAILEY__V1__NODE__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__NodeStatus status = BAILEY__V1__NODE_STATUS__INIT;
    Bailey__V1__Declared declared = BAILEY__V1__DECLARED__INIT;
    Bailey__V1__Capacity capacity = BAILEY__V1__CAPACITY__INIT;
    struct node *n;

    meta.name = (char *)(uintptr_t)name;
    capacity.cpu_milli = 1000;
    capacity.memory_bytes = 1u << 30;
    declared.capacity = &capacity;
    status.declared = &declared;
    m.metadata = &meta;
    m.status = &status;
    n = node_new(&st, &m);
    assert_non_null(n);
    n->facts.assurance = ASSURANCE_SIMULATED;
    n->facts.vendor.n = n->facts.generation.n = 1;
    snprintf(n->facts.vendor.word[0], FACT_WORD, "amd");
    snprintf(n->facts.generation.word[0], FACT_WORD, "genoa");
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
    fleet_node_connected(st.fleet, n->handle, true);
    reconcile_capacity(&st);
}

static struct workload *make_workload(const char *name, uint32_t replicas,
                                      Bailey__V1__Placement *placement)
{
    Bailey__V1__Workload m = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__WorkloadSpec spec = BAILEY__V1__WORKLOAD_SPEC__INIT;
    Bailey__V1__Artifact artifact = BAILEY__V1__ARTIFACT__INIT;
    struct workload *w;
    struct err e = {0};

    meta.name = (char *)(uintptr_t)name;
    artifact.digest = (char *)(uintptr_t) "sha256:00";
    spec.placement = placement;
    spec.replicas = replicas;
    spec.artifact = &artifact;
    m.metadata = &meta;
    m.spec = &spec;
    w = workload_new(&st, &m);
    assert_non_null(w);
    if (!workload_compile(&st, st.effective, w, &e))
        fail_msg("%s", e.msg);
    reconcile_workload(&st, w);
    return w;
}

static unsigned live(const struct workload *w, const char *node)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->keeps.n; i++)
        n += keep_live(w->keeps.v[i]) &&
             (node == NULL || strcmp(w->keeps.v[i]->node->object.key, node) == 0);
    return n;
}

static void report(struct node *n, struct keep *k, int state)
{
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

    r.keep_uid = k->msg->metadata->uid;
    r.epoch = k->msg->spec->epoch;
    r.state = (Bailey__V1__KeepStatus__State)state;
    r.started_at_ms = now_ms;
    reconcile_report(&st, n, &r);
}

static Bailey__V1__Placement near(const char *workload, bool apart)
{
    static Bailey__V1__Neighbour x, *v[1] = {&x};
    Bailey__V1__Placement p = BAILEY__V1__PLACEMENT__INIT;

    bailey__v1__neighbour__init(&x);
    x.workload = (char *)(uintptr_t)workload;
    if (apart) {
        p.apart = v;
        p.n_apart = 1;
    } else {
        p.together = v;
        p.n_together = 1;
    }
    return p;
}

static const char *node_of(const struct workload *w, size_t i)
{
    return w->keeps.v[i]->node->object.key;
}

/* The one that is named keeps away as well as the one that names. */
static void test_apart(void **unused)
{
    Bailey__V1__Placement p = near("database", true);
    struct workload *a, *b;

    (void)unused;
    start();
    alive(make_node("n1"));
    a = make_workload("web", 1, &p);
    settle();
    b = make_workload("database", 1, NULL);
    settle();
    assert_int_equal(live(a, "n1"), 1);
    assert_int_equal(b->pending, 1);
    assert_int_equal(b->last.tally[OBSTACLE_RELATION], 1);
    alive(make_node("n2"));
    settle();
    assert_int_equal(live(b, "n2"), 1);
    stop();
}

static void test_together(void **unused)
{
    Bailey__V1__Placement p = near("cache", false);
    struct workload *a, *b;

    (void)unused;
    start();
    alive(make_node("n1"));
    alive(make_node("n2"));
    a = make_workload("web", 2, &p);
    settle();
    assert_int_equal(a->pending, 2); /* there is no cache yet */
    b = make_workload("cache", 1, NULL);
    settle();
    reconcile_capacity(&st);
    settle();
    assert_int_equal(a->pending, 0);
    assert_string_equal(node_of(a, 0), node_of(b, 0));
    assert_string_equal(node_of(a, 1), node_of(b, 0));
    stop();
}

static void test_exclusive_and_all_or_nothing(void **unused)
{
    Bailey__V1__Placement alone = BAILEY__V1__PLACEMENT__INIT, gang = BAILEY__V1__PLACEMENT__INIT;
    struct workload *a, *b, *c;

    (void)unused;
    alone.exclusive = true;
    gang.all_or_nothing = true;
    start();
    alive(make_node("n1"));
    alive(make_node("n2"));
    a = make_workload("alone", 1, &alone);
    settle();
    b = make_workload("other", 1, NULL);
    settle();
    assert_string_not_equal(node_of(a, 0), node_of(b, 0));
    c = make_workload("gang", 10, &gang); /* nine fit beside "other" */
    settle();
    assert_int_equal(c->pending, 10);
    assert_int_equal(live(c, NULL), 0);
    alive(make_node("n3"));
    settle();
    assert_int_equal(live(c, NULL), 10);
    stop();
}

static void test_share(void **unused)
{
    Bailey__V1__Spread half = BAILEY__V1__SPREAD__INIT, *v[1] = {&half};
    Bailey__V1__Placement p = BAILEY__V1__PLACEMENT__INIT;
    struct workload *w;

    (void)unused;
    half.over = (char *)(uintptr_t) "node";
    half.max_share = 50;
    p.spread = v;
    p.n_spread = 1;
    start();
    alive(make_node("n1"));
    w = make_workload("half", 4, &p);
    settle();
    assert_int_equal(live(w, "n1"), 2);
    assert_int_equal(w->pending, 2);
    half.over = (char *)(uintptr_t) "advisory";
    half.max_skew = 1;
    w->msg->spec->placement->spread[0]->max_skew = 1;
    text_set(&w->msg->spec->placement->spread[0]->over, "advisory");
    {
        struct err e = {0};

        assert_false(workload_compile(&st, st.effective, w, &e));
        assert_string_equal(e.reason, "workload.advisory-skew");
        assert_string_equal(e.field, "spec.placement.spread[0].maxSkew");
    }
    w->msg->spec->placement->spread[0]->max_skew = 0;
    {
        struct err e = {0};

        assert_true(workload_compile(&st, st.effective, w, &e));
    }
    stop();
}

static void test_preempt(void **unused)
{
    Bailey__V1__Placement important = BAILEY__V1__PLACEMENT__INIT;
    struct workload *low, *high;
    unsigned stopping = 0;
    struct node *n;

    (void)unused;
    important.priority = 100;
    start();
    n = make_node("n1");
    alive(n);
    low = make_workload("low", 10, NULL); /* fills the node */
    settle();
    assert_int_equal(live(low, "n1"), 10);
    for (size_t i = 0; i < 10; i++)
        report(n, low->keeps.v[i], KEEP_STATE(running));
    settle();
    high = make_workload("high", 2, &important);
    settle();
    for (size_t i = 0; i < low->keeps.n; i++)
        stopping += low->keeps.v[i]->msg->status->state == KEEP_STATE(stopping);
    assert_int_equal(high->pending, 2);
    assert_int_equal(stopping, 1); /* its maxUnavailable is 1 */
    for (size_t i = 0; i < low->keeps.n; i++)
        if (low->keeps.v[i]->msg->status->state == KEEP_STATE(stopping)) {
            assert_non_null(
                strstr(low->keeps.v[i]->msg->status->reason, "preempted by default/high"));
            report(n, low->keeps.v[i], KEEP_STATE(ended));
            break;
        }
    settle();
    assert_int_equal(live(high, "n1"), 1);
    assert_int_equal(high->pending, 1);
    assert_int_equal(live(low, "n1"), 9);
    assert_int_equal(low->pending, 1);
    stop();
}

static int setup(void **unused)
{
    (void)unused;
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(dir, sizeof dir, "/tmp/bailey-reconcile-XXXXXX");
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
        cmocka_unit_test_setup_teardown(test_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exclusive_and_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_share, setup, teardown),
        cmocka_unit_test_setup_teardown(test_preempt, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
