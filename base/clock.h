/* clock.h - time as an interface, so that whole clusters can run in virtual time. Pure rooms take
 * times as parameters and never hold a clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clock {
    int64_t (*wall_ms)(const struct clock *);     /* milliseconds since 1970, UTC; may step */
    int64_t (*mono_ms)(const struct clock *);     /* never steps, stops in suspend */
    int64_t (*boottime_ms)(const struct clock *); /* never steps, counts suspend: leases use it */
};

/* The kernel's clocks. */
extern const struct clock clock_system;

/* "2026-11-23T18:24:59Z" <-> seconds since 1970 (RFC 3339, UTC only, years 1970 to 9999).
 * time_format() needs TIME_TEXT bytes and returns out. */
#define TIME_TEXT 32
const char *time_format(int64_t wall_s, char *out);
NODISCARD bool time_parse(const char *s, int64_t *wall_s, struct err *e);

/* Durations: one or more of <number><unit> with units ms, s, m, h, d, largest first: "1h30m",
 * "10s". Result in milliseconds. duration_format() writes the shortest exact form; DURATION_TEXT
 * bytes. */
#define DURATION_TEXT 40
NODISCARD bool duration_parse(const char *s, int64_t *ms, struct err *e);
const char *duration_format(int64_t ms, char *out);

#endif
