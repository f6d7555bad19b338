/* why_node.c - what stands between a demand and one node. */
#include <stdio.h>

#include "base/clock.h"
#include "scheduler/shape.h"
#include "scheduler/tally.h"
#include "scheduler/why_int.h"

/* The rules about one node, as they are told. */
struct node_rules {
    struct why_rule *v;
    size_t n, cap;
};

static const char *cpu_text(struct teller *t, uint64_t milli)
{
    AUTO_BUF struct buf b = {0};

    if (milli % 1000 == 0)
        buf_printf(&b, "%llu", (unsigned long long)(milli / 1000));
    else
        buf_printf(&b, "%llum", (unsigned long long)milli);
    return told(t, &b);
}

static const char *bytes_text(struct teller *t, uint64_t n)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
    AUTO_BUF struct buf b = {0};
    unsigned unit = 0;

    for (; unit < 4 && n != 0 && n % 1024 == 0; unit++)
        n /= 1024;
    buf_printf(&b, "%llu%s", (unsigned long long)n, units[unit]);
    return told(t, &b);
}

static const char *count_text(struct teller *t, uint64_t n)
{
    AUTO_BUF struct buf b = {0};

    buf_printf(&b, "%llu", (unsigned long long)n);
    return told(t, &b);
}

/* Adds a rule with room for n conditions, which the caller fills. */
static struct condition *add_rule(struct teller *t, struct node_rules *r, const char *name,
                                  bool decides, size_t n)
{
    struct condition *c = told_array(t, n, sizeof *c);

    if (c == NULL || r->n == r->cap) {
        t->failed = true;
        return NULL;
    }
    r->v[r->n++] = (struct why_rule){.rule = name,
                                     .effect = "require",
                                     .outcome = decides ? TRUTH_NO : TRUTH_YES,
                                     .decides = decides,
                                     .conditions = c,
                                     .conditions_n = n,
                                     .because = ""};
    return c;
}

static struct condition declared(const char *fact, const char *seen, const char *wanted, bool holds)
{
    return (struct condition){.fact = fact,
                              .seen = seen,
                              .wanted = wanted,
                              .source = "declared",
                              .field = "",
                              .outcome = holds ? TRUTH_YES : TRUTH_NO};
}

static void tell_service(struct teller *t, struct node_rules *r, const struct node *n,
                         enum obstacle first)
{
    bool in_service = (n->flags & NODE_ELIGIBLE) != 0, linked = (n->flags & NODE_CONNECTED) != 0;
    bool cordoned = (n->flags & NODE_CORDONED) != 0;
    struct condition *c = add_rule(t, r, "service", first == OBSTACLE_INELIGIBLE, 1);

    if (c != NULL)
        *c = declared("service", in_service ? "in service" : "not in service", "in service",
                      in_service);
    c = add_rule(t, r, "link", first == OBSTACLE_DISCONNECTED, 1);
    if (c != NULL)
        *c = declared("link", linked ? "connected" : "unreachable", "connected", linked);
    c = add_rule(t, r, "cordon", first == OBSTACLE_CORDONED, 1);
    if (c != NULL)
        *c = declared("cordon", cordoned ? "cordoned" : "open", "open", !cordoned);
    for (size_t i = 1; i <= 3 && i <= r->n; i++) {
        struct why_rule *rule = &r->v[r->n - i];

        rule->outcome = rule->conditions[0].outcome;
    }
}

static void tell_age(struct teller *t, struct node_rules *r, const struct node *n,
                     enum obstacle first)
{
    char age[DURATION_TEXT], limit[DURATION_TEXT];
    int64_t old = t->now_ms > n->verified_at_ms ? t->now_ms - n->verified_at_ms : 0;
    bool fresh = n->verified_at_ms >= t->scan.cutoff_ms;
    struct condition *c;
    AUTO_BUF struct buf b = {0};

    if (t->d->rules->max_evidence_age_ms <= 0 || n->class == 0)
        return;
    c = add_rule(t, r, "evidence", first == OBSTACLE_STALE, 1);
    if (c == NULL)
        return;
    buf_printf(&b, "at most %s", duration_format(t->d->rules->max_evidence_age_ms, limit));
    *c = declared("evidence age", told_text(t, duration_format(old - old % 1000, age)), told(t, &b),
                  fresh);
    c->source = "proven";
    r->v[r->n - 1].outcome = c->outcome;
}

static void tell_labels(struct teller *t, struct node_rules *r, const struct node *n,
                        enum obstacle first)
{
    struct condition *c;

    if (t->d->labels_n == 0)
        return;
    c = add_rule(t, r, "labels", first == OBSTACLE_LABELS, t->d->labels_n);
    for (size_t i = 0; c != NULL && i < t->d->labels_n; i++) {
        const char *has = label_set_get(n->labels, t->d->labels[i].key);
        bool same = has != NULL && strcmp(has, t->d->labels[i].value) == 0;

        c[i] = declared(told_text(t, t->d->labels[i].key), told_text(t, has == NULL ? "none" : has),
                        told_text(t, t->d->labels[i].value), same);
        if (!same)
            r->v[r->n - 1].outcome = TRUTH_NO;
    }
}

static uint64_t left(uint64_t capacity, uint64_t used)
{
    return capacity > used ? capacity - used : 0;
}

static void tell_capacity(struct teller *t, struct node_rules *r, const struct node *n,
                          enum obstacle first)
{
    struct resources capacity = amount_resources(&n->capacity, n->epc);
    struct resources used = amount_resources(&n->used, n->epc);
    const struct resources *need = &t->d->need;
    uint64_t cpu = left(capacity.cpu_milli, used.cpu_milli);
    uint64_t memory = left(capacity.memory, used.memory);
    uint64_t slots = left(capacity.tee_slots, used.tee_slots), epc = left(capacity.epc, used.epc);
    bool short_of =
        first == OBSTACLE_CPU || first == OBSTACLE_MEMORY || first == OBSTACLE_TEE_SLOTS;
    struct condition *c = add_rule(t, r, "capacity", short_of, 3);

    if (c == NULL)
        return;
    c[0] = declared("free cpu", cpu_text(t, cpu), cpu_text(t, need->cpu_milli),
                    cpu >= need->cpu_milli);
    c[1] = declared("free memory", bytes_text(t, memory), bytes_text(t, need->memory),
                    memory >= need->memory);
    if (n->epc)
        c[2] = declared("free enclave memory", bytes_text(t, epc), bytes_text(t, need->epc),
                        epc >= need->epc);
    else
        c[2] = declared("free TEE slots", count_text(t, slots), count_text(t, need->tee_slots),
                        slots >= need->tee_slots);
    for (size_t i = 0; i < 3; i++)
        if (c[i].outcome == TRUTH_NO)
            r->v[r->n - 1].outcome = TRUTH_NO;
}

static void tell_spread(struct teller *t, struct node_rules *r, uint32_t node, size_t i,
                        bool decides)
{
    const struct spread *s = &t->d->spread[i];
    AUTO_BUF struct buf b = {0};
    char text[VALUE_TEXT];
    uint32_t keeps = 0, least = t->scan.least[i];
    const char *value = scan_value_of(&t->scan, i, node, text, &keeps), *name, *seen;
    uint32_t limit = share_limit(t->d, s);
    bool holds = value != NULL && keeps < limit &&
                 (s->max_skew == 0 || keeps + 1 <= (uint64_t)least + s->max_skew);
    struct condition *c;

    buf_printf(&b, "spread over %s", s->over);
    name = told(t, &b);
    if (value == NULL)
        buf_puts(&b, "unknown");
    else
        buf_printf(&b, "%u on %s, fewest elsewhere %u", keeps, value,
                   least == UINT32_MAX ? 0 : least);
    seen = told(t, &b);
    if (s->max_skew > 0)
        buf_printf(&b, "at most %u more than the fewest, with this one", s->max_skew);
    if (s->max_share > 0)
        buf_printf(&b, "%sat most %u of %u", b.n > 0 ? ", and " : "", limit, t->d->replicas);
    c = add_rule(t, r, name, decides, 1);
    if (c == NULL)
        return;
    *c = declared(told_text(t, s->over), seen, told(t, &b), holds);
    if (value == NULL)
        c->outcome = TRUTH_UNKNOWN;
    if (strcmp(s->over, "vendor") == 0 || strcmp(s->over, "generation") == 0)
        c->source = value == NULL ? "unknown" : "proven";
    r->v[r->n - 1].outcome = c->outcome;
}

/* "too little cpu free: 200m, needs 500m" of the rule that decides. */
static const char *obstacle_sentence(struct teller *t, const struct node_rules *r,
                                     enum obstacle first)
{
    AUTO_BUF struct buf b = {0};

    buf_puts(&b, obstacle_text(first));
    for (size_t i = 0; i < r->n; i++) {
        const struct why_rule *rule = &r->v[i];

        if (!rule->decides || first < OBSTACLE_LABELS)
            continue;
        for (size_t k = 0; k < rule->conditions_n; k++) {
            const struct condition *c = &rule->conditions[k];

            if (c->outcome == TRUTH_YES)
                continue;
            buf_printf(&b, ": %s is %s, wanted %s", c->fact, c->seen, c->wanted);
            break;
        }
        break;
    }
    return told(t, &b);
}

void tell_node(struct teller *t, uint32_t node, enum obstacle class_obstacle,
               const char *class_text, struct why_node *out)
{
    const struct node *n = fleet_node(t->f, node);
    struct node_rules r = {.cap = 7 + t->d->spread_n};
    size_t spread = 0;
    enum obstacle first =
        class_obstacle != OBSTACLE_NONE ? class_obstacle : scan_node(&t->scan, node, &spread);

    *out = (struct why_node){.node = told_text(t, n->name),
                             .eligible = first == OBSTACLE_NONE,
                             .keeps = t->scan.keeps[node],
                             .first = first,
                             .obstacle = ""};
    r.v = told_array(t, r.cap, sizeof *r.v);
    if (r.v == NULL)
        return;
    tell_labels(t, &r, n, first);
    tell_service(t, &r, n, first);
    tell_age(t, &r, n, first);
    tell_capacity(t, &r, n, first);
    for (size_t i = 0; i < t->d->spread_n; i++)
        tell_spread(t, &r, node, i, first == OBSTACLE_SPREAD && i == spread);
    out->rules = r.v;
    out->rules_n = r.n;
    if (class_obstacle != OBSTACLE_NONE)
        out->obstacle = class_text;
    else if (first != OBSTACLE_NONE)
        out->obstacle = obstacle_sentence(t, &r, first);
}
