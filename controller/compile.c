/* A workload's message as what reconciling and placing want: rules, demand, times. */
#include "config/convert_rules.h"
#include "config/quantity.h"
#include "controller/effective.h"

#define STOP_AFTER_MS 30000
#define REPLACE_AFTER_MS 60000
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

bool workload_compile(struct state *st, const struct effective *ef, struct workload *w,
                      struct err *e)
{
    const Bailey__V1__OnDisconnect *d = w->msg->spec->on_disconnect;

    arena_fini(&w->arena);
    arena_init(&w->arena, COMPILE_LIMIT);
    w->demand = (struct demand){.workload = w->id, .name = w->object.key, .rules = &w->trust.rules};
    return compile_trust(w, e) && workload_compile_place(st, w, e) &&
           duration(d == NULL ? NULL : d->stop_after, "spec.onDisconnect.stopAfter", STOP_AFTER_MS,
                    &w->stop_after_ms, e) &&
           duration(d == NULL ? NULL : d->replace_after, "spec.onDisconnect.replaceAfter",
                    REPLACE_AFTER_MS, &w->replace_after_ms, e) &&
           workload_rules(st, ef, w, e);
}
