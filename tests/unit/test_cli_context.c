/* Context files and the files that operators give: what is read, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/files.h"

#include "tests/lib/unit.h"

static char dir[] = "/tmp/bailey-context.XXXXXX";
static char file[64];

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/context.yaml", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(dir);
}

static void paths_are_beside_the_file(void **state)
{
    struct context c;
    struct err e = {0};
    char want[128];

    (void)state;
    write_file("server: 127.0.0.1:8440\nca: ca.pem\ncertificate: /etc/x.pem\nkey: 'k.key'\n");
    assert_true(context_load(file, &c, &e));
    snprintf(want, sizeof want, "%s/ca.pem", dir);
    assert_string_equal(c.ca, want);
    assert_string_equal(c.certificate, "/etc/x.pem");
    assert_string_equal(c.server, "127.0.0.1:8440");
}

static const struct {
    const char *text, *reason;
} bad[] = {
    {"", "context.yaml"},
    {"- a\n", "context.yaml"},
    {"server: [a]\n", "context.yaml"},
    {"server: a:1\n", "context.incomplete"},
    {"server: a:1\nca: x\nsevrer: y\n", "context.unknown-field"},
    {"server: 'a\n", "context.yaml"},
    {"{server: a:1, ca: &x y, key: *x}\n", "context.yaml"},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct context c = {.server = "untouched"};
        struct err e = {0};

        write_file(bad[i].text);
        assert_false(context_load(file, &c, &e));
        assert_string_equal(e.reason, bad[i].reason);
        assert_string_equal(c.server, "untouched");
    }
}

static void none(void **state)
{
    struct context c;
    struct err e = {0};

    (void)state;
    assert_false(context_load("/nonexistent/context.yaml", &c, &e));
    assert_int_equal(exit_code_of(&e), EXIT_MISSING);
    assert_true(e.mend[0] != '\0');
}

static void digest_of_a_file(void **state)
{
    char digest[DIGEST_TEXT];
    struct err e = {0};
    uint64_t size = 0;
    FILE *f;

    (void)state;
    write_file("abc"); /* FIPS 180-2, appendix B.1 */
    f = fopen(file, "r");
    assert_true(file_digest(fileno(f), digest, &size, &e));
    fclose(f);
    assert_int_equal(size, 3);
    assert_string_equal(digest,
                        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void a_limit_is_a_limit(void **state)
{
    AUTO_BUF struct buf fits = {0}, not = {0};
    struct err e = {0};

    (void)state;
    write_file("0123456789");
    assert_true(file_read(file, 10, &fits, &e));
    assert_int_equal(fits.n, 10);
    assert_false(file_read(file, 9, &not, &e));
    assert_string_equal(e.reason, "file.too-large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_beside_the_file),
        cmocka_unit_test(refused),
        cmocka_unit_test(none),
        cmocka_unit_test(digest_of_a_file),
        cmocka_unit_test(a_limit_is_a_limit),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
