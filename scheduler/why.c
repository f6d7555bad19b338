/* why.c - the explanation: classes and their rules, near misses, the summary. */
#include "scheduler/why.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "scheduler/selector_int.h"
#include "scheduler/shape.h"
#include "scheduler/tally.h"
#include "scheduler/why_int.h"

#define NODES_SHOWN 100

const char *told_text(struct teller *t, const char *s)
{
    const char *copy = arena_strdup(t->a, s);

    if (copy == NULL)
        t->failed = true;
    return copy == NULL ? "" : copy;
}

const char *told(struct teller *t, struct buf *b)
{
    const char *s = told_text(t, buf_str(b));

    buf_clear(b);
    return s;
}

void *told_array(struct teller *t, size_t n, size_t size)
{
    void *p = arena_array(t->a, n == 0 ? 1 : n, size);

    if (p == NULL)
        t->failed = true;
    return p;
}

/* Tells one rule; its truth. */
static enum truth tell_rule(struct teller *t, const struct rule *rule, const struct facts *facts,
                            enum sense sense, struct why_rule *out)
{
    struct condition *c = NULL;
    enum truth truth = TRUTH_UNKNOWN;
    size_t n = 0;

    if (!selector_explain(&rule->selector, facts, sense, t->d->rules->simulated, t->a, &c, &n,
                          &truth, NULL))
        t->failed = true;
    *out = (struct why_rule){
        .rule = rule->name == NULL ? "" : told_text(t, rule->name),
        .effect = sense == SENSE_ACCEPT ? "accept" : "refuse",
        .outcome = truth,
        .decides = truth_matches(truth, sense),
        .conditions = c,
        .conditions_n = n,
        .because = rule->selector.because == NULL ? "" : told_text(t, rule->selector.because)};
    return truth;
}

/* True as soon as one of the list refuses; those after it are not told. */
static bool tell_refusing(struct teller *t, const struct rule_list *l, const struct facts *facts,
                          struct why_rule *v, size_t *n)
{
    for (size_t i = 0; i < l->n; i++)
        if (truth_matches(tell_rule(t, &l->v[i], facts, SENSE_REFUSE, &v[(*n)++]), SENSE_REFUSE))
            return true;
    return false;
}

/* False where none of the list accepts. */
static bool tell_accepting(struct teller *t, const struct rule_list *l, const struct facts *facts,
                           struct why_rule *v, size_t *n)
{
    for (size_t i = 0; i < l->n; i++)
        if (tell_rule(t, &l->v[i], facts, SENSE_ACCEPT, &v[(*n)++]) == TRUTH_YES)
            return true;
    return l->n == 0;
}

/* Rules in order of power up to the one that decides. Those of the cluster that surely do not apply
 * are left out: there may be many. */
static void tell_rules(struct teller *t, const struct facts *facts, struct why_rule *v, size_t *n)
{
    const struct rules *r = t->d->rules;
    bool accepted = true;

    for (size_t i = 0; i < r->cluster.n; i++) {
        enum truth truth =
            selector_eval(&r->cluster.v[i].selector, facts, SENSE_REFUSE, r->simulated);

        if (!truth_matches(truth, SENSE_REFUSE))
            continue;
        (void)tell_rule(t, &r->cluster.v[i], facts, SENSE_REFUSE, &v[(*n)++]);
        return;
    }
    if (tell_refusing(t, &r->refuse, facts, v, n))
        return;
    for (size_t i = 0; i < r->demands_n && accepted; i++)
        accepted = tell_accepting(t, &r->demands[i], facts, v, n);
    if (accepted)
        accepted = tell_accepting(t, &r->accept, facts, v, n);
    if (accepted && !tell_refusing(t, &r->hold, facts, v, n))
        return;
    for (size_t i = 0; i < *n; i++) /* what admits does not decide where another list does not */
        if (strcmp(v[i].effect, "accept") == 0)
            v[i].decides = false;
}

/* Most rules that tell_rules() tells. */
static size_t most_rules(const struct rules *r)
{
    size_t n = 1;

    for (size_t i = 1; i < rules_lists(r); i++) /* of the first, the cluster's, one at most */
        n += rules_list(r, i)->n;
    return n;
}

static void tell_unverified(struct teller *t, const struct facts *facts, struct why_class *out)
{
    struct condition *c = told_array(t, 1, sizeof *c);
    struct why_rule *v = told_array(t, 1, sizeof *v);

    if (c == NULL || v == NULL)
        return;
    *c = (struct condition){.fact = "evidence",
                            .seen = facts == NULL ? "none" : assurance_name(facts->assurance),
                            .wanted = "verified hardware evidence",
                            .source = facts == NULL ? "unknown" : "proven",
                            .field = "",
                            .outcome = TRUTH_NO};
    *v = (struct why_rule){.rule = "evidence",
                           .effect = "require",
                           .outcome = TRUTH_NO,
                           .decides = true,
                           .conditions = c,
                           .conditions_n = 1,
                           .because = ""};
    out->rules = v;
    out->rules_n = 1;
}

static size_t misses(const struct why_rule *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->conditions_n; i++)
        n += r->conditions[i].outcome != TRUTH_YES;
    return n;
}

/* The rule that decided, or the accept rule that came nearest to matching. */
static const struct why_rule *telling_rule(const struct why_class *c)
{
    const struct why_rule *by = NULL;

    for (size_t i = 0; i < c->rules_n; i++) {
        const struct why_rule *r = &c->rules[i];

        if (r->decides)
            return r;
        if (strcmp(r->effect, "accept") == 0 && r->outcome != TRUTH_YES &&
            (by == NULL || misses(r) < misses(by)))
            by = r;
    }
    return by;
}

/* "refused by spec.trust.refuse[0] (root key extracted): generation is milan" */
static const char *class_sentence(struct teller *t, const struct why_class *c)
{
    AUTO_BUF struct buf b = {0};
    const struct why_rule *by = telling_rule(c);
    const struct condition *cond = NULL;

    for (size_t i = 0; by != NULL && cond == NULL && i < by->conditions_n; i++)
        if (c->verdict != VERDICT_NOT_ACCEPTED || by->conditions[i].outcome != TRUTH_YES)
            cond = &by->conditions[i];
    /* the generation says more than the vendor */
    for (size_t i = 0; by != NULL && c->verdict == VERDICT_REFUSED && i < by->conditions_n; i++)
        if (strcmp(by->conditions[i].fact, "generation") == 0)
            cond = &by->conditions[i];
    /* of a refusal, what can change says more than the vendor's name */
    for (size_t i = 0; by != NULL && c->verdict != VERDICT_NOT_ACCEPTED && i < by->conditions_n;
         i++)
        if (by->conditions[i].outcome != TRUTH_NO && fact_may_change(by->conditions[i].fact))
            cond = &by->conditions[i];
    /* a refusal for want of knowledge names what is not known */
    for (size_t i = 0; by != NULL && by->outcome == TRUTH_UNKNOWN && i < by->conditions_n; i++)
        if (by->conditions[i].outcome == TRUTH_UNKNOWN) {
            cond = &by->conditions[i];
            break;
        }
    buf_puts(&b, c->verdict == VERDICT_HELD ? "takes no new keeps"
                                            : obstacle_text(verdict_obstacle(c->verdict)));
    if (by != NULL && c->verdict != VERDICT_NOT_ACCEPTED && c->verdict != VERDICT_UNVERIFIED) {
        buf_printf(&b, " (%s%s%s)", by->rule, by->because[0] == '\0' ? "" : ", ", by->because);
    }
    if (cond != NULL && c->verdict == VERDICT_NOT_ACCEPTED)
        buf_printf(&b, ": %s is %s, wanted %s", cond->fact, cond->seen, cond->wanted);
    else if (cond != NULL && by->outcome == TRUTH_UNKNOWN)
        buf_printf(&b, ": %s is %s, which does not rule out %s", cond->fact, cond->seen,
                   cond->wanted);
    else if (cond != NULL && c->verdict != VERDICT_UNVERIFIED)
        buf_printf(&b, ": %s is %s", cond->fact, cond->seen);
    return told(t, &b);
}

static void tell_nodes(struct teller *t, uint32_t class, const char *text, struct why_class *out)
{
    size_t limit = t->o->nodes_limit == 0 ? NODES_SHOWN : t->o->nodes_limit, n = 0;
    enum obstacle by_class = verdict_obstacle(out->verdict);
    struct why_node *v;

    out->node_count = fleet_class_nodes(t->f, class);
    if (limit > out->node_count)
        limit = out->node_count;
    v = told_array(t, limit, sizeof *v);
    for (uint32_t i = NODE_NONE;
         v != NULL && (i = fleet_class_next(t->f, class, i)) != NODE_NONE;) {
        size_t spread;
        enum obstacle o = by_class != OBSTACLE_NONE ? by_class : scan_node(&t->scan, i, &spread);
        bool shown =
            t->o->only_node == NULL || strcmp(t->o->only_node, fleet_node(t->f, i)->name) == 0;

        t->tally[o]++;
        t->eligible += o == OBSTACLE_NONE;
        near_node(t, i, o);
        if (shown && n < limit)
            tell_node(t, i, by_class, text, &v[n++]);
    }
    out->nodes = v;
    out->nodes_n = v == NULL ? 0 : n;
}

/* "3m", or "3m to 2h" where its nodes were verified at different times. */
static const char *class_age(struct teller *t, uint32_t class)
{
    int64_t youngest = INT64_MAX, oldest = 0;
    char a[DURATION_TEXT], b[DURATION_TEXT];
    AUTO_BUF struct buf text = {0};

    for (uint32_t i = NODE_NONE; (i = fleet_class_next(t->f, class, i)) != NODE_NONE;) {
        int64_t at = fleet_node(t->f, i)->verified_at_ms, age = t->now_ms > at ? t->now_ms - at : 0;

        youngest = age < youngest ? age : youngest;
        oldest = age > oldest ? age : oldest;
    }
    if (class == 0 || youngest == INT64_MAX)
        return "";
    youngest -= youngest % 1000;
    oldest -= oldest % 1000;
    buf_puts(&text, duration_format(youngest, a));
    if (oldest != youngest)
        buf_printf(&text, " to %s", duration_format(oldest, b));
    return told(t, &text);
}

static void tell_class(struct teller *t, uint32_t class, struct why_class *out)
{
    const struct rules *r = t->d->rules;
    const struct class *c = &t->f->classes.v[class];
    bool other = c->platform == CLASS_PLATFORM_OTHER;
    char line[512];
    const char *text = "";

    *out = (struct why_class){.verdict = class_judge(t->f, class, r).verdict};
    out->admitted = out->verdict == VERDICT_ADMITTED;
    out->age = class_age(t, class);
    out->facts = c->facts == NULL ? "nothing verified"
                                  : told_text(t, facts_format(c->facts, line, sizeof line));
    if (out->verdict == VERDICT_UNVERIFIED) {
        tell_unverified(t, c->facts, out);
    } else {
        struct why_rule *v = told_array(t, most_rules(r), sizeof *v);

        if (v == NULL)
            return;
        if (other)
            c->facts->platform_id_n = PLATFORM_OTHER;
        tell_rules(t, c->facts, v, &out->rules_n);
        if (other)
            c->facts->platform_id_n = 0;
        out->rules = v;
    }
    if (!out->admitted)
        text = class_sentence(t, out);
    if (!out->admitted && out->verdict != VERDICT_UNVERIFIED)
        near_class(t, class, out);
    tell_nodes(t, class, text, out);
}

static int larger_class(const void *a, const void *b)
{
    const struct why_class *x = a, *y = b;

    if (x->node_count != y->node_count)
        return x->node_count > y->node_count ? -1 : 1;
    return strcmp(x->facts, y->facts);
}

static void tell_summary(struct teller *t, struct why *out)
{
    AUTO_BUF struct buf b = {0};
    struct placing p = {.pending = out->pending};
    char reasons[512];

    if (out->wanted == 0)
        buf_puts(&b, "no keeps are wanted");
    else if (out->pending == 0)
        buf_printf(&b, "%s %u keep%s a place", out->wanted == 1 ? "the" : "all", out->wanted,
                   out->wanted == 1 ? " has" : "s have");
    else
        buf_printf(&b, "%u of %u keep%s wait%s: ", out->pending, out->wanted,
                   out->wanted == 1 ? "" : "s", out->pending == 1 ? "s" : "");
    if (out->wanted > 0 && out->pending > 0 && t->eligible > 0) {
        buf_printf(&b, "%u node%s would take one now", t->eligible, t->eligible == 1 ? "" : "s");
    } else if (out->wanted > 0 && out->pending > 0) {
        memcpy(p.tally, t->tally, sizeof p.tally);
        buf_puts(&b, placing_text(&p, reasons, sizeof reasons));
    }
    out->summary = told(t, &b);
}

static void tell_all(struct teller *t, uint32_t only_class, struct why *out)
{
    struct why_class *v = told_array(t, t->f->classes.n, sizeof *v);

    if (v == NULL)
        return;
    for (uint32_t class = 0; class < t->f->classes.n; class ++) {
        struct why_class c;

        if (!t->f->classes.v[class].live || t->f->classes.v[class].nodes == 0)
            continue;
        tell_class(t, class, &c);
        if (only_class == CLASS_NONE || only_class == class)
            v[out->classes_n++] = c;
    }
    if (out->classes_n > 1)
        qsort(v, out->classes_n, sizeof *v, larger_class);
    out->classes = v;
    near_finish(t, out);
    tell_summary(t, out);
}

bool why_explain(struct fleet *f, const struct demand *d, int64_t now_ms,
                 const struct why_options *o, struct arena *a, struct why *out, struct err *e)
{
    struct teller t = {.f = f, .d = d, .o = o, .a = a, .now_ms = now_ms};
    uint32_t only_class = CLASS_NONE;
    struct why w = {.wanted = o->wanted};

    if (o->only_node != NULL && fleet_node_find(f, o->only_node) == NODE_NONE)
        return err_set(e, ERR_MISSING, "scheduler.no-node", "there is no node %s", o->only_node);
    if (!demand_check(d, e) || !class_name_platforms(f, d->rules, e))
        return false;
    if (o->only_node != NULL) /* naming platforms may have moved it */
        only_class = fleet_node(f, fleet_node_find(f, o->only_node))->class;
    if (!scan_init(&t.scan, f, d, now_ms, e))
        return false;
    for (uint32_t i = 0; i < t.scan.limit; i++)
        w.placed += t.scan.keeps[i];
    if (w.placed > w.wanted)
        w.placed = w.wanted;
    w.pending = w.wanted - w.placed;
    w.workload = told_text(&t, d->name == NULL ? "" : d->name);
    tell_all(&t, only_class, &w);
    scan_fini(&t.scan);
    vec_fini(&t.near);
    if (t.failed)
        return err_set(e, ERR_LIMIT, "scheduler.explanation-size", "the explanation is too long");
    *out = w;
    return true;
}
