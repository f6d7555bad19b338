#include "controller/effective.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/convert_policy.h"
#include "config/schema.h"
#include "controller/reconcile.h"
#include "controller/revocation.h"
#include "controller/txn.h"

#define EFFECTIVE_LIMIT ((size_t)64 << 20)
#define RULES_LIMIT ((size_t)4 << 20)
#define ENDING_S 86400 /* an exception is said to end so long before */

/* Whether `over` has an object of this kind and name. */
static bool covered(enum object_kind kind, const Bailey__V1__Metadata *m,
                    Bailey__V1__Object *const *over, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Bailey__V1__Metadata *o;
        enum object_kind k;
        const char *ns;

        if (!view_kind(over[i], &k, &o) || k != kind || strcmp(o->name, m->name) != 0)
            continue;
        ns = o->namespace_[0] == '\0' ? "default" : o->namespace_;
        if (!kind_of(kind)->namespaced || strcmp(ns, m->namespace_) == 0)
            return true;
    }
    return false;
}

static bool take(struct effective *ef, enum object_kind kind, const ProtobufCMessage *m,
                 struct err *e)
{
    if (kind == OBJECT_POLICY) {
        if (!policy_from_message((const Bailey__V1__TrustPolicy *)m, &ef->arena,
                                 &ef->policies[ef->policies_n], e))
            return false;
        ef->policies_n++;
    } else if (kind == OBJECT_EXCEPTION) {
        if (!exception_from_message((const Bailey__V1__Exception *)m, &ef->arena,
                                    &ef->exceptions[ef->exceptions_n], e))
            return false;
        ef->exceptions_n++;
    } else if (kind == OBJECT_ADVISORY) {
        if (!advisory_from_message((const Bailey__V1__Advisory *)m, &ef->arena,
                                   &ef->advisories[ef->advisories_n], e))
            return false;
        ef->advisories_n++;
    } else if (kind == OBJECT_REVOCATION) {
        const Bailey__V1__Revocation *r = (const Bailey__V1__Revocation *)m;
        bool lifted = r->status != NULL && strcmp(r->status->state, "lifted") == 0;

        if (lifted || (r->spec != NULL && r->spec->proposed))
            return true;
        if (!revocation_from_message(r, &ef->arena, &ef->revocations[ef->revocations_n], e))
            return false;
        ef->revocations_n++;
    }
    return true;
}

/* The revocations' rules in one list. */
static bool join_rules(struct effective *ef, struct err *e)
{
    size_t n = 0;
    struct rule *v;

    for (size_t i = 0; i < ef->revocations_n; i++)
        n += ef->revocations[i].rules.n;
    v = arena_array(&ef->arena, n + 1, sizeof *v);
    ef->cluster_of = arena_array(&ef->arena, n + 1, sizeof *ef->cluster_of);
    if (v == NULL || ef->cluster_of == NULL)
        return err_set(e, ERR_LIMIT, "policy.too-many", "the revocations need too much memory");
    n = 0;
    for (size_t i = 0; i < ef->revocations_n; i++)
        for (size_t k = 0; k < ef->revocations[i].rules.n; k++) {
            ef->cluster_of[n] = (uint32_t)i;
            v[n++] = ef->revocations[i].rules.v[k];
        }
    ef->cluster = (struct rule_list){.v = v, .n = n};
    rule_list_seal(&ef->cluster);
    return true;
}

static bool take_all(const struct state *st, Bailey__V1__Object *const *over, size_t n,
                     struct effective *ef, struct err *e)
{
    static const enum object_kind kinds[] = {OBJECT_POLICY, OBJECT_ADVISORY, OBJECT_EXCEPTION,
                                             OBJECT_REVOCATION};
    const struct object *o;

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t i = 0; (o = map_next(kind_map(st, kinds[k]), &i)) != NULL;)
            if (!covered(kinds[k], object_meta(o), over, n) && !take(ef, kinds[k], o->msg, e))
                return err_wrap(e, "%s %s", kind_of(kinds[k])->name, o->key);
    for (size_t i = 0; i < n; i++) {
        Bailey__V1__Metadata *m;
        enum object_kind kind;

        if (view_kind(over[i], &kind, &m) && !take(ef, kind, object_body(over[i]), e))
            return false;
    }
    return true;
}

bool effective_build(const struct state *st, Bailey__V1__Object *const *over, size_t n,
                     struct effective *out, struct err *e)
{
    struct effective ef = {.next_s = 0};

    arena_init(&ef.arena, EFFECTIVE_LIMIT);
    ef.policies = arena_array(&ef.arena, st->policies.n + n + 1, sizeof *ef.policies);
    ef.exceptions = arena_array(&ef.arena, st->exceptions.n + n + 1, sizeof *ef.exceptions);
    ef.advisories = arena_array(&ef.arena, st->advisories.n + n + 1, sizeof *ef.advisories);
    ef.revocations = arena_array(&ef.arena, st->revocations.n + n + 1, sizeof *ef.revocations);
    if (ef.policies == NULL || ef.exceptions == NULL || ef.advisories == NULL ||
        ef.revocations == NULL) {
        arena_fini(&ef.arena);
        return err_set(e, ERR_LIMIT, "policy.too-many", "the policies need too much memory");
    }
    if (!take_all(st, over, n, &ef, e) || !join_rules(&ef, e)) {
        arena_fini(&ef.arena);
        return false;
    }
    *out = ef;
    return true;
}

void effective_fini(struct effective *ef)
{
    arena_fini(&ef->arena);
    *ef = (struct effective){0};
}

const struct policy *effective_policy(const struct effective *ef, const char *name)
{
    for (size_t i = 0; i < ef->policies_n; i++)
        if (strcmp(ef->policies[i].name, name) == 0)
            return &ef->policies[i];
    return NULL;
}

static const char *const intel[] = {"intel"}, *const revoked[] = {"Revoked"};

/* The built-in refusal and the exceptions that pass it, before the workload's own ones. */
static bool built_in(const struct effective *ef, const struct policy_input *in, struct arena *a,
                     struct rule_list *out, int64_t *next_s)
{
    struct rule *v = arena_array(a, in->refuse.n + 1, sizeof *v);
    size_t most = 1, n = 0;
    struct selector_unless *unless;

    for (size_t i = 0; i < ef->exceptions_n; i++)
        most += ef->exceptions[i].platforms_n;
    unless = arena_array(a, most, sizeof *unless);
    if (v == NULL || unless == NULL)
        return false;
    for (size_t i = 0; i < ef->exceptions_n; i++) {
        const struct exception *x = &ef->exceptions[i];

        if (in->now_s >= x->until_s || strcmp(x->policy, BUILT_IN_POLICY) != 0 ||
            strcmp(x->workload, in->workload) != 0 || strcmp(x->namespace, in->namespace) != 0)
            continue;
        *next_s = x->until_s < *next_s ? x->until_s : *next_s;
        for (size_t k = 0; k < x->platforms_n; k++)
            unless[n++] = (struct selector_unless){&x->platforms[k], x->name, true};
    }
    v[0] = (struct rule){.selector = {.vendor = {intel, 1},
                                      .tcb_status = {revoked, 1},
                                      .because = "the vendor has revoked the platform's TCB level",
                                      .unless = unless,
                                      .unless_n = n},
                         .name = BUILT_IN_POLICY "/" BUILT_IN_TCB};
    for (size_t i = 0; i < in->refuse.n; i++)
        v[i + 1] = in->refuse.v[i];
    *out = (struct rule_list){.v = v, .n = in->refuse.n + 1};
    return true;
}

bool workload_rules(const struct state *st, const struct effective *ef, struct workload *w,
                    struct err *e)
{
    return workload_rules_at(st, ef, w, state_wall_ms(st) / 1000, e);
}

bool workload_rules_at(const struct state *st, const struct effective *ef, struct workload *w,
                       int64_t now_s, struct err *e)
{
    const Bailey__V1__Trust *trust = w->msg->spec->trust;
    const char *ns = w->msg->metadata->namespace_;
    struct policy_input in = {
        .namespace = ns[0] == '\0' ? "default" : ns,
        .workload = w->msg->metadata->name,
        .policies = ef->policies,
        .policies_n = ef->policies_n,
        .references = trust == NULL ? NULL : (const char *const *)trust->policies,
        .references_n = trust == NULL ? 0 : trust->n_policies,
        .exceptions = ef->exceptions,
        .exceptions_n = ef->exceptions_n,
        .advisories = ef->advisories,
        .advisories_n = ef->advisories_n,
        .revocations = ef->cluster,
        .refuse = w->own_refuse,
        .accept = w->own_accept,
        .max_evidence_age_ms = w->max_evidence_age_ms,
        .simulated = st->options.allow_simulated ? SIMULATED_DEFAULT : SIMULATED_NEVER,
        .now_s = now_s};
    int64_t next_s = POLICY_NEVER;
    struct policy_rules rules;
    struct arena a;

    arena_init(&a, RULES_LIMIT);
    if (!(built_in(ef, &in, &a, &in.refuse, &next_s) ||
          err_set(e, ERR_LIMIT, "policy.too-large", "the rules need too much memory")) ||
        !policy_compile(&in, &a, &rules, e)) {
        arena_fini(&a);
        return false;
    }
    if (next_s < rules.next_change_s)
        rules.next_change_s = next_s;
    arena_fini(&w->rules_arena);
    w->rules_arena = a;
    w->trust = rules;
    return true;
}

/* Every workload under the new set; only then the old set may go. */
static bool adopt(struct state *st, struct effective *ef, struct err *e)
{
    struct workload *w;

    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        if (!workload_rules(st, ef, w, e))
            return err_wrap(e, "workload %s", w->object.key);
    if (st->effective != NULL)
        effective_fini(st->effective);
    else
        st->effective = malloc(sizeof *st->effective);
    if (st->effective == NULL)
        return err_set(e, ERR_NOMEM, "state.memory", "no memory");
    *st->effective = *ef;
    return true;
}

bool effective_load(struct state *st, struct err *e)
{
    struct effective ef;

    return effective_build(st, NULL, 0, &ef, e) && adopt(st, &ef, e);
}

void effective_changed(struct state *st)
{
    struct effective ef;
    struct err e = {0};
    struct workload *w;

    BUG_ON(!effective_build(st, NULL, 0, &ef, &e) || !adopt(st, &ef, &e));
    txn_raise_policy_revision(st);
    for (size_t i = 0; (w = map_next(&st->workloads, &i)) != NULL;)
        reconcile_workload(st, w);
    revocation_tell_later(st);
    effective_tick(st);
}

static const char *phase(const struct exception *x, int64_t now_s)
{
    if (now_s >= x->until_s)
        return "ended";
    return now_s >= x->until_s - ENDING_S ? "ending" : "active";
}

static void sooner(int64_t *next, int64_t at_s, int64_t now_s)
{
    if (at_s > now_s && at_s < *next)
        *next = at_s;
}

static void tick_exception(struct state *st, const struct exception *x, int64_t now_s)
{
    struct trust_object *t =
        (struct trust_object *)object_find(st, OBJECT_EXCEPTION, x->namespace, x->name);
    const struct workload *w = state_workload(st, x->namespace, x->workload);
    const char *now = phase(x, now_s);
    Bailey__V1__ExceptionStatus *s;
    char reason[48], until[TIME_TEXT];

    BUG_ON(t == NULL);
    sooner(&st->effective->next_s, x->until_s - ENDING_S, now_s);
    sooner(&st->effective->next_s, x->until_s, now_s);
    s = trust_exception_status(t);
    if (strcmp(s->phase, now) == 0)
        return;
    text_set(&s->phase, now);
    txn_touch(st, &t->object);
    snprintf(reason, sizeof reason, "exception.%s", now);
    time_format(x->until_s, until);
    for (int i = 0; i < (w == NULL ? 1 : 2); i++)
        event_add(st, i == 0 ? &t->object : &w->object, now[0] == 'a' ? "normal" : "warning",
                  reason, "controller", "%s %s for workload %s; it %s %s",
                  x->policy[0] != '\0' ? x->policy : x->revocation,
                  now[0] == 'a' || now[2] == 'd' ? "may be passed" : "may not be passed any more",
                  x->workload, now_s < x->until_s ? "ends" : "ended", until);
}

/* "microcode-2026-11 holds" */
static void stage_text(const struct floor *f, size_t i, int64_t now_s, char *out, size_t size)
{
    if (f->name[0] != '\0')
        snprintf(out, size, "%s %s", f->name, floor_stage_name(floor_stage(f, now_s)));
    else
        snprintf(out, size, "floors[%zu] %s", i, floor_stage_name(floor_stage(f, now_s)));
}

static void tick_policy(struct state *st, const struct policy *p, int64_t now_s)
{
    struct trust_object *t = (struct trust_object *)object_find(st, OBJECT_POLICY, "", p->name);
    Bailey__V1__TrustPolicyStatus *s;
    bool changed;

    BUG_ON(t == NULL);
    s = trust_policy_status(t);
    changed = s->n_floors != p->floors_n;
    trust_floors_resize(s, p->floors_n);
    for (size_t i = 0; i < p->floors_n; i++) {
        const struct floor *f = &p->floors[i];
        char text[128];

        sooner(&st->effective->next_s, f->enforce_from_s, now_s);
        sooner(&st->effective->next_s, f->move_from_s, now_s);
        stage_text(f, i, now_s, text, sizeof text);
        if (strcmp(s->floors[i], text) == 0)
            continue;
        if (s->floors[i][0] != '\0' && !changed)
            event_add(st, &t->object, "warning", "policy.floor", "controller", "floor %s%s%s", text,
                      f->because == NULL || f->because[0] == '\0' ? "" : ": ",
                      f->because == NULL ? "" : f->because);
        text_set(&s->floors[i], text);
        changed = true;
    }
    if (changed)
        txn_touch(st, &t->object);
}

void effective_tick(struct state *st)
{
    struct effective *ef = st->effective;
    int64_t now_s = state_wall_ms(st) / 1000;

    ef->next_s = POLICY_NEVER;
    for (size_t i = 0; i < ef->policies_n; i++)
        tick_policy(st, &ef->policies[i], now_s);
    for (size_t i = 0; i < ef->exceptions_n; i++)
        tick_exception(st, &ef->exceptions[i], now_s);
}
