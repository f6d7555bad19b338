/* vectors.h - the shared attestation vectors: real evidence, with the verdicts it must get
 * (expected.tsv). BAILEY_VECTORS names their folder. */
#ifndef TESTS_LIB_VECTORS_H
#define TESTS_LIB_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct vector_row {
    char path[160], kind[32], expect[24], status[48], generation[32], verify_at[32];
    char verdict[512]; /* in words: "platform=UpToDate; tdxmodule=TDX_01/4:UpToDate; qe=..." */
};

/* False where there are none; says so. */
bool vectors_here(void);

/* Calls each() for every row of that kind, in the file's order. Returns how many there were. */
unsigned vectors_each(const char *kind, void (*each)(const struct vector_row *));

/* A file's bytes in the arena; empty when it does not exist. */
struct bytes vector_file(struct arena *a, const char *folder, const char *name);

/* The time to judge a row at; `otherwise` where it names none. */
int64_t vector_time(const struct vector_row *r, int64_t otherwise);

#endif
