/* Every row of the vectors' expected.tsv gets its verdict, generation and TCB status, through the
 * same door and the same reading of folders as `bailey evidence verify` has. No row is skipped: one
 * of a kind that is not known here fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "attest/endorsement_check.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "base/clock.h"
#include "cli/cmd_evidence_files.h"

static char root[512];

struct row {
    char path[200], kind[32], expect[24], status[48], generation[40], verify_at[32], verdict[400];
};

struct tally {
    const char *kind;
    unsigned rows, good;
} tallies[] = {
    {"snp-report", 0, 0},
    {"snp-leaf-vcek", 0, 0},
    {"snp-leaf-vlek", 0, 0},
    {"sgx-quote", 0, 0},
    {"tdx-quote", 0, 0},
    {"sgx-quote+collateral", 0, 0},
    {"tdx-quote+collateral", 0, 0},
    {"intel-collateral", 0, 0},
    {"nitro-document", 0, 0},
    {"cca-token", 0, 0},
};

static bool have_vectors(void)
{
    const char *env = getenv("BAILEY_VECTORS"), *source = getenv("BAILEY_SOURCE");
    struct stat st;

    if (env != NULL && env[0] != '\0')
        snprintf(root, sizeof root, "%s", env);
    else
        snprintf(root, sizeof root, "%s/../shared/vectors", source == NULL ? "." : source);
    if (stat(root, &st) == 0)
        return true;
    print_message("SKIPPED: no vectors at %s; set BAILEY_VECTORS to their folder\n", root);
    return false;
}

/* Rows without a time are judged at one when every vendor's roots were valid. */
static int64_t time_of(const struct row *r)
{
    int64_t now = 0;

    assert_true(time_parse(strcmp(r->verify_at, "-") != 0 ? r->verify_at : "2026-03-07T01:04:33Z",
                           &now, NULL));
    return now;
}

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* What is different from the row; "" when nothing is. */
struct outcome {
    char text[600];
};

static void differs(struct outcome *o, const char *what, const char *got, const char *want)
{
    size_t at = strlen(o->text);

    snprintf(o->text + at, sizeof o->text - at, "%s%s is %s, want %s", at > 0 ? "; " : "", what,
             got, want);
}

static void generation_of(const struct facts *f, char *out, size_t size)
{
    out[0] = '\0';
    for (unsigned i = 0; i < f->generation.n; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", i > 0 ? "/" : "",
                 f->generation.word[i]);
}

/* "platform=OutOfDate[INTEL-SA-00586,...]; ...": all of the platform's are among the facts'. */
static void advisories_check(const struct row *r, const struct facts *f, struct outcome *o)
{
    const char *p = strstr(r->verdict, "platform="), *open = p == NULL ? NULL : strchr(p, '[');
    const char *end = p == NULL ? NULL : strchr(p, ';');
    char word[40];
    int used = 0;

    if (open == NULL || (end != NULL && open > end))
        return;
    for (open++; sscanf(open, "%39[^],]%n", word, &used) == 1; open += used + 1) {
        bool found = false;

        for (unsigned i = 0; i < f->advisories_n; i++)
            found = found || strcasecmp(f->advisory[i], word) == 0;
        if (!found)
            differs(o, "advisory", "missing", word);
        if (open[used] != ',')
            break;
    }
}

static void good_check(const struct row *r, const struct facts *f, struct outcome *o)
{
    bool debug = (f->findings_true & 1u << FINDING_DEBUG) != 0;
    char generation[200];

    generation_of(f, generation, sizeof generation);
    if (strcmp(r->generation, "-") != 0 && strcmp(r->generation, "unknown") != 0 &&
        strcmp(generation, r->generation) != 0)
        differs(o, "generation", generation, r->generation);
    if (strcmp(r->status, "-") != 0 && strcmp(f->tcb_status, r->status) != 0)
        differs(o, "status", f->tcb_status, r->status);
    if (strcmp(r->expect, "valid-debug") == 0 && !debug)
        differs(o, "debug", "false", "true");
    /* the public vectors of CCA are signed by keys whose private halves are public as well */
    if (f->assurance != ASSURANCE_HARDWARE && strcmp(r->kind, "cca-token") != 0)
        differs(o, "assurance", assurance_name(f->assurance), "hardware");
    advisories_check(r, f, o);
}

static void never(const struct explained *x, void *data)
{
    (void)x;
    ++*(unsigned *)data;
}

static void refused_check(const struct row *r, const struct evidence_input *in, const struct err *e,
                          struct outcome *o)
{
    unsigned fields = 0;

    if (e->reason[0] == '\0')
        differs(o, "reason", "empty", "a code");
    if (strcmp(r->status, "NoMatch") == 0 && strstr(e->reason, "match") == NULL)
        differs(o, "reason", e->reason, "one about no matching level");
    /* what can be read can be explained, and is refused for what is not there */
    if (strcmp(r->expect, "parse-only") == 0) {
        if (strcmp(e->reason, "evidence.file-missing") != 0 &&
            strcmp(e->reason, "cert.malformed") != 0) /* a chain that is there and is none */
            differs(o, "reason", e->reason, "evidence.file-missing or cert.malformed");
        if (!evidence_explain(in->evidence, never, &fields, NULL) || fields < 10)
            differs(o, "explained", "nothing", "every field");
    }
}

static void check_evidence(const struct row *r, const char *path, const char *collateral,
                           struct outcome *o)
{
    static struct evidence_files files;
    struct evidence_options with = {.now_s = time_of(r), .allow_debug = true, .trust_files = true};
    struct evidence_input in;
    struct facts f = {0};
    struct err e = {0};
    bool good;

    with.signatures_only = strcmp(r->expect, "signatures-valid") == 0;
    files = (struct evidence_files){0};
    if (evidence_files_read(&files, path, collateral, &e)) {
        in = evidence_files_input(&files);
        good = evidence_verify(&in, &with, &f, &e);
        if (good != (strcmp(r->expect, "refused") != 0 && strcmp(r->expect, "parse-only") != 0))
            differs(o, "verdict", good ? "verified" : e.msg, r->expect);
        else if (good)
            good_check(r, &f, o);
        else
            refused_check(r, &in, &e, o);
    } else {
        differs(o, "reading", e.msg, "evidence");
    }
    evidence_files_fini(&files);
}

/* The folder of a scenario is collateral of the quote in the folder above. */
static void check_scenario(const struct row *r, struct outcome *o)
{
    char quote[900], collateral[900];

    snprintf(collateral, sizeof collateral, "%s/%s", root, r->path);
    snprintf(quote, sizeof quote, "%s", collateral);
    *strrchr(quote, '/') = '\0';
    check_evidence(r, quote, collateral, o);
}

/* Mutated reports have no certificates of their own: those of the report that they were made from,
 * so that what refuses them is what was changed. */
static void check_report(const struct row *r, struct outcome *o)
{
    char path[900], parent[900];

    snprintf(path, sizeof path, "%s/%s", root, r->path);
    snprintf(parent, sizeof parent, "%s/snp/turin-v5-1.55.65-vcek-microsoft-85da70", root);
    check_evidence(r, path, strstr(r->path, "derived-negative") != NULL ? parent : NULL, o);
}

static bool read_into(struct evidence_input *in, struct buf *b, const char *dir, const char *file,
                      const char *name)
{
    char path[1200];
    uint8_t piece[4096];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/%s", root, dir, file);
    f = fopen(path, "rb");
    if (f == NULL)
        return false;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_put(b, piece, n);
    fclose(f);
    in->files[in->files_n++] = (struct evidence_file){name, buf_bytes(b)};
    return true;
}

/* A certificate without a report: its chain to AMD's root. */
static void check_leaf(const struct row *r, struct outcome *o)
{
    bool vlek = strstr(r->kind, "vlek") != NULL, good;
    const char *leaf = vlek ? "vlek.der" : "vcek.der", *ca = vlek ? "asvk.der" : "ask.der";
    struct evidence_options with = {.now_s = time_of(r)};
    struct endorsement_proof p = {0};
    struct evidence_input in = {0};
    struct buf b[3] = {{0}};
    struct err e = {0};
    char roots[64];

    snprintf(roots, sizeof roots, "roots/amd/%s", r->generation);
    assert_true(read_into(&in, &b[0], r->path, leaf, leaf));
    assert_true(read_into(&in, &b[1], roots, ca, ca));
    assert_true(read_into(&in, &b[2], roots, "ark.der", "ark.der"));
    good =
        endorsement_check(&in, &with, vlek ? ENDORSEMENT_SNP_VLEK : ENDORSEMENT_SNP_VCEK, &p, &e);
    if (good != (strcmp(r->expect, "valid") == 0))
        differs(o, "verdict", good ? "verified" : e.msg, r->expect);
    else if (good && strcasecmp(p.anchor->name, r->generation) != 0)
        differs(o, "product", p.anchor->name, r->generation);
    else if (!good && strcmp(e.reason, "cert.signature") != 0)
        differs(o, "reason", e.reason, "cert.signature");
    for (size_t i = 0; i < 3; i++)
        buf_fini(&b[i]);
}

/* A table that Intel's production key did not sign, given with Intel's own signing chain. */
static void check_collateral(const struct row *r, struct outcome *o)
{
    static const char chain[] =
        "sgx/ice-lake-sp-v3-confidential-containers-77bcbd/collateral-eval17-20250815";
    bool table = strstr(r->path, "tcb_info") != NULL, good;
    const char *file = table ? "tcb_info.json" : "qe_identity.json";
    struct evidence_options with = {.now_s = time_of(r)};
    struct endorsement_proof p = {0};
    struct evidence_input in = {0};
    struct buf b[2] = {{0}};
    struct err e = {0};

    assert_true(time_parse("2025-08-30T05:09:06Z", &with.now_s, NULL));
    assert_true(read_into(&in, &b[0], r->path, file, file));
    assert_true(read_into(&in, &b[1], chain, "tcb_signing_chain.pem", "tcb_signing_chain.pem"));
    good = endorsement_check(&in, &with, table ? ENDORSEMENT_TCB_INFO : ENDORSEMENT_QE_IDENTITY, &p,
                             &e);
    if (good)
        differs(o, "verdict", "verified", r->expect);
    else if (!begins(e.reason, "dcap.collateral-"))
        differs(o, "reason", e.reason, "one of dcap.collateral-*");
    buf_fini(&b[0]);
    buf_fini(&b[1]);
}

static void check_row(const struct row *r, struct outcome *o)
{
    char path[900];

    snprintf(path, sizeof path, "%s/%s", root, r->path);
    if (strcmp(r->kind, "snp-report") == 0)
        check_report(r, o);
    else if (begins(r->kind, "snp-leaf-"))
        check_leaf(r, o);
    else if (strstr(r->kind, "+collateral") != NULL)
        check_scenario(r, o);
    else if (strcmp(r->kind, "intel-collateral") == 0)
        check_collateral(r, o);
    else
        check_evidence(r, path, NULL, o);
}

static struct tally *tally_of(const char *kind)
{
    for (size_t i = 0; i < sizeof tallies / sizeof tallies[0]; i++)
        if (strcmp(tallies[i].kind, kind) == 0)
            return &tallies[i];
    return NULL;
}

static void every_row_gets_its_verdict(void **state)
{
    char path[600], line[2048];
    unsigned rows = 0, wrong = 0;
    FILE *f;

    (void)state;
    if (!have_vectors())
        skip();
    snprintf(path, sizeof path, "%s/expected.tsv", root);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        struct row r = {0};
        struct outcome o = {0};
        struct tally *t;

        if (line[0] == '#')
            continue;
        assert_true(sscanf(line,
                           "%199[^\t]\t%31[^\t]\t%23[^\t]\t%47[^\t]\t%39[^\t]\t%31[^\t]\t"
                           "%*[^\t]\t%399[^\n]",
                           r.path, r.kind, r.expect, r.status, r.generation, r.verify_at,
                           r.verdict) >= 6);
        rows++;
        t = tally_of(r.kind);
        if (t == NULL) {
            print_message("  %s: unknown kind %s\n", r.path, r.kind);
            wrong++;
            continue;
        }
        t->rows++;
        check_row(&r, &o);
        if (o.text[0] != '\0')
            print_message("  %s (%s): %s\n", r.path, r.kind, o.text);
        wrong += o.text[0] != '\0';
        t->good += o.text[0] == '\0';
    }
    fclose(f);
    for (size_t i = 0; i < sizeof tallies / sizeof tallies[0]; i++)
        print_message("  %-22s %3u of %3u rows as expected\n", tallies[i].kind, tallies[i].good,
                      tallies[i].rows);
    print_message("  %-22s %3u of %3u\n", "all", rows - wrong, rows);
    assert_true(rows > 0);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gets_its_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
