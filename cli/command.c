#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define COMMON (OPT(HELP) | OPT(OUTPUT) | OPT(COLOUR) | OPT(CONTEXT) | OPT(TIMEOUT))

enum exit_code exit_code_of(const struct err *e)
{
    static const enum exit_code codes[ERR_CODES] = {
        [ERR_INPUT] = EXIT_ERROR,       [ERR_LIMIT] = EXIT_ERROR,
        [ERR_MISSING] = EXIT_MISSING,   [ERR_EXISTS] = EXIT_CONFLICT,
        [ERR_CONFLICT] = EXIT_CONFLICT, [ERR_DENIED] = EXIT_DENIED,
        [ERR_UNAUTH] = EXIT_DENIED,     [ERR_UNAVAIL] = EXIT_UNREACHABLE,
        [ERR_TIMEOUT] = EXIT_LATE,      [ERR_IO] = EXIT_ERROR,
        [ERR_NOMEM] = EXIT_ERROR,       [ERR_INTERNAL] = EXIT_ERROR,
    };

    if (strncmp(e->reason, "usage.", 6) == 0)
        return EXIT_USAGE;
    return codes[e->code];
}

const struct command *command_find(const char *name)
{
    for (const struct command *c = command_table; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

#define WORDS 64

static bool unknown_command(const char *word, struct err *e)
{
    const char *words[WORDS];
    const char *nearest;
    size_t n = 0;

    for (const struct command *c = command_table; c->name != NULL && n < WORDS; c++)
        words[n++] = c->name;
    nearest = str_nearest(word, words, n);
    (void)err_set(e, ERR_INPUT, "usage.unknown-command", "unknown command \"%s\"", word);
    if (nearest != NULL)
        return err_mend(e, "did you mean \"bailey %s\"?", nearest);
    return err_mend(e, "`bailey help` lists the commands");
}

static bool accepts(const struct command *c, enum option_id id)
{
    return ((COMMON | (c == NULL ? 0 : c->options)) & UINT64_C(1) << id) != 0;
}

static bool unknown_option(const struct command *c, const char *text, struct err *e)
{
    const char *words[OPT_IDS];
    const char *nearest;
    char name[64];
    size_t n = 0;

    for (size_t i = 0; i < OPT_IDS; i++)
        if (accepts(c, (enum option_id)i))
            words[n++] = option_table[i].name;
    (void)str_copy(name, sizeof name, text + strspn(text, "-"));
    name[strcspn(name, "=")] = '\0';
    nearest = strncmp(text, "--", 2) == 0 ? str_nearest(name, words, n) : NULL;
    (void)err_set(e, ERR_INPUT, "usage.unknown-option", "%s%sunknown option \"%s\"",
                  c == NULL ? "" : c->name, c == NULL ? "" : ": ", text);
    if (nearest != NULL)
        return err_mend(e, "did you mean \"--%s\"?", nearest);
    return err_mend(e, "`bailey help%s%s` lists the options", c == NULL ? "" : " ",
                    c == NULL ? "" : c->name);
}

/* Which option `text` (which begins with '-') names, and its value when that hangs on it. */
static bool option_of(const struct command *c, const char *text, enum option_id *id,
                      const char **value)
{
    size_t n = strcspn(text, "=");

    for (size_t i = 0; i < OPT_IDS; i++) {
        const struct option_def *o = &option_table[i];

        if (!accepts(c, (enum option_id)i))
            continue;
        *id = (enum option_id)i;
        if (text[1] == '-' && n - 2 == strlen(o->name) && strncmp(text + 2, o->name, n - 2) == 0) {
            *value = text[n] == '=' ? text + n + 1 : NULL;
            return true;
        }
        if (text[1] != '-' && o->letter != '\0' && text[1] == o->letter) {
            *value = text[2] == '\0' ? NULL : text + 2 + (text[2] == '=');
            return true;
        }
    }
    return false;
}

/* Takes the option at argv[*i], and argv[*i + 1] when that is its value. */
static bool take_option(int argc, const char *const *argv, int *i, struct args *a, struct err *e)
{
    const struct option_def *o;
    const char *value = NULL;
    enum option_id id;

    if (!option_of(a->command, argv[*i], &id, &value))
        return unknown_option(a->command, argv[*i], e);
    o = &option_table[id];
    if (o->value == NULL) {
        if (value != NULL)
            return err_set(e, ERR_INPUT, "usage.needless-value", "--%s takes no value", o->name);
        a->value[id] = "";
        return true;
    }
    if (value == NULL && *i + 1 < argc)
        value = argv[++*i];
    if (value == NULL)
        return err_set(e, ERR_INPUT, "usage.value-missing", "--%s needs a value: %s", o->name,
                       o->value);
    a->value[id] = value;
    if (id == OPT_FILE) {
        if (a->n_files == ARGS_FILES)
            return err_set(e, ERR_INPUT, "usage.too-many", "more than %d files", ARGS_FILES);
        a->files[a->n_files++] = value;
    }
    return true;
}

/* The command that the first words name: two, as in "token create", or one. */
static bool take_command(int argc, const char *const *argv, int *i, struct args *a, struct err *e)
{
    char name[128];

    if (*i + 1 < argc && strlen(argv[*i]) + strlen(argv[*i + 1]) + 2 < sizeof name) {
        snprintf(name, sizeof name, "%s %s", argv[*i], argv[*i + 1]);
        a->command = command_find(name);
        if (a->command != NULL) {
            ++*i;
            return true;
        }
    }
    a->command = command_find(argv[*i]);
    if (a->command != NULL)
        return true;
    for (const struct command *c = command_table; c->name != NULL; c++) {
        size_t n = strlen(argv[*i]);

        if (strncmp(c->name, argv[*i], n) == 0 && c->name[n] == ' ')
            return err_set(e, ERR_INPUT, "usage.unknown-command", "\"%s\" needs one more word",
                           argv[*i]),
                   err_mend(e, "did you mean \"bailey %s\"?", c->name);
    }
    return unknown_command(argv[*i], e);
}

static bool count_operands(const struct args *a, struct err *e)
{
    const struct command *c = a->command;

    if (c == NULL || a->value[OPT_HELP] != NULL)
        return true;
    if (a->n_operands < c->min)
        return err_set(e, ERR_INPUT, "usage.operand-missing", "%s needs %s", c->name, c->operands),
               err_mend(e, "`bailey help %s` shows how", c->name);
    if (a->n_operands > c->max)
        return err_set(e, ERR_INPUT, "usage.too-many", "%s: \"%s\" is too much", c->name,
                       a->operand[c->max]),
               err_mend(e, "usage: bailey %s %s", c->name, c->operands);
    return true;
}

bool args_parse(int argc, const char *const *argv, struct args *out, struct err *e)
{
    struct args a = {0};
    bool options = true;

    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argc, argv, &i, &a, e))
                return false;
        } else if (a.command == NULL) {
            if (!take_command(argc, argv, &i, &a, e))
                return false;
        } else {
            if (a.n_operands == ARGS_OPERANDS)
                return err_set(e, ERR_INPUT, "usage.too-many", "more than %d words", ARGS_OPERANDS);
            a.operand[a.n_operands++] = argv[i];
        }
    }
    if (!count_operands(&a, e))
        return false;
    *out = a;
    return true;
}

const char *cli_value(const struct cli *c, enum option_id id, const char *otherwise)
{
    return c->args.value[id] != NULL ? c->args.value[id] : otherwise;
}

bool cli_given(const struct cli *c, enum option_id id)
{
    return c->args.value[id] != NULL;
}

const char *cli_namespace(const struct cli *c)
{
    return cli_given(c, OPT_ALL_NAMESPACES) ? "" : cli_value(c, OPT_NAMESPACE, "default");
}

enum exit_code cli_usage(struct cli *c, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)err_set(&c->err, ERR_INPUT, "usage.value", "%s", text);
    return EXIT_USAGE;
}

bool cli_number(struct cli *c, enum option_id id, uint64_t max, uint64_t *out)
{
    const char *text = c->args.value[id];
    uint64_t n;

    if (text == NULL)
        return true;
    if (!u64_parse(text, &n) || n > max)
        return err_set(&c->err, ERR_INPUT, "usage.value", "--%s: not a number up to %llu",
                       option_table[id].name, (unsigned long long)max),
               err_found(&c->err, "%s", text);
    *out = n;
    return true;
}

bool cli_duration(struct cli *c, enum option_id id, int64_t *ms)
{
    const char *text = c->args.value[id];
    struct err why = {0};

    if (text == NULL || duration_parse(text, ms, &why))
        return true;
    return err_set(&c->err, ERR_INPUT, "usage.value", "--%s: %s", option_table[id].name, why.msg),
           err_found(&c->err, "%s", text), err_expected(&c->err, "a span such as 30s or 1h30m");
}
