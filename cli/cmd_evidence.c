/* evidence verify: the verifier alone, on files. */
#include <string.h>

#include "attest/evidence.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cmd_evidence_files.h"
#include "cli/command.h"
#include "config/convert_facts.h"
#include "config/print.h"

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

static void value(struct json *j, const char *key, const char *value)
{
    json_key(j, key);
    json_str(j, value);
}

/* A fact that has one value, or none: "" where the evidence leaves several open. */
static const char *one(char *const *word, size_t n)
{
    return n == 1 ? word[0] : "";
}

static void tcb(struct json *j, const Bailey__V1__Facts *f)
{
    json_key(j, "tcb");
    json_object(j);
    for (size_t i = 0; i < f->n_tcb; i++) {
        json_key(j, f->tcb[i]->key);
        json_uint(j, f->tcb[i]->value);
    }
    json_object_end(j);
}

static bool lists(char *const *word, size_t n, const char *wanted)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word[i], wanted) == 0)
            return true;
    return false;
}

/* Each check as "reason: what it looked at". */
static void checks(struct json *j, const struct evidence_checks *c)
{
    json_key(j, "checks");
    json_array(j);
    for (unsigned i = 0; i < c->n; i++) {
        json_object(j);
        value(j, "check", c->check[i].reason);
        value(j, "subject", c->check[i].subject);
        json_object_end(j);
    }
    json_array_end(j);
}

/* What is proven beyond the common shape. */
static void further(struct json *j, const Bailey__V1__Facts *f)
{
    member(j, "assurance", f->assurance);
    words(j, "productLine", f->product_line, f->n_product_line);
    member(j, "tcbDate", f->tcb_date);
    json_key(j, "advisoriesKnown");
    json_bool(j, f->advisories_known);
    member(j, "platformId", f->platform_id);
    words(j, "absentFindings", f->absent_findings, f->n_absent_findings);
    member(j, "measurement", f->measurement);
    json_key(j, "sources");
    json_object(j);
    for (size_t i = 0; i < f->n_sources; i++)
        member(j, f->sources[i]->key, f->sources[i]->value);
    json_object_end(j);
}

/* What was asked, and what came of it. */
struct asked {
    const char *path; /* one of several; NULL: the only one */
    struct evidence_input in;
    struct evidence_options o;
    struct evidence_checks checks;
    struct err why; /* of a refusal */
};

static void refusal(struct json *j, const struct err *why)
{
    value(j, "message", why->msg);
    member(j, "field", why->field);
    member(j, "found", why->found);
    member(j, "expected", why->expected);
    member(j, "mend", why->mend);
}

/* One shape for both verdicts, every key always there; f is NULL when it was refused. */
static void verdict_json(struct cli *c, const Bailey__V1__Facts *f, const struct asked *a)
{
    static const Bailey__V1__Facts nothing = BAILEY__V1__FACTS__INIT;
    const char *shape = evidence_technology(a->in.evidence);
    const Bailey__V1__Facts *m = f == NULL ? &nothing : f;
    AUTO_BUF struct buf out = {0};
    /* of several, each is one line */
    struct json j = {.out = &out, .pretty = a->path == NULL};

    json_object(&j);
    if (a->path != NULL)
        value(&j, "path", a->path);
    value(&j, "verdict", f != NULL ? "verified" : "refused");
    value(&j, "reason", f != NULL ? "" : a->why.reason);
    value(&j, "technology",
          f != NULL       ? one(f->technology, f->n_technology)
          : shape == NULL ? ""
                          : shape);
    value(&j, "vendor", one(m->vendor, m->n_vendor));
    words(&j, "generation", m->generation, m->n_generation);
    value(&j, "firmware", m->firmware);
    tcb(&j, m);
    value(&j, "tcbStatus", m->tcb_status);
    words(&j, "advisories", m->advisories, m->n_advisories);
    json_key(&j, "debug");
    json_bool(&j, lists(m->findings, m->n_findings, finding_name(FINDING_DEBUG)));
    words(&j, "findings", m->findings, m->n_findings);
    checks(&j, &a->checks);
    if (f != NULL)
        further(&j, f);
    else
        refusal(&j, &a->why);
    json_object_end(&j);
    buf_putc(&out, '\n');
    output_put(&c->out, &out);
}

static enum exit_code report(struct cli *c, const struct facts *f, const struct asked *asked)
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
        verdict_json(c, m, asked);
    } else {
        char line[256];

        if (asked->path != NULL)
            output_printf(&c->out, "%s: ", asked->path);
        output_printf(&c->out, "verified: %s\n", facts_format(f, line, sizeof line));
        if (c->out.format != OUTPUT_NAME && asked->path == NULL) {
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

    /* looking, not trusting: a guest that its host may debug is reported as one */
    *o = (struct evidence_options){
        .now_s = clock_system.wall_ms(&clock_system) / 1000,
        .allow_simulated = cli_given(c, OPT_ALLOW_SIMULATED),
        .allow_debug = true,
        .trust_files = true,
        .lenient = cli_given(c, OPT_LENIENT),
        .signatures_only = cli_given(c, OPT_SIGNATURES_ONLY),
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

/* a->path and a->o are set. */
static enum exit_code verify(struct cli *c, struct asked *a, struct evidence_files *f,
                             const char *path)
{
    struct facts facts = {0};

    if (!evidence_files_read(f, path, cli_value(c, OPT_COLLATERAL, NULL), &c->err))
        return exit_code_of(&c->err);
    a->in = evidence_files_input(f);
    a->o.checks = &a->checks;
    if (evidence_verify(&a->in, &a->o, &facts, &a->why))
        return report(c, &facts, a);
    if (c->out.format == OUTPUT_JSON) {
        verdict_json(c, NULL, a);
    } else {
        if (a->path != NULL)
            output_printf(&c->out, "%s: ", a->path);
        output_printf(&c->out, "refused: %s\n", a->why.reason);
        c->err = a->why;
    }
    return EXIT_REFUSED;
}

/* All paths are judged, at one time; the worst verdict ends the program. What cannot be read ends
 * it at once. */
enum exit_code cmd_evidence_verify(struct cli *c)
{
    static struct evidence_files f;
    struct evidence_options o;
    uint8_t data[64];
    enum exit_code worst = EXIT_OK;

    if (!options_read(c, &o, data))
        return EXIT_USAGE;
    for (size_t i = 0; i < c->args.n_operands; i++) {
        const char *path = c->args.operand[i];
        struct asked a = {.path = c->args.n_operands > 1 ? path : NULL, .o = o};
        enum exit_code code = verify(c, &a, &f, path);

        evidence_files_fini(&f);
        f = (struct evidence_files){0};
        if (code != EXIT_OK && code != EXIT_REFUSED)
            return code;
        worst = code == EXIT_REFUSED ? code : worst;
    }
    return worst;
}
