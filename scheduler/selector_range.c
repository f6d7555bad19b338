/* selector_range.c - ranges of versions, numbers and times out of text. */
#include "scheduler/selector.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"

#define DAY_S 86400

/* One comparison out of the text; *at moves behind it. word: NUL-terminated copy of its value. */
struct token {
    enum compare op;
    char word[64];
};

static bool is_gap(char c)
{
    return c == ' ' || c == ',' || c == '\t';
}

static enum compare op_take(const char **at)
{
    static const struct {
        const char *text;
        enum compare op;
    } ops[] = {{">=", COMPARE_GE}, {"<=", COMPARE_LE}, {"!=", COMPARE_NE}, {"==", COMPARE_EQ},
               {">", COMPARE_GT},  {"<", COMPARE_LT},  {"=", COMPARE_EQ}};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        size_t n = strlen(ops[i].text);

        if (strncmp(*at, ops[i].text, n) == 0) {
            *at += n;
            return ops[i].op;
        }
    }
    return COMPARE_EQ;
}

static bool bad_range(struct err *e, const char *text, const char *expected)
{
    char shown[128];

    (void)str_printable(bytes_str(text), shown, sizeof shown);
    err_set(e, ERR_INPUT, "selector.bad-range", "not a range: \"%s\"", shown);
    err_found(e, "%s", shown);
    return err_expected(e, "%s", expected);
}

static bool empty_range(struct err *e, const char *text)
{
    char shown[128];

    (void)str_printable(bytes_str(text), shown, sizeof shown);
    err_set(e, ERR_INPUT, "selector.empty-range", "nothing can satisfy \"%s\"", shown);
    err_found(e, "%s", shown);
    return err_mend(e, "the comparisons of a range must all hold at once");
}

/* 1: a token, 0: the end, -1: does not fit. */
static int token_next(const char **at, struct token *out)
{
    size_t n = 0;

    while (is_gap(**at))
        ++*at;
    if (**at == '\0')
        return 0;
    out->op = op_take(at);
    while (**at == ' ')
        ++*at;
    while ((*at)[n] != '\0' && !is_gap((*at)[n]))
        n++;
    if (n == 0 || n >= sizeof out->word)
        return -1;
    memcpy(out->word, *at, n);
    out->word[n] = '\0';
    *at += n;
    return 1;
}

static bool version_take(const char *s, uint32_t part[4])
{
    memset(part, 0, 4 * sizeof part[0]);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t v = 0;
        size_t digits = 0;

        for (; *s >= '0' && *s <= '9'; s++, digits++)
            if ((v = v * 10 + (uint64_t)(*s - '0')) > UINT32_MAX)
                return false;
        if (digits == 0)
            return false;
        part[i] = (uint32_t)v;
        if (*s == '\0')
            return true;
        if (*s++ != '.')
            return false;
    }
    return false; /* a fifth part */
}

bool version_parse(const char *text, uint32_t part[4], struct err *e)
{
    char shown[128];
    uint32_t v[4];

    if (version_take(text, v)) {
        memcpy(part, v, sizeof v);
        return true;
    }
    (void)str_printable(bytes_str(text), shown, sizeof shown);
    err_set(e, ERR_INPUT, "selector.bad-version", "not a version: \"%s\"", shown);
    err_found(e, "%s", shown);
    return err_expected(e, "up to four numbers with dots between, as in 1.55.39");
}

static int version_order(const uint32_t a[4], const uint32_t b[4])
{
    for (unsigned i = 0; i < 4; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static bool order_holds(enum compare op, int order)
{
    switch (op) {
    case COMPARE_EQ:
        return order == 0;
    case COMPARE_NE:
        return order != 0;
    case COMPARE_LT:
        return order < 0;
    case COMPARE_LE:
        return order <= 0;
    case COMPARE_GT:
        return order > 0;
    case COMPARE_GE:
        return order >= 0;
    }
    return false;
}

bool version_range_holds(const struct version_range *r, const uint32_t part[4])
{
    for (unsigned i = 0; i < r->n; i++)
        if (!order_holds(r->bound[i].op, version_order(part, r->bound[i].part)))
            return false;
    return true;
}

bool number_range_holds(const struct number_range *r, uint64_t value)
{
    for (unsigned i = 0; i < r->n; i++) {
        uint64_t b = r->bound[i].value;

        if (!order_holds(r->bound[i].op, value < b ? -1 : value > b))
            return false;
    }
    return true;
}

bool time_range_holds(const struct time_range *r, int64_t wall_s)
{
    for (unsigned i = 0; i < r->n; i++) {
        int64_t b = r->bound[i].wall_s;

        if (!order_holds(r->bound[i].op, wall_s < b ? -1 : wall_s > b))
            return false;
    }
    return true;
}

/* The next version after v in the order of four numbers; false after the last. */
static bool version_succ(uint32_t v[4])
{
    for (unsigned i = 4; i-- > 0;)
        if (v[i]++ != UINT32_MAX)
            return true;
    return false;
}

/* Whether any version satisfies it: if one does, then one of those at or right after a bound, or
 * 0 does (a NE can push the least one further, by one for each NE). */
static bool version_possible(const struct version_range *r)
{
    uint32_t v[4] = {0};

    for (unsigned i = 0; i <= r->n; i++) {
        if (i > 0)
            memcpy(v, r->bound[i - 1].part, sizeof v);
        for (unsigned k = 0; k <= RANGE_BOUNDS; k++) {
            if (version_range_holds(r, v))
                return true;
            if (!version_succ(v))
                break;
        }
    }
    return false;
}

static bool number_possible(const struct number_range *r)
{
    for (unsigned i = 0; i <= r->n; i++) {
        uint64_t v = i == 0 ? 0 : r->bound[i - 1].value;

        for (unsigned k = 0; k <= RANGE_BOUNDS; k++, v++) {
            if (number_range_holds(r, v))
                return true;
            if (v == UINT64_MAX)
                break;
        }
    }
    return false;
}

static bool time_possible(const struct time_range *r)
{
    for (unsigned i = 0; i <= r->n; i++) {
        int64_t v = i == 0 ? 0 : r->bound[i - 1].wall_s;

        for (unsigned k = 0; k <= RANGE_BOUNDS; k++, v++)
            if (time_range_holds(r, v))
                return true;
    }
    return false;
}

#define VERSION_WANT "comparisons with versions, as in \">=1.55.39\" or \">=1.5 <2\""
#define NUMBER_WANT "comparisons with numbers, as in \">=0x54\" or \">=3 <10\""
#define TIME_WANT "comparisons with dates, as in \">=2025-05-14\""

bool version_range_parse(const char *text, struct version_range *out, struct err *e)
{
    struct version_range r = {.text = text};
    struct token t;
    const char *at = text;
    int got;

    while ((got = token_next(&at, &t)) == 1) {
        if (r.n == RANGE_BOUNDS || !version_take(t.word, r.bound[r.n].part))
            return bad_range(e, text, VERSION_WANT);
        r.bound[r.n++].op = t.op;
    }
    if (got < 0 || r.n == 0)
        return bad_range(e, text, VERSION_WANT);
    if (!version_possible(&r))
        return empty_range(e, text);
    *out = r;
    return true;
}

bool number_range_parse(const char *text, struct number_range *out, struct err *e)
{
    struct number_range r = {.text = text};
    struct token t;
    const char *at = text;
    int got;

    while ((got = token_next(&at, &t)) == 1) {
        if (r.n == RANGE_BOUNDS || !u64_parse(t.word, &r.bound[r.n].value))
            return bad_range(e, text, NUMBER_WANT);
        r.bound[r.n++].op = t.op;
    }
    if (got < 0 || r.n == 0)
        return bad_range(e, text, NUMBER_WANT);
    if (!number_possible(&r))
        return empty_range(e, text);
    *out = r;
    return true;
}

/* A date stands for its whole day; *span: its length in seconds, 1 for a time. */
static bool time_take(const char *s, int64_t *wall_s, int64_t *span)
{
    char full[TIME_TEXT];

    *span = 1;
    if (strlen(s) != 10)
        return time_parse(s, wall_s, NULL);
    *span = DAY_S;
    memcpy(full, s, 10);
    memcpy(full + 10, "T00:00:00Z", 11);
    return time_parse(full, wall_s, NULL);
}

bool moment_parse(const char *text, int64_t *wall_s, struct err *e)
{
    char shown[128];
    int64_t span;

    if (time_take(text, wall_s, &span))
        return true;
    (void)str_printable(bytes_str(text), shown, sizeof shown);
    err_set(e, ERR_INPUT, "selector.bad-moment", "not a date or time: \"%s\"", shown);
    err_found(e, "%s", shown);
    return err_expected(e, "a date as 2026-12-01 or a time as 2026-12-01T08:00:00Z");
}

static bool time_bound(struct time_range *r, enum compare op, int64_t wall_s)
{
    if (r->n == RANGE_BOUNDS)
        return false;
    r->bound[r->n].op = op;
    r->bound[r->n++].wall_s = wall_s;
    return true;
}

/* `op` over the span that begins at t, as bounds over seconds. */
static bool time_bounds(struct time_range *r, enum compare op, int64_t t, int64_t span)
{
    switch (op) {
    case COMPARE_LT:
    case COMPARE_GE:
        return time_bound(r, op, t);
    case COMPARE_LE:
        return time_bound(r, COMPARE_LT, t + span);
    case COMPARE_GT:
        return time_bound(r, COMPARE_GE, t + span);
    case COMPARE_EQ:
        return time_bound(r, COMPARE_GE, t) && time_bound(r, COMPARE_LT, t + span);
    case COMPARE_NE: /* the complement of a day is not a conjunction */
        return span == 1 && time_bound(r, op, t);
    }
    return false;
}

bool time_range_parse(const char *text, struct time_range *out, struct err *e)
{
    struct time_range r = {.text = text};
    struct token t;
    const char *at = text;
    int64_t wall_s, span;
    int got;

    while ((got = token_next(&at, &t)) == 1)
        if (!time_take(t.word, &wall_s, &span) || !time_bounds(&r, t.op, wall_s, span))
            return bad_range(e, text, TIME_WANT);
    if (got < 0 || r.n == 0)
        return bad_range(e, text, TIME_WANT);
    if (!time_possible(&r))
        return empty_range(e, text);
    *out = r;
    return true;
}
