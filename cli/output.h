/* output.h - where words go: data to standard output, everything else to standard error. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/table.h"

enum output_format { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME };

struct output {
    enum output_format format;
    bool colour;      /* on standard output */
    bool talk_colour; /* on standard error */
    bool progress;    /* standard error is a terminal: a line may be drawn over */
    bool drawn;       /* a progress line stands there now */
    bool failed;      /* standard output took no more */
};

/* colour: "auto", "always", "never"; NO_COLOR (if not empty) counts for "auto". format: NULL for
 * the table. */
NODISCARD bool output_init(struct output *o, const char *format, const char *colour, struct err *e);

/* Data, whole and at once. */
void output_put(struct output *o, struct buf *text);
void output_printf(struct output *o, const char *fmt, ...) PRINTFLIKE(2, 3);

/* A message as JSON or YAML; a newline after it. documents: how many stood before it, for "---". */
void output_message(struct output *o, const ProtobufCMessage *m, unsigned documents);

/* A sentence for the person, on standard error. */
void output_say(struct output *o, const char *fmt, ...) PRINTFLIKE(2, 3);

/* "bailey: ..." with field, found, expected and mend on lines of their own. */
void output_err(struct output *o, const struct err *e);

/* A line that the next one is drawn over; nothing where standard error is no terminal. */
void output_progress(struct output *o, const char *what, uint64_t done, uint64_t all);
void output_progress_end(struct output *o);

/* "3m", "2d4h", "12s" of a span in seconds; out has AGE_TEXT bytes; returns out. */
#define AGE_TEXT 24
const char *age_format(int64_t seconds, char *out);

/* The age of an RFC 3339 time as of now, "" for an empty or unreadable one. */
const char *age_since(const char *time, char *out);

#endif
