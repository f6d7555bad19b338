/* YAML from an operator: what it becomes, and every way to refuse it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config/print.h"
#include "config/yaml.h"
#include "tests/lib/unit.h"

#define ARENA ((size_t)16 << 20)
#define HEAD "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: a}\n"
#define SPEC HEAD "spec:\n  artifact: {path: ./a}\n"

static char *read_file(const char *name, size_t *n)
{
    char path[512];
    const char *source = getenv("BAILEY_SOURCE");
    char *text = calloc(1, 65536);
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/tests/golden/yaml/%s", source == NULL ? "." : source,
                   name);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(text);
    *n = fread(text, 1, 65535, f);
    (void)fclose(f);
    return text;
}

static bool read_objects(struct bytes text, struct arena *a, Bailey__V1__Object ***out, size_t *n,
                         struct buf *said)
{
    struct yaml_errors errors = {0};
    bool ok = yaml_objects(text, "w.yaml", a, out, n, &errors);

    assert_int_equal(ok, errors.n == 0);
    if (!ok)
        yaml_errors_format(&errors, said);
    return ok;
}

static void whole_workload(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf said = {0};
    Bailey__V1__Object **o = NULL;
    const Bailey__V1__WorkloadSpec *spec;
    size_t n = 0, len;
    char *text = read_file("payroll.yaml", &len);

    (void)state;
    arena_init(&a, ARENA);
    if (!read_objects((struct bytes){(uint8_t *)text, len}, &a, &o, &n, &said))
        fail_msg("%s", buf_str(&said));
    assert_int_equal(n, 2);
    assert_string_equal(object_kind(o[0]), "Workload");
    assert_string_equal(object_metadata(o[0])->name, "payroll");
    spec = o[0]->workload->spec;
    assert_int_equal(spec->replicas, 3);
    assert_string_equal(spec->resources->cpu, "0.5");
    assert_int_equal(spec->runtime->n_args, 2);
    assert_string_equal(spec->runtime->args[1], "8443");
    assert_int_equal(spec->trust->n_accept, 2);
    assert_int_equal(spec->trust->accept[0]->n_vendor, 1);
    assert_string_equal(spec->trust->accept[0]->generation[1], "turin");
    assert_string_equal(spec->trust->accept[0]->tcb[0]->value, ">=0x54");
    assert_int_equal(spec->placement->spread[1]->max_skew, 1); /* the default */
    assert_int_equal(spec->availability->max_unavailable, 0);  /* said so */
    assert_int_equal(spec->placement->priority, 100);
    assert_string_equal(object_kind(o[1]), "Node");
    assert_true(o[1]->node->spec->cordoned);
    assert_string_equal(o[1]->node->metadata->uid, "");
    assert_null(o[1]->node->status);
    free(text);
}

/* What is printed reads back as the same message, and prints the same again. */
static void round_trip(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf said = {0}, first = {0}, second = {0}, json = {0};
    Bailey__V1__Object **o = NULL, **again = NULL;
    size_t n = 0, m = 0, len;
    char *text = read_file("payroll.yaml", &len);

    (void)state;
    arena_init(&a, ARENA);
    assert_true(read_objects((struct bytes){(uint8_t *)text, len}, &a, &o, &n, &said));
    for (size_t i = 0; i < n; i++) {
        buf_clear(&first);
        buf_clear(&second);
        print_yaml(&o[i]->base, &first);
        if (!read_objects(buf_bytes(&first), &a, &again, &m, &said))
            fail_msg("%s\n%s", buf_str(&first), buf_str(&said));
        assert_int_equal(m, 1);
        print_yaml(&again[0]->base, &second);
        assert_string_equal(buf_str(&first), buf_str(&second));
        buf_clear(&json);
        print_json(&o[i]->base, &json, true); /* JSON is YAML */
        if (!read_objects(buf_bytes(&json), &a, &again, &m, &said))
            fail_msg("%s\n%s", buf_str(&json), buf_str(&said));
        buf_clear(&second);
        print_yaml(&again[0]->base, &second);
        assert_string_equal(buf_str(&first), buf_str(&second));
    }
    free(text);
}

struct bad {
    const char *text, *said;
};

static const struct bad bad[] = {
#include "../golden/yaml/bad.inc"
};

static void bad_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTO_ARENA struct arena a = {0};
        AUTO_BUF struct buf said = {0};
        Bailey__V1__Object **o = NULL;
        size_t n = 0;

        arena_init(&a, ARENA);
        if (read_objects(bytes_str(bad[i].text), &a, &o, &n, &said))
            fail_msg("taken: %s", bad[i].text);
        if (getenv("BAILEY_PRINT") != NULL)
            printf("==== %zu\n%s\n", i, buf_str(&said));
        else
            assert_string_equal(buf_str(&said), bad[i].said);
        assert_null(o);
    }
}

/* Hostile bytes: refused with the given reason, within time and memory. */
static void refused(struct bytes text, const char *reason)
{
    AUTO_ARENA struct arena a = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **o = NULL;
    struct timespec from, to;
    size_t n = 0;
    int64_t ms;

    arena_init(&a, ARENA);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    assert_false(yaml_objects(text, "-", &a, &o, &n, &errors));
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    if (ms > 2000)
        fail_msg("%s took %d ms", reason, (int)ms);
    assert_true(errors.n > 0 && errors.n <= YAML_ERRORS_MAX);
    assert_string_equal(errors.v[0].reason, reason);
    assert_true(errors.v[0].line >= 1 && errors.v[0].column >= 1);
}

static void repeated(const char *unit, size_t times, const char *reason)
{
    AUTO_BUF struct buf b = {0};

    for (size_t i = 0; i < times; i++)
        buf_puts(&b, unit);
    refused(buf_bytes(&b), reason);
}

static void hostile(void **state)
{
    static const char bomb[] = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    AUTO_BUF struct buf wide = {0};

    (void)state;
    repeated("a", (size_t)1 << 20, "yaml.too-large");
    repeated("[", 10000, "yaml.too-deep");
    repeated("{a: ", 10000, "yaml.too-deep");
    repeated("- ", 10000, "yaml.too-deep");
    repeated("? ", 10000, "yaml.too-deep");
    repeated("[", 250000, "yaml.too-deep");
    repeated("- a\n", 65000, "yaml.too-large");
    repeated("--- a\n", 5000, "yaml.too-large");
    repeated("---\n", 15000, "yaml.nothing");
    refused(bytes_str(bomb), "yaml.anchor");
    refused((struct bytes){(const uint8_t *)"a: \0b\n", 6}, "yaml.text");
    refused(bytes_str("a: \xff\n"), "yaml.text");
    refused(bytes_str("a: \xc3\n"), "yaml.text");
    refused((struct bytes){(const uint8_t *)"\xff\xfe"
                                            "a\0:\0",
                           6},
            "yaml.text");
    refused(bytes_str("a: \"\\0\"\n"), "yaml.text");
    refused(bytes_str(""), "yaml.nothing");
    refused(bytes_str("\xef\xbb\xbf"), "yaml.nothing");
    refused(bytes_str("# only a comment\n---\n"), "yaml.nothing");
    refused(bytes_str("a: b: c"), "yaml.syntax");
    refused(bytes_str("%TAG ! tag:x,2026:\n--- !y\na: b\n"), "yaml.tag");
    for (int i = 0; i < 20000; i++)
        buf_printf(&wide, "k%d: 1\n", i);
    refused(buf_bytes(&wide), "check.required");
}

/* A byte order mark and CRLF are no error; the text is the same. */
static void mark_and_crlf(void **state)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf said = {0};
    Bailey__V1__Object **o = NULL;
    size_t n = 0;

    (void)state;
    arena_init(&a, ARENA);
    assert_true(read_objects(bytes_str("\xef\xbb\xbf"
                                       "apiVersion: bailey/v1\r\nkind: Node\r\n"
                                       "metadata: {name: n1}\r\n"),
                             &a, &o, &n, &said));
    assert_int_equal(n, 1);
}

static void one_selector(void **state)
{
    AUTO_ARENA struct arena a = {0};
    struct yaml_errors errors = {0};
    ProtobufCMessage *m = NULL;
    struct err e = {0};

    (void)state;
    arena_init(&a, ARENA);
    assert_true(yaml_message(bytes_str("{vendor: amd, generation: icelake-sp}"), "-",
                             &bailey__v1__selector__descriptor, &a, &m, &errors) == false);
    assert_string_equal(errors.v[0].reason, "check.contradiction");
    assert_false(yaml_errors_err(&errors, &e));
    assert_string_equal(e.reason, "check.contradiction");
    assert_true(yaml_message(bytes_str("{generation: [Milan, icelake-sp]}"), "-",
                             &bailey__v1__selector__descriptor, &a, &m, &errors));
    assert_int_equal(((Bailey__V1__Selector *)(void *)m)->n_generation, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_workload), cmocka_unit_test(round_trip),
        cmocka_unit_test(bad_texts),      cmocka_unit_test(hostile),
        cmocka_unit_test(mark_and_crlf),  cmocka_unit_test(one_selector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
