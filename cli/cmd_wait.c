/* wait: until an object is in a state, told by the controller's watch, never by asking again. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/rows.h"
#include "config/schema.h"

#define WAIT_MS (5 * 60 * 1000)

struct waiting {
    const char *kind, *name, *state;
    bool seen, done;
};

static bool workload_in(const Bailey__V1__Workload *w, const char *state)
{
    const Bailey__V1__WorkloadStatus *s = w->status;
    uint32_t want = w->spec == NULL ? 0 : w->spec->replicas;

    if (s == NULL || (w->metadata != NULL && s->observed_generation < w->metadata->generation))
        return false;
    if (strcmp(state, "running") == 0)
        return s->running == want && s->keeps == want;
    if (strcmp(state, "placed") == 0)
        return s->pending == 0 && s->keeps >= want;
    return s->pending > 0;
}

static bool word_is(const ProtobufCEnumDescriptor *type, int value, const char *state)
{
    const char *word = schema_enum_word(type, value);

    return word != NULL && strcmp(word, state) == 0;
}

static bool object_in(const Bailey__V1__Object *o, const char *state)
{
    switch ((int)o->kind_case) {
    case BAILEY__V1__OBJECT__KIND_WORKLOAD:
        return workload_in(o->workload, state);
    case BAILEY__V1__OBJECT__KIND_NODE:
        return o->node->status != NULL &&
               (word_is(&bailey__v1__node_status__link__descriptor, (int)o->node->status->link,
                        state) ||
                word_is(&bailey__v1__node_status__trust_state__descriptor,
                        (int)o->node->status->trust, state));
    case BAILEY__V1__OBJECT__KIND_KEEP:
        return o->keep->status != NULL && word_is(&bailey__v1__keep_status__state__descriptor,
                                                  (int)o->keep->status->state, state);
    case BAILEY__V1__OBJECT__KIND_EVENT:
    case BAILEY__V1__OBJECT__KIND__NOT_SET:
    default:
        return false;
    }
}

static bool take(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *r = (const Bailey__V1__WatchResponse *)m;
    struct waiting *w = user;
    bool gone = strcmp(w->state, "deleted") == 0;

    if (r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__synced) {
        w->done = gone && !w->seen;
        if (!w->seen && !gone)
            output_progress(&c->out, "waiting; there is no such object yet", 0, 0);
        return !w->done;
    }
    if (r->object == NULL)
        return true;
    w->seen = true;
    if (r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__removed)
        w->done = gone || strcmp(w->state, "ended") == 0;
    else
        w->done = !gone && object_in(r->object, w->state);
    return !w->done;
}

static bool known_state(const char *kind, const char *state)
{
    static const char *const states[][8] = {
        {"Workload", "running", "placed", "pending", "deleted", NULL},
        {"Keep", "scheduled", "starting", "running", "stopping", "ended", "deleted", NULL},
        {"Node", "connected", "lost", "verified", "refused", "stale", "revoked", "deleted"},
    };

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        for (size_t j = 1; strcmp(states[i][0], kind) == 0 && j < 8 && states[i][j] != NULL; j++)
            if (strcmp(states[i][j], state) == 0)
                return true;
    return false;
}

static bool watch_until(struct cli *c, struct waiting *w)
{
    Bailey__V1__WatchRequest req = BAILEY__V1__WATCH_REQUEST__INIT;
    int64_t timeout_ms = WAIT_MS;

    if (!cli_duration(c, OPT_TIMEOUT, &timeout_ms) || !client_open(c))
        return false;
    req.kind = text(w->kind);
    if (strcmp(w->kind, "Node") != 0)
        req.namespace_ = text(cli_value(c, OPT_NAMESPACE, "default"));
    req.name = text(w->name);
    req.include_ended = true;
    if (client_stream(c, "Watch", &req.base, timeout_ms, take, w) && w->done)
        return true;
    if (c->err.code == ERR_TIMEOUT)
        return err_set(&c->err, ERR_TIMEOUT, "wait.timeout", "%s/%s is not %s yet",
                       kind_lower(w->kind), w->name, w->state),
               err_mend(&c->err, "`bailey %s %s` says what it waits for",
                        strcmp(w->kind, "Workload") == 0 ? "why" : "events",
                        strcmp(w->kind, "Workload") == 0 ? w->name : c->args.operand[0]);
    if (c->err.code == ERR_NONE)
        return err_set(&c->err, ERR_UNAVAIL, "wait.ended", "the controller ended the watch");
    return false;
}

enum exit_code cmd_wait(struct cli *c)
{
    const char *operand = c->args.operand[0];
    const char *slash = strchr(operand, '/');
    struct waiting w = {.state = cli_value(c, OPT_FOR, NULL)};
    char word[64];

    if (slash == NULL || slash - operand >= (long)sizeof word || slash[1] == '\0')
        return cli_usage(c, "want KIND/NAME, found \"%s\"", operand);
    if (w.state == NULL)
        return cli_usage(c, "wait needs --for STATE");
    if (strncmp(w.state, "delete", 7) == 0)
        w.state = "deleted"; /* as kubectl says it */
    snprintf(word, sizeof word, "%.*s", (int)(slash - operand), operand);
    w.kind = kind_of(word);
    w.name = slash + 1;
    if (w.kind == NULL || !known_state(w.kind, w.state))
        return cli_usage(c, "%s is never \"%s\"; `bailey help wait` lists the states", word,
                         w.state);
    if (!watch_until(c, &w))
        return exit_code_of(&c->err);
    if (c->out.format == OUTPUT_TABLE || c->out.format == OUTPUT_WIDE)
        output_printf(&c->out, "%s/%s is %s\n", kind_lower(w.kind), w.name, w.state);
    else if (c->out.format == OUTPUT_NAME)
        output_printf(&c->out, "%s/%s\n", kind_lower(w.kind), w.name);
    return EXIT_OK;
}
