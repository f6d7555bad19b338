/* tool.h - asking a tool about itself, for probes: never by a shell. */
#ifndef LOADER_TOOL_H
#define LOADER_TOOL_H

#include "base/buf.h"

/* Runs a program of the PATH (argv[0]; NULL after the last word) to its end, without input. Its
 * standard output is appended to out, up to out's limit. True: it ended with 0. */
bool tool_output(const char *const *argv, struct buf *out);

#endif
