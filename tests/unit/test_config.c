/* Quantities, catalog, schema, checks and conversions. */
#include <stdio.h>
#include <stdlib.h>

#include "config/catalog.h"
#include "config/check.h"
#include "config/convert_facts.h"
#include "config/convert_rules.h"
#include "config/quantity.h"
#include "config/yaml.h"
#include "proto/unpack.h"
#include "tests/lib/unit.h"

#define ARENA ((size_t)4 << 20)

static void amounts(void **state)
{
    static const struct {
        const char *text;
        uint64_t milli;
    } cpu[] = {{"500m", 500},  {"2", 2000}, {"0.5", 500},   {"0.001", 1},
               {"1.25", 1250}, {"", 0},     {"m", 0},       {"0", 0},
               {"1.", 0},      {".5", 0},   {"1.0005", 0},  {"-1", 0},
               {"1 ", 0},      {"0x10", 0}, {"1000001", 0}, {"18446744073709551616", 0},
               {"1e3", 0},     {"500M", 0}};
    static const struct {
        const char *text;
        uint64_t bytes;
    } mem[] = {{"1048576", 1048576},
               {"256Mi", 268435456},
               {"1G", 1000000000},
               {"1k", 1000},
               {"1Ki", 1024},
               {"1Ti", 1099511627776},
               {"0", 0},
               {"1K", 0},
               {"1.5Gi", 0},
               {"Mi", 0},
               {"1MiB", 0},
               {"9999999999Gi", 0},
               {"", 0},
               {" 1", 0}};
    char text[QUANTITY_TEXT];
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < COUNT(cpu); i++) {
        v = 0;
        assert_int_equal(cpu_parse(cpu[i].text, &v, NULL), cpu[i].milli != 0);
        assert_int_equal(v, cpu[i].milli);
    }
    for (size_t i = 0; i < COUNT(mem); i++) {
        v = 0;
        assert_int_equal(bytes_parse(mem[i].text, &v, NULL), mem[i].bytes != 0);
        assert_int_equal(v, mem[i].bytes);
        if (v != 0) {
            assert_true(bytes_parse(bytes_format(v, text), &v, NULL));
            assert_int_equal(v, mem[i].bytes);
        }
    }
    assert_string_equal(cpu_format(500, text), "500m");
    assert_string_equal(cpu_format(2000, text), "2");
    assert_string_equal(bytes_format(268435456, text), "256Mi");
    assert_string_equal(bytes_format(0, text), "0");
}

static void words_of_the_catalog(void **state)
{
    static const char *const all[] = {
        "vendor",   "technology", "generation", "product-line", "tcb-component", "tcb-status",
        "advisory", "finding",    "assurance",  "runtime",      "network",       "restart-policy"};
    size_t n;

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        const char *const *words = catalog_words(all[i], &n);

        assert_non_null(words);
        assert_true(n > 0);
        for (size_t k = 0; k < n; k++) {
            assert_string_equal(catalog_resolve(all[i], words[k]), words[k]);
            assert_true(strlen(words[k]) < (size_t)FACT_WORD * 2);
        }
    }
    assert_null(catalog_words("colour", &n));
    assert_int_equal(n, 0);
    assert_string_equal(catalog_resolve("generation", "IceLake-SP"), "ice-lake-sp");
    assert_string_equal(catalog_vendor("generation", "turin"), "amd");
    assert_string_equal(catalog_nearest("generation", "milian"), "milan");
    assert_null(catalog_nearest("generation", "zzz"));
    assert_false(catalog_knows("vendor", ""));
    /* every finding of the core has its word, and no word is without a finding */
    assert_non_null(catalog_words("finding", &n));
    assert_int_equal(n, FINDINGS);
    for (int f = 0; f < FINDINGS; f++)
        assert_true(catalog_knows("finding", finding_name((enum finding)f)));
}

static void schema_knows_rules(void **state)
{
    const struct schema_message *s = schema_of(&bailey__v1__trust__descriptor);
    const struct schema_field *f = schema_field(s, "maxEvidenceAge");

    (void)state;
    assert_non_null(f);
    assert_int_equal(f->rules->format, BAILEY__V1__FORMAT__DURATION);
    assert_string_equal(f->rules->default_text, "1h");
    assert_string_equal(f->comment, "Evidence older than this admits nothing new.");
    assert_string_equal(
        s->comment,
        "Which platforms may run a workload. Order of power: revocation, refuse, accept. "
        "The rules of the cluster's default policies and of the policies named "
        "here hold as well.");
    assert_null(schema_field(s, "max_evidence_age"));
    f = schema_field(schema_of(&bailey__v1__metadata__descriptor), "labels");
    assert_non_null(f->key);
    assert_non_null(schema_of(f->field->descriptor)); /* the entry */
    assert_non_null(schema_kind("Workload", false));
    assert_null(schema_kind("workloads", false));
    assert_ptr_equal(schema_kind("workloads", true), schema_kind("Workload", false));
    assert_null(schema_kind("workloadss", true));
}

static Bailey__V1__Object *object(const char *text, struct arena *a)
{
    AUTO_BUF struct buf said = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **o = NULL;
    size_t n = 0;

    if (!yaml_objects(bytes_str(text), "-", a, &o, &n, &errors)) {
        yaml_errors_format(&errors, &said);
        fail_msg("%s", buf_str(&said));
    }
    assert_int_equal(n, 1);
    return o[0];
}

static const char sound[] =
    "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: a, labels: {x: y}}\n"
    "spec:\n  artifact: "
    "{digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}\n"
    "  resources: {cpu: 1, memory: 1Gi}\n"
    "  placement: {spread: [{over: node}]}\n"
    "  trust: {accept: [{vendor: amd, generation: [MILAN, genoa-x], firmware: '>=1.55', "
    "tcb: {microcode: '>=0x54'}, platformId: ab01, finding: smt, assurance: simulated}]}\n";

/* A client that is no YAML reader sends whatever it likes: each of these is caught again. */
static void typed_checks(void **state)
{
    AUTO_ARENA struct arena a = {0};
    Bailey__V1__Object *o;
    Bailey__V1__WorkloadSpec *spec;
    Bailey__V1__Selector none = BAILEY__V1__SELECTOR__INIT, *kept;
    Bailey__V1__Runtime runtime = BAILEY__V1__RUNTIME__INIT;
    Bailey__V1__Object empty = BAILEY__V1__OBJECT__INIT;
    struct err e = {0};

    (void)state;
    arena_init(&a, ARENA);
    o = object(sound, &a);
    spec = o->workload->spec;
    assert_true(object_check(o, true, &e));
    assert_false(object_check(&empty, true, &e));
#define WRONG(set, reset, where)                                                                   \
    do {                                                                                           \
        set;                                                                                       \
        assert_false(object_check(o, true, &e));                                                   \
        assert_string_equal(e.field, where);                                                       \
        assert_int_equal(e.code, ERR_INPUT);                                                       \
        reset;                                                                                     \
        assert_true(object_check(o, true, &e));                                                    \
    } while (0)
    char bad[] = "Bad_Name", spaced[] = "a b", amd[] = "amd", escape[] = "a\033[2J", old[] = "a",
         path[] = "./a", nothing[] = "", *digest = spec->artifact->digest;
    WRONG(o->workload->metadata->name = bad, o->workload->metadata->name = old, "metadata.name");
    WRONG(o->workload->kind = bad, o->workload->kind = nothing, "kind");
    WRONG(o->workload->api_version = bad, o->workload->api_version = nothing, "apiVersion");
    WRONG(spec->resources->cpu = bad, spec->resources->cpu = nothing, "spec.resources.cpu");
    WRONG(spec->replicas = 1000001, spec->replicas = 0, "spec.replicas");
    WRONG(o->workload->metadata->labels[0]->value = spaced,
          o->workload->metadata->labels[0]->value = old, "metadata.labels.x");
    WRONG(spec->placement->spread[0]->over = nothing, spec->placement->spread[0]->over = old,
          "spec.placement.spread[0].over");
    kept = spec->trust->accept[0];
    WRONG(spec->trust->accept[0] = &none, spec->trust->accept[0] = kept, "spec.trust.accept[0]");
    WRONG(kept->vendor[0] = bad, kept->vendor[0] = amd, "spec.trust.accept[0].vendor[0]");
    WRONG((spec->artifact->path = path, spec->artifact->digest = nothing),
          (spec->artifact->path = nothing, spec->artifact->digest = digest), "spec.artifact.path");
    WRONG(spec->artifact->path = path, spec->artifact->path = nothing, "spec.artifact");
    Bailey__V1__Metadata__LabelsEntry *once = o->workload->metadata->labels[0],
                                      *twice[] = {once, once};
    WRONG((o->workload->metadata->labels = twice, o->workload->metadata->n_labels = 2),
          o->workload->metadata->n_labels = 1, "metadata.labels");
    char *range = kept->tcb[0]->value, *id = kept->platform_id[0];
    WRONG(kept->vendor[0] = nothing, kept->vendor[0] = amd, "spec.trust.accept[0].vendor[0]");
    WRONG(kept->tcb[0]->value = nothing, kept->tcb[0]->value = range,
          "spec.trust.accept[0].tcb.microcode");
    WRONG(kept->platform_id[0] = nothing, kept->platform_id[0] = id,
          "spec.trust.accept[0].platformId[0]");
    WRONG(kept->because = escape, kept->because = old, "spec.trust.accept[0].because");
    char *many[1001];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = old;
    spec->runtime = &runtime;
    WRONG((runtime.args = many, runtime.n_args = COUNT(many)), runtime.n_args = 1000,
          "spec.runtime.args");
#undef WRONG
}

static void stripped(void **state)
{
    AUTO_ARENA struct arena a = {0};
    Bailey__V1__WorkloadStatus status = BAILEY__V1__WORKLOAD_STATUS__INIT;
    Bailey__V1__Object *o;
    char uid[] = "made-up";

    (void)state;
    arena_init(&a, ARENA);
    o = object(sound, &a);
    o->workload->status = &status;
    o->workload->metadata->uid = uid;
    o->workload->metadata->revision = 7;
    o->workload->spec->artifact->size = 9;
    object_strip(o);
    assert_null(o->workload->status);
    assert_string_equal(o->workload->metadata->uid, "");
    assert_int_equal(o->workload->metadata->revision, 0);
    assert_int_equal(o->workload->spec->artifact->size, 0);
    assert_string_equal(o->workload->metadata->name, "a");
    assert_int_equal(o->workload->metadata->n_labels, 1);
}

static void rules_converted(void **state)
{
    AUTO_ARENA struct arena a = {0};
    struct trust_rules t = {0};
    struct err e = {0};
    Bailey__V1__Object *o;
    const struct selector *s;
    char word[] = "gone", *kept;

    (void)state;
    arena_init(&a, ARENA);
    o = object(sound, &a);
    assert_true(trust_from_message(NULL, &a, &t, &e));
    assert_int_equal(t.accept_n, 0);
    assert_int_equal(t.max_evidence_age_ms, 3600000);
    assert_true(trust_from_message(o->workload->spec->trust, &a, &t, &e));
    assert_int_equal(t.accept_n, 1);
    s = &t.accept[0];
    assert_string_equal(s->generation.v[0], "milan");
    assert_string_equal(s->generation.v[1], "genoa"); /* the alias is gone */
    assert_int_equal(s->firmware.n, 1);
    assert_int_equal(s->tcb_n, 1);
    assert_string_equal(s->tcb[0].component, "microcode");
    assert_int_equal(s->tcb[0].range.bound[0].value, 0x54);
    assert_int_equal(s->platform[0].n, 2);
    assert_int_equal(s->platform[0].id[0], 0xab);
    assert_int_equal(s->findings, 1U << FINDING_SMT);
    assert_true(s->assurance_named && s->assurance_simulated && !s->assurance_hardware);
    kept = o->workload->spec->trust->accept[0]->generation[0];
    o->workload->spec->trust->accept[0]->generation[0] = word;
    assert_false(trust_from_message(o->workload->spec->trust, &a, &t, &e));
    assert_string_equal(e.field, "accept[0].generation[0]");
    o->workload->spec->trust->accept[0]->generation[0] = kept;
}

static struct facts full_facts(void)
{
    struct facts f = {.assurance = ASSURANCE_SIMULATED,
                      .vendor = {1, {"amd"}, "VCEK"},
                      .technology = {1, {"sev-snp"}, "REPORT"},
                      .generation = {3, {"genoa", "bergamo", "siena"}, "REPORT.CPUID_FAM_ID"},
                      .product_line = {1, {"SEV-Genoa"}, "VCEK.1.2"},
                      .firmware = {3, {1, 55, 39, 0}, "REPORT.COMMITTED"},
                      .tcb = {{"microcode", 0x54, "REPORT.TCB"}, {"snp", 23, ""}},
                      .tcb_n = 2,
                      .tcb_status = "OutOfDateConfigurationNeeded",
                      .tcb_date_s = 1747180800,
                      .advisories_known = true,
                      .advisories_n = 1,
                      .advisory = {"INTEL-SA-00615"},
                      .platform_id = {1, 2, 255},
                      .platform_id_n = 3,
                      .platform_id_source = "REPORT.CHIP_ID",
                      .findings_known = 1U << FINDING_SMT | 1U << FINDING_DEBUG,
                      .findings_true = 1U << FINDING_SMT,
                      .measurement = {9},
                      .measurement_n = 48};

    return f;
}

static void facts_round_trip(void **state)
{
    AUTO_ARENA struct arena a = {0}, small = {0};
    struct facts f = full_facts(), back = {0}, none = {0};
    Bailey__V1__Facts *m;
    struct err e = {0};
    char bad[] = "1.2.3.4.5";

    (void)state;
    arena_init(&a, ARENA);
    m = facts_to_message(&f, &a);
    assert_non_null(m);
    assert_string_equal(m->firmware, "1.55.39");
    assert_string_equal(m->platform_id, "0102ff");
    assert_string_equal(m->findings[0], "smt");
    assert_string_equal(m->absent_findings[0], "debug");
    assert_true(facts_from_message(m, &back, &e));
    assert_memory_equal(&f, &back, sizeof f);
    m->firmware = bad;
    assert_false(facts_from_message(m, &back, &e));
    assert_string_equal(e.field, "firmware");
    m = facts_to_message(&none, &a);
    assert_non_null(m);
    assert_int_equal(protobuf_c_message_get_packed_size(&m->base), 0); /* unknown is absent */
    assert_true(facts_from_message(m, &back, &e));
    assert_memory_equal(&none, &back, sizeof none);
    for (size_t limit = 16; limit < 2000; limit += 16) { /* every place where memory can run out */
        arena_init(&small, limit);
        (void)facts_to_message(&f, &small);
        arena_fini(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts),
        cmocka_unit_test(words_of_the_catalog),
        cmocka_unit_test(schema_knows_rules),
        cmocka_unit_test(typed_checks),
        cmocka_unit_test(stripped),
        cmocka_unit_test(rules_converted),
        cmocka_unit_test(facts_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
