/* Reconciling against a real store and a fleet, in virtual time: what is placed, when a lost keep
 * is replaced and when not, what a restart loads again. Sessions are not needed for that: commands
 * are simply not sent. */
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

static char dir[64], path[96];
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
    n->session = NULL;
    n->has_facts = true;
    n->verified_at_ms = now_ms;
    n->seen = true;
    n->last_ack_ms = now_ms;
    node_publish(&st, n);
    fleet_node_connected(st.fleet, n->handle, true);
    reconcile_capacity(&st);
}

static struct workload *make_workload(const char *name, uint32_t replicas)
{
    Bailey__V1__Workload m = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__WorkloadSpec spec = BAILEY__V1__WORKLOAD_SPEC__INIT;
    Bailey__V1__Artifact artifact = BAILEY__V1__ARTIFACT__INIT;
    struct workload *w;
    struct err e = {0};

    meta.name = (char *)(uintptr_t)name;
    artifact.digest = (char *)(uintptr_t) "sha256:00";
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

static void test_pending_until_there_is_room(void **unused)
{
    struct workload *w;
    struct node *n;

    (void)unused;
    start();
    w = make_workload("waits", 2);
    settle();
    assert_int_equal(w->pending, 2);
    n = make_node("n1");
    alive(n);
    settle();
    assert_int_equal(w->pending, 0);
    assert_int_equal(live(w, "n1"), 2);
    assert_true(w->keeps.v[0]->msg->spec->epoch != w->keeps.v[1]->msg->spec->epoch);
    stop();
}

/* Everything is there again; a silent node is waited for from our own start on. */
static void test_lost_after_restart(void **unused)
{
    struct workload *w;
    struct node *n1, *n2;
    uint64_t epoch;
    int64_t over;

    (void)unused;
    start();
    w = state_workload(&st, "default", "waits");
    n1 = state_node(&st, "n1");
    assert_non_null(w);
    assert_non_null(n1);
    assert_int_equal(live(w, "n1"), 2);
    epoch = st.cluster->keep_epoch;
    n2 = make_node("n2");
    alive(n2);
    settle();
    assert_int_equal(live(w, "n2"), 0);
    over = keep_surely_over_ms(w->keeps.v[0], n1);
    assert_true(over >= st.started_ms + 30000 + 300 + 10000);
    now_ms = over; /* the stop is sure, but replaceAfter (lease + 60 s) is later */
    alive(n2);
    reconcile_node(&st, n1);
    settle();
    assert_int_equal(live(w, "n1"), 2);
    now_ms = st.started_ms + 70000;
    alive(n2);
    reconcile_node(&st, n1);
    settle();
    assert_int_equal(live(w, "n1"), 0);
    assert_int_equal(live(w, "n2"), 2);
    assert_true(st.cluster->keep_epoch >= epoch + 2);
    stop();
}

static void test_reports(void **unused)
{
    struct workload *w;
    struct node *n2;
    struct keep *k;
    char uid[64];

    (void)unused;
    start();
    w = state_workload(&st, "default", "waits");
    n2 = state_node(&st, "n2");
    for (size_t i = 0; (k = w->keeps.v[i]) != NULL && !keep_live(k);)
        i++;
    snprintf(uid, sizeof uid, "%s", k->msg->metadata->uid);
    report(n2, k, KEEP_STATE(running));
    assert_int_equal(k->msg->status->state, KEEP_STATE(running));
    report(state_node(&st, "n1"), k, KEEP_STATE(ended)); /* not its node */
    assert_int_equal(k->msg->status->state, KEEP_STATE(running));
    report(n2, k, KEEP_STATE(ended));
    assert_int_equal(k->msg->status->state, KEEP_STATE(ended));
    assert_int_equal(w->failures, 1); /* nobody told it to */
    assert_true(w->retry_at_ms > now_ms);
    report(n2, k, KEEP_STATE(running)); /* over is over */
    assert_int_equal(k->msg->status->state, KEEP_STATE(ended));
    stop();
}

static struct keep *live_keep(const struct workload *w)
{
    for (size_t i = 0; i < w->keeps.n; i++)
        if (keep_live(w->keeps.v[i]))
            return w->keeps.v[i];
    return NULL;
}

static void report_failed(struct node *n, struct keep *k)
{
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

    r.keep_uid = k->msg->metadata->uid;
    r.epoch = k->msg->spec->epoch;
    r.state = KEEP_STATE(ended);
    r.reason = (char *)(uintptr_t) "artifact.digest-mismatch: the bytes are others";
    reconcile_report(&st, n, &r);
}

/* A replica that cannot be started is tried again after 1 s, 2 s, 4 s, ... 5 min, a fifth less at
 * the most; nothing is placed before, the reason is shown, and a keep that ran well starts it anew.
 */
static void test_back_off(void **unused)
{
    struct workload *w;
    struct keep *k;
    int64_t want = 1000;

    (void)unused;
    start();
    alive(make_node("n3"));
    w = make_workload("fails", 1);
    for (unsigned i = 1; i <= 12; i++, want = want * 2 < 300000 ? want * 2 : 300000) {
        AUTO_ARENA struct arena a;
        Bailey__V1__Object *seen;

        arena_init(&a, 65536);
        alive(state_node(&st, "n3"));
        reconcile_workload(&st, w);
        settle();
        k = live_keep(w);
        assert_non_null(k);
        report_failed(k->node, k);
        assert_int_equal(w->failures, i);
        assert_in_range(w->retry_at_ms - now_ms, want * 4 / 5, want);
        settle();
        assert_null(live_keep(w)); /* not at once */
        seen = view_object(&st, &w->object, &a);
        assert_non_null(strstr(seen->workload->status->pending_reason, "digest-mismatch"));
        now_ms = w->retry_at_ms;
    }
    alive(state_node(&st, "n3"));
    reconcile_workload(&st, w);
    settle();
    k = live_keep(w);
    assert_non_null(k);
    report(k->node, k, KEEP_STATE(running));
    now_ms += 11 * 60 * 1000;
    {
        Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

        r.keep_uid = k->msg->metadata->uid, r.epoch = k->msg->spec->epoch;
        r.state = KEEP_STATE(ended), r.started_at_ms = now_ms - 11 * 60 * 1000;
        reconcile_report(&st, k->node, &r);
    }
    assert_int_equal(w->failures, 1);
    now_ms = w->retry_at_ms;
    stop();
}

static void test_delete(void **unused)
{
    struct workload *w;

    (void)unused;
    start();
    w = state_workload(&st, "default", "waits");
    text_set(&w->msg->metadata->deleted_at, "2026-11-23T20:00:00Z");
    txn_touch(&st, &w->object);
    reconcile_workload(&st, w);
    settle();
    assert_non_null(state_workload(&st, "default", "waits")); /* until its keeps are over */
    for (size_t i = 0; i < w->keeps.n; i++)
        if (keep_live(w->keeps.v[i])) {
            assert_int_equal(w->keeps.v[i]->msg->status->state, KEEP_STATE(stopping));
            report(w->keeps.v[i]->node, w->keeps.v[i], KEEP_STATE(ended));
        }
    settle();
    assert_null(state_workload(&st, "default", "waits"));
    assert_int_equal(st.keeps.n, 0);
    stop();
    start();
    assert_int_equal(st.workloads.n, 0);
    assert_int_equal(st.keeps.n, 0);
    assert_int_equal(st.nodes.n, 2);
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
        cmocka_unit_test(test_pending_until_there_is_room),
        cmocka_unit_test(test_lost_after_restart),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_back_off),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
