#include "controller/session_rpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "config/convert_facts.h"
#include "controller/access.h"
#include "controller/api.h"
#include "controller/audit_int.h"
#include "controller/authorize.h"
#include "controller/ca.h"
#include "controller/ca_api.h"
#include "controller/command.h"
#include "controller/enrol.h"
#include "controller/reconcile.h"
#include "controller/revocation.h"
#include "controller/rollback.h"
#include "controller/session.h"
#include "controller/session_int.h"
#include "controller/txn.h"
#include "controller/verify.h"

#define DECLARED_MAX 16384 /* bytes of what an agent may say of its host */

void session_unref(struct session *s)
{
    if (--s->refs > 0)
        return;
    buf_fini(&s->spki);
    message_free(s->shown == NULL ? NULL : &s->shown->base);
    free(s);
}

bool session_ready(const struct session *s)
{
    return s->ready;
}

bool session_proven(const struct session *s)
{
    return s->proven;
}

void session_send(struct session *s, const Bailey__V1__ControllerMessage *m)
{
    if (s->call != NULL)
        (void)rpc_send(s->call, &m->base);
}

void session_renew(struct session *s)
{
    if (s->fsm.state != SESSION_TRUSTED)
        return;
    s->fsm.deadline_ms = state_now_ms(s->st) - 1;
    session_advance(s, (struct session_input){.event = EVENT_TICK});
}

void session_end(struct session *s, const struct err *why)
{
    if (s != NULL && s->call != NULL)
        rpc_finish(s->call, why);
}

static void send_welcome(struct session *s)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__Welcome w = BAILEY__V1__WELCOME__INIT;
    AUTO_ARENA struct arena a;

    w.cluster_id = s->st->cluster->cluster_id;
    w.epoch = s->st->cluster->controller_epoch;
    w.lease_ms = (uint32_t)s->st->options.lease_ms;
    w.policy_revision = s->st->policy_committed;
    arena_init(&a, 1 << 20);
    w.revocations = revocation_message(s->st, s->node, &a);
    BUG_ON(w.revocations == NULL);
    s->node->awaits = w.revocations->policy_revision;
    w.rollback_accepted = s->rollback_accepted;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_WELCOME;
    m.welcome = &w;
    session_send(s, &m);
}

static void send_challenge(struct session *s)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__Challenge c = BAILEY__V1__CHALLENGE__INIT;

    c.nonce.data = s->fsm.nonce;
    c.nonce.len = NONCE_SIZE;
    c.ttl_ms = CHALLENGE_TTL_MS;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CHALLENGE;
    m.challenge = &c;
    session_send(s, &m);
}

static void send_ack(struct session *s)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__HeartbeatAck a = BAILEY__V1__HEARTBEAT_ACK__INIT;
    Bailey__V1__TreeHead tree = BAILEY__V1__TREE_HEAD__INIT;
    const struct tree_head *head = audit_head(s->st);
    struct state *st = s->st;
    struct node *n = s->node;
    bool was = node_connected(st, n);

    n->last_ack_ms = state_now_ms(st);
    n->last_seen_ms = state_wall_ms(st);
    n->said_lost = false;
    a.sequence = s->fsm.sequence;
    a.policy_revision = st->policy_committed;
    if (head != NULL && head->size > s->head_sent) {
        s->head_sent = head->size;
        tree_head_to_message(head, &tree);
        a.tree_head = &tree;
    }
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_HEARTBEAT_ACK;
    m.heartbeat_ack = &a;
    session_send(s, &m);
    if (!was) {
        fleet_node_connected(st->fleet, n->handle, true);
        reconcile_cause(st, QUEUE_LINK);
        reconcile_node(st, n);
    }
    txn_show(st, &n->object);
}

static void node_lost(struct state *st, struct node *n, const char *why)
{
    fleet_node_connected(st->fleet, n->handle, false);
    if (!n->said_lost && n->seen)
        event_add(st, &n->object, "warning", "node.lost", "controller", "%s", why);
    n->said_lost = true;
    reconcile_node(st, n);
    txn_show(st, &n->object);
}

static void act(struct session *s, unsigned acts, const struct err *e)
{
    if (acts & ACT_WELCOME)
        send_welcome(s);
    if (acts & ACT_CHALLENGE)
        send_challenge(s);
    if (acts & ACT_REFUSE) {
        log_warn("evidence missing", LOG_STR("node", s->node->object.key), LOG_ERR(e));
        session_send_verdict(s, e);
    }
    if (acts & ACT_ACK)
        send_ack(s);
    if (acts & ACT_LOST)
        node_lost(s->st, s->node, "no heartbeat within the lease");
    if (acts & ACT_END) {
        log_warn("session ended", LOG_STR("node", s->node->object.key), LOG_ERR(e));
        session_end(s, e);
    }
    if (acts & ACT_VERIFY)
        session_verify(s);
}

static void on_timer(uv_timer_t *t)
{
    session_advance(t->data, (struct session_input){.event = EVENT_TICK});
}

static void set_timer(struct session *s)
{
    int64_t next = session_next_ms(&s->fsm), now = state_now_ms(s->st);

    if (s->call == NULL)
        return;
    uv_timer_stop(&s->timer);
    if (next != INT64_MAX)
        uv_timer_start(&s->timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

void session_advance(struct session *s, struct session_input in)
{
    uint8_t fresh[NONCE_SIZE];
    struct err e = {0};
    unsigned acts;

    if (s->node == NULL)
        return;
    rand_bytes(fresh, sizeof fresh);
    in.now_ms = state_now_ms(s->st);
    in.fresh = fresh;
    acts = session_step(&s->fsm, &in, &e);
    act(s, acts, &e);
    set_timer(s);
}

static bool hello_check(struct session *s, const Bailey__V1__Hello *h, struct err *e)
{
    const Bailey__V1__Declared *d = h->declared;

    if (strlen(h->boot_id) == 0 || strlen(h->boot_id) >= sizeof s->boot_id)
        return err_set(e, ERR_INPUT, "session.boot-id", "boot id has %zu characters",
                       strlen(h->boot_id)),
               err_field(e, "boot_id"), err_expected(e, "1 to 36 characters");
    if (d != NULL && protobuf_c_message_get_packed_size(&d->base) > DECLARED_MAX)
        return err_set(e, ERR_LIMIT, "session.declared-too-large", "the declaration is too large"),
               err_field(e, "declared"), err_expected(e, "at most %d bytes", DECLARED_MAX);
    if (h->highest_epoch > s->st->cluster->controller_epoch)
        return err_set(e, ERR_CONFLICT, "session.stale-controller",
                       "the agent obeyed epoch %llu, this controller has %llu",
                       (unsigned long long)h->highest_epoch,
                       (unsigned long long)s->st->cluster->controller_epoch),
               err_mend(e, "was the controller's data restored from an old copy?");
    return true;
}

static void on_hello(struct session *s, const Bailey__V1__Hello *h)
{
    struct state *st = s->st;
    struct node *n = s->node;
    Bailey__V1__NodeStatus *status = n->msg->status;
    struct err e = {0};

    if (s->fsm.state == SESSION_HELLO &&
        (!rollback_hello(st, n, h, &s->rollback_accepted, &e) || !hello_check(s, h, &e))) {
        act(s, ACT_END, &e);
        return;
    }
    if (s->fsm.state == SESSION_HELLO) {
        str_copy(s->boot_id, sizeof s->boot_id, h->boot_id);
        message_free(status->declared == NULL ? NULL : &status->declared->base);
        status->declared =
            h->declared == NULL ? NULL : (Bailey__V1__Declared *)message_clone(&h->declared->base);
        if (n->has_facts && strcmp(status->boot_id, h->boot_id) != 0) {
            n->has_facts = false; /* proven of another boot */
            status->trust = NODE_TRUST(unattested);
        }
        n->last_ack_ms = state_now_ms(st);
        n->last_seen_ms = state_wall_ms(st);
        n->seen = true;
        n->said_lost = false;
        s->ready = true;
        txn_touch(st, &n->object);
        node_publish(st, n);
        event_add(st, &n->object, "normal", "node.connected", "controller", "agent %s",
                  status->declared == NULL ? "" : status->declared->agent_version);
    }
    session_advance(s, (struct session_input){.event = EVENT_HELLO});
    if (s->ready && s->node != NULL) {
        ca_tell(st, n);
        reconcile_hello(st, n, h->keeps, h->n_keeps);
        reconcile_capacity(st);
    }
}

static void on_certificate_request(struct session *s, const Bailey__V1__CertificateRequest *r)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    Bailey__V1__Certificate c = BAILEY__V1__CERTIFICATE__INIT;
    AUTO_BUF struct buf pem = {0};
    Bailey__V1__Refusal refusal;
    struct err e = {0};

    bool granted =
        s->proven && node_trusted(s->st, s->node, EVIDENCE_AGE_MS)
            ? enrol_renew(s->st, s->node, (struct bytes){r->csr.data, r->csr.len}, &pem, &e)
            : err_set(&e, ERR_DENIED, "certificate.no-evidence",
                      "a certificate is renewed only while the node's evidence counts");
    audit_certificate(s->st, s->node, granted ? NULL : &e);
    if (granted) {
        c.certificate = (char *)(uintptr_t)buf_str(&pem);
        c.ca = (char *)(uintptr_t)cluster_bundle(s->st);
    } else {
        refusal_fill(&refusal, &e);
        c.refusal = &refusal;
    }
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CERTIFICATE;
    m.certificate = &c;
    session_send(s, &m);
}

static void on_message(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__AgentMessage *m = (const Bailey__V1__AgentMessage *)base;
    struct session *s = rpc_call_user(call);

    (void)user;
    if (s == NULL || s->node == NULL || s->fsm.state == SESSION_OVER)
        return;
    switch (m->message_case) {
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_HELLO:
        on_hello(s, m->hello);
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_EVIDENCE:
        s->evidence = m->evidence;
        session_advance(
            s, (struct session_input){.event = EVENT_EVIDENCE,
                                      .nonce = {m->evidence->nonce.data, m->evidence->nonce.len}});
        s->evidence = NULL;
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT:
        session_advance(s, (struct session_input){.event = EVENT_HEARTBEAT,
                                                  .sequence = m->heartbeat->sequence});
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_KEEP_REPORT:
        if (s->ready)
            reconcile_report(s->st, s->node, m->keep_report);
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_LOG_CHUNK:
        logs_chunk(s->st, s->node, m->log_chunk);
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_LOG_END:
        logs_end(s->st, s->node, m->log_end);
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_REVOCATIONS_KEPT:
        if (s->ready)
            revocation_kept(s->st, s->node, m->revocations_kept->policy_revision);
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_CERTIFICATE_REQUEST:
        on_certificate_request(s, m->certificate_request);
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE_TRUST_BUNDLE_KEPT:
        ca_kept(
            s->st, s->node,
            (struct bytes){m->trust_bundle_kept->digest.data, m->trust_bundle_kept->digest.len});
        break;
    case BAILEY__V1__AGENT_MESSAGE__MESSAGE__NOT_SET:
    default:
        break; /* a newer agent's message */
    }
}

/* One live session a node: the newer one is the one that works, for an agent that crashed must not
 * be locked out by a connection that nobody has noticed to be dead. It is reported, and gets
 * nothing before it has shown evidence of its own. */
static void on_open(struct rpc_call *call, void *user)
{
    struct state *st = user;
    struct node *n = peer_node(st, rpc_call_peer(call));
    struct session *s = n == NULL ? NULL : calloc(1, sizeof *s);
    struct err e = {0};

    if (s == NULL) {
        err_set(&e, ERR_UNAVAIL, "session.node", "no such node");
        rpc_finish(call, &e);
        return;
    }
    if (n->session != NULL) {
        struct session *old = n->session;

        err_set(&e, ERR_CONFLICT, "session.replaced", "a newer session of this node began");
        old->node = NULL;
        log_warn("a live session is taken over", LOG_STR("node", n->object.key),
                 LOG_STR("from", old->call == NULL ? "" : rpc_call_address(old->call)),
                 LOG_STR("by", rpc_call_address(call)));
        event_add(st, &n->object, "warning", "node.session-replaced", "controller",
                  "a second session from %s took the place of a live one from %s; it starts "
                  "nothing before it shows evidence",
                  rpc_call_address(call), old->call == NULL ? "" : rpc_call_address(old->call));
        session_end(old, &e);
        logs_node_gone(st, n);
    }
    s->st = st;
    s->node = n;
    s->call = call;
    s->refs = 2;
    n->session = s;
    n->ca_known = false;
    (void)str_copy(n->cert_issuer, sizeof n->cert_issuer, rpc_call_peer(call)->issuer_key);
    if (n->cert_until_s < rpc_call_peer(call)->not_after_s)
        n->cert_until_s = rpc_call_peer(call)->not_after_s;
    revocation_session(n);
    for (size_t i = 0; i < n->keeps.n; i++)
        n->keeps.v[i]->sent = COMMAND_NONE;
    uv_timer_init(st->loop, &s->timer);
    s->timer.data = s;
    session_begin(&s->fsm, state_now_ms(st), st->options.lease_ms, st->options.renew_ms);
    rpc_call_set_user(call, s);
    if (!cert_spki(bytes_str(rpc_call_peer(call)->pem), &s->spki, &e))
        act(s, ACT_END, &e);
    set_timer(s);
}

static void on_timer_closed(uv_handle_t *h)
{
    session_unref(h->data);
}

static void on_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct session *s = rpc_call_user(call);
    struct node *n = s == NULL ? NULL : s->node;

    (void)cancelled;
    (void)user;
    if (s == NULL)
        return;
    s->call = NULL;
    s->ready = false;
    if (n != NULL && n->session == s) {
        n->session = NULL;
        revocation_session(n);
        logs_node_gone(s->st, n);
        node_lost(s->st, n, "the session ended");
    }
    s->node = NULL;
    s->fsm.state = SESSION_OVER;
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    session_unref(s);
}

bool session_serve(struct state *st, struct rpc_server *server, unsigned listeners, struct err *e)
{
    static const struct rpc_stream stream = {
        .on_open = on_open, .on_message = on_message, .on_closed = on_closed};
    struct rpc_method m = {.service = &bailey__v1__node_session__descriptor,
                           .name = "Connect",
                           .listeners = listeners,
                           .stream = &stream,
                           .user = st};

    return rpc_server_method(server, &m, e);
}
