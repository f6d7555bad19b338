#include "agent/session_rpc.h"

#include <openssl/sha.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "attest/binding.h"
#include "base/clock.h"
#include "base/log.h"

#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 3000 /* on top of the channel's own */
#define RENEWAL_MS 30000    /* how often the certificate's age is looked at */
#define EVIDENCE_MS 30000   /* for an answer to a challenge that does not say */
#define SILENCE 3           /* leases without an acknowledgement before the stream is given up */

static void open_stream(struct session *s);

static int64_t boottime(void)
{
    return clock_system.boottime_ms(&clock_system);
}

static bool say(struct session *s, const Bailey__V1__AgentMessage *m)
{
    return s->call != NULL && rpc_send(s->call, &m->base);
}

static void on_report(void *user, const Bailey__V1__KeepReport *r)
{
    struct session *s = user;
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;

    log_info("keep", LOG_STR("uid", r->keep_uid), LOG_INT("state", r->state),
             LOG_STR("reason", r->reason));
    if (!s->welcomed)
        return; /* the next Hello says it */
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_KEEP_REPORT;
    m.keep_report = (Bailey__V1__KeepReport *)(uintptr_t)r;
    (void)say(s, &m);
}

static bool send_log(void *user, const Bailey__V1__AgentMessage *m)
{
    struct session *s = user;

    return s->call != NULL && rpc_pending(s->call) < RPC_LOW_WATER && say(s, m);
}

static void send_hello(struct session *s)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Hello h = BAILEY__V1__HELLO__INIT;
    const Bailey__V1__KeepReport **reports;
    AUTO_ARENA struct arena a;

    arena_init(&a, 1u << 20);
    h.boot_id = s->boot_id;
    h.declared = (Bailey__V1__Declared *)(uintptr_t)s->declared;
    h.highest_epoch = s->epochs->controller;
    h.highest_policy_revision = s->epochs->policy;
    h.highest_tree_head = s->heads->highest;
    reports = arena_array(&a, keeps_count(s->keeps) + 1, sizeof *reports);
    BUG_ON(reports == NULL);
    for (size_t i = 0; i < keeps_count(s->keeps); i++)
        reports[h.n_keeps++] = keeps_report(s->keeps, i);
    h.keeps = (Bailey__V1__KeepReport **)(uintptr_t)reports;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HELLO;
    m.hello = &h;
    lease_hello(s->lease, boottime());
    (void)say(s, &m);
}

static void give_up(struct session *s, const char *why)
{
    log_warn("session given up", LOG_STR("why", why));
    if (s->call != NULL)
        rpc_cancel(s->call);
}

static void on_beat(uv_timer_t *t)
{
    struct session *s = t->data;
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Heartbeat b = BAILEY__V1__HEARTBEAT__INIT;
    int64_t now = boottime();

    if (now - s->lease->session_ms > SILENCE * s->lease_ms) {
        give_up(s, "no acknowledgement");
        return;
    }
    b.sequence = lease_beat(s->lease, now);
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_HEARTBEAT;
    m.heartbeat = &b;
    (void)say(s, &m);
}

/* An agent that cannot remember must not obey: that ends it, and the leases end the keeps. */
static void must(bool done, const struct err *e)
{
    if (done)
        return;
    log_error("cannot keep what must not be forgotten", LOG_ERR(e));
    _exit(1);
}

static void on_welcome(struct session *s, const Bailey__V1__Welcome *w)
{
    struct err e = {0};

    if (!epochs_controller(s->epochs, w->epoch, &e)) {
        must(e.code == ERR_CONFLICT, &e);
        log_warn("controller refused", LOG_ERR(&e));
        give_up(s, "an older controller");
        return;
    }
    must(epochs_policy(s->epochs, w->policy_revision, &e), &e);
    if (w->rollback_accepted && s->heads->highest != NULL) {
        log_warn("an operator accepted an older store: the audit log begins anew from there",
                 LOG_INT("seen", (int64_t)s->heads->highest->size));
        must(heads_forget(s->heads, &e), &e);
    }
    s->lease_ms = w->lease_ms >= 300 ? w->lease_ms : 10000;
    s->backoff_ms = BACKOFF_MS;
    s->welcomed = true;
    if (lease_ack(s->lease, 0))
        keeps_renew(s->keeps);
    (void)uv_timer_start(&s->beat, on_beat, 0, (uint64_t)s->lease_ms / 3);
    log_info("session open", LOG_STR("cluster", w->cluster_id), LOG_INT("epoch", w->epoch),
             LOG_INT("lease_ms", s->lease_ms));
}

static void on_ack(struct session *s, const Bailey__V1__HeartbeatAck *a)
{
    struct err e = {0};

    must(epochs_policy(s->epochs, a->policy_revision, &e), &e);
    if (a->tree_head != NULL && !heads_take(s->heads, a->tree_head, &e)) {
        must(e.code == ERR_CONFLICT, &e);
        log_error("controller refused", LOG_ERR(&e));
        give_up(s, "its audit log is not the one that was");
        return;
    }
    if (lease_ack(s->lease, a->sequence))
        keeps_renew(s->keeps);
}

static bool bytes_copy(struct arena *a, struct bytes from, ProtobufCBinaryData *to)
{
    to->data = arena_alloc(a, from.n + 1);
    if (to->data == NULL)
        return false;
    if (from.n > 0)
        memcpy(to->data, from.p, from.n);
    to->len = from.n;
    return true;
}

static bool evidence_fill(const struct source_evidence *from, struct arena *a,
                          Bailey__V1__Evidence *to)
{
    to->files = arena_array(a, from->files_n + 1, sizeof *to->files);
    if (to->files == NULL || !bytes_copy(a, buf_bytes(&from->evidence), &to->evidence))
        return false;
    for (unsigned i = 0; i < from->files_n; i++) {
        Bailey__V1__EvidenceFile *f = arena_alloc(a, sizeof *f);

        if (f == NULL)
            return false;
        bailey__v1__evidence_file__init(f);
        f->name = arena_strdup(a, from->files[i].name);
        if (f->name == NULL || !bytes_copy(a, buf_bytes(&from->files[i].bytes), &f->data))
            return false;
        to->files[to->n_files++] = f;
    }
    return true;
}

/* The answer to the newest challenge; source_job drops those of older ones. */
static void on_evidence(void *user, const struct source_evidence *found, const struct err *e)
{
    struct session *s = user;
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__Evidence evidence = BAILEY__V1__EVIDENCE__INIT;
    AUTO_ARENA struct arena a;

    arena_init(&a, 4u << 20);
    if (found == NULL) {
        log_error("no evidence", LOG_STR("source", s->source->name), LOG_ERR(e),
                  LOG_STR("mend", e->mend));
        return;
    }
    if (!evidence_fill(found, &a, &evidence)) {
        log_error("no evidence: it is too large", LOG_STR("source", s->source->name));
        return;
    }
    evidence.nonce.data = s->nonce;
    evidence.nonce.len = sizeof s->nonce;
    evidence.source = (char *)(uintptr_t)s->source->name;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_EVIDENCE;
    m.evidence = &evidence;
    (void)say(s, &m);
}

static void on_challenge(struct session *s, const Bailey__V1__Challenge *c)
{
    const struct binding b = {.nonce = {c->nonce.data, c->nonce.len},
                              .node = bytes_str(s->node),
                              .boot_id = bytes_str(s->boot_id),
                              .spki = buf_bytes(&s->identity->spki)};
    uint8_t report_data[REPORT_DATA_SIZE];
    struct err e = {0};

    if (s->source == NULL) {
        log_warn("challenged, but this host has no source of evidence");
        return;
    }
    if (!binding_report_data(&b, report_data, &e)) {
        log_error("challenge not understood", LOG_ERR(&e));
        return;
    }
    memcpy(s->nonce, c->nonce.data, sizeof s->nonce);
    source_job_ask(&s->job, report_data, c->ttl_ms == 0 ? EVIDENCE_MS : c->ttl_ms);
}

static void on_certificate(struct session *s, const Bailey__V1__Certificate *c)
{
    struct err e = {0};

    if (c->certificate[0] == '\0')
        log_warn("certificate not renewed",
                 LOG_STR("why", c->refusal == NULL ? "" : c->refusal->message));
    else if (!identity_store(s->identity, c->certificate, "", &e) ||
             !rpc_client_reload_tls(s->client, &e))
        log_error("new certificate not used", LOG_ERR(&e));
    else {
        s->renew_soon = false;
        log_info("certificate renewed", LOG_INT("until_s", s->identity->not_after_s));
    }
}

static void on_verdict(const Bailey__V1__EvidenceVerdict *v)
{
    if (v->verified)
        log_info("evidence verified");
    else
        log_warn("evidence refused",
                 LOG_STR("reason", v->refusal == NULL ? "" : v->refusal->reason),
                 LOG_STR("why", v->refusal == NULL ? "" : v->refusal->message));
}

static void ask_certificate(struct session *s)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__CertificateRequest r = BAILEY__V1__CERTIFICATE_REQUEST__INIT;

    r.csr.data = s->identity->csr.p;
    r.csr.len = s->identity->csr.n;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_CERTIFICATE_REQUEST;
    m.certificate_request = &r;
    (void)say(s, &m);
}

static void on_renewal(uv_timer_t *t)
{
    struct session *s = t->data;

    if (s->welcomed && (s->renew_soon || clock_system.wall_ms(&clock_system) / 1000 >=
                                             identity_renew_s(s->identity)))
        ask_certificate(s);
}

/* The authorities to believe: on the disk first, used from the next connection on, then confirmed.
 * They come over a connection that the ones of now have vouched for. */
static void on_trust_bundle(struct session *s, const Bailey__V1__TrustBundle *b)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__TrustBundleKept kept = BAILEY__V1__TRUST_BUNDLE_KEPT__INIT;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct err e = {0};

    if (!identity_trust(s->identity, b->ca, &e) || !rpc_client_reload_tls(s->client, &e)) {
        log_error("the cluster's authorities are not kept", LOG_ERR(&e));
        return;
    }
    SHA256((const uint8_t *)b->ca, strlen(b->ca), digest);
    kept.digest.data = digest;
    kept.digest.len = sizeof digest;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_TRUST_BUNDLE_KEPT;
    m.trust_bundle_kept = &kept;
    (void)say(s, &m);
    s->renew_soon = b->renew;
    if (b->renew)
        ask_certificate(s);
}

/* On the disk first, then obeyed and confirmed. */
static void on_revocations(struct session *s, const Bailey__V1__NodeRevocations *r)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__RevocationsKept kept = BAILEY__V1__REVOCATIONS_KEPT__INIT;
    struct err e = {0};

    if (r == NULL)
        return; /* an older controller */
    must(epochs_policy(s->epochs, r->policy_revision, &e) && revoked_take(s->revoked, r, &e), &e);
    kept.policy_revision = r->policy_revision;
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_REVOCATIONS_KEPT;
    m.revocations_kept = &kept;
    (void)say(s, &m);
    for (size_t i = 0; i < r->n_in_force; i++)
        log_warn("this platform is revoked", LOG_STR("by", r->in_force[i]->name),
                 LOG_STR("because", r->in_force[i]->because));
    keeps_revoke(s->keeps);
}

static void on_message(struct rpc_call *c, const ProtobufCMessage *message, void *user)
{
    const Bailey__V1__ControllerMessage *m = (const Bailey__V1__ControllerMessage *)message;
    struct session *s = user;

    if (c != s->call)
        return;
    if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_WELCOME)
        on_welcome(s, m->welcome), on_revocations(s, s->welcomed ? m->welcome->revocations : NULL);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CHALLENGE)
        on_challenge(s, m->challenge);
    else if (!s->welcomed)
        log_warn("message before the welcome ignored", LOG_INT("case", m->message_case));
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_EVIDENCE_VERDICT)
        on_verdict(m->evidence_verdict);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_HEARTBEAT_ACK)
        on_ack(s, m->heartbeat_ack);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_START_KEEP)
        keeps_start(s->keeps, m->start_keep);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_STOP_KEEP)
        keeps_stop(s->keeps, m->stop_keep);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_REVOCATIONS)
        on_revocations(s, m->revocations);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_READ_LOG)
        logs_read(s->logs, m->read_log);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_CERTIFICATE)
        on_certificate(s, m->certificate);
    else if (m->message_case == BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_TRUST_BUNDLE)
        on_trust_bundle(s, m->trust_bundle);
}

static void on_writable(struct rpc_call *c, void *user)
{
    struct session *s = user;

    if (c == s->call)
        logs_writable(s->logs);
}

static void on_retry(uv_timer_t *t)
{
    open_stream(t->data);
}

static void on_closed(struct rpc_call *c, bool cancelled, void *user)
{
    struct session *s = user;
    struct err e = {0};
    uint8_t r[2];

    if (c != s->call)
        return;
    s->call = NULL;
    s->welcomed = false;
    (void)uv_timer_stop(&s->beat);
    logs_drop(s->logs);
    if (s->source != NULL && !s->ending)
        source_job_drop(&s->job);
    if (s->ending)
        return;
    if (!rpc_call_status(c, &e))
        log_warn("session over", LOG_ERR(&e), LOG_INT("cancelled", cancelled));
    rand_bytes(r, sizeof r); /* half to one and a half: not all agents at once */
    (void)uv_timer_start(&s->retry, on_retry,
                         (uint64_t)(s->backoff_ms / 2 + s->backoff_ms * (r[0] << 8 | r[1]) / 65536),
                         0);
    s->backoff_ms = s->backoff_ms * 8 / 5 < BACKOFF_MAX_MS ? s->backoff_ms * 8 / 5 : BACKOFF_MAX_MS;
}

static void open_stream(struct session *s)
{
    static const struct rpc_stream callbacks = {
        .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};
    struct rpc_call_options o = {0};

    s->call = rpc_stream_open(s->client, &bailey__v1__node_session__descriptor, "Connect", &o,
                              &callbacks, s);
    if (s->call == NULL) {
        (void)uv_timer_start(&s->retry, on_retry, (uint64_t)s->backoff_ms, 0);
        return;
    }
    send_hello(s);
}

static bool read_boot_id(struct session *s, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = 256};

    if (!file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &b, e))
        return false;
    if (b.n < UUID_TEXT - 1)
        return err_set(e, ERR_IO, "agent.boot-id", "the kernel has no boot id");
    memcpy(s->boot_id, b.p, UUID_TEXT - 1);
    s->boot_id[UUID_TEXT - 1] = '\0';
    return true;
}

bool session_begin(struct session *s, struct err *e)
{
    if (!read_boot_id(s, e))
        return false;
    s->backoff_ms = BACKOFF_MS;
    s->lease_ms = 10000;
    s->keeps->on_report = on_report;
    s->keeps->user = s;
    s->logs->send = send_log;
    s->logs->user = s;
    if (s->source != NULL)
        source_job_init(&s->job, s->uv, s->source, on_evidence, s);
    (void)uv_timer_init(s->uv, &s->beat), s->beat.data = s;
    (void)uv_timer_init(s->uv, &s->retry), s->retry.data = s;
    (void)uv_timer_init(s->uv, &s->renewal), s->renewal.data = s;
    (void)uv_timer_start(&s->renewal, on_renewal, 1000, RENEWAL_MS);
    open_stream(s);
    return true;
}

void session_close(struct session *s)
{
    s->ending = true;
    uv_close((uv_handle_t *)&s->beat, NULL);
    uv_close((uv_handle_t *)&s->retry, NULL);
    uv_close((uv_handle_t *)&s->renewal, NULL);
    if (s->source != NULL)
        source_job_close(&s->job);
    logs_drop(s->logs);
    if (s->call != NULL)
        rpc_cancel(s->call);
}
