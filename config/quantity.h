/* quantity.h - amounts of processor and memory as people write them. */
#ifndef CONFIG_QUANTITY_H
#define CONFIG_QUANTITY_H

#include <stdint.h>

#include "base/err.h"

#define QUANTITY_TEXT 32

/* "500m", "2", "0.5" to thousandths of a core; at least 1 thousandth, at most 1,000,000 cores. */
NODISCARD bool cpu_parse(const char *s, uint64_t *milli, struct err *e);

/* "256Mi", "1G", "1048576" to bytes: Ki Mi Gi Ti are powers of 1024, k M G T of 1000. */
NODISCARD bool bytes_parse(const char *s, uint64_t *bytes, struct err *e);

/* The shortest exact form; QUANTITY_TEXT bytes; return out. */
const char *cpu_format(uint64_t milli, char *out);
const char *bytes_format(uint64_t bytes, char *out);

#endif
