#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/print.h"

static bool wants_colour(const char *when, int fd)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org */
    const char *term = getenv("TERM");

    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return isatty(fd) != 0 && (term == NULL || strcmp(term, "dumb") != 0);
}

bool output_init(struct output *o, const char *format, const char *colour, struct err *e)
{
    static const char *const formats[] = {"table", "wide", "json", "yaml", "name"};
    const char *when = colour == NULL ? "auto" : colour;
    struct output out = {0};

    if (strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        return err_set(e, ERR_INPUT, "usage.value", "--color: no such choice"),
               err_found(e, "%s", when), err_expected(e, "auto, always or never");
    if (format != NULL) {
        size_t i = 0;

        while (i < 5 && strcmp(formats[i], format) != 0)
            i++;
        if (i == 5)
            return err_set(e, ERR_INPUT, "usage.value", "--output: no such format"),
                   err_found(e, "%s", format), err_expected(e, "table, wide, json, yaml or name");
        out.format = (enum output_format)i;
    }
    out.colour = wants_colour(when, STDOUT_FILENO);
    out.talk_colour = wants_colour(when, STDERR_FILENO);
    out.progress = isatty(STDERR_FILENO) != 0;
    *o = out;
    return true;
}

static void put(struct output *o, const void *p, size_t n)
{
    if (fwrite(p, 1, n, stdout) != n || fflush(stdout) != 0)
        o->failed = true;
}

void output_put(struct output *o, struct buf *text)
{
    output_progress_end(o);
    put(o, buf_str(text), buf_bytes(text).n);
}

void output_printf(struct output *o, const char *fmt, ...)
{
    va_list args;

    output_progress_end(o);
    va_start(args, fmt);
    if (vprintf(fmt, args) < 0 || fflush(stdout) != 0)
        o->failed = true;
    va_end(args);
}

void output_message(struct output *o, const ProtobufCMessage *m, unsigned documents)
{
    AUTO_BUF struct buf text = {0};

    if (o->format == OUTPUT_YAML) {
        if (documents > 0)
            buf_puts(&text, "---\n");
        print_yaml(m, &text);
    } else {
        print_json(m, &text, true);
        buf_putc(&text, '\n');
    }
    output_put(o, &text);
}

void output_say(struct output *o, const char *fmt, ...)
{
    va_list args;

    output_progress_end(o);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

static void err_line(const char *label, const char *text)
{
    char clean[1024];

    if (text[0] != '\0')
        fprintf(stderr, "  %-9s %s\n", label, str_printable(bytes_str(text), clean, sizeof clean));
}

void output_err(struct output *o, const struct err *e)
{
    char clean[1024];

    output_progress_end(o);
    if (e->msg[0] == '\0')
        return;
    fprintf(stderr, "%sbailey: %s%s\n", o->talk_colour ? tone_begin(TONE_BAD) : "",
            str_printable(bytes_str(e->msg), clean, sizeof clean),
            o->talk_colour ? tone_end(TONE_BAD) : "");
    err_line("field:", e->field);
    err_line("found:", e->found);
    err_line("expected:", e->expected);
    err_line("mend:", e->mend);
    if (e->reason[0] != '\0' && strncmp(e->reason, "usage.", 6) != 0)
        err_line("reason:", e->reason);
}

void output_progress(struct output *o, const char *what, uint64_t done, uint64_t all)
{
    if (!o->progress)
        return;
    if (all == 0)
        fprintf(stderr, "\r\x1b[K%s", what);
    else
        fprintf(stderr, "\r\x1b[K%s %3u%% of %.1f MB", what, (unsigned)(done * 100 / all),
                (double)all / 1e6);
    fflush(stderr);
    o->drawn = true;
}

void output_progress_end(struct output *o)
{
    if (o->drawn)
        fputs("\r\x1b[K", stderr);
    o->drawn = false;
}

const char *age_format(int64_t seconds, char *out)
{
    long long s = seconds < 0 ? 0 : seconds;

    if (s < 120)
        snprintf(out, AGE_TEXT, "%llds", s);
    else if (s < 3 * 3600)
        snprintf(out, AGE_TEXT, "%lldm", s / 60);
    else if (s < 48 * 3600)
        snprintf(out, AGE_TEXT, "%lldh", s / 3600);
    else
        snprintf(out, AGE_TEXT, "%lldd", s / 86400);
    return out;
}

const char *age_since(const char *time, char *out)
{
    int64_t at;

    out[0] = '\0';
    if (time == NULL || !time_parse(time, &at, NULL))
        return out;
    return age_format(clock_system.wall_ms(&clock_system) / 1000 - at, out);
}
