/* apply: files to objects, programs to the content store, and what became of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/applying.h"
#include "cli/files.h"
#include "cli/rows.h"

#define FILES_MEMORY ((size_t)256 << 20)

static Bailey__V1__Metadata *metadata_of(Bailey__V1__Object *o)
{
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD)
        return o->workload->metadata;
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_EXCEPTION)
        return o->exception->metadata;
    return NULL;
}

static bool collect(struct cli *c, const char *file, Bailey__V1__Object **objects, size_t n,
                    void *user)
{
    const char *namespace = cli_value(c, OPT_NAMESPACE, NULL);
    struct applying *a = user;

    for (size_t i = 0; i < n; i++) {
        Bailey__V1__Metadata *m = metadata_of(objects[i]);

        if (a->n == OBJECTS_MAX)
            return err_set(&c->err, ERR_LIMIT, "apply.too-many", "more than %d objects at once",
                           OBJECTS_MAX);
        if (namespace != NULL && m != NULL && m->namespace_[0] == '\0')
            m->namespace_ = text(namespace);
        else if (namespace != NULL && m != NULL && strcmp(m->namespace_, namespace) != 0)
            return err_set(&c->err, ERR_INPUT, "apply.namespace",
                           "%s: %s stands in another namespace", file, m->name),
                   err_found(&c->err, "%s", m->namespace_),
                   err_expected(&c->err, "%s, as --namespace says", namespace);
        a->file[a->n] = arena_strdup(&a->arena, file);
        a->objects[a->n++] = objects[i];
    }
    return true;
}

/* The program's path as seen from here: it is relative to its YAML file. */
static bool artifact_path(const char *file, const char *path, char *out, size_t size, struct err *e)
{
    const char *slash = strrchr(file, '/');
    int n;

    if (path[0] == '/' || slash == NULL)
        n = snprintf(out, size, "%s", path);
    else
        n = snprintf(out, size, "%.*s/%s", (int)(slash - file), file, path);
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_LIMIT, "artifact.path", "path is too long");
    return true;
}

static bool put_artifact(struct cli *c, struct applying *a, Bailey__V1__Artifact *artifact,
                         const char *path, bool upload)
{
    char digest[DIGEST_TEXT];
    uint64_t size = 0;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return err_errno(&c->err, errno, "artifact.open", "%s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        ok = err_set(&c->err, ERR_INPUT, "artifact.not-a-file", "%s is not a file", path);
    else
        ok = file_digest(fd, digest, &size, &c->err);
    if (ok && upload)
        ok = client_upload(c, fd, digest, size, path);
    close(fd);
    if (!ok)
        return err_field(&c->err, "spec.artifact.path");
    if (artifact->name[0] == '\0') {
        const char *slash = strrchr(path, '/');

        artifact->name = arena_strdup(&a->arena, slash == NULL ? path : slash + 1);
    }
    artifact->digest = arena_strdup(&a->arena, digest);
    artifact->path = text("");
    return artifact->name != NULL && artifact->digest != NULL;
}

static bool put_named(struct cli *c, struct applying *a, size_t i, Bailey__V1__Artifact *artifact,
                      bool upload)
{
    char path[4096];

    if (artifact == NULL || artifact->path[0] == '\0')
        return true;
    return (artifact_path(a->file[i], artifact->path, path, sizeof path, &c->err) &&
            put_artifact(c, a, artifact, path, upload)) ||
           err_wrap(&c->err, "%s", a->file[i]);
}

static bool put_artifacts(struct cli *c, struct applying *a, bool upload)
{
    for (size_t i = 0; i < a->n; i++) {
        Bailey__V1__Object *o = a->objects[i];
        Bailey__V1__WorkloadSpec *spec;

        if (o->kind_case != BAILEY__V1__OBJECT__KIND_WORKLOAD || o->workload->spec == NULL)
            continue;
        spec = o->workload->spec;
        if (!put_named(c, a, i, spec->artifact, upload) ||
            (spec->runtime != NULL && !put_named(c, a, i, spec->runtime->initrd, upload)))
            return false;
    }
    return true;
}

bool applying_read(struct cli *c, struct applying *a, bool upload)
{
    for (size_t i = 0; i < c->args.n_files; i++)
        if (!files_each(c, c->args.files[i], &a->arena, collect, a))
            return false;
    return client_open(c) && put_artifacts(c, a, upload);
}

/* Where its keeps are, or could go, class by class. */
static void show_places(struct cli *c, const Bailey__V1__Explanation *p)
{
    AUTO_BUF struct buf out = {0};

    for (size_t i = 0; i < p->n_classes; i++) {
        const Bailey__V1__ClassExplanation *k = p->classes[i];
        uint32_t keeps = 0, eligible = 0;

        for (size_t j = 0; j < k->n_nodes; j++) {
            keeps += k->nodes[j]->keeps;
            eligible += k->nodes[j]->eligible ? 1 : 0;
        }
        buf_printf(&out, "  %-48s %s, %u node%s", k->facts[0] == '\0' ? "nothing proven" : k->facts,
                   k->admitted ? "admitted" : "refused", k->node_count,
                   k->node_count == 1 ? "" : "s");
        if (k->admitted)
            buf_printf(&out, ", %u with room, %u keep%s there", eligible, keeps,
                       keeps == 1 ? "" : "s");
        for (size_t j = 0; !k->admitted && j < k->n_rules; j++)
            if (k->rules[j]->decides)
                buf_printf(&out, " by %s", k->rules[j]->rule);
        buf_putc(&out, '\n');
    }
    output_put(&c->out, &out);
}

static void show_result(struct cli *c, const Bailey__V1__ApplyResult *r, unsigned i)
{
    const Bailey__V1__Explanation *p = r->placement;
    const Bailey__V1__Metadata *m = r->object == NULL ? NULL : object_metadata(r->object);
    const char *kind = r->object == NULL ? "Workload" : object_kind(r->object);
    AUTO_BUF struct buf line = {0};

    if (c->out.format == OUTPUT_NAME) {
        output_printf(&c->out, "%s/%s\n", kind_lower(kind), m == NULL ? "" : m->name);
        return;
    }
    if (c->out.format == OUTPUT_YAML || c->out.format == OUTPUT_JSON) {
        output_message(&c->out, &r->base, i);
        return;
    }
    buf_printf(&line, "%s/%s %s%s", kind_lower(kind), m == NULL ? "" : m->name, r->outcome,
               cli_given(c, OPT_DRY_RUN) ? " (dry run)" : "");
    if (p != NULL)
        buf_printf(&line, ": %u of %u have a place", p->placed, p->wanted);
    buf_putc(&line, '\n');
    output_put(&c->out, &line);
    if (p != NULL && p->pending > 0 && p->summary[0] != '\0')
        output_say(&c->out, "  %s", p->summary);
    if (p != NULL && cli_given(c, OPT_DRY_RUN))
        show_places(c, p);
    for (size_t j = 0; j < r->n_effects; j++)
        output_say(&c->out, "  %s", r->effects[j]);
}

static enum exit_code apply(struct cli *c, struct applying *a)
{
    Bailey__V1__ApplyRequest req = BAILEY__V1__APPLY_REQUEST__INIT;
    const Bailey__V1__ApplyResponse *done;
    ProtobufCMessage *reply;
    uint64_t revision = 0;
    bool waiting = false;

    if (!cli_number(c, OPT_EXPECT_REVISION, INT64_MAX, &revision))
        return EXIT_USAGE;
    if (!applying_read(c, a, !cli_given(c, OPT_DRY_RUN)))
        return exit_code_of(&c->err);
    if (cli_given(c, OPT_EXPECT_REVISION) && a->n != 1)
        return cli_usage(c, "--expect-revision is for one object; the files have %zu", a->n);
    req.expected_revisions = &revision;
    req.n_expected_revisions = cli_given(c, OPT_EXPECT_REVISION) ? 1 : 0;
    req.objects = a->objects;
    req.n_objects = a->n;
    req.dry_run = cli_given(c, OPT_DRY_RUN);
    req.expect_digest = text(cli_value(c, OPT_EXPECT, "")); /* of a revocation among them */
    req.override_guard = text(cli_value(c, OPT_OVERRIDE_GUARD, ""));
    if (!client_call(c, "Apply", &req.base, &reply))
        return exit_code_of(&c->err);
    done = (const Bailey__V1__ApplyResponse *)reply;
    for (size_t i = 0; i < done->n_results; i++) {
        show_result(c, done->results[i], (unsigned)i);
        waiting |= done->results[i]->placement != NULL && done->results[i]->placement->pending > 0;
    }
    return waiting ? EXIT_REFUSED : EXIT_OK;
}

enum exit_code cmd_apply(struct cli *c)
{
    static struct applying a;
    enum exit_code code;

    if (c->args.n_files == 0)
        return cli_usage(c, "apply needs -f FILE");
    arena_init(&a.arena, FILES_MEMORY);
    code = apply(c, &a);
    arena_fini(&a.arena);
    return code;
}
