/* node cordon, uncordon, drain: hosts that take no new keeps, or are to be emptied. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/rows.h"

#define TRIES 8       /* a node's record changes by itself, too: with each evidence */
#define LEFT_MAX 4096 /* keeps of one node that are followed */

enum node_change { NODE_CORDON, NODE_UNCORDON, NODE_DRAIN };

struct wanted {
    enum node_change change;
    char deadline[TIME_TEXT]; /* "" for none */
    const char *because;
};

static bool get_node(struct cli *c, const char *name, const Bailey__V1__Node **out)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    const Bailey__V1__GetResponse *got;
    ProtobufCMessage *reply;

    req.kind = text("Node");
    req.name = text(name);
    if (!client_call(c, "Get", &req.base, &reply))
        return false;
    got = (const Bailey__V1__GetResponse *)reply;
    if (got->object == NULL || got->object->kind_case != BAILEY__V1__OBJECT__KIND_NODE)
        return err_set(&c->err, ERR_INTERNAL, "node.get", "the controller sent no node");
    *out = got->object->node;
    return true;
}

/* Reads the node and sends it back with another spec, unless somebody else changed it meanwhile. */
static bool change_once(struct cli *c, const char *name, const struct wanted *w,
                        const char **outcome)
{
    Bailey__V1__ApplyRequest req = BAILEY__V1__APPLY_REQUEST__INIT;
    Bailey__V1__NodeSpec spec = BAILEY__V1__NODE_SPEC__INIT;
    Bailey__V1__Drain drain = BAILEY__V1__DRAIN__INIT;
    Bailey__V1__Object object = BAILEY__V1__OBJECT__INIT, *objects[] = {&object};
    const Bailey__V1__Node *now;
    Bailey__V1__Node node;
    ProtobufCMessage *reply;
    uint64_t revision;

    if (!get_node(c, name, &now))
        return false;
    node = *now;
    node.status = NULL;
    node.spec = &spec;
    spec.cordoned = w->change != NODE_UNCORDON;
    if (w->change == NODE_CORDON && now->spec != NULL)
        spec.drain = now->spec->drain; /* what is being drained goes on */
    drain.deadline = text(w->deadline);
    drain.because = text(w->because);
    if (w->change == NODE_DRAIN)
        spec.drain = &drain;
    object.kind_case = BAILEY__V1__OBJECT__KIND_NODE;
    object.node = &node;
    revision = now->metadata->revision;
    req.objects = objects;
    req.n_objects = 1;
    req.expected_revisions = &revision;
    req.n_expected_revisions = 1;
    if (!client_call(c, "Apply", &req.base, &reply))
        return false;
    *outcome = ((const Bailey__V1__ApplyResponse *)reply)->results[0]->outcome;
    return true;
}

static bool change(struct cli *c, const char *name, const struct wanted *w, const char *word)
{
    const char *outcome = "";
    bool ok = false;

    for (int i = 0; i < TRIES && !ok; i++) {
        c->err = (struct err){0};
        ok = change_once(c, name, w, &outcome);
        if (!ok && c->err.code != ERR_CONFLICT)
            break;
    }
    if (ok)
        output_printf(&c->out, "node/%s %s%s\n", name,
                      strcmp(outcome, "unchanged") == 0 ? "already " : "", word);
    return ok;
}

static enum exit_code change_all(struct cli *c, const struct wanted *w, const char *word)
{
    if (!client_open(c))
        return exit_code_of(&c->err);
    for (size_t i = 0; i < c->args.n_operands; i++)
        if (!change(c, c->args.operand[i], w, word))
            return exit_code_of(&c->err);
    return EXIT_OK;
}

enum exit_code cmd_node_cordon(struct cli *c)
{
    const struct wanted w = {.change = NODE_CORDON, .because = ""};

    return change_all(c, &w, "cordoned");
}

enum exit_code cmd_node_uncordon(struct cli *c)
{
    const struct wanted w = {.change = NODE_UNCORDON, .because = ""};

    return change_all(c, &w, "uncordoned");
}

/* The keeps that are still on a node, as the watch tells of them. */
struct left {
    const char *names[LEFT_MAX], *workloads[LEFT_MAX], *namespaces[LEFT_MAX];
    size_t n;
    struct arena arena;
    bool synced;
};

static void forget(struct left *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->names[i], name) == 0) {
            l->n--;
            l->names[i] = l->names[l->n];
            l->workloads[i] = l->workloads[l->n];
            l->namespaces[i] = l->namespaces[l->n];
            return;
        }
}

static bool remember(struct left *l, const Bailey__V1__Keep *k)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->names[i], k->metadata->name) == 0)
            return false;
    if (l->n == LEFT_MAX)
        return false;
    l->names[l->n] = arena_strdup(&l->arena, k->metadata->name);
    l->workloads[l->n] = arena_strdup(&l->arena, k->spec->workload);
    l->namespaces[l->n] = arena_strdup(&l->arena, k->metadata->namespace_);
    if (l->names[l->n] == NULL || l->workloads[l->n] == NULL || l->namespaces[l->n] == NULL)
        return false;
    l->n++;
    return true;
}

static bool take_keep(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__WatchResponse *r = (const Bailey__V1__WatchResponse *)m;
    const Bailey__V1__Keep *k = r->object == NULL ? NULL : r->object->keep;
    struct left *l = user;
    size_t before = l->n;

    if (r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__synced) {
        l->synced = true;
        output_say(&c->out, "%zu keep%s to move", l->n, l->n == 1 ? "" : "s");
        return l->n > 0;
    }
    if (k == NULL || k->status == NULL || k->spec == NULL)
        return true;
    if (k->status->state == BAILEY__V1__KEEP_STATUS__STATE__ended ||
        r->type == BAILEY__V1__WATCH_RESPONSE__TYPE__removed)
        forget(l, k->metadata->name);
    else
        (void)remember(l, k);
    if (l->synced && l->n < before)
        output_say(&c->out, "%s/%s is gone, %zu left", k->metadata->namespace_, k->metadata->name,
                   l->n);
    return !l->synced || l->n > 0;
}

/* Why those that are left have no other place, as their workloads' explanations say. */
static void say_left(struct cli *c, const struct left *l)
{
    for (size_t i = 0; i < l->n; i++) {
        Bailey__V1__WhyRequest req = BAILEY__V1__WHY_REQUEST__INIT;
        const struct err kept = c->err;
        const Bailey__V1__WhyResponse *r;
        ProtobufCMessage *reply;

        req.namespace_ = text(l->namespaces[i]);
        req.name = text(l->workloads[i]);
        if (client_call(c, "Why", &req.base, &reply)) {
            r = (const Bailey__V1__WhyResponse *)reply;
            output_say(&c->out, "  %s/%s stays: %s", l->namespaces[i], l->names[i],
                       r->explanation == NULL ? "" : r->explanation->summary);
        }
        c->err = kept;
    }
}

static bool wait_empty(struct cli *c, const char *name, int64_t timeout_ms)
{
    static struct left l;
    Bailey__V1__WatchRequest req = BAILEY__V1__WATCH_REQUEST__INIT;
    bool ok;

    memset(&l, 0, sizeof l);
    arena_init(&l.arena, (size_t)4 << 20);
    req.kind = text("Keep");
    req.node = text(name);
    ok = client_stream(c, "Watch", &req.base, timeout_ms, take_keep, &l);
    if (ok && l.n == 0)
        output_printf(&c->out, "node/%s drained\n", name);
    else if (ok)
        ok = err_set(&c->err, ERR_UNAVAIL, "node.drain", "the controller ended the watch");
    if (!ok && c->err.code == ERR_TIMEOUT) {
        err_wrap(&c->err, "node %s still has %zu keep%s", name, l.n, l.n == 1 ? "" : "s");
        err_mend(&c->err, "the drain goes on; --deadline stops what has no other place");
        say_left(c, &l);
    }
    arena_fini(&l.arena);
    return ok;
}

enum exit_code cmd_node_drain(struct cli *c)
{
    struct wanted w = {.change = NODE_DRAIN, .because = cli_value(c, OPT_BECAUSE, "")};
    int64_t deadline_ms = 0, timeout_ms = 0;
    enum exit_code code;

    if (!cli_duration(c, OPT_DEADLINE, &deadline_ms) || !cli_duration(c, OPT_TIMEOUT, &timeout_ms))
        return EXIT_USAGE;
    if (cli_given(c, OPT_FORCE) && cli_given(c, OPT_DEADLINE))
        return cli_usage(c, "--force is a deadline of now: not both");
    if (cli_given(c, OPT_FORCE) || cli_given(c, OPT_DEADLINE))
        time_format(time(NULL) + (deadline_ms + 999) / 1000, w.deadline);
    code = change_all(c, &w, "draining");
    for (size_t i = 0; code == EXIT_OK && !cli_given(c, OPT_DETACH) && i < c->args.n_operands; i++)
        if (!wait_empty(c, c->args.operand[i], timeout_ms))
            code = exit_code_of(&c->err);
    return code;
}
