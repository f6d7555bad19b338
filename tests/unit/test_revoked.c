/* What an agent remembers of revocations: on disk, in order of revision, with exceptions. */
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/revoked.h"

static char dir[64];

static void remembers(void **unused)
{
    Bailey__V1__NodeRevocations set = BAILEY__V1__NODE_REVOCATIONS__INIT, old = set;
    Bailey__V1__NodeRevocation one = BAILEY__V1__NODE_REVOCATION__INIT, *v[] = {&one};
    char *except[] = {(char *)(uintptr_t) "default/spare"};
    Bailey__V1__StartKeep s = BAILEY__V1__START_KEEP__INIT;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct revoked r;
    struct err e = {0};

    (void)unused;
    assert_true(revoked_load(&r, fd, &e));
    s.namespace_ = (char *)(uintptr_t) "default";
    s.workload = (char *)(uintptr_t) "payroll";
    assert_true(revoked_admits(&r, &s, &e));
    one.name = (char *)(uintptr_t) "milan-badfuse";
    one.stop = true;
    one.except = except;
    one.n_except = 1;
    set.policy_revision = 7;
    set.in_force = v;
    set.n_in_force = 1;
    assert_true(revoked_take(&r, &set, &e));
    old.policy_revision = 6;
    assert_true(revoked_take(&r, &old, &e)); /* not listened to */
    revoked_fini(&r);
    assert_true(revoked_load(&r, fd, &e)); /* as after a restart */
    assert_false(revoked_admits(&r, &s, &e));
    assert_string_equal(e.reason, "keep.revoked");
    assert_string_equal(revoked_stops(&r, "default", "payroll"), "milan-badfuse");
    assert_null(revoked_stops(&r, "default", "spare"));
    s.workload = (char *)(uintptr_t) "spare";
    assert_true(revoked_admits(&r, &s, &e));
    old.policy_revision = 8;
    assert_true(revoked_take(&r, &old, &e)); /* lifted */
    s.workload = (char *)(uintptr_t) "payroll";
    assert_true(revoked_admits(&r, &s, &e));
    revoked_fini(&r);
    {
        int bad = openat(fd, "revocations", O_WRONLY | O_TRUNC | O_CLOEXEC);

        assert_int_equal(write(bad, "\xff\xff\xff", 3), 3);
        (void)close(bad);
    }
    assert_false(revoked_load(&r, fd, &e)); /* guessing would forget */
    revoked_fini(&r);
    (void)close(fd);
}

static int setup(void **unused)
{
    (void)unused;
    snprintf(dir, sizeof dir, "/tmp/bailey-revoked-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(remembers)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
