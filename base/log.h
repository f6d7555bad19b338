/* log.h - structured logging to standard error: text on a terminal, JSON lines otherwise.
 *
 * log_info("node attested", LOG_STR("node", name), LOG_INT("age_ms", age)) is one line with a time,
 * a level, a constant message and typed fields. Never log secrets, keys or evidence bytes. Thread
 * safe: one line is one write(2). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_JSON }; /* LOG_AUTO: text on a terminal */

struct log_field {
    const char *key;
    enum { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_ERR } kind;
    const char *str;
    int64_t num;
    const struct err *err;
};
#define LOG_STR(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_STR, .str = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .num = (int64_t)(v)})
#define LOG_ERR(e) ((struct log_field){.key = "error", .kind = LOG_FIELD_ERR, .err = (e)})

/* Call once before other threads start. component: "controller", "agent", ... (a literal). */
void log_init(const char *component, enum log_level level, enum log_format format);

/* "debug", "info", "warn" or "error"; false otherwise. */
NODISCARD bool log_level_parse(const char *s, enum log_level *out);

/* The fields are struct log_field values, the last one LOG_END: use the macros below, which add it.
 */
void log_line(enum log_level level, const char *msg, ...);

#define LOG_END ((struct log_field){.kind = LOG_FIELD_END})
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__, LOG_END)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__, LOG_END)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__, LOG_END)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__, LOG_END)

#endif
