/* The run of a revocation: its beginning, its counts, its end. */
#include "controller/revocation.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "controller/failpoint.h"
#include "controller/reconcile.h"
#include "controller/reconcile_int.h"
#include "controller/revocation_int.h"
#include "controller/session_rpc.h"
#include "controller/txn.h"

#define LOOK_MS 1000       /* between counts while anything runs on revoked platforms */
#define MOVE_FIRST_MS 5000 /* what a move takes, before one was seen */
#define UNPLACED_MAX 1000  /* listed in a report */

struct revoker {
    uv_timer_t timer;
    unsigned committing; /* batches that are not durable yet */
    bool began;          /* one was committed by this process */
    int64_t move_ms;     /* mean of the moves, newer ones weigh more */
};

static void on_timer(uv_timer_t *t)
{
    revocation_look(t->data);
}

bool revoker_init(struct state *st, struct err *e)
{
    st->revoker = calloc(1, sizeof *st->revoker);
    if (st->revoker == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    uv_timer_init(st->loop, &st->revoker->timer);
    uv_unref((uv_handle_t *)&st->revoker->timer);
    st->revoker->timer.data = st;
    st->revoker->move_ms = MOVE_FIRST_MS;
    st->policy_committed = st->cluster->policy_revision;
    uv_timer_start(&st->revoker->timer, on_timer, LOOK_MS, LOOK_MS);
    return true;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void revoker_fini(struct state *st)
{
    struct revoker *r = STEAL(st->revoker);

    if (r == NULL)
        return;
    r->timer.data = r;
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

int64_t revoker_move_ms(const struct state *st)
{
    return st->revoker == NULL ? MOVE_FIRST_MS : st->revoker->move_ms;
}

bool revoker_began(const struct state *st)
{
    return st->revoker->began;
}

struct trust_object *revocation_object(const struct state *st, const struct revocation *r)
{
    struct trust_object *t = (struct trust_object *)object_find(st, OBJECT_REVOCATION, "", r->name);

    BUG_ON(t == NULL);
    return t;
}

bool revocation_lifted(const struct trust_object *t)
{
    const Bailey__V1__RevocationStatus *s = t->revocation->status;

    return s != NULL && strcmp(s->state, "lifted") == 0;
}

int64_t revocation_deadline_ms(const struct trust_object *t, const struct revocation *r)
{
    return t->revocation->status->committed_at_ms + r->grace_ms;
}

size_t revocations_of(const struct state *st, const struct node *n, uint32_t *v, size_t most)
{
    const struct effective *ef = st->effective;
    size_t found = 0;

    if (!n->known)
        return 0;
    for (size_t i = 0; i < ef->revocations_n && found < most; i++)
        if (rules_refusing(&ef->revocations[i].rules, &n->facts, SIMULATED_DEFAULT, NULL) != NULL)
            v[found++] = (uint32_t)i;
    return found;
}

/* A workload's rules are those of the cluster in the same order, each with the exceptions that the
 * workload has from it. */
bool revocation_holds(const struct state *st, const struct keep *k, size_t revocation)
{
    const struct effective *ef = st->effective;
    const struct rule_list *all = &k->workload->trust.rules.cluster;

    if (k->node == NULL || !k->node->known)
        return false;
    for (size_t i = 0; i < all->n && i < ef->cluster.n; i++) {
        const struct rule_list one = {.v = &all->v[i], .n = 1};

        if (ef->cluster_of[i] == revocation &&
            rules_refusing(&one, &k->node->facts, SIMULATED_DEFAULT, NULL) != NULL)
            return true;
    }
    return false;
}

const char *revocation_blames(const struct state *st, const struct workload *w, char *out,
                              size_t size)
{
    const struct rule_list *all = &w->trust.rules.cluster;
    struct rules rest = w->trust.rules;
    const char *last = NULL;
    size_t at = 0;

    rest.cluster = (struct rule_list){0};
    out[0] = '\0';
    for (size_t i = 0; i < all->n && i < st->effective->cluster.n; i++) {
        const char *name = st->effective->revocations[st->effective->cluster_of[i]].name;
        const struct rule_list one = {.v = &all->v[i], .n = 1};
        bool blocks = false;

        for (uint32_t c = 0; c < fleet_class_limit(st->fleet) && !blocks; c++) {
            const struct facts *f = fleet_class_facts(st->fleet, c);

            blocks = f != NULL && fleet_class_nodes(st->fleet, c) > 0 &&
                     rules_refusing(&one, f, SIMULATED_DEFAULT, NULL) != NULL &&
                     rules_judge(&rest, f).verdict == VERDICT_ADMITTED;
        }
        if (!blocks || (last != NULL && strcmp(last, name) == 0) || at >= size)
            continue;
        at += (size_t)snprintf(out + at, size - at, "%s%s", last == NULL ? "revoked by " : ", ",
                               name);
        last = name;
    }
    return out;
}

/* --- Counting --------------------------------------------------------------------------------- */

struct count {
    uint32_t nodes, away, remaining;
    bool canary; /* some keep waits for another one */
};

static void count_node(const struct state *st, const struct node *n, struct count *v)
{
    uint32_t of[64];
    size_t found = revocations_of(st, n, of, 64);

    for (size_t i = 0; i < found; i++) {
        v[of[i]].nodes++;
        v[of[i]].away += !node_connected(st, n);
        for (size_t j = 0; j < n->keeps.n; j++) {
            const struct keep *k = n->keeps.v[j];

            if (!keep_live(k) ||
                (k->workload->trust.exceptions_n > 0 && !revocation_holds(st, k, of[i])))
                continue;
            v[of[i]].remaining++;
            v[of[i]].canary |= k->canary_waits;
        }
    }
}

/* The time since the last count, with as many keeps as there were then. */
static void expose(Bailey__V1__RevocationStatus *s, int64_t wall_ms)
{
    if (s->exposure_at_ms != 0 && wall_ms > s->exposure_at_ms)
        s->exposure_ms += (uint64_t)(wall_ms - s->exposure_at_ms) * s->keeps_remaining;
    s->exposure_at_ms = wall_ms;
    s->exposure_keep_seconds = s->exposure_ms / 1000;
}

static void on_reported(struct state *st, void *data)
{
    (void)st;
    (void)data;
    failpoint(FAIL_REPORTED);
}

static void pass_half(struct state *st, struct trust_object *t)
{
    Bailey__V1__RevocationStatus *s = t->revocation->status;
    int64_t wall = state_wall_ms(st);

    if (s->half_at[0] == '\0' && s->keeps_at_commit > 0 &&
        s->keeps_remaining <= s->keeps_at_commit / 2) {
        text_set_time(&s->half_at, wall / 1000);
        s->half_after_ms = (uint64_t)(wall - s->committed_at_ms);
        failpoint(FAIL_HALF);
    }
    if (s->zero_at[0] != '\0' || s->keeps_remaining > 0)
        return;
    text_set_time(&s->zero_at, wall / 1000);
    s->zero_after_ms = (uint64_t)(wall - s->committed_at_ms);
    event_add(st, &t->object, "normal", "revocation.zero", "controller",
              "nothing runs on its platforms any more: %u moved, %u stopped, %u ended otherwise; "
              "exposure %llu keep-seconds",
              s->keeps_moved, s->keeps_stopped, s->keeps_ended,
              (unsigned long long)s->exposure_keep_seconds);
    failpoint(FAIL_ZERO);
    txn_after(st, on_reported, NULL);
}

/* Keeps that wait and have no other place: those of the list that were stopped stay in it. */
static void list_waiting(struct state *st, Bailey__V1__RevocationStatus *s, size_t revocation)
{
    size_t kept = 0;
    struct node *n;

    for (size_t i = 0; i < s->n_unplaceable; i++) {
        if (s->unplaceable[i]->stopped)
            s->unplaceable[kept++] = s->unplaceable[i];
        else
            message_free(&s->unplaceable[i]->base);
    }
    s->n_unplaceable = kept;
    if (s->keeps_remaining == 0)
        return;
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        for (size_t j = 0; j < n->keeps.n; j++) {
            const struct keep *k = n->keeps.v[j];

            if (keep_live(k) && !keep_told(k) && keep_moving(k) && k->replacement == NULL &&
                k->workload->waiting > 0 && revocation_holds(st, k, revocation))
                revocation_list(s, k, false);
        }
}

void revocation_list(Bailey__V1__RevocationStatus *s, const struct keep *k, bool stopped)
{
    Bailey__V1__RevocationKeep **v, *m;
    char why[256];

    for (size_t i = 0; i < s->n_unplaceable; i++)
        if (strcmp(s->unplaceable[i]->keep, k->object.key) == 0) {
            s->unplaceable[i]->stopped |= stopped;
            return;
        }
    if (s->n_unplaceable >= UNPLACED_MAX)
        return;
    v = realloc(s->unplaceable, (s->n_unplaceable + 1) * sizeof(Bailey__V1__RevocationKeep *));
    m = malloc(sizeof *m);
    BUG_ON(v == NULL || m == NULL);
    s->unplaceable = v;
    bailey__v1__revocation_keep__init(m);
    text_set(&m->keep, k->object.key);
    text_set(&m->workload, k->workload->object.key);
    text_set(&m->node, k->node == NULL ? "" : k->node->object.key);
    text_set(&m->why, placing_text(&k->workload->last, why, sizeof why));
    m->stopped = stopped;
    v[s->n_unplaceable++] = m;
}

static const char *state_of(const struct revocation *r, const Bailey__V1__RevocationStatus *s,
                            const struct count *c)
{
    if (c->remaining == 0)
        return "done";
    if (r->action == REVOCATION_HOLD)
        return "holding";
    if (r->canary && r->action == REVOCATION_DRAIN && (c->canary || s->state[0] == 'c'))
        return c->canary ? "canary" : "moving";
    return "moving";
}

static void look_at(struct state *st, size_t i, const struct count *c)
{
    const struct revocation *r = &st->effective->revocations[i];
    struct trust_object *t = revocation_object(st, r);
    Bailey__V1__RevocationStatus *s = trust_revocation_status(t);
    const char *now = state_of(r, s, c);
    bool changed = s->keeps_remaining != c->remaining || s->nodes != c->nodes ||
                   s->nodes_away != c->away || strcmp(s->state, now) != 0;

    if (!changed && c->remaining == 0 && s->n_unplaceable == 0)
        return;
    expose(s, state_wall_ms(st));
    s->nodes = c->nodes;
    s->nodes_away = c->away;
    if (c->remaining > 0 && s->zero_at[0] != '\0')
        text_set(&s->zero_at, ""); /* a platform came back with keeps on it */
    s->keeps_remaining = c->remaining;
    if (strcmp(s->state, now) != 0 && s->state[0] != '\0' && now[0] != 'd')
        event_add(st, &t->object, "normal", "revocation.state", "controller", "%s, was %s", now,
                  s->state);
    text_set(&s->state, now);
    list_waiting(st, s, i);
    pass_half(st, t);
    txn_touch(st, &t->object);
    failpoint(FAIL_COUNTED);
}

void revocation_look(struct state *st)
{
    size_t n = st->effective == NULL ? 0 : st->effective->revocations_n;
    struct count *v;
    struct node *node;

    if (n == 0 || st->revoker == NULL || st->stopping)
        return;
    v = calloc(n, sizeof *v);
    BUG_ON(v == NULL);
    for (size_t i = 0; (node = map_next(&st->nodes, &i)) != NULL;)
        count_node(st, node, v);
    for (size_t i = 0; i < n; i++)
        look_at(st, i, &v[i]);
    free(v);
    revocation_fenced(st);
}

/* Whether somebody else does its work now. */
static bool replaced(const struct state *st, const struct keep *k)
{
    const struct workload *w = k->workload;

    for (size_t i = 0; i < w->keeps.n; i++)
        if (keep_live(w->keeps.v[i]) && keep_ready(st, w->keeps.v[i]) &&
            strcmp(w->keeps.v[i]->msg->spec->replaces, k->msg->metadata->uid) == 0)
            return true;
    return false;
}

static void learn(struct state *st, const struct keep *k)
{
    const Bailey__V1__Move *m = k->msg->status->move;
    int64_t since_s, took;

    if (m == NULL || !time_parse(m->since, &since_s, NULL))
        return;
    took = state_wall_ms(st) - since_s * 1000;
    if (took > 0)
        st->revoker->move_ms += (took - st->revoker->move_ms) / 8;
}

void revocation_over(struct state *st, const struct keep *k)
{
    uint32_t of[64];
    size_t n = st->revoker == NULL || k->node == NULL ? 0 : revocations_of(st, k->node, of, 64);

    for (size_t i = 0; i < n; i++) {
        const struct revocation *r = &st->effective->revocations[of[i]];
        struct trust_object *t = revocation_object(st, r);
        Bailey__V1__RevocationStatus *s = trust_revocation_status(t);
        bool told = strncmp(k->msg->status->reason, "stopped: revoked", 16) == 0;

        if (k->workload->trust.exceptions_n > 0 && !revocation_holds(st, k, of[i]))
            continue;
        expose(s, state_wall_ms(st));
        s->keeps_remaining -= s->keeps_remaining > 0;
        if (told && r->action != REVOCATION_STOP && replaced(st, k)) {
            s->keeps_moved++;
            learn(st, k);
        } else if (told) {
            s->keeps_stopped++;
        } else {
            s->keeps_ended++;
        }
        failpoint(FAIL_ENDED);
        pass_half(st, t);
        if (s->keeps_remaining == 0 && r->action != REVOCATION_HOLD)
            text_set(&s->state, "done");
        txn_touch(st, &t->object);
    }
}

void revocation_unplaced(struct state *st, const struct keep *k)
{
    for (size_t i = 0; i < st->effective->revocations_n; i++) {
        const struct revocation *r = &st->effective->revocations[i];
        struct trust_object *t;

        if (r->action != REVOCATION_DRAIN || !revocation_holds(st, k, i))
            continue;
        t = revocation_object(st, r);
        revocation_list(trust_revocation_status(t), k, true);
        txn_touch(st, &t->object);
    }
}

/* --- Beginning and end ------------------------------------------------------------------------ */

static Bailey__V1__RevocationOverride *override_new(const struct state *st,
                                                    const Bailey__V1__RevocationPlan *p,
                                                    const char *number, const char *who)
{
    Bailey__V1__RevocationOverride *m = malloc(sizeof *m);

    BUG_ON(m == NULL);
    bailey__v1__revocation_override__init(m);
    text_set(&m->number, number);
    text_set(&m->by, who);
    text_set_time(&m->at, state_wall_ms(st) / 1000);
    m->reasons = calloc(p->guard->n_reasons + 1, sizeof *m->reasons);
    BUG_ON(m->reasons == NULL);
    for (size_t i = 0; i < p->guard->n_reasons; i++) {
        m->reasons[i] = (char *)(uintptr_t)protobuf_c_empty_string;
        text_set(&m->reasons[i], p->guard->reasons[i]);
    }
    m->n_reasons = p->guard->n_reasons;
    return m;
}

void revocation_begin(struct state *st, struct trust_object *t, const Bailey__V1__RevocationPlan *p,
                      const char *override, const char *who)
{
    const Bailey__V1__RevocationSpec *spec = t->revocation->spec;
    Bailey__V1__RevocationStatus *s;
    int64_t wall = state_wall_ms(st);

    if (t->revocation->status != NULL)
        message_free(&t->revocation->status->base);
    t->revocation->status = NULL;
    s = trust_revocation_status(t);
    txn_touch(st, &t->object);
    text_set(&s->committed_by, who);
    if (spec->proposed) {
        text_set(&s->state, "proposed");
        return;
    }
    txn_raise_policy_revision(st);
    s->revision = st->cluster->policy_revision;
    s->committed_at_ms = s->exposure_at_ms = wall;
    text_set_time(&s->committed_at, wall / 1000);
    s->nodes = p->nodes_revoked;
    s->keeps_at_commit = s->keeps_remaining = p->keeps;
    text_set(&s->state, strcmp(spec->action, "hold") == 0 ? "holding"
                        : spec->canary                    ? "canary"
                                                          : "moving");
    if (p->guard->stops)
        s->override = override_new(st, p, override, who);
    event_add(st, &t->object, "warning", "revocation.begun", who,
              "%s: %u of %u nodes, %u keeps; plan %s%s%s; %s", t->object.key, p->nodes_revoked,
              p->nodes_all, p->keeps, p->digest, p->guard->stops ? ", guard overridden with " : "",
              p->guard->stops ? override : "", spec->because);
    failpoint(FAIL_BEGUN);
}

static void on_committed(struct state *st, void *data)
{
    (void)data;
    failpoint(FAIL_DURABLE);
    st->revoker->committing--;
    revocation_look(st);
    reconcile_capacity(st); /* what was held back goes on */
}

/* The agents are told first (an effect of the same batch, entered by effective_changed()). */
void revocation_commit(struct state *st)
{
    for (size_t i = 0; i < st->effective->revocations_n; i++) {
        const struct revocation *r = &st->effective->revocations[i];
        struct trust_object *t = revocation_object(st, r);
        Bailey__V1__RevocationStatus *s = t->revocation->status;

        if (r->action == REVOCATION_DRAIN && s->deadline[0] == '\0')
            text_set_time(&s->deadline, (revocation_deadline_ms(t, r) + 999) / 1000);
    }
    st->revoker->began = true;
    st->revoker->committing++;
    txn_after(st, on_committed, NULL);
    txn_flush(st);
    failpoint(FAIL_FLUSHED);
}

bool revocation_committing(const struct state *st)
{
    return st->revoker != NULL && st->revoker->committing > 0;
}

/* Its nodes admit nothing new until evidence comes that is younger than this. */
static void ask_fresh(struct state *st, const struct revocation *r)
{
    int64_t wall = state_wall_ms(st);
    struct node *n;

    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;) {
        if (!n->known || rules_refusing(&r->rules, &n->facts, SIMULATED_DEFAULT, NULL) == NULL)
            continue;
        n->fresh_after_ms = wall;
        text_set_time(&n->msg->status->fresh_evidence_after, wall / 1000);
        txn_touch(st, &n->object);
        node_publish(st, n);
    }
}

static void on_lifted(struct state *st, void *data)
{
    struct node *n;

    (void)data;
    failpoint(FAIL_LIFTED);
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        if (n->fresh_after_ms != 0 && n->session != NULL)
            session_renew(n->session);
}

bool revocation_lift(struct state *st, struct trust_object *t, const char *because, const char *who,
                     struct err *e)
{
    Bailey__V1__RevocationStatus *s = trust_revocation_status(t);

    if (revocation_lifted(t))
        return err_set(e, ERR_CONFLICT, "revocation.lifted", "revocation %s is lifted already",
                       t->object.key);
    if (t->revocation->spec->proposed)
        return err_set(e, ERR_CONFLICT, "revocation.proposed",
                       "revocation %s is only proposed, nothing is in force", t->object.key),
               err_mend(e, "delete it");
    revocation_look(st);
    for (size_t i = 0; i < st->effective->revocations_n; i++)
        if (strcmp(st->effective->revocations[i].name, t->object.key) == 0)
            ask_fresh(st, &st->effective->revocations[i]);
    text_set(&s->state, "lifted");
    text_set_time(&s->lifted_at, state_wall_ms(st) / 1000);
    text_set(&s->lifted_by, who);
    text_set(&s->lifted_because, because);
    txn_touch(st, &t->object);
    event_add(st, &t->object, "normal", "revocation.lifted", who,
              "%s; its nodes take keeps again after fresh evidence", because);
    failpoint(FAIL_LIFTING);
    effective_changed(st);
    txn_after(st, on_lifted, NULL);
    return true;
}
