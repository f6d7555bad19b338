/* why_near.c - the nearest misses: which change would make nodes fit that do not now. Only of what
 * can change: firmware, TCB, what collateral says of it, labels, room, the age of evidence. Nobody
 * turns an AMD machine into an Intel one. Every one is tried: with the change made, the rules admit
 * the class. */
#include <stdlib.h>
#include <string.h>

#include "scheduler/shape.h"
#include "scheduler/tally.h"
#include "scheduler/why_int.h"

#define PARTS_MAX 3 /* a miss of more conditions is not near */

bool fact_may_change(const char *fact)
{
    static const char *const facts[] = {"firmware", "tcbStatus", "tcbDate", "advisory"};

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (strcmp(fact, facts[i]) == 0)
            return true;
    return strncmp(fact, "tcb.", 4) == 0;
}

static void near_miss(struct teller *t, uint32_t nodes, const char *fact, const char *seen,
                      const char *wanted)
{
    struct why_near_miss m = {.nodes = nodes, .fact = fact, .seen = seen, .wanted = wanted};

    if (nodes == 0)
        return;
    for (size_t i = 0; i < t->near.n; i++) {
        struct why_near_miss *had = &t->near.v[i];

        if (strcmp(had->fact, fact) == 0 && strcmp(had->seen, seen) == 0 &&
            strcmp(had->wanted, wanted) == 0) {
            had->nodes += nodes;
            return;
        }
    }
    if (!vec_push(&t->near, m))
        t->failed = true;
}

/* Nodes of a class that have no other obstacle than its facts. */
static uint32_t class_ready(const struct teller *t, uint32_t class)
{
    uint32_t n = 0;

    for (uint32_t i = NODE_NONE; (i = fleet_class_next(t->f, class, i)) != NODE_NONE;) {
        const struct node *x = fleet_node(t->f, i);

        n += labels_match(x->labels, t->d->labels, t->d->labels_n) &&
             node_obstacle(x, t->d, t->scan.cutoff_ms) == OBSTACLE_NONE;
    }
    return n;
}

/* Whether the class would be admitted without one rule of a list, or without the whole list
 * (rule NULL). list: index of rules_list(). */
static bool admitted_without(struct teller *t, uint32_t class, size_t list, const struct rule *rule)
{
    struct rules copy = *t->d->rules;
    struct rule_list *const own[] = {&copy.cluster, &copy.refuse, &copy.hold, &copy.accept};
    struct rule_list *demands = told_array(t, copy.demands_n, sizeof *demands);
    struct rule_list kept = {.n = 0};
    struct rule *v;

    if (demands == NULL)
        return false;
    if (copy.demands_n > 0)
        memcpy(demands, copy.demands, copy.demands_n * sizeof *demands);
    copy.demands = demands;
    if (rule != NULL) {
        const struct rule_list *from = rules_list(t->d->rules, list);

        v = told_array(t, from->n, sizeof *v);
        for (size_t i = 0; v != NULL && i < from->n; i++)
            if (&from->v[i] != rule)
                v[kept.n++] = from->v[i];
        kept.v = v;
    }
    if (list < 4) {
        *own[list] = kept;
    } else {
        demands[list - 4] = demands[copy.demands_n - 1];
        copy.demands_n--;
    }
    return class_judge(t->f, class, &copy).verdict == VERDICT_ADMITTED;
}

/* What would have to change for a rule, joined: "firmware and tcb.snp". */
struct change {
    struct buf fact, seen, wanted;
    size_t n;
};

static void change_fini(struct change *c)
{
    buf_fini(&c->fact);
    buf_fini(&c->seen);
    buf_fini(&c->wanted);
}

static void change_add(struct change *c, const struct condition *x, const char *prefix,
                       const char *wanted)
{
    const char *joint = c->n == 0 ? "" : " and ";

    buf_printf(&c->fact, "%s%s", joint, x->fact);
    buf_printf(&c->seen, "%s%s", joint, x->seen);
    buf_printf(&c->wanted, "%s%s%s", joint, prefix, wanted);
    c->n++;
}

static void change_take(struct teller *t, struct change *c, uint32_t nodes)
{
    const char *fact = told(t, &c->fact), *seen = told(t, &c->seen), *wanted = told(t, &c->wanted);

    near_miss(t, nodes, fact, seen, wanted);
}

/* All that keeps an accept rule from matching; false when something cannot change. */
static bool accept_change(const struct why_rule *r, struct change *c)
{
    for (size_t i = 0; i < r->conditions_n; i++) {
        const struct condition *x = &r->conditions[i];

        if (x->outcome == TRUTH_YES)
            continue;
        if (!fact_may_change(x->fact) || c->n == PARTS_MAX)
            return false;
        change_add(c, x, "", x->wanted);
    }
    return c->n > 0;
}

/* What would end a refusal: every part that is below its minimum; or, of a rule without one, any
 * one condition that no longer holds, of which the last is taken. */
static bool refuse_change(const struct why_rule *r, struct change *c)
{
    const struct condition *any = NULL;

    for (size_t i = 0; i < r->conditions_n; i++) {
        const struct condition *x = &r->conditions[i];

        if (x->outcome == TRUTH_NO || !fact_may_change(x->fact))
            continue;
        if (strncmp(x->wanted, "not ", 4) == 0) {
            if (c->n == PARTS_MAX)
                return false;
            change_add(c, x, "", x->wanted + 4);
        } else {
            any = x;
        }
    }
    if (c->n == 0 && any != NULL)
        change_add(c, any, "not ", any->wanted);
    return c->n > 0;
}

/* The rule and its list by the name it was told under; NULL: of no list (never for told rules). */
static const struct rule *rule_named(const struct rules *r, const char *name, size_t *list)
{
    for (*list = 0; *list < rules_lists(r); ++*list)
        for (size_t i = 0; i < rules_list(r, *list)->n; i++) {
            const struct rule *x = &rules_list(r, *list)->v[i];

            if (x->name != NULL && strcmp(x->name, name) == 0)
                return x;
        }
    return NULL;
}

void near_class(struct teller *t, uint32_t class, const struct why_class *c)
{
    uint32_t ready = class_ready(t, class);
    size_t fewest = PARTS_MAX;

    /* twice: how near the nearest is, then those that are as near */
    for (unsigned pass = 0; pass < 2 && ready > 0; pass++)
        for (size_t i = 0; i < c->rules_n; i++) {
            const struct why_rule *told_rule = &c->rules[i];
            bool accepts = strcmp(told_rule->effect, "accept") == 0;
            struct change change = {.n = 0};
            const struct rule *rule;
            size_t list;
            bool can;

            if (accepts ? told_rule->outcome == TRUTH_YES : !told_rule->decides)
                continue;
            can = accepts ? accept_change(told_rule, &change) : refuse_change(told_rule, &change);
            rule = rule_named(t->d->rules, told_rule->rule, &list);
            if (can && change.n <= fewest && rule != NULL &&
                admitted_without(t, class, list, accepts ? NULL : rule)) {
                fewest = change.n;
                if (pass == 1)
                    change_take(t, &change, ready);
            }
            change_fini(&change);
        }
}

static void near_label(struct teller *t, const struct node *n)
{
    const struct label *miss = NULL;
    const char *has = NULL;

    for (size_t i = 0; i < t->d->labels_n; i++) {
        const char *value = label_set_get(n->labels, t->d->labels[i].key);

        if (value != NULL && strcmp(value, t->d->labels[i].value) == 0)
            continue;
        if (miss != NULL)
            return; /* two labels short */
        miss = &t->d->labels[i];
        has = value;
    }
    if (miss != NULL && node_obstacle(n, t->d, t->scan.cutoff_ms) == OBSTACLE_NONE)
        near_miss(t, 1, told_text(t, miss->key), has == NULL ? "none" : told_text(t, has),
                  told_text(t, miss->value));
}

void near_node(struct teller *t, uint32_t node, enum obstacle o)
{
    switch ((int)o) {
    case OBSTACLE_CORDONED:
        near_miss(t, 1, "cordon", "cordoned", "open");
        break;
    case OBSTACLE_DISCONNECTED:
        near_miss(t, 1, "link", "unreachable", "connected");
        break;
    case OBSTACLE_STALE:
        near_miss(t, 1, "evidence age", "too old", "renewed");
        break;
    case OBSTACLE_CPU:
        near_miss(t, 1, "free cpu", "too little", "enough");
        break;
    case OBSTACLE_MEMORY:
        near_miss(t, 1, "free memory", "too little", "enough");
        break;
    case OBSTACLE_TEE_SLOTS:
        near_miss(t, 1, "free TEE slots", "too few", "enough");
        break;
    case OBSTACLE_LABELS:
        near_label(t, fleet_node(t->f, node));
        break;
    default:
        break;
    }
}

static const char *mend_of(const char *fact)
{
    if (strncmp(fact, "tcbStatus", 9) == 0 || strncmp(fact, "tcbDate", 7) == 0)
        return "; update firmware and fetch new collateral";
    return fact_may_change(fact) || strstr(fact, " and ") != NULL ? "; update firmware" : "";
}

/* "4 nodes would fit if tcb.microcode were >=0x54: they have 0x48; update firmware". */
static void put_text(const struct why_near_miss *m, struct buf *b)
{
    static const struct {
        const char *fact, *one, *many;
    } plain[] = {{"cordon", "it were not cordoned", "they were not cordoned"},
                 {"link", "it were connected", "they were connected"},
                 {"evidence age", "its evidence were renewed", "their evidence were renewed"},
                 {"free cpu", "it had enough cpu free", "they had enough cpu free"},
                 {"free memory", "it had enough memory free", "they had enough memory free"},
                 {"free TEE slots", "it had a TEE slot free", "they had a TEE slot free"}};
    bool one = m->nodes == 1;

    buf_printf(b, "%u node%s would fit if ", m->nodes, one ? "" : "s");
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(m->fact, plain[i].fact) == 0) {
            buf_puts(b, one ? plain[i].one : plain[i].many);
            return;
        }
    buf_printf(b, "%s were %s: ", m->fact, m->wanted);
    if (strcmp(m->seen, "unknown") == 0)
        buf_printf(b, "%s evidence does not say", one ? "its" : "their");
    else
        buf_printf(b, "%s %s", one ? "it has" : "they have", m->seen);
    buf_puts(b, mend_of(m->fact));
}

static int more_nodes(const void *a, const void *b)
{
    const struct why_near_miss *x = a, *y = b;

    if (x->nodes != y->nodes)
        return x->nodes > y->nodes ? -1 : 1;
    return strcmp(x->fact, y->fact);
}

void near_finish(struct teller *t, struct why *out)
{
    struct why_near_miss *v = told_array(t, t->near.n, sizeof *v);

    if (v == NULL)
        return;
    if (t->near.n > 1)
        qsort(t->near.v, t->near.n, sizeof *t->near.v, more_nodes);
    for (size_t i = 0; i < t->near.n; i++) {
        AUTO_BUF struct buf b = {0};

        v[i] = t->near.v[i];
        put_text(&v[i], &b);
        v[i].text = told(t, &b);
    }
    out->near_misses = v;
    out->near_misses_n = t->near.n;
}
