/* The authorities' rotation on real files: its order, what is believed at each step, keys behind a
 * URI of OpenSSL's store API, and files that others may read. */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/str.h"
#include "controller/authorities.h"
#include "controller/init.h"

#define NOW 1795000000

static char dir[64];

static const char *in_dir(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", dir, name);
    return out;
}

static int setup(void **unused)
{
    struct ca *ca;
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf cert = {0};
    struct err e = {0};
    char path[128];

    (void)unused;
    snprintf(dir, sizeof dir, "/tmp/bailey-ca.XXXXXX");
    if (mkdtemp(dir) == NULL || mkdir(in_dir("pki", path), 0700) != 0 ||
        !ca_new("c", NOW, &ca, &e) || !ca_export(ca, &key, &cert, &e) ||
        !file_write(in_dir("pki/ca.key", path), 0600, buf_bytes(&key), &e) ||
        !file_write(in_dir("pki/ca.pem", path), 0644, buf_bytes(&cert), &e))
        return -1;
    ca_free(ca);
    return 0;
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void step(struct authorities *a, const char *word)
{
    struct err e = {0};

    if (!authorities_step(a, word, NOW, &e))
        fail_msg("%s: %s", word, e.msg);
}

static void test_order(void **unused)
{
    AUTO(authorities) struct authorities *a = NULL;
    AUTO(authorities) struct authorities *again = NULL;
    struct err e = {0};
    char first[80], second[80];

    (void)unused;
    assert_true(authorities_open(dir, "c", NULL, &a, &e));
    assert_true(str_copy(first, sizeof first, authorities_active(a)->key_id));
    assert_false(authorities_step(a, "activate", NOW, &e));
    assert_string_equal(e.reason, "ca.step");
    step(a, "prepare");
    assert_true(str_copy(second, sizeof second, authorities_find(a, AUTHORITY_PREPARED)->key_id));
    assert_false(authorities_believe(a, second)); /* nobody was told yet */
    step(a, "publish");
    assert_true(authorities_believe(a, second));
    assert_string_equal(authorities_active(a)->key_id, first);
    step(a, "activate");
    assert_string_equal(authorities_active(a)->key_id, second);
    assert_true(authorities_believe(a, first));
    assert_true(authorities_open(dir, "c", NULL, &again, &e)); /* a restart half-way */
    assert_string_equal(authorities_active(again)->key_id, second);
    assert_string_equal(authorities_next(again), "taint");
    step(again, "taint");
    assert_true(authorities_believe(again, first));
    step(again, "revoke");
    assert_false(authorities_believe(again, first));
    assert_false(authorities_believe(again, ""));
    assert_false(authorities_believe(again, "00"));
    assert_string_equal(authorities_next(again), "prepare");
    assert_null(strstr(buf_str(&again->bundle), ca_pem(again->v[0].ca)));
}

static void test_many_rounds(void **unused)
{
    static const char *const steps[] = {"prepare", "publish", "activate", "taint", "revoke"};
    AUTO(authorities) struct authorities *a = NULL;
    struct err e = {0};

    (void)unused;
    assert_true(authorities_open(dir, "c", NULL, &a, &e));
    for (int round = 0; round < 2 * AUTHORITIES_MAX; round++)
        for (size_t i = 0; i < COUNT(steps); i++)
            step(a, steps[i]);
    assert_true(a->n <= AUTHORITIES_MAX);
    assert_non_null(authorities_active(a));
}

static void test_key_behind_a_uri(void **unused)
{
    AUTO(authorities) struct authorities *a = NULL;
    AUTO(authorities) struct authorities *again = NULL;
    AUTO(authorities) struct authorities *none = NULL;
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf pem = {0};
    struct err e = {0};
    char path[128], uri[160];

    (void)unused;
    assert_true(key_new(&key, &e) && key_pem(key, &pem, &e));
    assert_true(file_write(in_dir("elsewhere.pem", path), 0600, buf_bytes(&pem), &e));
    snprintf(uri, sizeof uri, "file:%s", path);
    assert_true(authorities_open(dir, "c", uri, &a, &e));
    step(a, "prepare");
    assert_true(authorities_find(a, AUTHORITY_PREPARED)->provider);
    step(a, "publish");
    step(a, "activate");
    assert_true(authorities_open(dir, "c", NULL, &again, &e));
    assert_true(authorities_active(again)->provider);
    step(a, "taint");
    step(a, "revoke");
    assert_false(authorities_step(a, "prepare", NOW, &e)); /* the same key once more */
    assert_string_equal(e.reason, "ca.same-key");
    assert_true(authorities_open(dir, "c", "file:/nowhere", &none, &e));
    assert_false(authorities_step(none, "prepare", NOW, &e));
}

static void test_others_may_not_read_the_key(void **unused)
{
    struct authorities *a = NULL;
    struct err e = {0};
    char path[128];

    (void)unused;
    assert_int_equal(chmod(in_dir("pki/ca.key", path), 0640), 0);
    assert_false(authorities_open(dir, "c", NULL, &a, &e));
    assert_string_equal(e.reason, "init.permissions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_rounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_behind_a_uri, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_may_not_read_the_key, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
