#include "cli/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool confirm_asks(const struct cli *c)
{
    return !cli_given(c, OPT_YES) && isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

bool confirm(struct cli *c, const char *question, const char *wanted)
{
    char line[64];
    size_t n;

    output_progress_end(&c->out);
    fprintf(stderr, "%s ", question);
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) == NULL) {
        fputc('\n', stderr);
        return false;
    }
    n = strcspn(line, "\n");
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    return strcmp(line, wanted) == 0;
}

void shell_word(const char *text, struct buf *out)
{
    if (text[0] != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789_-./:,=@%+")] == '\0') {
        buf_puts(out, text);
        return;
    }
    buf_putc(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, *text);
    }
    buf_putc(out, '\'');
}

void shell_command(const struct cli *c, uint64_t drop, struct buf *out)
{
    buf_printf(out, "bailey %s", c->args.command->name);
    for (size_t i = 0; i < c->args.n_operands; i++) {
        buf_putc(out, ' ');
        shell_word(c->args.operand[i], out);
    }
    for (size_t i = 0; i < c->args.n_files; i++) {
        buf_puts(out, " -f ");
        shell_word(c->args.files[i], out);
    }
    for (unsigned id = 0; id < OPT_IDS; id++) {
        if (c->args.value[id] == NULL || id == OPT_FILE || (drop & (UINT64_C(1) << id)) != 0)
            continue;
        buf_printf(out, " --%s", option_table[id].name);
        if (option_table[id].value == NULL)
            continue;
        buf_putc(out, ' ');
        shell_word(c->args.value[id], out);
    }
}
