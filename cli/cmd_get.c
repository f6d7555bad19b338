/* get: lists, single objects, and watching them. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/client.h"
#include "cli/rows.h"
#include "cli/selector_flags.h"
#include "config/print.h"

#define LABELS 16

struct listing {
    struct cli *cli;
    const char *kind;
    struct rows rows;
    unsigned shown; /* objects so far */
    bool titled;    /* the titles were written */
    bool synced;    /* watch: all existing ones came */
};

struct where {
    Bailey__V1__Selector *selector; /* NULL: any node */
    bool maybe;
};

struct labels {
    Bailey__V1__ListRequest__LabelsEntry entry[LABELS], *list[LABELS];
    Bailey__V1__WatchRequest__LabelsEntry watch_entry[LABELS], *watch_list[LABELS];
    size_t n;
    char text[1024];
};

/* "a=b,c=d" */
static bool labels_parse(struct cli *c, struct labels *l)
{
    const char *given = cli_value(c, OPT_SELECTOR, "");
    char *rest = l->text, *pair;

    if (strlen(given) >= sizeof l->text)
        return cli_usage(c, "--selector: text is too long"), false;
    (void)str_copy(l->text, sizeof l->text, given);
    while ((pair = strsep(&rest, ",")) != NULL && given[0] != '\0') {
        char *value = strchr(pair, '=');

        if (value == NULL || value == pair || l->n == LABELS)
            return cli_usage(c, "--selector: want KEY=VALUE[,KEY=VALUE...], found \"%s\"", pair),
                   false;
        *value++ = '\0';
        bailey__v1__list_request__labels_entry__init(&l->entry[l->n]);
        bailey__v1__watch_request__labels_entry__init(&l->watch_entry[l->n]);
        l->entry[l->n].key = l->watch_entry[l->n].key = pair;
        l->entry[l->n].value = l->watch_entry[l->n].value = value;
        l->list[l->n] = &l->entry[l->n];
        l->watch_list[l->n] = &l->watch_entry[l->n];
        l->n++;
    }
    return true;
}

static void show(struct listing *l, const Bailey__V1__Object *o, const char *change)
{
    const Bailey__V1__Metadata *m = object_metadata(o);
    struct output *out = &l->cli->out;

    switch (out->format) {
    case OUTPUT_JSON:
    case OUTPUT_YAML:
        output_message(out, &o->base, l->shown);
        break;
    case OUTPUT_NAME:
        output_printf(out, "%s/%s\n", kind_lower(l->kind), m == NULL ? "" : m->name);
        break;
    case OUTPUT_TABLE:
    case OUTPUT_WIDE:
    default:
        rows_add(&l->rows, o, change);
        break;
    }
    l->shown++;
}

static void flush(struct listing *l)
{
    AUTO_BUF struct buf text = {0};
    bool titles = !l->titled && !cli_given(l->cli, OPT_NO_TITLES);

    if (l->rows.table.rows == 0)
        return;
    rows_flush(&l->rows, l->cli->out.colour, titles, &text);
    l->titled = true;
    output_put(&l->cli->out, &text);
}

/* Nodes have none; events of all unless one is named, for nodes have events too. */
static const char *namespace_of(const struct listing *l)
{
    if (!kind_namespaced(l->kind))
        return "";
    if (strcmp(l->kind, "Event") == 0)
        return cli_value(l->cli, OPT_NAMESPACE, "");
    return cli_namespace(l->cli);
}

/* All pages; JSON is one value, so the items go between the brackets of a list. */
static bool list_all(struct listing *l, const struct labels *labels, const struct where *where)
{
    Bailey__V1__ListRequest req = BAILEY__V1__LIST_REQUEST__INIT;
    struct cli *c = l->cli;
    bool json = c->out.format == OUTPUT_JSON;
    ProtobufCMessage *reply;
    unsigned unsure = 0;

    req.kind = text(l->kind);
    req.namespace_ = text(namespace_of(l));
    req.workload = text(cli_value(c, OPT_WORKLOAD, ""));
    req.node = text(cli_value(c, OPT_NODE, ""));
    req.include_ended = cli_given(c, OPT_ALL);
    req.labels = (Bailey__V1__ListRequest__LabelsEntry **)(uintptr_t)labels->list;
    req.n_labels = labels->n;
    req.where = where->selector;
    req.maybe = where->maybe;
    do {
        const Bailey__V1__ListResponse *page;

        if (!client_call(c, "List", &req.base, &reply))
            return false;
        page = (const Bailey__V1__ListResponse *)reply;
        if (json && l->shown == 0)
            output_printf(&c->out,
                          "{\n\"apiVersion\": \"bailey/v1\",\n\"kind\": \"List\",\n\"items\": [\n");
        for (size_t i = 0; i < page->n_objects; i++) {
            if (json && l->shown > 0)
                output_printf(&c->out, ",\n");
            show(l, page->objects[i], "");
        }
        req.page_token = page->next_page_token;
        unsure += page->unsure;
    } while (req.page_token[0] != '\0');
    if (json)
        output_printf(&c->out, "]\n}\n");
    flush(l);
    if (l->shown == 0 && !json)
        output_say(&c->out, "no %s", kind_plural(l->kind));
    if (unsure > 0)
        output_say(&c->out, "%u more may be meant, too: their evidence does not say (--maybe)",
                   unsure);
    return true;
}

static bool take_change(struct cli *c, const ProtobufCMessage *m, void *user)
{
    static const char *const words[] = {"", "", "added", "modified", "removed"};
    const Bailey__V1__WatchResponse *w = (const Bailey__V1__WatchResponse *)m;
    struct listing *l = user;
    AUTO_BUF struct buf line = {0};

    if (w->type == BAILEY__V1__WATCH_RESPONSE__TYPE__synced || w->object == NULL) {
        l->synced = true;
        flush(l);
        return true;
    }
    if (c->out.format == OUTPUT_JSON) {
        print_json(m, &line, false);
        buf_putc(&line, '\n');
        output_put(&c->out, &line);
        return true;
    }
    show(l, w->object, (size_t)w->type < 5 ? words[w->type] : "");
    if (l->synced)
        flush(l);
    return true;
}

static bool watch(struct listing *l, const struct labels *labels, const struct where *where,
                  const char *name)
{
    Bailey__V1__WatchRequest req = BAILEY__V1__WATCH_REQUEST__INIT;
    struct cli *c = l->cli;
    int64_t timeout_ms = 0;

    if (!cli_duration(c, OPT_TIMEOUT, &timeout_ms))
        return false;
    req.kind = text(l->kind);
    req.namespace_ = text(namespace_of(l));
    req.workload = text(cli_value(c, OPT_WORKLOAD, ""));
    req.node = text(cli_value(c, OPT_NODE, ""));
    req.name = text(name);
    req.where = where->selector;
    req.maybe = where->maybe;
    req.include_ended = cli_given(c, OPT_ALL);
    req.labels = (Bailey__V1__WatchRequest__LabelsEntry **)(uintptr_t)labels->watch_list;
    req.n_labels = labels->n;
    return client_stream(c, "Watch", &req.base, timeout_ms, take_change, l);
}

static bool get_one(struct listing *l, const char *name)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    ProtobufCMessage *reply;

    req.kind = text(l->kind);
    if (kind_namespaced(l->kind))
        req.namespace_ = text(cli_value(l->cli, OPT_NAMESPACE, "default"));
    req.name = text(name);
    if (!client_call(l->cli, "Get", &req.base, &reply))
        return false;
    show(l, ((const Bailey__V1__GetResponse *)reply)->object, "");
    flush(l);
    return true;
}

enum exit_code cmd_get(struct cli *c)
{
    struct listing l = {.cli = c, .kind = kind_of(c->args.operand[0])};
    const char *name = c->args.n_operands > 1 ? c->args.operand[1] : "";
    bool namespaces = cli_given(c, OPT_ALL_NAMESPACES);
    struct where where = {.maybe = cli_given(c, OPT_MAYBE)};
    struct labels labels = {0};
    AUTO_ARENA struct arena a = {0};
    bool ok;

    if (l.kind == NULL)
        return cli_usage(
            c,
            "no such kind \"%s\"; there are workloads, nodes, keeps, events, policies, "
            "advisories, exceptions",
            c->args.operand[0]);
    if (!labels_parse(c, &labels))
        return EXIT_USAGE;
    arena_init(&a, 1 << 20);
    if (!selector_flags(c, &a, &where.selector))
        return EXIT_USAGE;
    if (where.selector != NULL && (strcmp(l.kind, "Node") != 0 || name[0] != '\0'))
        return cli_usage(c, "only a list of nodes can be narrowed to platforms");
    if (!client_open(c))
        return exit_code_of(&c->err);
    rows_init(&l.rows, l.kind, c->out.format == OUTPUT_WIDE, namespaces, cli_given(c, OPT_WATCH));
    if (cli_given(c, OPT_WATCH))
        ok = watch(&l, &labels, &where, name);
    else if (name[0] != '\0')
        ok = get_one(&l, name);
    else
        ok = list_all(&l, &labels, &where);
    rows_fini(&l.rows);
    return ok ? EXIT_OK : exit_code_of(&c->err);
}
