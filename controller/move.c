#include "controller/move.h"

#include "controller/reconcile_int.h"

#define STALE_GRACE_MS (10 * 60 * 1000) /* past its age, before what runs there is moved */

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
    reconcile_wake(w, now + max_age - age + 1);
    return NULL;
}

static uint32_t max_unavailable(const struct workload *w)
{
    const Bailey__V1__Availability *a = w->msg->spec->availability;

    return a == NULL || a->max_unavailable == 0 ? 1 : a->max_unavailable;
}

/* Stops what must move, as many at a time as the workload allows; what does not run is missing
 * already and may go at once. */
void move_step(struct state *st, struct workload *w, uint32_t want, int64_t now)
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
