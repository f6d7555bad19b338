/* quotes.h - Intel quotes of the shared vectors as input of a verification. */
#ifndef TESTS_LIB_QUOTES_H
#define TESTS_LIB_QUOTES_H

#include "attest/evidence.h"
#include "base/arena.h"
#include "tests/lib/vectors.h"

/* The quote of a row with the files beside it: for a collateral folder the quote of the folder
 * above. All in the arena. */
void quotes_input(struct arena *a, const struct vector_row *r, struct evidence_input *in);

/* The input's file of that name, or NULL. */
struct evidence_file *quotes_file(struct evidence_input *in, const char *name);

/* Copies what a test is about to change. */
uint8_t *quotes_own(struct arena *a, struct bytes *b);

#endif
