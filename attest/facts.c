#include "attest/facts.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *const finding_names[FINDINGS] = {
    [FINDING_DEBUG] = "debug",
    [FINDING_MIGRATABLE] = "migratable",
    [FINDING_SMT] = "smt",
    [FINDING_MASKED_CHIP_ID] = "masked-chip-id",
    [FINDING_PROVISIONAL_FIRMWARE] = "provisional-firmware",
    [FINDING_CIPHERTEXT_HIDING] = "ciphertext-hiding",
    [FINDING_ALIAS_CHECK] = "alias-check",
    [FINDING_RAPL_DISABLED] = "rapl-disabled",
    [FINDING_ECC] = "ecc",
    [FINDING_STALE_COLLATERAL] = "stale-collateral",
    [FINDING_REVOCATION_UNCHECKED] = "revocation-unchecked",
    [FINDING_TD_RELAUNCH_ADVISED] = "td-relaunch-advised",
    [FINDING_CACHED_KEYS] = "cached-keys",
    [FINDING_DYNAMIC_PLATFORM] = "dynamic-platform",
    [FINDING_SEPT_VE_ENABLED] = "sept-ve-enabled",
};

const char *finding_name(enum finding f)
{
    return (unsigned)f < FINDINGS ? finding_names[f] : "unknown";
}

enum finding finding_parse(const char *s)
{
    for (unsigned i = 0; i < FINDINGS; i++)
        if (strcmp(finding_names[i], s) == 0)
            return (enum finding)i;
    return FINDINGS;
}

void fact_set(struct fact_words *w, const char *word, const char *source)
{
    w->n = 1;
    str_copy(w->word[0], FACT_WORD, word);
    str_copy(w->source, FACT_SOURCE, source);
}

void finding_set(struct facts *f, enum finding what, bool is)
{
    f->findings_known |= 1u << what;
    if (is)
        f->findings_true |= 1u << what;
}

const char *assurance_name(enum assurance a)
{
    switch (a) {
    case ASSURANCE_HARDWARE:
        return "hardware";
    case ASSURANCE_SIMULATED:
        return "simulated";
    case ASSURANCE_UNKNOWN:
        break;
    }
    return "unknown";
}

static bool words_equal(const struct fact_words *a, const struct fact_words *b)
{
    if (a->n != b->n || strcmp(a->source, b->source) != 0)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (strcmp(a->word[i], b->word[i]) != 0)
            return false;
    return true;
}

static bool versions_equal(const struct fact_version *a, const struct fact_version *b)
{
    if (a->n != b->n || strcmp(a->source, b->source) != 0)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (a->part[i] != b->part[i])
            return false;
    return true;
}

static bool svns_equal(const struct facts *a, const struct facts *b)
{
    if (a->tcb_n != b->tcb_n)
        return false;
    for (unsigned i = 0; i < a->tcb_n; i++)
        if (a->tcb[i].value != b->tcb[i].value || strcmp(a->tcb[i].name, b->tcb[i].name) != 0 ||
            strcmp(a->tcb[i].source, b->tcb[i].source) != 0)
            return false;
    return true;
}

static bool advisories_equal(const struct facts *a, const struct facts *b)
{
    if (a->advisories_known != b->advisories_known || a->advisories_n != b->advisories_n)
        return false;
    for (unsigned i = 0; i < a->advisories_n; i++)
        if (strcmp(a->advisory[i], b->advisory[i]) != 0)
            return false;
    return true;
}

bool facts_same_class(const struct facts *a, const struct facts *b)
{
    return a->assurance == b->assurance && words_equal(&a->vendor, &b->vendor) &&
           words_equal(&a->technology, &b->technology) &&
           words_equal(&a->generation, &b->generation) &&
           words_equal(&a->product_line, &b->product_line) &&
           versions_equal(&a->firmware, &b->firmware) && svns_equal(a, b) &&
           strcmp(a->tcb_status, b->tcb_status) == 0 && a->tcb_date_s == b->tcb_date_s &&
           advisories_equal(a, b) && a->findings_true == b->findings_true &&
           a->findings_known == b->findings_known;
}

/* Appends at *at, cut at size. */
static void add(char *out, size_t size, size_t *at, const char *s)
{
    size_t n = strlen(s);

    if (n > size - 1 - *at)
        n = size - 1 - *at;
    memcpy(out + *at, s, n);
    *at += n;
    out[*at] = '\0';
}

static void add_words(char *out, size_t size, size_t *at, const struct fact_words *w)
{
    if (*at > 0)
        add(out, size, at, " ");
    if (w->n == 0)
        add(out, size, at, "unknown");
    for (unsigned i = 0; i < w->n; i++) {
        if (i > 0)
            add(out, size, at, "|");
        add(out, size, at, w->word[i]);
    }
}

const char *facts_format(const struct facts *f, char *out, size_t size)
{
    char part[16];
    size_t at = 0;

    if (size == 0)
        return "";
    out[0] = '\0';
    add_words(out, size, &at, &f->vendor);
    add_words(out, size, &at, &f->technology);
    add_words(out, size, &at, &f->generation);
    for (unsigned i = 0; i < f->firmware.n; i++) {
        snprintf(part, sizeof part, "%c%u", i == 0 ? ' ' : '.', (unsigned)f->firmware.part[i]);
        add(out, size, &at, part);
    }
    if (f->assurance != ASSURANCE_HARDWARE) {
        add(out, size, &at, " (");
        add(out, size, &at, assurance_name(f->assurance));
        add(out, size, &at, ")");
    }
    return out;
}
