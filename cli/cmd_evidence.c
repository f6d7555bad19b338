/* evidence verify: the verifier alone, on files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/evidence.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/files.h"
#include "cli/rows.h"
#include "config/convert_facts.h"
#include "config/print.h"

struct evidence_read {
    struct buf evidence;
    struct buf file[EVIDENCE_FILES];
    char name[EVIDENCE_FILES][128];
    unsigned n;
};

static bool is_evidence(const char *name)
{
    static const char *const names[] = {"report.bin", "quote.bin",    "token.bin",
                                        "token.cbor", "document.bin", "document.cbor"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static bool read_entry(struct evidence_read *r, const char *folder, const char *name, struct err *e)
{
    char path[4096];
    struct stat st;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return err_set(e, ERR_LIMIT, "evidence.path", "path is too long");
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    if (is_evidence(name)) {
        if (r->evidence.n > 0)
            return err_set(e, ERR_INPUT, "evidence.several", "%s: more than one piece of evidence",
                           folder);
        return file_read(path, EVIDENCE_MAX, &r->evidence, e);
    }
    if (r->n == EVIDENCE_FILES)
        return err_set(e, ERR_LIMIT, "evidence.files", "%s: more than %d files", folder,
                       EVIDENCE_FILES);
    snprintf(r->name[r->n], sizeof r->name[0], "%s", name);
    return file_read(path, EVIDENCE_FILE_MAX, &r->file[r->n++], e);
}

static bool read_folder(struct evidence_read *r, const char *path, struct err *e)
{
    struct dirent **entries;
    int n = scandir(path, &entries, visible, alphasort);
    bool ok = n >= 0;

    if (n < 0)
        return err_errno(e, errno, "evidence.open", "%s", path);
    for (int i = 0; i < n; i++) {
        ok = ok && read_entry(r, path, entries[i]->d_name, e);
        free(entries[i]);
    }
    free(entries);
    if (ok && r->evidence.n == 0)
        return err_set(e, ERR_MISSING, "evidence.none", "%s: no evidence in this folder", path),
               err_expected(e, "report.bin, quote.bin, token.bin or document.bin");
    return ok;
}

static bool read_path(struct evidence_read *r, const char *path, struct err *e)
{
    struct stat st;

    if (strcmp(path, "-") != 0 && stat(path, &st) != 0)
        return err_errno(e, errno, "evidence.open", "%s", path);
    if (strcmp(path, "-") != 0 && S_ISDIR(st.st_mode))
        return read_folder(r, path, e);
    return file_read(path, EVIDENCE_MAX, &r->evidence, e);
}

/* The texts of a list as a JSON array, under `key`. */
static void words(struct json *j, const char *key, char *const *word, size_t n)
{
    json_key(j, key);
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, word[i]);
    json_array_end(j);
}

static void member(struct json *j, const char *key, const char *value)
{
    if (value[0] == '\0')
        return;
    json_key(j, key);
    json_str(j, value);
}

static void proven(struct json *j, const Bailey__V1__Facts *f)
{
    member(j, "assurance", f->assurance);
    words(j, "technology", f->technology, f->n_technology);
    words(j, "vendor", f->vendor, f->n_vendor);
    words(j, "generation", f->generation, f->n_generation);
    words(j, "productLine", f->product_line, f->n_product_line);
    member(j, "firmware", f->firmware);
    json_key(j, "tcb");
    json_object(j);
    for (size_t i = 0; i < f->n_tcb; i++) {
        json_key(j, f->tcb[i]->key);
        json_uint(j, f->tcb[i]->value);
    }
    json_object_end(j);
    member(j, "tcbStatus", f->tcb_status);
    member(j, "tcbDate", f->tcb_date);
    if (f->advisories_known)
        words(j, "advisories", f->advisories, f->n_advisories);
    member(j, "platformId", f->platform_id);
    words(j, "findings", f->findings, f->n_findings);
    words(j, "absentFindings", f->absent_findings, f->n_absent_findings);
    member(j, "measurement", f->measurement);
    json_key(j, "sources");
    json_object(j);
    for (size_t i = 0; i < f->n_sources; i++)
        member(j, f->sources[i]->key, f->sources[i]->value);
    json_object_end(j);
}

/* One shape for both verdicts: "verdict" and "reason" are always there. */
static void verdict_json(struct cli *c, const Bailey__V1__Facts *f, const char *technology,
                         const struct err *why)
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    json_object(&j);
    json_key(&j, "verdict");
    json_str(&j, f != NULL ? "verified" : "refused");
    json_key(&j, "reason");
    json_str(&j, f != NULL ? "" : why->reason);
    if (f != NULL) {
        proven(&j, f);
    } else {
        member(&j, "looksLike", technology == NULL ? "" : technology);
        member(&j, "message", why->msg);
        member(&j, "field", why->field);
        member(&j, "found", why->found);
        member(&j, "expected", why->expected);
        member(&j, "mend", why->mend);
    }
    json_object_end(&j);
    buf_putc(&out, '\n');
    output_put(&c->out, &out);
}

static enum exit_code report(struct cli *c, const struct facts *f, const char *technology)
{
    AUTO_ARENA struct arena a;
    Bailey__V1__Facts *m;

    arena_init(&a, (size_t)1 << 20);
    m = facts_to_message(f, &a);
    if (m == NULL) {
        (void)err_set(&c->err, ERR_NOMEM, "evidence.memory", "no memory");
        return EXIT_ERROR;
    }
    if (c->out.format == OUTPUT_JSON) {
        verdict_json(c, m, technology, NULL);
    } else {
        char line[256];

        output_printf(&c->out, "verified: %s\n", facts_format(f, line, sizeof line));
        if (c->out.format != OUTPUT_NAME) {
            AUTO_BUF struct buf yaml = {0};

            print_yaml(&m->base, &yaml);
            output_put(&c->out, &yaml);
        }
    }
    return EXIT_OK;
}

static bool options_read(struct cli *c, struct evidence_options *o, uint8_t data[64])
{
    const char *hex = cli_value(c, OPT_REPORT_DATA, NULL);
    size_t n = 0;

    *o = (struct evidence_options){
        .now_s = clock_system.wall_ms(&clock_system) / 1000,
        .allow_simulated = cli_given(c, OPT_ALLOW_SIMULATED),
        .allow_debug = cli_given(c, OPT_ALLOW_DEBUG),
        .lenient = cli_given(c, OPT_LENIENT),
    };
    if (cli_given(c, OPT_AT) && !time_parse(cli_value(c, OPT_AT, ""), &o->now_s, &c->err))
        return cli_usage(c, "--at: want a time such as 2026-11-23T12:00:00Z"), false;
    if (hex == NULL)
        return true;
    if (!hex_parse(hex, data, 64, &n, NULL) || n != 64)
        return cli_usage(c, "--report-data: want 128 hex digits"), false;
    o->report_data = data;
    return true;
}

static enum exit_code verify(struct cli *c, struct evidence_read *r)
{
    struct evidence_options o;
    struct evidence_input in = {.files_n = r->n};
    struct facts facts = {0};
    struct err why = {0};
    uint8_t data[64];

    if (!options_read(c, &o, data))
        return EXIT_USAGE;
    if (!read_path(r, c->args.operand[0], &c->err))
        return exit_code_of(&c->err);
    in.evidence = buf_bytes(&r->evidence);
    in.files_n = r->n;
    for (unsigned i = 0; i < r->n; i++)
        in.files[i] = (struct evidence_file){r->name[i], buf_bytes(&r->file[i])};
    if (evidence_verify(&in, &o, &facts, &why))
        return report(c, &facts, evidence_technology(in.evidence));
    if (c->out.format == OUTPUT_JSON) {
        verdict_json(c, NULL, evidence_technology(in.evidence), &why);
    } else {
        output_printf(&c->out, "refused: %s\n", why.reason);
        c->err = why;
    }
    return EXIT_REFUSED;
}

enum exit_code cmd_evidence_verify(struct cli *c)
{
    static struct evidence_read r;
    enum exit_code code = verify(c, &r);

    buf_fini(&r.evidence);
    for (unsigned i = 0; i < EVIDENCE_FILES; i++)
        buf_fini(&r.file[i]);
    return code;
}
