/* rollout.c - see rollout.h. */
#include "scheduler/rollout.h"

const char *rollout_state_name(enum rollout_state s)
{
    static const char *const names[] = {"done", "progressing", "waiting", "paused"};

    return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "unknown";
}

struct counts {
    uint32_t total, healthy, current, current_healthy, old, old_healthy, ending;
};

static struct counts count(const struct rollout_keep *v, size_t n)
{
    struct counts c = {0};

    for (size_t i = 0; i < n; i++) {
        c.ending += v[i].ending;
        if (v[i].ending)
            continue;
        c.total++;
        c.healthy += v[i].healthy;
        c.current += v[i].current;
        c.current_healthy += v[i].current && v[i].healthy;
        c.old += !v[i].current;
        c.old_healthy += !v[i].current && v[i].healthy;
    }
    return c;
}

static uint32_t at_least(uint32_t a, uint32_t b)
{
    return a > b ? a - b : 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static size_t stop(const struct rollout_keep *v, size_t n, bool current, bool healthy,
                   uint32_t many, struct rollout_action *out, size_t max)
{
    size_t done = 0;

    for (size_t i = 0; i < n && done < many && done < max; i++)
        if (!v[i].ending && v[i].current == current && v[i].healthy == healthy)
            out[done++] = (struct rollout_action){ROLLOUT_STOP, v[i].id};
    return done;
}

/* Old keeps that may go: the unhealthy ones do no harm, of the healthy ones as many as are more
 * than have to stay. */
static size_t stop_old(const struct rollout_policy *p, const struct rollout_keep *v, size_t n,
                       const struct counts *c, struct rollout_action *out, size_t max)
{
    uint32_t missing = p->max_unavailable == 0 && p->max_surge == 0 ? 1 : p->max_unavailable;
    uint32_t stay = at_least(p->replicas, missing);
    size_t done = stop(v, n, false, false, c->old - c->old_healthy, out, max);

    return done + stop(v, n, false, true, least(c->old_healthy, at_least(c->healthy, stay)),
                       out + done, max - done);
}

size_t rollout_step(const struct rollout_policy *p, const struct rollout_keep *v, size_t n,
                    struct rollout_action *out, size_t max, struct rollout_progress *progress)
{
    struct counts c = count(v, n);
    uint32_t too_many = at_least(c.current, p->replicas), room, start;
    size_t done = 0;

    /* fewer replicas are wanted: those beyond go, unhealthy ones first */
    done += stop(v, n, true, false, least(too_many, c.current - c.current_healthy), out, max);
    done += stop(v, n, true, true, too_many - (uint32_t)done, out + done, max - done);
    if (!p->paused)
        done += stop_old(p, v, n, &c, out + done, max - done);
    /* what ends still takes room; a paused update only fills up what is missing in all */
    room = at_least(p->replicas + (p->paused ? 0 : p->max_surge), c.total + c.ending);
    start = least(room, at_least(p->replicas, c.current));
    for (; start > 0 && done < max; start--)
        out[done++] = (struct rollout_action){ROLLOUT_START, 0};
    progress->current = c.current;
    progress->current_healthy = c.current_healthy;
    progress->old = c.old;
    if (c.old == 0 && c.current_healthy == p->replicas && c.total == p->replicas && c.ending == 0)
        progress->state = ROLLOUT_DONE;
    else if (p->paused)
        progress->state = ROLLOUT_PAUSED;
    else
        progress->state = done > 0 || c.ending > 0 ? ROLLOUT_PROGRESSING : ROLLOUT_WAITING;
    return done;
}
