#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define FIELDS_MAX 16

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
    const char *component;
    enum log_level level;
    enum log_format format;
} config = {"bailey", LOG_INFO, LOG_TEXT};

void log_init(const char *component, enum log_level level, enum log_format format)
{
    config.component = component;
    config.level = level;
    config.format = format == LOG_AUTO ? (isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON) : format;
}

bool log_level_parse(const char *s, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(level_names[i], s) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

static void time_now(char *out)
{
    int64_t ms = clock_system.wall_ms(&clock_system);
    size_t n;

    (void)time_format(ms / 1000, out);
    n = strlen(out) - 1; /* before the Z */
    out[n] = '.';
    out[n + 1] = (char)('0' + ms / 100 % 10);
    out[n + 2] = (char)('0' + ms / 10 % 10);
    out[n + 3] = (char)('0' + ms % 10);
    out[n + 4] = 'Z';
    out[n + 5] = '\0';
}

static void json_field(struct json *j, const struct log_field *f)
{
    json_key(j, f->key);
    if (f->kind == LOG_FIELD_INT)
        json_int(j, f->num);
    else if (f->kind == LOG_FIELD_STR)
        json_str(j, f->str != NULL ? f->str : "");
    else {
        json_str(j, f->err->msg);
        json_key(j, "reason");
        json_str(j, f->err->reason);
    }
}

static void json_text(struct buf *b, enum log_level level, const char *msg,
                      const struct log_field *f)
{
    struct json j = {.out = b};
    char when[TIME_TEXT];

    time_now(when);
    json_object(&j);
    json_key(&j, "time");
    json_str(&j, when);
    json_key(&j, "level");
    json_str(&j, level_names[level]);
    json_key(&j, "component");
    json_str(&j, config.component);
    json_key(&j, "msg");
    json_str(&j, msg);
    for (; f->kind != LOG_FIELD_END; f++)
        json_field(&j, f);
    json_object_end(&j);
}

static void plain_text(struct buf *b, enum log_level level, const char *msg,
                       const struct log_field *f)
{
    char when[TIME_TEXT], shown[1024];

    time_now(when);
    buf_printf(b, "%.12s %-5s %s: %s", when + 11, level_names[level], config.component, msg);
    for (; f->kind != LOG_FIELD_END; f++) {
        const char *s = f->kind == LOG_FIELD_ERR ? f->err->msg : f->str;

        if (f->kind == LOG_FIELD_INT)
            buf_printf(b, " %s=%" PRId64, f->key, f->num);
        else
            buf_printf(b, " %s=\"%s\"", f->key,
                       str_printable(bytes_str(s != NULL ? s : ""), shown, sizeof shown));
        if (f->kind == LOG_FIELD_ERR)
            buf_printf(b, " reason=%s", f->err->reason);
    }
}

static void line_text(struct buf *b, enum log_level level, const char *msg,
                      const struct log_field *f)
{
    if (config.format == LOG_JSON)
        json_text(b, level, msg, f);
    else
        plain_text(b, level, msg, f);
    buf_putc(b, '\n');
}

void log_line(enum log_level level, const char *msg, ...)
{
    AUTO_BUF struct buf b = {.limit = 16384};
    struct log_field fields[FIELDS_MAX + 1];
    va_list ap;
    size_t n = 0;

    if (level < config.level)
        return;
    va_start(ap, msg);
    do
        fields[n] = va_arg(ap, struct log_field);
    while (fields[n].kind != LOG_FIELD_END && n++ < FIELDS_MAX);
    va_end(ap);
    fields[n < FIELDS_MAX ? n : FIELDS_MAX] = LOG_END;
    line_text(&b, level, msg, fields);
    if (!buf_ok(&b, NULL)) { /* half a record would be none, and would swallow the next one */
        buf_clear(&b);
        fields[0] = LOG_STR("cut", "the fields are too long for a line");
        fields[1] = LOG_END;
        line_text(&b, level, msg, fields);
    }
    if (b.p != NULL && write(STDERR_FILENO, b.p, b.n) < 0)
        return; /* nowhere is left to say so */
}
