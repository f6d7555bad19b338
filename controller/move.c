#include "controller/move.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "controller/failpoint.h"
#include "controller/reconcile_int.h"
#include "controller/revocation.h"
#include "controller/rolling.h"
#include "controller/txn.h"

#define STALE_GRACE_MS (10 * 60 * 1000) /* past its age, before what runs there is moved */

bool keep_moving(const struct keep *k)
{
    return keep_live(k) && k->msg->status->move != NULL;
}

bool keep_ready(const struct state *st, const struct keep *k)
{
    const Bailey__V1__KeepStatus *s = k->msg->status;

    return s->state == KEEP_STATE(running) && k->node != NULL && node_connected(st, k->node) &&
           (k->workload->msg->spec->health == NULL ||
            s->health == BAILEY__V1__KEEP_STATUS__HEALTH__healthy);
}

/* Nothing said is 1; 0 said is 0: then every change starts the new keep before it stops the old. */
uint32_t move_max_unavailable(const struct workload *w)
{
    const Bailey__V1__Availability *a = w->msg->spec->availability;

    return a == NULL ? 1 : a->max_unavailable;
}

uint32_t move_pace(const struct workload *w)
{
    uint32_t n = move_max_unavailable(w);

    return n == 0 ? 1 : n;
}

/* One cause more: the first one names the move, the soonest deadline holds. */
static void ask(struct move_order *o, const char *cause, int64_t deadline_ms, const char *fmt, ...)
    PRINTFLIKE(4, 5);
static void ask(struct move_order *o, const char *cause, int64_t deadline_ms, const char *fmt, ...)
{
    va_list ap;

    if (deadline_ms < o->deadline_ms)
        o->deadline_ms = deadline_ms;
    if (o->cause != NULL)
        return;
    o->cause = cause;
    va_start(ap, fmt);
    vsnprintf(o->why, sizeof o->why, fmt, ap);
    va_end(ap);
}

static void ask_rules(const struct state *st, const struct keep *k, int64_t since_ms,
                      struct move_order *o)
{
    struct judgement j = rules_judge(&k->workload->trust.rules, &k->node->facts);
    int64_t deadline = since_ms + st->options.move_grace_ms;
    const char *because = j.rule == NULL ? NULL : j.rule->selector.because;

    if (j.verdict == VERDICT_REVOKED) { /* that was asked already; is there anything else? */
        struct rules rest = k->workload->trust.rules;

        rest.cluster = (struct rule_list){0};
        j = rules_judge(&rest, &k->node->facts);
    }
    if (verdict_tolerates(j.verdict))
        return;
    ask(o, "policy", deadline, "%s%s%s%s%s%s", j.rule != NULL ? j.rule->name : "its platform is ",
        j.rule != NULL ? " refuses it" : "", j.rule == NULL ? verdict_name(j.verdict) : "",
        j.rule != NULL && j.truth == TRUTH_UNKNOWN ? ", for its evidence does not say" : "",
        because == NULL || because[0] == '\0' ? "" : ": ", because == NULL ? "" : because);
}

static void ask_evidence(const struct state *st, const struct keep *k, int64_t since_ms,
                         struct move_order *o, int64_t *again_ms)
{
    int64_t max_age = k->workload->max_evidence_age_ms + STALE_GRACE_MS;
    int64_t age = state_wall_ms(st) - k->node->verified_at_ms;
    int64_t again = state_now_ms(st) + max_age - age + 1;

    if (!k->node->has_facts)
        ask(o, "evidence", since_ms + st->options.move_grace_ms,
            "its node's evidence does not count any more");
    else if (age > max_age)
        ask(o, "evidence", since_ms + st->options.move_grace_ms, "its node's evidence is too old");
    else if (again < *again_ms)
        *again_ms = again;
}

static void ask_drain(const struct keep *k, struct move_order *o)
{
    const Bailey__V1__Drain *d = k->node->msg->spec->drain;
    int64_t deadline_s = 0;

    if (d == NULL)
        return;
    ask(o, "drain",
        d->deadline[0] != '\0' && moment_parse(d->deadline, &deadline_s, NULL) ? deadline_s * 1000
                                                                               : MOVE_NO_DEADLINE,
        "node %s is drained%s%s", k->node->object.key, d->because[0] == '\0' ? "" : ": ",
        d->because);
}

bool move_wanted(const struct state *st, const struct keep *k, int64_t since_ms,
                 struct move_order *out, int64_t *again_ms)
{
    struct move_order o = {.deadline_ms = MOVE_NO_DEADLINE};

    (void)revocation_asks(st, k, since_ms, &o, again_ms);
    if (k->node->has_facts)
        ask_rules(st, k, since_ms, &o);
    ask_evidence(st, k, since_ms, &o, again_ms);
    ask_drain(k, &o);
    if (keep_outdated(k) && rolling_moves(k->workload) && !rolling_paused(k->workload))
        ask(&o, "workload", MOVE_NO_DEADLINE, "the workload changed");
    if (o.cause == NULL)
        return false;
    *out = o;
    return true;
}

static int64_t since_ms(const struct state *st, const struct keep *k)
{
    const Bailey__V1__Move *m = k->msg->status->move;
    int64_t s;

    if (m != NULL && time_parse(m->since, &s, NULL))
        return s * 1000;
    return state_wall_ms(st) / 1000 * 1000; /* as it is stored */
}

static int64_t deadline_ms(const Bailey__V1__Move *m)
{
    int64_t s;

    if (m->deadline[0] == '\0' || !time_parse(m->deadline, &s, NULL))
        return MOVE_NO_DEADLINE;
    return s * 1000;
}

static void take_back(struct state *st, struct keep *k)
{
    message_free(&k->msg->status->move->base);
    k->msg->status->move = NULL;
    keep_changed(st, k);
    event_add(st, &k->object, "normal", "keep.stays", "controller", "it need not move any more");
}

/* The decision as it is stored, when it is another than before. */
static void decide(struct state *st, struct keep *k, int64_t since, const struct move_order *o)
{
    Bailey__V1__Move *m = k->msg->status->move;
    bool fresh = m == NULL;
    char at[TIME_TEXT] = "";

    if (o->deadline_ms != MOVE_NO_DEADLINE) /* rounded up: nothing ends early */
        time_format((o->deadline_ms + 999) / 1000, at);
    if (!fresh && strcmp(m->cause, o->cause) == 0 && strcmp(m->why, o->why) == 0 &&
        strcmp(m->deadline, at) == 0)
        return;
    if (fresh) {
        m = malloc(sizeof *m);
        BUG_ON(m == NULL);
        bailey__v1__move__init(m);
        text_set_time(&m->since, since / 1000);
        k->msg->status->move = m;
    }
    text_set(&m->cause, o->cause);
    text_set(&m->why, o->why);
    text_set(&m->deadline, at);
    keep_changed(st, k);
    if (o->cause[0] == 'r')
        failpoint(FAIL_DECIDED);
    if (fresh)
        event_add(st, &k->object, "warning", "keep.moving", "controller", "%s%s%s", o->why,
                  at[0] == '\0' ? "" : "; it stays until it is replaced, at the latest until ", at);
}

static void decide_all(struct state *st, struct workload *w)
{
    revocation_canaries(st, w);
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];
        int64_t again = INT64_MAX, since = since_ms(st, k);
        struct move_order o;

        k->replacement = NULL;
        if (!keep_live(k) || keep_told(k) || k->node == NULL || !node_connected(st, k->node))
            continue;
        if (move_wanted(st, k, since, &o, &again))
            decide(st, k, since, &o);
        else if (k->msg->status->move != NULL)
            take_back(st, k);
        reconcile_wake(w, again);
    }
}

/* Who takes whose place; the one that is ready counts where there are two. */
static void find_replacements(struct state *st, struct workload *w)
{
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i], *old;

        if (!keep_live(k) || keep_told(k) || k->msg->spec->replaces[0] == '\0')
            continue;
        old = state_keep_uid(st, k->msg->spec->replaces);
        if (old != NULL && old->workload == w &&
            (old->replacement == NULL || !keep_ready(st, old->replacement)))
            old->replacement = k;
    }
}

static void stop_moved(struct state *st, struct workload *w)
{
    int64_t wall = state_wall_ms(st), now = state_now_ms(st);
    char text[200];

    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];
        int64_t deadline;

        if (!keep_moving(k) || keep_told(k) || k->node == NULL || !node_connected(st, k->node))
            continue;
        deadline = deadline_ms(k->msg->status->move);
        snprintf(text, sizeof text, "%.190s", k->msg->status->move->why);
        if (k->msg->status->state != KEEP_STATE(running) ||
            (k->replacement != NULL && keep_ready(st, k->replacement))) {
            keep_stop(st, k, text);
        } else if (wall >= deadline) {
            event_add(st, &k->object, "warning", "keep.deadline", "controller",
                      "stopped without a healthy replacement: the move's deadline has passed");
            revocation_unplaced(st, k);
            keep_stop(st, k, text);
        } else if (deadline != MOVE_NO_DEADLINE) {
            reconcile_wake(w, now + deadline - wall);
        }
    }
}

void move_step(struct state *st, struct workload *w, uint32_t want)
{
    decide_all(st, w);
    find_replacements(st, w);
    stop_moved(st, w);
    rolling_step(st, w, want);
}
