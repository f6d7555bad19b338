/* Revocations in virtual time against a real store: plan and guard, what each action asks of keeps,
 * canaries, deadlines, counts and exposure, overlapping ones, lifts, and all of it again after a
 * restart. Sessions are stand-ins that send nothing. */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "config/yaml.h"
#include "controller/api_policy.h"
#include "controller/reconcile.h"
#include "controller/revocation.h"
#include "controller/txn.h"

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

static void node(const char *name, const char *vendor, const char *generation)
{
    Bailey__V1__Node m = BAILEY__V1__NODE__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__NodeStatus status = BAILEY__V1__NODE_STATUS__INIT;
    Bailey__V1__Declared declared = BAILEY__V1__DECLARED__INIT;
    Bailey__V1__Capacity capacity = BAILEY__V1__CAPACITY__INIT;
    struct node *n = state_node(&st, name);

    meta.name = (char *)(uintptr_t)name;
    capacity.cpu_milli = 4000;
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
    snprintf(n->facts.vendor.word[0], FACT_WORD, "%s", vendor);
    snprintf(n->facts.generation.word[0], FACT_WORD, "%s", generation);
    n->known = n->has_facts = true;
    n->verified_at_ms = now_ms;
}

static void see_all(void)
{
    struct node *n;

    for (size_t i = 0; (n = map_next(&st.nodes, &i)) != NULL;) {
        n->session = (struct session *)(void *)session;
        n->seen = true;
        n->last_ack_ms = now_ms;
        node_publish(&st, n);
        reconcile_node(&st, n);
    }
    reconcile_capacity(&st);
}

static void start(void)
{
    struct store *s = NULL;
    struct err e = {0};

    if (!store_open_sqlite(&loop, path, &s, &e) || !state_init(&st, &loop, s, &virtual_clock, &e))
        fail_msg("%s", e.msg);
    st.options = (struct options){.allow_simulated = true,
                                  .lease_ms = 10000,
                                  .renew_ms = 300000,
                                  .move_grace_ms = 600000,
                                  .guard_percent = 50};
    if (!state_load(&st, &e) || !reconcile_init(&st, &e))
        fail_msg("%s", e.msg);
    node("milan", "amd", "milan");
    node("genoa", "amd", "genoa");
    node("turin", "amd", "turin");
    see_all();
    settle();
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

static void restart(void)
{
    stop();
    start();
}

static void later(int64_t ms)
{
    now_ms += ms;
    see_all();
    settle();
    revocation_look(&st);
    settle();
}

/* One object of YAML, in the arena. */
static Bailey__V1__Object *object(const char *text, struct arena *a)
{
    struct yaml_errors errors = {0};
    Bailey__V1__Object **v;
    size_t n;

    if (!yaml_objects(bytes_str(text), "test", a, &v, &n, &errors))
        fail_msg("%u: %s", errors.v[0].line, errors.v[0].message);
    assert_int_equal(n, 1);
    return v[0];
}

static struct workload *workload(const char *name, const char *more)
{
    AUTO_ARENA struct arena a;
    struct err e = {0};
    struct workload *w;
    char text[1024];

    arena_init(&a, 1 << 20);
    snprintf(text, sizeof text,
             "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: %s}\nspec:\n"
             "  artifact: {digest: 'sha256:"
             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', name: x}\n%s",
             name, more);
    w = workload_new(&st, object(text, &a)->workload);
    assert_non_null(w);
    if (!workload_compile(&st, st.effective, w, &e))
        fail_msg("%s: %s", e.field, e.msg);
    reconcile_workload(&st, w);
    settle();
    return w;
}

static struct workload *found(const char *name)
{
    struct workload *w = state_workload(&st, "default", name);

    assert_non_null(w);
    return w;
}

static void exception(const char *revocation, const char *of)
{
    AUTO_ARENA struct arena a;
    char text[512];
    Bailey__V1__Object *o;

    arena_init(&a, 1 << 20);
    snprintf(text, sizeof text,
             "apiVersion: bailey/v1\nkind: Exception\nmetadata: {name: x-%s}\nspec: {who: me, why: "
             "so, until: '2099-01-01', workload: %s, platforms: [{generation: milan}], passes: "
             "{revocation: %s}}\n",
             of, of, revocation);
    o = object(text, &a);
    o->exception->metadata->namespace_ = (char *)(uintptr_t) "default";
    assert_non_null(trust_apply(&st, o, "test"));
    effective_changed(&st);
    settle();
}

static const Bailey__V1__RevocationStatus *status(const char *name)
{
    const struct trust_object *t =
        (struct trust_object *)object_find(&st, OBJECT_REVOCATION, "", name);

    assert_non_null(t);
    return t->revocation->status;
}

#define REVOCATION(name, more)                                                                     \
    "apiVersion: bailey/v1\nkind: Revocation\nmetadata: {name: " name "}\n"                        \
    "spec:\n  because: broken\n" more
#define MILAN "  platforms: [{vendor: amd, generation: milan}]\n"

static Bailey__V1__RevocationPlan *plan(const char *text, struct arena *a)
{
    Bailey__V1__RevocationPlan *p = NULL;
    struct err e = {0};

    if (!revocation_plan(&st, object(text, a)->revocation, 0, a, &p, &e))
        fail_msg("%s: %s", e.field, e.msg);
    return p;
}

/* As the service does it; "" or the reason of the refusal. */
static const char *try_revoke(const char *text, const char *digest, const char *override)
{
    static struct err e;
    AUTO_ARENA struct arena a;
    Bailey__V1__RevocationPlan *p;
    Bailey__V1__Object *o;
    struct trust_object *t;

    e = (struct err){0};
    arena_init(&a, 8 << 20);
    p = plan(text, &a);
    if (!revocation_allowed(p, digest, override, &e))
        return e.reason;
    txn_flush(&st);
    o = object(text, &a);
    t = trust_apply(&st, o, "test");
    revocation_begin(&st, t, p, override, "test");
    effective_changed(&st);
    revocation_commit(&st);
    settle();
    return "";
}

static void report(struct keep *k, int state)
{
    Bailey__V1__KeepReport r = BAILEY__V1__KEEP_REPORT__INIT;

    r.keep_uid = k->msg->metadata->uid;
    r.epoch = k->msg->spec->epoch;
    r.state = (Bailey__V1__KeepStatus__State)state;
    r.started_at_ms = now_ms;
    reconcile_report(&st, k->node, &r);
}

/* What was placed runs, what is stopping has ended. */
static void obey(struct workload *w)
{
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (k->msg->status->state == KEEP_STATE(scheduled))
            report(k, KEEP_STATE(running));
        else if (k->msg->status->state == KEEP_STATE(stopping))
            report(k, KEEP_STATE(ended));
    }
    settle();
}

static unsigned on(const struct workload *w, const char *name, int state)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        n += keep_live(k) && (name == NULL || strcmp(k->node->object.key, name) == 0) &&
             (state < 0 || (int)k->msg->status->state == state);
    }
    return n;
}

static unsigned moving(const struct workload *w)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->keeps.n; i++)
        n += keep_moving(w->keeps.v[i]);
    return n;
}

#define ON_MILAN "  trust: {accept: [{generation: milan}]}\n"

static void begin(void)
{
    (void)unlink(path);
    start();
}

static void plan_changes_nothing(void **unused)
{
    AUTO_ARENA struct arena a;
    const Bailey__V1__RevocationPlan *p;
    uint64_t revision;
    char digest[40];

    (void)unused;
    begin();
    arena_init(&a, 8 << 20);
    obey(workload("only", "  replicas: 2\n" ON_MILAN));
    obey(workload("any", "  replicas: 3\n  placement: {spread: [{over: node, maxSkew: 1}]}\n"));
    revision = st.cluster->revision;
    p = plan(REVOCATION("r", MILAN), &a);
    assert_int_equal(st.cluster->revision, revision);
    assert_int_equal(p->nodes_revoked, 1);
    assert_int_equal(p->nodes_percent, 34);
    assert_int_equal(p->keeps, 3);
    assert_int_equal(p->movable, 1);
    assert_int_equal(p->unplaceable_total, 2);
    assert_string_equal(p->moves[0]->from, "milan");
    assert_string_not_equal(p->moves[0]->to, "milan");
    assert_string_equal(p->unplaceable[0]->rule, "");
    assert_int_equal(p->n_dark_workloads, 1);
    assert_string_equal(p->dark_workloads[0], "default/only");
    assert_true(p->guard->stops);
    snprintf(digest, sizeof digest, "%s", p->digest);
    assert_string_equal(plan(REVOCATION("r", MILAN), &a)->digest, digest);
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), "", ""), "revocation.guard");
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), "", "35%"), "revocation.guard");
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), "00", "34%"), "revocation.plan-changed");
    assert_int_equal(st.revocations.n, 0);
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), digest, "34%"), "");
    assert_string_equal(status("r")->override->number, "34%");
    stop();
}

static void guard_by_nodes(void **unused)
{
    (void)unused;
    begin();
    assert_string_equal(try_revoke(REVOCATION("r", "  platforms: [{vendor: amd}]\n"), "", ""),
                        "revocation.guard");
    assert_string_equal(
        try_revoke(REVOCATION("r", "  platforms: [{generation: [milan, genoa]}]\n"), "", ""),
        "revocation.guard"); /* 67 of 100 */
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), "", ""), "");
    stop();
}

/* Its owner lets it go anywhere. */
static void widen(struct workload *w)
{
    struct err e = {0};

    message_free(&w->msg->spec->trust->base);
    w->msg->spec->trust = NULL;
    txn_touch(&st, &w->object);
    assert_true(workload_compile(&st, st.effective, w, &e));
    settle();
}

static void drain_and_count(void **unused)
{
    struct workload *w;

    (void)unused;
    begin();
    w = workload("a", "  replicas: 2\n" ON_MILAN);
    obey(w);
    widen(w);
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), "", ""), "");
    assert_string_equal(status("r")->state, "moving");
    assert_int_equal(status("r")->keeps_at_commit, 2);
    assert_int_equal(moving(w), 2);
    assert_int_equal(w->keeps.n, 3); /* one replacement at a time */
    later(10000);
    assert_int_equal(status("r")->exposure_keep_seconds, 20);
    assert_int_equal(on(w, "milan", KEEP_STATE(running)), 2);
    obey(w);
    assert_int_equal(on(w, "milan", KEEP_STATE(stopping)), 1);
    restart();
    w = found("a");
    for (unsigned i = 0; i < 6; i++)
        obey(w);
    later(0);
    assert_int_equal(on(w, "milan", -1), 0);
    assert_int_equal(on(w, NULL, KEEP_STATE(running)), 2);
    assert_string_equal(status("r")->state, "done");
    assert_int_equal(status("r")->keeps_moved, 2);
    assert_int_equal(status("r")->keeps_stopped, 0);
    assert_true(status("r")->half_at[0] != '\0' && status("r")->zero_at[0] != '\0');
    stop();
}

static void canary_goes_first(void **unused)
{
    struct workload *w;

    (void)unused;
    begin();
    w = workload("a", "  replicas: 4\n  availability: {maxUnavailable: 4}\n" ON_MILAN);
    obey(w);
    widen(w);
    assert_string_equal(try_revoke(REVOCATION("r", MILAN "  canary: true\n  grace: 10m\n"), "", ""),
                        "");
    later(1000);
    assert_int_equal(moving(w), 1);
    assert_string_equal(status("r")->state, "canary");
    for (size_t i = 0; i < w->keeps.n; i++) /* the replacement runs */
        if (w->keeps.v[i]->msg->status->state == KEEP_STATE(scheduled))
            report(w->keeps.v[i], KEEP_STATE(running));
    settle();
    later(1000);
    assert_int_equal(moving(w), 4);
    assert_string_equal(status("r")->state, "moving");
    stop();
}

static void canary_does_not_wait_for_ever(void **unused)
{
    struct workload *w;

    (void)unused;
    begin();
    w = workload("a", "  replicas: 3\n" ON_MILAN); /* no replacement has a place */
    obey(w);
    assert_string_equal(
        try_revoke(REVOCATION("r", MILAN "  canary: true\n  grace: 10m\n"), "", "34%"), "");
    later(1000);
    assert_int_equal(moving(w), 1);
    later(5 * 60 * 1000);
    assert_int_equal(moving(w), 3);
    later(5 * 60 * 1000);
    assert_int_equal(on(w, "milan", KEEP_STATE(stopping)), 3);
    obey(w);
    later(0);
    assert_int_equal(status("r")->keeps_stopped, 3);
    assert_int_equal(status("r")->n_unplaceable, 3);
    assert_true(status("r")->unplaceable[0]->stopped);
    assert_int_equal(w->pending, 3);
    stop();
}

static void stop_is_now(void **unused)
{
    struct workload *w;

    (void)unused;
    begin();
    w = workload("a", "  replicas: 2\n" ON_MILAN);
    obey(w);
    assert_string_equal(try_revoke(REVOCATION("r", MILAN "  action: stop\n"), "", "34%"), "");
    assert_int_equal(on(w, "milan", KEEP_STATE(stopping)), 2);
    obey(w);
    later(0);
    assert_int_equal(status("r")->keeps_stopped, 2);
    assert_string_equal(status("r")->state, "done");
    stop();
}

static void hold_then_drain(void **unused)
{
    struct workload *w, *b;
    char text[128];

    (void)unused;
    begin();
    w = workload("a", "  replicas: 1\n" ON_MILAN);
    obey(w);
    assert_string_equal(try_revoke(REVOCATION("h", MILAN "  action: hold\n"), "", "34%"), "");
    later(3600 * 1000);
    assert_string_equal(status("h")->state, "holding");
    assert_int_equal(on(w, "milan", KEEP_STATE(running)), 1);
    assert_int_equal(moving(w), 0);
    b = workload("b", "  replicas: 1\n" ON_MILAN);
    assert_int_equal(b->pending, 1);
    assert_string_equal(revocation_blames(&st, b, text, sizeof text), "revoked by h");
    /* A second one, stricter: it decides. Lifted, the first holds still. */
    assert_string_equal(try_revoke(REVOCATION("d", MILAN "  grace: 1m\n"), "", "34%"), "");
    assert_int_equal(moving(w), 1);
    {
        struct err e = {0};
        struct trust_object *d =
            (struct trust_object *)object_find(&st, OBJECT_REVOCATION, "", "d");

        assert_false(trust_delete(&st, d, true, "test", &e));
        assert_string_equal(e.reason, "revocation.in-force");
        assert_true(revocation_lift(&st, d, "enough", "test", &e));
        settle();
        assert_false(revocation_lift(&st, d, "enough", "test", &e));
    }
    assert_int_equal(moving(w), 0);
    assert_int_equal(on(w, "milan", KEEP_STATE(running)), 1);
    assert_int_equal(b->pending, 1);
    stop();
}

static void lifted_nodes_need_fresh_evidence(void **unused)
{
    struct trust_object *r;
    struct workload *w;
    struct err e = {0};
    struct node *n;

    (void)unused;
    begin();
    assert_string_equal(try_revoke(REVOCATION("r", MILAN), "", ""), "");
    w = workload("a", "  replicas: 1\n" ON_MILAN);
    assert_int_equal(w->pending, 1);
    r = (struct trust_object *)object_find(&st, OBJECT_REVOCATION, "", "r");
    assert_true(revocation_lift(&st, r, "over", "test", &e));
    later(1000);
    assert_int_equal(w->pending, 1); /* what was verified before does not count */
    n = state_node(&st, "milan");
    assert_false(node_trusted(&st, n, 3600000));
    n->verified_at_ms = now_ms;
    n->fresh_after_ms = 0;
    later(0);
    assert_int_equal(w->pending, 0);
    assert_int_equal(on(w, "milan", -1), 1);
    stop();
}

static void exceptions_are_told(void **unused)
{
    const Bailey__V1__NodeRevocations *m;
    struct workload *w;
    AUTO_ARENA struct arena a;

    (void)unused;
    begin();
    arena_init(&a, 1 << 20);
    w = workload("spare", "  replicas: 1\n" ON_MILAN);
    obey(w);
    exception("r", "spare");
    assert_string_equal(try_revoke(REVOCATION("r", MILAN "  action: stop\n"), "", "34%"), "");
    assert_int_equal(on(w, "milan", KEEP_STATE(running)), 1);
    m = revocation_message(&st, state_node(&st, "milan"), &a);
    assert_int_equal(m->n_in_force, 1);
    assert_true(m->in_force[0]->stop);
    assert_int_equal(m->in_force[0]->n_except, 1);
    assert_string_equal(m->in_force[0]->except[0], "default/spare");
    assert_int_equal(m->policy_revision, st.policy_committed);
    assert_int_equal(revocation_message(&st, state_node(&st, "genoa"), &a)->n_in_force, 0);
    stop();
}

static void proposed_refuses_nothing(void **unused)
{
    struct workload *w;

    (void)unused;
    begin();
    assert_string_equal(try_revoke(REVOCATION("r", MILAN "  proposed: true\n"), "", ""), "");
    assert_string_equal(status("r")->state, "proposed");
    w = workload("a", "  replicas: 1\n" ON_MILAN);
    assert_int_equal(on(w, "milan", -1), 1);
    assert_int_equal(st.effective->revocations_n, 0);
    stop();
}

static void revoked_tcb_admits_nothing(void **unused)
{
    struct facts *f;
    struct workload *w;
    struct judgement j;

    (void)unused;
    begin();
    w = workload("a", "  replicas: 1\n  trust: {accept: [{vendor: intel}]}\n");
    node("tdx", "intel", "emerald-rapids");
    f = &state_node(&st, "tdx")->facts;
    snprintf(f->tcb_status, sizeof f->tcb_status, "Revoked");
    see_all();
    settle();
    assert_int_equal(w->pending, 1);
    j = rules_judge(&w->trust.rules, f);
    assert_int_equal(j.verdict, VERDICT_REFUSED);
    assert_string_equal(j.rule->name, "built-in/tcb-revoked");
    snprintf(f->tcb_status, sizeof f->tcb_status, "UpToDate");
    later(0);
    assert_int_equal(w->pending, 0);
    stop();
}

static int setup(void **unused)
{
    (void)unused;
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(dir, sizeof dir, "/tmp/bailey-revocation-XXXXXX");
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
        cmocka_unit_test(plan_changes_nothing),
        cmocka_unit_test(guard_by_nodes),
        cmocka_unit_test(drain_and_count),
        cmocka_unit_test(canary_goes_first),
        cmocka_unit_test(canary_does_not_wait_for_ever),
        cmocka_unit_test(stop_is_now),
        cmocka_unit_test(hold_then_drain),
        cmocka_unit_test(lifted_nodes_need_fresh_evidence),
        cmocka_unit_test(exceptions_are_told),
        cmocka_unit_test(proposed_refuses_nothing),
        cmocka_unit_test(revoked_tcb_admits_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
