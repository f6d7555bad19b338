/* describe, delete, events: one object and what happened to it. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/files.h"
#include "cli/rows.h"
#include "config/print.h"

struct events {
    struct rows rows;
    bool titles, live;
};

static bool event_take(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__EventsResponse *r = (const Bailey__V1__EventsResponse *)m;
    Bailey__V1__Object o = BAILEY__V1__OBJECT__INIT;
    AUTO_BUF struct buf line = {0};
    struct events *v = user;

    if (r->event == NULL)
        return true;
    o.kind_case = BAILEY__V1__OBJECT__KIND_EVENT;
    o.event = r->event;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        print_json(m, &line, false);
        buf_putc(&line, '\n');
        output_put(&c->out, &line);
        return true;
    }
    rows_add(&v->rows, &o, "");
    if (!v->live)
        return true;
    rows_flush(&v->rows, c->out.colour, v->titles, &line);
    v->titles = false;
    output_put(&c->out, &line);
    return true;
}

static bool events_show(struct cli *c, const char *kind, const char *name, const char *namespace,
                        uint32_t limit)
{
    Bailey__V1__EventsRequest req = BAILEY__V1__EVENTS_REQUEST__INIT;
    struct events v = {.titles = !cli_given(c, OPT_NO_TITLES), .live = cli_given(c, OPT_FOLLOW)};
    AUTO_BUF struct buf rest = {0};
    int64_t timeout_ms = 0;
    bool ok;

    if (!cli_duration(c, OPT_TIMEOUT, &timeout_ms))
        return false;
    req.namespace_ = text(namespace);
    req.object_kind = text(kind);
    req.object_name = text(name);
    req.follow = v.live;
    req.limit = limit;
    rows_init(&v.rows, "Event", c->out.format == OUTPUT_WIDE, cli_given(c, OPT_ALL_NAMESPACES),
              false);
    for (unsigned i = 0; v.live && i < v.rows.table.n; i++)
        if (strcmp(v.rows.columns[i].title, "REASON") == 0 ||
            strcmp(v.rows.columns[i].title, "OBJECT") == 0)
            v.rows.table.width[i] = 24; /* rows come one by one: a width for most of them */
    ok = client_stream(c, "Events", &req.base, timeout_ms, event_take, &v);
    rows_flush(&v.rows, c->out.colour, v.titles, &rest);
    output_put(&c->out, &rest);
    rows_fini(&v.rows);
    return ok;
}

/* KIND/NAME to its halves; kind NULL: no such kind. */
static void split(const char *operand, char *word, size_t size, const char **kind,
                  const char **name)
{
    const char *slash = strchr(operand, '/');

    snprintf(word, size, "%.*s", (int)(slash == NULL ? 0 : slash - operand), operand);
    *kind = kind_of(word);
    *name = slash == NULL ? "" : slash + 1;
}

enum exit_code cmd_events(struct cli *c)
{
    const char *kind = "", *name = "";
    uint64_t limit = 0;
    char word[64];

    if (c->args.n_operands > 0)
        split(c->args.operand[0], word, sizeof word, &kind, &name);
    if (kind == NULL)
        return cli_usage(c, "want KIND/NAME, found \"%s\"", c->args.operand[0]);
    if (!cli_number(c, OPT_TAIL, 100000, &limit))
        return EXIT_USAGE;
    if (!client_open(c) ||
        !events_show(c, kind, name, cli_value(c, OPT_NAMESPACE, ""), (uint32_t)limit))
        return exit_code_of(&c->err);
    return EXIT_OK;
}

static const char *namespace_for(struct cli *c, const char *kind)
{
    return kind_namespaced(kind) ? cli_value(c, OPT_NAMESPACE, "default") : "";
}

static enum exit_code describe(struct cli *c, const char *kind, const char *name)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    const Bailey__V1__GetResponse *got;
    AUTO_BUF struct buf body = {0};
    ProtobufCMessage *reply;

    if (!client_open(c))
        return exit_code_of(&c->err);
    req.kind = text(kind);
    req.namespace_ = text(namespace_for(c, kind));
    req.name = text(name);
    if (!client_call(c, "Get", &req.base, &reply))
        return exit_code_of(&c->err);
    got = (const Bailey__V1__GetResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        output_message(&c->out, &got->object->base, 0);
        return EXIT_OK;
    }
    print_yaml(&got->object->base, &body);
    buf_puts(&body, "events:\n");
    output_put(&c->out, &body);
    if (!events_show(c, kind, name, req.namespace_, 20))
        return exit_code_of(&c->err);
    return EXIT_OK;
}

enum exit_code cmd_describe(struct cli *c)
{
    const char *kind = kind_of(c->args.operand[0]);

    if (kind == NULL)
        return cli_usage(c, "no such kind \"%s\"", c->args.operand[0]);
    return describe(c, kind, c->args.operand[1]);
}

enum exit_code cmd_node_describe(struct cli *c)
{
    return describe(c, "Node", c->args.operand[0]);
}

static bool delete_one(struct cli *c, const char *kind, const char *namespace, const char *name)
{
    Bailey__V1__DeleteRequest req = BAILEY__V1__DELETE_REQUEST__INIT;
    const Bailey__V1__DeleteResponse *r;
    const Bailey__V1__Metadata *m;
    ProtobufCMessage *reply;

    req.kind = text(kind);
    req.namespace_ = text(namespace);
    req.name = text(name);
    req.force = cli_given(c, OPT_FORCE);
    if (!client_call(c, "Delete", &req.base, &reply))
        return false;
    r = (const Bailey__V1__DeleteResponse *)reply;
    m = r->object == NULL ? NULL : object_metadata(r->object);
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML)
        output_message(&c->out, reply, 0);
    else if (c->out.format == OUTPUT_NAME)
        output_printf(&c->out, "%s/%s\n", kind_lower(kind), name);
    else
        output_printf(&c->out, "%s/%s %s\n", kind_lower(kind), name,
                      strcmp(kind, "Workload") == 0 && m != NULL && m->deleted_at[0] != '\0'
                          ? "is being deleted; its keeps stop first"
                          : "deleted");
    return true;
}

/* What a file names is deleted; the rest of what it says does not count. */
static bool delete_these(struct cli *c, const char *file, Bailey__V1__Object **objects, size_t n,
                         void *user)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        const Bailey__V1__Metadata *m = object_metadata(objects[i]);
        const char *kind = object_kind(objects[i]);
        const char *ns = m->namespace_[0] != '\0' ? m->namespace_ : namespace_for(c, kind);

        if (!delete_one(c, kind, ns, m->name))
            return err_wrap(&c->err, "%s", file);
    }
    return true;
}

static enum exit_code delete_files(struct cli *c)
{
    AUTO_ARENA struct arena a;

    arena_init(&a, (size_t)64 << 20);
    if (!client_open(c))
        return exit_code_of(&c->err);
    for (size_t i = 0; i < c->args.n_files; i++)
        if (!files_each(c, c->args.files[i], &a, delete_these, NULL))
            return exit_code_of(&c->err);
    return EXIT_OK;
}

enum exit_code cmd_delete(struct cli *c)
{
    const char *kind;

    if (c->args.n_files > 0 && c->args.n_operands == 0)
        return delete_files(c);
    if (c->args.n_files > 0 || c->args.n_operands != 2)
        return cli_usage(c, "delete needs KIND NAME, or -f FILE");
    kind = kind_of(c->args.operand[0]);
    if (kind == NULL)
        return cli_usage(c, "no such kind \"%s\"", c->args.operand[0]);
    if (!client_open(c) || !delete_one(c, kind, namespace_for(c, kind), c->args.operand[1]))
        return exit_code_of(&c->err);
    return EXIT_OK;
}
