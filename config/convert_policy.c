#include "config/convert_policy.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/catalog.h"
#include "config/check.h"
#include "config/convert_rules.h"

static bool full(struct err *e)
{
    return err_set(e, ERR_LIMIT, "policy.too-large", "the rules need too much memory");
}

static bool selectors_take(const char *name, size_t n, Bailey__V1__Selector *const *from,
                           struct arena *a, const struct selector **to, struct err *e)
{
    struct selector *v = arena_array(a, n == 0 ? 1 : n, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < n; i++)
        if (!selector_from_message(from[i], a, &v[i], e))
            return err_field(e, "%s[%zu]", name, i);
    *to = v;
    return true;
}

/* One bound "at least" under the words that explanations show. */
static bool tcb_minimum(const Bailey__V1__Minimum *m, struct arena *a, struct selector *out,
                        struct err *e)
{
    struct selector_tcb *v = arena_array(a, m->n_tcb == 0 ? 1 : m->n_tcb, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < m->n_tcb; i++) {
        struct number_range *r = &v[i].range;

        v[i].component = catalog_resolve("tcb-component", m->tcb[i]->key);
        if (v[i].component == NULL || !u64_parse(m->tcb[i]->value, &r->bound[0].value))
            return err_set(e, ERR_INPUT, "check.number", "tcb: \"%.40s\" is not a number",
                           m->tcb[i]->value),
                   err_field(e, "tcb.%.40s", m->tcb[i]->key);
        r->n = 1;
        r->bound[0].op = COMPARE_GE;
        r->text = arena_printf(a, ">=%s", m->tcb[i]->value);
        if (r->text == NULL)
            return full(e);
    }
    out->tcb = v;
    out->tcb_n = m->n_tcb;
    return true;
}

static bool minimum_take(const Bailey__V1__Minimum *m, struct arena *a, struct selector *out,
                         struct err *e)
{
    struct selector s = {0};

    if (!tcb_minimum(m, a, &s, e))
        return false;
    if (m->firmware[0] != '\0') {
        if (!version_parse(m->firmware, s.firmware.bound[0].part, e))
            return err_field(e, "firmware");
        s.firmware.n = 1;
        s.firmware.bound[0].op = COMPARE_GE;
        s.firmware.text = arena_printf(a, ">=%s", m->firmware);
        if (s.firmware.text == NULL)
            return full(e);
    }
    if (m->tcb_date[0] != '\0') {
        if (!moment_parse(m->tcb_date, &s.tcb_date.bound[0].wall_s, e))
            return err_field(e, "tcbDate");
        s.tcb_date.n = 1;
        s.tcb_date.bound[0].op = COMPARE_GE;
        s.tcb_date.text = arena_printf(a, ">=%s", m->tcb_date);
        if (s.tcb_date.text == NULL)
            return full(e);
    }
    *out = s;
    return true;
}

static bool floor_take(const Bailey__V1__Floor *m, struct arena *a, struct floor *out,
                       struct err *e)
{
    struct floor f = {.name = m->name, .because = m->because};
    int64_t grace_ms = INT64_C(1000) * FLOOR_GRACE_DEFAULT_S;

    if (!selector_from_message(m->platforms, a, &f.platforms, e))
        return err_field(e, "platforms");
    if (!minimum_take(m->minimum, a, &f.minimum, e))
        return err_field(e, "minimum");
    if (!moment_parse(m->enforce_from, &f.enforce_from_s, e))
        return err_field(e, "enforceFrom");
    if (m->grace[0] != '\0' && !duration_parse(m->grace, &grace_ms, e))
        return err_field(e, "grace");
    if (__builtin_add_overflow(f.enforce_from_s, grace_ms / 1000, &f.move_from_s))
        f.move_from_s = POLICY_NEVER;
    *out = f;
    return true;
}

static bool floors_take(const Bailey__V1__TrustPolicySpec *m, struct arena *a,
                        const struct floor **out, struct err *e)
{
    struct floor *v = arena_array(a, m->n_floors == 0 ? 1 : m->n_floors, sizeof *v);

    if (v == NULL)
        return full(e);
    for (size_t i = 0; i < m->n_floors; i++)
        if (!floor_take(m->floors[i], a, &v[i], e))
            return err_field(e, "floors[%zu]", i);
    *out = v;
    return true;
}

bool policy_from_message(const Bailey__V1__TrustPolicy *m, struct arena *a, struct policy *out,
                         struct err *e)
{
    const Bailey__V1__TrustPolicySpec *s = m->spec;
    struct policy p = {0};

    if (!message_check(&m->base, e))
        return false;
    p.name = m->metadata->name;
    p.cluster_default = s->cluster_default;
    p.accept_n = s->n_accept;
    p.refuse_n = s->n_refuse;
    p.floors_n = s->n_floors;
    if (!selectors_take("accept", s->n_accept, s->accept, a, &p.accept, e) ||
        !selectors_take("refuse", s->n_refuse, s->refuse, a, &p.refuse, e) ||
        !floors_take(s, a, &p.floors, e))
        return err_field(e, "spec");
    *out = p;
    return true;
}

bool exception_from_message(const Bailey__V1__Exception *m, struct arena *a, struct exception *out,
                            struct err *e)
{
    const Bailey__V1__ExceptionSpec *s = m->spec;
    struct exception x = {0};

    if (!message_check(&m->base, e))
        return false;
    x = (struct exception){.name = m->metadata->name,
                           .namespace = m->metadata->namespace_,
                           .workload = s->workload,
                           .policy = s->passes->policy,
                           .rule = s->passes->rule,
                           .revocation = s->passes->revocation,
                           .platforms_n = s->n_platforms,
                           .who = s->who,
                           .why = s->why};
    if (x.namespace[0] == '\0')
        x.namespace = "default";
    if (!selectors_take("platforms", s->n_platforms, s->platforms, a, &x.platforms, e))
        return err_field(e, "spec");
    if (!moment_parse(s->until, &x.until_s, e))
        return err_field(e, "spec.until");
    *out = x;
    return true;
}

static bool fix_take(const Bailey__V1__FixedVersion *m, struct arena *a, struct selector_fix *out,
                     struct err *e)
{
    struct selector *v = arena_array(a, 2, sizeof *v);

    if (v == NULL)
        return full(e);
    if (!selector_from_message(m->platforms, a, &v[0], e))
        return err_field(e, "platforms");
    if (!minimum_take(m->minimum, a, &v[1], e))
        return err_field(e, "minimum");
    *out = (struct selector_fix){&v[0], &v[1]};
    return true;
}

bool advisory_from_message(const Bailey__V1__Advisory *m, struct arena *a,
                           struct selector_advisory *out, struct err *e)
{
    const Bailey__V1__AdvisorySpec *s = m->spec;
    struct selector_advisory x = {0};
    struct selector_fix *fixed;

    if (!message_check(&m->base, e))
        return false;
    x.id = catalog_resolve("advisory", s->id);
    fixed = arena_array(a, s->n_fixed == 0 ? 1 : s->n_fixed, sizeof *fixed);
    if (x.id == NULL || fixed == NULL)
        return full(e);
    if (!selectors_take("affected", s->n_affected, s->affected, a, &x.affected, e))
        return err_field(e, "spec");
    for (size_t i = 0; i < s->n_fixed; i++)
        if (!fix_take(s->fixed[i], a, &fixed[i], e))
            return err_field(e, "spec.fixed[%zu]", i);
    x.affected_n = s->n_affected;
    x.fixed = fixed;
    x.fixed_n = s->n_fixed;
    *out = x;
    return true;
}

static bool word_put(const char *vocabulary, const char *word, char *to, size_t size, struct err *e)
{
    const char *w = catalog_resolve(vocabulary, word);

    if (w != NULL && str_copy(to, size, w))
        return true;
    return err_set(e, ERR_INPUT, "check.unknown-word", "unknown %s \"%.40s\"", vocabulary, word);
}

static bool words_put(const char *vocabulary, size_t n, char *const *from, struct fact_words *to,
                      struct err *e)
{
    if (n > FACT_CANDIDATES)
        return err_set(e, ERR_LIMIT, "policy.candidates", "%zu candidates, want at most %d", n,
                       FACT_CANDIDATES);
    for (size_t i = 0; i < n; i++)
        if (!word_put(vocabulary, from[i], to->word[i], sizeof to->word[i], e))
            return false;
    to->n = (unsigned)n;
    return n == 0 || str_copy(to->source, sizeof to->source, "expect");
}

static bool tcb_put(const Bailey__V1__PlatformFacts *m, struct facts *f, struct err *e)
{
    if (m->n_tcb > FACT_TCB_PARTS)
        return err_set(e, ERR_LIMIT, "policy.tcb", "%zu components, want at most %d", m->n_tcb,
                       FACT_TCB_PARTS);
    for (size_t i = 0; i < m->n_tcb; i++) {
        struct fact_svn *v = &f->tcb[i];

        if (!word_put("tcb-component", m->tcb[i]->key, v->name, sizeof v->name, e))
            return false;
        if (!u64_parse(m->tcb[i]->value, &v->value))
            return err_set(e, ERR_INPUT, "check.number", "\"%.40s\" is not a number",
                           m->tcb[i]->value),
                   err_field(e, "tcb.%.40s", m->tcb[i]->key);
    }
    f->tcb_n = (unsigned)m->n_tcb;
    return true;
}

static bool findings_put(size_t n, char *const *from, bool present, struct facts *f, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const char *word = catalog_resolve("finding", from[i]);
        enum finding x = word == NULL ? FINDINGS : finding_parse(word);
        uint32_t bit = 1U << x;

        if (x == FINDINGS)
            return err_set(e, ERR_INPUT, "check.unknown-word", "unknown finding \"%.40s\"",
                           from[i]);
        if ((f->findings_known & bit) != 0 && ((f->findings_true & bit) != 0) != present)
            return err_set(e, ERR_INPUT, "policy.finding", "%s is both present and absent", word);
        f->findings_known |= bit;
        f->findings_true |= present ? bit : 0;
    }
    return true;
}

static bool advisories_put(const Bailey__V1__PlatformFacts *m, struct facts *f, struct err *e)
{
    if (m->n_advisory > FACT_ADVISORIES)
        return err_set(e, ERR_LIMIT, "policy.advisories", "%zu advisories, want at most %d",
                       m->n_advisory, FACT_ADVISORIES);
    for (size_t i = 0; i < m->n_advisory; i++)
        if (!word_put("advisory", m->advisory[i], f->advisory[i], sizeof f->advisory[i], e))
            return false;
    f->advisories_n = (unsigned)m->n_advisory;
    f->advisories_known = m->advisories_known;
    return true;
}

static bool words_all(const Bailey__V1__PlatformFacts *m, struct facts *f, struct err *e)
{
    return words_put("vendor", m->n_vendor, m->vendor, &f->vendor, e) &&
           words_put("technology", m->n_technology, m->technology, &f->technology, e) &&
           words_put("generation", m->n_generation, m->generation, &f->generation, e) &&
           words_put("product-line", m->n_product_line, m->product_line, &f->product_line, e);
}

bool platform_facts(const Bailey__V1__PlatformFacts *m, struct facts *out, struct err *e)
{
    struct facts f = {.assurance = ASSURANCE_HARDWARE};
    const char *word;
    size_t n = 0;

    if (!words_all(m, &f, e) || !tcb_put(m, &f, e) || !advisories_put(m, &f, e) ||
        !findings_put(m->n_finding, m->finding, true, &f, e) ||
        !findings_put(m->n_absent_finding, m->absent_finding, false, &f, e))
        return false;
    if (m->assurance[0] != '\0') {
        word = catalog_resolve("assurance", m->assurance);
        f.assurance = word != NULL && strcmp(word, "simulated") == 0 ? ASSURANCE_SIMULATED
                                                                     : ASSURANCE_HARDWARE;
    }
    if (m->firmware[0] != '\0') {
        if (!version_parse(m->firmware, f.firmware.part, e))
            return err_field(e, "firmware");
        f.firmware.n = 4;
    }
    if (m->tcb_status[0] != '\0' &&
        !word_put("tcb-status", m->tcb_status, f.tcb_status, sizeof f.tcb_status, e))
        return false;
    if (m->tcb_date[0] != '\0' && !moment_parse(m->tcb_date, &f.tcb_date_s, e))
        return err_field(e, "tcbDate");
    if (m->platform_id[0] != '\0') {
        if (!hex_parse(m->platform_id, f.platform_id, sizeof f.platform_id, &n, e))
            return err_field(e, "platformId");
        f.platform_id_n = (unsigned)n;
    }
    *out = f;
    return true;
}
