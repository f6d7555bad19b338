/* The manual page, made of the tables: bailey(1) with a part for every command. */
#include <string.h>

#include "cli/command.h"

/* Text for groff: backslashes and hyphens as themselves, no line that begins like a request. */
static void plain(const char *s, struct buf *out)
{
    bool begins = out->n == 0 || out->p[out->n - 1] == '\n';

    for (; *s != '\0'; s++) {
        if (begins && (*s == '.' || *s == '\''))
            buf_puts(out, "\\&");
        if (*s == '\\')
            buf_puts(out, "\\e");
        else if (*s == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *s);
        begins = *s == '\n';
    }
}

static void option(const struct option_def *o, struct buf *out)
{
    buf_puts(out, ".TP\n");
    if (o->letter != '\0')
        buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
    buf_puts(out, "\\fB\\-\\-");
    plain(o->name, out);
    buf_puts(out, "\\fR");
    if (o->value != NULL)
        buf_printf(out, " \\fI%s\\fR", o->value);
    buf_putc(out, '\n');
    plain(o->about, out);
    buf_putc(out, '\n');
}

static void options(uint64_t set, struct buf *out)
{
    for (size_t i = 0; i < OPT_IDS; i++)
        if ((set & UINT64_C(1) << i) != 0)
            option(&option_table[i], out);
}

static void command(const struct command *c, struct buf *out)
{
    buf_puts(out, ".SS \"bailey ");
    plain(c->name, out);
    buf_puts(out, c->operands[0] == '\0' ? "" : " ");
    plain(c->operands, out);
    buf_puts(out, "\"\n");
    plain(c->about, out);
    buf_puts(out, ".\n");
    if (c->detail != NULL) {
        buf_puts(out, ".PP\n.nf\n");
        plain(c->detail, out);
        buf_puts(out, ".fi\n");
    }
    options(c->options, out);
}

void man_format(uint64_t common, struct buf *out)
{
    static const char *const exits[] = {"done",
                                        "an error",
                                        "the command line is wrong",
                                        "no such thing",
                                        "not allowed",
                                        "it changed meanwhile, or is there already",
                                        "it cannot be placed, or is not to be trusted",
                                        "the time given passed first",
                                        "no controller answers"};

    buf_puts(out, ".\\\" made by `bailey completion man`; the tables are in cli/commands.c\n"
                  ".TH BAILEY 1 \"\" \"bailey " BAILEY_VERSION "\" \"Bailey\"\n.SH NAME\n"
                  "bailey \\- keeps on hosts that nobody has to trust blindly\n.SH SYNOPSIS\n"
                  ".B bailey\n.I COMMAND\n.RI [ OPTION ...]\n.SH COMMANDS\n");
    for (const struct command *c = command_table; c->name != NULL; c++)
        command(c, out);
    buf_puts(out, ".SH \"OPTIONS OF EVERY COMMAND\"\n");
    options(common, out);
    buf_puts(out, ".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        buf_printf(out, ".TP\n.B %zu\n%s\n", i, exits[i]);
    buf_puts(out, ".SH FILES\n.TP\n.I ~/.config/bailey/contexts.yaml\nwhich cluster, and who am I\n"
                  ".SH \"SEE ALSO\"\n.BR bailey\\-controller (8),\n.BR bailey\\-agent (8)\n");
}
