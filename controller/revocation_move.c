/* What revocations ask of keeps that run on their platforms. */
#include <stdio.h>
#include <string.h>

#include "controller/reconcile_int.h"
#include "controller/revocation.h"
#include "controller/revocation_int.h"

/* A keep that never ran is not what a hold leaves alone: it would be a new one. */
static bool never_ran(const struct keep *k)
{
    return k->msg->status->started_at[0] == '\0' &&
           (k->msg->status->state == KEEP_STATE(scheduled) ||
            k->msg->status->state == KEEP_STATE(starting));
}

/* What this one asks; false: nothing (yet). */
static bool asks(const struct state *st, const struct keep *k, size_t i, int64_t since_ms,
                 int64_t *deadline_ms)
{
    const struct revocation *r = &st->effective->revocations[i];

    if (r->action == REVOCATION_STOP || never_ran(k)) {
        *deadline_ms = since_ms;
        return true;
    }
    if (r->action == REVOCATION_HOLD)
        return false;
    *deadline_ms = revocation_deadline_ms(revocation_object(st, r), r);
    return !(r->canary && k->canary_waits);
}

bool revocation_asks(const struct state *st, const struct keep *k, int64_t since_ms,
                     struct move_order *out, int64_t *again_ms)
{
    const struct effective *ef = st->effective;
    int64_t wall = state_wall_ms(st);
    bool any = false;

    for (size_t i = 0; i < ef->revocations_n; i++) {
        const struct revocation *r = &ef->revocations[i];
        const char *because;
        int64_t deadline = MOVE_NO_DEADLINE, again;

        if (!revocation_holds(st, k, i))
            continue;
        if (asks(st, k, i, since_ms, &deadline)) {
            because = revocation_object(st, r)->revocation->spec->because;
            if (!any || deadline < out->deadline_ms)
                snprintf(out->why, sizeof out->why, "revoked by %s: %s", r->name, because);
            out->cause = "revocation";
            out->deadline_ms = deadline < out->deadline_ms ? deadline : out->deadline_ms;
            any = true;
        } else if (r->canary &&
                   k->canary_waits) { /* at the latest when half of the grace is over */
            again = state_now_ms(st) + deadline - r->grace_ms / 2 - wall;
            *again_ms = again < *again_ms ? again : *again_ms;
        }
    }
    return any;
}

/* Whether a replacement that was placed under the revocation has shown itself healthy. */
static bool proven(const struct state *st, const struct workload *w, uint64_t revision)
{
    for (size_t i = 0; i < w->keeps.n; i++) {
        const struct keep *k = w->keeps.v[i];

        if (keep_live(k) && k->msg->spec->replaces[0] != '\0' &&
            k->msg->spec->policy_revision >= revision && keep_ready(st, k))
            return true;
    }
    return false;
}

/* One keep goes first: the one that moves already, or the first that can. */
static void choose(const struct state *st, struct workload *w, size_t revocation)
{
    struct keep *first = NULL;

    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (!keep_live(k) || !revocation_holds(st, k, revocation))
            continue;
        if (keep_moving(k)) {
            first = k;
            break;
        }
        if (first == NULL && k->node != NULL && node_connected(st, k->node))
            first = k;
    }
    for (size_t i = 0; i < w->keeps.n; i++) {
        struct keep *k = w->keeps.v[i];

        if (keep_live(k) && k != first && revocation_holds(st, k, revocation))
            k->canary_waits = true;
    }
}

void revocation_canaries(const struct state *st, struct workload *w)
{
    int64_t wall = state_wall_ms(st);

    for (size_t i = 0; i < w->keeps.n; i++)
        w->keeps.v[i]->canary_waits = false;
    for (size_t i = 0; i < st->effective->revocations_n; i++) {
        const struct revocation *r = &st->effective->revocations[i];
        const struct trust_object *t;

        if (!r->canary || r->action != REVOCATION_DRAIN)
            continue;
        t = revocation_object(st, r);
        if (wall >= revocation_deadline_ms(t, r) - r->grace_ms / 2 ||
            proven(st, w, t->revocation->status->revision))
            continue;
        choose(st, w, i);
    }
}
