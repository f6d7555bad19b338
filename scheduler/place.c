/* place.c - decisions for a number of keeps of one demand; see place.h. */
#include "scheduler/place.h"

#include <stdlib.h>

#include "scheduler/run.h"
#include "scheduler/tally.h"

static bool check_spread(const struct spread *s, struct err *e)
{
    if (s->max_skew == 0 && s->max_share == 0)
        return err_set(e, ERR_INPUT, "scheduler.max-skew", "spread over %s: maxSkew is 0", s->over);
    if (s->max_share > 100)
        return err_set(e, ERR_INPUT, "scheduler.max-share", "spread over %s: more than 100 percent",
                       s->over);
    if (s->max_skew > 0 && over_advisory(s->over))
        return err_set(e, ERR_INPUT, "scheduler.advisory-skew",
                       "spread over advisory: only a share makes sense");
    return true;
}

bool demand_check(const struct demand *d, struct err *e)
{
    struct amount a;

    if (d->rules == NULL)
        return err_set(e, ERR_INPUT, "scheduler.no-rules", "a demand without rules");
    if (d->spread_n > PLACE_SPREADS)
        return err_set(e, ERR_LIMIT, "scheduler.spreads", "more than %d spreads", PLACE_SPREADS);
    if (d->relations_n > PLACE_RELATIONS || d->prefer_n > PLACE_PREFERENCES)
        return err_set(e, ERR_LIMIT, "scheduler.relations", "too many relations or preferences");
    for (size_t i = 0; i < d->spread_n; i++)
        if (!check_spread(&d->spread[i], e))
            return false;
    for (size_t i = 0; i < d->relations_n; i++)
        if (over_advisory(d->relations[i].over))
            return err_set(e, ERR_INPUT, "scheduler.relation", "relations are not over advisories");
    if (!need_amount(&d->need, false, &a) || !need_amount(&d->need, true, &a))
        return err_set(e, ERR_LIMIT, "scheduler.keep-size", "no keep is that large");
    return true;
}

/* Takes back trials, and with `all` the entered keeps too. */
static void take_back(struct fleet *f, const struct demand *d, struct decision *v, size_t count,
                      bool all)
{
    for (size_t i = count; i-- > 0;) {
        if (v[i].node == NODE_NONE)
            continue;
        if (v[i].keep == 0)
            run_untry(f, d, v[i].node);
        else if (all)
            (void)fleet_keep_remove(f, v[i].keep);
    }
}

static bool run_all(struct run *r, struct decision *v, size_t count, struct placing *out,
                    struct err *e)
{
    uint32_t group;

    for (size_t i = 0; i < count; i++)
        v[i].node = NODE_NONE;
    for (size_t i = 0; i < count; i++) {
        v[i].node = run_decide(r, &group);
        if (v[i].node == NODE_NONE)
            break; /* the others are like it */
        if (!run_take(r, group, v[i].node, v[i].keep, e)) {
            v[i].node = NODE_NONE;
            take_back(r->f, r->d, v, i, true);
            return false;
        }
        out->placed++;
    }
    out->pending = (uint32_t)count - out->placed;
    return true;
}

bool place(struct fleet *f, const struct demand *d, int64_t now_ms, struct decision *v,
           size_t count, struct placing *out, struct err *e)
{
    struct placing done = {0};
    struct run r;
    bool ok, none;

    for (size_t i = 0; i < count; i++)
        if (v[i].keep != 0 && u64_map_get(&f->keep_by_id, v[i].keep) != KEEP_NONE)
            return err_set(e, ERR_EXISTS, "scheduler.keep-exists", "a keep has this id already");
    if (!run_init(&r, f, d, now_ms, e))
        return false;
    ok = run_all(&r, v, count, &done, e);
    if (ok && done.pending > 0)
        ok = tally(f, d, now_ms, done.tally, e); /* with the gang's part in place: what it lacks */
    run_fini(&r);
    none = ok && d->gang && done.pending > 0;
    if (ok || done.placed > 0)
        take_back(f, d, v, count, !ok || none);
    for (size_t i = 0; none && i < count; i++)
        v[i].node = NODE_NONE;
    if (none) {
        done.pending += done.placed;
        done.placed = 0;
    }
    if (ok)
        *out = done;
    return ok;
}
