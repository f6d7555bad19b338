#include "attest/der.h"

#include <inttypes.h>
#include <stdio.h>

bool der_take_whole(struct bytes *in, uint8_t tag, struct bytes *whole, struct bytes *content)
{
    size_t n, head = 2;

    if (in->n < 2 || in->p[0] != tag)
        return false;
    n = in->p[1];
    if (n >= 0x80) {
        size_t width = n - 0x80;

        if (width < 1 || width > 3 || in->n < 2 + width || in->p[2] == 0)
            return false;
        n = 0;
        for (size_t i = 0; i < width; i++)
            n = n << 8 | in->p[2 + i];
        if (n < 0x80)
            return false; /* the short form holds it */
        head += width;
    }
    if (n > in->n - head)
        return false;
    *whole = (struct bytes){in->p, head + n};
    *content = (struct bytes){in->p + head, n};
    *in = (struct bytes){in->p + head + n, in->n - head - n};
    return true;
}

bool der_take(struct bytes *in, uint8_t tag, struct bytes *out)
{
    struct bytes whole;

    return der_take_whole(in, tag, &whole, out);
}

bool der_only(struct bytes in, uint8_t tag, struct bytes *out)
{
    return der_take(&in, tag, out) && in.n == 0;
}

bool der_integer_ok(struct bytes v)
{
    if (v.n == 0)
        return false;
    return v.n == 1 || (v.p[0] == 0 && v.p[1] >= 0x80) || (v.p[0] == 0xff && v.p[1] < 0x80) ||
           (v.p[0] != 0 && v.p[0] != 0xff);
}

bool der_number(struct bytes v, uint32_t most, uint32_t *out)
{
    uint64_t n = 0;

    if (!der_integer_ok(v) || v.n > 5 || v.p[0] >= 0x80)
        return false;
    for (size_t i = 0; i < v.n; i++)
        n = n << 8 | v.p[i];
    *out = (uint32_t)n;
    return n <= most;
}

bool der_magnitude(struct bytes v, struct bytes *out)
{
    if (!der_integer_ok(v) || v.p[0] >= 0x80)
        return false;
    if (v.p[0] == 0)
        v = (struct bytes){v.p + 1, v.n - 1};
    *out = v;
    return v.n > 0;
}

bool der_oid_ok(struct bytes v)
{
    if (v.n == 0 || v.p[v.n - 1] >= 0x80)
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == 0x80 && (i == 0 || v.p[i - 1] < 0x80))
            return false; /* an arc that begins with a byte of no use */
    return true;
}

const char *der_oid_text(struct bytes v, char *out, size_t size)
{
    uint64_t arc = 0;
    size_t at = 0;
    bool first = true, wide = false;

    out[0] = '\0';
    for (size_t i = 0; i < v.n && at < size; i++) {
        int n;

        wide = wide || arc >> 57 != 0;
        arc = arc << 7 | (v.p[i] & 0x7f);
        if (v.p[i] >= 0x80)
            continue;
        if (wide)
            n = snprintf(out + at, size - at, first ? "?" : ".?");
        else if (first)
            n = snprintf(out + at, size - at, "%u.%" PRIu64, arc < 80 ? (unsigned)(arc / 40) : 2,
                         arc < 80 ? arc % 40 : arc - 80);
        else
            n = snprintf(out + at, size - at, ".%" PRIu64, arc);
        at += (size_t)n;
        first = false;
        arc = 0;
        wide = false;
    }
    return out;
}

/* Two digits; 100: none. */
static unsigned two(const uint8_t *p)
{
    return p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9' ? 100
                                                                : (p[0] - '0') * 10u + (p[1] - '0');
}

static bool leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of a month (1 to 12) of a year from 0 on. */
static int64_t days_before(unsigned year, unsigned month)
{
    static const unsigned begun[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = (int64_t)year - 1;
    /* the Gregorian calendar, also where it was not in use; 719162 days are before 1970 */
    int64_t days = y < 0 ? -366 : y * 365 + y / 4 - y / 100 + y / 400;

    return days - 719162 + begun[month - 1] + (month > 2 && leap(year));
}

bool der_time(uint8_t tag, struct bytes v, int64_t *wall_s)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t digits = tag == DER_UTC_TIME ? 2 : 4;
    unsigned year, month, day, hour, minute, second;
    const uint8_t *p;

    if (v.n != digits + 11 || v.p[v.n - 1] != 'Z')
        return false;
    year = two(v.p);
    if (year > 99)
        return false;
    if (tag == DER_UTC_TIME) {
        year += year < 50 ? 2000 : 1900;
    } else {
        if (two(v.p + 2) > 99)
            return false;
        year = year * 100 + two(v.p + 2);
    }
    p = v.p + digits;
    month = two(p);
    day = two(p + 2);
    hour = two(p + 4);
    minute = two(p + 6);
    second = two(p + 8);
    if (month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && leap(year)) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    *wall_s = (days_before(year, month) + day - 1) * 86400 +
              (int64_t)(hour * 3600 + minute * 60 + second);
    return true;
}
