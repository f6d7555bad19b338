/* rollout status, pause, resume, undo: how a changed workload takes the place of what runs. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/rows.h"

#define WATCH_MS (10 * 60 * 1000)
#define ACTION(a) BAILEY__V1__CHANGE_ROLLOUT_REQUEST__ACTION__##a

static bool is_message(const struct cli *c)
{
    return c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML;
}

static void show(struct cli *c, const char *name, const Bailey__V1__RolloutStatus *r,
                 uint32_t replicas, uint64_t generation)
{
    output_printf(&c->out, "workload/%s generation %llu %s: %u of %u replicas updated, %u ready",
                  name, (unsigned long long)generation, r->state, r->updated, replicas,
                  r->updated_ready);
    if (r->outdated > 0)
        output_printf(&c->out, ", %u of an earlier spec", r->outdated);
    output_printf(&c->out, "%s%s\n", r->reason[0] == '\0' ? "" : "; ", r->reason);
}

static enum exit_code code_of(const Bailey__V1__RolloutStatus *r)
{
    return strcmp(r->state, "waiting") == 0 || strcmp(r->state, "paused") == 0 ? EXIT_REFUSED
                                                                               : EXIT_OK;
}

struct following {
    struct cli *c;
    char last[256];
    bool seen, done;
};

static bool take(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *r = (const Bailey__V1__WatchResponse *)m;
    const Bailey__V1__Workload *w;
    struct following *f = user;
    char now[256];

    if (r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__synced && !f->seen)
        return err_set(&c->err, ERR_MISSING, "api.no-such-object", "there is no such workload");
    if (r->object == NULL || r->object->kind_case != BAILEY__V1__OBJECT__KIND_WORKLOAD)
        return true;
    if (r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__removed)
        return err_set(&c->err, ERR_MISSING, "rollout.deleted", "the workload was deleted");
    w = r->object->workload;
    f->seen = true;
    if (w->status == NULL || w->status->rollout == NULL)
        return true;
    snprintf(now, sizeof now, "%s %u %u %u %s", w->status->rollout->state,
             w->status->rollout->updated, w->status->rollout->updated_ready,
             w->status->rollout->outdated, w->status->rollout->reason);
    if (strcmp(now, f->last) != 0)
        show(c, w->metadata->name, w->status->rollout, w->spec->replicas, w->metadata->generation);
    memcpy(f->last, now, sizeof now);
    f->done = strcmp(w->status->rollout->state, "done") == 0;
    return !f->done;
}

static enum exit_code follow(struct cli *c)
{
    Bailey__V1__WatchRequest req = BAILEY__V1__WATCH_REQUEST__INIT;
    struct following f = {.c = c};
    int64_t timeout_ms = WATCH_MS;

    if (!cli_duration(c, OPT_TIMEOUT, &timeout_ms))
        return EXIT_USAGE;
    if (!client_open(c))
        return exit_code_of(&c->err);
    req.kind = text("Workload");
    req.namespace_ = text(cli_namespace(c));
    req.name = text(c->args.operand[0]);
    if (client_stream(c, "Watch", &req.base, timeout_ms, take, &f) && f.done)
        return EXIT_OK;
    if (c->err.code == ERR_NONE)
        err_set(&c->err, ERR_UNAVAIL, "rollout.ended", "the controller ended the watch");
    return exit_code_of(&c->err);
}

enum exit_code cmd_rollout_status(struct cli *c)
{
    Bailey__V1__GetRolloutRequest req = BAILEY__V1__GET_ROLLOUT_REQUEST__INIT;
    const Bailey__V1__GetRolloutResponse *r;
    ProtobufCMessage *reply;

    if (cli_given(c, OPT_WATCH))
        return follow(c);
    req.namespace_ = text(cli_namespace(c));
    req.name = text(c->args.operand[0]);
    if (!client_open(c) || !client_call(c, "GetRollout", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__GetRolloutResponse *)reply;
    if (r->rollout == NULL)
        return err_set(&c->err, ERR_INTERNAL, "rollout.absent", "the controller sent no rollout"),
               EXIT_ERROR;
    if (is_message(c))
        output_message(&c->out, reply, 0);
    else
        show(c, c->args.operand[0], r->rollout, r->replicas, r->generation);
    return code_of(r->rollout);
}

static enum exit_code change(struct cli *c, Bailey__V1__ChangeRolloutRequest__Action action,
                             const char *word)
{
    Bailey__V1__ChangeRolloutRequest req = BAILEY__V1__CHANGE_ROLLOUT_REQUEST__INIT;
    const Bailey__V1__ChangeRolloutResponse *r;
    ProtobufCMessage *reply;

    req.namespace_ = text(cli_namespace(c));
    req.name = text(c->args.operand[0]);
    req.action = action;
    if (!client_open(c) || !client_call(c, "ChangeRollout", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ChangeRolloutResponse *)reply;
    if (is_message(c))
        output_message(&c->out, reply, 0);
    else
        output_printf(&c->out, "workload/%s %s, generation %llu\n", c->args.operand[0], word,
                      (unsigned long long)r->generation);
    return EXIT_OK;
}

enum exit_code cmd_rollout_pause(struct cli *c)
{
    return change(c, ACTION(pause), "paused");
}

enum exit_code cmd_rollout_resume(struct cli *c)
{
    return change(c, ACTION(resume), "resumed");
}

enum exit_code cmd_rollout_undo(struct cli *c)
{
    return change(c, ACTION(undo), "undone");
}
