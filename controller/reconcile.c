#include "controller/reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "controller/command.h"
#include "controller/txn.h"

#define STALE_GRACE_MS (10 * 60 * 1000) /* past its age, before what runs there is moved */
#define RETRY_MS 1000
#define RETRY_MAX_MS (5 * 60 * 1000)
#define RAN_WELL_MS (10 * 60 * 1000)

struct reconciler {
    uv_timer_t timer;
    bool due;      /* some workload is */
    bool capacity; /* every pending workload is */
};

static void on_timer(uv_timer_t *t)
{
    struct state *st = t->data;
    struct workload *w;
    int64_t now = state_now_ms(st);

    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->wake_ms <= now)
            reconcile_workload(st, w);
    st->reconciler->due = true; /* the loop's clock may run ahead: then the timer is set again */
}

bool reconcile_init(struct state *st, struct err *e)
{
    st->reconciler = calloc(1, sizeof *st->reconciler);
    if (st->reconciler == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    uv_timer_init(st->loop, &st->reconciler->timer);
    uv_unref((uv_handle_t *)&st->reconciler->timer);
    st->reconciler->timer.data = st;
    st->reconciler->due = true; /* whatever was loaded */
    return true;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void reconcile_fini(struct state *st)
{
    struct reconciler *r = STEAL(st->reconciler);

    if (r == NULL)
        return;
    r->timer.data = r;
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

void reconcile_workload(struct state *st, struct workload *w)
{
    w->due = true;
    if (st->reconciler != NULL)
        st->reconciler->due = true;
}

void reconcile_capacity(struct state *st)
{
    if (st->reconciler != NULL)
        st->reconciler->capacity = true;
}

void reconcile_node(struct state *st, struct node *n)
{
    for (size_t i = 0; i < n->keeps.n; i++)
        if (keep_live(n->keeps.v[i]))
            reconcile_workload(st, n->keeps.v[i]->workload);
}

static void wake_at(struct workload *w, int64_t at_ms)
{
    if (at_ms < w->wake_ms)
        w->wake_ms = at_ms;
}

static void keep_changed(struct state *st, struct keep *k)
{
    txn_touch(st, &k->object);
    txn_show(st, &k->workload->object);
    keep_publish(st, k);
}

/* We told it to stop; an agent may say "stopping" of its own, when the lease has run out. */
static bool told(const struct keep *k)
{
    return k->msg->status->state == KEEP_STATE(stopping) &&
           strncmp(k->msg->status->reason, "stopped:", 8) == 0;
}

static void keep_stop(struct state *st, struct keep *k, const char *why)
{
    char text[256];

    if (told(k))
        return;
    snprintf(text, sizeof text, "stopped: %s", why);
    k->msg->status->state = KEEP_STATE(stopping);
    text_set(&k->msg->status->reason, text);
    keep_changed(st, k);
    event_add(st, &k->object, "normal", "keep.stopping", "controller", "%s", text);
    command_later(st, k);
}

static void keep_end(struct state *st, struct keep *k, const char *reason, const char *why)
{
    k->msg->status->state = KEEP_STATE(ended);
    if (strncmp(k->msg->status->reason, "stopped:", 8) != 0)
        text_set(&k->msg->status->reason, why);
    if (k->msg->status->ended_at[0] == '\0')
        text_set_time(&k->msg->status->ended_at, state_wall_ms(st) / 1000);
    keep_changed(st, k);
    event_add(st, &k->object, strcmp(reason, "keep.ended") == 0 ? "normal" : "warning", reason,
              "controller", "%s", why);
    reconcile_capacity(st);
}

/* A lost node's keep: over for sure, or to be looked at again then. */
static void check_lost(struct state *st, struct workload *w, struct keep *k, int64_t now)
{
    int64_t replace, over;

    if (k->node == NULL) {
        keep_end(st, k, "keep.lost", "its node was deleted");
        return;
    }
    if (node_connected(st, k->node))
        return;
    over = keep_surely_over_ms(k, k->node);
    replace = k->node->last_ack_ms + st->options.lease_ms + w->replace_after_ms;
    replace = replace > over ? replace : over;
    if (now >= replace)
        keep_end(st, k, "keep.lost", "its node was lost and must have stopped it");
    else
        wake_at(w, replace);
}

/* Why a keep may not go on where it is, or NULL. */
static const char *move_reason(struct state *st, struct workload *w, struct keep *k, int64_t now)
{
    const struct node *n = k->node;
    int64_t max_age = w->rules.max_evidence_age_ms + STALE_GRACE_MS;
    int64_t age = state_wall_ms(st) - n->verified_at_ms;

    if (k->msg->spec->workload_generation != w->msg->metadata->generation)
        return "the workload changed";
    if (!n->has_facts)
        return "its node's evidence does not count any more";
    if (rules_judge(&w->rules, &n->facts).verdict != VERDICT_ADMITTED)
        return "the rules do not admit its platform";
    if (age > max_age)
        return "its node's evidence is too old";
    wake_at(w, now + max_age - age + 1);
    return NULL;
}

static uint32_t max_unavailable(const struct workload *w)
{
    const Bailey__V1__Availability *a = w->msg->spec->availability;

    return a == NULL || a->max_unavailable == 0 ? 1 : a->max_unavailable;
}

/* Stops what must move, as many at a time as the workload allows; what does not run is missing
 * already and may go at once. */
static void roll(struct state *st, struct workload *w, uint32_t want, int64_t now)
{
    uint32_t running = 0, budget, missing;

    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        running += k->msg->status->state == KEEP_STATE(running) && k->msg->spec->replica < want &&
                   k->node != NULL && node_connected(st, k->node);
    }
    missing = want > running ? want - running : 0;
    budget = max_unavailable(w) > missing ? max_unavailable(w) - missing : 0;
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];
        const char *why;

        if (!keep_live(k) || k->msg->status->state == KEEP_STATE(stopping) || k->node == NULL ||
            !node_connected(st, k->node))
            continue;
        why = move_reason(st, w, k, now);
        if (why == NULL)
            continue;
        if (k->msg->status->state == KEEP_STATE(running)) {
            if (budget == 0)
                continue;
            budget--;
        }
        keep_stop(st, k, why);
    }
}

/* True when an ended keep is the last of its replica: its program has done its work. */
static bool complete(const struct workload *w, const struct keep *k)
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

        if (k->msg->spec->replica < want && (keep_live(k) || complete(w, k)))
            taken[k->msg->spec->replica] = 1;
    }
    return taken;
}

uint32_t reconcile_complete(const struct workload *w)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w->keeps.n; i++)
        n += w->keeps.v[i]->msg->spec->replica < w->msg->spec->replicas &&
             complete(w, w->keeps.v[i]);
    return n;
}

static void place_missing(struct state *st, struct workload *w, uint32_t want)
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

static void finish_delete(struct state *st, struct workload *w)
{
    while (w->keeps.n > 0)
        txn_remove(st, &w->keeps.v[w->keeps.n - 1]->object);
    event_add(st, &w->object, "normal", "workload.deleted", "controller", "all its keeps ended");
    txn_remove(st, &w->object);
}

static void reconcile_one(struct state *st, struct workload *w)
{
    bool deleted = w->msg->metadata->deleted_at[0] != '\0';
    uint32_t want = deleted ? 0 : w->msg->spec->replicas;
    int64_t now = state_now_ms(st);
    size_t live = 0;

    w->due = false;
    w->wake_ms = INT64_MAX;
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (keep_live(k))
            check_lost(st, w, k, now);
        if (keep_live(k) && k->msg->spec->replica >= want)
            keep_stop(st, k, deleted ? "the workload was deleted" : "fewer replicas are wanted");
        live += keep_live(k);
    }
    if (deleted && live == 0) {
        finish_delete(st, w);
        return;
    }
    roll(st, w, want, now);
    if (now >= w->retry_at_ms)
        place_missing(st, w, want);
    else
        wake_at(w, w->retry_at_ms);
}

static int by_priority(const void *x, const void *y)
{
    const struct workload *a = *(struct workload *const *)x, *b = *(struct workload *const *)y;

    if (a->demand.priority != b->demand.priority)
        return a->demand.priority > b->demand.priority ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void set_timer(struct state *st)
{
    struct workload *w;
    int64_t next = INT64_MAX, now = state_now_ms(st);

    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->wake_ms < next)
            next = w->wake_ms;
    uv_timer_stop(&st->reconciler->timer);
    if (next != INT64_MAX)
        uv_timer_start(&st->reconciler->timer, on_timer, next > now ? (uint64_t)(next - now) : 0,
                       0);
}

void reconcile_run(struct state *st)
{
    struct reconciler *r = st->reconciler;
    VEC(struct workload *) due = {0};
    struct workload *w;

    if (r == NULL || st->stopping || (!r->due && !r->capacity))
        return;
    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (w->due || (r->capacity && w->pending > 0))
            BUG_ON(!vec_push(&due, w));
    r->due = r->capacity = false;
    if (due.n > 1)
        qsort(due.v, due.n, sizeof due.v[0], by_priority);
    for (size_t i = 0; i < due.n; i++)
        reconcile_one(st, due.v[i]);
    vec_fini(&due);
    set_timer(st);
}

/* A keep ended without being told to: the next try waits longer and longer, unless it ran well. */
static void back_off(struct state *st, struct workload *w, const Bailey__V1__KeepReport *r)
{
    int64_t wait;

    if (r->started_at_ms != 0 && state_wall_ms(st) - r->started_at_ms > RAN_WELL_MS)
        w->failures = 0;
    wait = w->failures > 16 ? RETRY_MAX_MS : (int64_t)RETRY_MS << w->failures;

    w->failures++;
    w->retry_at_ms = state_now_ms(st) + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
}

static void copy_report(struct keep *k, const Bailey__V1__KeepReport *r)
{
    Bailey__V1__KeepStatus *s = k->msg->status;

    s->pid = r->pid;
    s->restarts = r->restarts;
    s->exit_code = r->exit_code;
    s->exit_signal = r->exit_signal;
    text_set_time(&s->started_at, r->started_at_ms / 1000);
    text_set_time(&s->ended_at, r->ended_at_ms / 1000);
    text_set_time(&s->next_start_at, r->next_start_at_ms / 1000);
    if (strncmp(s->reason, "stopped:", 8) != 0)
        text_set(&s->reason, r->reason);
}

/* Agents repeat themselves; what is known already costs no commit. */
static bool known(const struct keep *k, const Bailey__V1__KeepReport *r)
{
    const Bailey__V1__KeepStatus *s = k->msg->status;
    char at[TIME_TEXT] = "";

    if (r->next_start_at_ms != 0)
        time_format(r->next_start_at_ms / 1000, at);
    return r->state != KEEP_STATE(ended) && (s->state == r->state || told(k)) && s->pid == r->pid &&
           s->restarts == r->restarts && s->exit_code == r->exit_code &&
           s->exit_signal == r->exit_signal && strcmp(s->next_start_at, at) == 0 &&
           (s->started_at[0] != '\0') == (r->started_at_ms != 0) &&
           (told(k) || strcmp(s->reason, r->reason) == 0);
}

void reconcile_report(struct state *st, struct node *n, const Bailey__V1__KeepReport *r)
{
    struct keep *k = state_keep_uid(st, r->keep_uid);
    bool was_told, began;

    if (k == NULL || k->node != n || !keep_live(k) || k->msg->spec->epoch != r->epoch) {
        if (r->state != KEEP_STATE(ended))
            command_stop_unknown(st, n, r);
        return;
    }
    if (known(k, r))
        return;
    was_told = told(k);
    began = k->msg->status->state != KEEP_STATE(running) && r->state == KEEP_STATE(running);
    copy_report(k, r);
    if (r->state == KEEP_STATE(ended)) {
        if (!was_told)
            back_off(st, k->workload, r);
        keep_end(st, k, was_told ? "keep.ended" : "keep.exited",
                 r->reason[0] != '\0' ? r->reason : "ended");
    } else if (!was_told && r->state > KEEP_STATE(scheduled)) {
        k->msg->status->state = r->state;
        keep_changed(st, k);
    } else {
        keep_changed(st, k);
    }
    if (began && !was_told)
        event_add(st, &k->object, "normal", "keep.running", n->object.key, "running on node %s",
                  n->object.key);
    reconcile_workload(st, k->workload);
}

void reconcile_hello(struct state *st, struct node *n, Bailey__V1__KeepReport *const *v,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        reconcile_report(st, n, v[i]);
    for (size_t i = 0; i < n->keeps.n; i++) {
        struct keep *k = n->keeps.v[i];
        bool there = false;

        k->sent = COMMAND_NONE;
        for (size_t j = 0; j < count && !there; j++)
            there = strcmp(v[j]->keep_uid, k->msg->metadata->uid) == 0;
        if (!keep_live(k) || there || k->msg->status->state == KEEP_STATE(scheduled))
            continue; /* scheduled: it is told to start */
        keep_end(st, k, k->msg->status->state == KEEP_STATE(stopping) ? "keep.ended" : "keep.lost",
                 "its node does not have it any more");
        reconcile_workload(st, k->workload);
    }
    reconcile_node(st, n);
}
