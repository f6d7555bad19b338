#include "attest/audit_entry.h"

#include <string.h>

#include "base/str.h"

#define FIRST_LINE "bailey-audit-entry-v1\n"

static const char *const names[AUDIT_FIELDS] = {
    [AUDIT_SEQUENCE] = "sequence",
    [AUDIT_TIME] = "time",
    [AUDIT_CLUSTER] = "cluster",
    [AUDIT_REVISION] = "revision",
    [AUDIT_POLICY_REVISION] = "policy-revision",
    [AUDIT_CONTROLLER_EPOCH] = "controller-epoch",
    [AUDIT_ACTOR] = "actor",
    [AUDIT_ACTION] = "action",
    [AUDIT_OBJECT] = "object",
    [AUDIT_BECAUSE] = "because",
    [AUDIT_REASON] = "reason",
    [AUDIT_EVIDENCE] = "evidence",
    [AUDIT_CONTENT] = "content",
    [AUDIT_KEEP] = "keep",
    [AUDIT_WORKLOAD] = "workload",
    [AUDIT_ARTIFACT] = "artifact",
    [AUDIT_NODE] = "node",
    [AUDIT_FACTS] = "facts",
    [AUDIT_POLICY] = "policy",
    [AUDIT_EPOCH] = "epoch",
};

const char *audit_field_name(enum audit_field f)
{
    return names[f];
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c != 0x7f && c != '\\';
}

/* Bytes of the character at p; 0: none that is well-formed UTF-8. */
static size_t character(const char *p)
{
    for (size_t n = 1; n <= 4 && p[n - 1] != '\0'; n++)
        if (utf8_ok((struct bytes){(const uint8_t *)p, n}))
            return n;
    return 0;
}

/* How many characters from p on, at most `most`, are plain ASCII: nearly all are. */
static size_t ascii(const char *p, size_t most)
{
    size_t n = 0;

    while (n < most && plain((unsigned char)p[n]) && (unsigned char)p[n] < 0x80)
        n++;
    return n;
}

static void put_value(struct buf *out, const char *v)
{
    size_t written = 0;

    while (*v != '\0' && written < AUDIT_VALUE_MAX) {
        size_t n = ascii(v, AUDIT_VALUE_MAX - written);

        if (n > 0) {
            buf_put(out, v, n);
            written += n;
            v += n;
            continue;
        }
        n = character(v);
        if (n != 0 && plain((unsigned char)*v)) {
            buf_put(out, v, n);
            written += n;
            v += n;
        } else {
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*v++);
            written += 4;
        }
    }
}

void audit_entry_format(const struct audit_entry *en, struct buf *out)
{
    buf_puts(out, FIRST_LINE);
    for (size_t i = 0; i < AUDIT_FIELDS; i++) {
        if (en->v[i] == NULL || en->v[i][0] == '\0')
            continue;
        buf_printf(out, "%s: ", names[i]);
        put_value(out, en->v[i]);
        buf_putc(out, '\n');
    }
}

static bool form(struct err *e, const char *field, const char *what)
{
    return err_set(e, ERR_INPUT, "audit.entry-form", "not an entry of an audit log: %s", what),
           err_field(e, "%s", field);
}

/* Undoes put_value(). NULL: no memory. */
static char *value(struct arena *a, struct bytes in)
{
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; out != NULL && i < in.n; i++) {
        uint8_t byte;
        size_t got;
        char hex[3] = {0};

        if (in.p[i] == '\\' && i + 3 < in.n && in.p[i + 1] == 'x') {
            memcpy(hex, in.p + i + 2, 2);
            if (hex_parse(hex, &byte, 1, &got, NULL) && byte != 0) {
                out[n++] = (char)byte;
                i += 3;
                continue;
            }
        }
        out[n++] = (char)in.p[i];
    }
    return out;
}

/* The line's field from `from` on; AUDIT_FIELDS: none. */
static size_t field_of(struct bytes line, size_t from, size_t *skip)
{
    for (size_t i = from; i < AUDIT_FIELDS; i++) {
        size_t n = strlen(names[i]);

        *skip = n + 2;
        if (line.n >= n + 2 && memcmp(line.p, names[i], n) == 0 && memcmp(line.p + n, ": ", 2) == 0)
            return i;
    }
    return AUDIT_FIELDS;
}

bool audit_entry_parse(struct bytes text, struct arena *a, struct audit_entry *out, struct err *e)
{
    size_t at = sizeof FIRST_LINE - 1, next = 0;
    struct audit_entry got = {0};
    AUTO_BUF struct buf again = {0};

    if (text.n > AUDIT_ENTRY_MAX)
        return form(e, "", "it is too long");
    if (text.n < at || memcmp(text.p, FIRST_LINE, at) != 0)
        return form(e, "", "its first line is another");
    while (at < text.n) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        struct bytes line = {text.p + at, end == NULL ? 0 : (size_t)(end - text.p) - at};
        size_t skip = 0, f = end == NULL ? AUDIT_FIELDS : field_of(line, next, &skip);

        if (f == AUDIT_FIELDS)
            return form(e, next == 0 ? "" : names[next - 1],
                        "a line is not a field's, or out of "
                        "order");
        got.v[f] = value(a, (struct bytes){line.p + skip, line.n - skip});
        if (got.v[f] == NULL)
            return err_set(e, ERR_LIMIT, "audit.memory", "no memory for an entry");
        next = f + 1;
        at += line.n + 1;
    }
    audit_entry_format(&got, &again);
    if (!buf_ok(&again, e))
        return false;
    if (!bytes_equal(buf_bytes(&again), text))
        return form(e, "", "its text is not the one form there is");
    *out = got;
    return true;
}
