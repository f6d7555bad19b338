/* The JSON Schema, and what a validator is to make of it. With a file name as argument, writes
 * there
 * {"schema", "good", "bad"} for tests/tools/check_schema.py. */
#include <stdio.h>
#include <stdlib.h>

#include "config/json_schema.h"
#include "config/print.h"
#include "config/yaml.h"
#include "tests/lib/unit.h"

#define HEAD "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: a, labels: {x: 1}}\n"

static const char *const good[] = {
    "apiVersion: bailey/v1\nkind: Node\nmetadata: {name: n1}\nspec: {cordoned: true}\n",
    HEAD "spec: {artifact: {path: ./a}, replicas: 0, resources: {cpu: 0.5, memory: 64Mi}}\n",
    HEAD "spec:\n  artifact: {path: ./a}\n  placement: {priority: -5, spread: [{over: vendor}]}\n"
         "  runtime: {args: [a], env: {A: b}, network: host}\n  restart: {policy: never}\n"
         "  trust:\n    maxEvidenceAge: 1h30m\n    accept: [{vendor: amd, tcb: {microcode: 3}}]\n"
         "    refuse: [{generation: milan, because: x}]\n",
};

static void pieces(void **state)
{
    AUTO_BUF struct buf b = {0};

    (void)state;
    json_schema(&b);
    assert_non_null(strstr(buf_str(&b), "\"#/$defs/Workload\""));
    assert_non_null(strstr(buf_str(&b), "\"const\": \"bailey/v1\""));
    assert_non_null(strstr(buf_str(&b), "\"Evidence older than this admits nothing new.\""));
    assert_null(strstr(buf_str(&b), "LabelsEntry"));
    assert_false(b.failed);
}

static int write_all(const char *file)
{
    AUTO_BUF struct buf b = {0};
    AUTO_ARENA struct arena a = {0};
    FILE *f = fopen(file, "w");

    arena_init(&a, (size_t)4 << 20);
    buf_puts(&b, "{\"schema\": ");
    json_schema(&b);
    buf_puts(&b, ", \"good\": [");
    for (size_t i = 0; i < COUNT(good); i++) {
        struct yaml_errors errors = {0};
        Bailey__V1__Object **o = NULL;
        size_t n = 0;

        if (!yaml_objects(bytes_str(good[i]), "-", &a, &o, &n, &errors))
            return 1;
        buf_puts(&b, i == 0 ? "" : ",");
        print_json(&o[0]->base, &b, false);
    }
    buf_puts(&b, "]}\n");
    if (f == NULL || b.failed || fwrite(b.p, 1, b.n, f) != b.n)
        return 1;
    return fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces)};

    if (argc == 2)
        return write_all(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
