/* A workload's message as what reconciling and placing want: rules, demand, times. */
#include "config/convert_rules.h"
#include "config/quantity.h"
#include "controller/effective.h"

#define STOP_AFTER_MS 30000
#define REPLACE_AFTER_MS 60000
#define CPU_MILLI 100
#define MEMORY_BYTES (64u << 20)
#define COMPILE_LIMIT (1u << 20)

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_LIMIT, "workload.too-large", "the workload's rules are too large");
}

static bool duration(const char *text, const char *field, int64_t absent, int64_t *out,
                     struct err *e)
{
    *out = absent;
    return text == NULL || text[0] == '\0' || duration_parse(text, out, e) ||
           err_field(e, "%s", field);
}

static bool rule_list(const struct selector *v, size_t n, const char *word, struct arena *a,
                      struct rule_list *out, struct err *e)
{
    struct rule *rules = arena_array(a, n == 0 ? 1 : n, sizeof *rules);

    if (rules == NULL)
        return no_memory(e);
    for (size_t i = 0; i < n; i++) {
        rules[i].selector = v[i];
        rules[i].name = arena_printf(a, "spec.trust.%s[%zu]", word, i);
        if (rules[i].name == NULL)
            return no_memory(e);
    }
    *out = (struct rule_list){.v = rules, .n = n};
    rule_list_seal(out);
    return true;
}

static bool compile_trust(struct workload *w, struct err *e)
{
    struct trust_rules t;

    if (!trust_from_message(w->msg->spec->trust, &w->arena, &t, e))
        return err_field(e, "spec.trust");
    w->max_evidence_age_ms = t.max_evidence_age_ms;
    return rule_list(t.refuse, t.refuse_n, "refuse", &w->arena, &w->own_refuse, e) &&
           rule_list(t.accept, t.accept_n, "accept", &w->arena, &w->own_accept, e);
}

static bool compile_resources(struct workload *w, struct err *e)
{
    const Bailey__V1__Resources *r = w->msg->spec->resources;
    struct resources *need = &w->demand.need;

    *need = (struct resources){.cpu_milli = CPU_MILLI, .memory = MEMORY_BYTES};
    if (r == NULL)
        return true;
    if (r->cpu[0] != '\0' && !cpu_parse(r->cpu, &need->cpu_milli, e))
        return err_field(e, "spec.resources.cpu");
    if (r->memory[0] != '\0' && !bytes_parse(r->memory, &need->memory, e))
        return err_field(e, "spec.resources.memory");
    return true;
}

static bool compile_placement(struct workload *w, struct err *e)
{
    const Bailey__V1__Placement *p = w->msg->spec->placement;
    struct label *labels;
    struct spread *spread;

    if (p == NULL)
        return true;
    if (p->n_spread > PLACE_SPREADS)
        return err_set(e, ERR_LIMIT, "workload.spreads", "%zu spreads", p->n_spread),
               err_field(e, "spec.placement.spread"), err_expected(e, "at most %d", PLACE_SPREADS);
    labels = arena_array(&w->arena, p->n_nodes + 1, sizeof *labels);
    spread = arena_array(&w->arena, p->n_spread + 1, sizeof *spread);
    if (labels == NULL || spread == NULL)
        return no_memory(e);
    for (size_t i = 0; i < p->n_nodes; i++)
        labels[i] = (struct label){p->nodes[i]->key, p->nodes[i]->value};
    for (size_t i = 0; i < p->n_spread; i++)
        spread[i] =
            (struct spread){.over = p->spread[i]->over,
                            .max_skew = p->spread[i]->max_skew == 0 ? 1 : p->spread[i]->max_skew};
    w->demand.labels = labels;
    w->demand.labels_n = p->n_nodes;
    w->demand.spread = spread;
    w->demand.spread_n = p->n_spread;
    w->demand.priority = p->priority;
    return true;
}

bool workload_compile(struct state *st, const struct effective *ef, struct workload *w,
                      struct err *e)
{
    const Bailey__V1__OnDisconnect *d = w->msg->spec->on_disconnect;

    arena_fini(&w->arena);
    arena_init(&w->arena, COMPILE_LIMIT);
    w->demand = (struct demand){.workload = w->id, .name = w->object.key, .rules = &w->trust.rules};
    return compile_trust(w, e) && compile_resources(w, e) && compile_placement(w, e) &&
           duration(d == NULL ? NULL : d->stop_after, "spec.onDisconnect.stopAfter", STOP_AFTER_MS,
                    &w->stop_after_ms, e) &&
           duration(d == NULL ? NULL : d->replace_after, "spec.onDisconnect.replaceAfter",
                    REPLACE_AFTER_MS, &w->replace_after_ms, e) &&
           workload_rules(st, ef, w, e);
}
