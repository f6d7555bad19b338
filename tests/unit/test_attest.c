/* Real evidence of many machines, with the verdicts it must get (expected.tsv of the vectors). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "attest/evidence.h"
#include "attest/snp_report.h"
#include "base/arena.h"
#include "base/clock.h"

static char root[512];

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

/* A file's bytes in the arena; empty when it does not exist. */
static struct bytes slurp(struct arena *a, const char *dir, const char *name)
{
    char path[1400];
    uint8_t *p;
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/%s", root, dir, name);
    f = fopen(path, "rb");
    if (f == NULL)
        return (struct bytes){NULL, 0};
    p = arena_alloc(a, EVIDENCE_FILE_MAX + 1);
    assert_non_null(p);
    n = fread(p, 1, EVIDENCE_FILE_MAX + 1, f);
    fclose(f);
    return (struct bytes){p, n};
}

struct row {
    char path[160], kind[32], expect[16], status[32], generation[32], verify_at[32];
};

static struct bytes add_file(struct evidence_input *in, struct arena *a, const char *dir,
                             const char *name)
{
    struct bytes b = slurp(a, dir, name);

    if (b.n > 0)
        in->files[in->files_n++] = (struct evidence_file){name, b};
    return b;
}

static int64_t time_of(const struct row *r)
{
    int64_t now = 0;
    struct err e = {0};

    if (strcmp(r->verify_at, "-") != 0)
        assert_true(time_parse(r->verify_at, &now, &e));
    else
        assert_true(time_parse("2026-03-07T01:04:33Z", &now, &e));
    return now;
}

/* "bergamo/siena" for a set of two. */
static void assert_generation(const struct row *r, const struct facts *f)
{
    char text[160] = "";

    for (unsigned i = 0; i < f->generation.n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? "/" : "",
                 f->generation.word[i]);
    assert_string_equal(text, r->generation);
}

static void check_report(const struct row *r)
{
    AUTO_ARENA struct arena a;
    struct evidence_input in = {0};
    struct evidence_options o = {.now_s = time_of(r)};
    struct snp_report report;
    struct facts f = {0};
    struct err e = {0};
    bool good;

    arena_init(&a, 1 << 20);
    if (strstr(r->path, "derived-negative") != NULL) { /* mutations of the Turin vector */
        static const char parent[] = "snp/turin-v5-1.55.65-vcek-microsoft-85da70";

        in.evidence = slurp(&a, "", r->path);
        add_file(&in, &a, parent, "vcek.der");
        add_file(&in, &a, parent, "ask.der");
        add_file(&in, &a, parent, "ark.der");
    } else {
        in.evidence = slurp(&a, r->path, "report.bin");
        add_file(&in, &a, r->path, "vcek.der");
        add_file(&in, &a, r->path, "vlek.der");
        add_file(&in, &a, r->path, "ask.der");
        add_file(&in, &a, r->path, "asvk.der");
        add_file(&in, &a, r->path, "ark.der");
    }
    assert_true(in.evidence.n > 0);
    good = evidence_verify(&in, &o, &f, &e);
    print_message("  %-58s %-10s %s\n", r->path, r->expect, good ? "valid" : e.reason);
    if (strcmp(r->expect, "valid") == 0) {
        if (!good && strcmp(e.reason, "snp.debug") == 0) {
            /* expected.tsv judges signatures only: genuine, and refused for its policy */
            o.allow_debug = true;
            good = evidence_verify(&in, &o, &f, &e);
            assert_true((f.findings_true & 1u << FINDING_DEBUG) != 0);
        }
        if (!good)
            print_message("    %s\n", e.msg);
        assert_true(good);
        assert_int_equal(f.assurance, ASSURANCE_HARDWARE);
        assert_generation(r, &f);
        assert_true(f.firmware.n == 3);
        o.report_data =
            (const uint8_t *)"another challenge, another node, another boot, another key......";
        assert_false(evidence_verify(&in, &o, &f, &e));
        assert_string_equal(e.reason, "evidence.report-data");
        return;
    }
    assert_false(good);
    if (strcmp(r->expect, "parse-only") == 0) {
        assert_true(snp_report_parse(in.evidence, &report, &e));
        assert_string_equal(e.reason, "evidence.file-missing");
    }
}

/* A certificate without a report: it goes through the same door with a report of the same line, and
 * must get past the chain exactly when it is expected to. */
static void check_leaf(const struct row *r)
{
    AUTO_ARENA struct arena a;
    bool vlek = strstr(r->kind, "vlek") != NULL;
    const char *line = strstr(r->path, "genoa") != NULL ? "genoa" : "milan";
    const char *parent = vlek ? "snp/milan-v3-1.55.29-vlek-confidential-containers-decdab"
                         : strcmp(line, "genoa") == 0 ? "snp/genoa-v3-1.55.40-vcek-tinfoilsh-e57e50"
                                                      : "snp/milan-v2-1.49.3-vcek-google-377e62";
    struct evidence_input in = {0};
    struct evidence_options o = {.now_s = time_of(r)};
    struct facts f = {0};
    struct err e = {0};
    char roots[64];

    arena_init(&a, 1 << 20);
    snprintf(roots, sizeof roots, "roots/amd/%s", line);
    in.evidence = slurp(&a, parent, "report.bin");
    assert_true(add_file(&in, &a, r->path, vlek ? "vlek.der" : "vcek.der").n > 0);
    assert_true(add_file(&in, &a, roots, vlek ? "asvk.der" : "ask.der").n > 0);
    assert_true(add_file(&in, &a, roots, "ark.der").n > 0);
    if (evidence_verify(&in, &o, &f, &e))
        assert_string_equal(r->expect, "valid");
    else if (strcmp(r->expect, "valid") == 0)
        assert_string_equal(e.reason,
                            "snp.signature"); /* the chain held; the report is another's */
    else
        assert_string_equal(e.reason, "cert.signature");
    print_message("  %-58s %-10s %s\n", r->path, r->expect, e.reason);
}

static void vectors_get_their_verdicts(void **state)
{
    char path[600], line[2048];
    unsigned reports = 0, leaves = 0;
    FILE *f;

    (void)state;
    if (!have_vectors())
        skip();
    snprintf(path, sizeof path, "%s/expected.tsv", root);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        struct row r = {0};

        if (sscanf(line, "%159[^\t]\t%31[^\t]\t%15[^\t]\t%31[^\t]\t%31[^\t]\t%31[^\t]", r.path,
                   r.kind, r.expect, r.status, r.generation, r.verify_at) != 6)
            continue;
        if (strcmp(r.kind, "snp-report") == 0) {
            check_report(&r);
            reports++;
        } else if (strncmp(r.kind, "snp-leaf-", 9) == 0) {
            check_leaf(&r);
            leaves++;
        }
    }
    fclose(f);
    print_message("%u SNP reports and %u leaf certificates got their verdicts\n", reports, leaves);
    assert_true(reports >= 20 && leaves >= 5);
}

/* AMD revoked its first Genoa ASK; the list of that time says so. */
static void a_revoked_ask_is_refused(void **state)
{
    AUTO_ARENA struct arena a;
    static const char dir[] = "snp/genoa-v3-1.55.40-vcek-tinfoilsh-e57e50";
    struct evidence_input in = {0};
    struct evidence_options o = {0};
    struct facts f = {0};
    struct err e = {0};
    struct bytes crl;

    (void)state;
    if (!have_vectors())
        skip();
    arena_init(&a, 1 << 20);
    in.evidence = slurp(&a, dir, "report.bin");
    add_file(&in, &a, dir, "vcek.der");
    add_file(&in, &a, dir, "ask.der");
    add_file(&in, &a, "roots/amd/genoa", "ark.der");
    assert_true(time_parse("2026-02-10T16:38:56Z", &o.now_s, &e));
    assert_true(evidence_verify(&in, &o, &f, &e));
    assert_true((f.findings_true & 1u << FINDING_REVOCATION_UNCHECKED) != 0);
    /* the list is past its date by now: refused, or a finding where that is allowed */
    crl = slurp(&a, "roots/amd/genoa", "ark_crl_2022.der");
    in.files[in.files_n++] = (struct evidence_file){"ark_crl.der", crl};
    assert_false(evidence_verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "crl.validity");
    o.lenient = true;
    assert_true(evidence_verify(&in, &o, &f, &e));
    assert_true((f.findings_true & 1u << FINDING_STALE_COLLATERAL) != 0);
    assert_true((f.findings_true & 1u << FINDING_REVOCATION_UNCHECKED) == 0);
    /* the CRL of another line is not this root's */
    in.files[3].bytes = slurp(&a, "roots/amd/milan", "ark_crl_2022.der");
    assert_false(evidence_verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "crl.signature");
    /* the ARK's signature under the old ASK is good; the list names it */
    in.files[1].bytes = slurp(&a, "roots/amd/genoa", "ask_revoked_serial_20001.der");
    in.files[3].bytes = crl;
    assert_false(evidence_verify(&in, &o, &f, &e));
    assert_string_equal(e.reason, "snp.ask-revoked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_get_their_verdicts),
        cmocka_unit_test(a_revoked_ask_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
