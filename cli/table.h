/* table.h - columns of text for people: as wide as their widest cell, two blanks between, the last
 * one not padded. Cells may hold text of unknown origin: it is made printable. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>

#include "base/buf.h"

#define TABLE_COLUMNS 16
#define TABLE_CELL 512 /* longest cell, in bytes; longer ones are cut with "..." */

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_DIM };

struct column {
    const char *title;
    bool wide; /* shown by `-o wide` only */
};

struct table {
    const struct column *columns; /* borrowed */
    unsigned n;
    bool wide;
    unsigned at;      /* column of the next cell */
    struct buf cells; /* tone byte, text, NUL; cell by cell, hidden ones left out */
    unsigned width[TABLE_COLUMNS];
    unsigned rows;
};

/* n: 1 to TABLE_COLUMNS. */
void table_init(struct table *t, const struct column *columns, unsigned n, bool wide);
void table_fini(struct table *t);

/* The next cell, left to right, row by row; an empty text shows as "-". */
void table_cell(struct table *t, enum tone tone, const char *fmt, ...) PRINTFLIKE(3, 4);

/* Titles and rows as text; without rows nothing. Every row must be whole. */
void table_print(const struct table *t, bool colour, bool titles, struct buf *out);

/* The escape sequence of a tone, and the one that ends it. */
const char *tone_begin(enum tone tone);
const char *tone_end(enum tone tone);

#endif
