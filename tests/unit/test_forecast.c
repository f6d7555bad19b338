/* A forecast under a newer TCB set: two simulated platforms of one kind, of which the newer set
 * calls the level out of date; the sets are signed, and what is not is left alone. */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_dcap_cpu.h"
#include "attest/sim/sim_dcap_json.h"
#include "base/log.h"
#include "controller/forecast.h"
#include "controller/reconcile.h"
#include "controller/txn.h"

#define NOW_S INT64_C(1795000000)
#define KIND "vendor=intel,technology=tdx,generation=emerald-rapids,version=5"

static char dir[64], path[96];
static uv_loop_t loop;
static struct state st;

static int64_t virtual_now(const struct clock *c)
{
    (void)c;
    return NOW_S * 1000;
}

static const struct clock virtual_clock = {virtual_now, virtual_now, virtual_now};

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
    do
        uv_run(&loop, UV_RUN_NOWAIT);
    while (!txn_idle(&st));
    reconcile_fini(&st);
    txn_fini(&st);
    store_close(st.store);
    uv_run(&loop, UV_RUN_DEFAULT);
    state_fini(&st);
}

static void show(const char *text, struct sim_evidence *out)
{
    static const uint8_t report_data[64];
    struct sim_platform p;
    struct err e = {0};

    if (!sim_platform_parse(text, &p, &e) || !sim_evidence(&p, report_data, NOW_S, out, &e))
        fail_msg("%s: %s", text, e.msg);
}

/* A node that showed this and was verified by it. */
static struct node *joined(const char *name, struct sim_evidence *shown)
{
    Bailey__V1__Evidence m = BAILEY__V1__EVIDENCE__INIT;
    Bailey__V1__EvidenceFile file[SIM_FILES], *files[SIM_FILES];
    struct evidence_options o = {.now_s = NOW_S, .allow_simulated = true};
    struct evidence_input in = {.evidence = buf_bytes(&shown->evidence)};
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__Node node = BAILEY__V1__NODE__INIT;
    struct err e = {0};
    struct node *n;

    m.evidence.data = (uint8_t *)(uintptr_t)in.evidence.p;
    m.evidence.len = in.evidence.n;
    for (unsigned i = 0; i < shown->files_n; i++) {
        struct bytes b = buf_bytes(&shown->files[i].bytes);

        bailey__v1__evidence_file__init(&file[i]);
        file[i].name = (char *)(uintptr_t)shown->files[i].name;
        file[i].data.data = (uint8_t *)(uintptr_t)b.p;
        file[i].data.len = b.n;
        files[i] = &file[i];
        in.files[in.files_n++] = (struct evidence_file){shown->files[i].name, b};
    }
    m.files = files;
    m.n_files = shown->files_n;
    meta.name = (char *)(uintptr_t)name;
    node.metadata = &meta;
    n = node_new(&st, &node);
    assert_non_null(n);
    n->evidence = (Bailey__V1__Evidence *)message_clone(&m.base);
    if (!evidence_verify(&in, &o, &n->facts, &e))
        fail_msg("%s: %s", name, e.msg);
    n->has_facts = true;
    node_publish(&st, n);
    return n;
}

/* The TCB info that Intel would publish after a weakness was found in what was the newest level. */
static void newer_tcb_info(struct buf *out)
{
    const struct sim_cpu *cpu = &sim_cpus[SIM_EMERALD_RAPIDS];
    const struct sim_collateral c = {.tdx = true, .issued_s = NOW_S - 60, .next_s = NOW_S + 86400};
    struct sim_level levels[SIM_LEVELS_MAX];
    size_t newest, n = sim_levels(cpu, levels, &newest);
    struct err e = {0};

    levels[newest].status = SIM_DCAP_OUT_OF_DATE;
    levels[newest].advisories = "09999";
    if (!sim_tcb_info(&c, cpu->fmspc, 0, levels, n, out, &e))
        fail_msg("%s", e.msg);
}

static void given(struct buf *text, Bailey__V1__CollateralFile *m)
{
    bailey__v1__collateral_file__init(m);
    m->name = (char *)(uintptr_t) "anything";
    m->data.data = (uint8_t *)(uintptr_t)buf_str(text);
    m->data.len = text->n;
}

static void demoted(void **unused)
{
    AUTO_SIM_EVIDENCE struct sim_evidence good = {0}, other = {0};
    AUTO_BUF struct buf newer = {0}, forged = {0};
    Bailey__V1__CollateralFile m, *list[] = {&m};
    struct forecast f = {.st = &st, .node = "", .from_s = NOW_S, .until_s = NOW_S + 1};
    AUTO_ARENA struct arena a;

    (void)unused;
    start();
    arena_init(&a, 8 << 20);
    f.a = &a;
    show(KIND, &good);
    show("vendor=intel,technology=tdx,generation=sapphire-rapids", &other);
    (void)joined("fine", &good);
    (void)joined("another-kind", &other);
    for (unsigned i = 0; i < good.files_n; i++)
        if (strcmp(good.files[i].name, "tcb_info.json") == 0)
            given(&good.files[i].bytes, &m);
    forecast_tcb(&f, list, 1); /* the set that is in force changes nothing */
    assert_int_equal(f.changes.n, 0);
    newer_tcb_info(&newer);
    given(&newer, &m);
    forecast_tcb(&f, list, 1);
    assert_false(f.full);
    assert_int_equal(f.changes.n, 1);
    assert_string_equal(f.changes.v[0]->kind, "tcb-set");
    assert_int_equal(f.changes.v[0]->n_nodes, 1);
    assert_string_equal(f.changes.v[0]->nodes[0]->node, "fine");
    assert_string_equal(f.changes.v[0]->nodes[0]->lacks,
                        "tcbStatus UpToDate becomes OutOfDate; INTEL-SA-09999 is not mended");
    buf_put(&forged, buf_str(&newer), newer.n);
    forged.p[newer.n / 2] ^= 1; /* what Intel did not sign demotes nobody */
    given(&forged, &m);
    f.changes.n = 0;
    forecast_tcb(&f, list, 1);
    assert_int_equal(f.changes.n, 0);
    assert_int_equal(f.wrong.code, ERR_INPUT);
    m.data.len = newer.n / 3;
    f.wrong = (struct err){0};
    forecast_tcb(&f, list, 1);
    assert_int_equal(f.changes.n, 0);
    assert_string_equal(f.wrong.reason, "dcap.collateral-malformed");
    vec_fini(&f.changes);
    stop();
}

static int setup(void **unused)
{
    (void)unused;
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(dir, sizeof dir, "/tmp/bailey-forecast-XXXXXX");
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
        cmocka_unit_test(demoted),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
