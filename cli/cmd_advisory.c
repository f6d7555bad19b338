/* advisory import, list, describe: what vendors say is wrong, and the revocations it suggests. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/files.h"
#include "cli/revocation_text.h"
#include "cli/rows.h"
#include "config/advisory_import.h"

enum exit_code cmd_advisory_list(struct cli *c)
{
    c->args.operand[0] = "advisories";
    c->args.n_operands = 1;
    return cmd_get(c);
}

enum exit_code cmd_advisory_describe(struct cli *c)
{
    c->args.operand[1] = c->args.operand[0];
    c->args.operand[0] = "advisory";
    c->args.n_operands = 2;
    return cmd_describe(c);
}

struct importing {
    struct cli *cli;
    struct arena arena;
    struct table table;
    unsigned proposed, shown;
};

static bool is_message(const struct cli *c)
{
    return c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML;
}

static bool read_file(struct importing *x, const char *path, struct advisory_found **v, size_t *n)
{
    static struct yaml_errors errors;
    AUTO_BUF struct buf in = {0}, report = {0};
    struct cli *c = x->cli;
    char *copy;

    if (!file_read(path, YAML_TEXT_MAX, &in, &c->err))
        return false;
    copy = arena_strndup(&x->arena, buf_str(&in), in.n);
    if (copy == NULL)
        return err_set(&c->err, ERR_NOMEM, "cli.memory", "no memory");
    errors = (struct yaml_errors){0};
    if (advisory_import((struct bytes){(const uint8_t *)copy, in.n}, path, &x->arena, v, n,
                        &errors))
        return true;
    yaml_errors_format(&errors, &report);
    fputs(buf_str(&report), stderr);
    return err_set(&c->err, ERR_INPUT, "file.invalid", "%s is no file of advisories", path);
}

static bool store_advisory(struct importing *x, Bailey__V1__Advisory *a)
{
    Bailey__V1__ApplyRequest req = BAILEY__V1__APPLY_REQUEST__INIT;
    Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT, *objects[] = {&object};
    ProtobufCMessage *reply;

    object.kind_case = BAILEY__V1__OBJECT__KIND_ADVISORY;
    object.advisory = a;
    req.objects = objects;
    req.n_objects = 1;
    req.dry_run = cli_given(x->cli, OPT_DRY_RUN);
    return client_call(x->cli, "Apply", &req.base, &reply);
}

/* A revocation of that name that is in force, or was, stays as it is. */
static bool is_there(struct cli *c, const char *name, bool *there)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    const Bailey__V1__GetResponse *got;
    ProtobufCMessage *reply;

    req.kind = text("Revocation");
    req.name = text(name);
    *there = false;
    if (client_call(c, "Get", &req.base, &reply)) {
        got = (const Bailey__V1__GetResponse *)reply;
        *there = got->object != NULL && got->object->revocation != NULL &&
                 !got->object->revocation->spec->proposed;
        return true;
    }
    if (c->err.code != ERR_MISSING)
        return false;
    c->err = (struct err){0};
    return true;
}

static bool store_proposal(struct importing *x, Bailey__V1__Revocation *r,
                           const Bailey__V1__RevocationPlan *p)
{
    Bailey__V1__RevokeRequest req = BAILEY__V1__REVOKE_REQUEST__INIT;
    ProtobufCMessage *reply;

    req.revocation = r;
    req.limit = 1;
    if (p->guard != NULL && p->guard->stops)
        req.override_guard = p->guard->override; /* of a proposal: it stops nothing yet */
    return client_call(x->cli, "Revoke", &req.base, &reply);
}

static void row(struct importing *x, const char *id, const Bailey__V1__RevocationPlan *p,
                const char *name, const char *note)
{
    struct table *t = &x->table;

    x->shown++;
    table_cell(t, TONE_PLAIN, "%s", id);
    if (p == NULL) {
        for (int i = 0; i < 5; i++)
            table_cell(t, TONE_DIM, "%s", "");
    } else {
        bool stops = p->guard != NULL && p->guard->stops;

        table_cell(t, p->nodes_revoked > 0 ? TONE_WARN : TONE_PLAIN, "%u", p->nodes_revoked);
        table_cell(t, TONE_PLAIN, "%u", p->keeps);
        table_cell(t, p->unplaceable_total > 0 ? TONE_BAD : TONE_PLAIN, "%u", p->unplaceable_total);
        table_cell(t, stops ? TONE_BAD : TONE_GOOD, "%s%s", stops ? "stops: " : "ok",
                   stops ? p->guard->override : "");
        table_cell(t, TONE_PLAIN, "%s", name);
    }
    table_cell(t, TONE_PLAIN, "%s", note);
}

static bool take(struct importing *x, const struct advisory_found *f)
{
    Bailey__V1__PlanRevocationRequest req = BAILEY__V1__PLAN_REVOCATION_REQUEST__INIT;
    const Bailey__V1__RevocationPlan *p;
    bool dry = cli_given(x->cli, OPT_DRY_RUN), there = false;
    struct cli *c = x->cli;
    ProtobufCMessage *reply;

    if (f->advisory != NULL && !store_advisory(x, f->advisory))
        return err_wrap(&c->err, "%s", f->id);
    if (f->proposal == NULL) {
        if (f->mends || cli_given(c, OPT_ALL))
            row(x, f->id, NULL, "", f->note);
        return true;
    }
    req.revocation = f->proposal;
    req.limit = 1;
    if (!client_call(c, "PlanRevocation", &req.base, &reply))
        return err_wrap(&c->err, "%s", f->id);
    p = ((const Bailey__V1__PlanRevocationResponse *)reply)->plan;
    if (p->nodes_revoked == 0) {
        if (cli_given(c, OPT_ALL))
            row(x, f->id, p, "", "no node here is open to it");
        return true;
    }
    if (!is_there(c, f->proposal->metadata->name, &there))
        return false;
    if (!dry && !there && !store_proposal(x, f->proposal, p))
        return err_wrap(&c->err, "%s", f->id);
    x->proposed += !there;
    row(x, f->id, p, f->proposal->metadata->name,
        there ? "was decided already"
        : dry ? "would be proposed"
              : "proposed");
    return true;
}

static enum exit_code import_files(struct importing *x)
{
    struct cli *c = x->cli;
    AUTO_BUF struct buf out = {0};
    size_t silent = 0;

    for (size_t i = 0; i < c->args.n_operands; i++) {
        struct advisory_found *v;
        size_t n;

        if (!read_file(x, c->args.operand[i], &v, &n))
            return exit_code_of(&c->err);
        silent += n;
        for (size_t j = 0; j < n; j++)
            if (!take(x, &v[j]))
                return exit_code_of(&c->err);
    }
    table_print(&x->table, c->out.colour, true, &out);
    output_put(&c->out, &out);
    if (silent > x->shown)
        output_say(&c->out,
                   "%zu more name no node of this cluster, or say too little (--all shows them)",
                   silent - x->shown);
    if (x->proposed > 0)
        output_say(&c->out,
                   "%u proposal%s; nothing is refused because of %s. To look at one, and to commit "
                   "it:\n  bailey revoke PROPOSAL --plan",
                   x->proposed, x->proposed == 1 ? "" : "s", x->proposed == 1 ? "it" : "them");
    return EXIT_OK;
}

enum exit_code cmd_advisory_import(struct cli *c)
{
    static const struct column columns[] = {
        {"ADVISORY", false}, {"NODES", false},    {"KEEPS", false}, {"NO PLACE", false},
        {"GUARD", false},    {"PROPOSAL", false}, {"NOTE", false}};
    struct importing x = {.cli = c};
    enum exit_code code;

    if (is_message(c))
        return cli_usage(c, "advisory import prints a table; get revocations -o json has the rest");
    if (!client_open(c))
        return exit_code_of(&c->err);
    arena_init(&x.arena, (size_t)64 << 20);
    table_init(&x.table, columns, 7, false);
    code = import_files(&x);
    table_fini(&x.table);
    arena_fini(&x.arena);
    return code;
}
