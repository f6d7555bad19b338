#include "cli/text_diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/vec.h"
#include "cli/table.h"

#define CONTEXT 3
#define LINES_MAX 2000 /* of the changed part, on each side */

struct line {
    const char *p;
    size_t n; /* without its newline */
};

struct text {
    VEC(struct line) lines;
};

struct edit { /* ' ' in both, '-' only in the old, '+' only in the new */
    char sign;
    struct line line;
};

struct script {
    VEC(struct edit) edits;
};

static void split(const char *s, struct text *t)
{
    while (*s != '\0') {
        size_t n = strcspn(s, "\n");

        BUG_ON(!vec_push(&t->lines, ((struct line){s, n})));
        s += n + (s[n] == '\n');
    }
}

static bool same(struct line a, struct line b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static void put(struct script *s, char sign, struct line line)
{
    BUG_ON(!vec_push(&s->edits, ((struct edit){sign, line})));
}

/* Longest common subsequence of a[0..an) and b[0..bn): len[i][j] is that of the rests from i, j. */
static void middle(const struct line *a, size_t an, const struct line *b, size_t bn,
                   struct script *s)
{
    size_t width = bn + 1, i = 0, j = 0;
    uint16_t *len = NULL;

    if (an <= LINES_MAX && bn <= LINES_MAX) {
        len = calloc((an + 1) * width, sizeof *len);
        BUG_ON(len == NULL);
        for (size_t x = an; x-- > 0;)
            for (size_t y = bn; y-- > 0;) {
                uint16_t down = len[(x + 1) * width + y], right = len[x * width + y + 1];

                len[x * width + y] = same(a[x], b[y]) ? (uint16_t)(len[(x + 1) * width + y + 1] + 1)
                                     : down > right   ? down
                                                      : right;
            }
    }
    while (i < an || j < bn) {
        if (len != NULL && i < an && j < bn && same(a[i], b[j])) {
            put(s, ' ', a[i++]);
            j++;
        } else if (i < an &&
                   (len == NULL || j == bn || len[(i + 1) * width + j] >= len[i * width + j + 1])) {
            put(s, '-', a[i++]);
        } else {
            put(s, '+', b[j++]);
        }
    }
    free(len);
}

static void compare(const struct text *a, const struct text *b, struct script *s)
{
    size_t an = a->lines.n, bn = b->lines.n, head = 0, tail = 0;

    while (head < an && head < bn && same(a->lines.v[head], b->lines.v[head]))
        head++;
    while (tail < an - head && tail < bn - head &&
           same(a->lines.v[an - 1 - tail], b->lines.v[bn - 1 - tail]))
        tail++;
    for (size_t i = 0; i < head; i++)
        put(s, ' ', a->lines.v[i]);
    middle(a->lines.v + head, an - head - tail, b->lines.v + head, bn - head - tail, s);
    for (size_t i = an - tail; i < an; i++)
        put(s, ' ', a->lines.v[i]);
}

static void paint(bool colour, enum tone tone, const char *sign, struct line l, struct buf *out)
{
    buf_printf(out, "%s%s%.*s%s\n", colour ? tone_begin(tone) : "", sign, (int)l.n, l.p,
               colour ? tone_end(tone) : "");
}

/* How many lines of edits [from, to) stand in the text of that sign. */
static size_t count(const struct script *s, size_t from, size_t to, char sign)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += s->edits.v[i].sign == ' ' || s->edits.v[i].sign == sign;
    return n;
}

static void hunk(const struct script *s, size_t from, size_t to, bool colour, struct buf *out)
{
    size_t old_n = count(s, from, to, '-'), new_n = count(s, from, to, '+');
    size_t old_at = count(s, 0, from, '-') + (old_n > 0), new_at = count(s, 0, from, '+');

    new_at += new_n > 0;
    buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", old_at, old_n, new_at, new_n);
    for (size_t i = from; i < to; i++) {
        const struct edit *e = &s->edits.v[i];

        if (e->sign == ' ')
            paint(false, TONE_PLAIN, " ", e->line, out);
        else
            paint(colour, e->sign == '-' ? TONE_BAD : TONE_GOOD, e->sign == '-' ? "-" : "+",
                  e->line, out);
    }
}

/* Runs of changes, those with little between them together. */
static bool hunks(const struct script *s, bool colour, struct buf *out)
{
    size_t n = s->edits.n, i = 0;
    bool any = false;

    while (i < n) {
        size_t from, to, last;

        if (s->edits.v[i].sign == ' ') {
            i++;
            continue;
        }
        from = i > CONTEXT ? i - CONTEXT : 0;
        for (last = i; i < n && i - last <= 2 * CONTEXT; i++)
            if (s->edits.v[i].sign != ' ')
                last = i;
        to = last + 1 + CONTEXT < n ? last + 1 + CONTEXT : n;
        hunk(s, from, to, colour, out);
        any = true;
        i = last + 1;
        while (i < to)
            i++;
    }
    return any;
}

bool text_diff(const char *old_name, const char *old_text, const char *new_name,
               const char *new_text, bool colour, struct buf *out)
{
    AUTO_BUF struct buf body = {0};
    struct text a = {0}, b = {0};
    struct script s = {0};
    bool differ;

    split(old_text, &a);
    split(new_text, &b);
    compare(&a, &b, &s);
    differ = hunks(&s, colour, &body);
    if (differ)
        buf_printf(out, "--- %s\n+++ %s\n%s", old_name, new_name, buf_str(&body));
    vec_fini(&a.lines);
    vec_fini(&b.lines);
    vec_fini(&s.edits);
    return differ;
}
