/* What the controller keeps of vendors: the newest of each, whatever hosts bring, and what an
 * operator's fetcher prints. Files come from the simulator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attest/sim/sim.h"
#include "base/log.h"
#include "controller/collateral_fetch.h"
#include "controller/reconcile.h"
#include "controller/txn.h"
#include "controller/verify.h"

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
    st.options = (struct options){.allow_simulated = true, .lease_ms = 10000};
    if (!state_load(&st, &e))
        fail_msg("%s", e.msg);
}

static void stop(void)
{
    settle();
    txn_fini(&st);
    store_close(st.store);
    uv_run(&loop, UV_RUN_DEFAULT);
    state_fini(&st);
}

/* Evidence with its files, made at a time. */
struct given {
    struct sim_evidence s;
    struct evidence_input in;
};

static const uint8_t report_data[64] = {3};

static void make(struct given *g, const char *text, int64_t at_s)
{
    struct sim_platform p;
    struct err e = {0};

    *g = (struct given){0};
    if (!sim_platform_parse(text, &p, &e) || !sim_evidence(&p, report_data, at_s, &g->s, &e))
        fail_msg("%s: %s", text, e.msg);
    g->in = (struct evidence_input){.evidence = buf_bytes(&g->s.evidence), .files_n = g->s.files_n};
    for (unsigned i = 0; i < g->s.files_n; i++)
        g->in.files[i] =
            (struct evidence_file){g->s.files[i].name, buf_bytes(&g->s.files[i].bytes)};
}

static struct evidence_options options(void)
{
    return (struct evidence_options){
        .now_s = now_ms / 1000, .report_data = report_data, .allow_simulated = true};
}

/* Keeps the file of that kind out of g. */
static enum collateral_outcome keep(const struct given *g, enum endorsement_kind kind)
{
    struct evidence_options o = options();
    enum collateral_outcome outcome = COLLATERAL_UNCHANGED;
    struct endorsement_proof p;
    struct err e = {0};
    const struct evidence_file *f = evidence_file(&g->in, endorsement_file(kind));

    assert_non_null(f);
    if (!endorsement_check(&g->in, &o, kind, &p, &e) ||
        !collateral_offer(&st, &p, f->bytes, "test", &outcome, &e))
        fail_msg("%s: %s", endorsement_file(kind), e.msg);
    return outcome;
}

/* The verdict on what a host brought, with what is kept. */
static const char *verdict(const struct given *g, struct err *e)
{
    struct evidence_options o = options();
    struct evidence_input in = g->in;
    struct collateral_lent lent = {0};
    struct facts f = {0};
    bool good;

    *e = (struct err){0};
    collateral_supply(st.collateral, &o, &in, &lent);
    good = evidence_verify(&in, &o, &f, e);
    collateral_lent_fini(&lent);
    return good ? "verified" : e->reason;
}

static void without(struct given *g, const char *name)
{
    for (unsigned i = 0; i < g->in.files_n; i++)
        if (strcmp(g->in.files[i].name, name) == 0)
            g->in.files[i] = g->in.files[--g->in.files_n];
}

/* The list that revokes the ASK is known; a host that leaves it out, or brings one from before, is
 * refused all the same. */
static void a_host_cannot_hide_a_revocation(void **state)
{
    struct given revoked, bare;
    struct err e;

    (void)state;
    start();
    make(&bare, "technology=sev-snp,generation=genoa,chip=1", now_ms / 1000);
    assert_string_equal(verdict(&bare, &e), "verified");
    make(&revoked, "technology=sev-snp,generation=genoa,chip=2,defect=revoked-ask", now_ms / 1000);
    assert_int_equal(keep(&revoked, ENDORSEMENT_SNP_CRL), COLLATERAL_STORED);
    assert_int_equal(keep(&revoked, ENDORSEMENT_SNP_CRL), COLLATERAL_UNCHANGED);
    assert_string_equal(verdict(&bare, &e), "snp.ask-revoked");
    without(&bare, "ark_crl.der");
    assert_string_equal(verdict(&bare, &e), "snp.ask-revoked");
    stop();
    start(); /* and not by a restart either */
    assert_string_equal(verdict(&bare, &e), "snp.ask-revoked");
    stop();
    sim_evidence_fini(&bare.s);
    sim_evidence_fini(&revoked.s);
}

static void what_is_kept_serves_bare_evidence(void **state)
{
    static const struct {
        const char *platform;
        enum endorsement_kind kinds[5];
    } rows[] = {
        {"technology=sev-snp,generation=turin,chip=9", {ENDORSEMENT_SNP_ASK, ENDORSEMENT_SNP_VCEK}},
        {"technology=tdx,generation=emerald-rapids",
         {ENDORSEMENT_TCB_INFO, ENDORSEMENT_QE_IDENTITY, ENDORSEMENT_TCB_SIGNING_CHAIN}},
        {"technology=sgx,generation=ice-lake-sp", {ENDORSEMENT_TCB_INFO, ENDORSEMENT_QE_IDENTITY}},
    };

    (void)state;
    start();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct given g;
        struct err e;

        make(&g, rows[i].platform, now_ms / 1000);
        assert_string_equal(verdict(&g, &e), "verified");
        for (size_t k = 0; rows[i].kinds[k] != ENDORSEMENT_NONE; k++)
            assert_int_equal(keep(&g, rows[i].kinds[k]), COLLATERAL_STORED);
        for (size_t k = 0; rows[i].kinds[k] != ENDORSEMENT_NONE; k++)
            without(&g, endorsement_file(rows[i].kinds[k]));
        if (strcmp(verdict(&g, &e), "verified") != 0)
            fail_msg("%s: %s (%s)", rows[i].platform, e.msg, e.reason);
        sim_evidence_fini(&g.s);
    }
    stop();
}

/* Of two issues of one list the newer stays, in whichever order they come. */
static void the_newest_issue_stays(void **state)
{
    struct given old, new;
    struct err e;

    (void)state;
    start();
    make(&old, "technology=tdx,generation=granite-rapids", now_ms / 1000 - 5 * 86400);
    make(&new, "technology=tdx,generation=granite-rapids", now_ms / 1000);
    assert_int_equal(keep(&new, ENDORSEMENT_TCB_INFO), COLLATERAL_STORED);
    assert_int_equal(keep(&old, ENDORSEMENT_TCB_INFO), COLLATERAL_NEWER_KEPT);
    assert_string_equal(verdict(&old, &e), "verified");
    stop();
    sim_evidence_fini(&old.s);
    sim_evidence_fini(&new.s);
}

static void dates_are_told_once(void **state)
{
    uint32_t expired, expiring;
    struct given g;
    size_t before;

    (void)state;
    start();
    make(&g, "technology=sgx,generation=rocket-lake", now_ms / 1000);
    keep(&g, ENDORSEMENT_TCB_INFO);
    now_ms += INT64_C(100) * 365 * 86400 * 1000;
    before = st.events.n;
    collateral_watch(&st, &expired, &expiring);
    assert_true(expired >= 1);
    assert_true(st.events.n >= before + 1);
    assert_string_equal(st.events.v[st.events.n - 1]->reason, "collateral.expired");
    before = st.events.n;
    collateral_watch(&st, &expired, &expiring);
    assert_int_equal(st.events.n, before);
    now_ms -= INT64_C(100) * 365 * 86400 * 1000;
    assert_string_equal(collateral_freshness(0, 1), "fresh");
    assert_string_equal(collateral_freshness(10, 11), "expired");
    assert_string_equal(collateral_freshness(11 + COLLATERAL_SOON_S, 11), "fresh");
    assert_string_equal(collateral_freshness(10 + COLLATERAL_SOON_S, 11), "expires-soon");
    stop();
    sim_evidence_fini(&g.s);
}

static void on_check(uv_timer_t *t)
{
    if (strcmp(collateral_held(&st, t->data), "missing") != 0)
        uv_stop(&loop);
}

/* `cat FILE` is a fetcher of what stands in a file. */
static void a_fetcher_is_run_for_what_is_missing(void **state)
{
    struct collateral_needs needs = {.n = 2};
    char key[] = "simulated/amd/snp/Milan/ark", file[128];
    struct collateral_keeper *k;
    uv_timer_t check;
    struct given g;
    FILE *f;

    (void)state;
    start();
    make(&g, "technology=sev-snp,generation=milan", now_ms / 1000);
    snprintf(file, sizeof file, "%s/ark", dir);
    f = fopen(file, "wb");
    assert_non_null(f);
    for (unsigned i = 0; i < g.in.files_n; i++)
        if (strcmp(g.in.files[i].name, "ark.der") == 0)
            assert_int_equal(fwrite(g.in.files[i].bytes.p, g.in.files[i].bytes.n, 1, f), 1);
    fclose(f);
    /* the first one fails, and does not stand in the way of the second */
    snprintf(needs.need[0].url, sizeof needs.need[0].url, "%s/nothing-here", dir);
    snprintf(needs.need[0].key, sizeof needs.need[0].key, "amd/snp/Milan/crl");
    snprintf(needs.need[1].url, sizeof needs.need[1].url, "%s", file);
    snprintf(needs.need[1].key, sizeof needs.need[1].key, "%s", key);
    collateral_note(&st, "n1", &needs);
    assert_string_equal(collateral_held(&st, key), "missing");
    k = collateral_keeper_new(&st, "cat");
    uv_timer_init(&loop, &check);
    check.data = key;
    uv_timer_start(&check, on_check, 50, 50);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(collateral_held(&st, key), "fresh");
    assert_string_equal(collateral_held(&st, "amd/snp/Milan/crl"), "missing");
    uv_close((uv_handle_t *)&check, NULL);
    collateral_keeper_close(k);
    stop();
    sim_evidence_fini(&g.s);
}

static int setup(void **unused)
{
    (void)unused;
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(dir, sizeof dir, "/tmp/bailey-collateral-XXXXXX");
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
        cmocka_unit_test(what_is_kept_serves_bare_evidence),
        cmocka_unit_test(a_host_cannot_hide_a_revocation),
        cmocka_unit_test(the_newest_issue_stays),
        cmocka_unit_test(dates_are_told_once),
        cmocka_unit_test(a_fetcher_is_run_for_what_is_missing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
