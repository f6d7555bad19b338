/* Evidence from a session: verified off the loop, recorded, and told after the commit. */
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "config/convert_facts.h"
#include "controller/admission.h"
#include "controller/audit.h"
#include "controller/collateral.h"
#include "controller/command.h"
#include "controller/metrics.h"
#include "controller/reconcile.h"
#include "controller/revocation.h"
#include "controller/session_int.h"
#include "controller/verify.h"

void refusal_fill(Bailey__V1__Refusal *r, const struct err *e)
{
    bailey__v1__refusal__init(r);
    r->reason = (char *)(uintptr_t)e->reason;
    r->field = (char *)(uintptr_t)e->field;
    r->found = (char *)(uintptr_t)e->found;
    r->expected = (char *)(uintptr_t)e->expected;
    r->mend = (char *)(uintptr_t)e->mend;
    r->message = (char *)(uintptr_t)e->msg;
}

void session_send_verdict(struct session *s, const struct err *refused)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__EvidenceVerdict v = BAILEY__V1__EVIDENCE_VERDICT__INIT;
    Bailey__V1__Refusal r;

    v.verified = refused == NULL;
    v.renew_after_ms =
        refused == NULL ? (uint32_t)s->st->options.renew_ms : (uint32_t)REFUSED_PAUSE_MS;
    if (refused != NULL) {
        refusal_fill(&r, refused);
        v.refusal = &r;
    }
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_EVIDENCE_VERDICT;
    m.evidence_verdict = &v;
    session_send(s, &m);
}

/* What a verdict changed goes out after its commit. */
struct verdict_note {
    char *node;
    struct session *session; /* a reference */
    bool good;
    struct err err;
};

static void on_verdict_durable(struct state *st, void *data)
{
    struct verdict_note *v = data;
    struct node *n = state_node(st, v->node);

    if (n != NULL && n->session == v->session) {
        session_send_verdict(v->session, v->good ? NULL : &v->err);
        revocation_tell(st, n);
        command_node(st, n);
    }
    session_unref(v->session);
    free(v->node);
    free(v);
}

static void verdict_later(struct session *s, const struct verify_result *r)
{
    struct verdict_note *v = calloc(1, sizeof *v);

    BUG_ON(v == NULL);
    v->node = strdup(s->node->object.key);
    BUG_ON(v->node == NULL);
    v->session = s;
    v->good = r->good;
    v->err = r->err;
    s->refs++;
    txn_after(s->st, on_verdict_durable, v);
}

/* What the host brought and the vendor signed serves the next node as well. */
static void keep_learned(struct session *s, const struct verify_result *r)
{
    enum collateral_outcome outcome;
    struct err e = {0};
    char source[160];

    snprintf(source, sizeof source, "evidence of node %s", s->node->object.key);
    for (unsigned i = 0; i < r->learned_n; i++)
        if (!collateral_offer(s->st, &r->learned[i].proof, r->learned[i].bytes, source, &outcome,
                              &e))
            log_warn("collateral not kept", LOG_STR("key", r->learned[i].proof.key), LOG_ERR(&e));
}

static void record_good(struct session *s, const struct verify_result *r)
{
    struct state *st = s->st;
    struct node *n = s->node;
    Bailey__V1__NodeStatus *status = n->msg->status;
    bool news = !n->has_facts || !facts_same_class(&n->facts, &r->facts);
    char line[256], hex[65];
    AUTO_ARENA struct arena a;
    Bailey__V1__Facts *m;

    arena_init(&a, 1 << 20);
    m = facts_to_message(&r->facts, &a);
    message_free(status->facts == NULL ? NULL : &status->facts->base);
    status->facts = m == NULL ? NULL : (Bailey__V1__Facts *)message_clone(&m->base);
    message_free(status->refusal == NULL ? NULL : &status->refusal->base);
    status->refusal = NULL;
    n->facts = r->facts;
    n->has_facts = n->known = true;
    n->verified_at_ms = state_wall_ms(st);
    status->trust = NODE_TRUST(verified);
    if (n->fresh_after_ms != 0 && n->verified_at_ms > n->fresh_after_ms) {
        n->fresh_after_ms = 0;
        text_set(&status->fresh_evidence_after, "");
    }
    text_set_time(&status->verified_at, n->verified_at_ms / 1000);
    text_set(&status->boot_id, s->boot_id);
    hex_format(BYTES_OF(r->digest), hex);
    text_set(&status->evidence_digest, hex);
    if (news)
        event_add(st, &n->object, "normal", "node.attested", "controller", "%s",
                  facts_format(&r->facts, line, sizeof line));
    keep_learned(s, r);
}

static void record_bad(struct session *s, const struct err *e)
{
    Bailey__V1__NodeStatus *status = s->node->msg->status;
    Bailey__V1__Refusal r;

    refusal_fill(&r, e);
    message_free(status->refusal == NULL ? NULL : &status->refusal->base);
    status->refusal = (Bailey__V1__Refusal *)message_clone(&r.base);
    status->trust = NODE_TRUST(refused);
    s->node->has_facts = false;
    event_add(s->st, &s->node->object, "warning", "node.refused", "controller", "%s: %s", e->reason,
              e->msg);
}

/* Intel's evidence is kept while the node's session lasts, to be judged under other collateral: its
 * facts alone do not say what a newer TCB set makes of it. */
static void remember(struct session *s, const struct verify_result *r)
{
    struct node *n = s->node;

    if (n->evidence != NULL)
        message_free(&n->evidence->base);
    n->evidence = NULL;
    if (r->good && r->facts.vendor.n == 1 && strcmp(r->facts.vendor.word[0], "intel") == 0)
        n->evidence = STEAL(s->shown);
}

static void on_verified(void *data, const struct verify_result *verified)
{
    struct session *s = data;
    struct state *st = s->st;
    struct verify_result told = *verified;
    const struct verify_result *r = &told;

    metrics_verdict(st->metrics, r->good ? "" : r->err.reason);
    if (s->node != NULL && s->fsm.state == SESSION_VERIFYING) {
        collateral_note(st, s->node->object.key, &r->needs);
        told.good = told.good && admission_evidence(st, s->node, &told.facts, &told.err);
        if (r->good)
            record_good(s, r);
        else
            record_bad(s, &r->err);
        audit_evidence(st, s->node, r->digest, r->good ? NULL : &r->err);
        log_info(r->good ? "node attested" : "node refused", LOG_STR("node", s->node->object.key),
                 LOG_STR("reason", r->good ? "" : r->err.reason));
        s->proven = r->good;
        txn_touch(st, &s->node->object);
        admission_facts(st, s->node);
        node_publish(st, s->node);
        reconcile_cause(st, QUEUE_EVIDENCE);
        reconcile_node(st, s->node);
        remember(s, r);
        verdict_later(s, r);
        session_advance(s, (struct session_input){.event = r->good ? EVENT_GOOD : EVENT_BAD});
    }
    session_unref(s);
}

void session_verify(struct session *s)
{
    struct verify_order o = {.verifier = s->st->verifier,
                             .evidence = s->evidence,
                             .nonce = BYTES_OF(s->fsm.nonce),
                             .node = bytes_str(s->node->object.key),
                             .boot_id = bytes_str(s->boot_id),
                             .spki = buf_bytes(&s->spki),
                             .now_s = state_wall_ms(s->st) / 1000,
                             .allow_simulated = s->st->options.allow_simulated};
    struct verify_result bad = {0};

    message_free(s->shown == NULL ? NULL : &s->shown->base);
    s->shown = (Bailey__V1__Evidence *)message_clone(&s->evidence->base);
    s->refs++;
    if (!verify_start(s->st->loop, &o, on_verified, s, &bad.err))
        on_verified(s, &bad);
}
