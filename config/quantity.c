#include "config/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CPU_MAX_MILLI UINT64_C(1000000000)

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at *s; false when there is none or too many. */
static bool number(const char **s, uint64_t *out)
{
    uint64_t v = 0;

    if (!digit(**s))
        return false;
    for (; digit(**s); (*s)++)
        if (__builtin_mul_overflow(v, 10U, &v) ||
            __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
            return false;
    *out = v;
    return true;
}

bool cpu_parse(const char *s, uint64_t *milli, struct err *e)
{
    const char *p = s;
    uint64_t v = 0, unit = 1000;
    bool ok = number(&p, &v);

    if (ok && strcmp(p, "m") == 0) {
        unit = 1;
        p++;
    }
    ok = ok && !__builtin_mul_overflow(v, unit, &v);
    if (ok && unit == 1000 && *p == '.') {
        ok = digit(*++p);
        for (uint64_t place = 100; ok && digit(*p) && place > 0; place /= 10)
            v += (uint64_t)(*p++ - '0') * place;
    }
    if (!ok || *p != '\0')
        return err_set(e, ERR_INPUT, "cpu.format",
                       "\"%.40s\" is not an amount of processor: want cores (\"2\", \"0.5\") or "
                       "thousandths (\"500m\")",
                       s),
               err_found(e, "%.40s", s), err_expected(e, "2, 0.5 or 500m");
    if (v == 0 || v > CPU_MAX_MILLI)
        return err_set(e, ERR_INPUT, "cpu.range", "\"%.40s\" is out of range: want 1m to 1000000",
                       s),
               err_found(e, "%.40s", s), err_expected(e, "1m to 1000000");
    *milli = v;
    return true;
}

static const struct {
    const char *name;
    uint64_t bytes;
} units[] = {{"Ti", UINT64_C(1) << 40},   {"T", UINT64_C(1000000000000)}, {"Gi", UINT64_C(1) << 30},
             {"G", UINT64_C(1000000000)}, {"Mi", UINT64_C(1) << 20},      {"M", UINT64_C(1000000)},
             {"Ki", UINT64_C(1) << 10},   {"k", UINT64_C(1000)},          {"", UINT64_C(1)}};
#define UNITS (sizeof units / sizeof *units)

bool bytes_parse(const char *s, uint64_t *bytes, struct err *e)
{
    const char *p = s;
    uint64_t v = 0;
    size_t i = 0;
    bool ok = number(&p, &v);

    while (ok && i < UNITS && strcmp(p, units[i].name) != 0)
        i++;
    if (!ok || i == UNITS)
        return err_set(
                   e, ERR_INPUT, "bytes.format",
                   "\"%.40s\" is not an amount of bytes: want a whole number with Ki, Mi, Gi, Ti, "
                   "k, M, G, T or nothing",
                   s),
               err_found(e, "%.40s", s), err_expected(e, "256Mi, 1G or 1048576");
    if (__builtin_mul_overflow(v, units[i].bytes, &v) || v == 0 || v > INT64_MAX)
        return err_set(e, ERR_INPUT, "bytes.range",
                       "\"%.40s\" is out of range: want 1 to 8388607Ti", s),
               err_found(e, "%.40s", s), err_expected(e, "1 to 8388607Ti");
    *bytes = v;
    return true;
}

const char *cpu_format(uint64_t milli, char *out)
{
    if (milli % 1000 == 0)
        (void)snprintf(out, QUANTITY_TEXT, "%" PRIu64, milli / 1000);
    else
        (void)snprintf(out, QUANTITY_TEXT, "%" PRIu64 "m", milli);
    return out;
}

const char *bytes_format(uint64_t bytes, char *out)
{
    size_t i = 0;

    while (bytes == 0 ? i < UNITS - 1 : bytes % units[i].bytes != 0)
        i++;
    (void)snprintf(out, QUANTITY_TEXT, "%" PRIu64 "%s", bytes / units[i].bytes, units[i].name);
    return out;
}
