/* Time and duration texts: pure arithmetic, no clock, no locale, no time zone. */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back; the year is taken
 * to begin in March so that the leap day comes last. */
static int64_t days_of(int64_t y, int m, int d)
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, int *m, int *d)
{
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

const char *time_format(int64_t wall_s, char *out)
{
    int64_t y = 0, rest;
    int m = 0, d = 0;

    if (wall_s < 0)
        wall_s = 0;
    if (wall_s > 253402300799) /* 9999-12-31T23:59:59Z */
        wall_s = 253402300799;
    rest = wall_s % DAY_S;
    date_of(wall_s / DAY_S, &y, &m, &d);
    (void)snprintf(out, TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)y % 10000,
                   (unsigned)m % 100, (unsigned)d % 100, (unsigned)(rest / 3600) % 100,
                   (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
    return out;
}

/* Exactly `width` digits at *s, then `after` (unless NUL). */
static bool digits(const char **s, int width, char after, int *out)
{
    int v = 0;

    for (int i = 0; i < width; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        v = v * 10 + (**s - '0');
    }
    if (after != '\0' && *(*s)++ != after)
        return false;
    *out = v;
    return true;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return days[m - 1] + (m == 2 && leap);
}

bool time_parse(const char *s, int64_t *wall_s, struct err *e)
{
    const char *p = s;
    int y, mo, d, h = 0, mi = 0, sec = 0;
    bool ok = digits(&p, 4, '-', &y) && digits(&p, 2, '-', &mo) && digits(&p, 2, '\0', &d);

    /* a bare date means its first second */
    if (ok && *p != '\0')
        ok = *p++ == 'T' && digits(&p, 2, ':', &h) && digits(&p, 2, ':', &mi) &&
             digits(&p, 2, 'Z', &sec) && *p == '\0';
    if (!ok || y < 1970 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 ||
        mi > 59 || sec > 59)
        return err_set(e, ERR_INPUT, "time.format", "not a time: want 2026-11-23T18:24:59Z (UTC)"),
               err_found(e, "%.40s", s), err_expected(e, "2026-11-23T18:24:59Z or 2026-11-23");
    *wall_s = days_of(y, mo, d) * DAY_S + (h * INT64_C(60) + mi) * 60 + sec;
    return true;
}

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define UNITS (sizeof units / sizeof *units)

/* The unit at *s that is smaller than the one before it, or UNITS. */
static size_t unit_at(const char **s, size_t from)
{
    size_t n = strspn(*s, "dhms");

    for (size_t i = from; i < UNITS; i++)
        if (strlen(units[i].name) == n && strncmp(units[i].name, *s, n) == 0) {
            *s += n;
            return i;
        }
    return UNITS;
}

bool duration_parse(const char *s, int64_t *ms, struct err *e)
{
    int64_t total = 0;
    size_t from = 0;
    const char *p = s;
    bool ok = *p != '\0', bare = ok && strlen(s) <= 18 && s[strspn(s, "0123456789")] == '\0';

    while (ok && *p != '\0') {
        int64_t v = 0;
        size_t u;

        ok = *p >= '0' && *p <= '9';
        for (; ok && *p >= '0' && *p <= '9'; p++)
            ok = !__builtin_mul_overflow(v, 10, &v) && !__builtin_add_overflow(v, *p - '0', &v);
        u = ok ? unit_at(&p, from) : UNITS;
        ok = u < UNITS && !__builtin_mul_overflow(v, units[u].ms, &v) &&
             !__builtin_add_overflow(total, v, &total);
        from = u + 1;
    }
    if (!ok)
        return err_set(e, ERR_INPUT, "duration.format",
                       "not a duration: want 10s, 5m, 1h30m or 2d"),
               err_found(e, "%.40s", s), err_expected(e, "numbers with units d, h, m, s, ms"),
               bare && err_mend(e, "write the unit: %ss", s);
    *ms = total;
    return true;
}

const char *duration_format(int64_t ms, char *out)
{
    size_t n = 0;

    if (ms <= 0)
        return memcpy(out, "0s", sizeof "0s");
    for (size_t i = 0; i < UNITS; i++)
        if (ms >= units[i].ms) {
            n += (size_t)snprintf(out + n, DURATION_TEXT - n, "%" PRId64 "%s", ms / units[i].ms,
                                  units[i].name);
            ms %= units[i].ms;
        }
    return out;
}
