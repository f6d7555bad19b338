/* policy test: the tests that policies carry, run without a cluster. */
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "cli/files.h"
#include "config/policy_test.h"

/* All policies and advisories of the files: a policy may name advisories of another file. */
struct found {
    VEC(const Bailey__V1__TrustPolicy *) policies;
    VEC(const char *) files; /* of the policies */
    VEC(struct selector_advisory) advisories;
    struct arena *a;
};

static bool take(struct cli *c, const char *file, Bailey__V1__Object **objects, size_t n,
                 void *user)
{
    struct found *f = user;
    const char *name = arena_strdup(f->a, file);

    if (name == NULL)
        return err_set(&c->err, ERR_LIMIT, "policy.memory", "the files need too much memory");
    for (size_t i = 0; i < n; i++) {
        struct selector_advisory x;

        if (objects[i]->kind_case == BAILEY__V1__OBJECT__KIND_TRUST_POLICY) {
            if (!vec_push(&f->policies, objects[i]->trust_policy) || !vec_push(&f->files, name))
                return err_set(&c->err, ERR_NOMEM, "policy.memory", "no memory");
        } else if (objects[i]->kind_case == BAILEY__V1__OBJECT__KIND_ADVISORY) {
            if (!advisory_from_message(objects[i]->advisory, f->a, &x, &c->err))
                return err_wrap(&c->err, "%s", file);
            if (!vec_push(&f->advisories, x))
                return err_set(&c->err, ERR_NOMEM, "policy.memory", "no memory");
        }
    }
    return true;
}

static void tell_failed(struct cli *c, const struct policy_test_result *r, size_t i)
{
    output_printf(&c->out, "  expect[%zu]%s%s: want %s", i, r->name[0] == '\0' ? "" : " ", r->name,
                  r->expected);
    if (r->wanted_because[0] != '\0')
        output_printf(&c->out, " because \"%s\"", r->wanted_because);
    output_printf(&c->out, ", got %s", r->got);
    if (r->rule[0] != '\0')
        output_printf(&c->out, " by %s", r->rule);
    output_printf(&c->out, "%s%s%s\n", r->because[0] == '\0' ? "" : " (", r->because,
                  r->because[0] == '\0' ? "" : ")");
}

/* Adds to *failed the tests that did not end as expected. */
static bool test_one(struct cli *c, struct found *f, size_t at, int64_t now_s, size_t *failed)
{
    const Bailey__V1__TrustPolicy *m = f->policies.v[at];
    struct policy_test_result *v = NULL;
    size_t n = 0, bad = 0;

    if (!policy_test(m, f->advisories.v, f->advisories.n, now_s, f->a, &v, &n, &c->err))
        return err_wrap(&c->err, "%s: policy %s", f->files.v[at], m->metadata->name);
    for (size_t i = 0; i < n; i++)
        bad += !v[i].passed;
    if (n == 0)
        output_printf(&c->out, "%s: no tests\n", m->metadata->name);
    else if (bad == 0)
        output_printf(&c->out, "%s: %zu test%s, all as expected\n", m->metadata->name, n,
                      n == 1 ? "" : "s");
    else
        output_printf(&c->out, "%s: %zu of %zu test%s not as expected\n", m->metadata->name, bad, n,
                      n == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        if (!v[i].passed)
            tell_failed(c, &v[i], i);
    *failed += bad;
    return true;
}

static bool test_all(struct cli *c, struct found *f, int64_t now_s, size_t *failed)
{
    for (size_t i = 0; i < c->args.n_operands; i++)
        if (!files_each(c, c->args.operand[i], f->a, take, f))
            return false;
    if (f->policies.n == 0)
        return err_set(&c->err, ERR_MISSING, "policy.none", "there is no TrustPolicy in the file%s",
                       c->args.n_operands == 1 ? "" : "s");
    for (size_t i = 0; i < f->policies.n; i++)
        if (!test_one(c, f, i, now_s, failed))
            return false;
    return true;
}

enum exit_code cmd_policy_test(struct cli *c)
{
    int64_t now_s = clock_system.wall_ms(&clock_system) / 1000;
    AUTO_ARENA struct arena a;
    struct found f = {.a = &a};
    size_t failed = 0;
    bool ok;

    arena_init(&a, (size_t)256 << 20);
    if (cli_given(c, OPT_AT) && !moment_parse(cli_value(c, OPT_AT, ""), &now_s, &c->err))
        return exit_code_of(&c->err);
    ok = test_all(c, &f, now_s, &failed);
    vec_fini(&f.policies);
    vec_fini(&f.files);
    vec_fini(&f.advisories);
    if (!ok)
        return exit_code_of(&c->err);
    return failed > 0 ? EXIT_ERROR : EXIT_OK;
}
