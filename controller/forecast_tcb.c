#include "controller/forecast.h"

#include <stdio.h>

#include "attest/evidence.h"
#include "base/str.h"
#include "controller/collateral.h"
#include "controller/effective.h"

/* The files that take the place of what is kept; for each kind several, for platforms differ. */
struct newer {
    enum endorsement_kind kind;
    struct bytes bytes;
};

#define NEWER_MOST 32

struct newer_set {
    struct newer v[NEWER_MOST];
    size_t n;
};

static void sort_out(struct newer_set *s, Bailey__V1__CollateralFile *const *files, size_t n)
{
    for (size_t i = 0; i < n && s->n < NEWER_MOST; i++) {
        struct bytes b = {files[i]->data.data, files[i]->data.len};
        struct endorsement what;

        if (endorsement_recognise(b, &what))
            s->v[s->n++] = (struct newer){what.kind, b};
    }
}

/* The file of that kind in *in becomes these bytes, or is added. */
static void put(struct evidence_input *in, const struct newer *x)
{
    const char *name = endorsement_file(x->kind);

    for (unsigned i = 0; i < in->files_n; i++)
        if (strcmp(in->files[i].name, name) == 0) {
            in->files[i].bytes = x->bytes;
            return;
        }
    if (in->files_n < EVIDENCE_FILES)
        in->files[in->files_n++] = (struct evidence_file){name, x->bytes};
}

/* Judges under the set with that TCB info; all that is of other kinds goes along. */
static bool judge_with(const struct evidence_input *base, const struct newer_set *s, size_t tcb,
                       const struct evidence_options *o, struct facts *out, struct err *e)
{
    struct evidence_input in = *base;

    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].kind != ENDORSEMENT_TCB_INFO || i == tcb)
            put(&in, &s->v[i]);
    return evidence_verify(&in, o, out, e);
}

/* The file's fault, and not the platform's. */
static bool not_signed(const char *reason)
{
    return strcmp(reason, "dcap.collateral-malformed") == 0 ||
           strcmp(reason, "dcap.collateral-signature") == 0 ||
           strcmp(reason, "dcap.collateral-validity") == 0;
}

/* The first TCB info that is for this platform decides; false: none is. */
static bool judge(struct forecast *f, const struct node *n, const struct newer_set *s, bool *good,
                  struct facts *out, struct err *e)
{
    struct evidence_options o = {.now_s = f->from_s,
                                 .allow_simulated = f->st->options.allow_simulated};
    const Bailey__V1__Evidence *m = n->evidence;
    struct collateral_lent lent = {0};
    struct evidence_input in = {.evidence = {m->evidence.data, m->evidence.len}};
    bool found = false;

    for (size_t i = 0; i < m->n_files && i < EVIDENCE_FILES; i++)
        in.files[in.files_n++] = (struct evidence_file){
            m->files[i]->name, {m->files[i]->data.data, m->files[i]->data.len}};
    collateral_supply(f->st->collateral, &o, &in, &lent);
    o.trust_files = lent.trust_files;
    for (size_t i = 0; i < s->n && !found; i++) {
        if (s->v[i].kind != ENDORSEMENT_TCB_INFO)
            continue;
        *e = (struct err){0};
        *good = judge_with(&in, s, i, &o, out, e);
        if (!*good && not_signed(e->reason)) {
            f->wrong = *e;
            break;
        }
        found = *good || (strcmp(e->reason, "dcap.fmspc-mismatch") != 0 &&
                          strcmp(e->reason, "dcap.pceid-mismatch") != 0 &&
                          strcmp(e->reason, "dcap.collateral-kind") != 0);
    }
    collateral_lent_fini(&lent);
    return found;
}

static bool known_advisory(const struct facts *f, const char *id)
{
    for (unsigned i = 0; i < f->advisories_n; i++)
        if (strcmp(f->advisory[i], id) == 0)
            return true;
    return false;
}

/* "tcbStatus UpToDate becomes OutOfDate; INTEL-SA-01234 is not mended"; "" when nothing is worse.
 */
static void compare(const struct facts *was, const struct facts *is, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    if (strcmp(was->tcb_status, is->tcb_status) != 0)
        at +=
            (size_t)snprintf(out, size, "tcbStatus %s becomes %s", was->tcb_status, is->tcb_status);
    for (unsigned i = 0; i < is->advisories_n && at < size; i++)
        if (!known_advisory(was, is->advisory[i]))
            at += (size_t)snprintf(out + at, size - at, "%s%s is not mended", at == 0 ? "" : "; ",
                                   is->advisory[i]);
}

/* Keeps on the node that may stay under the facts of now and may not under the new ones; is NULL:
 * the evidence is refused. */
static void fallen(struct forecast *f, Bailey__V1__ForecastChange *c, const struct node *n,
                   const struct facts *is)
{
    struct workload *w;

    for (size_t i = 0; (w = map_next(&f->st->workloads, &i)) != NULL;) {
        const struct rules *rules = &w->trust.rules;
        VEC(struct keep *) v = {0};

        for (size_t j = 0; j < n->keeps.n; j++) {
            struct keep *k = n->keeps.v[j];

            if (k->workload == w && keep_live(k) &&
                verdict_tolerates(rules_judge(rules, &n->facts).verdict) &&
                (is == NULL || !verdict_tolerates(rules_judge(rules, is).verdict)))
                BUG_ON(!vec_push(&v, k));
        }
        if (v.n > 0)
            forecast_keeps(f, c, w, v.v, v.n, rules);
        vec_fini(&v);
    }
}

static void look_at(struct forecast *f, Bailey__V1__ForecastChange *c, const struct node *n,
                    const struct newer_set *s)
{
    char lacks[400], mend[160] = "update BIOS and microcode, then show fresh evidence";
    struct err e = {0};
    struct facts is;
    bool good;

    if (!judge(f, n, s, &good, &is, &e))
        return;
    if (!good) {
        snprintf(lacks, sizeof lacks, "its evidence would be refused: %s: %.200s", e.reason, e.msg);
        forecast_node(f, c, n, arena_strdup(f->a, lacks), arena_strdup(f->a, mend));
        fallen(f, c, n, NULL);
        return;
    }
    compare(&n->facts, &is, lacks, sizeof lacks);
    if (lacks[0] == '\0')
        return;
    if (is.tcb_date_s != 0) {
        char at[TIME_TEXT];

        snprintf(mend, sizeof mend, "update BIOS and microcode: it is at the TCB of %.10s",
                 time_format(is.tcb_date_s, at));
    }
    forecast_node(f, c, n, arena_strdup(f->a, lacks), arena_strdup(f->a, mend));
    fallen(f, c, n, &is);
}

void forecast_tcb(struct forecast *f, Bailey__V1__CollateralFile *const *files, size_t n)
{
    struct newer_set set = {0};
    Bailey__V1__ForecastChange *c;
    const struct node *node;

    if (n == 0)
        return;
    sort_out(&set, files, n);
    c = forecast_change(f, f->from_s, "tcb-set", "judged by the files that were given");
    if (c == NULL)
        return;
    c->what = (char *)(uintptr_t) "Intel TCB set";
    for (size_t i = 0; (node = map_next(&f->st->nodes, &i)) != NULL;)
        if (node->evidence != NULL && node->has_facts &&
            (f->node[0] == '\0' || strcmp(f->node, node->object.key) == 0))
            look_at(f, c, node, &set);
    forecast_end(f, c);
}
