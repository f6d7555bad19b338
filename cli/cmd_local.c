/* lint, explain, schema, completion, help, version: what needs no cluster. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/files.h"
#include "cli/rows.h"
#include "config/catalog.h"
#include "config/check.h"
#include "config/json_schema.h"
#include "config/schema.h"

static bool check_these(struct cli *c, const char *file, Bailey__V1__Object **objects, size_t n,
                        void *user)
{
    size_t *count = user;

    for (size_t i = 0; i < n; i++)
        if (!object_check(objects[i], false, &c->err))
            return err_wrap(&c->err, "%s", file);
    *count += n;
    return true;
}

enum exit_code cmd_lint(struct cli *c)
{
    enum exit_code code = EXIT_OK;

    for (size_t i = 0; i < c->args.n_operands; i++) {
        AUTO_ARENA struct arena a;
        size_t n = 0;

        arena_init(&a, (size_t)64 << 20);
        if (files_each(c, c->args.operand[i], &a, check_these, &n)) {
            output_printf(&c->out, "%s: %zu object%s, all well formed\n", c->args.operand[i], n,
                          n == 1 ? "" : "s");
            continue;
        }
        code = exit_code_of(&c->err);
        output_err(&c->out, &c->err);
        c->err = (struct err){0};
    }
    return code;
}

static const char *type_word(const struct schema_field *f)
{
    const ProtobufCFieldDescriptor *d = f->value != NULL ? f->value : f->field;

    switch (d->type) {
    case PROTOBUF_C_TYPE_STRING:
        return "text";
    case PROTOBUF_C_TYPE_BOOL:
        return "true or false";
    case PROTOBUF_C_TYPE_MESSAGE:
        return "object";
    case PROTOBUF_C_TYPE_ENUM:
        return "word";
    case PROTOBUF_C_TYPE_BYTES:
        return "bytes";
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    default:
        return "number";
    }
}

static void field_line(const struct schema_field *f, struct buf *out)
{
    const Bailey__V1__FieldRules *r = f->rules;
    const char *shape = "";

    if (f->value != NULL)
        shape = "map of ";
    else if (f->field->label == PROTOBUF_C_LABEL_REPEATED)
        shape = r->scalar_list ? "one or a list of " : "list of ";
    buf_printf(out, "  %s: %s%s%s%s\n", f->json_name, shape, type_word(f),
               r->required ? ", required" : "", r->read_only ? ", set by the system" : "");
    if (f->comment[0] != '\0')
        buf_printf(out, "      %s\n", f->comment);
    if (r->default_text[0] != '\0')
        buf_printf(out, "      default: %s\n", r->default_text);
    if (r->example[0] != '\0')
        buf_printf(out, "      example: %s\n", r->example);
    if (r->vocabulary[0] != '\0') {
        size_t n = 0;
        const char *const *words = catalog_words(r->vocabulary, &n);

        buf_puts(out, "      words:");
        for (size_t i = 0; i < n; i++)
            buf_printf(out, " %s", words[i]);
        buf_putc(out, '\n');
    }
}

/* What a field holds, when it holds messages. */
static const struct schema_message *inside(const struct schema_field *f)
{
    const ProtobufCFieldDescriptor *d = f->value != NULL ? f->value : f->field;

    return d->type == PROTOBUF_C_TYPE_MESSAGE ? schema_of(d->descriptor) : NULL;
}

static enum exit_code no_field(struct cli *c, const struct schema_message *m, const char *step)
{
    const char *names[128];
    const char *nearest;
    size_t n = 0;

    for (size_t i = 0; i < m->n && n < 128; i++)
        names[n++] = m->fields[i].json_name;
    nearest = str_nearest(step, names, n);
    (void)err_set(&c->err, ERR_MISSING, "explain.no-field", "no field \"%s\"", step);
    if (nearest != NULL)
        (void)err_mend(&c->err, "did you mean \"%s\"?", nearest);
    return EXIT_MISSING;
}

static enum exit_code no_kind(struct cli *c, const char *asked)
{
    const struct schema_message *m = schema_of(&bailey__v1__object__descriptor);
    AUTO_BUF struct buf kinds = {0};

    for (size_t i = 0; i < m->n; i++)
        buf_printf(&kinds, "%s%s", i == 0 ? "" : ", ", m->fields[i].json_name);
    return cli_usage(c, "no such kind \"%s\"; there are %s", asked, buf_str(&kinds));
}

enum exit_code cmd_explain(struct cli *c)
{
    char path[256], *rest = path, *step;
    const struct schema_field *f;
    const struct schema_message *m;
    const char *kind;
    AUTO_BUF struct buf out = {0};

    if (!str_copy(path, sizeof path, c->args.operand[0]))
        return cli_usage(c, "the path is too long");
    step = strsep(&rest, ".");
    kind = kind_of(step);
    f = schema_kind(kind == NULL ? step : kind, true);
    if (f == NULL)
        return no_kind(c, step);
    m = inside(f);
    while ((step = strsep(&rest, ".")) != NULL) {
        step[strcspn(step, "[")] = '\0';
        if (m == NULL)
            return cli_usage(c, "%s holds no fields", f->json_name);
        if (schema_field(m, step) == NULL)
            return no_field(c, m, step);
        f = schema_field(m, step);
        m = inside(f);
    }
    if (m == NULL || strchr(c->args.operand[0], '.') != NULL)
        field_line(f, &out);
    if (m != NULL) {
        buf_printf(&out, "%s%s\n\nfields:\n", out.n > 0 ? "\n" : "", m->comment);
        for (size_t i = 0; i < m->n; i++)
            field_line(&m->fields[i], &out);
    }
    output_put(&c->out, &out);
    return EXIT_OK;
}

enum exit_code cmd_schema(struct cli *c)
{
    AUTO_BUF struct buf out = {0};

    json_schema(&out);
    buf_putc(&out, '\n');
    output_put(&c->out, &out);
    return EXIT_OK;
}

enum exit_code cmd_completion(struct cli *c)
{
    AUTO_BUF struct buf out = {0};

    if (strcmp(c->args.operand[0], "bash") == 0)
        completion_bash(&out);
    else if (strcmp(c->args.operand[0], "man") == 0)
        man_format(options_of_all, &out);
    else
        return cli_usage(c, "there is completion for bash, and the manual page, man");
    output_put(&c->out, &out);
    return EXIT_OK;
}

enum exit_code cmd_help(struct cli *c)
{
    AUTO_BUF struct buf out = {0};
    const struct command *about = NULL;
    char name[128];

    if (c->args.n_operands > 0) {
        snprintf(name, sizeof name, "%s%s%s", c->args.operand[0], c->args.n_operands > 1 ? " " : "",
                 c->args.n_operands > 1 ? c->args.operand[1] : "");
        about = command_find(name);
        if (about == NULL)
            return cli_usage(c, "no such command \"%s\"", name);
    }
    help_format(about, &out);
    output_put(&c->out, &out);
    return EXIT_OK;
}

enum exit_code cmd_version(struct cli *c)
{
    output_printf(&c->out, "bailey %s\n", BAILEY_VERSION);
    return EXIT_OK;
}
