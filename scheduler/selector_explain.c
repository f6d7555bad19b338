/* selector_explain.c - every condition of a selector with what was seen and what was wanted. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/vec.h"
#include "scheduler/selector.h"
#include "scheduler/selector_int.h"

/* Collects conditions; texts go to the arena. Sticky: ok turns false once memory is out. */
struct teller {
    struct arena *a;
    struct condition *v;
    size_t n, cap;
    enum truth truth;
    bool ok;
};

static const char *kept(struct teller *t, const char *s)
{
    const char *copy = arena_strdup(t->a, s);

    if (copy == NULL)
        t->ok = false;
    return copy == NULL ? "" : copy;
}

static const char *keep_text(struct teller *t, struct buf *b)
{
    const char *s = kept(t, buf_str(b));

    buf_clear(b);
    return s;
}

static void tell(struct teller *t, const char *fact, const char *seen, const char *wanted,
                 const char *field, enum truth outcome)
{
    bool known = strcmp(seen, "unknown") != 0;

    if (outcome == TRUTH_NO || t->truth == TRUTH_NO)
        t->truth = TRUTH_NO;
    else if (outcome == TRUTH_UNKNOWN)
        t->truth = TRUTH_UNKNOWN;
    if (t->n == t->cap) {
        t->ok = false;
        return;
    }
    t->v[t->n++] = (struct condition){.fact = fact,
                                      .seen = seen,
                                      .wanted = wanted,
                                      .source = known ? "proven" : "unknown",
                                      .field = known ? kept(t, field) : "",
                                      .outcome = outcome};
}

static const char *wanted_words(struct teller *t, const struct selector_words *w)
{
    AUTO_BUF struct buf b = {0};

    for (size_t i = 0; i < w->n; i++)
        buf_printf(&b, "%s%s", i == 0 ? "" : " or ", w->v[i]);
    return keep_text(t, &b);
}

static void tell_words(struct teller *t, const char *fact, const struct selector_words *w,
                       const struct fact_words *f)
{
    AUTO_BUF struct buf b = {0};
    const char *seen;

    if (w->n == 0)
        return;
    for (unsigned i = 0; i < f->n; i++)
        buf_printf(&b, "%s%s", i == 0 ? "" : " or ", f->word[i]);
    if (f->n == 0)
        buf_puts(&b, "unknown");
    seen = keep_text(t, &b);
    tell(t, fact, seen, wanted_words(t, w), f->source, words_eval(w, f));
}

static void tell_firmware(struct teller *t, const struct version_range *r,
                          const struct fact_version *f)
{
    AUTO_BUF struct buf b = {0};

    if (r->n == 0)
        return;
    for (unsigned i = 0; i < f->n && i < 4; i++)
        buf_printf(&b, "%s%u", i == 0 ? "" : ".", f->part[i]);
    if (f->n == 0)
        buf_puts(&b, "unknown");
    tell(t, "firmware", keep_text(t, &b), kept(t, r->text), f->source, version_eval(r, f));
}

static void tell_tcb(struct teller *t, const struct selector_tcb *c, const struct facts *f)
{
    AUTO_BUF struct buf b = {0};
    const struct fact_svn *svn = svn_find(f, c->component);
    const char *fact, *seen;
    const char *like = c->range.text; /* hexadecimal is answered in hexadecimal */

    buf_printf(&b, "tcb.%s", c->component);
    fact = keep_text(t, &b);
    if (svn == NULL)
        buf_puts(&b, "unknown");
    else if (strstr(like, "0x") != NULL || strstr(like, "0X") != NULL)
        buf_printf(&b, "0x%02llx", (unsigned long long)svn->value);
    else
        buf_printf(&b, "%llu", (unsigned long long)svn->value);
    seen = keep_text(t, &b);
    tell(t, fact, seen, kept(t, like), svn == NULL ? "" : svn->source, tcb_eval(c, f));
}

static void tell_tcb_status(struct teller *t, const struct selector *s, const struct facts *f)
{
    char text[TIME_TEXT] = "unknown";
    const char *seen;

    if (s->tcb_status.n != 0) {
        seen = f->tcb_status[0] == '\0' ? "unknown" : kept(t, f->tcb_status);
        tell(t, "tcbStatus", seen, wanted_words(t, &s->tcb_status), "",
             tcb_status_eval(&s->tcb_status, f));
    }
    if (s->tcb_date.n == 0)
        return;
    if (f->tcb_date_s != 0) {
        (void)time_format(f->tcb_date_s, text);
        text[10] = '\0'; /* the date */
    }
    seen = kept(t, text);
    tell(t, "tcbDate", seen, kept(t, s->tcb_date.text), "", tcb_date_eval(&s->tcb_date, f));
}

/* What Advisory objects say of a platform, where there are some. */
static void put_known(struct buf *b, const struct selector *s, const struct facts *f)
{
    for (size_t i = 0; i < s->known_n; i++) {
        struct selector one = {
            .advisory = {&s->known[i]->id, 1}, .known = &s->known[i], .known_n = 1};
        enum truth t = advisories_eval(&one, f);

        buf_printf(b, "%s%s %s", b->n == 0 ? "" : ", ",
                   t == TRUTH_YES  ? "open to"
                   : t == TRUTH_NO ? "not open to"
                                   : "perhaps open to",
                   s->known[i]->id);
    }
}

static void tell_advisory(struct teller *t, const struct selector *s, const struct facts *f)
{
    AUTO_BUF struct buf b = {0};
    const struct selector_words *w = &s->advisory;
    const char *seen;

    if (w->n == 0)
        return;
    for (unsigned i = 0; i < f->advisories_n; i++)
        buf_printf(&b, "%s%s", i == 0 ? "" : ", ", f->advisory[i]);
    put_known(&b, s, f);
    if (b.n == 0)
        buf_puts(&b, f->advisories_known ? "none" : "unknown");
    seen = keep_text(t, &b);
    tell(t, "advisory", seen, wanted_words(t, w), "", advisories_eval(s, f));
}

static void put_id(struct buf *b, const uint8_t *id, unsigned n)
{
    buf_hex(b, (struct bytes){id, n > 8 ? 8 : n});
    if (n > 8)
        buf_puts(b, "...");
}

static void tell_platform(struct teller *t, const struct selector *s, const struct facts *f)
{
    AUTO_BUF struct buf b = {0};
    const char *seen;

    if (s->platform_n == 0)
        return;
    if (f->platform_id_n == 0)
        buf_puts(&b, "unknown");
    else if (f->platform_id_n > FACT_ID)
        buf_puts(&b, "another");
    else
        put_id(&b, f->platform_id, f->platform_id_n);
    seen = keep_text(t, &b);
    put_id(&b, s->platform[0].id, s->platform[0].n);
    if (s->platform_n > 1)
        buf_printf(&b, " or one of %zu others", s->platform_n - 1);
    tell(t, "platformId", seen, keep_text(t, &b), f->platform_id_source, platform_eval(s, f));
}

static void tell_assurance(struct teller *t, const struct selector *s, const struct facts *f,
                           enum sense sense, enum simulated simulated)
{
    enum truth outcome = assurance_eval(s, f, sense, simulated);
    const char *wanted = "hardware";

    if (!s->assurance_named && (sense == SENSE_REFUSE || f->assurance == ASSURANCE_HARDWARE))
        return; /* nothing that anyone asked for */
    if (s->assurance_named && s->assurance_simulated)
        wanted = s->assurance_hardware ? "hardware or simulated" : "simulated";
    else if (!s->assurance_named && simulated == SIMULATED_DEFAULT)
        wanted = "hardware or simulated";
    if (outcome == TRUTH_NO && s->assurance_named && s->assurance_simulated &&
        f->assurance == ASSURANCE_SIMULATED)
        wanted = "hardware, as the cluster does not allow simulated evidence";
    tell(t, "assurance", assurance_name(f->assurance), wanted, "", outcome);
}

static void tell_findings(struct teller *t, uint32_t findings, const struct facts *f)
{
    AUTO_BUF struct buf b = {0};
    AUTO_BUF struct buf want = {0};
    bool any_unknown = false;
    const char *seen;

    if (findings == 0)
        return;
    for (unsigned i = 0; i < FINDINGS; i++) {
        uint32_t bit = 1u << i;

        if ((findings & bit) == 0)
            continue;
        buf_printf(&want, "%s%s", want.n == 0 ? "" : " or ", finding_name((enum finding)i));
        if ((f->findings_known & bit) == 0)
            any_unknown = true;
        else
            buf_printf(&b, "%s%s%s", b.n == 0 ? "" : ", ",
                       (f->findings_true & bit) != 0 ? "" : "not ", finding_name((enum finding)i));
    }
    if (b.n == 0 && any_unknown)
        buf_puts(&b, "unknown");
    seen = keep_text(t, &b);
    tell(t, "finding", seen, keep_text(t, &want), "", finding_eval(findings, f));
}

/* All conditions but those of `unless`. */
static void tell_plain(struct teller *t, const struct selector *s, const struct facts *f,
                       enum sense sense, enum simulated simulated)
{
    tell_words(t, "vendor", &s->vendor, &f->vendor);
    tell_words(t, "technology", &s->technology, &f->technology);
    tell_words(t, "generation", &s->generation, &f->generation);
    tell_words(t, "productLine", &s->product_line, &f->product_line);
    tell_firmware(t, &s->firmware, &f->firmware);
    for (size_t i = 0; i < s->tcb_n; i++)
        tell_tcb(t, &s->tcb[i], f);
    tell_tcb_status(t, s, f);
    tell_advisory(t, s, f);
    tell_platform(t, s, f);
    tell_assurance(t, s, f, sense, simulated);
    tell_findings(t, s->findings, f);
}

/* A refusal with a minimum refuses what is below it: its conditions are told the other way round.
 */
static void tell_minimum(struct teller *t, const struct selector *minimum, const struct facts *f)
{
    static const enum truth not [] = {
        [TRUTH_NO] = TRUTH_YES, [TRUTH_YES] = TRUTH_NO, [TRUTH_UNKNOWN] = TRUTH_UNKNOWN};
    size_t from = t->n;
    AUTO_BUF struct buf b = {0};

    tell_plain(t, minimum, f, SENSE_REFUSE, SIMULATED_DEFAULT);
    for (size_t i = from; i < t->n; i++) {
        buf_printf(&b, "not %s", t->v[i].wanted);
        t->v[i].wanted = keep_text(t, &b);
        t->v[i].outcome = not [t->v[i].outcome];
    }
}

static void tell_unless(struct teller *t, const struct selector *s, const struct facts *f)
{
    const struct selector_unless *passed = selector_passed(s, f);
    AUTO_BUF struct buf b = {0};

    for (size_t i = 0; i < s->unless_n; i++)
        if (!s->unless[i].exception)
            tell_minimum(t, s->unless[i].selector, f);
    if (passed == NULL || !passed->exception)
        return;
    buf_printf(&b, "exception %s", passed->name);
    tell(t, keep_text(t, &b), "holds", "no exception", "", TRUTH_NO);
    t->v[t->n - 1].source = "declared";
}

static size_t most_conditions(const struct selector *s)
{
    size_t n = 12 + s->tcb_n;

    for (size_t i = 0; i < s->unless_n; i++)
        n += s->unless[i].exception ? 1 : 12 + s->unless[i].selector->tcb_n;
    return n;
}

bool selector_explain(const struct selector *s, const struct facts *f, enum sense sense,
                      enum simulated simulated, struct arena *a, struct condition **out, size_t *n,
                      enum truth *truth, struct err *e)
{
    struct teller t = {.a = a, .cap = most_conditions(s), .truth = TRUTH_YES, .ok = true};

    t.v = arena_array(a, t.cap, sizeof *t.v);
    if (t.v == NULL)
        return err_set(e, ERR_LIMIT, "scheduler.explanation-size", "the explanation is too long");
    tell_plain(&t, s, f, sense, simulated);
    if (sense == SENSE_REFUSE)
        tell_unless(&t, s, f);
    if (!t.ok)
        return err_set(e, ERR_LIMIT, "scheduler.explanation-size", "the explanation is too long");
    *out = t.v;
    *n = t.n;
    *truth = selector_empty(s) ? TRUTH_UNKNOWN : t.truth;
    if (s->unless_n > 0) /* a minimum is judged as a whole */
        *truth = selector_eval(s, f, sense, simulated);
    return true;
}
