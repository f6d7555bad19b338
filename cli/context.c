#include "cli/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/str.h"

#define MEND_NONE                                                                                  \
    "give --context FILE or set BAILEY_CONTEXT_FILE; the controller writes DIR/admin/context.yaml"

static bool default_file(char *out, size_t size, struct err *e)
{
    const char *given = getenv("BAILEY_CONTEXT_FILE");
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int n;

    if (given != NULL && given[0] != '\0')
        n = snprintf(out, size, "%s", given);
    else if (config != NULL && config[0] != '\0')
        n = snprintf(out, size, "%s/bailey/contexts.yaml", config);
    else if (home != NULL && home[0] != '\0')
        n = snprintf(out, size, "%s/.config/bailey/contexts.yaml", home);
    else
        return err_set(e, ERR_INPUT, "context.none", "no context: HOME is not set"),
               err_mend(e, MEND_NONE);
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_LIMIT, "context.path", "path of the context file is too long");
    return true;
}

/* A path of the file as seen from here. */
static bool beside(const char *file, const char *path, char *out, struct err *e)
{
    const char *slash = strrchr(file, '/');
    int n;

    if (path[0] == '/' || slash == NULL)
        n = snprintf(out, CONTEXT_PATH, "%s", path);
    else
        n = snprintf(out, CONTEXT_PATH, "%.*s/%s", (int)(slash - file), file, path);
    if (n < 0 || n >= CONTEXT_PATH)
        return err_set(e, ERR_LIMIT, "context.path", "path is too long"), err_found(e, "%s", path);
    return true;
}

static bool set(struct context *c, const char *key, const char *value, struct err *e)
{
    if (strcmp(key, "server") == 0) {
        if (!str_copy(c->server, sizeof c->server, value))
            return err_set(e, ERR_LIMIT, "context.server", "server: text is too long");
        return true;
    }
    if (strcmp(key, "ca") == 0)
        return beside(c->file, value, c->ca, e);
    if (strcmp(key, "certificate") == 0)
        return beside(c->file, value, c->certificate, e);
    if (strcmp(key, "key") == 0)
        return beside(c->file, value, c->key, e);
    return err_set(e, ERR_INPUT, "context.unknown-field", "unknown field"), err_field(e, "%s", key),
           err_expected(e, "server, ca, certificate, key");
}

/* One flat mapping of texts; the next event's text, "" for other events. */
static bool next(yaml_parser_t *p, yaml_event_type_t *type, char *text, size_t size, struct err *e)
{
    yaml_event_t event;
    bool ok = true;

    if (yaml_parser_parse(p, &event) == 0)
        return err_set(e, ERR_INPUT, "context.yaml", "line %zu: %s", p->problem_mark.line + 1,
                       p->problem == NULL ? "not YAML" : p->problem);
    *type = event.type;
    text[0] = '\0';
    if (event.type == YAML_SCALAR_EVENT)
        ok = str_copy(text, size, (const char *)event.data.scalar.value);
    yaml_event_delete(&event);
    return ok || err_set(e, ERR_LIMIT, "context.yaml", "a text is too long");
}

static bool read_fields(yaml_parser_t *p, struct context *c, struct err *e)
{
    char key[64], value[CONTEXT_PATH];
    yaml_event_type_t type;

    do {
        if (!next(p, &type, value, sizeof value, e))
            return false;
    } while (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT);
    if (type != YAML_MAPPING_START_EVENT)
        return err_set(e, ERR_INPUT, "context.yaml", "not a mapping of texts");
    for (;;) {
        if (!next(p, &type, key, sizeof key, e))
            return false;
        if (type == YAML_MAPPING_END_EVENT)
            return true;
        if (type != YAML_SCALAR_EVENT || !next(p, &type, value, sizeof value, e) ||
            type != YAML_SCALAR_EVENT)
            return err_set(e, ERR_INPUT, "context.yaml", "not a mapping of texts");
        if (!set(c, key, value, e))
            return false;
    }
}

bool context_load(const char *file, struct context *out, struct err *e)
{
    struct context c = {0};
    yaml_parser_t parser;
    bool ok;
    FILE *f;

    if (file != NULL && !str_copy(c.file, sizeof c.file, file))
        return err_set(e, ERR_LIMIT, "context.path", "path of the context file is too long");
    if (file == NULL && !default_file(c.file, sizeof c.file, e))
        return false;
    f = fopen(c.file, "re");
    if (f == NULL)
        return err_errno(e, errno, "context.none", "context %s", c.file), err_mend(e, MEND_NONE);
    if (yaml_parser_initialize(&parser) == 0) {
        fclose(f);
        return err_set(e, ERR_NOMEM, "context.yaml", "no memory");
    }
    yaml_parser_set_input_file(&parser, f);
    ok = read_fields(&parser, &c, e);
    yaml_parser_delete(&parser);
    fclose(f);
    if (ok && (c.server[0] == '\0' || c.ca[0] == '\0'))
        ok = err_set(e, ERR_INPUT, "context.incomplete", "\"server\" and \"ca\" must be there");
    if (!ok)
        return err_wrap(e, "context %s", c.file);
    *out = c;
    return true;
}
