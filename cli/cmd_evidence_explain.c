/* evidence explain: what stands in evidence, field by field; judges nothing. */
#include "attest/evidence.h"
#include "attest/explain.h"
#include "base/json.h"
#include "cli/cmd_evidence_files.h"
#include "cli/command.h"

static void add_row(const struct explained *x, void *data)
{
    struct table *t = data;

    table_cell(t, TONE_PLAIN, "%s", x->field);
    table_cell(t, TONE_DIM, "0x%03zx", x->offset);
    table_cell(t, TONE_DIM, "%zu", x->size);
    table_cell(t, TONE_PLAIN, "%s", x->meaning);
    table_cell(t, TONE_DIM, "%s", x->checked);
    /* last, since a run of bytes is long */
    table_cell(t, TONE_PLAIN, "%s", x->says[0] != '\0' ? x->says : x->value);
}

static void add_member(struct json *j, const char *key, const char *value)
{
    json_key(j, key);
    json_str(j, value);
}

static void add_object(const struct explained *x, void *data)
{
    struct json *j = data;

    json_object(j);
    add_member(j, "field", x->field);
    json_key(j, "offset");
    json_uint(j, x->offset);
    json_key(j, "size");
    json_uint(j, x->size);
    add_member(j, "value", x->value);
    add_member(j, "says", x->says);
    add_member(j, "meaning", x->meaning);
    add_member(j, "checkedBy", x->checked);
    json_object_end(j);
}

static bool print_json_fields(struct bytes evidence, struct buf *out, struct err *e)
{
    struct json j = {.out = out, .pretty = true};

    json_array(&j);
    if (!evidence_explain(evidence, add_object, &j, e))
        return false;
    json_array_end(&j);
    buf_putc(out, '\n');
    return true;
}

static bool print_table_fields(const struct output *o, struct bytes evidence, struct buf *out,
                               struct err *e)
{
    static const struct column columns[] = {{"FIELD", false},     {"OFFSET", false},
                                            {"SIZE", true},       {"MEANING", false},
                                            {"CHECKED BY", true}, {"VALUE", false}};
    struct table t;
    bool ok;

    table_init(&t, columns, sizeof columns / sizeof columns[0], o->format == OUTPUT_WIDE);
    ok = evidence_explain(evidence, add_row, &t, e);
    if (ok)
        table_print(&t, o->colour, true, out);
    table_fini(&t);
    return ok;
}

enum exit_code cmd_evidence_explain(struct cli *c)
{
    __attribute__((cleanup(evidence_files_fini))) struct evidence_files f = {0};
    AUTO_BUF struct buf out = {0};
    bool ok;

    if (!evidence_files_read(&f, c->args.operand[0], NULL, &c->err))
        return exit_code_of(&c->err);
    if (c->out.format == OUTPUT_JSON)
        ok = print_json_fields(buf_bytes(&f.evidence), &out, &c->err);
    else
        ok = print_table_fields(&c->out, buf_bytes(&f.evidence), &out, &c->err);
    if (!ok)
        return exit_code_of(&c->err);
    output_put(&c->out, &out);
    return EXIT_OK;
}
