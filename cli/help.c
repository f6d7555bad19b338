/* Help and completion, made of the tables. */
#include <string.h>

#include "cli/command.h"

static void option_line(enum option_id id, struct buf *out)
{
    const struct option_def *o = &option_table[id];
    AUTO_BUF struct buf left = {0};

    buf_printf(&left, "%c%c%s --%s%s%s", o->letter != '\0' ? '-' : ' ',
               o->letter != '\0' ? o->letter : ' ', o->letter != '\0' ? "," : " ", o->name,
               o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    buf_printf(out, "  %-28s %s\n", buf_str(&left), o->about);
}

static void options(uint64_t set, const char *title, struct buf *out)
{
    if (set == 0)
        return;
    buf_printf(out, "\n%s:\n", title);
    for (size_t i = 0; i < OPT_IDS; i++)
        if ((set & UINT64_C(1) << i) != 0)
            option_line((enum option_id)i, out);
}

const uint64_t options_of_all = OPT(HELP) | OPT(OUTPUT) | OPT(COLOUR) | OPT(CONTEXT) | OPT(TIMEOUT);

void help_format(const struct command *c, struct buf *out)
{
    if (c != NULL) {
        buf_printf(out, "bailey %s: %s\n\nusage: bailey %s%s%s [OPTION...]\n", c->name, c->about,
                   c->name, c->operands[0] != '\0' ? " " : "", c->operands);
        if (c->detail != NULL)
            buf_printf(out, "\n%s", c->detail);
        options(c->options, "options", out);
        options(options_of_all, "options of every command", out);
        return;
    }
    buf_puts(out, "bailey: keeps on hosts that nobody has to trust blindly\n\n"
                  "usage: bailey COMMAND [OPTION...]\n\ncommands:\n");
    for (c = command_table; c->name != NULL; c++)
        buf_printf(out, "  %-17s %s\n", c->name, c->about);
    options(options_of_all, "options of every command", out);
    buf_puts(out,
             "\n`bailey help COMMAND` says more. Ends with 0 ok, 1 error, 2 usage, 3 not found, "
             "4 denied,\n5 conflict, 6 unplaceable or untrusted, 7 time is up, 8 unreachable.\n");
}

static void command_words(bool first_only, struct buf *out)
{
    const char *before = "";

    for (const struct command *c = command_table; c->name != NULL; c++) {
        size_t n = first_only ? strcspn(c->name, " ") : strlen(c->name);

        if (strncmp(before, c->name, n) == 0 && before[n] == ' ')
            continue;
        buf_printf(out, "%s%.*s", c == command_table ? "" : " ", (int)n, c->name);
        before = c->name;
    }
}

/* The second words of commands that begin alike, once: at the first of them. */
static void completion_group(const struct command *first, size_t n, struct buf *out)
{
    if (first != command_table && strncmp(first[-1].name, first->name, n + 1) == 0)
        return;
    buf_printf(out, "    '%.*s') words='", (int)n, first->name);
    for (const struct command *c = first;
         c->name != NULL && strncmp(c->name, first->name, n + 1) == 0; c++)
        buf_printf(out, "%s%s", c == first ? "" : " ", c->name + n + 1);
    buf_puts(out, "' ;;\n");
}

static void completion_case(const struct command *c, struct buf *out)
{
    const char *space = strchr(c->name, ' ');

    buf_printf(out, "    '%s') opts='", c->name);
    for (size_t i = 0; i < OPT_IDS; i++)
        if (((options_of_all | c->options) & UINT64_C(1) << i) != 0)
            buf_printf(out, "--%s ", option_table[i].name);
    buf_puts(out, "' words='");
    if (c->complete != NULL && strcmp(c->complete, "COMMAND") == 0)
        command_words(true, out);
    else if (c->complete != NULL && strcmp(c->complete, "FILE") != 0)
        buf_puts(out, c->complete);
    buf_printf(out, "' files=%d ;;\n", c->complete != NULL && strcmp(c->complete, "FILE") == 0);
    if (space != NULL)
        completion_group(c, (size_t)(space - c->name), out);
}

/* The first of the commands of two words whose first words are the same. */
static bool begins_group(const struct command *c)
{
    size_t n = strcspn(c->name, " ");

    return c->name[n] == ' ' && (c == command_table || strncmp(c[-1].name, c->name, n + 1) != 0);
}

void completion_bash(struct buf *out)
{
    buf_puts(out, "# bash completion of bailey; source it.\n_bailey()\n{\n"
                  "  local cur=$2 prev=$3 cmd='' opts='' words='' files=0 w\n"
                  "  COMPREPLY=()\n"
                  "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                  "    case $w in -*) ;; *) case $cmd in ''");
    for (const struct command *c = command_table; c->name != NULL; c++)
        if (begins_group(c))
            buf_printf(out, "|%.*s", (int)strcspn(c->name, " "), c->name);
    buf_puts(out, ") cmd=\"${cmd:+$cmd }$w\" ;; esac ;; esac\n  done\n  case $prev in\n");
    for (size_t i = 0; i < OPT_IDS; i++) {
        const struct option_def *o = &option_table[i];

        if (o->value == NULL)
            continue;
        buf_printf(out, "    --%s) ", o->name);
        if (o->complete == NULL)
            buf_puts(out, "return ;;\n");
        else if (strcmp(o->complete, "FILE") == 0)
            buf_puts(out,
                     "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
        else
            buf_printf(out, "COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", o->complete);
    }
    buf_puts(out, "  esac\n  case $cmd in\n    '') words='");
    command_words(true, out);
    buf_puts(out, "' ;;\n");
    for (const struct command *c = command_table; c->name != NULL; c++)
        completion_case(c, out);
    buf_puts(out,
             "  esac\n"
             "  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
             "  elif ((files)); then compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))\n"
             "  else COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); fi\n}\n"
             "complete -F _bailey bailey\n");
}
