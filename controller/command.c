#include "controller/command.h"

#include <stdlib.h>

#include "base/str.h"
#include "controller/failpoint.h"
#include "controller/session_rpc.h"
#include "controller/txn.h"

#define STOP_GRACE_MS 5000 /* the schema's default */
#define STOP_GRACE_MAX_MS (60 * 60 * 1000)

static uint32_t stop_grace_ms(const struct workload *w)
{
    struct err ignored;
    int64_t ms;

    if (w->msg->spec->stop_grace[0] == '\0' ||
        !duration_parse(w->msg->spec->stop_grace, &ms, &ignored))
        return STOP_GRACE_MS;
    return (uint32_t)(ms < STOP_GRACE_MAX_MS ? ms : STOP_GRACE_MAX_MS);
}

static void send_start(struct state *st, struct keep *k)
{
    const struct workload *w = k->workload;
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__StartKeep s = BAILEY__V1__START_KEEP__INIT;

    s.keep_uid = k->msg->metadata->uid;
    s.name = k->msg->metadata->name;
    s.namespace_ = k->msg->metadata->namespace_;
    s.epoch = k->msg->spec->epoch;
    s.controller_epoch = st->cluster->controller_epoch;
    s.policy_revision = st->policy_committed;
    s.artifact_digest = k->msg->spec->artifact_digest;
    s.artifact_size = w->msg->spec->artifact->size;
    s.artifact_name = w->msg->spec->artifact->name;
    s.artifact_oci = w->msg->spec->artifact->oci;
    s.runtime = w->msg->spec->runtime;
    s.limits = k->msg->spec->limits;
    s.restart = w->msg->spec->restart;
    s.health = w->msg->spec->health;
    s.stop_after_ms = k->msg->spec->stop_after_ms;
    s.workload = k->msg->spec->workload;
    s.replica = k->msg->spec->replica;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_START_KEEP;
    m.start_keep = &s;
    k->sent = COMMAND_START;
    if (k->msg->spec->replaces[0] != '\0')
        failpoint(FAIL_START_DURABLE);
    session_send(k->node->session, &m);
    if (k->msg->spec->replaces[0] != '\0')
        failpoint(FAIL_START_SENT);
}

static void send_stop(struct state *st, struct node *n, const char *uid, uint64_t epoch,
                      uint32_t grace_ms, const char *why)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__StopKeep s = BAILEY__V1__STOP_KEEP__INIT;

    s.keep_uid = (char *)(uintptr_t)uid;
    s.epoch = epoch;
    s.controller_epoch = st->cluster->controller_epoch;
    s.grace_ms = grace_ms;
    s.reason = (char *)(uintptr_t)why;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_STOP_KEEP;
    m.stop_keep = &s;
    session_send(n->session, &m);
}

/* A keep starts only where evidence admits it at this moment, whatever was decided before. A floor
 * that holds since then does not take back a place that was given. */
static bool may_start(const struct state *st, const struct keep *k)
{
    const struct workload *w = k->workload;

    return k->msg->spec->workload_generation == w->msg->metadata->generation &&
           node_trusted(st, k->node, w->max_evidence_age_ms) &&
           verdict_tolerates(rules_judge(&w->trust.rules, &k->node->facts).verdict);
}

static void command_send(struct state *st, struct keep *k)
{
    struct node *n = k->node;

    if (n == NULL || n->session == NULL || !session_ready(n->session) ||
        !txn_settled(st, &k->object))
        return;
    if (k->msg->status->state == KEEP_STATE(scheduled) && k->sent == COMMAND_NONE &&
        session_proven(n->session) && may_start(st, k))
        send_start(st, k);
    if (k->msg->status->state == KEEP_STATE(stopping) && k->sent != COMMAND_STOP) {
        k->sent = COMMAND_STOP;
        send_stop(st, n, k->msg->metadata->uid, k->msg->spec->epoch, stop_grace_ms(k->workload),
                  k->msg->status->reason);
        if (k->msg->status->move != NULL)
            failpoint(FAIL_STOP_SENT);
    }
}

static void on_settled(struct state *st, void *data)
{
    char *uid = data;
    struct keep *k = state_keep_uid(st, uid);

    if (k != NULL)
        command_send(st, k);
    free(uid);
}

void command_later(struct state *st, struct keep *k)
{
    char *uid = strdup(k->msg->metadata->uid);

    BUG_ON(uid == NULL);
    txn_after(st, on_settled, uid);
}

void command_node(struct state *st, struct node *n)
{
    for (size_t i = 0; i < n->keeps.n; i++)
        command_send(st, n->keeps.v[i]);
}

struct unwanted {
    char *node, *uid;
    uint64_t epoch;
};

static void on_unwanted(struct state *st, void *data)
{
    struct unwanted *u = data;
    struct node *n = state_node(st, u->node);

    if (n != NULL && n->session != NULL && session_ready(n->session))
        send_stop(st, n, u->uid, u->epoch, STOP_GRACE_MS,
                  "stopped: nobody wants this keep any more");
    free(u->node);
    free(u->uid);
    free(u);
}

void command_stop_unknown(struct state *st, struct node *n, const Bailey__V1__KeepReport *r)
{
    struct unwanted *u = calloc(1, sizeof *u);

    BUG_ON(u == NULL);
    u->node = strdup(n->object.key);
    u->uid = strdup(r->keep_uid);
    u->epoch = r->epoch;
    BUG_ON(u->node == NULL || u->uid == NULL);
    txn_after(st, on_unwanted, u);
}
