#include "config/convert_revocation.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/check.h"
#include "config/convert_rules.h"

static const char *const actions[] = {"hold", "drain", "stop"};

const char *revocation_action_name(enum revocation_action action)
{
    return (unsigned)action < 3 ? actions[action] : "unknown";
}

/* The word was checked; an absent one is drain. */
static enum revocation_action action_of(const char *word)
{
    if (strcmp(word, "hold") == 0)
        return REVOCATION_HOLD;
    return strcmp(word, "stop") == 0 ? REVOCATION_STOP : REVOCATION_DRAIN;
}

static bool take_rules(const Bailey__V1__Revocation *m, struct arena *a, struct rule_list *out,
                       struct err *e)
{
    const Bailey__V1__RevocationSpec *s = m->spec;
    struct rule *v = arena_array(a, s->n_platforms + 1, sizeof *v);
    const char *name = arena_printf(a, "revocation %s", m->metadata->name);

    if (v == NULL || name == NULL)
        return err_set(e, ERR_LIMIT, "revocation.too-large", "the revocation is too large");
    for (size_t i = 0; i < s->n_platforms; i++) {
        if (!selector_from_message(s->platforms[i], a, &v[i].selector, e))
            return err_field(e, "spec.platforms[%zu]", i);
        if (v[i].selector.because == NULL || v[i].selector.because[0] == '\0')
            v[i].selector.because = s->because;
        v[i].name = name;
    }
    *out = (struct rule_list){.v = v, .n = s->n_platforms};
    rule_list_seal(out);
    return true;
}

bool revocation_from_message(const Bailey__V1__Revocation *m, struct arena *a,
                             struct revocation *out, struct err *e)
{
    const Bailey__V1__RevocationSpec *s = m->spec;
    struct revocation r = {.grace_ms = REVOCATION_GRACE_DEFAULT_MS};

    if (!message_check(&m->base, e))
        return false;
    r.name = m->metadata->name;
    r.action = action_of(s->action);
    r.canary = s->canary;
    r.proposed = s->proposed;
    if (s->grace[0] != '\0' && !duration_parse(s->grace, &r.grace_ms, e))
        return err_field(e, "spec.grace");
    if (!take_rules(m, a, &r.rules, e))
        return false;
    *out = r;
    return true;
}
