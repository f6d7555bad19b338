#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/map.h"
#include "base/rand.h"
#include "base/str.h"
#include "config/yaml_int.h"

struct parse { /* one run of libyaml */
    struct yaml_reader *r;
    yaml_parser_t parser;
    size_t events;
    bool gave_up; /* an error after which the rest cannot be read */
};

const char *yaml_shape_name(enum yaml_shape shape)
{
    static const char *const names[] = {"a single value", "a list", "a map"};

    return names[shape];
}

const char *yaml_shown(const struct yaml_node *node, char *out, size_t size)
{
    if (node->shape != YAML_SCALAR)
        (void)snprintf(out, size, "%s", yaml_shape_name(node->shape));
    else
        (void)str_printable((struct bytes){(const uint8_t *)node->text, node->length}, out, size);
    return out;
}

const struct yaml_node *yaml_member(const struct yaml_node *map, const char *key)
{
    if (map->shape == YAML_MAP)
        for (const struct yaml_node *m = map->first; m != NULL; m = m->next)
            if (strcmp(m->key->text, key) == 0)
                return m;
    return NULL;
}

static struct yaml_error *error_add(struct yaml_reader *r, unsigned line, unsigned column)
{
    struct yaml_errors *all = r->errors;
    struct yaml_error *e;

    if (all->n == YAML_ERRORS_MAX) {
        all->more++;
        return NULL;
    }
    e = &all->v[all->n++];
    *e = (struct yaml_error){.line = line, .column = column};
    (void)str_copy(e->field, sizeof e->field, r->path);
    return e;
}

bool yaml_fail(struct yaml_reader *r, const struct yaml_node *at, const char *reason,
               const char *fmt, ...)
{
    struct yaml_error *e = error_add(r, at->line, at->column);
    va_list ap;

    if (e == NULL)
        return false;
    (void)str_copy(e->reason, sizeof e->reason, reason);
    va_start(ap, fmt);
    (void)vsnprintf(e->message, sizeof e->message, fmt, ap);
    va_end(ap);
    return false;
}

bool yaml_fail_err(struct yaml_reader *r, const struct yaml_node *at, const struct err *e)
{
    (void)yaml_fail(r, at, e->reason, "%s", e->msg);
    if (e->mend[0] != '\0')
        yaml_mend(r, "%s", e->mend);
    else if (e->expected[0] != '\0' && strstr(e->msg, e->expected) == NULL)
        yaml_mend(r, "want %s", e->expected);
    return false;
}

void yaml_mend(struct yaml_reader *r, const char *fmt, ...)
{
    struct yaml_errors *all = r->errors;
    va_list ap;

    if (all->more > 0)
        return; /* the last error is not kept */
    va_start(ap, fmt);
    (void)vsnprintf(all->v[all->n - 1].mend, sizeof all->v->mend, fmt, ap);
    va_end(ap);
}

void yaml_suggest(struct yaml_reader *r, const char *word)
{
    struct yaml_errors *all = r->errors;

    if (word != NULL && all->more == 0)
        (void)str_copy(all->v[all->n - 1].suggestion, sizeof all->v->suggestion, word);
}

static struct yaml_node place_of(yaml_mark_t mark)
{
    return (struct yaml_node){.line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1};
}

static bool give_up(struct parse *p, const struct yaml_node *at, const char *reason,
                    const char *message)
{
    p->gave_up = true;
    return yaml_fail(p->r, at, reason, "%s", message);
}

/* What libyaml says, in one line; it knows two places and the second is the nearer one. */
static bool syntax_error(struct parse *p)
{
    const yaml_parser_t *y = &p->parser;
    struct yaml_node at = place_of(y->problem_mark);

    p->gave_up = true;
    if (y->error == YAML_MEMORY_ERROR)
        return yaml_fail(p->r, &at, "yaml.too-large", "out of memory");
    if (y->error == YAML_READER_ERROR)
        return yaml_fail(p->r, &at, "yaml.text", "a character that may not stand in YAML text");
    return yaml_fail(p->r, &at, "yaml.syntax", "%s%s%s",
                     y->problem == NULL ? "not valid YAML" : y->problem,
                     y->context == NULL ? "" : " ", y->context == NULL ? "" : y->context);
}

/* The next event, to be deleted by the caller; false when there can be no more. */
static bool next(struct parse *p, yaml_event_t *ev)
{
    if (p->gave_up)
        return false;
    if (!yaml_parser_parse(&p->parser, ev))
        return syntax_error(p);
    if (++p->events > YAML_EVENTS_MAX) {
        struct yaml_node at = place_of(ev->start_mark);

        yaml_event_delete(ev);
        return give_up(p, &at, "yaml.too-large", "too many values in one text");
    }
    return true;
}

static void refuse_extras(struct parse *p, const struct yaml_node *at, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor != NULL) {
        (void)yaml_fail(p->r, at, "yaml.anchor", "anchors (&) are not accepted");
        yaml_mend(p->r, "write the value out where it is needed");
    }
    if (tag != NULL) {
        (void)yaml_fail(p->r, at, "yaml.tag", "tags (!) are not accepted");
        yaml_mend(p->r, "leave the tag out: the type of a value follows from its field");
    }
}

/* The scalar's text into the node. Escapes can write what the text itself may not hold. */
static void take_scalar(struct parse *p, const yaml_event_t *ev, struct yaml_node *node)
{
    struct bytes text = {ev->data.scalar.value, ev->data.scalar.length};

    node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!utf8_ok(text)) {
        (void)yaml_fail(p->r, node, "yaml.text", "the character U+0000 is not accepted");
        text.n = 0;
    }
    node->text = arena_strndup(p->r->arena, (const char *)text.p, text.n);
    node->length = text.n;
    if (node->text == NULL)
        (void)give_up(p, node, "yaml.too-large", "the text needs too much memory");
}

static void append(struct yaml_node *to, struct yaml_node *node)
{
    if (to->last == NULL)
        to->first = node;
    else
        to->last->next = node;
    to->last = node;
    to->n++;
}

static struct yaml_node *take_node(struct parse *p, const yaml_event_t *ev, unsigned depth);

static void take_list(struct parse *p, struct yaml_node *list, unsigned depth)
{
    yaml_event_t ev;

    while (next(p, &ev)) {
        bool end = ev.type == YAML_SEQUENCE_END_EVENT;
        struct yaml_node *item = end ? NULL : take_node(p, &ev, depth + 1);

        yaml_event_delete(&ev);
        if (end)
            return;
        if (item != NULL)
            append(list, item);
    }
}

/* False when the key is no scalar, or stands there already; its value is read over then. */
static bool key_fine(struct parse *p, struct yaml_node *key, struct map *seen)
{
    const struct yaml_node *before;

    if (key->shape != YAML_SCALAR)
        return yaml_fail(p->r, key, "yaml.key", "a key must be a single word, not %s",
                         yaml_shape_name(key->shape));
    if (strcmp(key->text, "<<") == 0 && key->plain) {
        (void)yaml_fail(p->r, key, "yaml.merge", "merge keys (<<) are not accepted");
        yaml_mend(p->r, "write the fields out where they are needed");
        return false;
    }
    before = map_get(seen, bytes_str(key->text));
    if (before != NULL) {
        char shown[64];

        return yaml_fail(p->r, key, "yaml.duplicate-key",
                         "\"%s\" stands here twice, first on line %u",
                         yaml_shown(key, shown, sizeof shown), before->line);
    }
    if (!map_put(seen, bytes_str(key->text), key))
        return give_up(p, key, "yaml.too-large", "the text needs too much memory");
    return true;
}

static void take_map(struct parse *p, struct yaml_node *map, unsigned depth)
{
    struct map seen;
    uint64_t seed[2];
    yaml_event_t ev;
    bool end = false;

    rand_bytes(seed, sizeof seed);
    map_init(&seen, seed);
    while (!end && next(p, &ev)) {
        struct yaml_node *key, *value = NULL;

        end = ev.type == YAML_MAPPING_END_EVENT;
        key = end ? NULL : take_node(p, &ev, depth + 1);
        yaml_event_delete(&ev);
        if (end || !next(p, &ev))
            continue;
        value = take_node(p, &ev, depth + 1);
        yaml_event_delete(&ev);
        if (key == NULL || !key_fine(p, key, &seen) || value == NULL)
            continue;
        value->key = key;
        append(map, value);
    }
    map_fini(&seen);
}

/* The node that begins with this event; NULL for one that was refused. */
static struct yaml_node *take_node(struct parse *p, const yaml_event_t *ev, unsigned depth)
{
    struct yaml_node *node = arena_alloc(p->r->arena, sizeof *node);
    struct yaml_node at = place_of(ev->start_mark);

    if (node == NULL)
        return give_up(p, &at, "yaml.too-large", "the text needs too much memory"), NULL;
    *node = at;
    if (depth > YAML_DEPTH_MAX)
        return give_up(p, &at, "yaml.too-deep", "nested too deep: at most 32 levels"), NULL;
    switch ((int)ev->type) {
    case YAML_SCALAR_EVENT:
        refuse_extras(p, node, ev->data.scalar.anchor, ev->data.scalar.tag);
        take_scalar(p, ev, node);
        return p->gave_up ? NULL : node;
    case YAML_SEQUENCE_START_EVENT:
        node->shape = YAML_LIST;
        refuse_extras(p, node, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
        take_list(p, node, depth);
        return p->gave_up ? NULL : node;
    case YAML_MAPPING_START_EVENT:
        node->shape = YAML_MAP;
        refuse_extras(p, node, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
        take_map(p, node, depth);
        return p->gave_up ? NULL : node;
    case YAML_ALIAS_EVENT:
        (void)yaml_fail(p->r, node, "yaml.alias", "aliases (*) are not accepted");
        yaml_mend(p->r, "write the value out where it is needed");
        return NULL;
    default:
        return give_up(p, node, "yaml.syntax", "not valid YAML"), NULL;
    }
}

/* True for a document that holds nothing, as after a last "---". */
static bool empty(const struct yaml_node *node)
{
    return node->shape == YAML_SCALAR && node->plain && node->length == 0;
}

static void take_documents(struct parse *p, struct yaml_node *documents)
{
    yaml_event_t ev;
    bool end = false;

    while (!end && next(p, &ev)) {
        struct yaml_node *node = NULL, at = place_of(ev.start_mark);

        end = ev.type == YAML_STREAM_END_EVENT;
        if (ev.type == YAML_DOCUMENT_START_EVENT) {
            if (ev.data.document_start.tag_directives.start !=
                ev.data.document_start.tag_directives.end)
                (void)yaml_fail(p->r, &at, "yaml.tag", "tag directives are not accepted");
        } else if (ev.type != YAML_STREAM_START_EVENT && ev.type != YAML_DOCUMENT_END_EVENT &&
                   !end) {
            node = take_node(p, &ev, 1);
        }
        yaml_event_delete(&ev);
        if (node == NULL || empty(node))
            continue;
        if (documents->n == YAML_DOCUMENTS_MAX)
            (void)give_up(p, node, "yaml.too-large", "more than 1000 documents in one text");
        else
            append(documents, node);
    }
}

/* Line and column of the first byte that is not UTF-8 text or is NUL. */
static struct yaml_node bad_byte(struct bytes text)
{
    struct yaml_node at = {.line = 1, .column = 1};
    size_t line_start = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\n' && i + 1 < text.n)
            continue;
        if (!utf8_ok((struct bytes){text.p + line_start, i + 1 - line_start}))
            break;
        line_start = i + 1;
        at.line++;
    }
    for (size_t i = line_start, n; i < text.n; i += n, at.column++) {
        for (n = 1; n <= 4 && i + n <= text.n && !utf8_ok((struct bytes){text.p + i, n}); n++)
            ;
        if (n > 4 || i + n > text.n)
            break;
    }
    return at;
}

bool yaml_read(struct yaml_reader *r, struct bytes text, struct yaml_node *documents)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf}; /* UTF-8 byte order mark */
    struct parse p = {.r = r};
    struct yaml_node at = {.line = 1, .column = 1};

    *documents = (struct yaml_node){.shape = YAML_LIST, .line = 1, .column = 1};
    if (text.n > YAML_TEXT_MAX) {
        (void)yaml_fail(r, &at, "yaml.too-large", "the text has %zu bytes, want at most %d", text.n,
                        YAML_TEXT_MAX);
        yaml_mend(r, "split it into several files");
        return false;
    }
    if (text.n >= 2 &&
        ((text.p[0] == 0xff && text.p[1] == 0xfe) || (text.p[0] == 0xfe && text.p[1] == 0xff))) {
        (void)yaml_fail(r, &at, "yaml.text", "the text is UTF-16, want UTF-8");
        return false;
    }
    if (text.n >= sizeof mark && memcmp(text.p, mark, sizeof mark) == 0)
        text = (struct bytes){text.p + sizeof mark, text.n - sizeof mark};
    if (!utf8_ok(text)) {
        at = bad_byte(text);
        return yaml_fail(r, &at, "yaml.text", "a byte that is NUL or not UTF-8");
    }
    if (!yaml_parser_initialize(&p.parser))
        return yaml_fail(r, &at, "yaml.too-large", "out of memory");
    yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.parser, text.p, text.n);
    take_documents(&p, documents);
    yaml_parser_delete(&p.parser);
    return !p.gave_up;
}
