/* revocation list, describe, watch; lift. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/revocation_text.h"
#include "cli/revocation_watch.h"
#include "cli/rows.h"
#include "config/print.h"

enum exit_code cmd_revocation_list(struct cli *c)
{
    c->args.operand[0] = "revocations";
    c->args.n_operands = 1;
    return cmd_get(c);
}

static bool is_message(const struct cli *c)
{
    return c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML;
}

static bool get(struct cli *c, const char *name, const Bailey__V1__Object **out)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    const Bailey__V1__GetResponse *got;
    ProtobufCMessage *reply;

    req.kind = text("Revocation");
    req.name = text(name);
    if (!client_call(c, "Get", &req.base, &reply))
        return false;
    got = (const Bailey__V1__GetResponse *)reply;
    if (got->object == NULL || got->object->kind_case != BAILEY__V1__OBJECT__KIND_REVOCATION)
        return err_set(&c->err, ERR_INTERNAL, "revocation.get",
                       "the controller sent no revocation");
    *out = got->object;
    return true;
}

static void show_report(struct cli *c, const Bailey__V1__Revocation *r)
{
    AUTO_BUF struct buf screen = {0};

    report_text(r, c->out.colour, &screen);
    output_put(&c->out, &screen);
}

enum exit_code cmd_revocation_describe(struct cli *c)
{
    const Bailey__V1__Object *o;

    if (!client_open(c) || !get(c, c->args.operand[0], &o))
        return exit_code_of(&c->err);
    if (is_message(c))
        output_message(&c->out, &o->base, 0);
    else
        show_report(c, o->revocation);
    return EXIT_OK;
}

struct watching {
    bool synced, found, over;
    int64_t began_ms;
    char line[256]; /* the last one shown */
};

static bool is_over(const Bailey__V1__Revocation *r)
{
    static const char *const states[] = {"done", "holding", "lifted", "proposed"};

    for (size_t i = 0; r->status != NULL && i < sizeof states / sizeof states[0]; i++)
        if (strcmp(r->status->state, states[i]) == 0)
            return strcmp(states[i], "done") != 0 || r->status->keeps_remaining == 0;
    return false;
}

static void show_step(struct cli *c, struct watching *w, const Bailey__V1__Revocation *r,
                      const ProtobufCMessage *m)
{
    AUTO_BUF struct buf line = {0};

    if (is_message(c)) {
        print_json(m, &line, false);
        buf_putc(&line, '\n');
        output_put(&c->out, &line);
        return;
    }
    report_line(r, &line);
    if (strcmp(buf_str(&line), w->line) == 0)
        return;
    str_copy(w->line, sizeof w->line, buf_str(&line));
    output_printf(&c->out, "%7.2f s  %s\n",
                  (double)(clock_system.mono_ms(&clock_system) - w->began_ms) / 1e3, w->line);
}

static bool take(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *r = (const Bailey__V1__WatchResponse *)m;
    struct watching *w = user;

    if (r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__synced) {
        w->synced = true;
        return w->found && !w->over;
    }
    if (r->object == NULL || r->object->kind_case != BAILEY__V1__OBJECT__KIND_REVOCATION)
        return true;
    w->found = r->type != BAILEY__V1__WATCH_RESPONSE__TYPE__removed;
    if (!w->found)
        return false;
    show_step(c, w, r->object->revocation, m);
    w->over = is_over(r->object->revocation);
    return !w->synced || !w->over;
}

/* The run goes on while a controller is away, or another begins; so does the watch. */
static bool watch_on(struct cli *c, const char *name, struct watching *w)
{
    Bailey__V1__WatchRequest req = BAILEY__V1__WATCH_REQUEST__INIT;
    int64_t timeout_ms = 0, left = 0;

    req.kind = text("Revocation");
    req.name = text(name);
    if (!cli_duration(c, OPT_TIMEOUT, &timeout_ms))
        return false;
    for (;;) {
        if (timeout_ms > 0) {
            left = timeout_ms - (clock_system.mono_ms(&clock_system) - w->began_ms);
            if (left <= 0)
                return err_set(&c->err, ERR_TIMEOUT, "revocation.watch",
                               "it was not over in time; the run goes on");
        }
        w->synced = false;
        if (client_stream(c, "Watch", &req.base, left, take, w))
            return true;
        if (!w->found || c->err.code != ERR_UNAVAIL)
            return false;
        if (!c->client->patient)
            output_say(&c->out, "the controller does not answer; waiting for it (Ctrl-C to stop)");
        c->client->patient = true;
        c->err = (struct err){0};
    }
}

enum exit_code revocation_watch(struct cli *c, const char *name)
{
    struct watching w = {.began_ms = clock_system.mono_ms(&clock_system)};
    const Bailey__V1__Object *o;

    if (!watch_on(c, name, &w))
        return exit_code_of(&c->err);
    if (!w.found)
        return (void)err_set(&c->err, ERR_MISSING, "api.no-such-object",
                             "there is no revocation %s", name),
               EXIT_MISSING;
    if (is_message(c))
        return EXIT_OK;
    if (!get(c, name, &o))
        return exit_code_of(&c->err);
    output_printf(&c->out, "\n");
    show_report(c, o->revocation);
    return EXIT_OK;
}

enum exit_code cmd_revocation_watch(struct cli *c)
{
    return client_open(c) ? revocation_watch(c, c->args.operand[0]) : exit_code_of(&c->err);
}

enum exit_code cmd_lift(struct cli *c)
{
    Bailey__V1__LiftRequest req = BAILEY__V1__LIFT_REQUEST__INIT;
    const Bailey__V1__LiftResponse *r;
    ProtobufCMessage *reply;

    if (!cli_given(c, OPT_BECAUSE))
        return cli_usage(c, "lift needs --because TEXT: it stands in the report and the audit log");
    req.name = text(c->args.operand[0]);
    req.because = text(cli_value(c, OPT_BECAUSE, ""));
    if (!client_open(c) || !client_call(c, "Lift", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__LiftResponse *)reply;
    if (is_message(c)) {
        output_message(&c->out, reply, 0);
        return EXIT_OK;
    }
    output_printf(&c->out, "revocation/%s lifted\n", c->args.operand[0]);
    if (c->out.format != OUTPUT_NAME && r->revocation != NULL && r->revocation->status != NULL &&
        r->revocation->status->nodes > 0)
        output_say(&c->out,
                   "Its %u node%s take%s keeps again after fresh evidence; nothing moves back by "
                   "itself.",
                   r->revocation->status->nodes, r->revocation->status->nodes == 1 ? "" : "s",
                   r->revocation->status->nodes == 1 ? "s" : "");
    return EXIT_OK;
}
