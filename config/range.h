/* range.h - comparisons on versions, numbers and times, as selectors write them: ">=1.55.39",
 * ">=3 <8", "0x54". All comparisons of one text must hold; a bare value means "=". */
#ifndef CONFIG_RANGE_H
#define CONFIG_RANGE_H

#include <stdint.h>

#include "base/err.h"

#define RANGE_TERMS 4

enum range_kind { RANGE_VERSION, RANGE_NUMBER, RANGE_TIME };
enum range_op { RANGE_EQ, RANGE_NE, RANGE_LT, RANGE_LE, RANGE_GT, RANGE_GE };

struct range_term {
    enum range_op op;
    uint64_t number;  /* RANGE_NUMBER */
    int64_t time_s;   /* RANGE_TIME, seconds since 1970 */
    unsigned parts;   /* RANGE_VERSION: how many of part[] were written, 1 to 4 */
    uint32_t part[4]; /* missing ones 0 */
};

struct range {
    unsigned n; /* at least 1 */
    struct range_term term[RANGE_TERMS];
};

/* False with the reason "range.format", or "range.empty" for ">=3 <2". */
NODISCARD bool range_parse(const char *s, enum range_kind kind, struct range *out, struct err *e);

#endif
