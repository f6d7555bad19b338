#include "cli/revocation_text.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/output.h"

const char *count_text(uint64_t n, const char *one, char *out)
{
    snprintf(out, COUNT_TEXT, "%llu %s%s", (unsigned long long)n, one, n == 1 ? "" : "s");
    return out;
}

static void put(bool colour, enum tone tone, const char *text, struct buf *out)
{
    buf_printf(out, "%s%s%s", colour ? tone_begin(tone) : "", text, colour ? tone_end(tone) : "");
}

static void words(const char *fact, char *const *v, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s%s", i > 0 ? "|" : out->n > 0 ? ", " : "", i > 0 ? "" : fact, v[i]);
}

static void range(const char *fact, const char *text, struct buf *out)
{
    if (text[0] != '\0')
        buf_printf(out, "%s%s %s", out->n > 0 ? ", " : "", fact, text);
}

static void selector_text(const Bailey__V1__Selector *s, struct buf *out)
{
    words("vendor=", s->vendor, s->n_vendor, out);
    words("technology=", s->technology, s->n_technology, out);
    words("generation=", s->generation, s->n_generation, out);
    words("productLine=", s->product_line, s->n_product_line, out);
    range("firmware", s->firmware, out);
    for (size_t i = 0; i < s->n_tcb; i++) {
        char fact[80];

        snprintf(fact, sizeof fact, "tcb.%s", s->tcb[i]->key);
        range(fact, s->tcb[i]->value, out);
    }
    words("tcbStatus=", s->tcb_status, s->n_tcb_status, out);
    range("tcbDate", s->tcb_date, out);
    words("advisory=", s->advisory, s->n_advisory, out);
    words("platformId=", s->platform_id, s->n_platform_id, out);
    words("assurance=", s->assurance, s->n_assurance, out);
    words("finding=", s->finding, s->n_finding, out);
}

void platforms_text(const Bailey__V1__RevocationSpec *s, struct buf *out)
{
    for (size_t i = 0; i < s->n_platforms; i++) {
        AUTO_BUF struct buf one = {0};

        selector_text(s->platforms[i], &one);
        buf_printf(out, "%s%s", i == 0 ? "" : "; or ", buf_str(&one));
    }
}

static const char *action_of(const Bailey__V1__RevocationSpec *s)
{
    return s->action[0] == '\0' ? "drain" : s->action;
}

static void nodes_table(const Bailey__V1__RevocationPlan *p, bool colour, struct buf *out)
{
    static const struct column columns[] = {
        {"NODE", false}, {"PLATFORM", false}, {"KEEPS", false}, {"NOTE", false}};
    bool unsure = false;
    struct table t;

    if (p->n_nodes == 0)
        return;
    table_init(&t, columns, 4, false);
    for (size_t i = 0; i < p->n_nodes; i++) {
        const Bailey__V1__PlannedNode *n = p->nodes[i];

        unsure = unsure || n->unsure;

        table_cell(&t, TONE_PLAIN, "%s", n->node);
        table_cell(&t, TONE_PLAIN, "%s", n->facts);
        table_cell(&t, TONE_PLAIN, "%u", n->keeps);
        table_cell(&t, TONE_WARN, "%s%s%s", n->connected ? "" : "away: told when it comes back",
                   !n->connected && n->unsure ? "; " : "",
                   n->unsure ? "its evidence does not say; so it counts" : "");
    }
    table_print(&t, colour, true, out);
    table_fini(&t);
    if (p->nodes_revoked > p->n_nodes)
        buf_printf(out, "... and %zu more\n", p->nodes_revoked - p->n_nodes);
    if (unsure)
        buf_puts(out,
                 "Are those meant of which the evidence does not say? If not, name more of what "
                 "is: a vendor,\na technology.\n");
}

static void moves_table(const Bailey__V1__RevocationPlan *p, bool stops, bool colour,
                        struct buf *out)
{
    static const struct column columns[] = {
        {"KEEP", false}, {"FROM", false}, {"TO", false}, {"WAVE", false}};
    struct table t;

    if (p->n_moves == 0)
        return;
    buf_printf(out, "\nWhere each keep%s would go:\n", stops ? "'s replacement" : "");
    table_init(&t, columns, 4, false);
    for (size_t i = 0; i < p->n_moves; i++) {
        table_cell(&t, TONE_PLAIN, "%s", p->moves[i]->keep);
        table_cell(&t, TONE_PLAIN, "%s", p->moves[i]->from);
        table_cell(&t, TONE_GOOD, "%s", p->moves[i]->to);
        table_cell(&t, TONE_PLAIN, "%u", p->moves[i]->wave + 1);
    }
    table_print(&t, colour, true, out);
    table_fini(&t);
    if (p->movable > p->n_moves)
        buf_printf(out, "... and %zu more\n", p->movable - p->n_moves);
}

static void unplaceable_table(Bailey__V1__RevocationKeep *const *v, size_t n, bool colour,
                              struct buf *out)
{
    static const struct column columns[] = {
        {"KEEP", false}, {"NODE", false}, {"RULE", false}, {"WHY", false}};
    struct table t;

    table_init(&t, columns, 4, false);
    for (size_t i = 0; i < n; i++) {
        table_cell(&t, TONE_BAD, "%s", v[i]->keep);
        table_cell(&t, TONE_PLAIN, "%s", v[i]->node);
        table_cell(&t, TONE_PLAIN, "%s", v[i]->rule);
        table_cell(&t, TONE_PLAIN, "%s%s", v[i]->stopped ? "stopped: " : "", v[i]->why);
    }
    table_print(&t, colour, true, out);
    table_fini(&t);
}

static void capacity(const Bailey__V1__Capacity *left, const Bailey__V1__Capacity *all,
                     struct table *t)
{
    static const Bailey__V1__Capacity none = BAILEY__V1__CAPACITY__INIT;
    const Bailey__V1__Capacity *a = all == NULL ? &none : all, *f = left == NULL ? &none : left;

    table_cell(t, TONE_PLAIN, "%.1f of %.1f", (double)f->cpu_milli / 1e3,
               (double)a->cpu_milli / 1e3);
    table_cell(t, TONE_PLAIN, "%.1f of %.1fGi", (double)f->memory_bytes / (1 << 30),
               (double)a->memory_bytes / (1 << 30));
}

static void classes_table(const Bailey__V1__RevocationPlan *p, bool colour, struct buf *out)
{
    static const struct column columns[] = {{"PLATFORM", false}, {"NODES", false},
                                            {"GONE", false},     {"RECEIVES", false},
                                            {"CPU FREE", false}, {"MEMORY FREE", false}};
    struct table t;

    if (p->n_classes == 0)
        return;
    buf_puts(out, "\nWhat is left afterwards:\n");
    table_init(&t, columns, 6, false);
    for (size_t i = 0; i < p->n_classes; i++) {
        const Bailey__V1__PlannedClass *k = p->classes[i];

        table_cell(&t, TONE_PLAIN, "%s", k->facts);
        table_cell(&t, TONE_PLAIN, "%u", k->nodes);
        table_cell(&t, k->nodes_gone > 0 ? TONE_BAD : TONE_PLAIN, "%u", k->nodes_gone);
        table_cell(&t, TONE_PLAIN, "%u", k->received);
        capacity(k->free, k->capacity, &t);
    }
    table_print(&t, colour, true, out);
    table_fini(&t);
}

static void guard_text(const Bailey__V1__GuardVerdict *g, bool colour, struct buf *out)
{
    buf_puts(out, "\nGuard: ");
    if (g == NULL || !g->stops) {
        put(colour, TONE_GOOD, "has nothing against it", out);
        buf_putc(out, '\n');
        return;
    }
    put(colour, TONE_BAD, "stops this", out);
    buf_putc(out, '\n');
    for (size_t i = 0; i < g->n_reasons; i++)
        buf_printf(out, "  %s\n", g->reasons[i]);
    buf_printf(out, "  to go on all the same, name the number: --override-guard \"%s\"\n",
               g->override);
}

static void summary(const Bailey__V1__Revocation *r, const Bailey__V1__RevocationPlan *p,
                    struct buf *out)
{
    AUTO_BUF struct buf platforms = {0};
    char nodes[COUNT_TEXT], keeps[COUNT_TEXT], workloads[COUNT_TEXT];

    platforms_text(r->spec, &platforms);
    buf_printf(out, "Plan: refuse %s\n", buf_str(&platforms));
    buf_printf(out, "  because %s\n", r->spec->because);
    buf_printf(out, "  %s of %u (%u%%), %s of %s; action %s",
               count_text(p->nodes_revoked, "node", nodes), p->nodes_all, p->nodes_percent,
               count_text(p->keeps, "keep", keeps), count_text(p->workloads, "workload", workloads),
               action_of(r->spec));
    if (strcmp(action_of(r->spec), "drain") == 0)
        buf_printf(out, ", grace %s", r->spec->grace[0] == '\0' ? "10m" : r->spec->grace);
    buf_puts(out, r->spec->canary ? ", canary first\n" : "\n");
}

static void fate(const Bailey__V1__Revocation *r, const Bailey__V1__RevocationPlan *p, bool colour,
                 struct buf *out)
{
    const char *action = action_of(r->spec);
    char span[AGE_TEXT];

    if (p->n_unplaceable > 0) {
        buf_printf(out, "\nNo other place%s (%u):\n",
                   strcmp(action, "hold") == 0 ? ", should one be needed" : "",
                   p->unplaceable_total);
        unplaceable_table(p->unplaceable, p->n_unplaceable, colour, out);
    }
    for (size_t i = 0; i < p->n_dark_workloads && strcmp(action, "hold") != 0; i++) {
        buf_puts(out, "  ");
        put(colour, TONE_BAD, p->dark_workloads[i], out);
        buf_puts(out, " would have no replica left\n");
    }
    classes_table(p, colour, out);
    if (strcmp(action, "hold") == 0) {
        buf_puts(out, "\nNothing moves: hold only keeps new keeps away.\n");
    } else if (strcmp(action, "stop") == 0) {
        buf_puts(out, "\nAll keeps there are stopped at once, replaced or not.\n");
    } else if (p->movable > 0) {
        buf_printf(out, "\n%u wave%s, about %s\n", p->waves, p->waves == 1 ? "" : "s",
                   age_format(p->estimate_s, span));
    }
}

void plan_text(const Bailey__V1__Revocation *r, const Bailey__V1__RevocationPlan *p,
               const char *commit, bool colour, struct buf *out)
{
    summary(r, p, out);
    if (p->nodes_revoked == 0)
        buf_puts(out, "\nNo node is one of them now. One that joins later will be refused.\n");
    else
        buf_putc(out, '\n');
    nodes_table(p, colour, out);
    if (strcmp(action_of(r->spec), "hold") != 0)
        moves_table(p, strcmp(action_of(r->spec), "stop") == 0, colour, out);
    fate(r, p, colour, out);
    guard_text(p->guard, colour, out);
    buf_printf(out, "Digest: %s (revision %llu, made in %.1f ms)\n", p->digest,
               (unsigned long long)p->revision, (double)p->took_us / 1e3);
    if (commit != NULL)
        buf_printf(out, "\nNothing was changed. To commit exactly this:\n  %s\n", commit);
}

static void when(const char *label, const char *at, int64_t after_ms, struct buf *out)
{
    if (at[0] == '\0')
        return;
    buf_printf(out, "  %-14s %s", label, at);
    if (after_ms >= 0)
        buf_printf(out, "  (+%.3f s)", (double)after_ms / 1e3);
    buf_putc(out, '\n');
}

static void span_text(uint64_t seconds, struct buf *out)
{
    char duration[DURATION_TEXT];

    buf_puts(out, seconds == 0 ? "0s" : duration_format((int64_t)seconds * 1000, duration));
}

static void report_counts(const Bailey__V1__RevocationStatus *s, struct buf *out)
{
    buf_printf(out, "  %-14s %u%s", "nodes", s->nodes, s->nodes_away > 0 ? ", of which " : "");
    if (s->nodes_away > 0)
        buf_printf(out, "%u away: told when they come back", s->nodes_away);
    buf_printf(out, "\n  %-14s %u at the commit, %u left\n", "keeps", s->keeps_at_commit,
               s->keeps_remaining);
    buf_printf(out, "  %-14s %u replaced first, %u stopped without a place, %u ended otherwise\n",
               "of these", s->keeps_moved, s->keeps_stopped, s->keeps_ended);
    buf_printf(out, "  %-14s ", "exposure");
    if (s->exposure_ms < 60000)
        buf_printf(out, "%.1f s", (double)s->exposure_ms / 1e3);
    else
        span_text(s->exposure_keep_seconds, out);
    buf_puts(out, " of keeps' time on such platforms after the commit\n");
}

static void report_run(const Bailey__V1__RevocationStatus *s, bool colour, struct buf *out)
{
    buf_printf(out, "  %-14s %llu\n", "revision", (unsigned long long)s->revision);
    buf_printf(out, "  %-14s %s by %s\n", "committed", s->committed_at, s->committed_by);
    when("fenced", s->fenced_at, s->fenced_after_ms, out);
    when("half gone", s->half_at, (int64_t)s->half_after_ms, out);
    when("all gone", s->zero_at, (int64_t)s->zero_after_ms, out);
    if (s->zero_at[0] == '\0')
        when("deadline", s->deadline, -1, out);
    report_counts(s, out);
    if (s->override != NULL) {
        buf_printf(out, "  %-14s %s by %s at %s\n", "overridden", s->override->number,
                   s->override->by, s->override->at);
        for (size_t i = 0; i < s->override->n_reasons; i++)
            buf_printf(out, "  %-14s %s\n", "", s->override->reasons[i]);
    }
    if (s->lifted_at[0] != '\0')
        buf_printf(out, "  %-14s %s by %s: %s\n", "lifted", s->lifted_at, s->lifted_by,
                   s->lifted_because);
    if (s->n_unplaceable > 0) {
        buf_puts(out, "\nNo other place:\n");
        unplaceable_table(s->unplaceable, s->n_unplaceable, colour, out);
    }
}

static enum tone state_tone(const char *state)
{
    if (strcmp(state, "done") == 0)
        return TONE_GOOD;
    return strcmp(state, "proposed") == 0 || strcmp(state, "lifted") == 0 ? TONE_DIM : TONE_WARN;
}

void report_text(const Bailey__V1__Revocation *r, bool colour, struct buf *out)
{
    static const Bailey__V1__RevocationStatus none = BAILEY__V1__REVOCATION_STATUS__INIT;
    const Bailey__V1__RevocationStatus *s = r->status == NULL ? &none : r->status;
    AUTO_BUF struct buf platforms = {0};

    platforms_text(r->spec, &platforms);
    buf_printf(out, "revocation/%s: ", r->metadata->name);
    put(colour, state_tone(s->state), s->state[0] == '\0' ? "proposed" : s->state, out);
    buf_printf(out, "\n  %-14s %s\n  %-14s %s\n", "platforms", buf_str(&platforms), "because",
               r->spec->because);
    for (size_t i = 0; i < r->spec->n_references; i++)
        buf_printf(out, "  %-14s %s\n", i == 0 ? "references" : "", r->spec->references[i]);
    buf_printf(out, "  %-14s %s%s\n", "action", action_of(r->spec),
               r->spec->canary ? ", canary first" : "");
    if (s->committed_at[0] != '\0')
        report_run(s, colour, out);
}

void report_line(const Bailey__V1__Revocation *r, struct buf *out)
{
    static const Bailey__V1__RevocationStatus none = BAILEY__V1__REVOCATION_STATUS__INIT;
    const Bailey__V1__RevocationStatus *s = r->status == NULL ? &none : r->status;
    size_t waiting = 0;
    uint32_t gone =
        s->keeps_at_commit > s->keeps_remaining ? s->keeps_at_commit - s->keeps_remaining : 0;

    buf_printf(out, "%-8s %s  %u of %u keeps gone", s->state,
               s->fenced_at[0] != '\0' ? "fenced" : "fencing", gone, s->keeps_at_commit);
    if (s->keeps_stopped > 0)
        buf_printf(out, ", %u without a place", s->keeps_stopped);
    for (size_t i = 0; i < s->n_unplaceable; i++)
        waiting += !s->unplaceable[i]->stopped;
    if (waiting > 0 && s->keeps_remaining > 0)
        buf_printf(out, ", %zu wait for a place", waiting);
    if (s->nodes_away > 0)
        buf_printf(out, ", %u node%s away", s->nodes_away, s->nodes_away == 1 ? "" : "s");
    buf_printf(out, ", exposure %.1f s", (double)s->exposure_ms / 1e3);
}

struct changes {
    struct buf *out;
    size_t n, most;
};

static void change(struct changes *c, const char *sign, const char *what, const char *detail)
{
    if (c->n++ < c->most)
        buf_printf(c->out, "  %s %s%s\n", sign, what, detail);
}

static const Bailey__V1__PlannedMove *move_of(const Bailey__V1__RevocationPlan *p, const char *keep)
{
    for (size_t i = 0; i < p->n_moves; i++)
        if (strcmp(p->moves[i]->keep, keep) == 0)
            return p->moves[i];
    return NULL;
}

static bool has_node(const Bailey__V1__RevocationPlan *p, const char *node)
{
    for (size_t i = 0; i < p->n_nodes; i++)
        if (strcmp(p->nodes[i]->node, node) == 0)
            return true;
    return false;
}

static bool is_stuck(const Bailey__V1__RevocationPlan *p, const char *keep)
{
    for (size_t i = 0; i < p->n_unplaceable; i++)
        if (strcmp(p->unplaceable[i]->keep, keep) == 0)
            return true;
    return false;
}

/* What `a` has and `b` has not. */
static void only_in(const Bailey__V1__RevocationPlan *a, const Bailey__V1__RevocationPlan *b,
                    const char *sign, struct changes *c)
{
    for (size_t i = 0; i < a->n_nodes; i++)
        if (!has_node(b, a->nodes[i]->node))
            change(c, sign, "node ", a->nodes[i]->node);
    for (size_t i = 0; i < a->n_moves; i++)
        if (move_of(b, a->moves[i]->keep) == NULL && !is_stuck(b, a->moves[i]->keep))
            change(c, sign, "keep ", a->moves[i]->keep);
    for (size_t i = 0; i < a->n_unplaceable; i++)
        if (!is_stuck(b, a->unplaceable[i]->keep))
            change(c, sign, "without another place: ", a->unplaceable[i]->keep);
}

size_t plan_changes(const Bailey__V1__RevocationPlan *then, const Bailey__V1__RevocationPlan *now,
                    size_t most, struct buf *out)
{
    struct changes c = {.out = out, .most = most};
    char detail[512];

    only_in(now, then, "+", &c);
    only_in(then, now, "-", &c);
    for (size_t i = 0; i < now->n_moves; i++) {
        const Bailey__V1__PlannedMove *m = now->moves[i], *old = move_of(then, m->keep);

        if (old == NULL || (strcmp(old->to, m->to) == 0 && strcmp(old->from, m->from) == 0))
            continue;
        snprintf(detail, sizeof detail, ": %s to %s, was %s to %s", m->from, m->to, old->from,
                 old->to);
        change(&c, "~", m->keep, detail);
    }
    if (c.n > most)
        buf_printf(out, "  ... and %zu more\n", c.n - most);
    return c.n;
}
