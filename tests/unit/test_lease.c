/* Which acknowledgement moves a keep's deadline, and where to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/lease.h"

static void test_counts_from_sending(void **state)
{
    struct lease l = {0};

    (void)state;
    assert_int_equal(lease_deadline(&l, 4000), 0);
    lease_hello(&l, 1000);
    assert_int_equal(lease_deadline(&l, 4000), 0); /* asked, not answered */
    assert_true(lease_ack(&l, 0));
    assert_int_equal(lease_deadline(&l, 4000), 5000);
    assert_int_equal(lease_beat(&l, 2000), 1);
    assert_int_equal(lease_beat(&l, 3000), 2);
    assert_int_equal(lease_deadline(&l, 4000), 5000);
    assert_true(lease_ack(&l, 1)); /* however late it comes */
    assert_int_equal(lease_deadline(&l, 4000), 6000);
    assert_true(lease_ack(&l, 2));
    assert_int_equal(lease_deadline(&l, 4000), 7000);
    assert_false(lease_ack(&l, 1)); /* never back */
    assert_false(lease_ack(&l, 3)); /* never sent */
    assert_int_equal(lease_deadline(&l, 4000), 7000);
}

static void test_forgotten_heartbeats(void **state)
{
    struct lease l = {0};

    (void)state;
    lease_hello(&l, 10);
    assert_true(lease_ack(&l, 0));
    for (int64_t i = 1; i <= LEASE_OPEN + 1; i++)
        (void)lease_beat(&l, 100 * i);
    assert_false(lease_ack(&l, 1)); /* its time was overwritten */
    assert_true(lease_ack(&l, 2));
    assert_int_equal(lease_deadline(&l, 1), 201);
}

static void test_new_session_keeps_what_was_won(void **state)
{
    struct lease l = {0};

    (void)state;
    lease_hello(&l, 1000);
    assert_true(lease_ack(&l, 0));
    (void)lease_beat(&l, 2000);
    assert_true(lease_ack(&l, 1));
    lease_hello(&l, 9000); /* connecting alone is no acknowledgement */
    assert_int_equal(lease_deadline(&l, 4000), 6000);
    assert_false(lease_ack(&l, 1)); /* of the old session */
    assert_true(lease_ack(&l, 0));
    assert_int_equal(lease_deadline(&l, 4000), 13000);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_counts_from_sending),
        cmocka_unit_test(test_forgotten_heartbeats),
        cmocka_unit_test(test_new_session_keeps_what_was_won),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
