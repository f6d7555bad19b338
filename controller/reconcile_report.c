/* What agents say of their keeps. */
#include <stdlib.h>

#include "base/rand.h"
#include "base/str.h"
#include "controller/command.h"
#include "controller/failpoint.h"
#include "controller/reconcile.h"
#include "controller/reconcile_int.h"
#include "controller/txn.h"

#define RETRY_MS 1000
#define RETRY_MAX_MS (5 * 60 * 1000)
#define RETRY_DOUBLINGS 9 /* 2^9 s is above it */
#define RAN_WELL_MS (10 * 60 * 1000)

/* A keep ended without being told to: the next try waits longer and longer, unless it ran well. Up
 * to a fifth of the wait is left to chance, so that what failed together does not return together.
 */
static void back_off(struct state *st, struct workload *w, const Bailey__V1__KeepReport *r)
{
    int64_t wait = RETRY_MAX_MS;
    uint16_t chance;

    if (r->started_at_ms != 0 && state_wall_ms(st) - r->started_at_ms > RAN_WELL_MS)
        w->failures = 0;
    if (w->failures < RETRY_DOUBLINGS)
        wait = (int64_t)RETRY_MS << w->failures;
    rand_bytes(&chance, sizeof chance);
    wait -= wait / 5 * chance / UINT16_MAX;
    w->failures++;
    w->retry_at_ms = state_now_ms(st) + wait;
    (void)str_printable(bytes_str(r->reason[0] == '\0' ? "it ended" : r->reason), w->retry_why,
                        sizeof w->retry_why);
    event_add(st, &w->object, "warning", "workload.back-off", "controller",
              "%u keeps in a row ended without being told to; the next start is tried in %lld.%lld "
              "s: %s",
              w->failures, (long long)wait / 1000, (long long)wait / 100 % 10, w->retry_why);
    txn_show(st, &w->object);
}

static void copy_report(struct keep *k, const Bailey__V1__KeepReport *r)
{
    Bailey__V1__KeepStatus *s = k->msg->status;

    s->pid = r->pid;
    s->restarts = r->restarts;
    s->exit_code = r->exit_code;
    s->exit_signal = r->exit_signal;
    s->health = r->health;
    text_set(&s->exit_reason, r->exit_reason);
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
    return r->state != KEEP_STATE(ended) && (s->state == r->state || keep_told(k)) &&
           s->pid == r->pid && s->restarts == r->restarts && s->exit_code == r->exit_code &&
           s->exit_signal == r->exit_signal && s->health == r->health &&
           strcmp(s->exit_reason, r->exit_reason) == 0 && strcmp(s->next_start_at, at) == 0 &&
           (s->started_at[0] != '\0') == (r->started_at_ms != 0) &&
           (keep_told(k) || strcmp(s->reason, r->reason) == 0);
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
    was_told = keep_told(k);
    if (k->msg->spec->replaces[0] != '\0')
        failpoint(r->state == KEEP_STATE(running) ? FAIL_RUNNING : FAIL_STARTING);
    began = k->msg->status->state != KEEP_STATE(running) && r->state == KEEP_STATE(running);
    copy_report(k, r);
    if (r->state == KEEP_STATE(ended)) {
        if (!was_told && strncmp(r->reason, "stopped: revoked", 16) != 0)
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
