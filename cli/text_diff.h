/* text_diff.h - two texts as a unified diff (the format of diff -u), line by line. */
#ifndef CLI_TEXT_DIFF_H
#define CLI_TEXT_DIFF_H

#include <stdbool.h>

#include "base/buf.h"

/* Appends the hunks with three lines of context, after "--- old" and "+++ new" lines, when the
 * texts differ; true then. The shortest edit where the changed part has up to 2,000 lines on each
 * side; beyond that the part is shown as replaced. colour: as diff --color. */
bool text_diff(const char *old_name, const char *old_text, const char *new_name,
               const char *new_text, bool colour, struct buf *out);

#endif
