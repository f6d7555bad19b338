/* diff: what apply would change, as a unified diff of YAML. */
#include <stdio.h>
#include <string.h>

#include "cli/applying.h"
#include "cli/rows.h"
#include "cli/text_diff.h"
#include "config/check.h"
#include "config/print.h"

#define FILES_MEMORY ((size_t)256 << 20)

/* The object as the cluster has it; *out NULL: it does not have it. */
static bool get_live(struct cli *c, const char *kind, const Bailey__V1__Metadata *m,
                     Bailey__V1__Object **out)
{
    Bailey__V1__GetRequest req = BAILEY__V1__GET_REQUEST__INIT;
    ProtobufCMessage *reply;

    *out = NULL;
    req.kind = text(kind);
    if (kind_namespaced(kind))
        req.namespace_ =
            m->namespace_[0] != '\0' ? m->namespace_ : text(cli_value(c, OPT_NAMESPACE, "default"));
    req.name = m->name;
    if (!client_call(c, "Get", &req.base, &reply)) {
        if (c->err.code != ERR_MISSING)
            return false;
        c->err = (struct err){0};
        return true;
    }
    *out = ((Bailey__V1__GetResponse *)reply)->object;
    return true;
}

/* As it would stand in a file: without what only the system sets. */
static void plain(Bailey__V1__Object *o, struct buf *out)
{
    Bailey__V1__Metadata *m;

    object_strip(o);
    m = (Bailey__V1__Metadata *)(uintptr_t)object_metadata(o);
    if (kind_namespaced(object_kind(o)) && m->namespace_[0] == '\0')
        m->namespace_ = text("default");
    print_yaml(&o->base, out);
}

static bool diff_one(struct cli *c, Bailey__V1__Object *o, bool *differ)
{
    AUTO_BUF struct buf was = {0}, is = {0}, out = {0};
    const Bailey__V1__Metadata *m = object_metadata(o);
    const char *kind = object_kind(o);
    Bailey__V1__Object *live;
    char live_name[160], new_name[160];

    if (m == NULL)
        return err_set(&c->err, ERR_INPUT, "diff.no-name", "an object has no name");
    if (!get_live(c, kind, m, &live))
        return false;
    snprintf(live_name, sizeof live_name, "%s/%s (cluster)", kind_lower(kind), m->name);
    snprintf(new_name, sizeof new_name, "%s/%s (file)", kind_lower(kind), m->name);
    if (live != NULL)
        plain(live, &was);
    plain(o, &is);
    *differ |= text_diff(live_name, buf_str(&was), new_name, buf_str(&is), c->out.colour, &out);
    output_put(&c->out, &out);
    return true;
}

enum exit_code cmd_diff(struct cli *c)
{
    static struct applying a;
    bool ok, differ = false;

    if (c->args.n_files == 0)
        return cli_usage(c, "diff needs -f FILE");
    arena_init(&a.arena, FILES_MEMORY);
    ok = applying_read(c, &a, false);
    for (size_t i = 0; ok && i < a.n; i++)
        ok = diff_one(c, a.objects[i], &differ);
    arena_fini(&a.arena);
    if (!ok) { /* 1 means that something differs: a failure is never that */
        enum exit_code code = exit_code_of(&c->err);

        return code == EXIT_ERROR ? EXIT_USAGE : code;
    }
    return differ ? EXIT_ERROR : EXIT_OK;
}
