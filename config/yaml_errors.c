#include <stdio.h>

#include "base/str.h"
#include "config/yaml.h"

#define SHOWN_MAX 160 /* bytes of a source line that are shown */

/* Bytes of the line break at p, 0 if there is none; the ones that libyaml counts. */
static size_t line_break(struct bytes t, size_t i)
{
    const uint8_t *p = t.p + i;
    size_t left = t.n - i;

    if (left >= 2 && p[0] == '\r' && p[1] == '\n')
        return 2;
    if (p[0] == '\r' || p[0] == '\n')
        return 1;
    if (left >= 2 && p[0] == 0xc2 && p[1] == 0x85)
        return 2;
    if (left >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return 3;
    return 0;
}

static struct bytes line_at(struct bytes t, unsigned line)
{
    size_t start = 0, i = 0;

    if (t.n >= 3 && memcmp(t.p, "\xef\xbb\xbf", 3) == 0)
        start = i = 3;
    for (unsigned at = 1; i < t.n;) {
        size_t n = line_break(t, i);

        if (n > 0 && at == line)
            break;
        i += n > 0 ? n : 1;
        if (n > 0) {
            at++;
            start = i;
        }
    }
    return (struct bytes){t.p == NULL ? NULL : t.p + start, i - start};
}

/* The source line with controls as spaces and, below it, a caret under the column. */
static void show_source(const struct yaml_error *e, struct bytes line, struct buf *out)
{
    char text[SHOWN_MAX * 4];
    struct bytes cut = {line.p, line.n > SHOWN_MAX ? SHOWN_MAX : line.n};
    unsigned characters = 0;

    if (line.p == NULL)
        return;
    while (cut.n < line.n && cut.n > 0 && (line.p[cut.n] & 0xc0) == 0x80)
        cut.n--; /* not inside a character */
    for (size_t i = 0; i < cut.n; i++)
        characters += (line.p[i] & 0xc0) != 0x80;
    if (cut.n == 0 || e->column > characters + 1)
        return;
    (void)str_copy(text, sizeof text, "");
    for (size_t i = 0, n = 0; i < cut.n; i++) {
        text[n++] = (char)(cut.p[i] < 0x20 || cut.p[i] == 0x7f ? ' ' : cut.p[i]);
        text[n] = '\0';
    }
    if (!utf8_ok(bytes_str(text)))
        (void)str_printable(cut, text, sizeof text);
    buf_printf(out, "%6u | %s\n       | %*s^\n", e->line, text, (int)e->column - 1, "");
}

void yaml_errors_format(const struct yaml_errors *errors, struct buf *out)
{
    for (size_t i = 0; i < errors->n; i++) {
        const struct yaml_error *e = &errors->v[i];

        buf_printf(out, "%s:%u:%u: %s\n", errors->file, e->line, e->column, e->message);
        show_source(e, line_at(errors->text, e->line), out);
        if (e->suggestion[0] != '\0')
            buf_printf(out, "       = did you mean \"%s\"?\n", e->suggestion);
        if (e->mend[0] != '\0')
            buf_printf(out, "       = %s\n", e->mend);
    }
    if (errors->more > 0)
        buf_printf(out, "%s: %zu more errors\n", errors->file, errors->more);
}

bool yaml_errors_err(const struct yaml_errors *errors, struct err *e)
{
    const struct yaml_error *first = &errors->v[0];

    if (errors->n == 0)
        return true;
    (void)err_set(e, ERR_INPUT, first->reason, "%s:%u:%u: %s", errors->file, first->line,
                  first->column, first->message);
    (void)err_field(e, "%s", first->field);
    if (first->suggestion[0] != '\0')
        return err_mend(e, "did you mean \"%s\"?", first->suggestion);
    return err_mend(e, "%s", first->mend);
}
