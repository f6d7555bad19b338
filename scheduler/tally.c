/* tally.c - see tally.h. */
#include "scheduler/tally.h"

#include "base/buf.h"
#include "base/str.h"
#include "scheduler/run.h"
#include "scheduler/scan.h"

static const struct {
    const char *name, *text;
} obstacles[OBSTACLES] = {
    [OBSTACLE_NONE] = {"none", "nothing stands in the way"},
    [OBSTACLE_UNVERIFIED] = {"unverified", "no verified evidence"},
    [OBSTACLE_REVOKED] = {"revoked", "revoked"},
    [OBSTACLE_REFUSED] = {"refused", "refused by the workload's rules"},
    [OBSTACLE_NOT_ACCEPTED] = {"not-accepted", "matched by no accept rule"},
    [OBSTACLE_LABELS] = {"labels", "without the labels wanted"},
    [OBSTACLE_INELIGIBLE] = {"ineligible", "not in service"},
    [OBSTACLE_DISCONNECTED] = {"disconnected", "unreachable"},
    [OBSTACLE_CORDONED] = {"cordoned", "cordoned"},
    [OBSTACLE_STALE] = {"stale", "evidence too old"},
    [OBSTACLE_CPU] = {"cpu", "too little cpu free"},
    [OBSTACLE_MEMORY] = {"memory", "too little memory free"},
    [OBSTACLE_TEE_SLOTS] = {"tee-slots", "too few TEE slots free"},
    [OBSTACLE_EXCLUSIVE] = {"exclusive", "not free for an exclusive keep, or held by one"},
    [OBSTACLE_RESERVE] = {"reserve", "kept free for evacuations"},
    [OBSTACLE_RELATION] = {"relation", "with or without a neighbour that matters"},
    [OBSTACLE_SPREAD] = {"spread", "would break the spread wanted"},
};

const char *obstacle_name(enum obstacle o)
{
    return (unsigned)o < OBSTACLES ? obstacles[o].name : "unknown";
}

const char *obstacle_text(enum obstacle o)
{
    return (unsigned)o < OBSTACLES ? obstacles[o].text : "unknown";
}

enum obstacle verdict_obstacle(enum verdict v)
{
    switch (v) {
    case VERDICT_ADMITTED:
        return OBSTACLE_NONE;
    case VERDICT_REVOKED:
        return OBSTACLE_REVOKED;
    case VERDICT_REFUSED:
    case VERDICT_HELD:
        return OBSTACLE_REFUSED;
    case VERDICT_NOT_ACCEPTED:
        return OBSTACLE_NOT_ACCEPTED;
    case VERDICT_UNVERIFIED:
    case VERDICTS:
        break;
    }
    return OBSTACLE_UNVERIFIED;
}

static bool lacks(uint64_t capacity, uint64_t used, uint64_t need)
{
    return need > (capacity > used ? capacity - used : 0);
}

enum obstacle node_obstacle(const struct node *n, const struct demand *d, int64_t cutoff_ms)
{
    const struct amount *c = &n->capacity, *u = &n->used;
    struct amount need;

    if ((n->flags & NODE_GONE) != 0)
        return OBSTACLE_REVOKED;
    if ((n->flags & NODE_ELIGIBLE) == 0)
        return OBSTACLE_INELIGIBLE;
    if ((n->flags & NODE_CONNECTED) == 0)
        return OBSTACLE_DISCONNECTED;
    if ((n->flags & NODE_CORDONED) != 0)
        return OBSTACLE_CORDONED;
    if (n->verified_at_ms < cutoff_ms)
        return OBSTACLE_STALE;
    if (n->exclusive > 0 || (d->exclusive && n->keeps > 0))
        return OBSTACLE_EXCLUSIVE;
    if (!need_amount(&d->need, n->epc, &need) || lacks(c->cpu_milli, u->cpu_milli, need.cpu_milli))
        return OBSTACLE_CPU;
    if (lacks(c->memory, u->memory, need.memory))
        return OBSTACLE_MEMORY;
    if (lacks(c->tee_slots, u->tee_slots, need.tee_slots))
        return OBSTACLE_TEE_SLOTS;
    return OBSTACLE_NONE;
}

bool reserve_bars(const struct fleet *f, uint32_t class, const struct demand *d)
{
    const struct class *c = &f->classes.v[class];
    struct amount need = {0};

    if (f->reserve == 0 || d->may_use_reserve)
        return false;
    (void)need_amount(&d->need, c->epc, &need);
    return c->free_slots < f->reserve + need.tee_slots;
}

static void tally_cell(const struct fleet *f, const struct demand *d, int64_t cutoff_ms,
                       const struct cell *c, uint32_t count[OBSTACLES])
{
    enum obstacle otherwise = reserve_bars(f, c->class, d) ? OBSTACLE_RESERVE : OBSTACLE_SPREAD;

    if (!labels_match(fleet_node(f, c->node[0])->labels, d->labels, d->labels_n)) {
        count[OBSTACLE_LABELS] += c->n;
        return;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        enum obstacle o = node_obstacle(fleet_node(f, c->node[i]), d, cutoff_ms);

        count[o == OBSTACLE_NONE ? otherwise : o]++;
    }
}

/* Neighbours are seen node by node. */
static bool tally_related(const struct fleet *f, const struct demand *d, int64_t now_ms,
                          uint32_t count[OBSTACLES], struct err *e)
{
    struct scan s;
    size_t spread;

    if (!scan_init(&s, f, d, now_ms, e))
        return false;
    for (uint32_t i = fleet_node_next(f, NODE_NONE); i != NODE_NONE; i = fleet_node_next(f, i))
        count[scan_node(&s, i, &spread)]++;
    scan_fini(&s);
    return true;
}

bool tally(const struct fleet *f, const struct demand *d, int64_t now_ms, uint32_t count[OBSTACLES],
           struct err *e)
{
    int64_t cutoff_ms = evidence_cutoff(d->rules, now_ms);

    if (d->relations_n > 0)
        return tally_related(f, d, now_ms, count, e);
    for (uint32_t class = 0; class < f->classes.n; class ++) {
        const struct class *k = &f->classes.v[class];
        enum obstacle o;

        if (!k->live || k->nodes == 0)
            continue;
        o = verdict_obstacle(class_judge(f, class, d->rules).verdict);
        if (o != OBSTACLE_NONE) {
            count[o] += k->nodes;
            continue;
        }
        for (uint32_t cell = k->first_cell; cell != CELL_NONE;
             cell = f->cells.v.v[cell].next_of_class)
            tally_cell(f, d, cutoff_ms, &f->cells.v.v[cell], count);
    }
    return true;
}

const char *placing_text(const struct placing *p, char *out, size_t size)
{
    AUTO_BUF struct buf b = {0};
    bool told[OBSTACLES] = {false};

    for (;;) {
        unsigned best = OBSTACLE_NONE;

        for (unsigned i = 1; i < OBSTACLES; i++)
            if (!told[i] && p->tally[i] > 0 &&
                (best == OBSTACLE_NONE || p->tally[i] > p->tally[best]))
                best = i;
        if (best == OBSTACLE_NONE)
            break;
        told[best] = true;
        buf_printf(&b, "%s%u %s", b.n == 0 ? "no node takes it: " : ", ", p->tally[best],
                   obstacles[best].text);
    }
    if (b.n == 0)
        buf_puts(&b, p->pending > 0 ? "there are no nodes" : "");
    (void)str_copy(out, size, buf_str(&b));
    return out;
}
