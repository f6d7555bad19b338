/* revoke: platforms that the whole cluster refuses from now on. Plan, guard, commit. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/client.h"
#include "cli/confirm.h"
#include "cli/files.h"
#include "cli/plan_files.h"
#include "cli/revocation_text.h"
#include "cli/revocation_watch.h"
#include "cli/rows.h"
#include "cli/selector_flags.h"
#include "config/check.h"

#define CHANGES_SHOWN 20
#define REFERENCES_MOST 16
#define LISTED 20000 /* nodes and keeps in a plan: all that the controller lists */

struct order {
    struct cli *cli;
    struct arena arena;
    const Bailey__V1__Revocation *revocation; /* what is to be committed */
    const Bailey__V1__RevocationPlan *plan;   /* that was looked at, or NULL */
    const char *expect, *override;
};

static bool take_file(struct cli *c, const char *file, Bailey__V1__Object **objects, size_t n,
                      void *user)
{
    struct order *o = user;

    if (n != 1 || objects[0]->kind_case != BAILEY__V1__OBJECT__KIND_REVOCATION ||
        o->revocation != NULL)
        return err_set(&c->err, ERR_INPUT, "revoke.file", "%s: want one Revocation", file),
               err_mend(&c->err, "several objects go through bailey apply -f %s", file);
    o->revocation = objects[0]->revocation;
    return true;
}

static void name_part(const char *word, char *out, size_t size)
{
    size_t n = strlen(out);

    if (n > 0 && n + 1 < size && out[n - 1] != '-')
        out[n++] = '-';
    for (; *word != '\0' && n + 1 < size; word++) {
        char ch = *word;

        if (ch >= 'A' && ch <= 'Z')
            ch = (char)(ch - 'A' + 'a');
        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'))
            out[n++] = ch;
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

/* "amd-milan", "amd-genoa-1-55-39", "amd-sb-3019": of the words that name the platforms. */
static const char *default_name(const Bailey__V1__Selector *s, struct arena *a)
{
    char name[NAME_MAX_LEN + 1] = "";

    for (size_t i = 0; i < s->n_vendor; i++)
        name_part(s->vendor[i], name, sizeof name);
    for (size_t i = 0; i < s->n_technology; i++)
        name_part(s->technology[i], name, sizeof name);
    for (size_t i = 0; i < s->n_product_line; i++)
        name_part(s->product_line[i], name, sizeof name);
    for (size_t i = 0; i < s->n_generation; i++)
        name_part(s->generation[i], name, sizeof name);
    for (size_t i = 0; i < s->n_advisory; i++)
        name_part(s->advisory[i], name, sizeof name);
    name_part(s->firmware, name, sizeof name);
    if (name[0] == '\0')
        str_copy(name, sizeof name, "platforms");
    return arena_strdup(a, name);
}

/* "a, b" to two texts. */
static bool references(struct order *o, Bailey__V1__RevocationSpec *spec)
{
    char *rest = arena_strdup(&o->arena, cli_value(o->cli, OPT_REFERENCE, "")), *one;

    spec->references = arena_array(&o->arena, REFERENCES_MOST, sizeof(char *));
    if (rest == NULL || spec->references == NULL)
        return err_set(&o->cli->err, ERR_NOMEM, "cli.memory", "no memory");
    while ((one = strsep(&rest, ",")) != NULL) {
        one += strspn(one, " ");
        if (*one == '\0')
            continue;
        if (spec->n_references == REFERENCES_MOST)
            return cli_usage(o->cli, "--reference: at most %d", REFERENCES_MOST), false;
        spec->references[spec->n_references++] = one;
    }
    return true;
}

static bool from_options(struct order *o)
{
    struct cli *c = o->cli;
    Bailey__V1__Revocation *r = arena_alloc(&o->arena, sizeof *r);
    Bailey__V1__RevocationSpec *spec = arena_alloc(&o->arena, sizeof *spec);
    Bailey__V1__Metadata *m = arena_alloc(&o->arena, sizeof *m);
    Bailey__V1__Selector *s, **platforms = arena_alloc(&o->arena, sizeof(Bailey__V1__Selector *));

    if (r == NULL || spec == NULL || m == NULL || platforms == NULL)
        return err_set(&c->err, ERR_NOMEM, "cli.memory", "no memory");
    if (!selector_flags(c, &o->arena, &s))
        return false;
    if (s == NULL)
        return cli_usage(c, "revoke what? name the platforms: --vendor amd --generation milan"),
               err_mend(&c->err, "an empty selection would be every platform, and is never taken"),
               false;
    if (!cli_given(c, OPT_BECAUSE))
        return cli_usage(c, "revoke needs --because TEXT: it stands wherever this decides"), false;
    bailey__v1__revocation__init(r);
    bailey__v1__revocation_spec__init(spec);
    bailey__v1__metadata__init(m);
    platforms[0] = s;
    spec->platforms = platforms;
    spec->n_platforms = 1;
    spec->because = text(cli_value(c, OPT_BECAUSE, ""));
    spec->action = text(cli_value(c, OPT_ACTION, ""));
    spec->grace = text(cli_value(c, OPT_GRACE, ""));
    spec->canary = cli_given(c, OPT_CANARY);
    m->name = text(cli_value(c, OPT_NAME, NULL));
    if (cli_value(c, OPT_NAME, NULL) == NULL)
        m->name = text(default_name(s, &o->arena));
    r->metadata = m;
    r->spec = spec;
    o->revocation = r;
    return references(o, spec);
}

/* Options that a file says instead. */
static bool no_options_beside(struct cli *c, const char *what)
{
    const uint64_t own = SELECTOR_OPTIONS | OPT(BECAUSE) | OPT(REFERENCE) | OPT(ACTION) |
                         OPT(GRACE) | OPT(CANARY) | OPT(NAME);

    for (unsigned i = 0; i < OPT_IDS; i++)
        if ((own & (UINT64_C(1) << i)) != 0 && cli_given(c, (enum option_id)i))
            return cli_usage(c, "--%s does not go together with %s, which says it already",
                             option_table[i].name, what),
                   false;
    return true;
}

/* A proposal that is there already, to be committed as it stands. */
static bool from_proposal(struct order *o, const char *name)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    const Bailey__V1__GetResponse *got;
    struct cli *c = o->cli;
    Bailey__V1__Revocation *r;
    ProtobufCMessage *reply;

    req.kind = text("Revocation");
    req.name = text(name);
    if (!client_open(c) || !client_call(c, "Get", &req.base, &reply))
        return false;
    got = (const Bailey__V1__GetResponse *)reply;
    r = got->object == NULL ? NULL : got->object->revocation;
    if (r == NULL || r->spec == NULL || r->metadata == NULL)
        return err_set(&c->err, ERR_INTERNAL, "revoke.get", "the controller sent no revocation");
    if (!r->spec->proposed)
        return err_set(&c->err, ERR_CONFLICT, "revoke.not-proposed", "%s is no proposal", name),
               err_mend(&c->err, "bailey revocation describe %s tells how far it is", name);
    r->spec->proposed = false;
    r->status = NULL;
    o->revocation = r;
    return true;
}

static bool read_order(struct order *o)
{
    struct cli *c = o->cli;
    Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT;

    o->override = cli_value(c, OPT_OVERRIDE_GUARD, "");
    o->expect = cli_value(c, OPT_EXPECT, "");
    if (c->args.n_files + c->args.n_operands > 1)
        return cli_usage(c, "revoke takes one file, or the name of one proposal"), false;
    if (c->args.n_operands == 1) {
        if (!no_options_beside(c, "a proposal") || !from_proposal(o, c->args.operand[0]))
            return false;
    } else if (c->args.n_files == 1) {
        if (!no_options_beside(c, "a file") ||
            !files_each(c, c->args.files[0], &o->arena, take_file, o))
            return false;
    } else if (!from_options(o)) {
        return false;
    }
    object.kind_case = BAILEY__V1__OBJECT__KIND_REVOCATION;
    object.revocation = (Bailey__V1__Revocation *)(uintptr_t)o->revocation;
    return object_check(&object, true, &c->err);
}

static bool make_plan(struct order *o, const Bailey__V1__RevocationPlan **out)
{
    Bailey__V1__PlanRevocationRequest req = BAILEY__V1__PLAN_REVOCATION_REQUEST__INIT;
    ProtobufCMessage *reply;

    req.revocation = (Bailey__V1__Revocation *)(uintptr_t)o->revocation;
    req.limit = LISTED;
    if (!client_call(o->cli, "PlanRevocation", &req.base, &reply))
        return false;
    *out = ((const Bailey__V1__PlanRevocationResponse *)reply)->plan;
    if (*out == NULL)
        return err_set(&o->cli->err, ERR_INTERNAL, "revoke.plan", "the controller sent no plan");
    plan_remember(*out);
    return true;
}

/* The command that commits what was planned and nothing else. */
static void commit_command(const struct order *o, struct buf *out)
{
    const Bailey__V1__RevocationPlan *p = o->plan;

    shell_command(o->cli,
                  OPT(PLAN) | OPT(OUTPUT) | OPT(COLOUR) | OPT(EXPECT) | OPT(OVERRIDE_GUARD) |
                      OPT(YES) | OPT(TIMEOUT),
                  out);
    buf_printf(out, " --expect %s", p->digest);
    if (p->guard != NULL && p->guard->stops)
        buf_printf(out, " --override-guard '%s'", p->guard->override);
}

static bool guard_stops(const struct order *o)
{
    const Bailey__V1__GuardVerdict *g = o->plan->guard;

    return g != NULL && g->stops && strcmp(g->override, o->override) != 0;
}

static enum exit_code show_plan(struct order *o)
{
    struct cli *c = o->cli;
    AUTO_BUF struct buf screen = {0}, command = {0};

    if (!make_plan(o, &o->plan))
        return exit_code_of(&c->err);
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        output_message(&c->out, &o->plan->base, 0);
    } else if (c->out.format == OUTPUT_NAME) {
        output_printf(&c->out, "%s\n", o->plan->digest);
    } else {
        commit_command(o, &command);
        plan_text(o->revocation, o->plan, buf_str(&command), c->out.colour, &screen);
        output_put(&c->out, &screen);
    }
    return guard_stops(o) ? EXIT_REFUSED : EXIT_OK;
}

/* Shows what would happen and asks; false: the person does not want it. */
static bool agreed(struct order *o)
{
    struct cli *c = o->cli;
    AUTO_BUF struct buf screen = {0};
    char question[256];

    plan_text(o->revocation, o->plan, NULL, c->out.talk_colour, &screen);
    output_say(&c->out, "%s", buf_str(&screen));
    if (guard_stops(o)) {
        snprintf(question, sizeof question,
                 "The guard stops this. To override it, type %s:", o->plan->guard->override);
        if (!confirm(c, question, o->plan->guard->override))
            return false;
        o->override = o->plan->guard->override;
        return true;
    }
    snprintf(question, sizeof question,
             "Commit revocation %s? Type yes:", o->revocation->metadata->name);
    return confirm(c, question, "yes");
}

/* A commit was refused because its plan is not the one that was expected: says what changed. */
static void say_changes(struct order *o)
{
    struct cli *c = o->cli;
    const Bailey__V1__RevocationPlan *then = o->plan, *now;
    const struct err refused = c->err;
    AUTO_BUF struct buf changes = {0};

    if (then == NULL)
        then = plan_recall(o->expect, &o->arena);
    if (make_plan(o, &now)) {
        output_say(&c->out, "The plan is another one now, %s instead of %s.", now->digest,
                   o->expect);
        if (then == NULL)
            output_say(&c->out, "What changed is not known: the plan was not made here.");
        else if (plan_changes(then, now, CHANGES_SHOWN, &changes) > 0)
            output_say(&c->out, "%.*s", (int)changes.n - 1, buf_str(&changes));
    }
    c->err = refused;
}

static void say_committed(struct order *o, const Bailey__V1__RevokeResponse *r)
{
    const Bailey__V1__RevocationStatus *s = r->revocation->status;
    const char *name = r->revocation->metadata->name;
    char nodes[COUNT_TEXT], keeps[COUNT_TEXT];
    struct output *out = &o->cli->out;

    if (out->format == OUTPUT_JSON || out->format == OUTPUT_YAML) {
        output_message(out, &r->base, 0);
        return;
    }
    if (out->format == OUTPUT_NAME) {
        output_printf(out, "revocation/%s\n", name);
        return;
    }
    if (s == NULL || s->committed_at[0] == '\0') {
        output_printf(out, "revocation/%s proposed\n", name);
        return;
    }
    output_printf(out, "revocation/%s committed at revision %llu: %s refused, %s there\n", name,
                  (unsigned long long)s->revision, count_text(s->nodes, "node", nodes),
                  count_text(s->keeps_at_commit, "keep", keeps));
    if (!cli_given(o->cli, OPT_WATCH))
        output_say(out,
                   "From that revision on nothing is placed there. How it goes on:\n"
                   "  bailey revocation watch %s",
                   name);
}

static enum exit_code commit(struct order *o)
{
    Bailey__V1__RevokeRequest req = BAILEY__V1__REVOKE_REQUEST__INIT;
    const Bailey__V1__RevokeResponse *r;
    struct cli *c = o->cli;
    ProtobufCMessage *reply;

    req.revocation = (Bailey__V1__Revocation *)(uintptr_t)o->revocation;
    req.expect_digest = text(o->expect);
    req.override_guard = text(o->override);
    if (!client_call(c, "Revoke", &req.base, &reply)) {
        if (strcmp(c->err.reason, "revocation.plan-changed") == 0)
            say_changes(o);
        return strcmp(c->err.reason, "revocation.guard") == 0 ? EXIT_REFUSED
                                                              : exit_code_of(&c->err);
    }
    r = (const Bailey__V1__RevokeResponse *)reply;
    if (r->revocation == NULL || r->revocation->metadata == NULL)
        return (void)err_set(&c->err, ERR_INTERNAL, "revoke.reply",
                             "the controller sent no revocation"),
               EXIT_ERROR;
    say_committed(o, r);
    return cli_given(c, OPT_WATCH) ? revocation_watch(c, r->revocation->metadata->name) : EXIT_OK;
}

static enum exit_code run_order(struct order *o)
{
    struct cli *c = o->cli;

    if (cli_given(c, OPT_PLAN))
        return show_plan(o);
    if (!confirm_asks(c) || o->expect[0] != '\0')
        return commit(o);
    if (!make_plan(o, &o->plan))
        return exit_code_of(&c->err);
    if (!agreed(o)) {
        output_say(&c->out, "nothing was changed");
        return EXIT_ERROR;
    }
    o->expect = o->plan->digest;
    return commit(o);
}

enum exit_code cmd_revoke(struct cli *c)
{
    struct order o = {.cli = c};
    enum exit_code code;

    arena_init(&o.arena, (size_t)64 << 20);
    if (!read_order(&o)) /* what options say wrongly is a mistake in the command line */
        code = c->args.n_files + c->args.n_operands == 0 ? EXIT_USAGE : exit_code_of(&c->err);
    else if (c->client == NULL && !client_open(c))
        code = exit_code_of(&c->err);
    else
        code = run_order(&o);
    arena_fini(&o.arena);
    return code;
}
