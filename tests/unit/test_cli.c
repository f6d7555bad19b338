/* The command line: what is understood, what is refused and how, and the texts made of the table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/rows.h"

#include "tests/lib/unit.h"

static const struct {
    const char *argv[8];
    const char *command;
    size_t operands;
} good[] = {
    {{"get", "nodes"}, "get", 1},
    {{"get", "-A", "keeps", "x"}, "get", 2},
    {{"-o", "json", "get", "nodes"}, "get", 1},
    {{"get", "nodes", "-ojson"}, "get", 1},
    {{"get", "nodes", "--output=json"}, "get", 1},
    {{"token", "create", "--node", "n1"}, "token create", 0},
    {{"apply", "-f", "-"}, "apply", 0},
    {{"logs", "-f", "payroll"}, "logs", 1},
    {{"logs", "--", "-odd"}, "logs", 1},
    {{"get", "--help"}, "get", 0},
};

static const struct {
    const char *argv[8];
    const char *reason;
    const char *mend; /* part of it */
} bad[] = {
    {{"aply"}, "usage.unknown-command", "apply"},
    {{"zzzzzz"}, "usage.unknown-command", "help"},
    {{"token"}, "usage.unknown-command", "token create"},
    {{"get", "nodes", "--outptu", "json"}, "usage.unknown-option", "--output"},
    {{"get", "nodes", "-f", "x"}, "usage.unknown-option", "help get"},
    {{"get"}, "usage.operand-missing", "help get"},
    {{"get", "a", "b", "c"}, "usage.too-many", "usage:"},
    {{"get", "nodes", "-o"}, "usage.value-missing", ""},
    {{"apply", "--dry-run=yes", "-f", "x"}, "usage.needless-value", ""},
};

static int count(const char *const *argv)
{
    int n = 0;

    while (n < 8 && argv[n] != NULL)
        n++;
    return n;
}

static void understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct args a = {0};
        struct err e = {0};

        assert_true(args_parse(count(good[i].argv), good[i].argv, &a, &e));
        assert_string_equal(a.command->name, good[i].command);
        assert_int_equal(a.n_operands, good[i].operands);
    }
}

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct args a = {0};
        struct err e = {0};

        assert_false(args_parse(count(bad[i].argv), bad[i].argv, &a, &e));
        assert_string_equal(e.reason, bad[i].reason);
        assert_non_null(strstr(e.mend, bad[i].mend));
        assert_int_equal(exit_code_of(&e), EXIT_USAGE);
        assert_null(a.command);
    }
}

static void same_letter_two_options(void **state)
{
    const char *const apply[] = {"apply", "-f", "a", "-f", "b"}, *const logs[] = {"logs", "-f",
                                                                                  "k"};
    struct args a = {0};
    struct err e = {0};

    (void)state;
    assert_true(args_parse(5, apply, &a, &e));
    assert_int_equal(a.n_files, 2);
    assert_string_equal(a.files[1], "b");
    assert_true(args_parse(3, logs, &a, &e));
    assert_non_null(a.value[OPT_FOLLOW]);
    assert_int_equal(a.n_files, 0);
}

static void kinds(void **state)
{
    (void)state;
    assert_string_equal(kind_of("wl"), "Workload");
    assert_string_equal(kind_of("Nodes"), "Node");
    assert_string_equal(kind_of("k"), "Keep");
    assert_null(kind_of("pod"));
}

static void ages(void **state)
{
    char out[AGE_TEXT];

    (void)state;
    assert_string_equal(age_format(-5, out), "0s");
    assert_string_equal(age_format(119, out), "119s");
    assert_string_equal(age_format(180, out), "3m");
    assert_string_equal(age_format(5 * 3600, out), "5h");
    assert_string_equal(age_format(3 * 86400, out), "3d");
}

/* With BAILEY_GOLDEN_UPDATE set the file is written instead. */
static void same_as_golden(const char *name, struct buf *text)
{
    const char *source = getenv("BAILEY_SOURCE");
    char path[1024];
    static char want[65536];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/tests/golden/%s", source == NULL ? "." : source, name);
    f = fopen(path, getenv("BAILEY_GOLDEN_UPDATE") != NULL ? "w+" : "r");
    assert_non_null(f);
    if (getenv("BAILEY_GOLDEN_UPDATE") != NULL)
        fwrite(buf_str(text), 1, text->n, f);
    rewind(f);
    n = fread(want, 1, sizeof want - 1, f);
    want[n] = '\0';
    fclose(f);
    assert_string_equal(buf_str(text), want);
}

static void help_texts(void **state)
{
    AUTO_BUF struct buf out = {0};

    (void)state;
    help_format(NULL, &out);
    for (const struct command *c = command_table; c->name != NULL; c++) {
        buf_puts(&out, "\n----\n");
        help_format(c, &out);
    }
    same_as_golden("cli_help.txt", &out);
}

static void completion(void **state)
{
    AUTO_BUF struct buf out = {0};

    (void)state;
    completion_bash(&out);
    same_as_golden("cli_completion.bash", &out);
}

/* A fleet as the demo has it, and what a person sees of it. */
static void node_table(void **state)
{
    char *vendor[] = {text("amd")}, *tee[] = {text("sev-snp")}, *one[] = {text("milan")};
    char *open[] = {text("genoa"), text("bergamo"), text("siena")};
    Bailey__V1__Facts milan = BAILEY__V1__FACTS__INIT, v2 = BAILEY__V1__FACTS__INIT;
    Bailey__V1__NodeStatus status = BAILEY__V1__NODE_STATUS__INIT;
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__Object o = BAILEY__V1__OBJECT__INIT;
    Bailey__V1__Node node = BAILEY__V1__NODE__INIT;
    AUTO_BUF struct buf out = {0};
    struct rows r;

    (void)state;
    milan.assurance = text("simulated");
    milan.vendor = v2.vendor = vendor;
    milan.technology = v2.technology = tee;
    milan.n_vendor = milan.n_technology = v2.n_vendor = v2.n_technology = 1;
    milan.generation = one;
    milan.n_generation = 1;
    milan.firmware = v2.firmware = text("1.55.39");
    v2.generation = open;
    v2.n_generation = 3;
    meta.name = text("rack1-n1");
    node.metadata = &meta;
    node.status = &status;
    o.kind_case = BAILEY__V1__OBJECT__KIND_NODE;
    o.node = &node;
    rows_init(&r, "Node", false, false, false);
    status.link = BAILEY__V1__NODE_STATUS__LINK__connected;
    status.trust = BAILEY__V1__NODE_STATUS__TRUST_STATE__refused;
    status.facts = &milan;
    rows_add(&r, &o, "");
    meta.name = text("rack1-n2");
    status.facts = &v2;
    status.link = BAILEY__V1__NODE_STATUS__LINK__lost;
    status.keeps = 12;
    rows_add(&r, &o, "");
    meta.name = text("new");
    node.status = NULL;
    rows_add(&r, &o, "");
    rows_flush(&r, false, true, &out);
    rows_fini(&r);
    same_as_golden("cli_nodes.txt", &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood),
        cmocka_unit_test(refused),
        cmocka_unit_test(same_letter_two_options),
        cmocka_unit_test(kinds),
        cmocka_unit_test(ages),
        cmocka_unit_test(help_texts),
        cmocka_unit_test(completion),
        cmocka_unit_test(node_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
