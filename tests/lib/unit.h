/* unit.h - what every unit test includes first: cmocka with the headers that it needs before it,
 * and the length of a table. */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A struct bytes in a static table: BYTES_LIT is an expression, and not a constant one. */
#define BYTES_INIT(lit)                                                                            \
    {                                                                                              \
        (const uint8_t *)("" lit), sizeof(lit) - 1                                                 \
    }

#endif
