/* bailey: the operator's tool. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"

static enum exit_code run(struct cli *c)
{
    AUTO_BUF struct buf text = {0};

    if (cli_given(c, OPT_HELP) || c->args.command == NULL) {
        help_format(c->args.command, &text);
        output_put(&c->out, &text);
        return cli_given(c, OPT_HELP) ? EXIT_OK : EXIT_USAGE;
    }
    return c->args.command->run(c);
}

int main(int argc, char **argv)
{
    static struct cli c;
    enum exit_code code;

    if (!args_parse(argc - 1, (const char *const *)(argv + 1), &c.args, &c.err) ||
        !output_init(&c.out, cli_value(&c, OPT_OUTPUT, NULL), cli_value(&c, OPT_COLOUR, NULL),
                     &c.err)) {
        output_err(&c.out, &c.err);
        return EXIT_USAGE;
    }
    code = run(&c);
    if (code != EXIT_OK)
        output_err(&c.out, &c.err);
    client_close(&c);
    if (c.out.failed && code == EXIT_OK) {
        fputs("bailey: standard output takes no more\n", stderr);
        code = EXIT_ERROR;
    }
    return (int)code;
}
