/* What vendors publish, to advisories and proposed revocations. */
#include "tests/lib/unit.h"

#include <string.h>

#include "config/advisory_import.h"
#include "config/check.h"

struct read {
    struct arena arena;
    struct advisory_found *v;
    size_t n;
    struct yaml_errors errors;
};

static bool read_text(struct read *r, const char *text)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->arena, (size_t)16 << 20);
    return advisory_import(bytes_str(text), "file", &r->arena, &r->v, &r->n, &r->errors);
}

/* What is proposed passes the controller's check, and refuses nothing by itself. */
static void check_proposal(Bailey__V1__Revocation *m)
{
    Bailey__V1__Object o = BAILEY__V1__OBJECT__INIT;
    struct err e = {0};

    assert_non_null(m);
    assert_true(m->spec->proposed);
    o.kind_case = BAILEY__V1__OBJECT__KIND_REVOCATION;
    o.revocation = m;
    assert_true(object_check(&o, true, &e));
}

static void catalog_form(void **state)
{
    static const char text[] =
        "advisory:\n"
        "  AMD-SB-3045: {vendor: amd, about: \"root key\", affects: [milan], shows: \"nothing\"}\n"
        "  AMD-SB-3019: {vendor: amd, about: \"EntrySign\", affects: [milan, genoa], confirmed: "
        "true,\n"
        "    fixed: [{generation: genoa, component: snp, at-least: 0x17},\n"
        "            {generation: genoa, component: microcode, at-least: 0x54}]}\n"
        "  AMD-SB-3020: {vendor: amd, affects: [genoa], confirmed: false,\n"
        "    fixed: [{generation: genoa, component: snp, at-least: 27}]}\n"
        "  AMD-SB-3021: {vendor: amd, affects: [milan], shows: \"finding ciphertext-hiding\"}\n"
        "  INTEL-SA-00088: {vendor: intel}\n";
    struct read r;
    const Bailey__V1__AdvisorySpec *spec;

    (void)state;
    assert_true(read_text(&r, text));
    assert_int_equal(r.n, 5);

    check_proposal(r.v[0].proposal);
    assert_string_equal(r.v[0].proposal->metadata->name, "amd-sb-3045");
    assert_string_equal(r.v[0].proposal->spec->platforms[0]->generation[0], "milan");
    assert_string_equal(r.v[0].proposal->spec->because, "root key");

    check_proposal(r.v[1].proposal);
    spec = r.v[1].advisory->spec;
    assert_int_equal(spec->n_affected, 2);
    assert_int_equal(spec->n_fixed, 1);
    assert_int_equal(spec->fixed[0]->minimum->n_tcb, 2);
    assert_string_equal(spec->fixed[0]->minimum->tcb[1]->key, "microcode");
    assert_string_equal(spec->fixed[0]->minimum->tcb[1]->value, "0x54");
    assert_string_equal(r.v[1].proposal->spec->platforms[0]->advisory[0], "AMD-SB-3019");

    assert_null(r.v[2].proposal);
    assert_null(r.v[2].advisory);
    assert_true(r.v[2].mends);
    assert_non_null(strstr(r.v[2].note, "not confirmed"));
    for (size_t i = 3; i < 5; i++) {
        assert_null(r.v[i].proposal);
        assert_null(r.v[i].advisory);
        assert_false(r.v[i].mends);
    }
    arena_fini(&r.arena);
}

static void intel_form(void **state)
{
    static const char text[] =
        "{\"tcbInfo\":{\"id\":\"TDX\",\"version\":3,\"fmspc\":\"00806f050000\",\"tcbLevels\":["
        "{\"tcb\":{},\"tcbDate\":\"2025-05-14T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
        "{\"tcb\":{},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
        "\"advisoryIDs\":[\"INTEL-SA-01036\",\"INTEL-SA-99999\"]},"
        "{\"tcb\":{},\"tcbDate\":\"2023-08-09T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
        "\"advisoryIDs\":[\"INTEL-SA-01036\",\"INTEL-SA-00960\"]}]},\"signature\":\"00\"}";
    struct read r;

    (void)state;
    assert_true(read_text(&r, text));
    assert_int_equal(r.n, 3);
    check_proposal(r.v[0].proposal);
    assert_string_equal(r.v[0].proposal->spec->platforms[0]->advisory[0], "INTEL-SA-01036");
    assert_string_equal(r.v[0].proposal->spec->platforms[0]->technology[0], "tdx");
    assert_non_null(strstr(r.v[0].proposal->spec->because, "up to 2024-03-13 (OutOfDate)"));
    assert_null(r.v[0].advisory);
    assert_null(r.v[1].proposal); /* an id that the catalog lacks */
    check_proposal(r.v[2].proposal);
    assert_non_null(strstr(r.v[2].proposal->spec->because, "up to 2023-08-09"));
    arena_fini(&r.arena);
}

static void own_form(void **state)
{
    static const char text[] =
        "apiVersion: bailey/v1\nkind: Advisory\nmetadata: {name: amd-sb-3019}\nspec:\n"
        "  id: AMD-SB-3019\n  affected: [{vendor: amd, generation: genoa}]\n"
        "  fixed: [{platforms: {vendor: amd, generation: genoa}, minimum: {tcb: {snp: "
        "\"0x17\"}}}]\n";
    struct read r;

    (void)state;
    assert_true(read_text(&r, text));
    assert_int_equal(r.n, 1);
    check_proposal(r.v[0].proposal);
    assert_string_equal(r.v[0].advisory->spec->id, "AMD-SB-3019");
    arena_fini(&r.arena);
}

static void wrong_files(void **state)
{
    static const struct {
        const char *text, *reason;
    } wrong[] = {
        {"", "advisory.form"},
        {"[]", "advisory.form"},
        {"other: {}", "advisory.form"},
        {"advisory: {AMD-SB-3045: {vendor: amdd, affects: [milan]}}", "advisory.vendor"},
        {"advisory: {AMD-SB-3045: milan}", "advisory.vendor"},
        {"advisory: {X: {vendor: amd, affects: [milann], shows: nothing}}", "advisory.generation"},
        {"advisory: {X: {vendor: amd, affects: [milan], fixed: [{generation: milan, component: "
         "snp, at-least: many}]}}",
         "advisory.floor"},
        {"advisory: {X: {vendor: amd, affects: [milan], fixed: [x]}}", "advisory.floor"},
        {"{\"tcbInfo\": {\"id\": \"TDX\"}}", "advisory.tcb-info"},
        {"{\"tcbInfo\": [1]}", "advisory.tcb-info"},
        {"{\"tcbLevels\": [{\"advisoryIDs\": [[]]}]}", "yaml.type"},
        {"apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: w}\nspec: {artifact: {digest: "
         "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}}\n",
         "advisory.kind"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct read r;

        assert_false(read_text(&r, wrong[i].text));
        assert_true(r.errors.n > 0);
        if (strcmp(r.errors.v[0].reason, wrong[i].reason) != 0)
            fail_msg("%s: %s, wanted %s", wrong[i].text, r.errors.v[0].reason, wrong[i].reason);
        arena_fini(&r.arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalog_form),
        cmocka_unit_test(intel_form),
        cmocka_unit_test(own_form),
        cmocka_unit_test(wrong_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
