/* json_read.h - JSON read by a library that is not ours, for tests of what we write. It stands
 * apart because jansson's names and those of base/json.h cannot meet in one file. */
#ifndef TESTS_LIB_JSON_READ_H
#define TESTS_LIB_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

/* The first item of the array in `text`, a string; NULs in it are kept. */
bool json_read_first(const char *text, char *out, size_t size, size_t *n);

#endif
