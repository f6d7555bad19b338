/* Which replicas want a keep, and the keeps that they get. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "controller/command.h"
#include "controller/reconcile.h"
#include "controller/reconcile_int.h"
#include "controller/txn.h"

bool keep_complete(const struct workload *w, const struct keep *k)
{
    const Bailey__V1__Restart *r = w->msg->spec->restart;
    const Bailey__V1__KeepStatus *s = k->msg->status;
    const char *policy = r == NULL ? "always" : r->policy;

    if (keep_live(k) || s->started_at[0] == '\0' || strncmp(s->reason, "stopped:", 8) == 0 ||
        k->msg->spec->workload_generation != w->msg->metadata->generation)
        return false;
    if (strcmp(s->reason, "its node was lost and must have stopped it") == 0)
        return false;
    if (strcmp(policy, "never") == 0)
        return true;
    return strcmp(policy, "on-failure") == 0 && s->exit_code == 0 && s->exit_signal == 0;
}

static void keep_name(const struct workload *w, uint32_t replica, char *out, size_t size)
{
    static const char letters[] =
        "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none looks like another */
    uint8_t r[5];

    rand_bytes(r, sizeof r);
    snprintf(out, size, "%.46s-%u-%c%c%c%c%c", w->msg->metadata->name, replica, letters[r[0] & 31],
             letters[r[1] & 31], letters[r[2] & 31], letters[r[3] & 31], letters[r[4] & 31]);
}

/* Commits one decision: the keep stands in the store before its node hears of it. */
static void keep_bind(struct state *st, struct workload *w, uint32_t replica,
                      const struct decision *d)
{
    const struct node_view view = fleet_node_view(st->fleet, d->node);
    struct node *n = state_node(st, view.name);
    char name[NAME_MAX_LEN + 1];
    Bailey__V1__Metadata meta = BAILEY__V1__METADATA__INIT;
    Bailey__V1__Capacity limits = BAILEY__V1__CAPACITY__INIT;
    Bailey__V1__KeepSpec spec = BAILEY__V1__KEEP_SPEC__INIT;
    Bailey__V1__KeepStatus status = BAILEY__V1__KEEP_STATUS__INIT;
    Bailey__V1__Keep m = BAILEY__V1__KEEP__INIT;
    struct keep *k;

    BUG_ON(n == NULL);
    keep_name(w, replica, name, sizeof name);
    meta.name = name;
    meta.namespace_ = w->msg->metadata->namespace_;
    meta.labels = w->msg->metadata->labels;
    meta.n_labels = w->msg->metadata->n_labels;
    limits.cpu_milli = w->demand.need.cpu_milli;
    limits.memory_bytes = w->demand.need.memory;
    limits.tee_slots = w->demand.need.tee_slots;
    spec.workload = w->msg->metadata->name;
    spec.replica = replica;
    spec.node = n->object.key;
    spec.workload_generation = w->msg->metadata->generation;
    spec.artifact_digest = w->msg->spec->artifact->digest;
    spec.epoch = ++st->cluster->keep_epoch;
    spec.policy_revision = st->cluster->policy_revision;
    spec.limits = &limits;
    spec.stop_after_ms = (uint32_t)w->stop_after_ms;
    status.state = KEEP_STATE(scheduled);
    m.metadata = &meta;
    m.spec = &spec;
    m.status = &status;
    k = keep_new(st, &m, w, n);
    BUG_ON(k == NULL);
    k->id = d->keep;
    keep_publish(st, k);
    event_add(st, &k->object, "normal", "keep.scheduled", "controller", "bound to node %s",
              n->object.key);
    command_later(st, k);
}

/* Of every replica only the newest ended keep is kept, for people to look at. */
static void drop_ended(struct state *st, struct workload *w, uint32_t replica)
{
    for (size_t i = w->keeps.n; i-- > 0;)
        if (!keep_live(w->keeps.v[i]) && w->keeps.v[i]->msg->spec->replica == replica)
            txn_remove(st, &w->keeps.v[i]->object);
}

/* Marks the replicas that have, or need no more, a keep. */
static uint8_t *occupied(const struct workload *w, uint32_t want)
{
    uint8_t *taken = calloc(want == 0 ? 1 : want, 1);

    BUG_ON(taken == NULL);
    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        if (k->msg->spec->replica < want && (keep_live(k) || keep_complete(w, k)))
            taken[k->msg->spec->replica] = 1;
    }
    return taken;
}

uint32_t reconcile_complete(const struct workload *w)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w->keeps.n; i++)
        n += w->keeps.v[i]->msg->spec->replica < w->msg->spec->replicas &&
             keep_complete(w, w->keeps.v[i]);
    return n;
}

void reconcile_place(struct state *st, struct workload *w, uint32_t want)
{
    uint8_t *taken = occupied(w, want);
    uint32_t missing = 0, next = 0;
    struct decision *v;
    struct err e = {0};

    for (uint32_t r = 0; r < want; r++)
        missing += taken[r] == 0;
    memset(&w->last, 0, sizeof w->last);
    v = calloc(missing == 0 ? 1 : missing, sizeof *v);
    BUG_ON(v == NULL);
    for (uint32_t i = 0; i < missing; i++)
        v[i] = (struct decision){st->next_id++, NODE_NONE};
    if (missing > 0 && !place(st->fleet, &w->demand, state_wall_ms(st), v, missing, &w->last, &e)) {
        log_error("placing failed", LOG_STR("workload", w->object.key), LOG_ERR(&e));
        w->last.pending = missing;
        w->last.placed = 0;
    }
    for (uint32_t r = 0, i = 0; r < want; r++) {
        if (taken[r] != 0)
            continue;
        while (next < missing && v[next].node == NODE_NONE)
            next++;
        if (next == missing || i++ >= w->last.placed)
            break;
        drop_ended(st, w, r);
        keep_bind(st, w, r, &v[next++]);
    }
    if (w->pending != w->last.pending) {
        char why[256];

        if (w->last.pending > 0)
            event_add(st, &w->object, "warning", "workload.pending", "controller",
                      "%u without a place: %s", w->last.pending,
                      placing_text(&w->last, why, sizeof why));
        txn_show(st, &w->object);
    }
    w->pending = w->last.pending;
    free(v);
    free(taken);
}
