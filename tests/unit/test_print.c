/* Messages as JSON and YAML. With a file name as argument, writes its samples there for an
 * independent reader (tests/tools/check_json.py). */
#include <stdio.h>
#include <stdlib.h>

#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "config/print.h"
#include "config/yaml.h"
#include "tests/lib/unit.h"

static char kept_name[] = "payroll-0-x1", label_key[] = "b",
            label_value[] = "y: \"no\"\n\x01\xc2\x85";
static char other_key[] = "a", other_value[] = "1.10", word[] = "0x54", plain[] = "fra1/rack-2",
            time_text[] = "2026-11-23T18:24:59Z";

struct sample {
    Bailey__V1__Object object;
    Bailey__V1__Keep keep;
    Bailey__V1__Metadata meta;
    Bailey__V1__Metadata__LabelsEntry label[2], *labels[2];
    Bailey__V1__KeepSpec spec;
    Bailey__V1__KeepStatus status;
};

static void sample_fill(struct sample *s)
{
    bailey__v1__object__init(&s->object);
    bailey__v1__keep__init(&s->keep);
    bailey__v1__metadata__init(&s->meta);
    bailey__v1__keep_spec__init(&s->spec);
    bailey__v1__keep_status__init(&s->status);
    for (int i = 0; i < 2; i++) {
        bailey__v1__metadata__labels_entry__init(&s->label[i]);
        s->labels[i] = &s->label[i];
    }
    s->object.kind_case = BAILEY__V1__OBJECT__KIND_KEEP;
    s->object.keep = &s->keep;
    s->keep.metadata = &s->meta;
    s->keep.spec = &s->spec;
    s->keep.status = &s->status;
    s->meta.name = kept_name;
    s->meta.labels = s->labels;
    s->meta.n_labels = 2;
    s->label[0].key = label_key;
    s->label[0].value = label_value;
    s->label[1].key = other_key;
    s->label[1].value = other_value;
    s->spec.node = plain;
    s->spec.artifact_digest = word;
    s->spec.epoch = UINT64_C(1) << 53;
    s->spec.policy_revision = UINT64_MAX;
    s->status.state = BAILEY__V1__KEEP_STATUS__STATE__running;
    s->status.exit_code = -9;
    s->status.started_at = time_text;
}

static void keep_as_json(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct sample s;

    (void)state;
    sample_fill(&s);
    print_json(&s.object.base, &b, false);
    assert_string_equal(
        buf_str(&b),
        "{\"apiVersion\":\"bailey/v1\",\"kind\":\"Keep\",\"metadata\":{\"name\":\"payroll-0-x1\","
        "\"labels\":{\"a\":\"1.10\",\"b\":\"y: \\\"no\\\"\\n\\u0001\xc2\x85\"}},"
        "\"spec\":{\"node\":\"fra1/rack-2\",\"artifactDigest\":\"0x54\",\"epoch\":9007199254740992,"
        "\"policyRevision\":\"18446744073709551615\"},"
        "\"status\":{\"state\":\"running\",\"trust\":\"unattested\",\"exitCode\":-9,"
        "\"startedAt\":\"2026-11-23T18:24:59Z\",\"health\":\"unchecked\"}}");
}

static void keep_as_yaml(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct sample s;

    (void)state;
    sample_fill(&s);
    print_yaml(&s.object.base, &b);
    assert_string_equal(buf_str(&b), "apiVersion: bailey/v1\n"
                                     "kind: Keep\n"
                                     "metadata:\n"
                                     "  name: payroll-0-x1\n"
                                     "  labels:\n"
                                     "    a: \"1.10\"\n"
                                     "    b: \"y: \\\"no\\\"\\n\\x01\\x85\"\n"
                                     "spec:\n"
                                     "  node: fra1/rack-2\n"
                                     "  artifactDigest: \"0x54\"\n"
                                     "  epoch: 9007199254740992\n"
                                     "  policyRevision: \"18446744073709551615\"\n"
                                     "status:\n"
                                     "  state: running\n"
                                     "  trust: unattested\n"
                                     "  exitCode: -9\n"
                                     "  startedAt: \"2026-11-23T18:24:59Z\"\n"
                                     "  health: unchecked\n");
}

static void empty_and_nested(void **state)
{
    AUTO_BUF struct buf b = {0};
    Bailey__V1__Selector s = BAILEY__V1__SELECTOR__INIT, none = BAILEY__V1__SELECTOR__INIT;
    Bailey__V1__Selector *list[] = {&s, &none};
    Bailey__V1__Trust t = BAILEY__V1__TRUST__INIT;
    char amd[] = "amd", *vendors[] = {amd, amd};

    (void)state;
    print_yaml(&t.base, &b);
    assert_string_equal(buf_str(&b), "{}\n");
    s.vendor = vendors;
    s.n_vendor = 2;
    t.accept = list;
    t.n_accept = 2;
    buf_clear(&b);
    print_yaml(&t.base, &b);
    assert_string_equal(buf_str(&b), "accept:\n"
                                     "  - vendor:\n"
                                     "      - amd\n"
                                     "      - amd\n"
                                     "  - {}\n");
}

/* A response with objects in it prints them as what they hold; a limit of the buffer is kept. */
static void objects_in_a_list(void **state)
{
    AUTO_BUF struct buf b = {0}, small = {.limit = 64};
    Bailey__V1__ListResponse list = BAILEY__V1__LIST_RESPONSE__INIT;
    struct sample s;
    Bailey__V1__Object *objects[] = {&s.object, &s.object};

    (void)state;
    sample_fill(&s);
    list.objects = objects;
    list.n_objects = 2;
    print_json(&list.base, &b, true);
    assert_non_null(
        strstr(buf_str(&b), "\"objects\": [\n    {\n      \"apiVersion\": \"bailey/v1\""));
    print_json(&list.base, &small, true);
    assert_true(small.failed);
}

static int write_samples(const char *file)
{
    AUTO_BUF struct buf b = {0};
    struct sample s;
    FILE *f = fopen(file, "w");

    sample_fill(&s);
    print_json(&s.object.base, &b, true);
    if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n)
        return 1;
    return fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keep_as_json),
        cmocka_unit_test(keep_as_yaml),
        cmocka_unit_test(empty_and_nested),
        cmocka_unit_test(objects_in_a_list),
    };

    if (argc == 2)
        return write_samples(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
