/* Which source of evidence this host has: a part of source.h that bailey-probe does without. */
#include <stdio.h>
#include <string.h>

#include "agent/source.h"
#include "base/str.h"

static const struct source_kind *const kinds[] = {
    &source_tsm, &source_sev_guest, &source_nitro, &source_probe, &source_sim,
};
static const unsigned kinds_n = sizeof kinds / sizeof kinds[0];

static bool look(const struct source_kind *kind, const struct source_options *o, struct source *s,
                 struct source_finding *f)
{
    *f = (struct source_finding){.kind = kind};
    f->works = source_open(kind, o, s, &f->why);
    if (f->works)
        (void)str_copy(f->name, sizeof f->name, s->name);
    return f->works;
}

unsigned source_probe_all(const struct source_options *o, struct source_finding out[SOURCE_KINDS])
{
    for (unsigned i = 0; i < kinds_n; i++) {
        struct source unused;

        (void)look(kinds[i], o, &unused, &out[i]);
    }
    return kinds_n;
}

static const struct source_kind *kind_find(const char *word)
{
    for (unsigned i = 0; i < kinds_n; i++)
        if (strcmp(kinds[i]->word, word) == 0)
            return kinds[i];
    return NULL;
}

/* What was said beside "auto" says it all, too. */
static const char *wanted(const struct source_options *o)
{
    if (o->want != NULL && strcmp(o->want, "auto") != 0)
        return o->want;
    if (o->simulate != NULL)
        return source_sim.word;
    return o->probe_kernel != NULL ? source_probe.word : NULL;
}

bool source_choose(const struct source_options *o, struct source *out,
                   struct source_finding findings[SOURCE_KINDS], unsigned *findings_n,
                   struct err *e)
{
    const char *word = wanted(o);
    const struct source_kind *kind = word == NULL ? NULL : kind_find(word);

    *findings_n = 0;
    if (word != NULL && kind == NULL)
        return err_set(e, ERR_INPUT, "source.unknown", "--source %.40s: no such source", word),
               err_expected(e, "auto, tsm, sev-guest, nitro, dcap, probe or sim");
    if (o->simulate != NULL && kind != &source_sim)
        return err_set(e, ERR_INPUT, "source.simulate", "--simulate is for --source sim, not %s",
                       word);
    *out = (struct source){0};
    for (unsigned i = 0; i < kinds_n; i++) {
        struct source_finding *f = &findings[*findings_n];

        if (kind != NULL && kinds[i] != kind)
            continue;
        (*findings_n)++;
        if (look(kinds[i], o, out, f))
            return true;
        if (kind != NULL) {
            *e = f->why;
            return err_wrap(e, "--source %s", word);
        }
    }
    return true;
}
