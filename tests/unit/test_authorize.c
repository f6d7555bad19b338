/* Roles and rates: every call has a rule, roles are a set and no ladder, requests are looked at for
 * namespaces and kinds, and buckets fill as they should. */
#include "tests/lib/unit.h"

#include <stdio.h>

#include "bailey/v1/enrolment.pb-c.h"
#include "bailey/v1/identity.pb-c.h"
#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "controller/approval.h"
#include "controller/authorize.h"
#include "controller/rate.h"
#include "controller/roles.h"

static void test_every_call_has_a_rule(void **unused)
{
    static const ProtobufCServiceDescriptor *const services[] = {
        &bailey__v1__operator__descriptor, &bailey__v1__identity__descriptor,
        &bailey__v1__node_session__descriptor, &bailey__v1__enrolment__descriptor};

    (void)unused;
    for (size_t i = 0; i < COUNT(services); i++)
        for (unsigned k = 0; k < services[i]->n_methods; k++) {
            const Bailey__V1__CallRule *r = call_rule(services[i], services[i]->methods[k].name);

            if (r == NULL || r->n_role == 0)
                fail_msg("%s.%s says not who may call it", services[i]->name,
                         services[i]->methods[k].name);
        }
    assert_null(call_rule(&bailey__v1__operator__descriptor, "NoSuchCall"));
}

static void test_roles(void **unused)
{
    static const struct {
        Bailey__V1__Role have, want;
        bool enough;
    } cases[] = {
        {ROLE(viewer), ROLE(viewer), true},
        {ROLE(operator), ROLE(viewer), true},
        {ROLE(security_officer), ROLE(viewer), true},
        {ROLE(viewer), ROLE(operator), false},
        {ROLE(security_officer), ROLE(operator), false},
        {ROLE(operator), ROLE(security_officer), false},
        {ROLE(admin), ROLE(operator), true},
        {ROLE(admin), ROLE(security_officer), true},
        {ROLE(security_officer), ROLE(admin), false},
        {ROLE(admin), ROLE(node), false},
        {ROLE(node), ROLE(viewer), false},
        {ROLE(node), ROLE(node), false},
        {ROLE(ROLE_UNSPECIFIED), ROLE(viewer), false},
    };
    char text[80];

    (void)unused;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (role_suffices(cases[i].have, &cases[i].want, 1) != cases[i].enough)
            fail_msg("%s for %s", role_name(cases[i].have), role_name(cases[i].want));
    assert_string_equal(
        roles_format((Bailey__V1__Role[]){ROLE(operator), ROLE(security_officer)}, 2, text, 80),
        "operator or security-officer");
}

static bool may(Bailey__V1__User *u, const char *method, const ProtobufCMessage *req, struct err *e)
{
    struct rpc_method m = {.service = &bailey__v1__operator__descriptor, .name = method};

    *e = (struct err){0};
    return authorize_content(u, &m, req, e);
}

static void test_namespaces(void **unused)
{
    Bailey__V1__User u = BAILEY__V1__USER__INIT;
    Bailey__V1__ListRequest list = BAILEY__V1__LIST_REQUEST__INIT;
    Bailey__V1__DeleteRequest drop = BAILEY__V1__DELETE_REQUEST__INIT;
    Bailey__V1__CreateTokenRequest token = BAILEY__V1__CREATE_TOKEN_REQUEST__INIT;
    Bailey__V1__StatusRequest status = BAILEY__V1__STATUS_REQUEST__INIT;
    char *own[] = {(char[]){"red"}};
    struct err e;

    (void)unused;
    u.name = (char[]){"nina"};
    u.role = ROLE(operator);
    u.namespaces = own;
    u.n_namespaces = 1;
    list.kind = (char[]){"Workload"};
    assert_false(may(&u, "List", &list.base, &e)); /* all of them */
    assert_string_equal(e.reason, "auth.namespace");
    list.namespace_ = (char[]){"red"};
    assert_true(may(&u, "List", &list.base, &e));
    list.namespace_ = (char[]){"blue"};
    assert_false(may(&u, "List", &list.base, &e));
    list.kind = (char[]){"Node"};
    list.namespace_ = (char[]){""};
    assert_true(may(&u, "List", &list.base, &e));
    drop.kind = (char[]){"Workload"};
    drop.namespace_ = (char[]){"red"};
    drop.name = (char[]){"w"};
    assert_true(may(&u, "Delete", &drop.base, &e));
    drop.kind = (char[]){"Node"};
    assert_false(may(&u, "Delete", &drop.base, &e));
    assert_string_equal(e.reason, "auth.role");
    assert_false(may(&u, "CreateToken", &token.base, &e));
    assert_true(may(&u, "Status", &status.base, &e));
    u.n_namespaces = 0;
    assert_true(may(&u, "CreateToken", &token.base, &e));
}

static void test_kinds_in_apply(void **unused)
{
    Bailey__V1__User u = BAILEY__V1__USER__INIT;
    Bailey__V1__ApplyRequest r = BAILEY__V1__APPLY_REQUEST__INIT;
    Bailey__V1__Object a = BAILEY__V1__OBJECT__INIT, b = BAILEY__V1__OBJECT__INIT;
    Bailey__V1__Object *both[] = {&a, &b};
    Bailey__V1__Workload w = BAILEY__V1__WORKLOAD__INIT;
    Bailey__V1__TrustPolicy p = BAILEY__V1__TRUST_POLICY__INIT;
    struct rpc_method m = {.service = &bailey__v1__operator__descriptor, .name = "Apply"};
    struct err e;

    (void)unused;
    a.kind_case = BAILEY__V1__OBJECT__KIND_WORKLOAD;
    a.workload = &w;
    b.kind_case = BAILEY__V1__OBJECT__KIND_TRUST_POLICY;
    b.trust_policy = &p;
    r.objects = both;
    r.n_objects = 2;
    u.name = (char[]){"x"};
    u.role = ROLE(operator);
    assert_false(may(&u, "Apply", &r.base, &e));
    assert_string_equal(e.field, "objects[1].kind");
    u.role = ROLE(security_officer);
    assert_false(may(&u, "Apply", &r.base, &e));
    assert_string_equal(e.field, "objects[0].kind");
    u.role = ROLE(admin);
    assert_true(may(&u, "Apply", &r.base, &e));
    assert_int_equal(approval_changes(&m, &r.base), 1u << CHANGE(policy));
    r.dry_run = true;
    assert_int_equal(approval_changes(&m, &r.base), 0);
}

static void test_rate(void **unused)
{
    struct rate *r = rate_new();
    struct rate_limit limit = {.per_second = 10, .burst = 3};
    struct bytes a = bytes_str("a"), b = bytes_str("b");
    int64_t wait = 0;

    (void)unused;
    assert_non_null(r);
    for (int i = 0; i < 3; i++)
        assert_true(rate_take(r, a, limit, 1000, &wait));
    assert_false(rate_take(r, a, limit, 1000, &wait));
    assert_int_equal(wait, 100);
    assert_true(rate_take(r, b, limit, 1000, &wait)); /* another's bucket */
    assert_false(rate_take(r, a, limit, 1050, &wait));
    assert_int_equal(wait, 50);
    assert_true(rate_take(r, a, limit, 1100, &wait));
    assert_false(rate_take(r, a, limit, 1100, &wait));
    for (int i = 0; i < 3; i++) /* never more than the burst, however long it was silent */
        assert_true(rate_take(r, a, limit, 1000000, &wait));
    assert_false(rate_take(r, a, limit, 1000000, &wait));
    assert_false(rate_take(r, a, limit, 999000, &wait)); /* a clock that goes back gives nothing */
    rate_free(r);
}

static void test_many_identities_do_not_grow_it(void **unused)
{
    struct rate *r = rate_new();
    struct rate_limit limit = {.per_second = 1, .burst = 1};
    int64_t wait;
    char name[32];

    (void)unused;
    assert_non_null(r);
    for (int i = 0; i < 3 * RATE_IDENTITIES; i++) {
        snprintf(name, sizeof name, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        assert_true(rate_take(r, bytes_str(name), limit, 1000 + i, &wait));
    }
    rate_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_has_a_rule),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_kinds_in_apply),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_many_identities_do_not_grow_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
