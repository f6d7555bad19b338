/* confirm.h - questions to the person at the terminal, and command lines as a shell takes them. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/command.h"

/* Whether there is somebody to ask: standard input and standard error are terminals, and --yes was
 * not given. */
bool confirm_asks(const struct cli *c);

/* Asks on standard error until a line comes; true when it is `wanted` ("yes", "62%"). */
bool confirm(struct cli *c, const char *question, const char *wanted);

/* Appends the text as one word for a POSIX shell, quoted where it has to be. */
void shell_word(const char *text, struct buf *out);

/* Appends "bailey COMMAND ..." with the options and operands of this run, without those in `drop`
 * (a set of OPT()s). */
void shell_command(const struct cli *c, uint64_t drop, struct buf *out);

#endif
